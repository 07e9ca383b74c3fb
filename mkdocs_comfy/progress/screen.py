"""Lines that are redrawn in place, at the bottom of a terminal."""

from __future__ import annotations

import os
import unicodedata
from typing import TYPE_CHECKING, TextIO

from mkdocs_comfy.progress.words import SEPARATOR

if TYPE_CHECKING:
    from collections.abc import Sequence

# ECMA-48, 8.3.22, 8.3.39 and 8.3.41: up so many lines, erase the rest of the page, of the line.
_UP, _ERASE_BELOW, _ERASE_LINE = "\x1b[{}A", "\x1b[J", "\x1b[K"
_SIZE = os.terminal_size((80, 24))  # of a terminal that does not say


class Screen:
    """Draws lines over those that it drew before.

    A terminal that is gone is not written to any more; that ends no build.

    Args:
        terminal: A stream to a terminal that understands escape sequences.
    """

    def __init__(self, terminal: TextIO) -> None:
        self._terminal = terminal
        self._drawn: tuple[str, ...] = ()
        self._gone = False

    @property
    def rows(self) -> int:
        """How many lines may be drawn: one is left for what else is written."""
        return max(1, self._size().lines - 1)

    def draw(self, lines: Sequence[str]) -> None:
        """Show ``lines``, each cut to the width of the terminal."""
        # A line that fills the last column would be wrapped, and only its rest erased.
        columns = self._size().columns - 1
        encoding = self._terminal.encoding or "utf-8"
        fitted = tuple(_fitted(_encodable(line, encoding), columns) for line in lines)
        if fitted != self._drawn:
            self._write(self._home() + f"{_ERASE_LINE}\n".join(fitted) + _ERASE_BELOW)
            self._drawn = fitted

    def clear(self) -> None:
        """Take the lines away; the cursor is where they began."""
        if self._drawn:
            self._write(self._home() + _ERASE_BELOW)
            self._drawn = ()

    def _home(self) -> str:
        above = len(self._drawn) - 1
        return "\r" + (_UP.format(above) if above > 0 else "")

    def _write(self, text: str) -> None:
        if self._gone:
            return
        try:
            self._terminal.write(text)
            self._terminal.flush()
        except (OSError, ValueError):  # ValueError: the stream is closed
            self._gone = True

    def _size(self) -> os.terminal_size:
        try:
            size = os.get_terminal_size(self._terminal.fileno())
        except (OSError, ValueError):  # no file, no terminal, closed
            return _SIZE
        return os.terminal_size((size.columns or _SIZE.columns, size.lines or _SIZE.lines))


def _encodable(line: str, encoding: str) -> str:
    """``line`` as it is going to be seen: what an encoding lacks is written as an escape."""
    try:
        line.encode(encoding)
    except UnicodeEncodeError:
        plain = line.replace(SEPARATOR, " - ")
        return plain.encode(encoding, "backslashreplace").decode(encoding)
    return line


def _fitted(line: str, columns: int) -> str:
    """The beginning of ``line`` that fits.

    Letters of East Asia are two columns wide, and so are, on their terminals, those that others
    show in one (UAX #11, ambiguous).
    """
    for index, each in enumerate(line):
        columns -= 2 if unicodedata.east_asian_width(each) in "WFA" else 1
        if columns < 0:
            return line[:index]
    return line
