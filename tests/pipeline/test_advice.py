"""Which template is named to somebody whose server lacks a model."""

import pytest

from mkdocs_comfy.builtin import builtin_templates
from mkdocs_comfy.errors import MissingModelError
from mkdocs_comfy.errors.rendering import NodeRef
from mkdocs_comfy.pipeline.advice import advised
from mkdocs_comfy.workflows.library import Library


def way_out(class_type, its_input, *, installed):
    error = MissingModelError(
        "the server has no such file",
        model="missing.safetensors",
        input=its_input,
        installed=installed,
        way_out="installed: " + ", ".join(installed),
        node=NodeRef(id="1", class_type=class_type, title=class_type),
    )
    library = Library([builtin_templates()])
    return advised(error, library=library, folder="comfy_templates").way_out


@pytest.mark.parametrize(
    ("class_type", "its_input", "installed", "name"),
    [
        ("CheckpointLoaderSimple", "ckpt_name", "v1-5-pruned-emaonly.safetensors", "sd15"),
        ("CheckpointLoaderSimple", "ckpt_name", "sd_xl_base_1.0.safetensors", "default"),
        ("UNETLoader", "unet_name", "flux1-schnell.safetensors", "flux-schnell"),
    ],
)
def test_a_template_whose_model_is_there_is_named(class_type, its_input, installed, name):
    told = way_out(class_type, its_input, installed=[installed])

    assert f"in mkdocs.yml, template: {name} uses one of them" in told


def test_an_autoencoder_alone_makes_no_template_fit():
    """It says nothing of whether the model that it belongs to is there."""
    told = way_out("VAELoader", "vae_name", installed=["ae.safetensors"])

    assert "uses one of them" not in told
    assert "comfy_templates/NAME.json" in told
