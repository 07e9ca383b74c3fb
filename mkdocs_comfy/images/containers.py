"""Image files as byte strings: which format, how large, whole or not, without decoding.

Reads headers only and imports nothing heavy. What is not one of the four formats is called by
its name, because that name is usually the whole explanation: a login page, a JSON error.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Final

from mkdocs_comfy.errors import BadImageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_PNG_CHUNKS: Final = frozenset({b"IHDR", b"PLTE", b"tRNS", b"iCCP", b"IDAT"})
_MARKER: Final = 0xFF
_SCAN: Final = 0xDA
_APPLICATION: Final = frozenset({*range(0xE0, 0xF0), 0xFE}) - {0xE0, 0xE2, 0xEE}
_BOX_HEADER: Final = 8
_AVIF_BRANDS: Final = frozenset({b"avif", b"avis"})
_FOREIGN: Final = (
    (b"GIF8", "a GIF"),
    (b"BM", "a BMP"),
    (b"II*\0", "a TIFF"),
    (b"MM\0*", "a TIFF"),
    (b"v/1\x01", "an OpenEXR image"),
    (b"#?RADIANCE", "a Radiance HDR image"),
    (b"\xff\x0a", "a JPEG XL"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL"),
    (b"%PDF", "a PDF"),
    (b"\x1a\x45\xdf\xa3", "a WebM or Matroska video"),
    (b"\x1f\x8b", "gzip data"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"version https://git-lfs", "a Git LFS pointer (run: git lfs pull)"),
)

_TEXTS: Final = (
    (b"<svg", "an SVG"),
    (b"<!doctype html", "a web page (a login page?)"),
    (b"<html", "a web page (a login page?)"),
    (b"<body", "a web page (a login page?)"),
)


def sniff(data: bytes) -> str:
    """Tell the format by its first bytes; names and content types lie.

    Returns:
        ``"png"``, ``"jpeg"``, ``"webp"`` or ``"avif"``.

    Raises:
        BadImageError: It is something else, named where it can be.
    """
    if data.startswith(_PNG):
        return "png"
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "webp"
    if data[4:8] == b"ftyp" and not _AVIF_BRANDS.isdisjoint(_brands(data)):
        return "avif"
    raise BadImageError(f"this is {_foreign_name(data)}, not a PNG, JPEG, WebP or AVIF image")


def essential(data: bytes, kind: str) -> bytes:
    """The file without what no decoder needs: text, EXIF, XMP, thumbnails, further frames.

    ComfyUI writes its whole workflow there, and a decoder that does not see it cannot trip over
    it. Of an animated PNG the default image remains. WebP and AVIF are returned as they are.

    Args:
        data: A whole file.
        kind: What ``sniff`` said of it.

    Raises:
        BadImageError: The file ends too early, or a checksum is wrong. Pillow's own check is not
            enough: any other plugin may have switched it off (``LOAD_TRUNCATED_IMAGES``).
    """
    match kind:
        case "png":
            return _PNG + b"".join(_png_parts(data))
        case "jpeg":
            return b"".join(_jpeg_parts(data))
        case "webp":
            if 8 + int.from_bytes(data[4:8], "little") > len(data):
                raise _truncated()
        case _:
            _walk_boxes(data)
    return data


def webp_size(data: bytes) -> tuple[int, int]:
    """Width and height in pixels as the header of a WebP file has them (RFC 9649 §2.5 to 2.7).

    Pillow's WebP decoder allocates the whole canvas when it is made, so the size must be known
    before.

    Raises:
        BadImageError: There is no such header.
    """
    try:
        match data[12:16]:
            case b"VP8X":
                low, middle, high = struct.unpack_from("<xxxxHHH", data, 20)
                return (low | (middle & 0xFF) << 16) + 1, (middle >> 8 | high << 8) + 1
            case b"VP8L":
                (bits,) = struct.unpack_from("<xI", data, 20)
                return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
            case b"VP8 ":
                across, down = struct.unpack_from("<HH", data, 26)
                return across & 0x3FFF, down & 0x3FFF
    except struct.error:
        raise _truncated() from None
    raise BadImageError("the WebP image is damaged: it has no header")


def _png_parts(data: bytes) -> Iterator[bytes]:
    """Chunks of a PNG (PNG specification §5.3: length, type, data, CRC)."""
    position = len(_PNG)
    while position + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data):
            break
        (checksum,) = struct.unpack_from(">I", data, end - 4)
        if zlib.crc32(memoryview(data)[position + 4 : end - 4]) != checksum:
            raise BadImageError("the PNG image is damaged: a checksum is wrong")
        if kind in _PNG_CHUNKS or kind == b"IEND":
            yield data[position:end]
        if kind == b"IEND":
            return
        position = end
    raise _truncated()


def _jpeg_parts(data: bytes) -> Iterator[bytes]:
    """Segments of a JPEG (ITU-T T.81 annex B), the application's own left out.

    APP0 (JFIF), APP2 (the colour profile) and APP14 (Adobe's colour transform) stay: they decide
    what the samples mean.
    """
    yield data[:2]
    position = 2
    while position + 4 <= len(data) and data[position] == _MARKER:
        kind = data[position + 1]
        if kind == _MARKER:  # a fill byte
            position += 1
            continue
        if kind == _SCAN:  # the scans, which run to the end of the image
            if data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda"):
                break
            yield data[position:]
            return
        end = position + 2 + int.from_bytes(data[position + 2 : position + 4], "big")
        if kind not in _APPLICATION:
            yield data[position:end]
        position = end
    raise _truncated()


def _walk_boxes(data: bytes) -> None:
    """Top-level boxes of an ISO base media file (ISO/IEC 14496-12 §4.2) must fit into it."""
    position = 0
    while position < len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        if length == 0:  # runs to the end
            return
        if length == 1:
            length = int.from_bytes(data[position + 8 : position + 16], "big")
        if length < _BOX_HEADER or position + length > len(data):
            raise _truncated()
        position += length


def _brands(data: bytes) -> set[bytes]:
    end = min(int.from_bytes(data[:4], "big"), len(data), 256)
    return {data[8:12], *(data[at : at + 4] for at in range(16, end, 4))}


def _foreign_name(data: bytes) -> str:
    if not data.strip():
        return "an empty file"
    for magic, name in _FOREIGN:
        if data.startswith(magic):
            return name
    if data[4:8] == b"ftyp":
        return "a HEIC image or an MP4 video"
    head = data[:2048].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for sign, name in _TEXTS:
        if sign in head:
            return name
    return "JSON (an error message?)" if head[:1] in {b"{", b"["} else "nothing that is known here"


def _truncated() -> BadImageError:
    return BadImageError("the image is truncated: the file ends too early")
