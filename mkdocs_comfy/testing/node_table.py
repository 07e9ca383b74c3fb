"""Node classes of text-to-image workflows: facts of ComfyUI 0.3.64, choices of files left empty."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mkdocs_comfy.testing.node_words import (
    CLIP_PAIRS,
    LONGEST,
    SAMPLERS,
    SCHEDULERS,
    UNET_WEIGHTS,
    WIDEST,
    choice,
    combo,
    files,
    guidance_scale,
    in_category,
    link,
    node,
    real,
    seed,
    text,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mkdocs_comfy.testing.node_words import Definitions, Spec


def table() -> Definitions:
    """Return all definitions, fresh at each call, so that a test may change its own."""
    return {
        **_samplers(),
        **_guidance(),
        **_loaders(),
        **_texts(),
        **_latents(),
        **_images(),
        **_primitives(),
    }


def _samplers() -> Definitions:
    tuned = {"positive": link("CONDITIONING"), "negative": link("CONDITIONING")}
    latent = {"latent_image": link("LATENT")}
    chosen = {"sampler_name": choice(SAMPLERS), "scheduler": choice(SCHEDULERS)}
    switch = choice("enable disable")
    names = ("output", "denoised_output")
    return in_category(
        {
            "KSampler": node(
                {"model": link("MODEL"), "seed": seed(), "steps": whole(20, 1, LONGEST)}
                | {
                    "cfg": guidance_scale(),
                    **chosen,
                    **tuned,
                    **latent,
                    "denoise": real(1.0, 0.0, 1.0),
                },
                output=("LATENT",),
            ),
            "KSamplerAdvanced": node(
                {"model": link("MODEL"), "add_noise": switch, "noise_seed": seed()}
                | {
                    "steps": whole(20, 1, LONGEST),
                    "cfg": guidance_scale(),
                    **chosen,
                    **tuned,
                    **latent,
                }
                | {"start_at_step": whole(0, 0, LONGEST)}
                | {"end_at_step": whole(LONGEST, 0, LONGEST)}
                | {"return_with_leftover_noise": choice("disable enable")},
                output=("LATENT",),
                title="KSampler (Advanced)",
            ),
            "SamplerCustom": node(
                {"model": link("MODEL"), "add_noise": ["BOOLEAN", {"default": True}]}
                | {"noise_seed": seed(), "cfg": guidance_scale(), **tuned}
                | {"sampler": link("SAMPLER"), "sigmas": link("SIGMAS"), **latent},
                output=("LATENT", "LATENT"),
                names=names,
            ),
            "SamplerCustomAdvanced": node(
                {"noise": link("NOISE"), "guider": link("GUIDER"), "sampler": link("SAMPLER")}
                | {"sigmas": link("SIGMAS"), **latent},
                output=("LATENT", "LATENT"),
                names=names,
            ),
        },
        category="sampling",
    )


def _guidance() -> Definitions:
    model = {"model": link("MODEL")}
    size = {"width": whole(1024, 16, WIDEST, 8), "height": whole(1024, 16, WIDEST, 8)}
    return in_category(
        {
            "RandomNoise": node({"noise_seed": seed()}, output=("NOISE",)),
            "BasicGuider": node(
                {**model, "conditioning": link("CONDITIONING")}, output=("GUIDER",)
            ),
            "CFGGuider": node(
                {**model, "positive": link("CONDITIONING"), "negative": link("CONDITIONING")}
                | {"cfg": guidance_scale()},
                output=("GUIDER",),
            ),
            "BasicScheduler": node(
                {**model, "scheduler": choice(SCHEDULERS), "steps": whole(20, 1, LONGEST)}
                | {"denoise": real(1.0, 0.0, 1.0)},
                output=("SIGMAS",),
            ),
            "KSamplerSelect": node({"sampler_name": choice(SAMPLERS)}, output=("SAMPLER",)),
            "ModelSamplingFlux": node(
                {**model, "max_shift": real(1.15, 0.0, 100.0)}
                | {"base_shift": real(0.5, 0.0, 100.0), **size},
                output=("MODEL",),
            ),
            "ModelSamplingAuraFlow": node(
                {**model, "shift": real(1.73, 0.0, 100.0)}, output=("MODEL",)
            ),
        },
        category="sampling/custom_sampling",
    )


def _loaders() -> Definitions:
    device = {"device": [*choice("default cpu"), {"advanced": True}]}
    strength = real(1.0, -100.0, 100.0)
    return in_category(
        {
            "CheckpointLoaderSimple": node(
                {"ckpt_name": files()}, output=("MODEL", "CLIP", "VAE"), title="Load Checkpoint"
            ),
            "UNETLoader": node(
                {"unet_name": files(), "weight_dtype": choice(UNET_WEIGHTS)},
                output=("MODEL",),
                title="Load Diffusion Model",
            ),
            "DualCLIPLoader": node(
                {"clip_name1": files(), "clip_name2": files(), "type": choice(CLIP_PAIRS)},
                optional=device,
                output=("CLIP",),
            ),
            "TripleCLIPLoader": node(
                {f"clip_name{number}": combo() for number in (1, 2, 3)}, output=("CLIP",)
            ),
            "VAELoader": node({"vae_name": files()}, output=("VAE",), title="Load VAE"),
            "LoraLoader": node(
                {"model": link("MODEL"), "clip": link("CLIP"), "lora_name": files()}
                | {"strength_model": strength, "strength_clip": strength},
                output=("MODEL", "CLIP"),
                title="Load LoRA",
            ),
            "LoraLoaderModelOnly": node(
                {"model": link("MODEL"), "lora_name": files(), "strength_model": strength},
                output=("MODEL",),
            ),
            "UpscaleModelLoader": node(
                {"model_name": combo()}, output=("UPSCALE_MODEL",), title="Load Upscale Model"
            ),
        },
        category="loaders",
    )


def _texts() -> Definitions:
    clip, said = {"clip": link("CLIP")}, text()
    guidance = {"guidance": real(3.5, 0.0, 100.0, 0.1)}
    one = {"conditioning": link("CONDITIONING")}
    pixels = ("width", "height", "crop_w", "crop_h", "target_width", "target_height")
    sizes = {
        name: whole(0 if name.startswith("crop") else 1024, 0, WIDEST, None) for name in pixels
    }
    return in_category(
        {
            "CLIPTextEncode": node(
                {"text": said, **clip}, output=("CONDITIONING",), title="CLIP Text Encode (Prompt)"
            ),
            "CLIPTextEncodeSDXL": node(
                {**clip, **sizes, "text_g": said, "text_l": said}, output=("CONDITIONING",)
            ),
            "CLIPTextEncodeFlux": node(
                {**clip, "clip_l": said, "t5xxl": said, **guidance}, output=("CONDITIONING",)
            ),
            "CLIPTextEncodeSD3": node(
                {**clip, "clip_l": said, "clip_g": said, "t5xxl": said}
                | {"empty_padding": combo("none", "empty_prompt")},
                output=("CONDITIONING",),
            ),
            "FluxGuidance": node({**one, **guidance}, output=("CONDITIONING",)),
            "ConditioningZeroOut": node(one, output=("CONDITIONING",)),
            "ConditioningCombine": node(
                {"conditioning_1": link("CONDITIONING"), "conditioning_2": link("CONDITIONING")},
                output=("CONDITIONING",),
                title="Conditioning (Combine)",
            ),
        },
        category="conditioning",
    )


def _latents() -> Definitions:
    batch = {"batch_size": whole(1, 1, 4096)}
    latent = {"samples": link("LATENT"), "vae": link("VAE")}

    def empty(side: int, step: int) -> Mapping[str, Spec]:
        sides = whole(side, 16, WIDEST, step)
        return {"width": sides, "height": sides, **batch}

    return in_category(
        {
            "EmptyLatentImage": node(empty(512, 8), output=("LATENT",), title="Empty Latent Image"),
            "EmptySD3LatentImage": node(empty(1024, 16), output=("LATENT",)),
            "LatentUpscale": node(
                {"samples": link("LATENT")}
                | {"upscale_method": choice("nearest-exact bilinear area bicubic bislerp")}
                | {"width": whole(512, 0, WIDEST, 8), "height": whole(512, 0, WIDEST, 8)}
                | {"crop": choice("disabled center")},
                output=("LATENT",),
                title="Upscale Latent",
            ),
            "VAEDecode": node(latent, output=("IMAGE",), title="VAE Decode"),
            "VAEDecodeTiled": node(
                {**latent, "tile_size": whole(512, 64, 4096, 32), "overlap": whole(64, 0, 4096, 32)}
                | {"temporal_size": whole(64, 8, 4096, 4)}
                | {"temporal_overlap": whole(8, 4, 4096, 4)},
                output=("IMAGE",),
                title="VAE Decode (Tiled)",
            ),
        },
        category="latent",
    )


def _images() -> Definitions:
    images = {"images": link("IMAGE")}
    prefix = {"filename_prefix": ["STRING", {"default": "ComfyUI"}]}
    hidden = {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"}
    batch = {"batch_size": whole(1, 1, 4096)}
    return in_category(
        {
            "SaveImage": node({**images, **prefix}, hidden=hidden, sink=True, title="Save Image"),
            "PreviewImage": node(images, hidden=hidden, sink=True, title="Preview Image"),
            "SaveImageWebsocket": node(images, sink=True),
            "EmptyImage": node(
                {"width": whole(512, 1, WIDEST, 1), "height": whole(512, 1, WIDEST, 1), **batch}
                | {"color": ["INT", {**whole(0, 0, 0xFFFFFF, 1)[1], "display": "color"}]},
                output=("IMAGE",),
            ),
            "LoadImage": node(
                {"image": [*files(), {"image_upload": True}]},
                output=("IMAGE", "MASK"),
                title="Load Image",
            ),
            "ImageScale": node(
                {"image": link("IMAGE")}
                | {"upscale_method": choice("nearest-exact bilinear area bicubic lanczos")}
                | {"width": whole(512, 0, WIDEST, 1), "height": whole(512, 0, WIDEST, 1)}
                | {"crop": choice("disabled center")},
                output=("IMAGE",),
                title="Upscale Image",
            ),
            "ImageUpscaleWithModel": node(
                {"upscale_model": link("UPSCALE_MODEL"), "image": link("IMAGE")},
                output=("IMAGE",),
                title="Upscale Image (using Model)",
            ),
        },
        category="image",
    )


def _primitives() -> Definitions:
    widest = 2**63 - 1
    number = ["INT", {"min": -widest, "max": widest, "control_after_generate": True}]
    line, lines = ["STRING", {"multiline": False}], ["STRING", {"multiline": True}]
    return in_category(
        {
            "PrimitiveString": node({"value": line}, output=("STRING",), title="String"),
            "PrimitiveStringMultiline": node(
                {"value": lines}, output=("STRING",), title="String (Multiline)"
            ),
            "PrimitiveInt": node({"value": number}, output=("INT",), title="Int"),
        },
        category="utils/primitive",
    )
