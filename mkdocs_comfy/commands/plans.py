"""``mkdocs-comfy plan``: what there is of each hero, and why there is none."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from mkdocs_comfy.commands.options import config_option, json_option
from mkdocs_comfy.commands.output import FINE, table, tell
from mkdocs_comfy.commands.planning import planned_site
from mkdocs_comfy.errors import printable
from mkdocs_comfy.pages.front_matter import KeyLines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from mkdocs_comfy.pipeline import PageSource, Plan, PlannedHero
    from mkdocs_comfy.pipeline.survey import HeroState

STATES = ("pinned", "frozen", "cached", "unknown", "missing", "off")
"""What there may be of a hero, in the order in which they are counted."""


@click.command()
@config_option
@json_option
def plan(*, config_file: Path | None, as_json: bool) -> int:
    """Tell for each page that asks for a hero whether its image is at hand, and why it is not.

    Nothing is rendered and no connection is opened.
    """
    with planned_site(config_file) as planned:
        planned.refuse_errors()
        planned.tell_findings()
        with closing(planned.upkeep) as upkeep:
            states = upkeep.survey(planned.plan)
        entries = hero_entries(planned.plan, states)
        entries += [off_entry(planned.sources[page]) for page in planned.off]
        order = {page: number for number, page in enumerate(planned.sources)}
        entries.sort(key=lambda entry: order[entry["page"]])
    tell(plan_document(entries), plan_lines(entries), as_json=as_json)
    return FINE


def hero_entries(plan: Plan, states: Mapping[str, HeroState]) -> list[dict[str, Any]]:
    """Return what documents say of each hero of a plan."""
    return [hero_entry(hero, states[name]) for name, hero in plan.heroes.items()]


def hero_entry(hero: PlannedHero, state: HeroState) -> dict[str, Any]:
    """Return what documents say of one hero."""
    bound = hero.bound
    return {
        "page": hero.spec.page,
        "line": hero.line(),
        "state": state.state,
        "key": state.key,
        "template": bound.template,
        "seed": bound.seed,
        "prompt": bound.prompt,
        "size": None if bound.size is None else "{}x{}".format(*bound.size),
        "image": state.image,
        "why": None if state.why is None else str(state.why),
    }


def off_entry(source: PageSource) -> dict[str, Any]:
    """Return what documents say of a page that has a prompt and ``hero: false``."""
    rest = ("key", "template", "seed", "prompt", "size", "image", "why")
    line = KeyLines(source.source()).line("hero") or 1
    return {"page": source.path, "line": line, "state": "off", **dict.fromkeys(rest)}


def plan_document(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the document of ``plan``, and what that of ``render`` begins with."""
    return {"pages": entries, "counts": counts_of(entries)}


def counts_of(entries: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Return how many pages there are in each state."""
    found = Counter(each["state"] for each in entries)
    return {state: found[state] for state in STATES}


def plan_lines(entries: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Return one line for each page, and a last one that counts."""
    yield from table(
        (each["state"], f"{printable(each['page'])}:{each['line']}", printable(each["why"] or ""))
        for each in entries
    )
    counts = {state: count for state, count in counts_of(entries).items() if count}
    listed = ", ".join(f"{count} {state}" for state, count in counts.items())
    pages = "1 page asks" if len(entries) == 1 else f"{len(entries)} pages ask"
    yield f"{pages} for a hero{': ' if listed else ''}{listed}"
