"""Pictures of every kind that a server may deliver, and colour profiles, made on the spot."""

import io
import os
import struct

import pytest
from PIL import Image, ImageCms, PngImagePlugin

from mkdocs_comfy.images.cache import HeroCache
from mkdocs_comfy.images.inspect import inspect_image


def _paint(mode, size):
    """Two gradients and their mean, so that every pixel tells where it belongs."""
    across = Image.linear_gradient("L").rotate(90).resize(size)
    down = Image.linear_gradient("L").resize(size)
    image = Image.merge("RGB", (across, down, Image.blend(across, down, 0.5)))
    if mode in {"LA", "RGBA"}:
        image = image.convert(mode)
        image.putalpha(down)
        return image
    if mode == "I;16":
        grey = image.convert("L").tobytes()
        return Image.frombytes("I;16", size, bytes(b for each in grey for b in (0, each)))
    return image.quantize(32) if mode == "P" else image.convert(mode)


@pytest.fixture(scope="session")
def picture():
    """Make a file: ``picture("png", mode="RGBA", size=(80, 64), **how to save)``."""

    def make(kind="png", *, mode="RGB", size=(80, 64), **how):
        file = io.BytesIO()
        _paint(mode, size).save(file, kind.upper(), **how)
        return file.getvalue()

    return make


@pytest.fixture(scope="session")
def comfyui_picture(picture):
    """A PNG with the text chunks that ComfyUI's SaveImage writes."""
    text = PngImagePlugin.PngInfo()
    text.add_text("prompt", '{"3": {"class_type": "KSampler", "inputs": {"seed": 7}}}')
    text.add_text("workflow", '{"nodes": [{"type": "KSampler"}]}')
    return picture("png", size=(160, 96), pnginfo=text)


@pytest.fixture
def cache(tmp_path):
    """An empty cache that takes up what it finds."""
    cache = a_cache(tmp_path / "comfy")
    yield cache
    cache.close()


def a_cache(directory, **how):
    return HeroCache(directory, inspect=lambda data: inspect_image(data, max_pixels=10**6), **how)


@pytest.fixture
def open_cache():
    """Make further caches; all are closed in the end."""
    opened = []

    def make(directory, **how):
        opened.append(a_cache(directory, **how))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


@pytest.fixture
def read_only():
    """Take the right to write from a directory and everything in it; root gives its own up too."""
    owner = os.geteuid()
    undo = []

    def change(path, mode):
        undo.append((path, path.stat().st_mode))
        path.chmod(mode)

    def protect(directory):
        for path in (directory, *directory.rglob("*")):
            change(path, path.stat().st_mode & ~0o222)
        if owner == 0:
            for parent in directory.parents:
                change(parent, parent.stat().st_mode | 0o011)  # nobody may pass, not read
            os.seteuid(65534)

    yield protect
    os.seteuid(owner)
    for path, mode in reversed(undo):
        path.chmod(mode)


@pytest.fixture(scope="session")
def swapped_profile():
    """An RGB profile that shows red as blue and blue as red."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    (count,) = struct.unpack_from(">I", data, 128)
    places = {bytes(data[at : at + 4]): at for at in range(132, 132 + 12 * count, 12)}
    red, blue = places[b"rXYZ"] + 4, places[b"bXYZ"] + 4
    data[red : red + 8], data[blue : blue + 8] = data[blue : blue + 8], data[red : red + 8]
    return bytes(data)


def _icc(space, connection, tags):
    """A colour profile (ICC.1:2004-10, clause 7), version 2."""
    table, body = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for name, tag in tags.items():
        table += struct.pack(">4sII", name, start + len(body), len(tag))
        body += tag + b"\0" * (-len(tag) % 4)
    head = struct.pack(
        ">I4sI4s4s4s12s4s4sI4s4s8sI12s4s44x",
        start + len(body), b"\0\0\0\0", 0x02100000, b"prtr" if space == b"CMYK" else b"mntr",
        space, connection, b"\0" * 12, b"acsp", b"\0\0\0\0", 0, b"\0\0\0\0", b"\0\0\0\0",
        b"\0" * 8, 0, struct.pack(">III", 0xF6D6, 0x10000, 0xD32D), b"\0\0\0\0",
    )  # fmt: skip
    return head + struct.pack(">I", len(tags)) + table + body


@pytest.fixture(scope="session")
def linear_grey_profile():
    """A grey profile without gamma: the middle of its samples is light."""
    white = b"XYZ \0\0\0\0" + struct.pack(">III", 0xF6D6, 0x10000, 0xD32D)
    return _icc(b"GRAY", b"XYZ ", {b"wtpt": white, b"kTRC": b"curv\0\0\0\0\0\0\0\0"})


@pytest.fixture(scope="session")
def white_cmyk_profile():
    """A CMYK profile of a printer whose inks are all white."""
    same = bytes(range(256))
    lut = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0))
    lut += struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    lut += same * 4 + bytes((255, 128, 128)) * 16 + same * 3
    white = b"XYZ \0\0\0\0" + struct.pack(">III", 0xF6D6, 0x10000, 0xD32D)
    return _icc(b"CMYK", b"Lab ", {b"wtpt": white, b"A2B0": lut})
