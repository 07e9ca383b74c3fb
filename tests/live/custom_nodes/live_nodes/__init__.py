"""Nodes for ``tests/live``: a sampler without a model, and nodes that fail to order.

One route as well, ``POST /api/jobs/{id}/cancel``, which newer servers have: comfy-api-proxy
cancels by it and by nothing else.

ComfyUI loads this folder as a custom node pack. The names of the class attributes and of
``INPUT_TYPES`` are its interface (comfy/comfy_types/node_typing.py of 0.3.75).
"""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import torch
from aiohttp import web
from comfy.model_management import throw_exception_if_processing_interrupted
from comfy.utils import ProgressBar
from nodes import SaveImage, interrupt_processing
from server import PromptServer

LATENT_PIXELS = 8  # pixels along one side of what one latent value stands for
NAP = 0.05


class LiveEncode:
    """Takes the text as it is; stands in the place of a text encoder."""

    CATEGORY = "live"
    RETURN_TYPES = ("CONDITIONING",)
    FUNCTION = "encode"

    @classmethod
    def INPUT_TYPES(cls):  # noqa: N802  # ComfyUI's name
        return {"required": {"text": ("STRING", {"multiline": True})}}

    def encode(self, text):
        return ([[torch.zeros(1, 1, 1), {"live_text": text}]],)


class LiveSampler:
    """Paints bands of colour that depend on prompt, seed and size, taking ``sleep`` seconds."""

    CATEGORY = "live"
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "sample"

    @classmethod
    def INPUT_TYPES(cls):  # noqa: N802  # ComfyUI's name
        return {
            "required": {
                "seed": ("INT", {"default": 0, "min": 0, "max": 2**64 - 1}),
                "steps": ("INT", {"default": 4, "min": 1, "max": 100}),
                "cfg": ("FLOAT", {"default": 7.0, "min": 0.0, "max": 100.0}),
                "sleep": ("FLOAT", {"default": 0.0, "min": 0.0, "max": 60.0}),
                "positive": ("CONDITIONING",),
                "negative": ("CONDITIONING",),
                "latent_image": ("LATENT",),
            }
        }

    def sample(self, *, seed, steps, cfg, sleep, positive, negative, latent_image):
        progress = ProgressBar(steps)
        for step in range(steps):
            nap(sleep / steps)
            progress.update_absolute(step + 1, steps)
        texts = [each[0][1]["live_text"] for each in (positive, negative)]
        digest = hashlib.sha256(repr((seed, steps, cfg, texts)).encode()).digest()
        _, _, rows, columns = latent_image["samples"].shape
        height, width = rows * LATENT_PIXELS, columns * LATENT_PIXELS
        bands = torch.tensor(list(digest[:24]), dtype=torch.float32).reshape(8, 3) / 255
        band_of = torch.arange(width) * len(bands) // width
        return (bands[band_of].expand(1, height, width, 3).clone(),)


class LiveRaise:
    """Lets no image through."""

    CATEGORY = "live"
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "fail"

    @classmethod
    def INPUT_TYPES(cls):  # noqa: N802  # ComfyUI's name
        return {
            "required": {
                "images": ("IMAGE",),
                "kind": (["error", "out_of_memory"],),
                "message": ("STRING", {"default": "live_nodes was told to fail"}),
            }
        }

    def fail(self, *, images, kind, message):  # noqa: ARG002  # the link that leads here
        error = torch.OutOfMemoryError if kind == "out_of_memory" else ValueError
        raise error(message)


class LiveForgetful(SaveImage):
    """Saves as Save Image does, and removes the files again, the first time for each ``token``.

    That is done before the job enters the history, so nobody can be quicker.
    """

    CATEGORY = "live"
    FUNCTION = "save_and_forget"

    @classmethod
    def INPUT_TYPES(cls):  # noqa: N802  # ComfyUI's name
        inputs = super().INPUT_TYPES()
        inputs["required"]["token"] = ("STRING", {"default": "once"})
        return inputs

    def save_and_forget(self, *, token, **inputs):
        saved = self.save_images(**inputs)
        folder = Path(self.output_dir)
        marker = folder / f"{token}.forgotten"
        if not marker.exists():
            marker.touch()
            for image in saved["ui"]["images"]:
                (folder / image["subfolder"] / image["filename"]).unlink()
        return saved


@PromptServer.instance.routes.post("/jobs/{id}/cancel")
async def cancel(request):
    """Take a job out of the queue, or interrupt it where it runs."""
    prompt_id, queue = request.match_info["id"], PromptServer.instance.prompt_queue
    gone = queue.delete_queue_item(lambda item: item[1] == prompt_id)
    if not gone and any(item[1] == prompt_id for item in queue.get_current_queue()[0]):
        interrupt_processing()
        gone = True
    return web.json_response({"cancelled": gone})


def nap(seconds):
    """Sleep, and end at once where somebody interrupts the job."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        throw_exception_if_processing_interrupted()
        time.sleep(min(NAP, left))


NODE_CLASS_MAPPINGS = {
    "LiveEncode": LiveEncode,
    "LiveSampler": LiveSampler,
    "LiveRaise": LiveRaise,
    "LiveForgetful": LiveForgetful,
}
