"""Where the hero goes: Markdown in, Markdown with one more paragraph out.

The image goes below the heading, not above it: MkDocs takes a page's title from the first block
of its body only (``mkdocs.structure.pages``), so an image above the heading would cost the page
its title. What is a heading, what is code and what is raw HTML is decided as Python-Markdown
decides it: a ``#`` in the first column opens a heading wherever it stands, a fence that is not
closed by the very same fence is none, and a block of HTML lasts until its outermost tag is closed.
A heading that another file brings in (snippets) is not seen.
"""

from __future__ import annotations

import re

from mkdocs_comfy.pages.markup import TOP

# Tags that open raw HTML at the start of a line (Python-Markdown: BLOCK_LEVEL_ELEMENTS). `hr` is
# left out, as it has no content; what other tags enclose stays Markdown.
_BLOCK_TAG = (
    "(?P<tag>address|article|aside|blockquote|body|canvas|center|colgroup|dd|details|div|dl|dt"
    "|fieldset|figcaption|figure|footer|form|group|h[1-6]|header|hgroup|html|iframe|legend|li|main"
    "|map|math|menu|nav|noscript|object|ol|option|output|p|pre|progress|script|section|style"
    r"|summary|table|tbody|td|textarea|tfoot|th|thead|tr|ul|video)(?=[\s/>])(?P<rest>[^<>]*)>"
)
_HEADING = r"#{1,6}(?:[^\\\n]|\\.)*$"

# The first line of most pages: nothing before it can be code or HTML. A `|` may make it a table.
_OPENING_H1 = re.compile(r"\s*^#(?!#)(?:[^\\\n|]|\\[^\n|])*$", re.MULTILINE)

# The lines at which it is decided what follows. The line break comes first in the pattern, so
# that the search jumps from line to line.
_TURN = re.compile(
    rf"""
    \n(?:
        (?P<h1>\#(?!\#)(?:[^\\\n]|\\.)*$)
      | (?P<setext>=+[ ]*$)
      | (?P<indent>[ ]{{0,3}})(?P<fence>`{{3,}}|~{{3,}})(?P<info>[^\n]*)$
      | [ ]{{0,3}}(?P<comment><!--)
      | [ ]{{0,3}}<{_BLOCK_TAG}
    )
    """,
    re.MULTILINE | re.VERBOSE | re.IGNORECASE,
)
_BLOCK_OPENING = re.compile(f"<{_BLOCK_TAG}", re.IGNORECASE)
_BLANK = re.compile(r"(?:[ \t]*\n|[ ]{0,3}<!--(?:(?!-->).)*-->[ \t]*(?=\n))*", re.DOTALL)
_OPENING_HEADING = re.compile(
    rf"{_HEADING}|(?![ ]{{4}}|\t)[^\n]+\n(?:=+|-+)[ ]*$|[ ]{{0,3}}<(?P<tag>h[1-6])(?=[\s>])[^>]*>",
    re.MULTILINE | re.IGNORECASE,
)
_ATX = re.compile(_HEADING)
_RULE = re.compile(r"[ ]{0,3}(?:(?:-[ ]{0,2}){3,}|(?:_[ ]{0,2}){3,}|(?:\*[ ]{0,2}){3,})")
_TABLE_RULE = re.compile(r"[ |:-]*-[ |:-]*")
_MARKDOWN_INSIDE = re.compile(r"\smarkdown(?:[\s=/]|$)", re.IGNORECASE)
_RAW_H1 = re.compile(r"<!--.*?-->|(<h1[\s>])", re.DOTALL | re.IGNORECASE)
_VERBATIM = frozenset({"pre", "script", "style", "textarea"})
_TOP_IMAGE = re.compile(
    r'<p(?:\s[^>]*)?>\s*(<img(?=\s)[^>]*?\sclass="(?:[^"]*\s)?'
    + re.escape(TOP)
    + r'(?:\s[^"]*)?"[^>]*>)\s*</p>\n?'
)


def insert_image(markdown: str, image: str) -> str:
    """Return ``markdown`` with ``image`` as a paragraph of its own.

    After the first H1 outside code, comments and raw HTML; where there is none, after the heading
    that the page begins with; where it does not begin with one, in front of everything. A raw
    HTML heading counts; the image goes behind the outermost element around it. Every line of
    ``markdown`` is kept as it is, in its order.

    Args:
        markdown: The page's body, without front matter.
        image: One line of Markdown.
    """
    if "\r" in markdown:
        markdown = markdown.replace("\r\n", "\n").replace("\r", "\n")
    at = _place(markdown)
    before = markdown[:at] + "\n\n" if at else ""
    return before + image + "\n\n" + markdown[at:].removeprefix("\n")


def end_of_h1(markdown: str) -> int | None:
    """Return where the first H1's last line ends, as :func:`insert_image` finds it.

    ``None`` where the page has none. For a raw HTML heading: where the last line of the outermost
    element around it ends.

    Args:
        markdown: The page's body with LF line ends.
    """
    if (opening := _OPENING_H1.match(markdown)) is not None:
        return opening.end()
    end = _after_h1("\n" + markdown)
    return None if end is None else end - 1


def move_to_top(html: str) -> str:
    """Return rendered HTML with the hero of a page that wants it on top in front of the rest.

    Until then it stands below the heading, where titles, tables of contents and blog excerpts
    are not disturbed by it. Anything else, and HTML without such an image, is left as it is.
    """
    if TOP not in html:
        return html
    found = _TOP_IMAGE.search(html)
    if found is None:
        return html
    return f"<p>{found[1]}</p>\n{html[: found.start()]}{html[found.end() :]}"


def _place(markdown: str) -> int:
    """Index at which the image goes: the end of a line, or 0."""
    end = end_of_h1(markdown)
    return _after_opening_heading(markdown) if end is None else end


def _after_h1(text: str) -> int | None:
    """End of the first H1's last line in ``text``, which begins with a line break."""
    at = block = 0  # where the search goes on; where the last fence, comment or HTML ended
    unclosed: set[str] = set()
    last_close = text.rfind("-->")
    while (turn := _TURN.search(text, at)) is not None:
        at = turn.end()
        match turn.lastgroup:
            case "h1":
                if not _in_table(text, turn.start(), block):
                    return at
            case "setext":
                if _has_title(text, turn.start(), block) and not _in_table(
                    text, turn.start(), block
                ):
                    return at
            case "info":
                at = block = _fence_end(text, turn, unclosed)
            case "comment":
                at = block = _comment_end(text, at) if at <= last_close else at
            case _:
                block, found = _html_end(text, turn)
                if found:
                    return block
                at = block
    return None


def _after_opening_heading(text: str) -> int:
    """End of the heading that is the first block of the page, or 0."""
    blank = _BLANK.match(text)
    start = blank.end() if blank else 0
    heading = _OPENING_HEADING.match(text, start)
    if heading is None or _in_table("\n" + text, start, start):
        return 0
    if heading["tag"] is None:
        return heading.end()
    close = _closing(text, heading["tag"], heading.end())
    return 0 if close is None else _line_end(text, close)


def _has_title(text: str, rule: int, block: int) -> bool:
    """Whether the line above the rule of a setext heading is the first line of its block.

    Args:
        text: What is searched.
        rule: Index of the line break in front of the rule.
        block: Where the last fence, comment or block of HTML ended.
    """
    start = text.rfind("\n", 0, rule)
    title = text[start + 1 : rule]
    if start < block or not title.strip() or title.startswith(("    ", "\t")) or _ATX.match(title):
        return False
    return _opens_block(text, start, block)


def _opens_block(text: str, start: int, block: int) -> bool:
    """Whether the line behind the line break at ``start`` is the first of its block."""
    if start in (0, block):
        return True
    before = text[text.rfind("\n", 0, start) + 1 : start]
    return (
        not before.strip() or _ATX.match(before) is not None or _RULE.fullmatch(before) is not None
    )


def _in_table(text: str, start: int, block: int) -> bool:
    """Whether the line behind the line break at ``start`` is a row of a table, with ``#`` in it.

    A table is a block whose second line is its rule, and it wins over a heading.
    """
    end = _line_end(text, start + 1)
    below = text[end + 1 : _line_end(text, end + 1)]
    if "|" in text[start + 1 : end] and _is_table_rule(below):
        return _opens_block(text, start, block)
    while start > block:
        end, start = start, text.rfind("\n", 0, start)
        line = text[start + 1 : end]
        if not line.strip():
            break
        if _is_table_rule(line):
            return _opens_block(text, text.rfind("\n", 0, start), block)
    return False


def _is_table_rule(line: str) -> bool:
    return "|" in line and _TABLE_RULE.fullmatch(line) is not None


def _fence_end(text: str, opening: re.Match[str], unclosed: set[str]) -> int:
    """End of the fence's last line; of its first where nothing closes it, so that it is none.

    Args:
        text: What is searched.
        opening: The first line.
        unclosed: Fences that are known not to be closed any more; added to.
    """
    fence = opening["indent"] + opening["fence"]
    if fence in unclosed or ("`" in fence and "`" in opening["info"]):
        return opening.end()
    close = re.compile(rf"\n{fence}[ \t]*$", re.MULTILINE).search(text, opening.end())
    if close is None:
        unclosed.add(fence)
        return opening.end()
    return close.end()


def _comment_end(text: str, start: int) -> int:
    """End of the line that closes the comment; ``start`` where nothing does, so that it is none."""
    end = start
    while start >= 0:
        close = text.find("-->", start)
        if close < 0:
            break
        end = _line_end(text, close)
        start = text.find("<!--", close, end)
    return end


def _html_end(text: str, opening: re.Match[str]) -> tuple[int, bool]:
    """Where a block of raw HTML ends, and whether there is an H1 in it.

    A tag that is never closed makes all of the rest raw. An element whose content is Markdown
    (``<div markdown>``) ends with its opening tag: what follows is read like the page itself.
    """
    found, end = False, opening.end()
    at: re.Match[str] | None = opening
    while at is not None:
        tag, rest, end = at["tag"].lower(), at["rest"], at.end()
        if tag != "h1" and _MARKDOWN_INSIDE.search(rest):
            return _line_end(text, end) if found else end, found
        if not rest.endswith("/"):
            close = _closing(text, tag, end)
            if close is None:
                return len(text), False
            inside = _RAW_H1.finditer(text, at.start(), close)
            found = found or (tag not in _VERBATIM and any(each[1] for each in inside))
            end = close
        at = _BLOCK_OPENING.search(text, end, _line_end(text, end))
    return _line_end(text, end), found


def _closing(text: str, tag: str, start: int) -> int | None:
    """End of the tag that closes ``tag``, open at ``start``; ``None`` where nothing does."""
    depth = 1
    pattern = rf"<(?P<close>/)?{tag}(?=[\s/>])(?P<rest>[^<>]*)>"
    if text.find("-->", start) >= 0:
        pattern = rf"<!--.*?-->|{pattern}"
    for each in re.compile(pattern, re.DOTALL | re.IGNORECASE).finditer(text, start):
        if each["close"]:
            depth -= 1
        elif each["rest"] is not None and not each["rest"].endswith("/"):
            depth += 1
        if depth == 0:
            return each.end()
    return None


def _line_end(text: str, index: int) -> int:
    end = text.find("\n", index)
    return len(text) if end < 0 else end
