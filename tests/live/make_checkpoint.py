"""Write a checkpoint that ComfyUI takes for Stable Diffusion 1.5 and runs on a CPU in a second.

The weights are random: it paints coloured noise that depends on prompt, seed and size, which is
all that a test of the way from a page to a picture needs. The shapes come from ComfyUI's own
classes; its loader tells a model's family by the width of the first layer and of the text
encoder, so those stay as they are, and everything else is as small as it can be: one level of
one block instead of four of two, and the tiny autoencoder in the place of the full one.

Run inside the environment that ``install_comfyui.py`` made, in the server's folder::

    .comfyui/venv/bin/python tests/live/make_checkpoint.py FILE
"""

# ruff: noqa: PLC0415
# ComfyUI's modules can be imported once its folder is on the path and its flags are set.

from __future__ import annotations

import json
import sys
from pathlib import Path

SERVER = Path(__file__).resolve().parents[2] / ".comfyui" / "server"


def main(target: Path) -> None:
    """Write the checkpoint to ``target``, about 250 MB, most of it the text encoder."""
    # The server's modules read the command line when they are imported.
    sys.argv[1:] = ["--cpu"]
    sys.path.insert(0, str(SERVER))
    import comfy.options

    comfy.options.enable_args_parsing()
    import torch
    from comfy import ops
    from comfy.clip_model import CLIPTextModel
    from comfy.ldm.modules.diffusionmodules.openaimodel import UNetModel
    from comfy.taesd.taesd import TAESD
    from safetensors.torch import save_file

    cpu, half = torch.device("cpu"), torch.float16
    made = {"dtype": half, "device": cpu, "operations": ops.manual_cast}
    unet = UNetModel(
        image_size=32,
        in_channels=4,
        out_channels=4,
        model_channels=320,
        num_res_blocks=[1],
        channel_mult=[1],
        transformer_depth=[1],
        transformer_depth_output=[1, 1],
        transformer_depth_middle=1,
        num_heads=8,
        use_spatial_transformer=True,
        context_dim=768,
        **made,
    )
    text_encoder = CLIPTextModel(
        json.loads((SERVER / "comfy/sd1_clip_config.json").read_text()), **made
    )
    parts = {
        "model.diffusion_model.": unet,
        "cond_stage_model.transformer.": text_encoder,
        "first_stage_model.": TAESD(latent_channels=4).to(half),
    }
    dice = torch.Generator().manual_seed(15)
    weights = {
        prefix + name: fill(value, name, dice)
        for prefix, part in parts.items()
        for name, value in part.state_dict().items()
    }
    half_written = target.with_suffix(".part")
    save_file(weights, half_written)
    half_written.rename(target)


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
    main(Path(sys.argv[1]))
