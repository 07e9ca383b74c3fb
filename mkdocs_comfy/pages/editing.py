"""Writing one key into a page's front matter: every other character stays as it was."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mkdocs_comfy.errors import FrontMatterError
from mkdocs_comfy.pages.front_matter import KeyLines, broken_front_matter

if TYPE_CHECKING:
    from collections.abc import Sequence

    import yaml

_BREAK = r"(?:\r\n|\r|\n)"
_FENCE = r"(?:\.{3}|-{3})[ \t]*"
# As MkDocs finds front matter (mkdocs.utils.meta), with the BOM and the line ends of the file.
_BLOCK = re.compile(rf"\ufeff?---[ \t]*{_BREAK}(.*?{_BREAK}){_FENCE}{_BREAK}", re.DOTALL)
_EMPTY = re.compile(rf"\ufeff?---[ \t]*{_BREAK}(?={_FENCE}{_BREAK})")  # MkDocs finds none here
_TOML = re.compile(rf"\ufeff?\s*\+\+\+[ \t]*{_BREAK}")
_LINE_END = re.compile(_BREAK)

_NEIGHBOUR: Final = "hero_prompt"  # a new key stands behind this one, where the page has it
_YAML: Final = "a YAML mapping between two `---` lines"


def with_key(source: str, key: str, value: str, *, page: str) -> str:
    """Return a page's text with ``key`` in its front matter; every other character stays.

    A value that is there is replaced where it stands; of a key given twice, the last, which
    counts. A new key stands behind ``hero_prompt``, else at the end. Front matter that is empty
    or absent is begun. The result is read again: no edit changes another key.

    Args:
        source: The page's file as text, BOM and line ends included.
        key: A front-matter key.
        value: Its value as YAML, on one line.
        page: Path of the page relative to docs_dir, for errors.

    Raises:
        FrontMatterError: The front matter is of another kind (TOML, MultiMarkdown), is broken, or
            is written in a way that is not ours to edit, such as a value that others refer to.
    """
    block = None if _EMPTY.match(source) else _BLOCK.match(source)
    try:
        if block is None:
            edited, before = _begun(source, f"{key}: {value}", page), _Mapping()
        else:
            before = _mapping(block[1])
            start, end, text = _edit(block[1], before, key, value, _newline(source))
            offset = block.start(1)
            edited = source[: offset + start] + text + source[offset + end :]
        _verify(edited, before, key, value)
    except _UneditableError as error:
        raise (
            broken_front_matter(source, page=page)
            or FrontMatterError(
                page=page,
                line=1,
                key="front matter",
                expected=_YAML,
                got=str(error),
                way_out=f"write this line into it yourself: {key}: {value}",
            )
        ) from error
    return edited


def yaml_text(text: str) -> str:
    """Return ``text`` as a YAML value on one line, which reads back as that text."""
    escaped = (
        each if each.isprintable() and each != "\\" else each.encode("unicode_escape").decode()
        for each in text  # Python's escapes are YAML's too
    )
    return '"{}"'.format("".join(escaped).replace('"', '\\"'))


class _UneditableError(Exception):
    """Why we leave a page's front matter alone; never leaves this module."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """One key of the front matter with its value; places count characters of the block.

    ``content`` is the value without its places; ``anchored``: something may refer to it.
    """

    key: object
    value_start: int
    value_end: int
    end: int
    content: tuple[object, ...]
    anchored: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mapping:
    """The front matter of a page. ``flow``: where ``{`` ends; ``indent``: columns of its keys."""

    entries: tuple[_Entry, ...] = ()
    flow: int | None = None
    indent: int = 0


def _begun(source: str, line: str, page: str) -> str:
    """Put the line into the front matter that is empty, or into one of its own."""
    newline = _newline(source)
    if empty := _EMPTY.match(source):
        return f"{source[: empty.end()]}{line}{newline}{source[empty.end() :]}"
    if broken_front_matter(source, page=page):
        raise _UneditableError("the beginning of one")
    if _TOML.match(source):
        raise _UneditableError("TOML, which MkDocs does not read")
    if KeyLines(source).multimarkdown:
        raise _UneditableError("lines of `key: value` without `---` lines around them")
    bom = source[: source.startswith("\ufeff")]
    return f"{bom}---{newline}{line}{newline}---{newline}{source.removeprefix(bom)}"


def _edit(block: str, there: _Mapping, key: str, value: str, newline: str) -> tuple[int, int, str]:
    """Return which characters of the block to replace, and by what."""
    found = next((each for each in reversed(there.entries) if each.key == key), None)
    if found is not None:
        if found.anchored:
            raise _UneditableError(f"a value of {key} that others refer to")
        empty = found.value_start == found.value_end
        return found.value_start, found.value_end, f" {value}" if empty else value
    line = f"{key}: {value}"
    if there.flow is not None:
        return there.flow, there.flow, f"{line}, " if there.entries else line
    place = next((each.end for each in there.entries if each.key == _NEIGHBOUR), len(block))
    if place and block[place - 1] not in "\r\n":  # a block scalar ends behind its line break
        rest = _LINE_END.search(block, place)
        place = len(block) if rest is None else rest.end()
    return place, place, f"{' ' * there.indent}{line}{newline}"


def _verify(edited: str, before: _Mapping, key: str, value: str) -> None:
    """Make sure that the key has its new value and that all others are what they were."""
    wanted = _mapping(f"{key}: {value}\n").entries[0].content
    block = _BLOCK.match(edited)
    try:
        after = _mapping(block[1] if block else "").entries
    except _UneditableError:
        after = ()
    ours = [each.content for each in after if each.key == key]
    if _others(after, key) != _others(before.entries, key) or not ours or ours[-1] != wanted:
        raise _UneditableError("a form that cannot be edited line by line")


def _others(entries: Sequence[_Entry], key: str) -> list[tuple[object, tuple[object, ...]]]:
    return [(each.key, each.content) for each in entries if each.key != key]


def _mapping(block: str) -> _Mapping:
    """Parse without making values: what stands where, in the order of the file."""
    import yaml  # noqa: PLC0415  # needed by one command only

    try:
        # Not libyaml's parser, which counts bytes.
        events = list(yaml.parse(block, yaml.SafeLoader))
    except (yaml.YAMLError, RecursionError) as error:
        raise _UneditableError("broken YAML") from error
    inner = events[2:-2]  # without the beginnings and ends of stream and document
    if not inner:
        return _Mapping()
    if not isinstance(inner[0], yaml.MappingStartEvent) or _nodes_end(inner, 0) != len(inner):
        raise _UneditableError("something else than keys with values")
    entries = []
    place = 1
    while place < len(inner) - 1:
        behind_key = _nodes_end(inner, place)
        end = _nodes_end(inner, behind_key)
        entries.append(_entry(block, inner[place:behind_key], inner[behind_key:end]))
        place = end
    return _Mapping(
        entries=tuple(entries),
        flow=_span(inner[0])[1] if inner[0].flow_style else None,
        indent=_column(block, _span(inner[1])[0]) if entries else 0,
    )


def _nodes_end(events: Sequence[yaml.Event], place: int) -> int:
    """Return the place behind the node that begins at ``place``."""
    depth = 0
    while True:
        name = type(events[place]).__name__
        depth += name.endswith("StartEvent") - name.endswith("EndEvent")
        place += 1
        if depth == 0:
            return place


def _entry(block: str, key: Sequence[yaml.Event], value: Sequence[yaml.Event]) -> _Entry:
    spans = [_span(each) for each in value]
    start = spans[0][0]
    # A block collection ends where the next thing stands, behind comments: a span of no length.
    end = next((each[1] for each in reversed(spans) if each[0] < each[1]), start)
    return _Entry(
        key=getattr(key[0], "value", None) or tuple(_content(each) for each in key),
        value_start=start,
        value_end=start + len(block[start:end].rstrip()),
        end=end,
        content=tuple(_content(each) for each in value),
        anchored=any(
            getattr(each, "anchor", None) for each in value if type(each).__name__ != "AliasEvent"
        ),
    )


def _content(event: yaml.Event) -> tuple[object, ...]:
    names = ("anchor", "tag", "implicit", "value")
    return (type(event), *(getattr(event, name, None) for name in names))


def _span(event: yaml.Event) -> tuple[int, int]:
    start, end = event.start_mark, event.end_mark
    return (start.index, end.index) if start and end else (0, 0)


def _column(block: str, place: int) -> int:
    return place - 1 - max(block.rfind("\n", 0, place), block.rfind("\r", 0, place))


def _newline(source: str) -> str:
    """Return the line end of the file, by its first line."""
    found = _LINE_END.search(source)
    return "\n" if found is None else found[0]
