"""Node classes of text-to-image workflows: what goes in, in which range, and what comes out.

Facts of ComfyUI 0.3.64, in the shape of ``/object_info``; a test compares them with a recording.
Choices that are files on the server's disk are empty here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

Definition = dict[str, Any]
Definitions = dict[str, Definition]
Spec = list[Any]

SAMPLERS = (
    "euler euler_cfg_pp euler_ancestral euler_ancestral_cfg_pp heun heunpp2 dpm_2 dpm_2_ancestral "
    "lms dpm_fast dpm_adaptive dpmpp_2s_ancestral dpmpp_2s_ancestral_cfg_pp dpmpp_sde "
    "dpmpp_sde_gpu dpmpp_2m dpmpp_2m_cfg_pp dpmpp_2m_sde dpmpp_2m_sde_gpu dpmpp_2m_sde_heun "
    "dpmpp_2m_sde_heun_gpu dpmpp_3m_sde dpmpp_3m_sde_gpu ddpm lcm ipndm ipndm_v deis res_multistep "
    "res_multistep_cfg_pp res_multistep_ancestral res_multistep_ancestral_cfg_pp "
    "gradient_estimation gradient_estimation_cfg_pp er_sde seeds_2 seeds_3 sa_solver "
    "sa_solver_pece ddim uni_pc uni_pc_bh2"
)
SCHEDULERS = (
    "simple sgm_uniform karras exponential ddim_uniform beta normal linear_quadratic kl_optimal"
)
CLIP_TYPES = (
    "stable_diffusion stable_cascade sd3 stable_audio mochi ltxv pixart cosmos lumina2 wan hidream "
    "chroma ace omnigen2 qwen_image hunyuan_image"
)
# What a second or third number of a range means: the widest image and the longest schedule.
WIDEST = 16384
LONGEST = 10000


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
    tuned = {"positive": _of("CONDITIONING"), "negative": _of("CONDITIONING")}
    latent = {"latent_image": _of("LATENT")}
    chosen = {"sampler_name": _choice(SAMPLERS), "scheduler": _choice(SCHEDULERS)}
    switch = _choice("enable disable")
    two = {"output": ("LATENT", "LATENT"), "names": ("output", "denoised_output")}
    return _named(
        {
            "KSampler": _node(
                {"model": _of("MODEL"), "seed": _seed(), "steps": _int(20, 1, LONGEST)}
                | {"cfg": _cfg(), **chosen, **tuned, **latent, "denoise": _float(1.0, 0.0, 1.0)},
                output=("LATENT",),
            ),
            "KSamplerAdvanced": _node(
                {"model": _of("MODEL"), "add_noise": switch, "noise_seed": _seed()}
                | {"steps": _int(20, 1, LONGEST), "cfg": _cfg(), **chosen, **tuned, **latent}
                | {"start_at_step": _int(0, 0, LONGEST)}
                | {"end_at_step": _int(LONGEST, 0, LONGEST)}
                | {"return_with_leftover_noise": _choice("disable enable")},
                output=("LATENT",),
                title="KSampler (Advanced)",
            ),
            "SamplerCustom": _node(
                {"model": _of("MODEL"), "add_noise": ["BOOLEAN", {"default": True}]}
                | {"noise_seed": _seed(), "cfg": _cfg(), **tuned}
                | {"sampler": _of("SAMPLER"), "sigmas": _of("SIGMAS"), **latent},
                **two,
            ),
            "SamplerCustomAdvanced": _node(
                {"noise": _of("NOISE"), "guider": _of("GUIDER"), "sampler": _of("SAMPLER")}
                | {"sigmas": _of("SIGMAS"), **latent},
                **two,
            ),
        },
        category="sampling",
    )


def _guidance() -> Definitions:
    model = {"model": _of("MODEL")}
    size = {"width": _int(1024, 16, WIDEST, 8), "height": _int(1024, 16, WIDEST, 8)}
    return _named(
        {
            "RandomNoise": _node({"noise_seed": _seed()}, output=("NOISE",)),
            "BasicGuider": _node(
                {**model, "conditioning": _of("CONDITIONING")}, output=("GUIDER",)
            ),
            "CFGGuider": _node(
                {**model, "positive": _of("CONDITIONING"), "negative": _of("CONDITIONING")}
                | {"cfg": _cfg()},
                output=("GUIDER",),
            ),
            "BasicScheduler": _node(
                {**model, "scheduler": _choice(SCHEDULERS), "steps": _int(20, 1, LONGEST)}
                | {"denoise": _float(1.0, 0.0, 1.0)},
                output=("SIGMAS",),
            ),
            "KSamplerSelect": _node({"sampler_name": _choice(SAMPLERS)}, output=("SAMPLER",)),
            "ModelSamplingFlux": _node(
                {**model, "max_shift": _float(1.15, 0.0, 100.0)}
                | {"base_shift": _float(0.5, 0.0, 100.0), **size},
                output=("MODEL",),
            ),
            "ModelSamplingAuraFlow": _node(
                {**model, "shift": _float(1.73, 0.0, 100.0)}, output=("MODEL",)
            ),
        },
        category="sampling/custom_sampling",
    )


def _loaders() -> Definitions:
    weights = _choice("default fp8_e4m3fn fp8_e4m3fn_fast fp8_e5m2")
    pairs = _choice("sdxl sd3 flux hunyuan_video hidream hunyuan_image")
    device = {"device": [*_choice("default cpu"), {"advanced": True}]}
    strength = _float(1.0, -100.0, 100.0)
    return _named(
        {
            "CheckpointLoaderSimple": _node(
                {"ckpt_name": _files()}, output=("MODEL", "CLIP", "VAE"), title="Load Checkpoint"
            ),
            "UNETLoader": _node(
                {"unet_name": _files(), "weight_dtype": weights},
                output=("MODEL",),
                title="Load Diffusion Model",
            ),
            "CLIPLoader": _node(
                {"clip_name": _files(), "type": _choice(CLIP_TYPES)},
                optional=device,
                output=("CLIP",),
                title="Load CLIP",
            ),
            "DualCLIPLoader": _node(
                {"clip_name1": _files(), "clip_name2": _files(), "type": pairs},
                optional=device,
                output=("CLIP",),
            ),
            "TripleCLIPLoader": _node(
                {f"clip_name{number}": _combo() for number in (1, 2, 3)}, output=("CLIP",)
            ),
            "VAELoader": _node({"vae_name": _files()}, output=("VAE",), title="Load VAE"),
            "LoraLoader": _node(
                {"model": _of("MODEL"), "clip": _of("CLIP"), "lora_name": _files()}
                | {"strength_model": strength, "strength_clip": strength},
                output=("MODEL", "CLIP"),
                title="Load LoRA",
            ),
            "LoraLoaderModelOnly": _node(
                {"model": _of("MODEL"), "lora_name": _files(), "strength_model": strength},
                output=("MODEL",),
            ),
            "UpscaleModelLoader": _node(
                {"model_name": _combo()}, output=("UPSCALE_MODEL",), title="Load Upscale Model"
            ),
        },
        category="loaders",
    )


def _texts() -> Definitions:
    clip, text = {"clip": _of("CLIP")}, _text()
    guidance = {"guidance": _float(3.5, 0.0, 100.0, 0.1)}
    one = {"conditioning": _of("CONDITIONING")}
    pixels = ("width", "height", "crop_w", "crop_h", "target_width", "target_height")
    sizes = {name: _int(0 if name.startswith("crop") else 1024, 0, WIDEST, None) for name in pixels}
    made = {"output": ("CONDITIONING",)}
    return _named(
        {
            "CLIPTextEncode": _node(
                {"text": text, **clip}, **made, title="CLIP Text Encode (Prompt)"
            ),
            "CLIPTextEncodeSDXL": _node({**clip, **sizes, "text_g": text, "text_l": text}, **made),
            "CLIPTextEncodeFlux": _node(
                {**clip, "clip_l": text, "t5xxl": text, **guidance}, **made
            ),
            "CLIPTextEncodeSD3": _node(
                {**clip, "clip_l": text, "clip_g": text, "t5xxl": text}
                | {"empty_padding": _combo("none", "empty_prompt")},
                **made,
            ),
            "FluxGuidance": _node({**one, **guidance}, **made),
            "ConditioningZeroOut": _node(one, **made),
            "ConditioningCombine": _node(
                {"conditioning_1": _of("CONDITIONING"), "conditioning_2": _of("CONDITIONING")},
                **made,
                title="Conditioning (Combine)",
            ),
        },
        category="conditioning",
    )


def _latents() -> Definitions:
    batch = {"batch_size": _int(1, 1, 4096)}
    latent = {"samples": _of("LATENT"), "vae": _of("VAE")}

    def empty(side: int, step: int) -> Mapping[str, Spec]:
        sides = _int(side, 16, WIDEST, step)
        return {"width": sides, "height": sides, **batch}

    return _named(
        {
            "EmptyLatentImage": _node(
                empty(512, 8), output=("LATENT",), title="Empty Latent Image"
            ),
            "EmptySD3LatentImage": _node(empty(1024, 16), output=("LATENT",)),
            "LatentUpscale": _node(
                {"samples": _of("LATENT")}
                | {"upscale_method": _choice("nearest-exact bilinear area bicubic bislerp")}
                | {"width": _int(512, 0, WIDEST, 8), "height": _int(512, 0, WIDEST, 8)}
                | {"crop": _choice("disabled center")},
                output=("LATENT",),
                title="Upscale Latent",
            ),
            "VAEDecode": _node(latent, output=("IMAGE",), title="VAE Decode"),
            "VAEDecodeTiled": _node(
                {**latent, "tile_size": _int(512, 64, 4096, 32), "overlap": _int(64, 0, 4096, 32)}
                | {"temporal_size": _int(64, 8, 4096, 4)}
                | {"temporal_overlap": _int(8, 4, 4096, 4)},
                output=("IMAGE",),
                title="VAE Decode (Tiled)",
            ),
        },
        category="latent",
    )


def _images() -> Definitions:
    images = {"images": _of("IMAGE")}
    prefix = {"filename_prefix": ["STRING", {"default": "ComfyUI"}]}
    hidden = {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"}
    batch = {"batch_size": _int(1, 1, 4096)}
    return _named(
        {
            "SaveImage": _node({**images, **prefix}, hidden=hidden, sink=True, title="Save Image"),
            "PreviewImage": _node(images, hidden=hidden, sink=True, title="Preview Image"),
            "SaveImageWebsocket": _node(images, sink=True),
            "EmptyImage": _node(
                {"width": _int(512, 1, WIDEST, 1), "height": _int(512, 1, WIDEST, 1), **batch}
                | {"color": ["INT", {**_int(0, 0, 0xFFFFFF, 1)[1], "display": "color"}]},
                output=("IMAGE",),
            ),
            "LoadImage": _node(
                {"image": [*_files(), {"image_upload": True}]},
                output=("IMAGE", "MASK"),
                title="Load Image",
            ),
            "ImageScale": _node(
                {"image": _of("IMAGE")}
                | {"upscale_method": _choice("nearest-exact bilinear area bicubic lanczos")}
                | {"width": _int(512, 0, WIDEST, 1), "height": _int(512, 0, WIDEST, 1)}
                | {"crop": _choice("disabled center")},
                output=("IMAGE",),
                title="Upscale Image",
            ),
            "ImageUpscaleWithModel": _node(
                {"upscale_model": _of("UPSCALE_MODEL"), "image": _of("IMAGE")},
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
    return _named(
        {
            "PrimitiveString": _node({"value": line}, output=("STRING",), title="String"),
            "PrimitiveStringMultiline": _node(
                {"value": lines}, output=("STRING",), title="String (Multiline)"
            ),
            "PrimitiveInt": _node({"value": number}, output=("INT",), title="Int"),
        },
        category="utils/primitive",
    )


def _node(
    required: Mapping[str, Spec],
    *,
    output: tuple[str, ...] = (),
    names: tuple[str, ...] | None = None,
    optional: Mapping[str, Spec] | None = None,
    hidden: Mapping[str, str] | None = None,
    title: str = "",
    sink: bool = False,
) -> Definition:
    sections = {"required": required, "optional": optional, "hidden": hidden}
    inputs = {name: dict(section) for name, section in sections.items() if section is not None}
    return {
        "input": inputs,
        "input_order": {name: list(section) for name, section in inputs.items()},
        "output": list(output),
        "output_is_list": [False] * len(output),
        "output_name": list(names or output),
        "display_name": title,
        "description": "",
        "python_module": "nodes",
        "output_node": sink,
    }


def _named(definitions: Definitions, *, category: str) -> Definitions:
    for name, definition in definitions.items():
        definition |= {
            "name": name,
            "display_name": definition["display_name"] or name,
            "category": category,
        }
    return definitions


def _of(kind: str) -> Spec:
    return [kind]


def _int(default: int, low: int, high: int, step: int | None = None) -> Spec:
    stepped = {} if step is None else {"step": step}
    return ["INT", {"default": default, "min": low, "max": high, **stepped}]


def _float(default: float, low: float, high: float, step: float = 0.01) -> Spec:
    return ["FLOAT", {"default": default, "min": low, "max": high, "step": step}]


def _cfg() -> Spec:
    return ["FLOAT", {"default": 8.0, "min": 0.0, "max": 100.0, "step": 0.1, "round": 0.01}]


def _seed() -> Spec:
    return ["INT", {"default": 0, "min": 0, "max": 2**64 - 1, "control_after_generate": True}]


def _text() -> Spec:
    return ["STRING", {"multiline": True, "dynamicPrompts": True}]


def _choice(words: str) -> Spec:
    return [words.split()]


def _files() -> Spec:
    return [[]]


def _combo(*options: str) -> Spec:
    return ["COMBO", {"multiselect": False, "options": list(options)}]
