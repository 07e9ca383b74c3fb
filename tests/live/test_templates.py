"""The built-in workflow templates on a real ComfyUI that has one checkpoint with random weights."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from mkdocs_comfy.builtin import builtin_templates
from mkdocs_comfy.comfyui.jobs import Failed, Limits, Rendered, RenderJob
from mkdocs_comfy.comfyui.renderer import Renderer
from mkdocs_comfy.comfyui.server import ServerConfig
from mkdocs_comfy.errors import MissingModelError
from mkdocs_comfy.workflows.binding import Inputs, bind
from mkdocs_comfy.workflows.library import Library

CHECKPOINT = "v1-5-pruned-emaonly.safetensors"


@pytest.fixture
def render(comfyui):
    """``render(template, prompt, seed=…, size=…, params=…) -> Rendered | Failed``."""
    library = Library([builtin_templates()])
    renderer = Renderer(ServerConfig(url=comfyui.url), limits=Limits(timeout=60))

    def run(name, prompt="a foggy harbour", **inputs):
        bound = bind(library.template(name), Inputs(prompt=prompt, **{"seed": 1, **inputs}))
        job = RenderJob(
            key=bound.key,
            graph=bound.graph,
            output=bound.output,
            template=name,
            page="index.md",
            size=bound.size,
        )
        return list(renderer.render([job]))[-1]

    return run


def test_sd15_is_rendered_by_a_model(render):
    """Loader, text encoder, sampler and decoder all run; only the weights are not SD 1.5's."""
    quick = {"size": (256, 128), "params": {"steps": 2}}

    harbour, again, forest, other = (
        render("sd15", "a foggy harbour", seed=1, **quick),
        render("sd15", "a foggy harbour", seed=1, **quick),
        render("sd15", "a sunny forest", seed=1, **quick),
        render("sd15", "a foggy harbour", seed=2, **quick),
    )

    pictures = [decoded(each) for each in (harbour, again, forest, other)]
    assert {picture.size for picture in pictures} == {(256, 128)}
    assert pictures[0].tobytes() == pictures[1].tobytes()
    assert len({picture.tobytes() for picture in pictures}) == 3


def test_default_without_its_checkpoint_names_the_installed_ones(render):
    failed = render("default")

    assert isinstance(failed, Failed)
    assert type(failed.error) is MissingModelError
    assert failed.error.model == "sd_xl_base_1.0.safetensors"
    assert failed.error.input == "ckpt_name"
    assert failed.error.installed == (CHECKPOINT,)
    assert CHECKPOINT in str(failed.error)


def test_a_server_without_any_checkpoint_says_so(render, comfyui):
    checkpoint = comfyui.checkpoints / CHECKPOINT
    hidden = checkpoint.rename(comfyui.folder / "hidden")
    try:
        failed = render("sd15")
    finally:
        hidden.rename(checkpoint)

    assert type(failed.error) is MissingModelError
    assert failed.error.model == CHECKPOINT
    assert failed.error.installed == ()


def decoded(event):
    assert isinstance(event, Rendered), event
    return Image.open(io.BytesIO(event.data)).convert("RGB")
