"""A fake server, the recordings of a real one, and a client that is neither quick nor clever."""

import json
import time
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from mkdocs_comfy.testing import FakeComfyUI, flat_painter

WIRE = Path(__file__).with_name("wire")
MODELS = {"checkpoints": ["corrupt.safetensors", "tiny_sd15_random.safetensors"]}


def recording(name):
    return json.loads((WIRE / f"{name}.json").read_text(encoding="utf-8"))


def txt2img(seed=1, *, prefix="ComfyUI", prompt="a lighthouse at dusk", steps=4, size=(256, 128)):
    """The graph of the recordings, with the model that the fake server has by default."""
    graph = recording("run-fresh")["request"]["prompt"]
    graph["4"]["inputs"]["ckpt_name"] = "sd_xl_base_1.0.safetensors"
    graph["3"]["inputs"] |= {"seed": seed, "steps": steps}
    graph["5"]["inputs"] |= {"width": size[0], "height": size[1]}
    graph["6"]["inputs"]["text"] = prompt
    graph["9"]["inputs"]["filename_prefix"] = prefix
    return graph


def plain(prefix="plain", *, colour=0, size=(8, 4), count=1):
    blank = {"width": size[0], "height": size[1], "batch_size": count, "color": colour}
    return {
        "1": {"class_type": "EmptyImage", "inputs": blank},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": prefix}},
    }


class Client:
    """What the tests do to a server, without any of our own client's code."""

    def __init__(self, url):
        self.http = httpx.Client(base_url=url, trust_env=False, timeout=10)
        self.url = url

    def get(self, path, **kwargs):
        return self.http.get(path, **kwargs)

    def post(self, path, said=None, **kwargs):
        return self.http.post(path, json=said, **kwargs)

    def submit(self, graph, **more):
        reply = self.post("/prompt", {"prompt": graph, "client_id": "tests", **more})
        assert reply.status_code == 200, reply.text
        return reply.json()["prompt_id"]

    def history(self, prompt_id, *, within=5.0):
        """Wait for the entry of a job."""
        return until(lambda: self.get(f"/history/{prompt_id}").json().get(prompt_id), within)

    def render(self, graph, **more):
        return self.history(self.submit(graph, **more))

    def images(self, graph, **more):
        """Run a graph and fetch what it saved."""
        outputs = self.render(graph, **more)["outputs"]
        named = [image for output in outputs.values() for image in output["images"]]
        return [self.get("/view", params=image).content for image in named]

    def queue(self):
        """Prompt ids: running, pending."""
        said = self.get("/queue").json()
        return [[job[1] for job in said[f"queue_{state}"]] for state in ("running", "pending")]

    def listen(self, client_id="tests", path="/ws"):
        address = self.url.replace("http", "ws") + f"{path}?clientId={client_id}"
        return connect(address, proxy=None, open_timeout=5, close_timeout=0.2)


def until(true, within=5.0):
    """Wait until something is true, and return it."""
    end = time.monotonic() + within
    while not (found := true()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.002)
    return found


def heard(socket, until_type, *, timeout=5.0):
    """Frames up to and with the first of a type: messages as values, previews as bytes."""
    frames = []
    while True:
        frame = socket.recv(timeout=timeout)
        frames.append(frame if isinstance(frame, bytes) else json.loads(frame))
        if isinstance(frames[-1], dict) and frames[-1]["type"] == until_type:
            return frames


@pytest.fixture
def comfyui():
    with FakeComfyUI(painter=flat_painter) as server:
        yield server


@pytest.fixture
def connect_to():
    """Make clients of any address, closed at the end of the test."""
    with ExitStack() as stack:

        def make(url):
            made = Client(url)
            stack.callback(made.http.close)
            return made

        yield make


@pytest.fixture
def client(comfyui, connect_to):
    return connect_to(comfyui.url)


@pytest.fixture(name="recording")
def _recording():
    return recording


@pytest.fixture(name="txt2img")
def _txt2img():
    return txt2img


@pytest.fixture(name="plain")
def _plain():
    return plain


@pytest.fixture(name="until")
def _until():
    return until


@pytest.fixture(name="heard")
def _heard():
    return heard


@pytest.fixture(scope="session")
def recorded_server():
    """A server that has the nodes and the models of the recorded one."""
    nodes = recording("object_info-subset")
    with FakeComfyUI(painter=flat_painter, nodes=nodes, models=MODELS) as server:
        yield server


@pytest.fixture(scope="session")
def recorded_client(recorded_server):
    client = Client(recorded_server.url)
    yield client
    client.http.close()
