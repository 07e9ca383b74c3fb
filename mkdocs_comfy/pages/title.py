"""The title that a page's own text gives it, for ``{title}`` in a prompt."""

from __future__ import annotations

import html
import re

from mkdocs_comfy.pages.placement import end_of_h1

_ATX = re.compile(r"#+\s*(.*?)\s*#*")
_RAW = re.compile(r"<h1(?:\s[^>]*)?>(.*?)</h1\s*>", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"<[^>]*>")
_ATTRIBUTES = re.compile(r"\s*\{[^{}]*\}\s*$")  # attr_list: {#id .class}
_LINK = re.compile(r"!?\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])")
_MARKS = re.compile(r"(?<!\\)[*`]|(?<![\w\\])_+|(?<!\\)_+(?!\w)")
_ESCAPED = re.compile(r"\\([\\`*_{}\[\]()>#+.!-])")


def first_title(markdown: str) -> str | None:
    """Return the text of the page's first H1 without its markup, or ``None`` where it has none.

    Finds the very heading behind which the image goes.
    """
    end = end_of_h1(markdown)
    if end is None:
        return None
    lines = markdown[:end].splitlines()
    last = _ATTRIBUTES.sub("", lines[-1])
    if re.fullmatch(r"=+ *", last):
        title = lines[-2]
    elif last.startswith("#") and (atx := _ATX.fullmatch(last)):
        title = atx[1]
    else:
        found = _RAW.findall(markdown[:end])
        title = found[-1] if found else ""
    return _plain(title) or None


def _plain(title: str) -> str:
    title = _TAG.sub("", _ATTRIBUTES.sub("", title))
    title = _ESCAPED.sub(r"\1", _MARKS.sub("", _LINK.sub(r"\1", title)))
    return " ".join(html.unescape(title).split())
