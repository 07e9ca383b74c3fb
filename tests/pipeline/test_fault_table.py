"""The fault table, a test a row: how it ends, how often it is submitted, what the cache has then.

Everything is real but the server: the pipeline, its connections, its cache. docs/unattended.md
states the same as a promise. Waiting times are shorter than the usual ones, see ``SHORTER``.
"""

import gzip
import io
import struct
import threading
import zlib
from dataclasses import dataclass, field

import pytest
from PIL import Image, ImageStat

from mkdocs_comfy.comfyui.jobs import Retried, Running, Submitted, Waiting
from mkdocs_comfy.comfyui.server import Pace
from mkdocs_comfy.errors import (
    AuthError,
    BadImageError,
    InterruptedRenderError,
    LostError,
    NotComfyUIError,
    OutOfMemoryError,
    QuotaError,
    RejectedError,
    RenderTimeoutError,
    TooLargeError,
    UnreachableError,
)
from mkdocs_comfy.pipeline import Notice
from mkdocs_comfy.testing import Answer, FakeComfyUI, NodeFailure, flat_painter

SHORTER = 25
"""How many times shorter than the usual ones the waiting times of ``Lab.build`` are."""

JSON = {"Content-Type": "application/json"}
DUPLICATE = b'{"error": {"type": "duplicate_prompt_id", "message": "known"}, "node_errors": {}}'
TEAL = (0, 128, 128)


@dataclass(kw_only=True)
class Row:
    """One fault.

    Attributes:
        name: What happens, as the table says it; rows that differ by " #1", " #2" share a line.
        arrange: Done to the server before the heroes of two pages are rendered.
        at: Kinds of events → what is done to the server at the first of that kind.
        error: What one hero fails with; ``None`` where both images come.
        both: True where the other fails with it too.
        submitted: Jobs that the server accepted, at least and at most.
        options: Settings of the build, and ``pace``.
        shows: Mode and colour of the images that the site gets.
    """

    name: str
    arrange: object = lambda _: None
    at: dict = field(default_factory=dict)
    error: type | None = None
    both: bool = False
    submitted: tuple = (2, 2)
    options: dict = field(default_factory=dict)
    shows: tuple | None = None

    def __str__(self):
        return self.name

    @property
    def promise(self):
        return self.name.partition(" #")[0]

    @property
    def end(self):
        return "all images" if self.error is None else f"`{self.error.kind}`"

    @property
    def failed(self):
        return 0 if self.error is None else 1 + self.both


# What is done to the server ----------------------------------------------------------------------


def answers(route, *, times=None, **answer):
    return lambda comfyui: comfyui.answer(route, Answer(**answer), times=times)


def knob(**values):
    def turn(comfyui):
        for name, value in values.items():
            setattr(comfyui, name, value)

    return turn


def dies(*, back_after=None):
    def die(comfyui):
        comfyui.crash()
        if back_after is not None:
            comfyui.restart(after=back_after)

    return die


def crashes(point, *, back_after=0.3):
    return lambda comfyui: comfyui.crash_when(point, restart_after=back_after)


def each(*steps):
    def take(comfyui):
        for step in steps:
            step(comfyui)

    return take


def call(name):
    return lambda comfyui: getattr(comfyui, name)()


def interrupts_the_first(comfyui):
    comfyui.interrupt(comfyui.submissions[0]["prompt_id"])


def soon(act, seconds=0.3):
    """Do it a little later, while the client is at work."""
    return lambda comfyui: threading.Timer(seconds, act, [comfyui]).start()


def forgets(comfyui):
    """What is done is in no history, old or new."""
    comfyui.answer("/history", Answer(headers=JSON, body=b"{}"))
    comfyui.answer("/jobs", Answer(status=404, headers=JSON, body=b'{"error": "Job not found"}'))


def remembers(comfyui):
    comfyui.answer("/history", None)
    comfyui.answer("/jobs", None)


def says(*frames):
    def say(comfyui):
        for frame in frames:
            comfyui.broadcast(frame)

    return say


def sends(body, **answer):
    """The first image that is fetched is this one."""
    return answers("/view", times=1, body=body, **answer)


def moved(times=None, **headers):
    return answers("/view", status=302, headers=headers, times=times)


# Images ------------------------------------------------------------------------------------------


def chunk(kind, data=b""):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(size, pixel, *, depth, colour):
    """A PNG of one colour in any depth and colour type; Pillow writes few."""
    width, height = size
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    rows = zlib.compressobj(9)
    line = b"\0" + (pixel * width if depth == 16 else bytes((width + 7) // 8))
    body = b"".join(rows.compress(line) for _ in range(height)) + rows.flush()
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", body), chunk(b"IEND"))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def deep(colour, *samples):
    """A PNG with 16 bits a sample."""
    return png((512, 256), struct.pack(f">{len(samples)}H", *samples), depth=16, colour=colour)


def saved(kind, mode="RGB", colour=TEAL, size=(512, 256), **how):
    file = io.BytesIO()
    Image.new(mode, size, colour).save(file, kind, **how)
    return file.getvalue()


def animated(kind):
    frames = [Image.new("RGB", (512, 256), colour) for colour in ("gold", "navy")]
    return saved(kind, save_all=True, append_images=frames, duration=100)


BOMB = png((20_000, 20_000), b"", depth=1, colour=0)
WHOLE = saved("PNG")


ROWS = [
    # The server dies and comes back
    Row(name="kill -9 while running", arrange=crashes("running"), submitted=(3, 4)),
    Row(name="kill -9 at the submission", arrange=crashes("submitted"), submitted=(3, 3)),
    Row(
        name="kill -9 while queued",
        arrange=call("hold"),
        at={Submitted: soon(each(dies(back_after=0.3), call("release")))},
        submitted=(3, 4),
    ),
    Row(
        name="kill -9 after done and before the history",
        arrange=knob(history_lag=30),
        at={Running: soon(each(dies(back_after=0.3), knob(history_lag=0)))},
        submitted=(3, 4),
    ),
    Row(
        name="kill -9 during /view: the file is still there",
        arrange=each(knob(drip=0.02, latency=0.05)),
        at={Running: soon(each(dies(back_after=0.3), knob(drip=0)))},
        submitted=(2, 3),
    ),
    *(
        Row(
            name=name,
            arrange=crashes("running", back_after=seconds / SHORTER),
            submitted=(3, 4),
            options={"patience": patience / SHORTER},
        )
        for name, seconds, patience in (
            ("restart with an empty queue after 1 s", 1, 60),
            ("restart with an empty queue after 10 s", 10, 60),
            ("restart with an empty queue after 60 s", 60, 120),
        )
    ),
    Row(
        name="never comes back",
        arrange=crashes("running", back_after=None),
        error=UnreachableError,
        both=True,
        submitted=(1, 2),
        options={"patience": 0.5},
    ),
    Row(
        name="dies at every job",
        arrange=each(
            lambda comfyui: comfyui.crash_when("submitted", restart_after=0.05),
        ),
        at={Retried: lambda comfyui: comfyui.crash_when("submitted", restart_after=0.05)},
        submitted=(3, 6),
    ),
    # The socket
    Row(name="socket refused", arrange=knob(refuse_socket=True)),
    Row(name="socket answered with garbage", arrange=answers("/ws", body=b"garbage")),
    Row(
        name="socket closed",
        arrange=knob(latency=0.5),
        at={Running: call("close_sockets")},
    ),
    Row(name="socket silent", arrange=knob(silent_socket=True)),
    Row(
        name="garbage on the socket",
        arrange=knob(latency=0.5),
        at={Running: says("{nope", "[]", '{"type": 7}', b"", b"\xff" * 1000, "\0" * 1000)},
    ),
    Row(
        name="50 MB frame on the socket",
        arrange=knob(latency=0.5),
        at={Running: says(bytes(50 * 2**20))},
    ),
    # History and queue
    Row(
        name="history lags 5 s, and the queue too",
        arrange=knob(history_lag=5.0),
        at={Running: soon(knob(history_lag=0))},
    ),
    Row(
        name="history lags behind an empty queue",
        arrange=each(
            answers("/history", times=5, headers=JSON, body=b"{}"),
            answers("/jobs", times=5, status=404, headers=JSON, body=b"{}"),
        ),
        options={"pace": Pace(poll_last=0.2, poll_live=0.2)},
    ),
    Row(
        name="history evicted",
        arrange=knob(latency=0.2),
        at={Submitted: forgets, Retried: remembers},
        submitted=(3, 4),
    ),
    Row(
        name="queue cleared by someone",
        arrange=lambda comfyui: comfyui.enqueue_foreign(1.0),
        at={Submitted: soon(call("clear_queue"))},
        submitted=(3, 4),
    ),
    Row(
        name="interrupted by someone",
        arrange=call("hold"),
        at={Running: soon(each(interrupts_the_first, call("release")))},
        error=InterruptedRenderError,
    ),
    # The submission
    Row(
        name="answer lost",
        arrange=answers("/prompt", times=1, handled=True, reset=True),
    ),
    Row(name="answer never comes", arrange=answers("/prompt", times=1, handled=True, delay=9)),
    Row(name="lost on its way", arrange=answers("/prompt", times=1, reset=True)),
    Row(
        name="409, the id is known",
        arrange=answers("/prompt", times=1, handled=True, status=409, body=DUPLICATE),
    ),
    Row(
        name="200 with node_errors",
        arrange=answers(
            "/prompt",
            times=1,
            headers=JSON,
            body=b'{"prompt_id": "x", "node_errors": {"9": {"errors": [{"message": "no"}]}}}',
        ),
        error=RejectedError,
        submitted=(1, 1),
    ),
    Row(
        name="400",
        arrange=answers("/prompt", times=1, status=400, body=b"no"),
        error=RejectedError,
        submitted=(1, 1),
    ),
    Row(
        name="401",
        arrange=answers("/prompt", status=401),
        error=AuthError,
        both=True,
        submitted=(0, 0),
    ),
    Row(
        name="403",
        arrange=answers("/prompt", status=403),
        error=AuthError,
        both=True,
        submitted=(0, 0),
    ),
    Row(
        name="404",
        arrange=answers("/prompt", status=404),
        error=NotComfyUIError,
        both=True,
        submitted=(0, 0),
    ),
    Row(
        name="413",
        arrange=answers("/prompt", times=1, status=413),
        error=RejectedError,
        submitted=(1, 1),
    ),
    Row(
        name="429 without a time",
        arrange=answers("/prompt", status=429),
        error=QuotaError,
        both=True,
        submitted=(0, 0),
    ),
    Row(
        name="429 with Retry-After",
        arrange=answers("/prompt", times=1, status=429, headers={"Retry-After": "1"}),
    ),
    Row(
        name="503 with Retry-After",
        arrange=answers("/prompt", times=2, status=503, headers={"Retry-After": "1"}),
        options={"retries": 0},
    ),
    Row(
        name="429 with more than patience",
        arrange=answers("/prompt", status=429, headers={"Retry-After": "3600"}),
        error=QuotaError,
        both=True,
        submitted=(0, 0),
    ),
    Row(
        name="429 while it is watched",
        arrange=each(
            knob(refuse_socket=True),
            answers("/queue", times=1, status=429, headers={"Retry-After": "1"}),
        ),
    ),
    Row(
        name="500 text",
        arrange=answers("/prompt", times=1, status=500, body=b"500 Internal Server Error"),
        error=RejectedError,
        submitted=(1, 1),
    ),
    Row(
        name="502 HTML, once",
        arrange=answers("/prompt", times=1, status=502, body=b"<html>Bad Gateway</html>"),
    ),
    Row(
        name="502 HTML, for ever",
        arrange=answers("/prompt", status=502, body=b"<html>Bad Gateway</html>"),
        error=UnreachableError,
        both=True,
        submitted=(0, 0),
        options={"patience": 0.5},
    ),
    Row(
        name="302",
        arrange=answers("/prompt", status=302, headers={"Location": "/login"}),
        error=AuthError,
        both=True,
        submitted=(0, 0),
    ),
    Row(
        name="301 to https",
        arrange=answers("/prompt", status=301, headers={"Location": "https://127.0.0.1/"}),
        error=NotComfyUIError,
        both=True,
        submitted=(0, 0),
    ),
    # The image
    Row(name="/view 404, once", arrange=answers("/view", times=1, status=404), submitted=(3, 3)),
    Row(
        name="/view 404, for ever",
        arrange=answers("/view", status=404),
        error=LostError,
        both=True,
        submitted=(6, 6),
    ),
    Row(
        name="success without a file",
        arrange=knob(without_images=True),
        at={Retried: knob(without_images=False)},
        submitted=(3, 4),
    ),
    Row(name="/view reset, once", arrange=answers("/view", times=1, reset=True)),
    Row(name="/view reset, three times", arrange=answers("/view", times=3, reset=True)),
    *(
        Row(
            name=f"/view breaks off, at every tenth of its bytes #{tenth}",
            arrange=sends(WHOLE, breaks_off=tenth / 10),
        )
        for tenth in range(10)
    ),
    Row(name="/view 502, once", arrange=answers("/view", times=1, status=502)),
    Row(name="/view 403", arrange=answers("/view", status=403), error=AuthError, both=True),
    Row(
        name="/view 302 to another host",
        arrange=moved(times=1, Location="http://images.invalid/x.png"),
        error=LostError,
    ),
    Row(
        name="/view drips",
        arrange=knob(drip=0.2),
        error=RenderTimeoutError,
        both=True,
    ),
    Row(name="/view endless", arrange=knob(endless=True), error=TooLargeError, both=True),
    Row(
        name="/view gzip bomb",
        arrange=answers(
            "/view",
            times=1,
            headers={"Content-Encoding": "gzip"},
            body=gzip.compress(bytes(2**26)),
        ),
        error=TooLargeError,
        options={"max_bytes": 2**24},
    ),
    # What is in the file
    Row(name="decompression bomb", arrange=sends(BOMB), error=TooLargeError),
    *(
        Row(
            name=f"truncated file, at every tenth of its bytes #{tenth}",
            arrange=sends(WHOLE[: len(WHOLE) * tenth // 10]),
            error=BadImageError,
        )
        for tenth in range(10)
    ),
    Row(
        name="HTML in the place of the image",
        arrange=sends(b"<!doctype html><title>Sign in</title>"),
        error=BadImageError,
    ),
    Row(name="image of one pixel", arrange=sends(saved("PNG", size=(1, 1))), error=BadImageError),
    Row(
        name="image of another size",
        arrange=knob(picture=saved("PNG", size=(640, 640))),
        shows=("RGB", TEAL),
    ),
    *(
        Row(name=name, arrange=knob(picture=animated(kind)), shows=("RGB", TEAL))
        for name, kind in (
            ("animated PNG", "PNG"),
            ("animated WebP", "WebP"),
            ("animated AVIF", "AVIF"),
        )
    ),
    Row(name="animated GIF", arrange=sends(animated("GIF")), error=BadImageError),
    Row(
        name="16-bit colour",
        arrange=knob(picture=deep(2, 0x00FF, 0x80FF, 0x80FF)),
        shows=("RGB", TEAL),
    ),
    Row(
        name="16-bit grey",
        arrange=knob(picture=deep(0, 0x6001)),
        shows=("RGB", (96, 96, 96)),
    ),
    Row(
        name="CMYK",
        arrange=knob(picture=saved("JPEG", "CMYK", (255, 127, 127, 0), quality=95)),
        shows=("RGB", TEAL),
    ),
    Row(
        name="alpha",
        arrange=knob(picture=saved("PNG", "RGBA", (*TEAL, 100))),
        shows=("RGBA", (*TEAL, 100)),
    ),
    # What no retry mends
    Row(
        name="out of memory",
        arrange=knob(fail_with=NodeFailure(exception_type="torch.OutOfMemoryError")),
        error=OutOfMemoryError,
        both=True,
    ),
]

SEEN_BY_BOTH = ("kill", "restart", "never", "dies", "history", "queue", "interrupted", "answer")


@pytest.fixture
def newer(request):
    """Whether the server is one that tells of jobs."""
    return False


@pytest.fixture
def comfyui(newer):
    with FakeComfyUI(painter=flat_painter, jobs_api=newer) as server:
        yield server


@pytest.mark.parametrize(
    ("row", "newer"),
    [
        *((row, False) for row in ROWS),
        *((row, True) for row in ROWS if row.name.startswith(SEEN_BY_BOTH)),
    ],
    ids=lambda value: str(value) if isinstance(value, Row) else ("jobs" if value else "history"),
)
def test_the_table(row, lab, promised):
    lab.begin()
    row.arrange(lab.comfyui)

    outcome = lab.build(at=row.at, **row.options)

    assert outcome.kinds == [row.error] * row.failed
    assert outcome.in_cache == 2 - row.failed, "every image that was finished"
    least, most = row.submitted
    submissions = lab.comfyui.submissions
    assert least <= len(submissions) <= most
    prefixes = {each["prompt"]["9"]["inputs"]["filename_prefix"] for each in submissions}
    assert len(prefixes) == len({each["prompt_id"] for each in submissions}), (
        "a new id has a new one"
    )
    for image in outcome.images if row.shows else ():
        assert_shows(image, *row.shows)
    assert promised[row.promise].startswith(row.end)


def assert_shows(image, mode, colour):
    """The file for the site has this mode and, on the whole, this colour, in sRGB."""
    with Image.open(image.path) as shown:
        assert (shown.format, shown.mode) == ("WEBP", mode)
        assert "icc_profile" not in shown.info
        assert ImageStat.Stat(shown).mean == pytest.approx(colour, abs=3)


def test_a_file_of_another_shape_is_told(lab):
    lab.begin()
    lab.comfyui.picture = saved("PNG", size=(640, 640))

    events = lab.build().events

    notices = [event.text for event in events if isinstance(event, Notice)]
    assert len(notices) == 2
    assert all("asked for 512x256" in text and "gave 640x640" in text for text in notices)


def test_a_restart_of_ten_seconds_in_real_time(lab):
    """With the waiting times that users have, and the patience."""
    lab.begin()
    lab.comfyui.crash_when("running", restart_after=10)

    outcome = lab.build(pace=Pace(), patience=60)

    assert outcome.kinds == []
    assert outcome.in_cache == 2
    assert 3 <= len(lab.comfyui.submissions) <= 4
    assert any(isinstance(event, Waiting) for event in outcome.events)
