"""Whether bytes are an image that can be a hero, and what there is to know of it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from mkdocs_comfy.errors import BadImageError
from mkdocs_comfy.images.decode import decode
from mkdocs_comfy.images.records import EXTENSIONS, ImageInfo

if TYPE_CHECKING:
    from PIL.Image import Image

    from mkdocs_comfy.images.decode import Decoded

SHORTEST_SIDE: Final = 64
"""Pixels that each side of a hero has at least; less is an error picture or a tracking pixel."""


def inspect_image(data: bytes, *, max_pixels: int) -> ImageInfo:
    """Check an image from the first byte to the last, before anybody relies on it.

    The format is told by its first bytes, the size by its header, and only then everything is
    decoded. Of an animation the first frame counts.

    Args:
        data: What was delivered, or what a file holds.
        max_pixels: Width times height that is allowed.

    Raises:
        BadImageError: It is no PNG, JPEG, WebP or AVIF, is damaged or truncated, or has a side
            under ``SHORTEST_SIDE``.
        TooLargeError: It has more pixels than ``max_pixels``.
    """
    return describe(decode(data, max_pixels=max_pixels))


def describe(decoded: Decoded) -> ImageInfo:
    """Say what a decoded image is.

    Raises:
        BadImageError: It has a side under ``SHORTEST_SIDE``.
    """
    width, height = decoded.normal.size
    if min(width, height) < SHORTEST_SIDE:
        raise BadImageError(
            f"the image has {width}x{height} pixels, and a hero has at least "
            f"{SHORTEST_SIDE} on each side"
        )
    return ImageInfo(
        format=decoded.format,
        extension=EXTENSIONS[decoded.format],
        width=width,
        height=height,
        pixels=pixel_digest(decoded.normal, profile=decoded.samples.info.get("icc_profile")),
    )


def pixel_digest(image: Image, *, profile: bytes | None) -> str:
    """Digest of what an image looks like, whatever its file was like. A golden test guards it.

    SHA-256 over these bytes, in this order:

    1. ``RGB`` or ``RGBA`` in ASCII, and a line feed;
    2. width, ``x``, height, in decimal ASCII, and a line feed;
    3. the SHA-256 of the embedded colour profile as 64 hex digits, or ``sRGB`` where there is
       none, in ASCII, and a line feed;
    4. the samples, one byte each, in the order red, green, blue (and alpha for ``RGBA``), pixels
       from left to right, rows from top to bottom, without padding.

    Args:
        image: In the normal form of ``decode.Decoded``.
        profile: The ICC profile that the samples are to be read with.
    """
    colours = hashlib.sha256(profile).hexdigest() if profile else "sRGB"
    width, height = image.size
    digest = hashlib.sha256(f"{image.mode}\n{width}x{height}\n{colours}\n".encode())
    digest.update(image.tobytes())
    return digest.hexdigest()
