"""What is known about node classes, as tables: where tracing passes through and where it stops.

To teach the tracer a node, add it here. Class and input names are ComfyUI's own (``nodes.py`` and
``comfy_extras/``, versions 0.3.64 to 0.38.1) or those of widespread custom nodes; what a class
without an entry means is told from the names of its inputs, and where they do not tell, the
tracer asks instead of guessing.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

Role: TypeAlias = Literal["prompt", "negative", "seed", "width", "height", "steps", "cfg"]
"""What a template may be given. Values of the roles are written to targets in its graph."""

ROLES: tuple[Role, ...] = ("prompt", "negative", "seed", "width", "height", "steps", "cfg")
TEXT_ROLES: tuple[Role, ...] = ("prompt", "negative")

# Outputs ----------------------------------------------------------------------------------------

IMAGE_INPUTS = ("images", "image")
"""Inputs by which a node that saves takes its image."""

PREVIEWS = frozenset({"PreviewImage"})
"""Classes that save to the server's temporary folder, which is wiped when it starts."""

VIDEO_SAVERS = frozenset({"SaveVideo", "SaveWEBM", "VHS_VideoCombine"})
"""Classes that look like a saver of images and make a film."""

# Sampling ---------------------------------------------------------------------------------------

SAMPLERS = frozenset({"KSampler", "KSamplerAdvanced", "SamplerCustom", "SamplerCustomAdvanced"})
"""Samplers by name; a node with a latent or a model, and a positive or a guider, is one too."""

LATENT_PREFIXES = ("latent", "samples")
"""How the inputs begin by which latents flow: ``latent_image``, ``samples``, ``samples_to`` …"""

SIGMAS_PREFIX = "sigmas"
"""How the inputs begin by which noise schedules flow through splitters and joiners."""

SEED_INPUTS = frozenset({"seed", "noise_seed"})

SILENT_NOISE = frozenset({"DisableNoise"})
"""Classes that stand for no noise."""

NUMBER_SOURCES: Mapping[str, str] = MappingProxyType(
    {"PrimitiveInt": "value", "PrimitiveFloat": "value", "INTConstant": "value"}
)
"""Class of a node that only holds a number → its input."""

BOOLEAN_SOURCES: Mapping[str, str] = MappingProxyType({"PrimitiveBoolean": "value"})
"""Class of a node that only holds true or false → its input."""

SIDES = (("width", "height"), ("target_width", "target_height"))
"""Inputs by which nodes are told a size. Linked to where the latent's come from, they follow it."""

SIZE_PAIRS: Mapping[str, tuple[tuple[str, str], ...]] = MappingProxyType(
    {
        "CLIPTextEncodeSDXL": (("width", "height"), ("target_width", "target_height")),
        "CLIPTextEncodeSDXLRefiner": (("width", "height"),),
        "Flux2Scheduler": (("width", "height"),),
        "ModelSamplingFlux": (("width", "height"),),
    }
)
"""Classes that must be told the size of the latent, by pairs of inputs, where it is written out."""

WHOLE_INPUTS = frozenset(
    {
        *SEED_INPUTS,
        "batch_size",
        "crop_h",
        "crop_w",
        "end_at_step",
        "height",
        "start_at_step",
        "steps",
        "target_height",
        "target_width",
        "width",
    }
)
"""Inputs that take whole numbers only. A file does not tell: the editor writes ``1.0`` as ``1``."""

WHOLE_CLASSES = frozenset({"INTConstant", "PrimitiveInt"})
"""Classes whose numbers are all whole."""

# Conditioning -----------------------------------------------------------------------------------

ZEROING = frozenset({"ConditioningZeroOut"})
"""Classes that keep nothing of the text they are given."""

PAIRED = frozenset(
    {
        "ControlNetApplyAdvanced",
        "ControlNetApplySD3",
        "ControlNetInpaintingAliMamaApply",
        "HiDreamO1ReferenceImages",
        "InpaintModelConditioning",
        "InstructPixToPixConditioning",
        "LTXVConditioning",
        "PairConditioningSetProperties",
    }
)
"""Classes with ``positive`` on output 0, ``negative`` on output 1, from the inputs so named."""

GUIDER_INPUTS: Mapping[Role, tuple[str, ...]] = MappingProxyType(
    {
        "prompt": ("positive", "conditioning", "cond1", "guider"),
        "negative": ("negative", "guider"),
    }
)
"""Inputs of guiders by which text comes in.

``cond2`` of a DualCFGGuider is none: it is what ``cond1`` is weighed against, without the text."""

CONDITIONING_PREFIX = "conditioning"
"""How the inputs begin by which conditioning flows: ``conditioning``, ``conditioning_1`` …"""

TEXT_INPUTS: Mapping[Role, tuple[str, ...]] = MappingProxyType(
    {
        "prompt": (
            "text",
            "prompt",
            "user_prompt",
            "positive_prompt",
            "text_g",
            "text_l",
            "clip_l",
            "clip_g",
            "t5xxl",
            "llama",
            "bert",
            "mt5xl",
        ),
        "negative": ("negative_prompt",),
    }
)
"""Inputs by which an encoder takes its text; ``negative_prompt`` only for the negative."""

# Text -------------------------------------------------------------------------------------------

STRING_INPUTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "CaseConverter": ("string",),
        "JsonExtractString": ("json_string",),
        "PreviewAny": ("source",),
        "PrimitiveString": ("value",),
        "PrimitiveStringMultiline": ("value",),
        "RegexReplace": ("string",),
        "StringConcatenate": ("string_a", "string_b"),
        "StringReplace": ("string",),
        "StringSubstring": ("string",),
        "StringTrim": ("string",),
        "TextGenerate": ("prompt",),
    }
)
"""Class of a node that makes a text → the inputs it makes it from (never a system prompt)."""

SWITCHES: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {"ComfySwitchNode": ("switch", "on_true", "on_false")}
)
"""Class of a node that hands on one of two inputs → the input that decides, for true, for false."""

REPLACERS = frozenset({"StringReplace"})
"""Classes that put ``replace`` where ``find`` stands in ``string``: it may be a template then."""

STRING_PREFIXES = ("text", "string", "prompt")
STRING_NAMES = frozenset({"input", "source", "user_prompt", "value"})
"""How inputs are called by which an unknown node takes the text that it hands on."""

ASIDE = frozenset(
    {"instruction", "instructions", "prefix", "style", "suffix", "system", "template", "trigger"}
)
"""Words in a title that say: this text goes with the prompt and is not it."""

ROLE_TITLES: Mapping[Role, frozenset[str]] = MappingProxyType(
    {
        "prompt": frozenset(
            {"main prompt", "positive", "positive prompt", "prompt", "user input", "user prompt"}
        ),
        "negative": frozenset({"negative", "negative prompt"}),
    }
)
"""Titles, in lower case, by which an author says which of several texts is meant."""

TITLE_KINDS = frozenset({"multiline", "string", "text"})
"""Words in a title that tell the kind of a node and not what its text is for."""

UNSEEN = frozenset(
    {"clip", "clip_vision_output", "control_net", "image", "mask", "model", "style_model", "vae"}
)
"""Linked inputs of an unknown node that carry no conditioning."""
