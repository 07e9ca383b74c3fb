"""``check``: what is wrong with the committed heroes of a site, and which command mends it.

Needs no server and renders nothing. Findings are values; the door prints them.
"""

from __future__ import annotations

import os
import shlex
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeAlias

from mkdocs_comfy.errors import BadImageError, printable
from mkdocs_comfy.images.sidecar import UnsoundError, stem_of
from mkdocs_comfy.pipeline.delivery import inspect
from mkdocs_comfy.pipeline.survey import former_of, survey

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from mkdocs_comfy.images.cache import HeroCache
    from mkdocs_comfy.pipeline.fixes import Commands
    from mkdocs_comfy.pipeline.lookup import Lookup
    from mkdocs_comfy.pipeline.plan import Plan, PlannedHero
    from mkdocs_comfy.pipeline.survey import HeroState

Kind: TypeAlias = Literal["missing", "stale", "orphaned", "corrupt", "lfs_pointer", "no_alt"]
Severity: TypeAlias = Literal["error", "note"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong, and its way out.

    Attributes:
        kind: ``missing``: a page's image is nowhere, or in the cache only; ``stale``: the page
            shows its former image; ``orphaned``: no page uses a frozen image; ``corrupt``: a file
            of the frozen directory is not what it should be; ``lfs_pointer``: Git LFS has it;
            ``no_alt``: a page does not say ``hero_alt``.
        severity: ``error``, or ``note`` for what keeps nobody from deploying.
        page: The page that it concerns, relative to docs_dir; ``None`` where none does.
        line: Line of the front-matter key in question, counted from 1; ``None`` without a page.
        key: Key of the image, or ``None`` where a file does not tell.
        file: The file in question, relative to mkdocs.yml with ``/``; ``None`` where there is none.
        message: A sentence for the author.
        fix: A command that mends it, as it stands, in a shell.
    """

    kind: Kind
    severity: Severity
    page: str | None
    line: int | None
    key: str | None
    file: str | None
    message: str
    fix: str

    def document(self) -> dict[str, str | int | None]:
        """Return the finding as ``check --json`` prints it."""
        return {name: getattr(self, name) for name in self.__slots__}


class Checker:
    """Checks the heroes of one plan.

    Args:
        lookup: A fresh look at what there is.
        cache: The private cache.
        frozen_dir: The frozen directory.
        root: Folder of mkdocs.yml, from which files are named.
        max_pixels: Width times height that is allowed.
        commands: The commands that mend things.
        shared: Whether there is a shared cache. It is not asked; a build does that.
    """

    def __init__(
        self,
        lookup: Lookup,
        *,
        cache: HeroCache,
        frozen_dir: Path,
        root: Path,
        max_pixels: int,
        commands: Commands,
        shared: bool = False,
    ) -> None:
        self._lookup = lookup
        self._folder = lookup.frozen
        self._cache = cache
        self._directory = frozen_dir
        self._root = root
        self._max_pixels = max_pixels
        self._commands = commands
        self._shared = shared

    def check(self, plan: Plan, *, quick: bool, require_alt: bool) -> tuple[Finding, ...]:
        """Return what is wrong: pages in their order, then files by name.

        Args:
            plan: A plan without errors.
            quick: Compare the digests of files and decode nothing.
            require_alt: A missing ``hero_alt`` is an error, not a note.
        """
        faults = self._inspect(quick=quick)
        states = survey(plan, self._lookup, self._cache, shared=self._shared)
        users: dict[str, PlannedHero] = {}
        for hero in plan.heroes.values():
            users.setdefault(stem_of(hero.real_key), hero)
        found: list[Finding] = []
        for page, hero in plan.heroes.items():
            if stem_of(hero.real_key) not in faults:
                found.extend(self._of_page(hero, states[page]))
            if not hero.spec.alt and not hero.spec.says_alt:
                found.append(self._no_alt(hero, require_alt=require_alt))
        found.extend(self._of_fault(each, faults[each], users.get(each)) for each in sorted(faults))
        found.extend(self._orphans(plan, users, faults))
        found.extend(self._stray(fault) for fault in self._folder.strays())
        return tuple(found)

    def _inspect(self, *, quick: bool) -> Mapping[str, UnsoundError]:
        """Look at every file of the frozen directory, by threads: name of a key → what is wrong."""
        stems = self._folder.stems()
        with ThreadPoolExecutor(thread_name_prefix="comfy-check") as pool:
            faults = pool.map(partial(self._fault, quick=quick), stems)
            return {stem: fault for stem, fault in zip(stems, faults, strict=True) if fault}

    def _fault(self, stem: str, *, quick: bool) -> UnsoundError | None:
        image = self._folder.image(stem)
        if image is None:
            faults = self._folder.faults.copy().values()
            return next(each for each in faults if each.file.startswith(f"{stem}."))
        if image.sidecar.made is None:
            return UnsoundError(f"{stem}.json", "does not say how its image was made")
        try:
            data = self._folder.data(image)
            if not quick:
                self._folder.verify(image, inspect(data, max_pixels=self._max_pixels))
        except UnsoundError as error:
            return error
        except BadImageError as error:
            return UnsoundError(f"{stem}.webp", f"cannot be used: {error.what}")
        return None

    def _of_page(self, hero: PlannedHero, state: HeroState) -> Iterator[Finding]:
        """What is wrong with the image that a page asks for, its frozen files apart."""
        in_cache = self._cache.original(hero.real_key) is not None
        if self._folder.find(hero.real_key) or (in_cache and not self._folder.exists):
            return
        page = printable(hero.spec.page)
        if state.state == "unknown" and not self._folder.exists:
            yield self._unknown(hero)
            return
        key, _ = former_of(hero, self._lookup, self._cache)
        if key is not None:
            yield self._about(
                hero,
                "stale",
                f"{page} shows its former image: {self._reason(state, in_cache=in_cache)};"
                f" to keep it, mkdocs-comfy keep {shlex.quote(page)} --current",
                self._commands.freeze if in_cache else self._commands.render(hero.spec.page),
            )
        elif in_cache:
            message = f"the image of {page} is in the cache of this machine only"
            yield self._about(hero, "missing", message, self._commands.freeze)
        elif hero.renderable:
            message = f"the image of {page} was never rendered, or its cache is gone"
            fix = self._commands.render(hero.spec.page)
            yield self._about(hero, "missing", message, fix)
        else:
            stem = stem_of(hero.real_key)
            files = [self._named(f"{stem}.webp"), self._named(f"{stem}.json")]
            yield self._about(
                hero,
                "missing",
                f"the image that {page} pins is neither frozen nor in the cache",
                self._commands.bring_back(files),
            )

    def _unknown(self, hero: PlannedHero) -> Finding:
        """A note: a build finds it in the shared cache, or tells."""
        page = printable(hero.spec.page)
        message = f"the image of {page} is not here; a build asks the shared cache, check does not"
        fix = self._commands.fetch(hero.spec.page)
        return replace(self._about(hero, "missing", message, fix), severity="note")

    def _reason(self, state: HeroState, *, in_cache: bool) -> str:
        return "the new one is not frozen" if in_cache or state.why is None else str(state.why)

    def _no_alt(self, hero: PlannedHero, *, require_alt: bool) -> Finding:
        page = printable(hero.spec.page)
        return Finding(
            kind="no_alt",
            severity="error" if require_alt else "note",
            page=hero.spec.page,
            line=hero.line(),
            key=hero.real_key,
            file=None,
            message=f"{page} has no hero_alt: say what its image shows,"
            " or leave it empty if the image is decoration",
            fix=self._commands.say_alt(hero.spec.page),
        )

    def _of_fault(self, stem: str, fault: UnsoundError, hero: PlannedHero | None) -> Finding:
        """A file that cannot be used."""
        if fault.fault == "lfs_pointer":
            fix = "git lfs pull"
        elif fault.fault == "newer":
            fix = "pip install --upgrade mkdocs-comfy"
        elif hero is None:
            fix = self._commands.prune
        elif self._cache.original(hero.real_key) or self._folder.settled(hero.real_key):
            fix = self._commands.freeze
        elif hero.renderable:
            fix = self._commands.render_anew(hero.spec.page)
        else:
            fix = f"git checkout -- {shlex.quote(self._named(fault.file))}"
        kind: Kind = "lfs_pointer" if fault.fault == "lfs_pointer" else "corrupt"
        message = f"{self._named(fault.file)} {fault.problem}"
        if hero is not None:
            return self._about(hero, kind, message, fix, file=fault.file)
        image = self._folder.image(stem)
        return self._of_file(kind, fault.file, message, fix, image.key if image else None)

    def _orphans(
        self, plan: Plan, users: Mapping[str, PlannedHero], faults: Mapping[str, UnsoundError]
    ) -> Iterator[Finding]:
        """Frozen images that no page uses, not even as its former one."""
        formers = {
            former.key
            for hero in plan.heroes.values()
            if self._folder.find(hero.real_key) is None
            and (former := self._lookup.former_frozen(hero))
        }
        for stem in self._folder.stems():
            image = self._folder.image(stem)
            if image is None or stem in faults or stem in users or image.key in formers:
                continue
            file = f"{stem}.webp"
            message = f"no page uses {self._named(file)}"
            yield self._of_file("orphaned", file, message, self._commands.prune, image.key)

    def _stray(self, fault: UnsoundError) -> Finding:
        message = f"{self._named(fault.file)} {fault.problem}"
        return self._of_file("corrupt", fault.file, message, self._commands.prune, None)

    def _about(
        self, hero: PlannedHero, kind: Kind, message: str, fix: str, *, file: str | None = None
    ) -> Finding:
        return Finding(
            kind=kind,
            severity="error",
            page=hero.spec.page,
            line=hero.line("hero_pin" if hero.pinned else "hero_prompt"),
            key=hero.real_key,
            file=None if file is None else self._named(file),
            message=message,
            fix=fix,
        )

    def _of_file(self, kind: Kind, file: str, message: str, fix: str, key: str | None) -> Finding:
        return Finding(
            kind=kind,
            severity="error",
            page=None,
            line=None,
            key=key,
            file=self._named(file),
            message=message,
            fix=fix,
        )

    def _named(self, file: str) -> str:
        """A file of the frozen directory as it is called from the folder of mkdocs.yml."""
        path = self._directory / file
        return os.path.relpath(path, self._root).replace(os.sep, "/")
