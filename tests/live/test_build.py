"""Whole builds of a small MkDocs site against a real ComfyUI."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

HERE = Path(__file__).resolve().parent
# Runs mkdocs in an interpreter that ends with status 70 as soon as anything opens a socket.
WITHOUT_SOCKETS = """
import os, sys
sys.addaudithook(lambda event, _: event == "socket.__new__" and os._exit(70))
from mkdocs.__main__ import cli
cli()
"""
PAGES = {
    "index.md": "hero_prompt: a quiet bay\nhero_seed: 1\nhero_alt: A bay",
    "twin.md": "hero_prompt: a quiet bay\nhero_seed: 1",
    "sub/cove.md": "hero_prompt: '{title} at noon'\nhero_size: 512x256",
    "model.md": (
        "hero_prompt: a lighthouse\nhero_template: sd15\n"
        "hero_size: 256x128\nhero_params: {steps: 2}"
    ),
}
SIZES = {"index": (256, 128), "twin": (256, 128), "sub/cove": (512, 256), "model": (256, 128)}


class LiveSite:
    """A site on the disk whose pages ask a real server for heroes."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.site = folder / "site"
        (folder / "comfy_templates").mkdir()
        (folder / "comfy_templates" / "live.json").write_text(
            (HERE / "live_graph.json").read_text()
        )
        config = {
            "site_name": "Live",
            "plugins": [{"comfy": {"server": url, "template": "live"}}],
        }
        (folder / "mkdocs.yml").write_text(json.dumps(config))
        for page, front_matter in PAGES.items():
            self.write(page, front_matter)

    def write(self, page: str, front_matter: str) -> None:
        """Write a page of that front matter."""
        path = self.folder / "docs" / page
        path.parent.mkdir(parents=True, exist_ok=True)
        title = path.stem.title()
        path.write_text(f"---\n{front_matter}\n---\n\n# {title}\n\nWords.\n")

    @contextlib.contextmanager
    def start(self, *command: str):
        """A build under way; ``command`` is what Python runs. It ends with the block."""
        with subprocess.Popen(
            [sys.executable, *command, "build", "--strict"],
            cwd=self.folder,
            env={**os.environ, "NO_COLOR": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def build(self, *command: str) -> tuple[int, str]:
        """Build, and return the exit status and the log."""
        with self.start(*(command or ("-m", "mkdocs"))) as process:
            log, _ = process.communicate(timeout=120)
        return process.returncode, log

    def heroes(self) -> dict[str, Path]:
        """Page → the file its hero's URL leads to."""
        found = {}
        for page in SIZES:
            html = self.site / page / "index.html" if page != "index" else self.site / "index.html"
            (src,) = re.findall(r'<img[^>]* src="([^"]*assets/heroes/[^"]*)"', html.read_text())
            found[page] = (html.parent / src).resolve()
        return found


@pytest.fixture
def site(comfyui, tmp_path):
    return LiveSite(tmp_path, comfyui.url)


def test_the_first_build_renders_and_the_second_opens_no_socket(site, comfyui):
    before = len(comfyui.entries())

    status, log = site.build()

    assert status == 0, log
    assert len(comfyui.entries()) - before == 3, "two pages share one picture"
    heroes = site.heroes()
    assert heroes["index"] == heroes["twin"]
    for page, path in heroes.items():
        with Image.open(path) as image:
            assert (image.format, image.size) == ("WEBP", SIZES[page])

    status, log = site.build("-c", WITHOUT_SOCKETS)

    assert status == 0, log
    assert site.heroes() == heroes


def test_a_build_with_something_to_render_does_open_a_socket(site):
    """What the test above would say if it did."""
    status, _ = site.build("-c", WITHOUT_SOCKETS)

    assert status == 70


def test_a_changed_prompt_renders_one_picture(site, comfyui):
    site.build()
    before = len(comfyui.entries())

    site.write("sub/cove.md", "hero_prompt: a cove at dusk\nhero_size: 512x256")
    status, log = site.build()

    assert status == 0, log
    assert len(comfyui.entries()) - before == 1


def test_one_bad_page_fails_the_strict_build_and_keeps_the_others(site, comfyui):
    site.write("twin.md", "hero_prompt: no model for this\nhero_template: default")

    status, log = site.build()

    assert status == 1
    assert "sd_xl_base_1.0.safetensors" in log
    assert "installed: v1-5-pruned-emaonly.safetensors" in log
    before = len(comfyui.entries())
    site.write("twin.md", "title: no hero any more")
    status, log = site.build()
    assert status == 0, log
    assert len(comfyui.entries()) == before, "what was rendered before is kept"


def test_ctrl_c_withdraws_what_the_build_had_queued(site, comfyui, wait_until):
    for page in PAGES:
        site.write(page, f'hero_prompt: {page}\nhero_params: {{"Paint.sleep": 30.0}}')
    before = set(comfyui.entries())
    with site.start("-m", "mkdocs") as process:
        wait_until(lambda: all(comfyui.queued()), within=30)
        (running,), _ = comfyui.queued()

        process.send_signal(signal.SIGINT)

        log, _ = process.communicate(timeout=30)
    assert process.returncode != 0, log
    wait_until(lambda: comfyui.queued() == ([], []), within=3)
    assert "execution_interrupted" in dict(comfyui.finished(running)["status"]["messages"])
    assert set(comfyui.entries()) - before == {running}, "what waited never ran"
