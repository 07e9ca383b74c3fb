"""The node classes that the fake server knows, in the form of ``/object_info``. Pure.

Types, ranges, defaults and choices are those of ComfyUI 0.3.64, and of 0.3.75 for what only some
families of models need; tests compare them with recordings. Models are not part of the table: the
server fills in the names it is told to have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mkdocs_comfy.testing.node_families import families
from mkdocs_comfy.testing.node_table import table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mkdocs_comfy.testing.node_words import Definition, Definitions

# (class, input) -> folder whose files are its choices.
MODEL_FOLDERS = (
    ("CheckpointLoaderSimple", "ckpt_name", "checkpoints"),
    ("UNETLoader", "unet_name", "diffusion_models"),
    ("CLIPLoader", "clip_name", "text_encoders"),
    ("DualCLIPLoader", "clip_name1", "text_encoders"),
    ("DualCLIPLoader", "clip_name2", "text_encoders"),
    ("TripleCLIPLoader", "clip_name1", "text_encoders"),
    ("TripleCLIPLoader", "clip_name2", "text_encoders"),
    ("TripleCLIPLoader", "clip_name3", "text_encoders"),
    ("QuadrupleCLIPLoader", "clip_name1", "text_encoders"),
    ("QuadrupleCLIPLoader", "clip_name2", "text_encoders"),
    ("QuadrupleCLIPLoader", "clip_name3", "text_encoders"),
    ("QuadrupleCLIPLoader", "clip_name4", "text_encoders"),
    ("VAELoader", "vae_name", "vae"),
    ("LoraLoader", "lora_name", "loras"),
    ("LoraLoaderModelOnly", "lora_name", "loras"),
    ("UpscaleModelLoader", "model_name", "upscale_models"),
)


def default_models() -> dict[str, list[str]]:
    """Return the model files that a server has that is not told otherwise, by folder."""
    return {
        "checkpoints": [
            "sd_xl_base_1.0.safetensors",
            "v1-5-pruned-emaonly-fp16.safetensors",
            "v1-5-pruned-emaonly.safetensors",
        ],
        "diffusion_models": ["flux1-dev.safetensors", "flux1-schnell.safetensors"],
        "text_encoders": ["clip_g.safetensors", "clip_l.safetensors", "t5xxl_fp16.safetensors"],
        "vae": ["ae.safetensors", "pixel_space"],
        "loras": [],
        "upscale_models": [],
    }


def default_nodes() -> Definitions:
    """Return the definition of every class, without models."""
    return table() | families()


def models_of(nodes: Mapping[str, Definition]) -> dict[str, list[str]]:
    """Return the models that these definitions name, by folder."""
    models: dict[str, list[str]] = {}
    for kind, name, folder in MODEL_FOLDERS:
        spec = nodes.get(kind, {}).get("input", {}).get("required", {}).get(name)
        if spec is not None:
            names = spec[0] if isinstance(spec[0], list) else spec[1]["options"]
            models.setdefault(folder, list(names))
    return models


def takes_models(kind: str, name: str) -> bool:
    """Whether the input ``name`` of the class ``kind`` takes the name of a model file."""
    return any((kind, name) == (each, slot) for each, slot, _ in MODEL_FOLDERS)


def with_models(
    kind: str, definition: Definition, models: Mapping[str, Sequence[str]]
) -> Definition:
    """Return the definition of a class with the names of ``models`` as choices of its inputs."""
    for each, name, folder in MODEL_FOLDERS:
        if each == kind and folder in models:
            required = dict(definition["input"]["required"])
            required[name] = _with_choices(required[name], list(models[folder]))
            definition = {**definition, "input": {**definition["input"], "required": required}}
    return definition


def _with_choices(spec: Sequence[Any], names: list[str]) -> list[Any]:
    if isinstance(spec[0], list):
        return [names, *spec[1:]]
    return [spec[0], {**spec[1], "options": names}]
