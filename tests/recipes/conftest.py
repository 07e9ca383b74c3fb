"""The recipes of docs/ci.md, run as the services run them.

A service is a :class:`Machine`: a home of its own, an environment, Python with pip, and bash. What
a recipe installs comes from a folder of wheels, ours among them, so that the commands are those of
the page to the letter. Nothing is looked up in any network.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from mkdocs_comfy.testing import FakeComfyUI, flat_painter

ROOT = Path(__file__).resolve().parents[2]
RECIPES = ROOT / "docs" / "recipes"
VENVS = ROOT / ".venvs"
EXPRESSION = re.compile(r"\$\{\{ (.+?) \}\}")
SECONDS = 120
PAGES = {
    "index.md": "# Start\n",
    "harbour.md": "---\nhero_prompt: a foggy harbour\nhero_alt: Boats in the fog\n---\n# Harbour\n",
    "mill.md": "---\nhero_prompt: a mill\nhero_alt: A mill\n---\n# Mill\n",
}


@dataclass(frozen=True, slots=True)
class Said:
    """How a script ended, and what it said on stdout and stderr, in its order."""

    status: int
    out: str


class Machine:
    """A machine of a service.

    Args:
        home: Home directory, made here.
        python: The environment whose Python it has.
        environment: What the service sets.
    """

    def __init__(self, home: Path, python: Path, **environment: str) -> None:
        home.mkdir(parents=True)
        self.home = home
        self.path = [str(python / "bin"), "/usr/bin", "/bin"]
        self.environment = {
            "HOME": str(home),
            "LC_ALL": "C.UTF-8",
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_FIND_LINKS": str(VENVS / "wheelhouse"),
            "PIP_NO_INDEX": "1",
            **environment,
        }

    def bash(self, script: str, *, cwd: Path, **more: str) -> Said:
        """Run a script as services do: the first command that fails ends it."""
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=cwd,
            env={**self.environment, "PATH": os.pathsep.join(self.path), **more},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            encoding="utf-8",
            timeout=SECONDS,
            check=False,
        )
        assert "Traceback" not in done.stdout, done.stdout
        return Said(done.returncode, done.stdout)


class GitHub:
    """GitHub's runner: runs the one job of a workflow, and does what its actions would do.

    Args:
        machine: Where it runs.
        caches: Where the service keeps its caches, one folder for each key.
        values: Expression → its value, for those that a workflow of ours uses.
    """

    def __init__(self, machine: Machine, caches: Path, values: dict[str, str]) -> None:
        self.machine = machine
        self.caches = caches
        self.values = values
        self.restored: str | None = None
        self._outcomes: dict[str, str] = {}

    def run(self, workflow: str, work: Path) -> dict[str, Said]:
        """Run the job in the clone ``work``; returns what each command said, by its name."""
        (job,) = yaml.safe_load(workflow)["jobs"].values()
        environment = {
            "GITHUB_PATH": str(self.machine.home / "path"),
            "GITHUB_WORKSPACE": str(work),
            "RUNNER_TEMP": str(self.machine.home),
            **job.get("env", {}),
        }
        said: dict[str, Said] = {}
        at_the_end = []
        for step in job["steps"]:
            name = step.get("id") or step.get("name") or step.get("run") or step["uses"]
            if not self._wanted(step.get("if")):
                self._outcomes[name] = "skipped"
            elif "uses" in step:
                at_the_end += self._use(step["uses"].partition("@")[0], step["with"], work)
            else:
                more = {
                    key: self._filled(value, work) for key, value in step.get("env", {}).items()
                }
                said[name] = self.machine.bash(step["run"], cwd=work, **environment, **more)
                self._outcomes[name] = "failure" if said[name].status else "success"
                self._extend_path()
        if "failure" not in self._outcomes.values():
            for key, path in at_the_end:
                self._save(key, path)
        return said

    def _wanted(self, condition: str | None) -> bool:
        if condition is None:
            return "failure" not in self._outcomes.values()
        return {
            "${{ !cancelled() }}": True,
            "${{ !cancelled() && steps.render.outcome != 'skipped' }}": (
                self._outcomes.get("render") != "skipped"
            ),
        }[condition]

    def _use(self, action: str, inputs: dict, work: Path) -> list[tuple[str, Path]]:
        """Do what an action does; returns the caches that are saved after a good end."""
        path = work / inputs.get("path", "")
        key = self._filled(inputs.get("key", ""), work)
        if action in ("actions/cache", "actions/cache/restore"):
            self._restore(key, inputs["restore-keys"], path)
            return [(key, path)] if action == "actions/cache" and self.restored != key else []
        if action == "actions/cache/save":
            self._save(key, path)
            return []
        assert action in ("actions/checkout", "actions/setup-python")  # what a Machine has already
        return []

    def _restore(self, key: str, prefix: str, path: Path) -> None:
        found = [*self.caches.glob(key), *sorted(self.caches.glob(f"{prefix}*"), reverse=True)]
        self.restored = found[0].name if found else None
        if found:
            shutil.copytree(found[0], path)

    def _save(self, key: str, path: Path) -> None:
        shutil.copytree(path, self.caches / key)

    def _filled(self, text: str, work: Path) -> str:
        return EXPRESSION.sub(lambda match: self._value(match[1], work), text)

    def _value(self, expression: str, work: Path) -> str:
        if expression.startswith("hashFiles("):
            files = [each for part in re.findall("'(.+?)'", expression) for each in work.glob(part)]
            return hashlib.sha256(b"".join(each.read_bytes() for each in sorted(files))).hexdigest()
        return self.values[expression]

    def _extend_path(self) -> None:
        added = self.machine.home / "path"
        if added.is_file():
            self.machine.path[:0] = added.read_text().split()
            added.unlink()


def git(folder: Path, *words: str) -> str:
    """Run git as an author; returns what it said."""
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]
    return subprocess.run(
        ["git", *who, *words], cwd=folder, check=True, capture_output=True, encoding="utf-8"
    ).stdout


def ours(folder: Path, *words: str, **environment: str) -> None:
    """Run our command as an author does on a machine of their own."""
    program = Path(sys.executable).with_name("mkdocs-comfy")
    subprocess.run(
        [program, *words],
        cwd=folder,
        check=True,
        capture_output=True,
        timeout=SECONDS,
        env={"PATH": os.environ["PATH"], **environment},
    )


@pytest.fixture(scope="session")
def recipe():
    """``recipe("github.yml")``: a file that docs/ci.md shows, as it is."""
    return lambda name: (RECIPES / name).read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def python(tmp_path_factory):
    """An environment with pip and nothing else, at first."""
    if not (VENVS / "wheelhouse" / "installed.json").is_file():
        pytest.fail("no wheels: run python tests/compat/install.py recipes", pytrace=False)
    folder = tmp_path_factory.mktemp("python") / "venv"
    venv.create(folder, with_pip=True)
    return folder


@pytest.fixture
def machine(tmp_path, python):
    """``machine(CI="true")``: a machine on which nobody has installed our package yet."""
    made = []

    def make(**environment: str) -> Machine:
        new = Machine(tmp_path / f"machine-{len(made)}", python, **environment)
        made.append(new)
        removed = new.bash("pip uninstall --yes --quiet mkdocs-comfy", cwd=new.home)
        assert removed.status == 0, removed.out
        return new

    return make


@pytest.fixture
def github(machine, tmp_path):
    """``github(values)``: a runner of GitHub's; all of one test share their caches."""
    caches = tmp_path / "caches"
    caches.mkdir()

    def make(values: dict[str, str] | None = None, **environment: str) -> GitHub:
        ready = machine(CI="true", GITHUB_ACTIONS="true", **environment)
        return GitHub(ready, caches, values or {})

    return make


@pytest.fixture(scope="session")
def frozen(tmp_path_factory):
    """A site as the first author leaves it: rendered, frozen and committed."""
    folder = tmp_path_factory.mktemp("frozen")
    (folder / "docs").mkdir()
    for name, text in PAGES.items():
        (folder / "docs" / name).write_text(text, encoding="utf-8")
    for name in ("mkdocs.yml", "requirements.txt"):
        shutil.copy(RECIPES / name, folder)
    (folder / ".gitignore").write_text("/site/\n/public/\n", encoding="utf-8")
    with FakeComfyUI(painter=flat_painter) as server:
        ours(folder, "render", COMFY_SERVER=server.url)
    ours(folder, "freeze")
    shutil.rmtree(folder / ".cache")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "Freeze the heroes")
    return folder


@pytest.fixture
def author(frozen, tmp_path):
    """The first author's folder; ``.git`` in it is where others clone from."""
    return Path(shutil.copytree(frozen, tmp_path / "author"))


@pytest.fixture
def clone(tmp_path):
    """``clone(repository)``: what a service checks out."""
    made = []

    def make(repository: Path, branch: str = "main") -> Path:
        folder = tmp_path / f"clone-{len(made)}"
        made.append(folder)
        source = f"file://{repository}"
        git(tmp_path, "clone", "-q", "--depth=1", "--branch", branch, source, str(folder))
        return folder

    return make


@pytest.fixture(scope="session")
def in_git():
    """``in_git(folder, "add", ".")``: git, as an author runs it."""
    return git


@pytest.fixture
def built(in_git):
    """``built(clone, site)``: heroes of the built site; the clone must be as it was."""

    def look(clone: Path, site: Path) -> list[Path]:
        assert in_git(clone, "status", "--porcelain") == ""
        for page in ("harbour", "mill"):
            assert "assets/heroes/" in (site / page / "index.html").read_text(encoding="utf-8")
        assert "assets/heroes/" not in (site / "index.html").read_text(encoding="utf-8")
        return sorted((site / "assets/heroes").iterdir())

    return look
