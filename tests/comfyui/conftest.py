"""A graph, jobs made from it, and the recordings of a real server."""

import json
from pathlib import Path

import pytest

from mkdocs_comfy.comfyui.jobs import RenderJob
from mkdocs_comfy.comfyui.protocol import Subject
from mkdocs_comfy.comfyui.server import ServerConfig

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
