"""Which sizes an image may be asked for in."""

from __future__ import annotations

MIN_SIDE, MAX_SIDE = 64, 16384
"""Pixels. Below, nobody calls it a hero; above, ComfyUI refuses (``nodes.MAX_RESOLUTION``)."""

STEP = 8
"""Pixels per latent pixel: other sides are cut down by the server without a word."""


def size_problem(size: tuple[int, int]) -> str | None:
    """Return what is wrong with ``size``, width and height in pixels, or ``None``."""
    for side in size:
        if not MIN_SIDE <= side <= MAX_SIDE or side % STEP:
            return f"sides must be multiples of {STEP} from {MIN_SIDE} to {MAX_SIDE}, got {side}"
    return None
