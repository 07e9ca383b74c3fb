"""The real ComfyUI of ``tests/live`` as a server for the gaps between jobs."""

from __future__ import annotations

import copy
import importlib.util
import secrets
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gaps import USUAL_STEPS

if TYPE_CHECKING:
    from collections.abc import Iterator

LIVE = Path(__file__).resolve().parents[1] / "tests" / "live"


class RealServer:
    """A real one; its jobs sleep."""

    previews: tuple[bool, ...] = (False,)

    def __init__(self, comfyui: Any, graph: dict[str, Any]) -> None:
        self._comfyui, self._graph = comfyui, graph
        self.url: str = comfyui.url
        self._seconds = 0.0
        self._before: set[str] = set()

    def prepare(self, seconds: float, *, previews: bool) -> None:
        """Remember the time, and what the history has."""
        assert not previews, "its nodes make no previews"
        self._seconds, self._before = seconds, set(self._comfyui.entries())

    def graph(self, steps: int) -> dict[str, Any]:
        """One with the sleeping node of the tests."""
        wanted = copy.deepcopy(self._graph)
        pace = {"steps": steps, "sleep": self._seconds * steps / USUAL_STEPS}
        wanted["3"]["inputs"] |= {"seed": secrets.randbelow(2**48)} | pace
        wanted["5"]["inputs"] |= {"width": 1344, "height": 768}
        return wanted

    def spans(self) -> list[tuple[float, float]]:
        """From ``execution_start`` to ``execution_success`` of each new entry of the history."""
        entries = self._comfyui.entries()
        times = [
            {name: data["timestamp"] / 1000 for name, data in entry["status"]["messages"]}
            for prompt_id, entry in entries.items()
            if prompt_id not in self._before
        ]
        return sorted((each["execution_start"], each["execution_success"]) for each in times)


@contextmanager
def real_server() -> Iterator[RealServer]:
    """Start it, and stop it at the end.

    Raises:
        SystemExit: It is not installed.
    """
    spec = importlib.util.spec_from_file_location("live", LIVE / "conftest.py")
    assert spec is not None
    assert spec.loader is not None
    live = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(live)
    if not (live.COMFYUI / "installed.json").is_file():
        raise SystemExit(f"no ComfyUI here: run {sys.executable} {LIVE / 'install_comfyui.py'}")
    with tempfile.TemporaryDirectory() as folder:
        comfyui = live.LiveComfyUI(Path(folder))
        try:
            comfyui.start()
            yield RealServer(comfyui, live.GRAPH)
        finally:
            comfyui.stop()
