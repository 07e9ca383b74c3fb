"""The workflow inside an image that ComfyUI saved."""

import io
import json
import struct
import zlib

import pytest
from hypothesis import given, strategies as st
from PIL import Image, PngImagePlugin

from mkdocs_comfy.errors import BadImageError
from mkdocs_comfy.images.embedded import MAX_TEXT, embedded_texts

GRAPH = {"6": {"class_type": "CLIPTextEncode", "inputs": {"text": "ein Häfchen, 港"}}}
PROMPT = json.dumps(GRAPH)
DRAWING = json.dumps({"nodes": [], "links": []})


def png(**texts):
    info = PngImagePlugin.PngInfo()
    for name, text in texts.items():
        info.add_text(name, text)
    return saved("PNG", pnginfo=info)


def exif(order="<"):
    block = Image.Exif()
    block.endian = order
    block[0x0110] = f"prompt:{PROMPT}"
    block[0x010F] = f"workflow:{DRAWING}"
    return block


def saved(kind, **options):
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(file, kind, **options)
    return file.getvalue()


def chunk(kind, data):
    return struct.pack(">I4s", len(data), kind) + data + struct.pack(">I", zlib.crc32(kind + data))


def test_a_png_has_it_as_a_text():
    found = embedded_texts(png(prompt=PROMPT, workflow=DRAWING))

    assert json.loads(found["prompt"]) == GRAPH
    assert found["workflow"] == DRAWING


def test_an_animated_png_has_it_in_a_chunk_of_comfyuis_own():
    data = png()[:-12] + chunk(b"comf", b"prompt\0" + PROMPT.encode()) + png()[-12:]

    assert json.loads(embedded_texts(data)["prompt"]) == GRAPH


def test_compressed_and_international_texts_are_read():
    info = PngImagePlugin.PngInfo()
    info.add_text("prompt", PROMPT, zip=True)
    info.add_itxt("workflow", "港", zip=True)
    info.add_itxt("plain", "港")

    found = embedded_texts(saved("PNG", pnginfo=info))

    assert json.loads(found["prompt"]) == GRAPH
    assert found["workflow"] == found["plain"] == "港"


@pytest.mark.parametrize("kind", ["WEBP", "AVIF"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_webp_and_avif_have_it_as_a_field_of_exif(kind, order):
    found = embedded_texts(saved(kind, exif=exif(order)))

    assert json.loads(found["prompt"]) == GRAPH
    assert found["workflow"] == DRAWING


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF"])
def test_an_image_without_a_workflow_has_no_texts(kind):
    assert embedded_texts(saved(kind)) == {}


def test_a_bomb_is_not_decoded():
    """60,000 x 60,000 pixels of nothing, in a kilobyte, with a workflow before them."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    data = (
        png()[:8]
        + chunk(b"IHDR", header)
        + chunk(b"tEXt", b"prompt\0" + PROMPT.encode())
        + chunk(b"IDAT", zlib.compress(bytes(1_000_000)))
        + chunk(b"IEND", b"")
    )

    assert json.loads(embedded_texts(data)["prompt"]) == GRAPH


def test_a_text_that_grows_without_end_is_refused():
    text = b"prompt\0\0" + zlib.compress(bytes(MAX_TEXT + 1_000))

    with pytest.raises(BadImageError, match="more than 33,554,432 bytes"):
        embedded_texts(png()[:33] + chunk(b"zTXt", text))


def test_a_damaged_text_is_refused():
    with pytest.raises(BadImageError, match="cannot be read"):
        embedded_texts(png()[:33] + chunk(b"zTXt", b"prompt\0\0nonsense"))


def test_a_jpeg_keeps_no_workflow():
    with pytest.raises(BadImageError, match="this is a JPEG, in which ComfyUI keeps no workflow"):
        embedded_texts(saved("JPEG"))


def test_an_avif_whose_item_entry_is_empty_holds_no_texts():
    whole = saved("AVIF", exif=exif())
    at = whole.index(b"infe") - 4
    empty = whole[:at] + struct.pack(">I4s", 8, b"infe") + whole[at + 8 :]

    assert embedded_texts(empty) == {}


@given(st.sampled_from(["PNG", "WEBP", "AVIF"]), st.data())
def test_a_damaged_file_gives_texts_or_an_error_and_nothing_else(kind, data):
    options = {} if kind == "PNG" else {"exif": exif()}
    whole = bytearray(png(prompt=PROMPT) if kind == "PNG" else saved(kind, **options))
    places = st.integers(0, len(whole) - 1)
    for place in data.draw(st.lists(places, max_size=8)):
        whole[place] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(whole)))

    try:
        found = embedded_texts(bytes(whole[:end]))
    except BadImageError:
        return
    assert all(isinstance(text, str) for pair in found.items() for text in pair)
