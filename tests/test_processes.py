"""Builds beside each other, as real processes of one machine: each image is rendered once."""

import os
import signal
import subprocess
import sys
import time

import pytest

PAGES = 4


@pytest.fixture
def start(site):
    """Start a build of the site beside others, each into a folder of its own."""
    running = []
    for seed in range(PAGES):
        site.page(f"{seed}.md", hero_prompt="a harbour", hero_seed=seed)
    config = site.write_config()

    def begin():
        folder = site.root / f"site-{len(running)}"
        build = subprocess.Popen(
            [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", config, "-d", folder],
            env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        running.append(build)
        return build, folder

    yield begin
    for build in running:
        with build:
            build.kill()


def wait_for(condition):
    """Wait until something has come true that will."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def read_until(build, text):
    """What a build said up to the line that holds ``text``."""
    said = []
    for line in build.stdout:
        said.append(line)
        if text in line:
            return "".join(said)
    raise AssertionError("".join(said))


def heroes(folder):
    return sorted(path.name for path in (folder / "assets/heroes").iterdir())


def test_two_builds_at_once_render_each_image_once(start, comfyui, promised):
    comfyui.hold()
    first, here = start()
    wait_for(lambda: comfyui.submissions)
    second, there = start()
    read_until(second, f"{PAGES} heroes are being rendered by another build")
    comfyui.release()

    for build in (first, second):
        said = build.communicate(timeout=60)[0]
        assert build.returncode == 0, said
        assert f"{PAGES} heroes: {PAGES} rendered" in said
    assert len(comfyui.submissions) == PAGES
    assert heroes(here) == heroes(there)
    assert len(heroes(here)) == PAGES
    assert promised["two builds at once"].startswith("all images in both")


def test_of_two_builds_the_other_takes_over_when_one_is_killed(start, comfyui, promised):
    comfyui.hold()
    killed, _ = start()
    wait_for(lambda: comfyui.submissions)
    other, there = start()
    read_until(other, "being rendered by another build")
    left_behind = len(comfyui.submissions)

    killed.send_signal(signal.SIGKILL)
    wait_for(lambda: len(comfyui.submissions) > left_behind)
    comfyui.release()

    said = other.communicate(timeout=60)[0]
    assert other.returncode == 0, said
    assert len(heroes(there)) == PAGES
    assert len(comfyui.submissions) == left_behind + PAGES
    assert promised["two builds at once, one is killed"].startswith("all images in the other")


def test_a_build_whose_images_are_there_does_not_wait_for_one_that_renders(start, site, comfyui):
    """Readers of other keys wait for nobody."""
    assert site.build().error is None
    site.page("new.md", hero_prompt="a mill")
    comfyui.hold()
    renders, _ = start()
    wait_for(lambda: len(comfyui.submissions) == PAGES + 1)
    site.page("new.md")

    reads, there = start()
    said = reads.communicate(timeout=60)[0]

    assert reads.returncode == 0, said
    assert f"{PAGES} heroes: {PAGES} cached" in said
    assert len(heroes(there)) == PAGES
    assert renders.poll() is None
    comfyui.release()
    assert renders.wait(60) == 0
