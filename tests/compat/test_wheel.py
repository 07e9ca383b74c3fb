"""What a user gets: the contents of the wheel that ``install.py`` built."""

from __future__ import annotations

import configparser
import subprocess
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def contents():
    """Paths in the wheel → bytes."""
    (wheel,) = (ROOT / ".venvs" / "dist").glob("mkdocs_comfy-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_templates_are_in_it_as_they_are(contents):
    inside = "mkdocs_comfy/templates/"

    packed = {name.removeprefix(inside): contents[name] for name in contents if inside in name}
    assert packed == {path.name: path.read_bytes() for path in (ROOT / "templates").iterdir()}
    assert {Path(name).suffix for name in packed} == {".json", ".toml"}


def test_it_is_the_package_and_nothing_else(contents):
    tracked = subprocess.run(
        ["git", "ls-files", "mkdocs_comfy"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()

    ours = {name for name in contents if name.startswith("mkdocs_comfy/")}
    assert ours - {name for name in ours if "/templates/" in name} == set(tracked)
    (rest,) = {name.partition("/")[0] for name in contents.keys() - ours}
    assert rest.endswith(".dist-info")


def test_mkdocs_finds_one_plugin(contents):
    (points,) = [text for name, text in contents.items() if name.endswith("entry_points.txt")]
    parsed = configparser.ConfigParser()
    parsed.read_string(points.decode())

    assert set(parsed.sections()) <= {"mkdocs.plugins", "console_scripts"}
    assert dict(parsed["mkdocs.plugins"]) == {"comfy": "mkdocs_comfy.plugin:ComfyPlugin"}
