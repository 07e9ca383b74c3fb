"""PNG files as far as the fake server needs them: one colour, and text chunks. No Pillow."""

from __future__ import annotations

import hashlib
import struct
import zlib
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Length, name, 13 bytes and checksum of IHDR, which is first by specification.
_AFTER_HEADER = len(SIGNATURE) + 25


class Painter(Protocol):
    """Makes the picture that stands in for a rendered one.

    The same arguments must give the same bytes: a PNG of exactly ``size`` pixels. Called in a
    thread of its own.
    """

    def __call__(
        self, prompt: str, seed: int, size: tuple[int, int], *, negative: str = "", steps: int = 20
    ) -> bytes:
        """Return the bytes of a PNG file."""


def flat_painter(
    prompt: str, seed: int, size: tuple[int, int], *, negative: str = "", steps: int = 20
) -> bytes:
    """Paint ``size`` pixels of one colour that depends on every argument; takes milliseconds."""
    said = "\0".join((prompt, str(seed), f"{size[0]}x{size[1]}", negative, str(steps)))
    red, green, blue = hashlib.sha256(said.encode("utf-8", "surrogatepass")).digest()[:3]
    return plain_png(size, (red, green, blue))


def plain_png(size: tuple[int, int], colour: tuple[int, int, int]) -> bytes:
    """Return an RGB PNG of one colour; both sides of ``size`` at least 1."""
    width, height = size
    first = b"\x00" + bytes(colour) * width
    # Filter 2 stores the difference to the line above: nothing but zeros, which deflate fast.
    below = b"\x02" + b"\x00" * (3 * width)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(first + below * (height - 1), 1)
    return SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def with_text(png: bytes, texts: Mapping[str, str]) -> bytes:
    """Return ``png`` with one tEXt chunk for each of ``texts``, in Latin-1, after its header."""
    chunks = b"".join(
        _chunk(b"tEXt", key.encode("latin-1") + b"\0" + text.encode("latin-1"))
        for key, text in texts.items()
    )
    return png[:_AFTER_HEADER] + chunks + png[_AFTER_HEADER:]


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
