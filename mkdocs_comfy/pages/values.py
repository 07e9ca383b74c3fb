"""Front-matter values: what YAML gave in, what we mean by it out, or why it cannot be used."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Literal, TypeAlias, TypeGuard, get_args

from mkdocs_comfy.errors import brief
from mkdocs_comfy.text import normalise_text

Place: TypeAlias = Literal["after_title", "top", "none"]
"""Where on a page the hero goes; ``none``: the theme shows it."""

Scalar: TypeAlias = str | int | float | bool
"""What a template parameter may be."""

PLACES: tuple[Place, ...] = get_args(Place)

MAX_SEED = 2**64 - 1
MAX_PROMPT = 10_000
"""Characters of a prompt, of a negative prompt and of a text among the parameters."""

MAX_ALT = 1_000
"""Characters."""

MIN_SIDE, MAX_SIDE, SIDE_STEP = 64, 16_384, 8
"""Pixels: bounds of a side, and what it must be a multiple of (latents are 1/8 of the image)."""

NAME = re.compile(r"(?!\.)[A-Za-z0-9._-]+")
"""What templates and styles may be called."""

NAME_IN_WORDS = "(letters, digits, '.', '_', '-', no '.' in front)"

NO_STYLE = "none"
"""In the place of a style's name: none of the styles before it."""

MAX_PIXELS = 50_000_000
"""Pixels of one image unless configured otherwise."""

_SIZE = re.compile(r"([1-9][0-9]{1,4})x([1-9][0-9]{1,4})")
_NEARLY_SIZE = re.compile(r"([0-9]{1,6})\s*(?:px)?\s*[xX\u00d7*,/ ]\s*([0-9]{1,6})\s*(?:px)?")
_PIN = re.compile(r"k1-[0-9a-f]{64}")
_UNFIT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_QUOTES = "put it in quotes, so that YAML reads it as text"


class UnusableError(Exception):
    """A value that we cannot use; never leaves this package.

    Attributes:
        expected: What the key takes.
        way_out: What the author can do; ``""`` where ``expected`` says it.
        name: The entry of a mapping that is at fault, or ``None``.
    """

    def __init__(self, expected: str, way_out: str = "", *, name: str | None = None) -> None:
        super().__init__(expected)
        self.expected, self.way_out, self.name = expected, way_out, name


def text(value: object, *, limit: int) -> str:
    """Return the text in NFC, with LF and without outer white space; may be empty.

    Args:
        value: What YAML gave.
        limit: Most characters allowed.

    Raises:
        UnusableError: It is no text, too long, or holds a control character other than line
            breaks and tabs, or half a surrogate pair (neither JSON nor a text encoder takes one).
    """
    if not isinstance(value, str):
        raise UnusableError("text", _QUOTES)
    if unfit := _UNFIT.search(value):
        kind = "half a surrogate pair" if unfit[0] >= "\ud800" else "the control character"
        raise UnusableError(
            "text without control characters",
            f"remove {kind} U+{ord(unfit[0]):04X} at character {unfit.start() + 1:,}",
        )
    value = normalise_text(value)
    if len(value) > limit:
        raise UnusableError(
            f"text of at most {limit:,} characters", f"it has {len(value):,} characters"
        )
    return value


def prompt(value: object) -> str:
    """Return the prompt; never blank.

    Raises:
        UnusableError: As :func:`text` does, and where it is blank.
    """
    prompt = text(value, limit=MAX_PROMPT) if value is not None else ""
    if not prompt:
        raise UnusableError(
            "text that says what to render",
            "remove the line where the page shall have no hero;"
            " `hero: false` switches an inherited one off",
        )
    return prompt


def negative(value: object) -> str:
    """Return the negative prompt; ``""`` keeps nothing out, whatever the template says.

    Raises:
        UnusableError: As :func:`text` does.
    """
    return text(value, limit=MAX_PROMPT)


def seed(value: object) -> int:
    """Return the noise seed, 0 <= seed < 2**64.

    Raises:
        UnusableError: It is anything else.
    """
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_SEED:
        return value
    way_out = ""
    if isinstance(value, str) and value.strip().isdecimal():
        way_out = "write the number without quotes"
    elif isinstance(value, float) and value.is_integer():
        way_out = "write the number without a decimal point or exponent"
    raise UnusableError("a whole number from 0 to 2**64 - 1", way_out)


def template(value: object) -> str:
    """Return the name of a workflow template.

    Raises:
        UnusableError: It is no text, or no such name.
    """
    if isinstance(value, str) and NAME.fullmatch(value):
        return value
    way_out = "" if isinstance(value, str | list | Mapping) else _QUOTES
    raise UnusableError(f"the name of a template {NAME_IN_WORDS}", way_out)


def styles(value: object) -> tuple[str, ...]:
    """Return the names of styles, each once, where it was named last; empty for no style at all.

    ``none`` drops the names before it. Material's ``meta`` plugin appends a page's list to the
    one that it inherits and lets text replace nothing but text, so that an empty list or false
    cannot always take back what a section says.

    Raises:
        UnusableError: It is neither a name nor a list of names nor false.
    """
    if value is False:
        return ()
    names: dict[str, None] = {}
    for name in value if isinstance(value, list) else [value]:
        if not isinstance(name, str) or not NAME.fullmatch(name):
            way_out = "" if isinstance(name, str | list | Mapping) else _QUOTES
            raise UnusableError(
                f"the name of a style, or a list of names {NAME_IN_WORDS}",
                f"write {NO_STYLE} for no style" if value in (None, "", True) else way_out,
            )
        if name == NO_STYLE:
            names.clear()
        else:
            names.pop(name, None)
            names[name] = None
    return tuple(names)


def parse_size(value: object) -> tuple[int, int] | None:
    """Return width and height in pixels of a text such as ``1344x768``, or ``None``.

    ``None`` too where a side is no multiple of 8 or not within 64 and 16384 pixels.
    """
    if not isinstance(value, str) or not (found := _SIZE.fullmatch(value.strip())):
        return None
    width, height = int(found[1]), int(found[2])
    if width % SIDE_STEP or height % SIDE_STEP:
        return None
    if min(width, height) < MIN_SIDE or max(width, height) > MAX_SIDE:
        return None
    return width, height


def size(value: object, *, max_pixels: int) -> tuple[int, int]:
    """Return width and height in pixels.

    Raises:
        UnusableError: :func:`parse_size` finds none, or they make more than ``max_pixels``.
    """
    found = parse_size(value)
    if found is None:
        raise UnusableError(
            f"width x height such as 1344x768, each a multiple of {SIDE_STEP}"
            f" from {MIN_SIDE} to {MAX_SIDE}",
            _nearest_size(value),
        )
    if found[0] * found[1] > max_pixels:
        raise UnusableError(
            f"at most {max_pixels:,} pixels",
            f"{found[0]}x{found[1]} has {found[0] * found[1]:,};"
            " the limit is max_pixels in mkdocs.yml",
        )
    return found


def _nearest_size(value: object) -> str:
    """The size that was probably meant, as a way out, or ``""``."""
    given = "{}x{}".format(*value) if _is_pair(value) else value
    found = _NEARLY_SIZE.fullmatch(given.strip()) if isinstance(given, str) else None
    if found is None:
        return ""
    sides = (round(int(side) / SIDE_STEP) * SIDE_STEP for side in found.groups())
    return "write {}x{}".format(*(min(max(side, MIN_SIDE), MAX_SIDE) for side in sides))


def _is_pair(value: object) -> TypeGuard[list[int]]:
    return isinstance(value, list) and [type(side) for side in value] == [int, int]


def params(value: object) -> dict[str, Scalar]:
    """Return template parameters by name; those without a value are left out.

    Raises:
        UnusableError: It is no mapping of text to text, finite numbers and truth values.
    """
    if not isinstance(value, Mapping):
        raise UnusableError("a mapping of template parameter to value", "for example {steps: 30}")
    return {
        _parameter_name(name): _parameter(name, given)
        for name, given in value.items()
        if given is not None
    }


def _parameter_name(name: object) -> str:
    expected = "a mapping whose keys are names of template parameters"
    if not isinstance(name, str):
        raise UnusableError(expected, f"put {brief(name)} in quotes, so that YAML reads it as text")
    if not name.strip() or len(name) > MAX_ALT or _UNFIT.search(name):
        raise UnusableError(expected, f"{brief(name)} is no such name")
    return name


def _parameter(name: object, value: object) -> Scalar:
    shown, entry = brief(name), name if isinstance(name, str) else None
    match value:
        case bool():
            return value
        case int() if abs(value) <= MAX_SEED:
            return value
        case float() if math.isfinite(value):
            return value
        case str():
            try:
                return text(value, limit=MAX_PROMPT)
            except UnusableError as error:
                raise UnusableError(
                    f"{error.expected} for {shown}", error.way_out, name=entry
                ) from error
    if isinstance(value, int):
        way_out = "a whole number goes up to 2**64 - 1, and down to the negative of that"
    else:
        way_out = "" if isinstance(value, float | Mapping | list) else _QUOTES
    raise UnusableError(f"text, a finite number, true or false for {shown}", way_out, name=entry)


def image_from(value: object) -> str:
    """Return the path of a source image, relative to the page or, with ``/`` in front, to docs_dir.

    Raises:
        UnusableError: It is no text, blank, an address of the web, or written with backslashes.
    """
    expected = "the path of an image, relative to the page or with / in front to docs_dir"
    try:
        path = text(value, limit=MAX_ALT)
    except UnusableError as error:
        raise UnusableError(expected, error.way_out) from error
    if not path or "\\" in path or "://" in path or "\n" in path:
        way_out = "write / in place of \\" if "\\" in path else ""
        raise UnusableError(expected, "save the image in docs_dir" if "://" in path else way_out)
    return path


def alt(value: object) -> str:
    """Return the text for readers who do not see the image; ``""`` is decorative.

    Raises:
        UnusableError: As :func:`text` does.
    """
    return text(value, limit=MAX_ALT)


def pin(value: object) -> str:
    """Return the key of an image.

    Raises:
        UnusableError: It is none: ``k1-`` and 64 hex digits. Those of stand-ins cannot be pinned.
    """
    if isinstance(value, str) and _PIN.fullmatch(value):
        return value
    raise UnusableError(
        "the key of an image: k1- and 64 hex digits",
        "remove the line and pin the image anew: mkdocs-comfy keep PAGE --current",
    )


def place(value: object) -> Place:
    """Return where the hero goes; YAML reads ``none`` as text, so it needs no quotes.

    Raises:
        UnusableError: It is no such place.
    """
    for known in PLACES:
        if value == known:
            return known
    raise UnusableError("after_title, top or none", "write none" if value is False else "")
