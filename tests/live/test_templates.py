"""The built-in workflow templates on a real ComfyUI that has one checkpoint with random weights."""

from __future__ import annotations

import dataclasses
import hashlib
import io

import pytest
from PIL import Image

from mkdocs_comfy.builtin import builtin_templates
from mkdocs_comfy.comfyui.jobs import Failed, Limits, Rendered, RenderJob
from mkdocs_comfy.comfyui.renderer import Renderer
from mkdocs_comfy.comfyui.server import ServerConfig
from mkdocs_comfy.errors import MissingModelError
from mkdocs_comfy.workflows.binding import Inputs, bind, image_literal
from mkdocs_comfy.workflows.library import Library

CHECKPOINT = "v1-5-pruned-emaonly.safetensors"
MODEL_INPUTS = {"ckpt_name", "unet_name", "clip_name", "vae_name", "model_name"} | {
    f"clip_name{number}" for number in (1, 2, 3, 4)
}


@pytest.fixture
def render(comfyui):
    """``render(template, prompt, seed=…, size=…, params=…) -> Rendered | Failed``."""
    library = Library([builtin_templates()])
    renderer = Renderer(ServerConfig(url=comfyui.url), limits=Limits(timeout=60))

    def run(name, prompt="a foggy harbour", source=None, **inputs):
        image = source and image_literal(hashlib.sha256(source.read_bytes()).hexdigest())
        arguments = Inputs(prompt=prompt, image=image, **{"seed": 1, **inputs})
        bound = bind(library.template(name), arguments)
        job = RenderJob(
            uploads={image: source} if source else {},
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


@pytest.fixture
def painted(tmp_path):
    """Make an image of one colour, to start from."""

    def make(colour):
        path = tmp_path / f"{colour}.png"
        Image.new("RGB", (320, 200), colour).save(path)
        return path

    return make


def test_sdxl_is_rendered_upscaled_and_started_from_an_image(render, sdxl, painted):
    """A second family: two text encoders, and the size among what the model is told."""
    quick = {"size": (256, 128), "params": {"steps": 2}}

    harbour, again, forest, large = (
        render("default", "a foggy harbour", **quick),
        render("sdxl", "a foggy harbour", **quick),
        render("default", "a sunny forest", **quick),
        render("sdxl-upscale", "a foggy harbour", **quick),
    )

    pictures = [decoded(each) for each in (harbour, again, forest)]
    assert {picture.size for picture in pictures} == {(256, 128)}
    assert pictures[0].tobytes() == pictures[1].tobytes() != pictures[2].tobytes()
    assert decoded(large).size == (512, 256)
    fog, sun = (
        render("sdxl-img2img", "a foggy harbour", source=painted(colour), **quick)
        for colour in ("grey", "gold")
    )
    assert decoded(fog).size == decoded(sun).size == (256, 128)
    assert decoded(fog).tobytes() != decoded(sun).tobytes()


@pytest.mark.parametrize("name", Library([builtin_templates()]).names())
def test_the_server_has_nothing_against_a_template_but_missing_models(comfyui, name):
    """Small and quick, in case it lacks none and renders."""
    template = Library([builtin_templates()]).template(name)
    quick = Inputs(prompt="a foggy harbour", seed=1, size=(256, 128), params={"steps": 1})
    if template.image:
        (comfyui.folder / "input" / "fog.png").write_bytes(b"not looked into before it runs")
        quick = dataclasses.replace(quick, image="fog.png")
    bound = bind(template, quick)

    reply = comfyui.post("/prompt", {"prompt": bound.graph})

    complaints = [
        (error["type"], error["extra_info"]["input_name"])
        for node in reply.json()["node_errors"].values()
        for error in node["errors"]
    ]
    assert reply.status_code == (400 if complaints else 200)
    assert {kind for kind, _ in complaints} <= {"value_not_in_list"}
    assert {its_input for _, its_input in complaints} <= MODEL_INPUTS


@pytest.mark.parametrize("name", Library([builtin_templates()]).names())
def test_each_node_is_given_the_inputs_that_its_class_has(comfyui, name):
    """The server overlooks inputs that it does not know."""
    for node in Library([builtin_templates()]).template(name).graph.values():
        definition = comfyui.get(f"/object_info/{node['class_type']}")[node["class_type"]]["input"]
        required, optional = definition["required"], definition.get("optional", {})

        assert set(required) <= set(node["inputs"]) <= {*required, *optional}


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
