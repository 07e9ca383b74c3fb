"""Other clients of ComfyUI: each in an environment of its own, driven as its documentation says."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Path(__file__).resolve().parent
HOME = HERE.parent / ".venvs"
INSTALL_SECONDS = 600
START_SECONDS = 60
JOB_SECONDS = 15  # beyond which a client is taken for one that hangs


class OtherClientError(Exception):
    """It cannot be installed, or it does not do what it was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client and how it is used.

    Attributes:
        name: Package and, where there are several, the mode.
        script: A file of ``clients/`` that is run by its Python.
        requirements: What pip installs, and nothing else; one environment for each of them.
        mode: Argument of the script.
    """

    name: str
    script: str
    requirements: tuple[str, ...]
    mode: str = ""

    @property
    def _folder(self) -> Path:
        return HOME / f"client-{self.requirements[0].partition('=')[0].partition('[')[0]}"

    @property
    def _python(self) -> Path:
        inside = "Scripts/python.exe" if sys.platform == "win32" else "bin/python"
        return self._folder / inside

    def install(self) -> None:
        """Make its environment, unless it is there.

        Raises:
            OtherClientError: That did not work.
        """
        stamp = self._folder / "installed.json"
        wanted = [f"python=={sys.version_info.major}.{sys.version_info.minor}", *self.requirements]
        if stamp.is_file() and json.loads(stamp.read_text("utf-8")) == wanted:
            return
        print(f"installing {' and '.join(self.requirements)}", flush=True)
        venv.create(self._folder, with_pip=True, clear=True)
        quiet = ("--disable-pip-version-check", "--no-input", "--quiet")
        command = [str(self._python), "-m", "pip", "install", *self.requirements, *quiet]
        _run(command, seconds=INSTALL_SECONDS, wrong="could not be installed")
        stamp.write_text(json.dumps(wanted, indent=1) + "\n", "utf-8")

    def run(self, url: str, graphs: Sequence[dict[str, Any]], *, output: str) -> int:
        """Let it render ``graphs`` on the server at ``url``; how many images it returned.

        Raises:
            OtherClientError: It failed, or took too long.
        """
        said = _run(
            [str(self._python), str(HERE / "clients" / self.script), self.mode],
            seconds=START_SECONDS + JOB_SECONDS * len(graphs),
            wrong="does not run",
            given=json.dumps({"url": url, "graphs": graphs, "output": output}),
        )
        return sum(line == "image" for line in said.splitlines())


def _run(command: list[str], *, seconds: float, wrong: str, given: str = "") -> str:
    """Run to the end; what was printed.

    Raises:
        OtherClientError: ``wrong``, and the last line that was said about it.
    """
    try:
        done = subprocess.run(
            command, input=given, capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        raise OtherClientError(f"{wrong}: still at it after {seconds:.0f} s") from None
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no word about it"])[-1]
        raise OtherClientError(f"{wrong}: {last[:300]}")
    return done.stdout


CLIENTS = (
    Client(
        name="comfy-api-simplified 1.6.0",
        script="with_comfy_api_simplified.py",
        requirements=("comfy-api-simplified==1.6.0",),
    ),
    Client(
        name="comfy-script 0.6.1, one by one",
        script="with_comfy_script.py",
        requirements=("comfy-script[runtime]==0.6.1",),
        mode="wait",
    ),
    Client(
        name="comfy-script 0.6.1, all queued",
        script="with_comfy_script.py",
        requirements=("comfy-script[runtime]==0.6.1",),
        mode="queue",
    ),
    Client(
        name="comfyui-autograph 2.3.0, polling",
        script="with_comfyui_autograph.py",
        requirements=("comfyui-autograph==2.3.0",),
        mode="poll",
    ),
    Client(
        name="comfyui-autograph 2.3.0, on_event",
        script="with_comfyui_autograph.py",
        requirements=("comfyui-autograph==2.3.0",),
        mode="on_event",
    ),
    Client(
        name="comfy-sdk 0.5.0 + comfy-api-proxy 0.1.6",
        script="with_comfy_sdk.py",
        requirements=("comfy-sdk==0.5.0", "comfy-api-proxy==0.1.6"),
    ),
)
