"""Write models that ComfyUI takes for known models and runs on a CPU in a second.

The weights are random: they paint coloured noise that depends on prompt, seed and size, which is
all that a test of the way from a page to a picture needs. The shapes come from ComfyUI's own
classes; its loader tells a model's family by some of them, so those stay as they are, and
everything else is as small as it can be.

=======  ===========================================================================  ======
sd15     one level of one block in the place of four of two                            300 MB
sdxl     all blocks, none wider than the first                                         2.2 GB
esrgan   one block of 8 filters in the place of 23 of 64: a model that upscales 4 times  0.1 MB
=======  ===========================================================================  ======

The first two have the tiny autoencoder in the place of the full one, and text encoders of full
size, whose configuration is the loader's own.

Run inside the environment that ``install_comfyui.py`` made, in the server's folder::

    .comfyui/venv/bin/python tests/live/make_checkpoint.py FAMILY FILE
"""

# ruff: noqa: PLC0415
# ComfyUI's modules can be imported once its folder is on the path and its flags are set.

from __future__ import annotations

import json
import sys
from pathlib import Path

SERVER = Path(__file__).resolve().parents[2] / ".comfyui" / "server"


def main(family: str, target: Path) -> None:
    """Write a model of ``family`` to ``target``, a ``.safetensors`` or ``.pth``."""
    # The server's modules read the command line when they are imported.
    sys.argv[1:] = ["--cpu"]
    sys.path.insert(0, str(SERVER))
    import comfy.options

    comfy.options.enable_args_parsing()
    import torch
    from safetensors.torch import save_file

    dice = torch.Generator().manual_seed(15)
    weights = {
        prefix + name: fill(value, name, dice)
        for prefix, part in FAMILIES[family]().items()
        for name, value in part.state_dict().items()
    }
    half_written = target.with_suffix(".part")
    save = torch.save if target.suffix == ".pth" else save_file
    save(weights, half_written)
    half_written.rename(target)


def sd15():
    """The parts of a Stable Diffusion 1.5, by the prefix of their weights."""
    return {
        "model.diffusion_model.": unet(
            num_res_blocks=[1],
            channel_mult=[1],
            transformer_depth=[1],
            transformer_depth_output=[1, 1],
            transformer_depth_middle=1,
            num_heads=8,
            context_dim=768,
        ),
        "cond_stage_model.transformer.": text_encoder("sd1_clip_config.json"),
        "first_stage_model.": autoencoder(),
    }


def sdxl():
    """The parts of an SDXL base, by the prefix of their weights."""
    return {
        "model.diffusion_model.": unet(
            num_res_blocks=[2, 2, 2],
            channel_mult=[1, 1, 1],
            transformer_depth=[0, 0, 2, 2, 10, 10],
            transformer_depth_output=[0, 0, 0, 2, 2, 2, 10, 10, 10],
            transformer_depth_middle=10,
            num_head_channels=64,
            context_dim=2048,
            use_linear_in_transformer=True,
            num_classes="sequential",
            adm_in_channels=2816,
        ),
        "conditioner.embedders.0.transformer.": text_encoder("sd1_clip_config.json"),
        "conditioner.embedders.1.model.transformer.": text_encoder("clip_config_bigg.json"),
        "first_stage_model.": autoencoder(),
    }


def esrgan():
    """A model that upscales."""
    from spandrel.architectures.ESRGAN import ESRGAN

    return {"": ESRGAN(num_filters=8, num_blocks=1, scale=4)}


FAMILIES = {"sd15": sd15, "sdxl": sdxl, "esrgan": esrgan}


def made():
    """How all parts are made: on the CPU, in half precision."""
    import torch
    from comfy import ops

    return {"dtype": torch.float16, "device": torch.device("cpu"), "operations": ops.manual_cast}


def unet(**shape):
    """The part that denoises."""
    from comfy.ldm.modules.diffusionmodules.openaimodel import UNetModel

    fixed = {"image_size": 32, "in_channels": 4, "out_channels": 4, "model_channels": 320}
    return UNetModel(**fixed, use_spatial_transformer=True, **shape, **made())


def text_encoder(configuration):
    """A text encoder of ComfyUI's own configuration."""
    from comfy.clip_model import CLIPTextModel

    return CLIPTextModel(json.loads((SERVER / "comfy" / configuration).read_text()), **made())


def autoencoder():
    """The tiny one."""
    import torch
    from comfy.taesd.taesd import TAESD

    return TAESD(latent_channels=4).to(torch.float16)


def fill(value, name, dice):
    """Random weights of a size that keeps the signal alive through every layer."""
    import torch

    if name.endswith(("vae_scale", "vae_shift")) or not value.is_floating_point():
        return value
    if value.ndim < 2:
        return torch.full_like(value, 0.0 if name.endswith("bias") else 1.0)
    fan_in = value[0].numel()
    scale = 1.0 if "embedding" in name else fan_in**-0.5
    return (torch.randn(value.shape, generator=dice) * scale).to(value.dtype)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
