"""A real ComfyUI for the tests of this folder; ``install_comfyui.py`` puts it on the disk.

One server serves the whole session. It sees our own nodes, one checkpoint with random weights,
and folders below pytest's temporary directory; nothing that it writes stays.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import json
import os
import socket
import subprocess
import time
import uuid
from pathlib import Path

import httpx
import pytest

from mkdocs_comfy.comfyui.jobs import RenderJob
from mkdocs_comfy.workflows.key import CacheKey

HERE = Path(__file__).resolve().parent
COMFYUI = HERE.parents[1] / ".comfyui"
CHECKPOINT = "v1-5-pruned-emaonly.safetensors"
START_SECONDS = 120
GRAPH = json.loads((HERE / "live_graph.json").read_text())


class LiveComfyUI:
    """The server under test and what a test may ask of it, by plain HTTP."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.output = folder / "output"
        self.checkpoints = folder / "models" / "checkpoints"
        self.upscale_models = folder / "models" / "upscale_models"
        self.url = ""
        self.log = folder / "comfyui.log"
        self._http = httpx.Client(trust_env=False, timeout=30)
        self._process: subprocess.Popen[bytes] | None = None
        self._command: list[str] = []

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            RuntimeError: It ended, or did not answer in ``START_SECONDS``; with its last words.
        """
        for name in ("output", "input", "temp", "user", "page"):
            (self.folder / name).mkdir(parents=True)
        for folder in (self.checkpoints, self.upscale_models):
            folder.mkdir(parents=True)
        (self.folder / "page" / "index.html").write_text("<!doctype html><title>ComfyUI</title>")
        # JSON is YAML, and quotes whatever a path may hold.
        paths = {
            "live": {
                "custom_nodes": str(HERE / "custom_nodes"),
                "checkpoints": str(self.checkpoints),
                "upscale_models": str(self.upscale_models),
            }
        }
        (self.folder / "paths.yaml").write_text(json.dumps(paths))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._command = [
            *(venv_python(), "main.py", "--cpu", "--listen", "127.0.0.1", "--port", str(port)),
            *("--disable-auto-launch", "--disable-api-nodes", "--disable-all-custom-nodes"),
            *("--whitelist-custom-nodes", "live_nodes"),
            *("--extra-model-paths-config", str(self.folder / "paths.yaml")),
            *("--front-end-root", str(self.folder / "page")),
            *("--output-directory", str(self.output)),
            *("--input-directory", str(self.folder / "input")),
            *("--temp-directory", str(self.folder / "temp")),
            *("--user-directory", str(self.folder / "user")),
            *("--database-url", f"sqlite:///{self.folder / 'comfyui.db'}"),
        ]
        self.restart()

    def restart(self) -> None:
        """Start the server on its port, and wait until it answers."""
        environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=COMFYUI / "server", stdout=log, stderr=log, env=environment
            )
        self._wait()

    def kill(self) -> None:
        """End the server at once: ``kill -9``."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End the server and wait for it."""
        self._http.close()
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def get(self, path: str) -> dict:
        """The JSON at ``path``, which begins with a slash."""
        reply = self._http.get(f"{self.url}/api{path}")
        reply.raise_for_status()
        return reply.json()

    def post(self, path: str, document: object) -> httpx.Response:
        """Post ``document`` to ``path``; the reply, whatever its status."""
        return self._http.post(f"{self.url}/api{path}", json=document)

    def submit(self, graph: dict) -> str:
        """Queue ``graph`` as somebody else would; its prompt id."""
        reply = self.post("/prompt", {"prompt": graph, "client_id": uuid.uuid4().hex})
        assert reply.status_code == 200, reply.text
        return reply.json()["prompt_id"]

    def queued(self) -> tuple[list[str], list[str]]:
        """Prompt ids running and pending."""
        queue = self.get("/queue")
        return tuple([job[1] for job in queue[f"queue_{part}"]] for part in ("running", "pending"))

    def finished(self, prompt_id: str, *, within: float = 30) -> dict:
        """The history entry of a job, once there is one."""
        history = {}

        def there() -> bool:
            history.update(self.get(f"/history/{prompt_id}"))
            return bool(history)

        poll(there, within=within)
        return history[prompt_id]

    def entries(self) -> dict[str, dict]:
        """The whole history: prompt id to entry, in the order of the jobs."""
        return self.get("/history")

    def files(self) -> set[str]:
        """What the server saved so far, relative to its output folder."""
        return {
            path.relative_to(self.output).as_posix()
            for path in self.output.rglob("*")
            if path.is_file()
        }

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(httpx.TransportError):
                self.get("/system_stats")
                return
            time.sleep(0.2)
        last_words = self.log.read_text(errors="replace")[-3000:]
        self.stop()
        raise RuntimeError(f"ComfyUI did not start; its log ends with\n{last_words}")


def venv_python() -> str:
    """The interpreter that has what ComfyUI imports."""
    inside = "Scripts/python.exe" if os.name == "nt" else "bin/python"
    return str(COMFYUI / "venv" / inside)


def make_model(family: str, target: Path) -> None:
    """Write a model with random weights that ComfyUI takes for one of ``family``."""
    maker = [venv_python(), str(HERE / "make_checkpoint.py"), family, str(target)]
    subprocess.run(maker, check=True)


def poll(condition, *, within: float) -> None:
    """Ask until ``condition`` holds; fail after ``within`` seconds."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"still not so after {within} s"
        time.sleep(0.05)


@pytest.fixture
def job_of():
    """Make a job of a graph: ``job_of(graph) -> RenderJob``."""

    def make(graph):
        digest = hashlib.sha256(json.dumps(graph, sort_keys=True).encode()).hexdigest()
        key = CacheKey(f"k1-{digest}")
        return RenderJob(key=key, graph=graph, output="9", template="live", page="index.md")

    return make


@pytest.fixture
def wait_until():
    """``wait_until(condition, within=5)``: ask until it holds, fail after so many seconds."""
    return poll


@pytest.fixture(scope="session")
def comfyui(tmp_path_factory):
    """A running ComfyUI 0.3.75 with ``custom_nodes/live_nodes`` and one checkpoint."""
    if not (COMFYUI / "installed.json").is_file():
        pytest.fail("no ComfyUI here: run python tests/live/install_comfyui.py", pytrace=False)
    server = LiveComfyUI(tmp_path_factory.mktemp("comfyui"))
    try:
        server.start()
        make_model("sd15", server.checkpoints / CHECKPOINT)
        yield server
    finally:
        server.stop()


@pytest.fixture
def another_comfyui(tmp_path):
    """Start one more server, without a checkpoint: ``with another_comfyui() as server``."""

    @contextlib.contextmanager
    def start():
        server = LiveComfyUI(tmp_path / "another")
        try:
            server.start()
            yield server
        finally:
            server.stop()

    return start


@pytest.fixture
def sdxl(comfyui):
    """The server has an SDXL base and an upscaler too, for the length of one test."""
    checkpoint = comfyui.checkpoints / "sd_xl_base_1.0.safetensors"
    upscaler = comfyui.upscale_models / "RealESRGAN_x4plus.pth"
    make_model("sdxl", checkpoint)
    make_model("esrgan", upscaler)
    yield
    checkpoint.unlink()
    upscaler.unlink()


@pytest.fixture(autouse=True)
def idle(request):
    """Each test ends with an empty queue: none may lean on what another left running."""
    yield
    if "comfyui" in request.fixturenames:
        server = request.getfixturevalue("comfyui")
        poll(lambda: server.queued() == ([], []), within=30)


@pytest.fixture
def picture():
    """Make a graph: ``picture(prompt, sleep=2.0, size=(256, 128), …) -> dict``."""

    def make(prompt="a quiet bay", *, seed=1, steps=4, sleep=0.0, size=(256, 128), fail=None):
        graph = copy.deepcopy(GRAPH)
        graph["6"]["inputs"]["text"] = prompt
        graph["3"]["inputs"] |= {"seed": seed, "steps": steps, "sleep": sleep}
        graph["5"]["inputs"] |= {"width": size[0], "height": size[1]}
        if fail:
            graph["8"] = {
                "class_type": "LiveRaise",
                "inputs": {"images": ["3", 0], "kind": fail, "message": "no such luck"},
                "_meta": {"title": "Refuse"},
            }
            graph["9"]["inputs"]["images"] = ["8", 0]
        return graph

    return make
