"""What pictures say of how they came about, read by an XML parser and from all four formats."""

import io
import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, strategies as st
from PIL import Image

from mkdocs_comfy.images.marking import mark
from mkdocs_comfy.images.provenance import MOST_CHARACTERS, Origin, packet

IPTC = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"
XMP = "{http://ns.adobe.com/xap/1.0/}"
DESCRIPTION = ".//{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description"
SOURCE_TYPE = f"{IPTC}DigitalSourceType"
VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"
FORMATS = ["avif", "webp", "jpeg", "png"]

GOLDEN = """\
<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
   xmlns:xmp="http://ns.adobe.com/xap/1.0/"
   xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">
   <Iptc4xmpExt:DigitalSourceType>http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia</Iptc4xmpExt:DigitalSourceType>
   <Iptc4xmpExt:AISystemUsed>ComfyUI</Iptc4xmpExt:AISystemUsed>
   <xmp:CreatorTool>ComfyUI</xmp:CreatorTool>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>"""


def fields(text):
    """Fields of a packet by their qualified names, as an XML parser reads them."""
    (description,) = ET.fromstring(text.removeprefix("\ufeff")).findall(DESCRIPTION)  # noqa: S314  # our own
    return {each.tag: each.text or "" for each in description}


def prompt_in(text):
    return fields(text).get(f"{IPTC}AIPromptInformation")


def marked(kind, xmp):
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(file, kind.upper(), **mark(kind, xmp))
    return file.getvalue()


def test_a_packet_is_the_same_for_ever():
    """It is part of what names a file: another packet, and every file gets another address."""
    assert packet(Origin.RENDERED) == GOLDEN


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        (Origin.RENDERED, ("trainedAlgorithmicMedia", "ComfyUI", "ComfyUI")),
        (Origin.REWORKED, ("compositeWithTrainedAlgorithmicMedia", "ComfyUI", "ComfyUI")),
        (Origin.DRAWN, ("algorithmicMedia", None, "mkdocs-comfy")),
    ],
)
def test_the_origin_is_said_in_the_words_of_iptc(origin, expected):
    read = fields(packet(origin))

    kind = read[SOURCE_TYPE].removeprefix(VOCABULARY)
    assert (kind, read.get(f"{IPTC}AISystemUsed"), read[f"{XMP}CreatorTool"]) == expected


def test_a_prompt_is_told_only_where_it_is_given():
    assert prompt_in(packet(Origin.RENDERED)) is None
    assert prompt_in(packet(Origin.RENDERED, prompt="a foggy harbour")) == "a foggy harbour"
    assert prompt_in(packet(Origin.REWORKED, prompt="")) == ""


def test_what_no_model_made_has_no_prompt():
    assert packet(Origin.DRAWN, prompt="a foggy harbour") == packet(Origin.DRAWN)


@given(st.text(st.characters(exclude_categories=())))
def test_any_prompt_gives_sound_xml(prompt):
    text = packet(Origin.RENDERED, prompt=prompt)

    assert len(re.findall(r"<\?xpacket (?:begin|end)=", text)) == 2
    odd = "[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
    assert prompt_in(text) == re.sub(odd, "\ufffd", prompt)


@pytest.mark.parametrize(
    ("prompt", "read"),
    [
        ("fog ]]> & <b>", "fog ]]> & <b>"),
        ("<?xpacket end='w'?>", "<?xpacket end='w'?>"),
        ("{fields} {0} %s", "{fields} {0} %s"),
        ("Häfen 🌫\nby night", "Häfen 🌫\nby night"),
        ("a\x00b\x1bc\ud800d\uffffe\rf", "a\ufffdb\ufffdc\ufffdd\ufffde\ufffdf"),
    ],
)
def test_marks_control_characters_and_emoji(prompt, read):
    assert prompt_in(packet(Origin.RENDERED, prompt=prompt)) == read


def test_a_long_prompt_is_cut_off_visibly():
    whole = "&" * MOST_CHARACTERS

    assert prompt_in(packet(Origin.RENDERED, prompt=whole)) == whole
    assert prompt_in(packet(Origin.RENDERED, prompt=whole + "fog")) == f"{whole[:-1]}…"


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_keeps_the_packet_byte_by_byte(kind):
    """Pillow's PNG writer takes an argument ``xmp`` and silently ignores it."""
    xmp = packet(Origin.RENDERED, prompt="Häfen 🌫")
    data = marked(kind, xmp)

    assert xmp.encode() in data
    with Image.open(io.BytesIO(data)) as image:
        assert image.info["xmp"] == xmp.encode()


@pytest.mark.parametrize("kind", FORMATS)
def test_the_longest_packet_fits_into_every_format(kind):
    """Pillow refuses a JPEG whose XMP has more than 64 kB."""
    for character in ('"', "🌫"):
        xmp = packet(Origin.RENDERED, prompt=character * 100_000)
        assert xmp.encode() in marked(kind, xmp)


@pytest.mark.parametrize("kind", FORMATS)
def test_without_a_packet_nothing_is_written(kind):
    assert b"xpacket" not in marked(kind, "")
