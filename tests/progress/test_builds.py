"""What a person sees: real builds in a real terminal, whose screen is looked at while they run."""

import codecs
import fcntl
import logging
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

import pytest

from mkdocs_comfy.comfyui.jobs import Progress as Step
from mkdocs_comfy.pipeline import Notice, Starting
from mkdocs_comfy.progress import Progress, cleared_before_records
from mkdocs_comfy.testing import Answer, FakeComfyUI, flat_painter

STAMP = re.compile(r"INFO    -  comfy: (\d\d:\d\d:\d\d) (.*)")


class Watched:
    """A build in a terminal, and every screen that it has shown."""

    def __init__(self, site, terminal, *, rows=24, env=None, arguments=("-m", "mkdocs", "build")):
        self.screens = []
        self.written = ""
        self._terminal = terminal
        ours, theirs = pty.openpty()
        size = struct.pack("HHHH", rows, terminal.columns, 0, 0)
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, size)
        self._file = ours
        usual = {name: value for name, value in os.environ.items() if name not in {"CI", "COLUMNS"}}
        self._process = subprocess.Popen(
            [sys.executable, *arguments, "-f", str(site.write_config())],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env={**usual, "TERM": "xterm", **(env or {})},
        )
        os.close(theirs)

    def watch(self, until=None, seconds=60):
        """Keep what is shown until a screen is as wanted, or until the end."""
        decoder = codecs.getincrementaldecoder("utf-8")()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if not select.select([self._file], [], [], 0.1)[0]:
                continue
            try:
                text = decoder.decode(os.read(self._file, 65536))
            except OSError:  # so Linux tells of the end
                break
            self.written += text
            self.screens.append(self._terminal.feed(text).text)
            if until is not None and until(self.screens[-1]):
                return self
        assert until is None, self.screens[-1:]
        return self

    def send(self, number):
        self._process.send_signal(number)

    def wait(self):
        """Watch to the end; the exit status."""
        self.watch()
        status = self._process.wait(timeout=20)
        os.close(self._file)
        return status

    @property
    def last(self):
        """What is left on the screen, without blank lines."""
        return [line for line in self.screens[-1] if line]


@pytest.fixture
def other_comfyui():
    with FakeComfyUI(painter=flat_painter) as server:
        yield server


@pytest.fixture
def six_pages(site, comfyui):
    comfyui.latency = 0.4
    for number in range(6):
        site.page(f"guide/page-{number}.md", hero_prompt=f"harbour {number}")
    return site


def lines_with(screens, text):
    return [line for screen in screens for line in screen if text in line]


def only_messages(lines):
    return all(re.match(r"(INFO|WARNING) +-  |Aborted!|\^C|    ", line) for line in lines)


def test_two_servers_have_a_line_each_and_the_whole_has_the_last(
    six_pages, comfyui, other_comfyui, new_terminal
):
    other_comfyui.latency = 0.8
    six_pages.options["server"] = [
        comfyui.url.replace("//", "//author:pa55word@"),
        other_comfyui.url,
    ]

    build = Watched(six_pages, new_terminal(200))

    assert build.wait() == 0
    first, second = (server.url.removeprefix("http://") for server in (comfyui, other_comfyui))
    both = [
        screen
        for screen in build.screens
        if lines_with([screen], f"  {first}  ") and lines_with([screen], f"  {second}  ")
    ]
    assert both
    assert lines_with(both, "step ")
    assert lines_with(both, "guide/page-")
    assert lines_with(both, "images/s")
    for screen in both:
        place = next(number for number, line in enumerate(screen) if f"  {first}" in line)
        assert screen[place + 1].startswith(f"  {second}")
        assert screen[place + 2].startswith("  hero ")
        assert not screen[place + 3 :] or not any(screen[place + 3 :])
    assert lines_with(both, "s left")
    assert only_messages(build.last)
    assert "pa55word" not in build.written


def test_one_server_has_one_line(six_pages, comfyui, new_terminal):
    build = Watched(six_pages, new_terminal(200))

    assert build.wait() == 0
    live = [screen for screen in build.screens if lines_with([screen], "  hero ")]
    assert all(len(lines_with([screen], "  hero ")) == 1 for screen in live)
    assert lines_with(live, "step ")
    assert lines_with(live, "guide/page-")
    assert not lines_with(live, "rendered guide/")
    assert only_messages(build.last)
    assert "6 heroes: 6 rendered in" in build.last[-2]


def test_the_command_render_has_the_lines_of_a_build(six_pages, comfyui, new_terminal):
    code = "from mkdocs_comfy.cli import main; main()"

    build = Watched(six_pages, new_terminal(200), arguments=("-c", code, "render"))

    assert build.wait() == 0
    live = [screen for screen in build.screens if lines_with([screen], "  hero ")]
    assert all(len(lines_with([screen], "  hero ")) == 1 for screen in live)
    assert lines_with(live, "step ")
    assert lines_with(live, "guide/page-")
    first, *middle, last = build.last
    assert first == f"rendering 6 heroes on {comfyui.url}"
    assert middle == []
    assert re.fullmatch(r"6 heroes: 6 rendered in \d+(\.\d)? s", last)


def test_a_narrow_terminal_is_not_wrapped(six_pages, comfyui, other_comfyui, new_terminal):
    six_pages.options["server"] = [comfyui.url, other_comfyui.url]

    build = Watched(six_pages, new_terminal(24), rows=3)

    assert build.wait() == 0
    assert lines_with(build.screens, "  hero ")
    # Messages of the log are wrapped, by MkDocs; the live lines leave nothing behind.
    left = " ".join(" ".join(build.last).split())
    assert "hero 1 of 6" not in left
    assert "6 heroes: 6 rendered in" in left


def test_messages_stand_above_the_live_lines(six_pages, comfyui, new_terminal):
    comfyui.answer("/view", Answer(status=404), times=1)

    build = Watched(six_pages, new_terminal(200))

    assert build.wait() == 0
    (told,) = {line for line in lines_with(build.screens, "is submitted again") if line}
    assert told.startswith("INFO    -  comfy: guide/page-")
    assert only_messages(build.last)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_end_by_a_signal_takes_the_live_lines_away(six_pages, comfyui, new_terminal, number):
    comfyui.hold()
    build = Watched(six_pages, new_terminal(200))
    build.watch(until=lambda screen: lines_with([screen], "guide/page-0.md"))

    build.send(number)

    assert build.wait() != 0
    assert not lines_with([build.last], "  hero ")
    (told,) = lines_with([build.last], "stopping (")
    assert told.endswith("our jobs are withdrawn, finished images kept")
    assert only_messages(build.last)


@pytest.mark.parametrize("env", [{"TERM": "dumb"}, {"CI": "true"}], ids=str)
def test_a_dumb_terminal_and_ci_have_plain_lines(six_pages, comfyui, new_terminal, env):
    build = Watched(six_pages, new_terminal(200), env=env)

    assert build.wait() == 0
    assert "\x1b[J" not in build.written
    ours = [found for line in build.last if (found := STAMP.match(line))]
    assert ours[0][2] == f"rendering 6 heroes on {comfyui.url}"
    rendered = [each[2] for each in ours[1:]]
    assert len(rendered) == 6
    for number, text in enumerate(rendered, start=1):
        counted = rf"\({number} of 6(, (about )?\d+ s left)?\)"
        assert re.fullmatch(rf"rendered guide/page-\d\.md in \d\.\d s {counted}", text), text
    stamps = [each[1] for each in ours]
    assert stamps == sorted(stamps) or stamps[0] > stamps[-1]  # midnight


def test_quiet_shows_nothing(six_pages, new_terminal):
    build = Watched(six_pages, new_terminal(), arguments=("-m", "mkdocs", "build", "-q"))

    assert build.wait() == 0
    assert build.written == ""


def drained(file):
    """What a terminal was sent until now."""
    text = ""
    while select.select([file], [], [], 0.1)[0]:
        text += os.read(file, 65536).decode()
    return text


# The thread that draws ---------------------------------------------------------------------------


def test_the_terminal_is_drawn_ten_times_a_second_at_most(job):
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w", encoding="utf-8", buffering=1) as stream:
        shown = Progress(say=lambda _: None, warn=lambda _: None, terminal=stream)
        shown(Starting(total=2, servers=("http://gpu",)))
        started = time.monotonic()
        for step in range(100):
            shown(Step(job=job(), step=step, steps=100, server="http://gpu"))
            time.sleep(0.005)
        seconds = time.monotonic() - started
        shown.close()
        written = drained(ours)
    os.close(ours)

    assert written.endswith("\r\x1b[J")
    assert 1 < written.count("step") <= seconds * 10 + 2


def test_a_foreign_record_finds_the_live_lines_gone(job):
    """MkDocs tells of browsers and missing pages while it serves."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w", encoding="utf-8", buffering=1) as stream:
        shown = Progress(say=lambda _: None, warn=lambda _: None, terminal=stream)
        logger = logging.getLogger("mkdocs_comfy.tests.foreign")
        logger.addHandler(logging.StreamHandler(stream))
        with cleared_before_records(logger, shown.clear):
            shown(Starting(total=2, servers=("http://gpu",)))
            written = ""
            while "hero" not in written:
                written += drained(ours)
            logger.warning("a browser came")
            shown.close()
        assert "\r\x1b[Ja browser came" in drained(ours)
        (handler,) = logger.handlers
        logger.removeHandler(handler)
        assert handler.filters == []
    os.close(ours)


def test_closing_ends_the_thread_and_is_harmless_without_one():
    said = []
    shown = Progress(say=said.append, warn=said.append, terminal=None)
    shown.close()
    shown = Progress(say=said.append, warn=said.append, terminal=None)
    shown(Notice(text="odd"))
    shown.close()

    assert not shown._thread.is_alive()
    assert [text[9:] for text in said] == ["odd"]
