"""A clock that tests move, jobs and events at hand, and a terminal that keeps what it is shown."""

import re
import unicodedata

import pytest

from mkdocs_comfy.comfyui.jobs import RenderJob
from mkdocs_comfy.progress.display import Display

SEQUENCE = re.compile(r"\x1b\[(\d*)([AJKm])")


class Terminal:
    """Does what ECMA-48 says of the sequences that we use, and wraps as terminals do.

    Args:
        columns: Its width.
    """

    def __init__(self, columns=80):
        self.columns = columns
        self._lines = [[]]
        self._row = self._column = 0

    @property
    def text(self):
        """What it shows, without blanks at the ends of lines."""
        return [
            "".join(line).replace("\0", "").rstrip() for line in self._lines if line is not None
        ]

    def feed(self, text):
        """Take what is written to it."""
        while text:
            if text.startswith("\x1b"):
                sequence = SEQUENCE.match(text)
                assert sequence, f"no sequence that we use: {text[:10]!r}"
                self._do(sequence[2], int(sequence[1] or (0 if sequence[2] in "JKm" else 1)))
                text = text[sequence.end() :]
            else:
                self._put(text[0])
                text = text[1:]
        return self

    def _do(self, letter, number):
        if letter == "A":
            assert number > 0
            self._row = max(0, self._row - number)
        elif letter in "JK":
            assert number == 0
            del self._lines[self._row][self._column :]
            if letter == "J":
                del self._lines[self._row + 1 :]

    def _put(self, each):
        if each == "\r":
            self._column = 0
        elif each == "\n":  # the terminal's driver puts a return in front of it
            self._row, self._column = self._row + 1, 0
            if self._row == len(self._lines):
                self._lines.append([])
        else:
            cells = [each, "\0"] if unicodedata.east_asian_width(each) in "WF" else [each]
            if self._column + len(cells) > self.columns:
                self._put("\n")
            line = self._lines[self._row]
            line += " " * (self._column - len(line))
            line[self._column : self._column + len(cells)] = cells
            self._column += len(cells)


@pytest.fixture
def new_terminal():
    return Terminal


class Clock:
    """Seconds that a test sets."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def job():
    """Make jobs; the page stands for the image."""

    def make(page="a.md", template="default"):
        return RenderJob(key=f"k1-{page}", graph={}, output="9", template=template, page=page)

    return make


@pytest.fixture
def said():
    """What a display said, warnings with a mark."""
    return []


@pytest.fixture
def new_display(said, clock):
    """Make displays whose day stands still."""

    def make(screen=None):
        return Display(
            say=said.append,
            warn=lambda text: said.append(f"! {text}"),
            screen=screen,
            clock=clock,
            stamp=lambda: "12:00:00",
        )

    return make
