"""Which front-matter keys are ours, and which are so near that they are probably meant to be."""

from __future__ import annotations

import re

KEYS = (
    "hero_prompt",
    "hero_negative",
    "hero_seed",
    "hero_template",
    "hero_style",
    "hero_size",
    "hero_params",
    "hero_image_from",
    "hero_alt",
    "hero_place",
    "hero_pin",
)
"""The keys that this version gives an effect."""

LATER_KEYS = (
    "hero_caption",
    "hero_credit",
    "hero_focus",
    "hero_prompt_dark",
)
"""The keys that a later version will know; refused by name until then."""

_PREFIX = "hero_"
_OURS = tuple(key.removeprefix(_PREFIX) for key in KEYS + LATER_KEYS)
_LETTERS = tuple((ours, frozenset(ours)) for ours in _OURS)
_THEMES = frozenset({"image", "title", "video"})  # in wide use; ours must never come to claim them
_PLAIN = re.compile(r"[\w-]{1,40}")
_LONG = 7  # letters, from which on two edits are a typing error rather than another word


def near_miss(key: str) -> str | None:
    """Return the key of ours that ``key`` was probably meant to be, or ``None``.

    One edit away, or two where the part after ``hero_`` has seven letters or more; an edit is a
    letter left out, put in or replaced, or two neighbours swapped. A key that is ours, and one
    that does not start with ``hero_``, is no near miss.
    """
    if not key.startswith(_PREFIX):
        return None
    part = key[len(_PREFIX) :]
    if part in _OURS or part in _THEMES or not _PLAIN.fullmatch(part):
        return None
    letters = set(part)
    for edits in (1, 2) if len(part) >= _LONG else (1,):
        for ours, its_letters in _LETTERS:
            # Spares most comparisons: an edit brings at most one letter that was not there.
            if len(letters - its_letters) <= edits and within(part, ours, edits):
                return _PREFIX + ours
    return None


def within(a: str, b: str, edits: int) -> bool:
    """Whether ``edits`` edits (optimal string alignment distance) or fewer make ``b`` of ``a``."""
    if abs(len(a) - len(b)) > edits:
        return False
    same = 0
    for left, right in zip(a, b, strict=False):
        if left != right:
            break
        same += 1
    a, b = a[same:], b[same:]
    if not a or not b:
        return len(a) + len(b) <= edits
    if edits == 0:
        return False
    return (
        within(a[1:], b[1:], edits - 1)
        or within(a[1:], b, edits - 1)
        or within(a, b[1:], edits - 1)
        or (a[:2] == b[1::-1] and within(a[2:], b[2:], edits - 1))
    )
