"""Source images on their way to a server."""

import asyncio
import hashlib
from contextlib import closing

import pytest

from mkdocs_comfy.comfyui.cloud import CloudClient
from mkdocs_comfy.comfyui.jobs import Failed, Rendered, RenderJob
from mkdocs_comfy.comfyui.renderer import Renderer
from mkdocs_comfy.comfyui.server import Pace, ServerConfig
from mkdocs_comfy.comfyui.transport import Transport
from mkdocs_comfy.comfyui.uploads import Uploads
from mkdocs_comfy.errors import RejectedError, UnreachableError
from mkdocs_comfy.workflows.key import CacheKey


def job(path, data, *, node="1"):
    digest = hashlib.sha256(data).hexdigest()
    literal = f"sha256:{digest}"
    graph = {
        node: {"class_type": "LoadImage", "inputs": {"image": literal}},
        "2": {"class_type": "SaveImage", "inputs": {"filename_prefix": "", "images": [node, 0]}},
    }
    return RenderJob(
        key=CacheKey("k1-" + digest),
        graph=graph,
        output="2",
        template="start",
        page="a.md",
        uploads={literal: path},
    )


class Storing:
    """A client that stores what it is given, or fails as often as it is told."""

    def __init__(self, failures=0):
        self.failures, self.stored = failures, []

    async def upload(self, data, name):
        await asyncio.sleep(0)
        if self.failures:
            self.failures -= 1
            raise UnreachableError("gone")
        self.stored.append((data, name))
        return f"mkdocs-comfy/{name}"


def test_an_image_that_several_jobs_need_at_once_is_sent_once(tmp_path):
    (tmp_path / "a.PNG").write_bytes(b"image")
    client = Storing()

    async def all_at_once():
        uploads, wanted = Uploads(client), job(tmp_path / "a.PNG", b"image")
        return await asyncio.gather(*(uploads.placed(wanted, wanted.graph) for _ in range(3)))

    graphs = asyncio.run(all_at_once())

    digest = hashlib.sha256(b"image").hexdigest()
    assert client.stored == [(b"image", f"{digest[:32]}.png")]
    assert {graph["1"]["inputs"]["image"] for graph in graphs} == {
        f"mkdocs-comfy/{digest[:32]}.png"
    }


def test_an_upload_that_failed_is_tried_again(tmp_path):
    (tmp_path / "a.png").write_bytes(b"image")
    client = Storing(failures=1)

    async def twice():
        uploads, wanted = Uploads(client), job(tmp_path / "a.png", b"image")
        with pytest.raises(UnreachableError):
            await uploads.placed(wanted, wanted.graph)
        await uploads.placed(wanted, wanted.graph)

    asyncio.run(twice())

    assert len(client.stored) == 1


def test_a_graph_without_images_is_handed_on_as_it_is():
    graph = {"1": {"class_type": "A", "inputs": {"x": "sha256:1"}}}
    plain = RenderJob(key=CacheKey("k1-0"), graph=graph, output="1", template="t", page="p")

    assert asyncio.run(Uploads(Storing()).placed(plain, graph)) is graph


@pytest.mark.parametrize("change", ["other", "gone"])
def test_an_image_that_is_another_one_by_now_is_not_sent(tmp_path, comfyui, change):
    file = tmp_path / "a.png"
    file.write_bytes(b"image")
    wanted = job(file, b"image")
    if change == "gone":
        file.unlink()
    else:
        file.write_bytes(b"other image")

    with closing(Renderer(ServerConfig(url=comfyui.url)).render([wanted])) as events:
        [end] = [event for event in events if isinstance(event, Failed | Rendered)]

    assert isinstance(end, Failed)
    assert isinstance(end.error, RejectedError)
    assert "the source image of a.md" in str(end.error)
    assert not [each for each in comfyui.requests if each.route.startswith("/upload")]


def test_a_server_of_the_other_api_takes_no_image():

    async def upload():
        transport = Transport(ServerConfig(url="http://127.0.0.1:9"), Pace())
        async with CloudClient(transport) as client:
            await client.upload(b"", "a.png")

    with pytest.raises(RejectedError, match="can send no source image"):
        asyncio.run(upload())
