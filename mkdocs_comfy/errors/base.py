"""Errors of configuration, pages and the cache, and how their texts are kept short."""

from __future__ import annotations

import reprlib
import shlex
from difflib import get_close_matches
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

_LISTED = 16  # names that an error lists
_LONGEST_NAME = 80  # characters of a name that is compared with others


class HeroError(Exception):
    """Base of every error of this package.

    Attributes:
        kind: Word for scripts: what ``--json`` gives as the kind of an error.
        what: One line: where, what, what was expected and what was found.
        way_out: What its reader can do; may have several lines; ``""`` where ``what`` says it.

    The texts are :func:`printable`: they quote names that come from pull requests.
    """

    kind: ClassVar[str] = "failed"

    def __init__(self, what: str, *, way_out: str = "") -> None:
        self.what = printable(what)
        self.way_out = "\n".join(map(printable, way_out.split("\n")))
        super().__init__(f"{self.what}\n{self.way_out}" if way_out else self.what)


class ConfigurationError(HeroError):
    """A key of the plugin's configuration has a value we cannot use.

    Attributes:
        key: The key below ``comfy:`` in mkdocs.yml, for example ``"server"``.
    """

    kind = "configuration"

    def __init__(self, *, key: str, problem: str, way_out: str = "") -> None:
        super().__init__(f"{key}: {problem}", way_out=way_out)
        self.key = key


class FrontMatterError(HeroError):
    """A ``hero_*`` key of one page has a value we cannot use.

    Attributes:
        page: Path of the page relative to docs_dir, with ``/``.
        line: Line of the key in the page's file, counted from 1; 1 for an inherited key.
        key: The front-matter key.
        expected: What the key takes.
        got: The value found, as YAML gave it.
    """

    kind = "front_matter"

    def __init__(
        self, *, page: str, line: int, key: str, expected: str, got: object, way_out: str = ""
    ) -> None:
        super().__init__(
            f"{page}:{line}: {key} must be {expected}, got {brief(got)}", way_out=way_out
        )
        self.page, self.line, self.key = page, line, key
        self.expected, self.got = expected, got


class UnknownKeyError(FrontMatterError):
    """A ``hero_*`` key that this version has no effect for.

    Attributes:
        suggestion: The key that was probably meant, or ``None`` where the key is one that a
            later version will know.
    """

    def __init__(
        self, *, page: str, line: int, key: str, suggestion: str | None, way_out: str = ""
    ) -> None:
        problem = (
            f"did you mean {suggestion}?" if suggestion else "this version has no such key yet"
        )
        mend = f"rename it to {suggestion}" if suggestion else "remove it from the front matter"
        HeroError.__init__(
            self,
            f"{page}:{line}: {key}: {problem}",
            way_out=f"{mend}\n{way_out}" if way_out else mend,
        )
        self.page, self.line, self.key = page, line, key
        self.expected, self.got = suggestion or "absent", key
        self.suggestion = suggestion


class StyleNotFoundError(HeroError):
    """A style is asked for that the configuration does not have.

    Attributes:
        style: Its name.
        known: The names that there are, possibly none.
    """

    def __init__(self, *, style: str, known: Sequence[str]) -> None:
        close = get_close_matches(style[:_LONGEST_NAME], known, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        listed = ", ".join(known[:_LISTED]) + (", …" if len(known) > _LISTED else "")
        there = f" (there are: {listed})" if known else " (this site has none)"
        super().__init__(
            f"there is no style {shorten(style)!r}{hint}{there}",
            way_out="styles are set up below `styles:` in mkdocs.yml",
        )
        self.style, self.known = style, tuple(known)


class PagesError(HeroError):
    """What is wrong with several pages or their templates, told at once.

    Attributes:
        errors: The errors, in the order of the pages; at least two.
    """

    kind = "pages"

    def __init__(self, errors: Sequence[HeroError]) -> None:
        super().__init__(f"{len(errors)} errors in front matter or templates")
        self.errors = tuple(errors)


class HookError(HeroError):
    """Another plugin of the site, or a hook, fails in an event that a command runs."""

    kind = "hook"


class CacheError(HeroError):
    """The cache, or the frozen directory, cannot be read or written.

    Attributes:
        path: What could not be used.
        place: Which of the two, by the option that says where it is.
    """

    kind = "cache"

    def __init__(
        self,
        *,
        path: str,
        problem: str,
        way_out: str = "",
        place: Literal["cache_dir", "frozen_dir"] = "cache_dir",
    ) -> None:
        name = "cache" if place == "cache_dir" else place
        super().__init__(f"{name} {path}: {problem}", way_out=way_out)
        self.path, self.place = path, place


class SharedCacheError(HeroError):
    """The shared cache cannot be read or written. Never ends a build.

    Attributes:
        url: Where it is, without credentials.
        problem: Why, in a few words; without secrets.
        denied: True where it refuses us, which may be as it should: a fork reads and writes not.
    """

    kind = "shared_cache"

    def __init__(self, *, url: str, problem: str, way_out: str = "", denied: bool = False) -> None:
        super().__init__(f"shared cache {url}: {problem}", way_out=way_out)
        self.url, self.problem, self.denied = url, problem, denied


def brief(value: object) -> str:
    """One line that shows ``value``, however large or deep it is: pages come from pull requests.

    YAML aliases make a mapping of kilobytes that would print as gigabytes, and its hexadecimal
    numbers may be longer than Python is ready to print.
    """
    if isinstance(value, str):
        return shorten(repr(value))
    printer = reprlib.Repr()
    printer.maxlevel, printer.maxother = 2, 80
    try:
        return shorten(printer.repr(value))
    except ValueError:  # sys.set_int_max_str_digits
        return f"a value too long to show ({type(value).__name__})"


def printable(text: str) -> str:
    r"""Return ``text`` with escapes such as ``\x1b`` for what does not print as itself.

    Names of pages and nodes may hold escape sequences and line breaks, which would forge what a
    terminal or a log shows.
    """
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def shorten(text: str, limit: int = 80) -> str:
    """Cut ``text`` to ``limit`` characters, with an ellipsis in the place of what is cut."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def shell_word(text: str) -> str:
    """Return ``text`` as one word of a POSIX shell's command line, for a way out to be copied."""
    return shlex.quote(printable(text))
