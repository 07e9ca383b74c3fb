"""What the benchmarks render: workflows of the usual shape, and our renderer for them."""

from __future__ import annotations

import secrets
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

from mkdocs_comfy.comfyui.jobs import Failed, Limits, RenderJob
from mkdocs_comfy.comfyui.renderer import Renderer
from mkdocs_comfy.comfyui.server import ServerConfig
from mkdocs_comfy.workflows.key import CacheKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mkdocs_comfy.comfyui.jobs import RenderEvent

OUTPUT = "9"
JOB_SECONDS = 600.0


class Moments(list[Any]):
    """A list that remembers when each of its items was appended."""

    def __init__(self) -> None:
        super().__init__()
        self.at: list[float] = []

    def append(self, item: object) -> None:
        """Append ``item`` and note the time."""
        self.at.append(time.perf_counter())
        super().append(item)


def graph(seed: int, *, steps: int = 4) -> dict[str, Any]:
    """A workflow of the usual shape; another seed, so that nothing comes from the cache."""
    text = {"class_type": "CLIPTextEncode", "inputs": {"text": "a harbour", "clip": ["4", 1]}}
    nodes = {
        "3": {
            "class_type": "KSampler",
            "inputs": {
                "seed": seed,
                "steps": steps,
                "cfg": 7.0,
                "sampler_name": "euler",
                "scheduler": "normal",
                "denoise": 1.0,
                "model": ["4", 0],
                "positive": ["6", 0],
                "negative": ["7", 0],
                "latent_image": ["5", 0],
            },
        },
        "4": {
            "class_type": "CheckpointLoaderSimple",
            "inputs": {"ckpt_name": "sd_xl_base_1.0.safetensors"},
        },
        "5": {
            "class_type": "EmptyLatentImage",
            "inputs": {"width": 256, "height": 144, "batch_size": 1},
        },
        "6": text,
        "7": text,
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        OUTPUT: {
            "class_type": "SaveImage",
            "inputs": {"filename_prefix": "x", "images": ["8", 0]},
        },
    }
    titles = {node: {"_meta": {"title": each["class_type"]}} for node, each in nodes.items()}
    return {node: each | titles[node] for node, each in nodes.items()}


def graphs(steps: Iterable[int]) -> list[dict[str, Any]]:
    """One workflow for each number of steps, with seeds that no other has."""
    return [graph(secrets.randbelow(2**48), steps=each) for each in steps]


def render(urls: Sequence[str], wanted: Sequence[dict[str, Any]]) -> Iterator[RenderEvent]:
    """Render ``wanted`` on the servers at ``urls`` as a build does, and tell what happens.

    Raises:
        HeroError: An image could not be rendered.
    """
    jobs = [
        RenderJob(
            key=CacheKey(f"k1-{number:064x}"),
            graph=each,
            output=OUTPUT,
            template="benchmark",
            page=f"{number}.md",
        )
        for number, each in enumerate(wanted)
    ]
    servers = [ServerConfig(url=url) for url in urls]
    renderer = Renderer(servers, limits=Limits(timeout=JOB_SECONDS))
    with closing(renderer.render(jobs)) as events:
        for event in events:
            if isinstance(event, Failed):
                raise event.error
            yield event
