"""Candidates for a page: its own image with other seeds, and the sheet to choose from."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mkdocs_comfy.commands.sheet import Candidate, Choice, Sheet
from mkdocs_comfy.errors import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mkdocs_comfy.commands.planning import PlannedSite
    from mkdocs_comfy.pipeline import Plan, PlannedHero, Production

_SEEDS = 2**64


def candidates_of(planned: PlannedSite, pages: Iterable[str], count: int) -> Plan:
    """Return a plan for ``count`` images of each page: with its own seed, and those that follow.

    The same candidates each time, so that what is in the cache is not rendered again. What the
    page pins does not count.

    Raises:
        UsageError: A page asks for no hero, or its template takes no seed.
    """
    heroes: dict[str, PlannedHero] = {}
    for page in dict.fromkeys(planned.page(each) for each in pages):
        made = list(_candidates(planned, page, count))
        if len({hero.key for hero in made}) < len(made):
            raise click.UsageError(
                f"the template of {printable(page)}, {made[0].bound.template}, takes no seed:"
                " all candidates would be the same image"
            )
        heroes |= {f"{page} {hero.bound.seed}": hero for hero in made}
    return replace(planned.plan, heroes=heroes)


def sheet_page(
    planned: PlannedSite, plan: Plan, production: Production, config_file: Path | None
) -> Sheet:
    """Return what the contact sheet shows.

    Args:
        planned: The site.
        plan: The candidates.
        production: What became of them.
        config_file: What stands behind ``-f`` in the commands, where the site was named.
    """
    choices: dict[str, list[Candidate]] = {}
    heroes: dict[str, PlannedHero] = {}
    option = "" if config_file is None else f" -f {shlex.quote(str(config_file))}"
    for hero in plan.heroes.values():
        page, seed = hero.spec.page, hero.bound.seed
        image = production.images.get(hero.key)
        error = production.failures.get(hero.key)
        command = f"mkdocs-comfy keep{option} -- {shlex.quote(page)} {seed}"
        heroes.setdefault(page, hero)
        choices.setdefault(page, []).append(
            Candidate(
                seed=seed,
                current=hero.key == planned.plan.heroes[page].key,
                command=command if page.startswith("-") else command.replace(" -- ", " ", 1),
                image=None if image is None else Path(image.path).read_bytes(),
                width=0 if image is None else image.width,
                height=0 if image is None else image.height,
                error="" if error is None else error.what,
            )
        )
    return Sheet(
        site=planned.site.config.site_name,
        choices=tuple(
            Choice(page=page, prompt=heroes[page].bound.prompt, candidates=tuple(found))
            for page, found in choices.items()
        ),
    )


def _candidates(planned: PlannedSite, page: str, count: int) -> Iterator[PlannedHero]:
    source = planned.sources[page]
    first = planned.plan.heroes[page].bound.seed
    meta = {key: value for key, value in source.meta.items() if key != "hero_pin"}
    for number in range(count):
        with_seed = replace(source, meta={**meta, "hero_seed": (first + number) % _SEEDS})
        yield from planned.pipeline.plan([with_seed]).heroes.values()
