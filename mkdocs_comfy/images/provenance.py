"""What a picture's file says of how the picture came about: an XMP packet.

Its fields are those of the IPTC Photo Metadata Standard 2025.1 (``Iptc4xmpExt``), which search
engines and photo libraries read, and ``xmp:CreatorTool`` for those that know nothing newer. A
packet is a function of nothing but its arguments: who builds the same site writes the same bytes.
Nothing of a page is in it, so that pages share a file; no model, node or server either, and no
version: a site need not tell the world what its author runs. Imports nothing heavy.
"""

from __future__ import annotations

import re
from enum import StrEnum
from html import escape
from typing import Final

MOST_CHARACTERS: Final = 8000
"""Characters of a prompt that are written. Escaped they have at most 48,000 bytes, and a JPEG takes
65,502 bytes of XMP (XMP specification, part 3, §1.1.3)."""

_SOURCE_TYPES: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/"

# What XML 1.0 cannot hold, not even as a reference (§2.2), among it lone surrogates; and what a
# reader would turn into a line feed (§2.11).
_NO_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Origin(StrEnum):
    """How a picture came about; the value is its IPTC digital source type."""

    RENDERED = "trainedAlgorithmicMedia"
    """A model made it from a prompt."""

    REWORKED = "compositeWithTrainedAlgorithmicMedia"
    """A model made it from a prompt and from another image."""

    DRAWN = "algorithmicMedia"
    """A program of ours drew it, without any model: stand-ins and placeholders."""


def packet(origin: Origin, *, prompt: str | None = None) -> str:
    """Return the XMP packet of a picture, as it stands in the file (UTF-8).

    It is read-only and without padding: the file is made anew, never edited in place.

    Args:
        origin: How the picture came about.
        prompt: What the model was asked for, any text; ``None`` keeps it out of the file. It stays
            out where no model was asked. After ``MOST_CHARACTERS`` it is cut off, with ``…`` in
            its last place; what XML cannot hold becomes U+FFFD.
    """
    tool = "mkdocs-comfy" if origin is Origin.DRAWN else "ComfyUI"
    fields = {"Iptc4xmpExt:DigitalSourceType": f"{_SOURCE_TYPES}{origin}"}
    if origin is not Origin.DRAWN:
        fields["Iptc4xmpExt:AISystemUsed"] = tool
        if prompt is not None:
            fields["Iptc4xmpExt:AIPromptInformation"] = _text(prompt)
    fields["xmp:CreatorTool"] = tool
    lines = "".join(f"   <{name}>{text}</{name}>\n" for name, text in fields.items())
    return _PACKET.format(fields=lines)


def _text(prompt: str) -> str:
    whole = len(prompt) <= MOST_CHARACTERS
    return escape(_NO_XML.sub("\ufffd", prompt if whole else f"{prompt[: MOST_CHARACTERS - 1]}…"))


# The id is the same in every packet there is (XMP specification, part 1, §7.3.2).
_PACKET: Final = """\
<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
   xmlns:xmp="http://ns.adobe.com/xap/1.0/"
   xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">
{fields}  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>"""
