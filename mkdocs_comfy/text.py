"""Text in one form, whatever file, system or keyboard it came from.

Front matter, workflow templates and cache keys must agree on when two texts are the same, so the
rule stands here once. Pure, and without imports of our own.
"""

from __future__ import annotations

import re
import unicodedata

_CHOICE = re.compile(r"(?<!\\)\{(?:[^{}|\\]|\\.)*\|[^{}]*\}", re.DOTALL)


def canonical_text(text: str) -> str:
    """Return ``text`` in Unicode NFC and with LF line ends (from CRLF and CR), else as it is."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def normalise_text(text: str) -> str:
    """Return ``text`` as :func:`canonical_text` does, without white space around it.

    Idempotent. White space inside is the author's and stays.
    """
    return canonical_text(text).strip()


def choice_in(text: str) -> str | None:
    """Return the first choice such as ``{red|blue}`` in ``text``, or ``None`` without one.

    ComfyUI's canvas writes one of its options into the workflow that it submits (its own
    extension "Dynamic prompts"; a backslash takes the meaning from a brace). A server knows
    nothing of it and gives the braces to the model.
    """
    if "|" not in text:
        return None
    found = _CHOICE.search(text)
    return found[0] if found else None
