"""The few things for which the fake server needs Pillow; imported when one is asked for."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from mkdocs_comfy.testing.png import flat_painter

if TYPE_CHECKING:
    from PIL import Image

    from mkdocs_comfy.testing.tracing import Picture

# Longer side of a preview frame; that of --preview-size.
PREVIEW_SIDE = 512
DEFAULT_QUALITY = 90


def preview_jpeg(picture: Picture, step: int) -> bytes:
    """Return a JPEG that changes with each step, not larger than a real preview."""
    from PIL import Image  # noqa: PLC0415  # heavy

    size = picture.size
    flat = flat_painter(f"{picture.prompt} after step {step}", picture.seed, size)
    with Image.open(io.BytesIO(flat)) as image:
        image.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
        return _saved(image, "jpeg", DEFAULT_QUALITY)


def as_preview(data: bytes, wanted: str, channel: str) -> tuple[str, bytes]:
    """Return format and bytes of a picture as ``/view?preview=<wanted>`` gives it.

    Args:
        data: A picture file.
        wanted: Format and quality, for example ``webp;80``; an unknown format means WebP.
        channel: The ``channel`` of the request; WebP where it asks for alpha.
    """
    from PIL import Image  # noqa: PLC0415  # heavy

    kind, *rest = wanted.split(";")
    if kind not in {"webp", "jpeg"} or "a" in channel:
        kind = "webp"
    quality = int(rest[-1]) if rest and rest[-1].isdecimal() else DEFAULT_QUALITY
    with Image.open(io.BytesIO(data)) as image:
        flat = image.convert("RGB") if kind == "jpeg" or channel == "rgb" else image
        return kind, _saved(flat, kind, quality)


def without_metadata(data: bytes) -> bytes:
    """Return a PNG of the colours alone, as ``/view?channel=rgb`` gives it."""
    from PIL import Image  # noqa: PLC0415  # heavy

    with Image.open(io.BytesIO(data)) as image:
        out = io.BytesIO()
        plain = Image.new("RGB", image.size)
        plain.paste(image.convert("RGB"))
        plain.save(out, "png")
        return out.getvalue()


def _saved(image: Image.Image, kind: str, quality: int) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, quality=quality)
    return out.getvalue()
