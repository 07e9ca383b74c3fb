"""The pre-commit hook, in both forms, run by pre-commit itself at a commit."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mkdocs_comfy.testing import FakeComfyUI, flat_painter

ROOT = Path(__file__).resolve().parents[2]
PRE_COMMIT = ROOT / ".venvs/tools/bin/pre-commit"
NEW = "---\nhero_prompt: a lighthouse\nhero_alt: A lighthouse\n---\n# Lighthouse\n"
ELSEWHERE = "https://git.example.org/mkdocs-comfy"
COMMIT = "git add . && git -c user.name=A -c user.email=a@example.org commit -qm 'A change'"


@pytest.fixture
def local(recipe, machine):
    """The hook in the author's own environment: its configuration, and a machine."""
    author = machine()
    assert author.bash("pip install -q mkdocs-comfy", cwd=author.home).status == 0
    return recipe("pre-commit-local.yml"), author


@pytest.fixture
def from_repository(recipe, machine, tmp_path, in_git):
    """The hook from a repository of ours: the files of this checkout, committed."""
    published = tmp_path / "published"
    listed = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in in_git(ROOT, *listed).split("\0"):
        if name and (ROOT / name).is_file():
            (published / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, published / name)
    in_git(published, "init", "-q")
    in_git(published, "add", ".")
    in_git(published, "commit", "-qm", "A release")
    in_git(published, "tag", "v0.1.0")
    configuration = recipe("pre-commit.yml")
    assert configuration.count(ELSEWHERE) == 1
    assert "rev: v0.1.0\n" in configuration
    return configuration.replace(ELSEWHERE, f"file://{published}"), machine()


@pytest.fixture(params=["local", "from_repository"])
def commit(request, author):
    """``commit()``: what the author is told who commits all there is."""
    configuration, machine = request.getfixturevalue(request.param)
    (author / ".pre-commit-config.yaml").write_text(configuration, encoding="utf-8")
    machine.environment |= {
        "PRE_COMMIT_HOME": str(machine.home / "pre-commit"),
        "VIRTUALENV_NO_PERIODIC_UPDATE": "1",
    }
    installed = machine.bash(f"{PRE_COMMIT} install", cwd=author)
    assert installed.status == 0, installed.out
    return lambda: machine.bash(COMMIT, cwd=author)


def test_a_commit_with_all_its_heroes_passes_and_one_without_does_not(commit, author, in_git):
    (author / "docs/index.md").write_text("# The start\n", encoding="utf-8")

    said = commit()

    assert said.status == 0, said.out
    assert "heroes are rendered and committed" in said.out
    assert "Passed" in said.out
    before = in_git(author, "rev-parse", "HEAD")

    (author / "docs/lighthouse.md").write_text(NEW, encoding="utf-8")
    said = commit()

    assert said.status == 1
    assert "docs/lighthouse.md:2: error: the image of lighthouse.md was never rendered" in said.out
    assert "\n    mkdocs-comfy render lighthouse.md && mkdocs-comfy freeze\n" in said.out
    assert in_git(author, "rev-parse", "HEAD") == before

    in_git(author, "restore", "--staged", ".")
    with FakeComfyUI(painter=flat_painter) as server:
        told = next(line.strip() for line in said.out.splitlines() if "render lighthouse" in line)
        ours = Path(sys.executable).parent
        mended = subprocess.run(
            ["bash", "-ec", told],
            cwd=author,
            env={"PATH": f"{ours}:/usr/bin:/bin", "COMFY_SERVER": server.url},
            check=False,
        )
    assert mended.returncode == 0
    assert commit().status == 0


def test_a_commit_of_other_files_does_not_wait_for_it(commit, author):
    assert commit().status == 0  # the configuration itself
    (author / "notes.txt").write_text("Boats\n", encoding="utf-8")

    said = commit()

    assert said.status == 0
    assert "(no files to check)Skipped" in said.out
