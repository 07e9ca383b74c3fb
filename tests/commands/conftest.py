"""The command line as a test calls it, and workflows as people have them."""

import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image, PngImagePlugin

from mkdocs_comfy.builtin import builtin_templates
from mkdocs_comfy.cli import main


@dataclass
class Said:
    """What one call of the command line came to."""

    status: int
    out: str
    err: str

    @property
    def document(self):
        """The one JSON document on stdout."""
        return json.loads(self.out)

    @property
    def fault(self):
        """The error in it."""
        assert list(self.document) == ["error"]
        return self.document["error"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def call():
    """``call("template", "list")``, without a traceback ever."""

    def run(*words):
        result = CliRunner().invoke(main, list(map(str, words)))
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert "Traceback" not in result.output
        return Said(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture
def graph():
    """The built-in graph, fresh."""
    return json.loads(builtin_templates().read("default.json"))


@pytest.fixture
def write(folder):
    """Write a file; mappings become JSON."""

    def put(name, content):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            file.write_bytes(content)
        else:
            text = content if isinstance(content, str) else json.dumps(content)
            file.write_text(text, encoding="utf-8")
        return file

    return put


def picture(kind="PNG", **texts):
    """An image as ComfyUI saves it."""
    file = io.BytesIO()
    image = Image.new("RGB", (64, 64), "teal")
    if kind == "PNG":
        info = PngImagePlugin.PngInfo()
        for name, text in texts.items():
            info.add_text(name, text)
        image.save(file, kind, pnginfo=info)
        return file.getvalue()
    exif = Image.Exif()
    for tag, (name, text) in zip((0x0110, 0x010F), texts.items(), strict=False):
        exif[tag] = f"{name}:{text}"
    image.save(file, kind, exif=exif)
    return file.getvalue()


@pytest.fixture
def saved():
    """Make an image as ComfyUI saves it: ``saved("WEBP", prompt=…)``."""
    return picture


@pytest.fixture
def run(site, call, monkeypatch):
    """``run("plan")`` in the folder of the site, whose configuration is written first."""

    def begin(*words):
        site.write_config()
        monkeypatch.chdir(site.root)
        return call(*words)

    return begin


@pytest.fixture
def shell(site):
    """``shell("mkdocs-comfy plan")``, as a person types it, in the folder of the site."""
    here = str(Path(sys.executable).parent)
    path = os.pathsep.join((here, os.environ["PATH"]))

    def begin(line, **env):
        site.write_config()
        done = subprocess.run(  # noqa: S602  # what we print is meant for a shell
            line,
            shell=True,
            cwd=site.root,
            env={**os.environ, "PATH": path, **env},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return Said(done.returncode, done.stdout, done.stderr)

    return begin
