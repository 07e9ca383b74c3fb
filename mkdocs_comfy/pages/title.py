"""The title that a page's own text gives it, for ``{title}`` in a prompt."""

from __future__ import annotations

import html
import re

from mkdocs_comfy.pages.placement import end_of_h1

# What is open is looked for up to a bound: pages come from pull requests, and a heading that opens
# thousands of brackets and closes none must not cost the square of its length.
_RAW = re.compile(r"<h1(?:\s[^>]{0,999})?>(.{0,1999}?)</h1\s{0,9}>", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"<[^>]{0,999}>")
_LINK = re.compile(r"!?\[([^\]]{0,999})\](?:\([^)]{0,999}\)|\[[^\]]{0,999}\])")
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
    last = _without_attributes(lines[-1])
    if re.fullmatch(r"=+ *", last):
        title = lines[-2]
    elif last.startswith("#"):
        title = last.strip("#")
    else:
        found = _RAW.findall(markdown[:end])
        title = found[-1] if found else ""
    return _plain(title) or None


def _plain(title: str) -> str:
    title = _TAG.sub("", _without_attributes(title))
    title = _ESCAPED.sub(r"\1", _MARKS.sub("", _LINK.sub(r"\1", title)))
    return " ".join(html.unescape(title).split())


def _without_attributes(line: str) -> str:
    """``line`` without an attribute list at its end: ``{#id .class}``."""
    inside = line.rstrip()
    start = inside.rfind("{")
    if start < 0 or inside.find("}", start) != len(inside) - 1:
        return line
    return inside[:start].rstrip()
