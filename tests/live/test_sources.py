"""Source images and doctor on a real ComfyUI."""

import hashlib
import io
from contextlib import closing

import httpx
from PIL import Image

from mkdocs_comfy.comfyui.examination import examine, node_definitions
from mkdocs_comfy.comfyui.jobs import Rendered, RenderJob
from mkdocs_comfy.comfyui.renderer import Renderer
from mkdocs_comfy.comfyui.server import ServerConfig
from mkdocs_comfy.images.embedded import embedded_texts
from mkdocs_comfy.workflows.binding import image_literal
from mkdocs_comfy.workflows.key import CacheKey
from mkdocs_comfy.workflows.reading import read_graph


def test_a_source_image_is_uploaded_and_loaded(comfyui, tmp_path):
    path = tmp_path / "quay.PNG"
    image = Image.effect_noise((96, 80), 60).convert("RGB")
    image.save(path, "PNG")
    literal = image_literal(hashlib.sha256(path.read_bytes()).hexdigest())
    graph = {
        "1": {"class_type": "LoadImage", "inputs": {"image": literal}},
        "2": {"class_type": "SaveImage", "inputs": {"filename_prefix": "", "images": ["1", 0]}},
    }
    job = RenderJob(
        key=CacheKey("k1-" + "0" * 64),
        graph=graph,
        output="2",
        template="start",
        page="a.md",
        uploads={literal: path},
    )

    with closing(Renderer(ServerConfig(url=comfyui.url)).render([job])) as events:
        [data] = [event.data for event in events if isinstance(event, Rendered)]

    assert Image.open(io.BytesIO(data)).convert("RGB").tobytes() == image.tobytes()
    inside = read_graph("inside", embedded_texts(data)["prompt"], file="x.png")
    assert inside["1"]["inputs"]["image"].startswith("mkdocs-comfy/")


def test_a_server_is_examined(comfyui):
    graph = {
        "1": {"class_type": "KSamplr", "inputs": {}},
        "2": {"class_type": "KSamplerSelect", "inputs": {"sampler_name": "euler_ancestrl"}},
        "3": {"class_type": "VAELoader", "inputs": {"vae_name": "none.safetensors"}},
    }

    [report] = examine([ServerConfig(url=comfyui.url)], {"mine": graph})

    system = httpx.get(f"{comfyui.url}/system_stats", trust_env=False).json()["system"]
    assert report.about == f"ComfyUI {system['comfyui_version']}"
    assert report.tells
    kinds = [error.kind for error in report.faults["mine"]]
    assert kinds == ["missing_node", "rejected", "missing_model"]
    assert "did you mean 'KSampler'?" in report.faults["mine"][0].way_out
    assert "did you mean 'euler_ancestral'?" in report.faults["mine"][1].way_out


def test_a_server_tells_all_its_nodes(comfyui):
    known = node_definitions(ServerConfig(url=comfyui.url))

    assert {"KSampler", "SaveImage", "LoadImage"} <= set(known)
