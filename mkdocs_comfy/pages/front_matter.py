"""Where in a page's file a front-matter key stands, and why there is none. Used on errors only."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mkdocs_comfy.errors import FrontMatterError, HeroError

if TYPE_CHECKING:
    import yaml

INHERITED = "the key is inherited: it does not stand in the page's own front matter"
"""Way out for a key that has no line in the page that is wrong."""

# What MkDocs takes for front matter (mkdocs.utils.meta), with the BOM and the CRLF that are gone
# by the time MkDocs matches, so that the source may be read in either way.
_BLOCK = re.compile(r"\ufeff?---[ \t]*\n(.*?\n)(?:\.{3}|-{3})[ \t]*\n", re.DOTALL)
_OPENED = re.compile(  # up to the first blank line
    r"""\ufeff?---[ \t]*\n(?:(?!---)[^\n]+\n)*?["']?hero_prompt["']?[ \t]*:"""
)
_MULTIMARKDOWN = re.compile(r" {0,3}([A-Za-z0-9_-]+):[ \t]*(?:.*)")
_MORE = re.compile(r"(?: {4}|\t)")
_UNPRINTABLE = re.compile(  # YAML 1.1 §5.1: what may not stand in a document as it is
    r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)


class KeyLines:
    """Lines of the front-matter keys of one page.

    Args:
        source: The page's file as text, front matter included.

    Attributes:
        multimarkdown: True where the front matter is MultiMarkdown metadata (no ``---`` lines),
            in which every value is text.
    """

    def __init__(self, source: str) -> None:
        source = _unix(source)
        self.multimarkdown = False
        self._root: yaml.MappingNode | None = None
        self._lines: dict[str, int] = {}
        if block := _BLOCK.match(source):
            self._root = _mapping(block[1])
            self._lines = dict(_yaml_lines(self._root)) if self._root else {}
        else:
            self._lines = _multimarkdown_lines(source)
            self.multimarkdown = bool(self._lines)

    def line(self, key: str, name: str | None = None) -> int | None:
        """Line of ``key``, counted from 1 in the page's file; ``None``: it does not stand there.

        Args:
            key: A front-matter key.
            name: A key of the mapping that is its value, whose line is wanted where it has one.
        """
        found = self._lines.get(key, self._lines.get("<<"))
        if name is not None and self._root is not None:
            for node, value in reversed(self._root.value):  # of a key given twice, the last counts
                if node.value == key:
                    return dict(_yaml_lines(value)).get(name, found)
        return found


def broken_front_matter(source: str, *, page: str) -> FrontMatterError | None:
    """Return why MkDocs finds no metadata in a page that seems to ask for a hero, or ``None``.

    MkDocs passes over front matter that is no YAML or no mapping without a word, and shows it
    as text. Meant for pages whose metadata came out empty and whose source holds
    ``hero_prompt``; a page that only writes about that key in its text gives ``None``.

    Args:
        source: The page's file as text.
        page: Its path relative to docs_dir, for the error.
    """
    source = _unix(source)
    block = _BLOCK.match(source)
    way_out = ""
    if block is not None:
        if "hero_prompt" not in block[1]:
            return None
        line, problem = _yaml_problem(block[1])
        way_out = "text that holds `: `, ` #` or starts with a special character needs quotes"
    elif _OPENED.match(source):
        if _BLOCK.match(source + "\n"):
            line, problem = source.count("\n") + 1, "no line break behind the `---` that ends it"
        else:
            line, problem = 1, "no `---` line that ends it"
    elif (late := _BLOCK.match(source.lstrip())) and "hero_prompt" in late[1]:
        skipped = len(source) - len(source.lstrip())
        line = source.count("\n", 0, skipped) + 1
        problem = "blank space before its first `---`, which must be all of line 1"
    else:
        return None
    return FrontMatterError(
        page=page,
        line=line,
        key="front matter",
        expected="a YAML mapping between two `---` lines",
        got=problem,
        way_out=way_out,
    )


def unlike_inherited(key: str, *, page: str, source: str) -> HeroError:
    """Return the error of a page whose ``key`` is of another type than what it inherits.

    Material's ``meta`` plugin merges text with text and lists with lists only, and ends the build
    with a traceback otherwise.

    Args:
        key: A key, possibly one inside a mapping; ``""`` where it is not known.
        page: Path of the page relative to docs_dir.
        source: Its file as text.
    """
    what = f"{key} is" if key else "a key is"
    return HeroError(
        f"{page}:{KeyLines(source).line(key) or 1}: {what} of another type than what the page"
        " inherits from a .meta.yml, so that the two cannot be merged",
        way_out="give it the same type in both: a list where the other is a list, text where the"
        " other is text",
    )


def _unix(source: str) -> str:
    return source.replace("\r\n", "\n").replace("\r", "\n") if "\r" in source else source


def _compose(block: str) -> yaml.Node | None:
    """Parse without making values: only the nodes know their lines."""
    import yaml  # noqa: PLC0415  # needed for errors only

    loader: type[yaml.SafeLoader | yaml.CSafeLoader]
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # as MkDocs chooses
    return yaml.compose(block, loader)


def _mapping(block: str) -> yaml.MappingNode | None:
    import yaml  # noqa: PLC0415  # needed for errors only

    if _UNPRINTABLE.search(block):
        return None
    try:
        root = _compose(block)
    except (yaml.YAMLError, RecursionError):
        return None
    return root if isinstance(root, yaml.MappingNode) else None


def _yaml_lines(node: yaml.Node) -> list[tuple[str, int]]:
    """Keys of a mapping with their lines in the file: the block starts on line 2."""
    if not isinstance(node.value, list):
        return []
    pairs = (pair for pair in node.value if isinstance(pair, tuple))
    return [(key.value, key.start_mark.line + 2) for key, _ in pairs if isinstance(key.value, str)]


def _multimarkdown_lines(source: str) -> dict[str, int]:
    lines: dict[str, int] = {}
    for number, line in enumerate(source.split("\n"), start=1):
        if found := _MULTIMARKDOWN.match(line):
            lines.setdefault(found[1].lower(), number)
        elif not line.strip() or not (lines and _MORE.match(line)):
            break
    return lines


def _yaml_problem(block: str) -> tuple[int, str]:
    """Line in the file and description of what is wrong with a block that gave no mapping."""
    import yaml  # noqa: PLC0415  # needed for errors only

    if unprintable := _UNPRINTABLE.search(block):
        line = block.count("\n", 0, unprintable.start()) + 2
        return line, f"the character U+{ord(unprintable[0]):04X}"
    try:
        root = _compose(block)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        if error.context_mark and (mark is None or mark.line >= block.count("\n")):
            mark = error.context_mark  # a quote that is never closed: where it was opened
        return mark.line + 2 if mark else 1, str(error.problem or error.context)
    except (yaml.YAMLError, RecursionError) as error:
        return 1, str(error)
    if isinstance(root, yaml.MappingNode):
        return 1, "a value or key that YAML cannot make, such as a date that does not exist"
    return 2, "no mapping of keys to values"
