"""A graph, jobs made from it, the recordings of a real server, and servers that are none."""

import contextlib
import dataclasses
import json
import socket
import threading
import time
from pathlib import Path

import pytest

from mkdocs_comfy.comfyui.jobs import Failed, Limits, Rendered, RenderJob
from mkdocs_comfy.comfyui.protocol import Subject
from mkdocs_comfy.comfyui.renderer import Renderer
from mkdocs_comfy.comfyui.server import ServerConfig
from mkdocs_comfy.testing import FakeComfyUI, flat_painter

WIRE = Path(__file__).parent / "wire"


def graph_of(prompt="a lighthouse at dusk", seed=7, **inputs):
    """A small workflow; ``inputs`` replace those of its sampler."""
    return {
        "3": {
            "class_type": "KSampler",
            "_meta": {"title": "KSampler"},
            "inputs": {
                "seed": seed,
                "steps": 4,
                "cfg": 7.0,
                "sampler_name": "euler",
                "scheduler": "normal",
                "denoise": 1.0,
                "model": ["4", 0],
                "positive": ["6", 0],
                "negative": ["7", 0],
                "latent_image": ["5", 0],
                **inputs,
            },
        },
        "4": {
            "class_type": "CheckpointLoaderSimple",
            "_meta": {"title": "Load Checkpoint"},
            "inputs": {"ckpt_name": "sd_xl_base_1.0.safetensors"},
        },
        "5": {
            "class_type": "EmptyLatentImage",
            "_meta": {"title": "Empty Latent Image"},
            "inputs": {"width": 256, "height": 128, "batch_size": 1},
        },
        "6": {
            "class_type": "CLIPTextEncode",
            "_meta": {"title": "CLIP Text Encode (Prompt)"},
            "inputs": {"text": prompt, "clip": ["4", 1]},
        },
        "7": {
            "class_type": "CLIPTextEncode",
            "_meta": {"title": "CLIP Text Encode (Prompt)"},
            "inputs": {"text": "text, watermark", "clip": ["4", 1]},
        },
        "8": {
            "class_type": "VAEDecode",
            "_meta": {"title": "VAE Decode"},
            "inputs": {"samples": ["3", 0], "vae": ["4", 2]},
        },
        "9": {
            "class_type": "SaveImage",
            "_meta": {"title": "Save Image"},
            "inputs": {"filename_prefix": "ComfyUI", "images": ["8", 0]},
        },
    }


@pytest.fixture
def fakes():
    """Start servers that have the graph's model, one for each latency."""
    with contextlib.ExitStack() as stack:

        def start(*latencies, **knobs):
            servers = [
                stack.enter_context(FakeComfyUI(painter=flat_painter, latency=each, **knobs))
                for each in latencies
            ]
            for server in servers:
                server.models = {**server.models, "checkpoints": ["sd_xl_base_1.0.safetensors"]}
            return servers

        yield start


@pytest.fixture
def a_graph():
    return graph_of


@pytest.fixture
def a_job():
    """Make a job; the number tells one from another."""

    def make(number=1, *, graph=None, output="9"):
        return RenderJob(
            key=f"k1-{number:064x}",
            graph=graph if graph is not None else graph_of(seed=number),
            output=output,
            template="sdxl",
            page=f"page-{number}.md",
            size=(256, 128),
        )

    return make


@pytest.fixture(scope="session")
def recorded():
    """Read a recording of a real ComfyUI 0.3.64 by its name."""
    return lambda name: json.loads((WIRE / f"{name}.json").read_text(encoding="utf-8"))


@pytest.fixture
def server():
    return ServerConfig(url="http://gpu.lan:8188", headers={"Authorization": "Bearer s3cr3t-token"})


@pytest.fixture
def subject(server):
    return Subject(server=server, template="sdxl", graph=graph_of())


class RawServer:
    """A TCP server that hands each connection to ``talk`` in a thread of its own."""

    def __init__(self, talk, wrap=lambda connection: connection):
        self._talk, self._wrap = talk, wrap
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._open = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._open.append(connection)
                thread = threading.Thread(target=self._serve, args=(connection,))
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection):
        with contextlib.suppress(OSError):
            connection = self._wrap(connection)
            self._open.append(connection)
            self._talk(connection)
        with contextlib.suppress(OSError):
            connection.close()

    def close(self):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        for connection in self._open:
            connection.close()


def read_request(connection):
    """The head of one HTTP request, its body read and left out; empty at the end."""
    head = b""
    while b"\r\n\r\n" not in head:
        got = connection.recv(65536)
        if not got:
            return b""
        head += got
    head, _, body = head.partition(b"\r\n\r\n")
    length = next(
        (
            int(line[15:])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        ),
        0,
    )
    while len(body) < length:
        body += connection.recv(65536)
    return head


def http(body, *, status="200 OK", headers=()):
    """An HTTP answer that ends its connection."""
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([*head, "", ""]).encode() + body


@pytest.fixture
def raw_server():
    """Start raw servers: with a function of the connection, or with an answer to every request."""
    with contextlib.ExitStack() as stack:

        def start(talk, **options):
            if isinstance(talk, bytes):
                answer = talk

                def talk(connection):
                    if read_request(connection):
                        connection.sendall(answer)

            server = RawServer(talk, **options)
            stack.callback(server.close)
            return server

        yield start


@pytest.fixture
def http_answer():
    return http


@pytest.fixture
def next_request():
    return read_request


@pytest.fixture
def a_closed_port():
    """A port of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture
def comfyui():
    """A ComfyUI that has the graph's model."""
    with FakeComfyUI(painter=flat_painter) as server:
        server.models = {**server.models, "checkpoints": ["sd_xl_base_1.0.safetensors"]}
        yield server


@pytest.fixture
def events_of(comfyui):
    """Render on the fake server, or on another URL; a generator that closes at the test's end."""
    with contextlib.ExitStack() as stack:

        def start(jobs, *, url=None, pace=None, **options):
            names = {field.name for field in dataclasses.fields(Limits)}
            limits = {name: options.pop(name) for name in names & set(options)}
            server = ServerConfig(url=url or comfyui.url, **options)
            limits = Limits(**{"timeout": 30, "max_bytes": 2**24, "patience": 1, **limits})
            renderer = Renderer(server, limits=limits, pace=pace)
            return stack.enter_context(contextlib.closing(renderer.render(jobs)))

        yield start


class Result:
    """All events of one run."""

    def __init__(self, events):
        self.events = list(events)
        self.images = {e.job.key: e.data for e in self.events if isinstance(e, Rendered)}
        self.errors = {e.job.key: e.error for e in self.events if isinstance(e, Failed)}

    def of(self, job):
        """Events of one job, by their kinds."""
        return [type(event) for event in self.events if event.job == job]

    @property
    def error(self):
        """The only error there is."""
        (error,) = self.errors.values()
        return error


@pytest.fixture
def render(events_of):
    """Render to the end."""
    return lambda jobs, **options: Result(events_of(jobs, **options))


@pytest.fixture
def eventually():
    """Wait until something is true."""

    def wait(condition, seconds=10):
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it never became true"
            time.sleep(0.01)

    return wait


@pytest.fixture
def scripted(raw_server):
    """A server that answers by route: with one answer for ever, or with a list of them."""

    def start(**answers):
        asked = []

        def talk(connection):
            head = read_request(connection)
            if not head:
                return
            method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
            route = target.removeprefix("/api/").partition("?")[0].partition("/")[0]
            asked.append(f"{method} {route}")
            answer = answers.get(route, http(b"{}", status="404 Not Found"))
            if isinstance(answer, list):
                answer = answer.pop(0) if len(answer) > 1 else answer[0]
            connection.sendall(
                answer if isinstance(answer, bytes) else http(json.dumps(answer).encode())
            )

        answers.setdefault("system_stats", {"system": {}})
        answers.setdefault("queue", {"queue_running": [], "queue_pending": []})
        server = raw_server(talk)
        server.asked = asked
        return server

    return start
