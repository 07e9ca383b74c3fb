"""The fault table: what happens to the machine that builds: clocks, disks, a killed build."""

import asyncio
import errno
import io
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from mkdocs_comfy.comfyui.jobs import Running
from mkdocs_comfy.errors import CacheError
from mkdocs_comfy.images import blobs
from mkdocs_comfy.pipeline import Stored

DAY = 24 * 3600.0
SMALL_FILES = 2**20
"""Bytes that a file may have at most where the disk is full for larger ones."""

LIMITED = f"""
import os, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, ({SMALL_FILES}, {SMALL_FILES}))
os.execv(sys.executable, [sys.executable, "-m", "mkdocs", *sys.argv[1:]])
"""
KILLED = """
import os, signal, sys
from mkdocs.__main__ import cli
from mkdocs_comfy.images import encode
encode.Source.webp = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
cli(sys.argv[1:])
"""


def build(script, site):
    """A process of its own that builds the site; its exit status and what it said."""
    command = [sys.executable, "-c", script, "build", "-f", str(site.write_config())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


# Clocks ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("days", [-1, 1])
def test_somebody_sets_the_wall_clock(lab, monkeypatch, promised, days):
    lab.begin()
    lab.comfyui.latency = 0.3
    real = time.time

    def set_it(_):
        monkeypatch.setattr(time, "time", lambda: real() + days * DAY)

    outcome = lab.build(at={Running: set_it}, timeout=20, max_time=60)

    assert outcome.kinds == []
    assert outcome.in_cache == 2
    assert len(lab.comfyui.submissions) == 2
    name = {-1: "wall clock set back by a day", 1: "wall clock set forward by a day"}[days]
    assert promised[name].startswith("all images")


@pytest.mark.parametrize("connected", [True, False])
def test_the_machine_sleeps(lab, monkeypatch, promised, connected):
    """The clock jumps by an hour while a job runs, with every timer; maybe nobody was kept."""
    lab.begin()
    jump = [0.0]
    monkeypatch.setattr(asyncio.BaseEventLoop, "time", lambda _: time.monotonic() + jump[0])
    lab.comfyui.hold()

    def sleep(comfyui):
        jump[0] = 3600.0
        if not connected:
            comfyui.close_sockets()
        comfyui.release()

    outcome = lab.build(
        at={Running: sleep}, clock=lambda: time.monotonic() + jump[0], timeout=20, max_time=60
    )

    assert outcome.kinds == []
    assert outcome.in_cache == 2
    assert len(lab.comfyui.submissions) == 2
    assert promised["machine asleep for an hour"].startswith("all images")


# Disks -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_the_disk_is_full_when_an_image_is_stored(lab, monkeypatch, promised, code):
    """What was stored stays; what was not is rendered once there is room."""
    lab.begin(heroes=6)
    lab.comfyui.latency = 0.1
    sync = os.fsync

    def fill(_):
        monkeypatch.setattr(blobs.os, "fsync", full)

    def full(_):
        raise OSError(code, os.strerror(code))

    outcome = lab.build(at={Stored: fill})

    assert set(outcome.kinds) == {CacheError}
    assert len({id(error) for error in outcome.errors}) <= 2, "the rest shares one cause"
    assert "free some space" in outcome.errors[0].way_out
    assert 1 <= outcome.in_cache == len(outcome.images)
    assert len(lab.comfyui.submissions) < 6, "no more is rendered in vain"
    assert not [*Path(lab.settings.cache_dir).rglob("*.tmp")], "nothing is half written"

    monkeypatch.setattr(blobs.os, "fsync", sync)
    before = len(lab.comfyui.submissions)
    originals = len([*(lab.settings.cache_dir / "originals").iterdir()])
    assert originals > outcome.in_cache, "maybe one was stored, and had no room when encoded"
    again = lab.build(cached=originals)

    assert again.in_cache == 6
    assert len(lab.comfyui.submissions) - before == 7 - originals
    assert promised["disk full while storing"].startswith("the cache says so")


def test_the_system_refuses_to_write_an_image(site, comfyui, promised):
    """In earnest: the process may write no file over a megabyte, and the second image has two."""
    site.page("index.md", hero_prompt="first")
    assert site.build().error is None
    site.page("other.md", hero_prompt="second")
    file = io.BytesIO()
    noise = random.Random(1).randbytes(1344 * 768 * 3)  # noqa: S311  # no secret
    Image.frombytes("RGB", (1344, 768), noise).save(file, "PNG", compress_level=0)
    comfyui.picture = file.getvalue()

    status, said = build(LIMITED, site)

    assert status == 0
    assert "file too large: 1 hero is missing, other.md" in said
    assert "2 heroes: 1 cached, 1 missing" in said
    cache = site.root / ".cache/plugin/comfy"
    assert len([*(cache / "originals").iterdir()]) == 1, "nothing is half written"
    assert "1 rendered" in site.build().summary
    assert len(comfyui.submissions) == 3
    assert promised["a file of the cache cannot be written"].startswith("the cache says so")


# A build that is killed --------------------------------------------------------------------------


def test_the_build_is_killed_between_storing_and_encoding(site, comfyui, promised):
    site.page("index.md", hero_prompt="a harbour")

    status, _ = build(KILLED, site)

    assert status == -signal.SIGKILL
    assert len(comfyui.executed) == 1
    comfyui.stop()
    built = site.build()
    assert built.summary == "1 hero: 1 cached"
    assert len(built.heroes()) == 1
    assert len(comfyui.submissions) == 1
    assert promised["build killed between storing and encoding"].startswith("all images")


def test_the_build_is_killed_while_it_renders(site, comfyui, promised):
    """It had said that it renders the images; that ends with it."""
    for seed in range(2):
        site.page(f"{seed}.md", hero_prompt="a harbour", hero_seed=seed)
    comfyui.hold()
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    command = [sys.executable, "-m", "mkdocs", "build", "-q", "-f", str(site.write_config())]
    with subprocess.Popen(command, env=environment) as killed:
        while not comfyui.submissions:
            time.sleep(0.02)
        killed.kill()
    comfyui.crash()
    comfyui.release()
    comfyui.restart()

    built = site.build(strict=True)

    assert built.summary.startswith("2 heroes: 2 rendered in ")
    assert not [each for each in built.messages() if "another build" in each]
    assert len(comfyui.executed) == 2
    assert promised["build killed while it renders"] == "all images in the next build, at once"
