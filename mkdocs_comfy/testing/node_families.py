"""Node classes that single families of models need: facts of ComfyUI 0.3.75."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mkdocs_comfy.testing.node_words import (
    CLIP_TYPES,
    WIDEST,
    choice,
    combo,
    files,
    in_category,
    link,
    node,
    real,
    text,
    whole,
)

if TYPE_CHECKING:
    from mkdocs_comfy.testing.node_words import Definitions


def families() -> Definitions:
    """Return the definitions, fresh at each call."""
    model, clip = {"model": link("MODEL")}, {"clip": link("CLIP")}
    sides = {"width": whole(1024, 16, WIDEST, 1), "height": whole(1024, 16, WIDEST, 1)}
    latent_side = whole(1024, 16, WIDEST, 16)
    padding = whole(0, 0, 10000, 1)
    return in_category(
        {
            "CLIPLoader": node(
                {"clip_name": files(), "type": choice(f"{CLIP_TYPES} flux2")},
                optional={"device": [*choice("default cpu"), {"advanced": True}]},
                output=("CLIP",),
                title="Load CLIP",
            ),
            "QuadrupleCLIPLoader": node(
                {f"clip_name{number}": combo() for number in (1, 2, 3, 4)}, output=("CLIP",)
            ),
            "CLIPTextEncodeSDXLRefiner": node(
                {"ascore": real(6.0, 0.0, 1000.0)}
                | {"width": whole(1024, 0, WIDEST), "height": whole(1024, 0, WIDEST)}
                | {"text": text(), **clip},
                output=("CONDITIONING",),
            ),
            "T5TokenizerOptions": node(
                {**clip, "min_padding": padding, "min_length": padding}, output=("CLIP",)
            ),
            "ModelSamplingSD3": node({**model, "shift": real(3.0, 0.0, 100.0)}, output=("MODEL",)),
            "EmptyFlux2LatentImage": node(
                {"width": latent_side, "height": latent_side, "batch_size": whole(1, 1, 4096)},
                output=("LATENT",),
                title="Empty Flux 2 Latent",
            ),
            "Flux2Scheduler": node({"steps": whole(20, 1, 4096), **sides}, output=("SIGMAS",)),
            "ImageScaleBy": node(
                {"image": link("IMAGE")}
                | {"upscale_method": choice("nearest-exact bilinear area bicubic lanczos")}
                | {"scale_by": real(1.0, 0.01, 8.0)},
                output=("IMAGE",),
                title="Upscale Image By",
            ),
            "VAEEncode": node(
                {"pixels": link("IMAGE"), "vae": link("VAE")},
                output=("LATENT",),
                title="VAE Encode",
            ),
        },
        category="advanced",
    )
