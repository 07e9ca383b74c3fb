"""A clone of a site with frozen heroes, built where there is no network at all."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

VENVS = Path(__file__).resolve().parents[2] / ".venvs"
BIN = "Scripts" if os.name == "nt" else "bin"
PROMPTS = {"index.md": "a harbour", "guide/mill.md": "a mill", "guide/forest.md": "a forest"}
SECONDS = 120

# Where the kernel makes no namespace for us: any way to another machine ends the process.
REFUSE = """
import runpy, sys

def refuse(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.bind"):
        raise OSError(f"no network: {event} {args}")

sys.addaudithook(refuse)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
CONNECT = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1])), 5)"


def refused(python, script, *words):
    """A command that runs a Python script whose ways to other machines are blocked."""
    return [python, "-c", REFUSE, script, *words]


def isolated(python, script, *words):
    """The same in a network namespace that has nothing in it, where the kernel makes one."""
    for namespace in (["unshare", "-n"], ["unshare", "-rn"]):
        if shutil.which("unshare"):
            tried = subprocess.run([*namespace, "true"], capture_output=True, check=False)
            if tried.returncode == 0:
                return [*namespace, python, script, *words]
    return refused(python, script, *words)


def run(*command, cwd, status=0, **environment):
    done = subprocess.run(
        command,
        cwd=cwd,
        env={
            **os.environ,
            "NO_MKDOCS_2_WARNING": "1",
            "DISABLE_MKDOCS_2_WARNING": "true",
            "NO_COLOR": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == status, done.stdout
    return done.stdout


def git(folder, *words):
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    return run("git", *who, *words, cwd=folder)


@pytest.fixture(
    params=[
        ("together", "mkdocs", "mkdocs"),
        ("together", "mkdocs", "material"),
        ("together", "properdocs", "material"),
        ("properdocs", "properdocs", "mkdocs"),
        ("properdocs", "properdocs", "material"),
    ],
    ids=" ".join,
)
def clone(request, tmp_path, comfyui):
    """A site that is rendered, frozen, committed and cloned; with its programs."""
    home, host, theme = request.param
    programs = VENVS / home / BIN
    origin = tmp_path / "origin"
    for path, prompt in PROMPTS.items():
        file = origin / "docs" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        text = f"---\nhero_prompt: {prompt}\nhero_alt: It shows {prompt}.\n---\n# A page\n"
        file.write_text(text, encoding="utf-8")
    config = {
        "site_name": "The harbour book",
        "theme": {"name": theme, **({"font": False} if theme == "material" else {})},
        "plugins": ["search", {"comfy": {"server": comfyui.url}}],
    }
    (origin / "mkdocs.yml").write_text(json.dumps(config), encoding="utf-8")
    run(programs / "mkdocs-comfy", "render", cwd=origin)
    run(programs / "mkdocs-comfy", "freeze", cwd=origin)
    git(origin, "init", "-q")
    git(origin, "add", "-A")
    git(origin, "commit", "-qm", "Freeze the heroes")
    git(tmp_path, "clone", "-q", str(origin), "clone")
    comfyui.requests.clear()
    return tmp_path / "clone", programs, host


def contents(folder):
    """Every file of the working tree, with its bytes and its time."""
    return {
        path.relative_to(folder): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and not {".git", ".cache"} & set(path.relative_to(folder).parts)
    }


@pytest.mark.parametrize("way", [isolated, refused])
def test_there_is_no_network_where_clones_are_built(tmp_path, comfyui, way):
    """Else the test below would show nothing: what a build could reach is not reached."""
    python = VENVS / "together" / BIN / "python"
    script = tmp_path / "connect.py"
    script.write_text(CONNECT, encoding="utf-8")
    port = comfyui.url.rpartition(":")[2]

    run(python, script, port, cwd=tmp_path)
    said = run(*way(python, script, port), cwd=tmp_path, status=1)

    assert "OSError: " in said


def test_a_clone_builds_without_network_and_no_byte_of_it_changes(clone, comfyui):
    folder, programs, host = clone
    before = contents(folder)
    site = folder.with_name("built")
    build = ("build", "--strict", "-f", "mkdocs.yml", "-d", str(site))

    for _ in range(2):
        said = run(*isolated(programs / "python", programs / host, *build), cwd=folder, CI="true")
        assert "3 heroes: 3 frozen" in said
        assert contents(folder) == before
        assert git(folder, "status", "--porcelain") == ""
        assert len(list((site / "assets/heroes").iterdir())) == 3
        assert "It shows a mill" in (site / "guide/mill/index.html").read_text(encoding="utf-8")
    assert comfyui.requests == []


def test_a_clone_is_checked_without_network_and_no_byte_of_it_changes(clone):
    folder, programs, _ = clone
    before = contents(folder)

    said = run(
        *isolated(programs / "python", programs / "mkdocs-comfy", "check"), cwd=folder, CI="true"
    )

    assert "3 heroes checked: all is well" in said
    assert contents(folder) == before
    assert git(folder, "status", "--porcelain", "--ignored") == ""
