"""Make the environment that has other people's workflows and a converter, in ``.venvs/corpus``.

Run with any Python from 3.11 on; only the standard library and pip are used::

    python tests/live/install_corpus.py

``comfyui-workflow-templates-json`` (MIT) are the workflows that ComfyUI offers in its menu.
``comfy-cli`` (GPL-3.0) turns the editor's format into API format. Both are installed for
``test_corpus.py`` and for nothing else; neither they nor what they make is part of what we ship.
Only the converter of comfy-cli is used, which imports a small part of what comfy-cli requires.

Running it again costs nothing: ``.venvs/corpus/installed.json`` says what is there.
"""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path

HOME = Path(__file__).resolve().parents[2] / ".venvs" / "corpus"
PYTHON = HOME / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
STAMP = HOME / "installed.json"

CORPUS = ("comfyui-workflow-templates-json==0.1.123", "comfy-cli==1.23.0")
IMPORTED = ("pathspec==1.1.1", "pyyaml==6.0.4", "typer==0.29.2")


def main() -> int:
    """Install what is missing; return the exit status."""
    wanted = [f"python=={sys.version_info.major}.{sys.version_info.minor}", *CORPUS, *IMPORTED]
    if STAMP.is_file() and json.loads(STAMP.read_text()) == wanted:
        print(f"the corpus is installed in {HOME}")
        return 0
    try:
        venv.create(HOME, with_pip=True, clear=True)
        pip(*IMPORTED)
        pip("--no-deps", *CORPUS)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"the corpus could not be installed: {error}", file=sys.stderr)
        return 1
    STAMP.write_text(json.dumps(wanted, indent=1) + "\n")
    print(f"the corpus is installed in {HOME}")
    return 0


def pip(*arguments: str) -> None:
    """Install with the environment's pip.

    Raises:
        subprocess.CalledProcessError: pip failed; its own words are on the terminal.
    """
    quiet = ("--disable-pip-version-check", "--no-input", "--quiet")
    subprocess.run([str(PYTHON), "-m", "pip", "install", *quiet, *arguments], check=True)


if __name__ == "__main__":
    sys.exit(main())
