"""Pillow, reading: the one way from bytes to pixels.

Pillow is asked for one decoder by name, never to guess: no other decoder can be reached, and its
global settings (``MAX_IMAGE_PIXELS``, ``LOAD_TRUNCATED_IMAGES``), which belong to whoever else
runs in this process, are neither changed nor relied on. ``_BORDER`` is the map of what Pillow's
decoders raise on bad bytes.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from PIL import Image, ImageChops, ImageCms
from PIL.AvifImagePlugin import AvifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from mkdocs_comfy.errors import BadImageError, TooLargeError, shorten
from mkdocs_comfy.images.containers import essential, sniff, webp_size

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

_BORDER: Final = (
    OSError,  # truncated, broken stream
    SyntaxError,  # what ImageFile makes of anything in a header
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    AttributeError,
    OverflowError,
    AssertionError,
    RuntimeError,  # libavif
    MemoryError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,  # WebP, from Pillow 13 on
    Warning,  # a warning about damaged data, where warnings are errors
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """A completely decoded image.

    Attributes:
        format: As ``sniff`` calls it.
        samples: As Pillow decodes it, in whatever mode; the colour profile, where it has one,
            is in ``info["icc_profile"]``.
        normal: The same in 8-bit RGB, or in RGBA where any of it is not opaque. The profile is
            not applied; 16-bit samples keep their upper 8 bits.
    """

    format: str
    samples: Image.Image
    normal: Image.Image


def decode(data: bytes, *, max_pixels: int) -> Decoded:
    """Decode an image completely.

    Of an animation the first frame is taken, of an animated PNG its default image. EXIF
    orientation is not applied: ComfyUI writes none.

    Args:
        data: A file.
        max_pixels: Width times height that is allowed; looked at before anything is decoded.

    Raises:
        BadImageError: It is no image, or not a whole one.
        TooLargeError: It has more pixels than ``max_pixels``.
    """
    kind = sniff(data)
    if kind == "webp":
        _check_size(webp_size(data), max_pixels)
    try:
        samples = _opened(essential(data, kind), kind)
        _check_size(samples.size, max_pixels)
        samples.load()
        return Decoded(format=kind, samples=samples, normal=_normal_form(samples))
    except _BORDER as error:
        said = shorten(str(error) or type(error).__name__)
        raise BadImageError(f"the {kind.upper()} image is damaged: {said}") from error


def in_srgb(decoded: Decoded) -> Image.Image:
    """The image in RGB or RGBA and in sRGB, so that no profile needs to go with it.

    An image without a profile is taken to be sRGB, and so is one whose profile is damaged or is
    meant for other channels than it has.
    """
    profile = decoded.samples.info.get("icc_profile")
    if not profile:
        return decoded.normal
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        channels = _channels(decoded, source.profile.xcolor_space.strip())
        if channels is None:
            return decoded.normal
        target = ImageCms.createProfile("sRGB")
        transform = ImageCms.buildTransform(source, target, channels.mode, "RGB")
        image = transform.apply(channels)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return decoded.normal
    if decoded.normal.mode == "RGBA":
        image.putalpha(decoded.normal.getchannel("A"))
    return image


def _opened(data: bytes, kind: str) -> ImageFile:
    file = io.BytesIO(data)
    match kind:
        case "png":
            return PngImageFile(file)
        case "jpeg":
            return JpegImageFile(file)
        case "webp":
            return WebPImageFile(file)
        case _:
            return AvifImageFile(file)


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    across, down = size
    if across * down > max_pixels:
        raise TooLargeError(
            f"the image has {across}x{down} pixels, more than the {max_pixels:,} allowed",
            way_out="allow it with `max_pixels:`, or ask for a smaller one with `hero_size:`",
        )


def _normal_form(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        image = _in_8_bits(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if image.getchannel("A").getextrema() != (255, 255):
            return image
    return image.convert("RGB")


def _in_8_bits(image: Image.Image) -> Image.Image:
    """16-bit grey as ``L`` or ``LA``; Pillow's own conversion clips at 255, to a white image."""
    first, second = (
        Image.frombytes("L", image.size, image.tobytes()[start::2]) for start in (0, 1)
    )
    upper, lower = (first, second) if image.mode == "I;16B" else (second, first)
    grey = image.info.get("transparency")  # the sample that means nothing (PNG §11.3.1)
    if not isinstance(grey, int):
        return upper
    others = ImageChops.lighter(_unlike(upper, grey >> 8), _unlike(lower, grey & 0xFF))
    return Image.merge("LA", (upper, others))


def _unlike(plane: Image.Image, value: int) -> Image.Image:
    """255 where a sample is not ``value``, and 0 where it is."""
    return plane.point([0 if each == value else 255 for each in range(256)])


def _channels(decoded: Decoded, space: str) -> Image.Image | None:
    """What a profile for ``space`` can be applied to."""
    grey = decoded.samples.mode in {"1", "L", "LA", "I;16", "I;16B"}
    match space:
        case "GRAY" if grey:
            return decoded.normal.getchannel("R")
        case "CMYK" if decoded.samples.mode == "CMYK":
            return decoded.samples
        case "RGB" if decoded.samples.mode != "CMYK":
            return decoded.normal.convert("RGB")
    return None
