"""The words of the node table: inputs and nodes in the shape of ``/object_info``."""

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
UNET_WEIGHTS = "default fp8_e4m3fn fp8_e4m3fn_fast fp8_e5m2"
CLIP_PAIRS = "sdxl sd3 flux hunyuan_video hidream hunyuan_image"
CLIP_TYPES = (
    "stable_diffusion stable_cascade sd3 stable_audio mochi ltxv pixart cosmos lumina2 wan hidream "
    "chroma ace omnigen2 qwen_image hunyuan_image"
)
# What a second or third number of a range means: the widest image and the longest schedule.
WIDEST = 16384
LONGEST = 10000


def node(
    required: Mapping[str, Spec],
    *,
    output: tuple[str, ...] = (),
    names: tuple[str, ...] | None = None,
    optional: Mapping[str, Spec] | None = None,
    hidden: Mapping[str, str] | None = None,
    title: str = "",
    sink: bool = False,
) -> Definition:
    """Return the definition of a class; ``names`` are those of its outputs, else their types."""
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


def in_category(definitions: Definitions, *, category: str) -> Definitions:
    """Complete definitions with their names and a category."""
    for name, definition in definitions.items():
        definition |= {
            "name": name,
            "display_name": definition["display_name"] or name,
            "category": category,
        }
    return definitions


def link(kind: str) -> Spec:
    """An input that takes a link to an output of this type."""
    return [kind]


def whole(default: int, low: int, high: int, step: int | None = None) -> Spec:
    """A whole number from ``low`` to ``high``."""
    stepped = {} if step is None else {"step": step}
    return ["INT", {"default": default, "min": low, "max": high, **stepped}]


def real(default: float, low: float, high: float, step: float = 0.01) -> Spec:
    """A number from ``low`` to ``high``."""
    return ["FLOAT", {"default": default, "min": low, "max": high, "step": step}]


def guidance_scale() -> Spec:
    """The scale of classifier-free guidance."""
    return ["FLOAT", {"default": 8.0, "min": 0.0, "max": 100.0, "step": 0.1, "round": 0.01}]


def seed() -> Spec:
    """A noise seed."""
    return ["INT", {"default": 0, "min": 0, "max": 2**64 - 1, "control_after_generate": True}]


def text() -> Spec:
    """A text of several lines."""
    return ["STRING", {"multiline": True, "dynamicPrompts": True}]


def choice(words: str) -> Spec:
    """One of some words, in the older notation; ``words`` has spaces between them."""
    return [words.split()]


def files() -> Spec:
    """One of the files in a folder, which the server fills in; in the older notation."""
    return [[]]


def combo(*options: str) -> Spec:
    """One of some options, in the newer notation."""
    return ["COMBO", {"multiselect": False, "options": list(options)}]
