"""What there is of a plan, without rendering anything: the state of each hero, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from mkdocs_comfy.errors import brief
from mkdocs_comfy.images.shared import shareable
from mkdocs_comfy.workflows.differing import Difference, differences

if TYPE_CHECKING:
    from mkdocs_comfy.images.cache import HeroCache
    from mkdocs_comfy.images.making import Making
    from mkdocs_comfy.pipeline.lookup import Lookup
    from mkdocs_comfy.pipeline.plan import Plan, PlannedHero
    from mkdocs_comfy.workflows.key import CacheKey

State: TypeAlias = Literal["pinned", "frozen", "cached", "unknown", "missing"]
"""``pinned``: the page names the image itself, and it is at hand; ``frozen`` and ``cached``: where
it is; ``unknown``: not here, and nobody asked the shared cache; ``missing``: nowhere."""

Reason: TypeAlias = Literal["never_rendered", "prompt_changed", "template_changed", "pin_not_found"]

_PAGES_OWN = frozenset({"prompt", "negative", "seed", "size", "style"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """Why a page has no image of its own.

    Attributes:
        kind: ``never_rendered``: it never had one, as far as is known; ``prompt_changed``: its
            prompt, negative, seed, size or style is another; ``template_changed``: something else
            in its workflow is, possibly these too; ``pin_not_found``: the image that it pins is
            nowhere.
        differences: What differs from the workflow of its former image; empty where the records
            do not tell.
    """

    kind: Reason
    differences: tuple[Difference, ...] = ()

    def __str__(self) -> str:
        words = self.kind.replace("_", " ")
        named = [each.what for each in self.differences]
        # A derived seed follows the prompt, and is no news beside it.
        goes_without_saying = {"prompt", "seed"} if "prompt" in named else set()
        told = [each for each in self.differences if each.what not in goes_without_saying]
        if self.kind == "prompt_changed" and "prompt" not in named:
            words = f"{' and '.join(named)} changed"
        elif self.kind == "template_changed" and "prompt" in named:
            words = "prompt and template changed"
        return f"{words}: {'; '.join(map(_told, told))}" if told else words


@dataclass(frozen=True, slots=True, kw_only=True)
class HeroState:
    """What there is of the hero of one page.

    Attributes:
        page: Path of the page.
        state: See ``State``.
        key: Key of the image.
        image: The file that holds it, absolute; ``None`` where it is not here.
        former: Key of the page's former image where its own is not here and that one is at hand:
            the hero is stale then.
        why: Why it is not here, else ``None``.
    """

    page: str
    state: State
    key: CacheKey
    image: str | None
    former: CacheKey | None = None
    why: Why | None = None


def survey(plan: Plan, lookup: Lookup, cache: HeroCache, *, shared: bool) -> dict[str, HeroState]:
    """Return the state of each hero of a plan. Decodes nothing, writes nothing, opens no socket.

    Args:
        plan: The heroes.
        lookup: A fresh look at what there is.
        cache: The private cache.
        shared: Whether there is a shared cache that may have what is not here.
    """
    return {
        page: _state(page, hero, lookup, cache, shared=shared) for page, hero in plan.heroes.items()
    }


def _state(
    page: str, hero: PlannedHero, lookup: Lookup, cache: HeroCache, *, shared: bool
) -> HeroState:
    if frozen := lookup.frozen.find(hero.real_key):
        state: State = "pinned" if hero.pinned else "frozen"
        return HeroState(page=page, state=state, key=hero.key, image=frozen.path)
    if original := cache.original(hero.key):
        state = "pinned" if hero.pinned else "cached"
        return HeroState(page=page, state=state, key=hero.key, image=original.path)
    key, made = former_of(hero, lookup, cache)
    return HeroState(
        page=page,
        state="unknown" if shared and shareable(hero.key) else "missing",
        key=hero.key,
        image=None,
        former=key,
        why=_why(hero, key, made),
    )


def former_of(
    hero: PlannedHero, lookup: Lookup, cache: HeroCache
) -> tuple[CacheKey | None, Making | None]:
    """Return the key of a page's former image, and how it was made, as far as is known."""
    if frozen := lookup.former_frozen(hero):
        return frozen.key, frozen.sidecar.made
    if key := lookup.former_cached(hero):
        return key, cache.made(key)
    return None, None


def _why(hero: PlannedHero, key: CacheKey | None, made: Making | None) -> Why:
    if not hero.renderable:
        return Why(kind="pin_not_found")
    if key is None or made is None:
        return Why(kind="never_rendered" if key is None else "template_changed")
    found = differences(made.bound(key), hero.bound) if made.workflow else _by_record(made, hero)
    if made.style != hero.style:
        found += (Difference(what="style", before=made.style, after=hero.style),)
    theirs = all(each.what in _PAGES_OWN for each in found)
    return Why(kind="prompt_changed" if found and theirs else "template_changed", differences=found)


def _by_record(made: Making, hero: PlannedHero) -> tuple[Difference, ...]:
    """What can be told of an image whose workflow was not recorded."""
    pairs = {
        "prompt": (made.prompt, hero.bound.prompt),
        "negative": (made.negative, hero.bound.negative),
        "size": (made.size, hero.bound.size),
    }
    return tuple(
        Difference(what=what, before=before, after=after)
        for what, (before, after) in pairs.items()
        if before != after
    )


def _told(difference: Difference) -> str:
    return f"{difference.what} {_value(difference.before)} → {_value(difference.after)}"


def _value(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case () | ("",):
            return "none"
        case [str(), *_]:
            return ", ".join(map(brief, value))
        case [int(width), int(height)]:
            return f"{width}x{height}"
        case _:
            return brief(value)
