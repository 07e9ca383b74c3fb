"""The workflow inside an image that ComfyUI saved, read without decoding a pixel.

Where ComfyUI keeps it (``comfy_api/latest/_ui.py`` and ``nodes.py`` of 0.3.75): a PNG has a text
chunk ``prompt`` with the graph as it ran, an animated PNG a chunk ``comf``; WebP and AVIF have an
EXIF block whose field 0x0110 begins with ``prompt:``. The editor's own drawing stands beside it
as ``workflow``.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Final

from mkdocs_comfy.errors import BadImageError
from mkdocs_comfy.images.containers import sniff

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_TEXT: Final = 32 * 1024 * 1024
"""Bytes of one text of an image, decompressed."""

MAX_BOXES: Final = 10_000
"""Boxes of one level of an AVIF file that are looked at."""

_PNG_TEXTS: Final = frozenset({b"tEXt", b"zTXt", b"iTXt", b"comf"})
_ASCII: Final = 2
_ENTRY: Final = 12
_HEADER: Final = 8
_INFE_VERSIONS: Final = (2, 3)


def embedded_texts(data: bytes) -> dict[str, str]:
    """Return what ComfyUI wrote into an image: ``prompt``, ``workflow`` and others, by name.

    Args:
        data: A whole PNG, WebP or AVIF file, of whatever size its pixels would have.

    Raises:
        BadImageError: It is no image, or one of another format.
    """
    match sniff(data):
        case "png":
            return dict(_png_texts(data))
        case "webp":
            exif = next(_webp_exif(data), b"")
        case "avif":
            exif = next(_avif_exif(data), b"")
        case kind:
            raise BadImageError(f"this is a {kind.upper()}, in which ComfyUI keeps no workflow")
    return dict(_exif_texts(exif))


def _png_texts(data: bytes) -> Iterator[tuple[str, str]]:
    """Texts of a PNG (PNG specification §11.3.3), from a file that may be cut short."""
    position = _HEADER
    while position + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        if kind in _PNG_TEXTS and position + 12 + length <= len(data):
            name, _, text = data[position + 8 : position + 8 + length].partition(b"\0")
            if kind == b"zTXt":
                text = _inflated(text[1:])
            if kind == b"iTXt":
                compressed, text = text[:1] == b"\1", text[2:].split(b"\0", 2)[-1]
                text = _inflated(text) if compressed else text
            encoding = "utf-8" if kind == b"iTXt" else "latin-1"
            yield name.decode("latin-1"), text.decode(encoding, "replace")
        position += 12 + length


def _inflated(data: bytes) -> bytes:
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(data, MAX_TEXT)
    except zlib.error as error:
        raise BadImageError("the PNG image is damaged: a text in it cannot be read") from error
    if inflater.unconsumed_tail:
        raise BadImageError(f"a text in the PNG image has more than {MAX_TEXT:,} bytes")
    return text


def _webp_exif(data: bytes) -> Iterator[bytes]:
    """EXIF blocks of a WebP file (RFC 9649 §2.3, chunks of even length)."""
    position = 12
    while position + _HEADER <= len(data):
        kind, length = struct.unpack_from("<4sI", data, position)
        if kind == b"EXIF":
            yield data[position + _HEADER : position + _HEADER + length].removeprefix(b"Exif\0\0")
        position += _HEADER + length + length % 2


def _avif_exif(data: bytes) -> Iterator[bytes]:
    """EXIF items of an AVIF file (ISO/IEC 14496-12 §8.11: ``iinf`` names them, ``iloc`` places)."""
    view = memoryview(data)
    try:
        for kind, meta in _boxes(view):
            if kind != b"meta":
                continue
            inside = dict(_boxes(meta[4:]))
            wanted = set(_exif_items(inside.get(b"iinf", meta[:0])))
            for item, start, length in _places(inside.get(b"iloc", meta[:0])):
                if item in wanted:
                    block = bytes(view[start : start + length])
                    (skip,) = struct.unpack_from(">I", block)
                    yield block[4 + skip :].removeprefix(b"Exif\0\0")
    except struct.error:
        return  # a damaged box holds nothing


def _boxes(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    position = 0
    for _ in range(MAX_BOXES):
        if position + _HEADER > len(data):
            return
        length, kind = struct.unpack_from(">I4s", data, position)
        start = position + _HEADER
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, start)
            start += _HEADER
        end = position + length if length else len(data)
        if end < start:
            return
        yield kind, data[start:end]
        position = end


def _exif_items(box: memoryview) -> Iterator[int]:
    version = box[0] if len(box) else 0
    for kind, entry in _boxes(box[8 if version else 6 :]):
        if kind == b"infe" and len(entry) > 0 and entry[0] in _INFE_VERSIONS:
            layout = ">xxxxHxx4s" if entry[0] == _INFE_VERSIONS[0] else ">xxxxIxx4s"
            item, item_type = struct.unpack_from(layout, entry)
            if item_type == b"Exif":
                yield item


def _places(box: memoryview) -> Iterator[tuple[int, int, int]]:
    """Yield item, offset in the file and length of each item that lies in the file itself."""
    if len(box) < _HEADER:
        return
    version, sizes = box[0], struct.unpack_from(">BB", box, 4)
    offset_size, length_size = sizes[0] >> 4, sizes[0] & 15
    base_size, index_size = sizes[1] >> 4, sizes[1] & 15 if version else 0
    position = 6
    wide = 4 if version == 2 else 2  # noqa: PLR2004  # version 2 of the box has 32-bit ids

    def take(size: int) -> int:
        nonlocal position
        if position + size > len(box):
            raise struct.error
        position += size
        return int.from_bytes(box[position - size : position], "big")

    for _ in range(take(wide)):
        item = take(wide)
        method = take(2) & 15 if version else 0
        take(2)
        base = take(base_size)
        for number in range(take(2)):
            take(index_size)
            start, length = take(offset_size), take(length_size)
            if method == 0 and number == 0:
                yield item, base + start, length


def _exif_texts(exif: bytes) -> Iterator[tuple[str, str]]:
    """Texts of an EXIF block that say their names: ``prompt:{…}`` (TIFF 6.0 §2)."""
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        return
    try:
        (start,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, start)
        for number in range(count):
            place = start + 2 + _ENTRY * number
            _, kind, length, value = struct.unpack_from(f"{order}HHII", exif, place)
            if kind == _ASCII and length > 4:  # noqa: PLR2004  # shorter ones stand in the entry
                text = exif[value : value + length].rstrip(b"\0").decode("utf-8", "replace")
                name, colon, content = text.partition(":")
                if colon:
                    yield name, content
    except struct.error:
        return  # a damaged directory holds nothing
