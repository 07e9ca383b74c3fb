"""What one page asks for: front matter in, :class:`HeroSpec` or errors out."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from mkdocs_comfy.errors import FrontMatterError, UnknownKeyError
from mkdocs_comfy.pages import values
from mkdocs_comfy.pages.front_matter import INHERITED, KeyLines
from mkdocs_comfy.pages.keys import KEYS, LATER_KEYS, near_miss
from mkdocs_comfy.pages.values import MAX_PIXELS, PLACES, Place, Scalar, UnusableError, parse_size
from mkdocs_comfy.text import normalise_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = [
    "MAX_PIXELS",
    "NOTHING",
    "PLACES",
    "HeroSpec",
    "Place",
    "Reading",
    "Scalar",
    "derived_seed",
    "parse_size",
    "read_spec",
]

T = TypeVar("T")

_FIELD = re.compile(r"\{(title|description)\}")
_OURS = frozenset(KEYS)
_LATER = frozenset(LATER_KEYS)
_SEED_BYTES = 4
_SEED_MASK = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class HeroSpec:
    """What one page asks of the image model, as far as the page itself says.

    Attributes:
        page: Path of the page relative to docs_dir, with ``/``.
        prompt: What to render, after ``{title}`` and ``{description}`` (NFC, LF, no outer white
            space); never blank, at most 10,000 characters.
        seed: Noise seed, 0 <= seed < 2**64, or ``None``.
        negative: What to keep out; ``""`` keeps nothing out; ``None``: the page does not say.
        template: Name of a workflow template, without ``.json``, or ``None``.
        styles: Names of styles, each once, the later ones winning; empty: none at all; ``None``:
            the page does not say.
        size: Width and height in pixels, multiples of 8 from 64 to 16384, or ``None``.
        params: Template parameters by name; finite.
        image_from: Path of the source image, relative to the page or, with ``/`` in front, to
            docs_dir; or ``None``.
        alt: Text for readers who do not see the image; ``""``: decorative.
        says_alt: True where the page says so itself, be it ``""``.
        place: Where on the page the image goes, or ``None``.
        pin: Key of the image to show whatever else the page says, or ``None``.
    """

    page: str
    prompt: str
    seed: int | None
    negative: str | None
    template: str | None
    styles: tuple[str, ...] | None
    size: tuple[int, int] | None
    params: Mapping[str, Scalar]
    image_from: str | None
    alt: str
    says_alt: bool
    place: Place | None
    pin: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What came of reading one page's front matter.

    Attributes:
        spec: What the page asks for; ``None`` where it asks for nothing or has errors.
        errors: All that is wrong with the page's keys, in the order of their lines.
        off: True where the page has a prompt, its own or an inherited one, and ``hero: false``.
    """

    spec: HeroSpec | None = None
    errors: tuple[FrontMatterError, ...] = ()
    off: bool = False


NOTHING: Final = Reading()
"""The reading of a page that asks for nothing."""


def read_spec(
    meta: Mapping[str, object],
    *,
    page: str,
    title: Callable[[], str],
    source: Callable[[], str],
    max_pixels: int = MAX_PIXELS,
) -> Reading:
    """Read what a page asks for; every wrong key is an error in the result, none is raised.

    A page without ``hero_prompt`` asks for nothing, whatever else its front matter holds. Keys
    without a value count as absent, except ``hero_prompt`` itself.

    Args:
        meta: The page's metadata as MkDocs parses it, inherited keys included.
        page: Path of the page relative to docs_dir, with ``/``.
        title: Gives the page's title; called where the prompt holds ``{title}``.
        source: Gives the page's file as text; called where there are errors, for their lines.
        max_pixels: Most pixels that ``hero_size`` may ask for.
    """
    if "hero_prompt" not in meta:
        return NOTHING
    if meta.get("hero") is False:
        return Reading(off=True)
    reader = _Reader(meta)
    reader.refuse_other_keys()
    spec = HeroSpec(
        page=page,
        prompt=reader.prompt(title),
        seed=reader.take("hero_seed", values.seed),
        negative=reader.take("hero_negative", values.negative),
        template=reader.take("hero_template", values.template),
        styles=reader.take("hero_style", values.styles),
        size=reader.take("hero_size", lambda value: values.size(value, max_pixels=max_pixels)),
        params=reader.take("hero_params", values.params) or {},
        image_from=reader.take("hero_image_from", values.image_from),
        alt=reader.take("hero_alt", values.alt) or "",
        says_alt=meta.get("hero_alt") is not None,
        place=reader.take("hero_place", values.place),
        pin=reader.take("hero_pin", values.pin),
    )
    if reader.problems:
        return Reading(errors=_errors(reader.problems, page=page, lines=KeyLines(source())))
    return Reading(spec=spec)


def derived_seed(prompt: str) -> int:
    """Return the seed of a page that names none: 0 <= seed < 2**31, which every node accepts.

    The same prompt has the same seed for ever. White space around the prompt, its line ends and
    its Unicode normal form do not matter.
    """
    digest = hashlib.sha256(normalise_text(prompt).encode()).digest()
    return int.from_bytes(digest[:_SEED_BYTES], "big") & _SEED_MASK


@dataclass(frozen=True, slots=True, kw_only=True)
class _Problem:
    """A key that we cannot use; its line is looked up once the page's source is read.

    ``expected`` is ``None`` for an unknown key; ``within`` is the key whose line counts.
    """

    key: str
    within: str
    got: object = None
    expected: str | None = None
    way_out: str = ""
    name: str | None = None
    suggestion: str | None = None


class _Reader:
    """Takes values out of one page's metadata and notes what is wrong with them."""

    def __init__(self, meta: Mapping[str, object]) -> None:
        self._meta = meta
        self.problems: list[_Problem] = []

    def take(self, key: str, parse: Callable[[object], T]) -> T | None:
        """Return the parsed value of ``key``; ``None`` where it is absent or unusable."""
        value = self._meta.get(key)
        if value is None:
            return None
        try:
            return parse(value)
        except UnusableError as error:
            self._note(key, value, error)
            return None

    def prompt(self, title: Callable[[], str]) -> str:
        """Return the prompt with its fields filled; ``""`` where it is unusable."""
        value = self._meta["hero_prompt"]
        try:
            prompt = values.prompt(value)
        except UnusableError as error:
            self._note("hero_prompt", value, error)
            return ""
        fields = {found[1] for found in _FIELD.finditer(prompt)} if "{" in prompt else None
        if not fields:
            return prompt
        content = {}
        if "title" in fields:
            content["title"] = self._field("title", title())
        if "description" in fields:
            content["description"] = self._field("description", self._meta.get("description"))
        filled = _FIELD.sub(lambda found: content[found[1]], prompt)
        try:
            return values.prompt(filled)
        except UnusableError as error:
            self._note("hero_prompt", filled, error)
            return ""

    def refuse_other_keys(self) -> None:
        """Note the keys of later versions and those that are almost ours."""
        for key, value in self._meta.items():
            if not isinstance(key, str) or not key.startswith("hero") or key in _OURS:
                continue
            if key == "hero":
                self._refuse_hero(value)
            elif key in _LATER:
                if value is not None:
                    self.problems.append(_Problem(key=key, within=key))
            elif suggestion := near_miss(key):
                self.problems.append(_Problem(key=key, within=key, suggestion=suggestion))

    def _refuse_hero(self, value: object) -> None:
        match value:
            case None | dict():
                return
            case str() if value.strip().lower() not in (
                "",
                "true",
                "false",
                "on",
                "off",
                "yes",
                "no",
            ):
                self.problems.append(_Problem(key="hero", within="hero"))
            case _:
                way_out = (
                    "write false without quotes"
                    if isinstance(value, str)
                    else "remove the line: hero_prompt alone asks for a hero"
                )
                self._note("hero", value, UnusableError("false (no hero), or absent", way_out))

    def _field(self, name: str, value: object) -> str:
        if isinstance(value, str) and value.strip():
            return value
        error = UnusableError(f"text, since hero_prompt says {{{name}}}")
        self._note(name, value, error, within="hero_prompt")
        return "-"

    def _note(
        self, key: str, got: object, error: UnusableError, *, within: str | None = None
    ) -> None:
        self.problems.append(
            _Problem(
                key=key,
                within=within or key,
                got=got,
                expected=error.expected,
                way_out=error.way_out,
                name=error.name,
            )
        )


def _errors(
    problems: list[_Problem], *, page: str, lines: KeyLines
) -> tuple[FrontMatterError, ...]:
    """The errors of one page, in the order of their lines."""
    errors = [_error(problem, page=page, lines=lines) for problem in problems]
    return tuple(sorted(errors, key=lambda error: error.line))


def _error(problem: _Problem, *, page: str, lines: KeyLines) -> FrontMatterError:
    line = lines.line(problem.within, problem.name)
    hints = [problem.way_out]
    if line is None:
        hints.append(INHERITED)
    elif lines.multimarkdown and problem.expected:
        hints.append("without `---` lines around it, all front matter is text")
    way_out = "\n".join(hint for hint in hints if hint)
    if problem.expected is None:
        return UnknownKeyError(
            page=page,
            line=line or 1,
            key=problem.key,
            suggestion=problem.suggestion,
            way_out=way_out,
        )
    return FrontMatterError(
        page=page,
        line=line or 1,
        key=problem.key,
        expected=problem.expected,
        got=problem.got,
        way_out=way_out,
    )
