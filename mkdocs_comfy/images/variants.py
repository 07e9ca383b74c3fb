"""What names an encoded image in the site.

Imports nothing heavy: a warm build computes these names and looks them up.
"""

from __future__ import annotations

import hashlib
import json
from typing import Final, NewType

VariantKey = NewType("VariantKey", str)
"""Name of a variant: 32 hex digits."""

ENCODER: Final = 1
"""Number of our way of encoding. Raised when the same pixels and options give other bytes on
purpose: every variant is then encoded anew and gets a new URL."""

QUALITY: Final = 80
"""WebP quality, 0 to 100: at 1344x768 some 100 to 140 kB without visible loss."""

LONGEST_SIDE: Final = 16383
"""Pixels that WebP allows a side (RFC 9649 §2.6: 14 bits)."""


def variant_key(*, pixels: str, width: int, format: str, quality: int) -> VariantKey:  # noqa: A002  # the word that configuration and records use
    """Name the file that an image becomes.

    Nothing of a page is in it, so two pages share a file; nothing of prompt or template either,
    so an image that was rendered anew and looks the same keeps its URL.

    Args:
        pixels: Digest of the original's decoded pixels.
        width: Pixels of the variant.
        format: Format of the variant, for example ``"webp"``.
        quality: Quality it is encoded with, 0 to 100.

    Returns:
        The first 32 hex digits of a SHA-256 over sorted compact JSON. A golden test guards it.
    """
    parts = {
        "encoder": ENCODER,
        "format": format,
        "pixels": pixels,
        "quality": quality,
        "width": width,
    }
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return VariantKey(hashlib.sha256(text.encode()).hexdigest()[:32])


def fitted_size(size: tuple[int, int], width: int | None = None) -> tuple[int, int]:
    """Size of the variant of an original, so that it is known before anything is encoded.

    Args:
        size: Width and height of the original in pixels.
        width: Width asked for in pixels, at least 1; ``None`` for the original's own.

    Returns:
        Width and height in the original's proportions, never larger than the original, no side
        over ``LONGEST_SIDE``, none under 1.
    """
    across, down = size
    wanted = across if width is None else min(width, across)
    wanted = min(wanted, LONGEST_SIDE, max(1, LONGEST_SIDE * across // down))
    return wanted, min(LONGEST_SIDE, max(1, round(down * wanted / across)))
