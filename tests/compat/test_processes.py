"""Many processes, one machine: each missing hero is rendered once, as the server counts."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

VENVS = Path(__file__).resolve().parents[2] / ".venvs"
TOGETHER = VENVS / "together" / ("Scripts" if os.name == "nt" else "bin")
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV"))},
    "NO_MKDOCS_2_WARNING": "1",
    "DISABLE_MKDOCS_2_WARNING": "true",
    "NO_COLOR": "1",
    "PATH": os.pathsep.join((str(TOGETHER), os.environ["PATH"])),
}
SECONDS = 120

SUITE = """
from pathlib import Path

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config


@pytest.mark.parametrize("number", range(12))
def test_the_site_is_built(number, tmp_path):
    config = load_config(str(Path(__file__).with_name("mkdocs.yml")), site_dir=str(tmp_path / "s"))
    config.plugins.on_startup(command="build", dirty=False)
    build(config)
    config.plugins.on_shutdown()
    assert len(list((tmp_path / "s/assets/heroes").iterdir())) == 4
"""


@pytest.fixture
def write(tmp_path, comfyui):
    """Write a site: ``write("folder", ["a prompt"], plugins=[…], cache_dir="…")``."""
    comfyui.latency = 0.1  # so that others come while it renders

    def put(folder, prompts, *, plugins=(), cache_dir=".cache/plugin/comfy", theme="material"):
        root = tmp_path / folder
        (root / "docs").mkdir(parents=True)
        for number, prompt in enumerate(prompts):
            page(root, number, prompt)
        ours = {"comfy": {"server": comfyui.url, "cache_dir": cache_dir}}
        config = {
            "site_name": "The harbour book",
            "site_url": "https://harbour.example/",
            "theme": {"name": theme, **({"font": False} if theme == "material" else {})},
            "plugins": [*plugins, ours],
        }
        # JSON is YAML.
        (root / "mkdocs.yml").write_text(json.dumps(config), encoding="utf-8")
        return root

    return put


def page(root, number, prompt):
    name = f"{number}.md" if number else "index.md"
    text = f"---\nhero_prompt: {prompt}\n---\n# Page {number}\n"
    (root / "docs" / name).write_text(text, encoding="utf-8")


@contextmanager
def started(program, *words, cwd):
    """A program of the environment that has everything; killed where the test fails."""
    process = subprocess.Popen(
        [TOGETHER / program, *words],
        cwd=cwd,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def done(process):
    """What a program said, which ended well."""
    said, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, said
    assert "Traceback" not in said
    return said


def run(program, *words, cwd):
    with started(program, *words, cwd=cwd) as process:
        return done(process)


def git(folder, *words):
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    command = [shutil.which("git"), *who, *words]
    return subprocess.run(
        command, cwd=folder, check=True, capture_output=True, text=True, timeout=SECONDS
    ).stdout


PROMPTS = ("a harbour", "a mill", "a forest", "a lighthouse")


@pytest.mark.parametrize("theme", ["mkdocs", "material"])
@pytest.mark.parametrize("other", ["mkdocs", "properdocs"])
def test_two_builds_at_once(write, comfyui, other, theme):
    root = write("site", PROMPTS, theme=theme)

    build = ("build", "--strict", "-f", "mkdocs.yml", "-d")
    with (
        started("mkdocs", *build, "one", cwd=root) as first,
        started(other, *build, "two", cwd=root) as second,
    ):
        for process in (first, second):
            assert "4 heroes: " in done(process)

    assert len(comfyui.submissions) == 4
    one, two = (
        sorted(path.name for path in (root / name / "assets/heroes").iterdir())
        for name in ("one", "two")
    )
    assert one == two
    assert len(one) == 4


def test_the_projects_plugin_of_material(write, comfyui):
    """It builds the projects in processes of their own, which are spawned."""
    shared = "../../.cache/plugin/comfy"
    root = write("site", PROMPTS[:2], plugins=[{"projects": {"concurrency": 3}}])
    for number in range(3):
        write(f"site/projects/p{number}", [*PROMPTS, f"only {number}"], cache_dir=shared)

    said = run("mkdocs", "build", "--strict", cwd=root)

    assert "2 heroes: " in said
    assert len(comfyui.submissions) == len(PROMPTS) + 3
    for number in range(3):
        assert len(list((root / f"site/p{number}/assets/heroes").iterdir())) == 5


def test_mike_renders_what_versions_share_once(write, comfyui):
    root = write("site", PROMPTS[:3], plugins=["mike"])
    (root / ".gitignore").write_text("/site/\n", encoding="utf-8")
    git(root, "init", "-q", "-b", "main")
    for name, value in {"user.name": "A", "user.email": "a@example.org"}.items():
        git(root, "config", name, value)  # mike commits by itself
    git(root, "add", "-A")
    git(root, "commit", "-qm", "Version 1.0")
    run("mike", "deploy", "1.0", "latest", cwd=root)
    page(root, 0, "a harbour in autumn")
    page(root, 7, PROMPTS[3])
    git(root, "commit", "-qam", "Version 2.0")

    run("mike", "deploy", "--update-aliases", "2.0", "latest", cwd=root)

    assert len(comfyui.submissions) == 5
    deployed = git(root, "ls-tree", "-r", "--name-only", "gh-pages").split()
    heroes = {
        version: {path for path in deployed if path.startswith(f"{version}/assets/heroes/")}
        for version in ("1.0", "2.0")
    }
    assert [len(each) for each in heroes.values()] == [3, 4]
    assert ".cache" not in " ".join(deployed)


def test_a_suite_in_many_processes(write, comfyui):
    root = write("site", PROMPTS)
    (root / "test_site.py").write_text(SUITE, encoding="utf-8")

    said = run(
        "pytest", "-n", "4", "-p", "no:cacheprovider", f"--rootdir={root}", "test_site.py", cwd=root
    )

    assert "12 passed" in said
    assert "4 workers" in said
    assert len(comfyui.submissions) == 4
