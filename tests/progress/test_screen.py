"""Lines that are redrawn in place."""

import fcntl
import io
import os
import struct
import termios

import pytest

from mkdocs_comfy.progress.screen import Screen


class Stream(io.StringIO):
    """A terminal of 80 columns and 24 rows, as far as anybody can tell, with an encoding."""

    encoding = "utf-8"

    def taken(self):
        """What was written since the last look."""
        text = self.getvalue()
        self.seek(0)
        self.truncate()
        return text


@pytest.fixture
def stream():
    return Stream()


@pytest.fixture
def screen(stream):
    return Screen(stream)


def test_lines_are_drawn_over_those_before(stream, screen, new_terminal):
    terminal = new_terminal().feed("INFO - first\n")
    for lines in (["one", "two", "three"], ["four", "fi"], ["six", "seven", "eight"]):
        screen.draw(lines)

        assert terminal.feed(stream.taken()).text == ["INFO - first", *lines]


def test_cleared_lines_leave_nothing_and_the_next_message_stands_where_they_were(
    stream, screen, new_terminal
):
    terminal = new_terminal().feed("INFO - first\n")
    screen.draw(["one", "two"])
    screen.clear()
    terminal.feed(stream.taken() + "INFO - second\n")
    screen.draw(["three"])
    screen.clear()
    screen.clear()

    assert terminal.feed(stream.taken() + "end").text == ["INFO - first", "INFO - second", "end"]


def test_what_has_not_changed_is_not_written_again(stream, screen):
    screen.draw(["one"])
    stream.taken()
    screen.draw(["one"])

    assert stream.taken() == ""


@pytest.mark.parametrize("page", ["x" * 500, "港" * 500, "a港" * 300, "·ü" * 300])
@pytest.mark.parametrize("columns", [80, 79, 30, 2])
def test_a_long_line_is_cut_and_never_wrapped(new_terminal, page, columns):
    """A wrapped line would need more than one step up to be erased."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with os.fdopen(theirs, "w", encoding="utf-8") as stream:
        screen = Screen(stream)
        screen.draw([f"  hero 1 of 1  {page}", page])
        drawn = os.read(ours, 10_000).decode()
    os.close(ours)

    assert screen.rows == 23
    terminal = new_terminal(columns).feed(drawn)
    assert len(terminal.text) == 2
    assert terminal.text[1] == page[: len(terminal.text[1])]


def test_a_letter_of_ambiguous_width_counts_as_wide(stream, screen):
    """Terminals of East Asia show it in two columns (UAX #11)."""
    screen.draw(["·" * 100])

    assert stream.taken().count("·") == 39


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [("ascii", "1 - \\u6e2f.md"), ("cp1252", "1 - \\u6e2f.md"), ("utf-8", "1 · 港.md")],
)
def test_what_an_encoding_lacks_is_cut_as_it_is_going_to_be_seen(stream, screen, encoding, shown):
    stream.encoding = encoding
    screen.draw(["1 · 港.md", "港" * 100])

    first, second = stream.taken().removesuffix("\x1b[J").split("\x1b[K\n")
    assert first == f"\r{shown}"
    assert len(second) <= 80


def test_a_terminal_without_a_size_is_taken_for_a_usual_one():
    """So says one that nobody has sized: 0 rows of 0 columns."""
    ours, theirs = os.openpty()
    with os.fdopen(theirs, "w", encoding="utf-8") as stream:
        screen = Screen(stream)
        screen.draw(["x" * 200])

        assert screen.rows == 23
        assert os.read(ours, 1000).count(b"x") == 79
    os.close(ours)


@pytest.mark.parametrize("way", ["hung up", "closed"])
def test_a_terminal_that_is_gone_ends_no_build(way):
    ours, theirs = os.openpty()
    stream = os.fdopen(theirs, "w", encoding="utf-8", buffering=1)
    screen = Screen(stream)
    screen.draw(["one"])
    os.close(ours)
    if way == "closed":
        stream.close()

    screen.draw(["two", "three"])
    screen.clear()

    assert screen._gone
    if way == "hung up":
        with pytest.raises(OSError, match="Input/output"):
            stream.close()
