"""Pillow, writing: how a packet of provenance gets into a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PIL.PngImagePlugin import PngInfo

if TYPE_CHECKING:
    from typing import TypedDict

    class Mark(TypedDict, total=False):
        """Arguments of ``PIL.Image.Image.save``; none of them for a picture without a mark."""

        xmp: bytes
        pnginfo: PngInfo


_PNG_KEYWORD: Final = "XML:com.adobe.xmp"


def mark(format: str, xmp: str) -> Mark:  # noqa: A002  # the word that configuration and records use
    """Return what makes Pillow's ``save`` write a packet into the file.

    A PNG keeps it in an ``iTXt`` chunk, uncompressed (XMP specification, part 3, §1.1.5), to which
    Pillow must be helped: its PNG writer takes an argument ``xmp`` and does nothing with it.

    Args:
        format: ``"avif"``, ``"webp"``, ``"jpeg"`` or ``"png"``.
        xmp: The packet, see ``provenance.packet``; ``""`` for none.
    """
    if not xmp:
        return {}
    if format != "png":
        return {"xmp": xmp.encode()}
    info = PngInfo()
    info.add_itxt(_PNG_KEYWORD, xmp)
    return {"pnginfo": info}
