"""A picture for a hero that is not at hand: a plain gradient, made in a moment."""

from __future__ import annotations

import colorsys
import hashlib
import io

from PIL import Image

from mkdocs_comfy.images.variants import LONGEST_SIDE


def placeholder(text: str, size: tuple[int, int]) -> bytes:
    """A diagonal gradient of two related colours, always the same ones for the same text.

    Args:
        text: What it stands for, for example a prompt.
        size: Width and height in pixels, each 1 to 16383.

    Returns:
        A WebP file, 5 to 6 kB at 1344x768.

    Raises:
        ValueError: A side is out of range.
    """
    if not all(1 <= side <= LONGEST_SIDE for side in size):
        raise ValueError(f"a side has 1 to {LONGEST_SIDE} pixels, got {size[0]}x{size[1]}")
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    hue = digest[0] / 256
    turn = (digest[1] / 256 - 0.5) / 3  # at most a sixth of the circle, so that they agree
    light = _colour(hue, 0.72, 0.45)
    deep = _colour(hue + turn, 0.42, 0.42)
    middle = tuple((a + b) // 2 for a, b in zip(light, deep, strict=True))
    corners = Image.frombytes("RGB", (2, 2), bytes((*light, *middle, *middle, *deep)))
    # The box lies between the centres of the four pixels: within it bilinear is a pure gradient.
    image = corners.resize(size, Image.Resampling.BILINEAR, box=(0.5, 0.5, 1.5, 1.5))
    file = io.BytesIO()
    image.save(file, "WEBP", quality=80, method=0)
    return file.getvalue()


def _colour(hue: float, lightness: float, saturation: float) -> tuple[int, int, int]:
    red, green, blue = colorsys.hls_to_rgb(hue % 1.0, lightness, saturation)
    return round(red * 255), round(green * 255), round(blue * 255)
