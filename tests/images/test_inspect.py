"""What a server may send, and what of it can be a hero."""

import contextlib
import hashlib
import io
import json
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given, strategies as st
from PIL import Image, ImageFile

from mkdocs_comfy.errors import BadImageError, TooLargeError
from mkdocs_comfy.images import decode
from mkdocs_comfy.images.inspect import inspect_image

GOLDENS = Path(__file__).parents[1] / "goldens" / "images"
KINDS = ["png", "jpeg", "webp", "avif"]


def inspect(data, max_pixels=10**6):
    return inspect_image(data, max_pixels=max_pixels)


def chunk(kind, data=b""):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, *chunks, depth=8, colour=0):
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"".join((b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", header), *chunks, chunk(b"IEND")))


@pytest.mark.parametrize(
    ("kind", "mode"),
    [(kind, mode) for kind in KINDS for mode in ("RGB", "RGBA") if (kind, mode) != ("jpeg", "RGBA")]
    + [("png", mode) for mode in ("1", "L", "LA", "P", "I;16")]
    + [("jpeg", "L"), ("jpeg", "CMYK")],
)
def test_every_kind_of_image_is_known(picture, kind, mode):
    info = inspect(picture(kind, mode=mode, size=(96, 64)))

    assert (info.format, info.width, info.height) == (kind, 96, 64)
    assert info.extension == {"jpeg": "jpg"}.get(kind, kind)
    assert len(info.pixels) == 64


def test_the_digest_is_over_exactly_these_bytes(picture):
    data = picture("png", size=(80, 64))
    with Image.open(io.BytesIO(data)) as image:
        samples = b"".join(
            bytes(image.getpixel((x, y))) for y in range(image.height) for x in range(image.width)
        )

    assert inspect(data).pixels == hashlib.sha256(b"RGB\n80x64\nsRGB\n" + samples).hexdigest()


def test_a_changed_digest_means_that_every_image_gets_a_new_url():
    """Lossless files that are part of the test, so that no decoder's rounding is in it."""
    for name, expected in json.loads((GOLDENS / "pixels.json").read_text()).items():
        assert inspect((GOLDENS / name).read_bytes()).pixels == expected, name


def test_the_digest_is_of_the_pixels_and_not_of_the_file(picture, comfyui_picture):
    plain = picture("png", size=(160, 96))

    assert comfyui_picture != plain
    assert inspect(comfyui_picture).pixels == inspect(plain).pixels
    assert inspect(picture("webp", size=(160, 96), lossless=True)).pixels == inspect(plain).pixels
    with Image.open(io.BytesIO(plain)) as image:
        file = io.BytesIO()
        image.convert("RGBA").save(file, "PNG")
    assert inspect(file.getvalue()).pixels == inspect(plain).pixels


def test_a_colour_profile_is_part_of_the_digest(picture, swapped_profile):
    """The same samples look different with another profile, and get another file."""
    plain = inspect(picture("png"))
    profiled = inspect(picture("png", icc_profile=swapped_profile))

    assert profiled.pixels != plain.pixels


def test_pillow_clips_16_bit_grey_and_we_do_not(picture):
    """Pillow 13 turns every sample over 255 into white."""
    assert inspect(picture("png", mode="I;16")).pixels == inspect(picture("png", mode="L")).pixels


def test_a_transparent_grey_of_16_bits_is_not_taken_for_white():
    """Pillow clips these too; and two greys may share their upper 8 bits."""
    row = b"\0" + struct.pack(">HH", 0x4000, 0x4001) * 32

    def grey(*chunks):
        return png(64, 64, *chunks, chunk(b"IDAT", zlib.compress(row * 64)), depth=16)

    decoded = decode.decode(grey(chunk(b"tRNS", b"\x40\x01")), max_pixels=10**6)

    assert [decoded.normal.getpixel((x, 9)) for x in (0, 1)] == [(64, 64, 64, 255), (64, 64, 64, 0)]
    other = inspect(grey(chunk(b"tRNS", b"\x00\x05")))
    assert other.pixels == inspect(grey()).pixels


@pytest.mark.parametrize("transparent", [0, b"\x00\x80"])
def test_transparency_in_a_palette_counts(picture, transparent):
    plain = inspect(picture("png", mode="P"))

    assert inspect(picture("png", mode="P", transparency=transparent)).pixels != plain.pixels


@pytest.mark.parametrize("kind", ["png", "webp", "avif"])
def test_of_an_animation_the_first_frame_counts(kind):
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("navy", "gold")]
    file = io.BytesIO()
    how = {} if kind == "avif" else {"lossless": True} if kind == "webp" else {}
    frames[0].save(file, kind.upper(), save_all=True, append_images=frames[1:], **how)

    info = inspect(file.getvalue())

    assert (info.width, info.height) == (64, 64)
    file = io.BytesIO()
    frames[0].save(file, kind.upper(), **how)
    assert info.pixels == inspect(file.getvalue()).pixels


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"", "an empty file"),
        (b" \r\n", "an empty file"),
        (b"<!DOCTYPE html><title>Sign in</title>", "a web page (a login page?)"),
        (b"\xef\xbb\xbf\n<HTML>", "a web page (a login page?)"),
        (b"502 <body>Bad Gateway", "a web page (a login page?)"),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG"),
        (b"<html><svg/></html>", "an SVG"),
        (b'{"error": "not found"}', "JSON (an error message?)"),
        (b"[]", "JSON (an error message?)"),
        (b"GIF89a\x40\0\x40\0", "a GIF"),
        (b"BM\x36\0\0\0", "a BMP"),
        (b"II*\0\x08\0\0\0", "a TIFF"),
        (b"MM\0*\0\0\0\x08", "a TIFF"),
        (b"v/1\x01\x02\0\0\0", "an OpenEXR image"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC image or an MP4 video"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp41", "a HEIC image or an MP4 video"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "a Git LFS pointer"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "nothing that is known here"),
        (b"\x89PNG\n\n", "nothing that is known here"),
        (b"hello", "nothing that is known here"),
    ],
)
def test_what_is_no_image_is_called_by_its_name(data, name):
    with pytest.raises(BadImageError) as error:
        inspect(data)

    assert name in str(error.value)
    assert not isinstance(error.value, TooLargeError)


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "PPM", "ICO", "JPEG2000"])
def test_no_other_decoder_can_be_reached(kind):
    """Each is one more parser for a bad server to try."""
    file = io.BytesIO()
    Image.new("RGB", (64, 64)).save(file, kind)

    with pytest.raises(BadImageError, match="not a PNG, JPEG, WebP or AVIF"):
        inspect(file.getvalue())


@pytest.mark.parametrize("size", [(1, 1), (63, 64), (64, 63), (500, 8)])
def test_a_tracking_pixel_is_no_hero(picture, size):
    with pytest.raises(BadImageError, match="at least 64 on each side"):
        inspect(picture("png", size=size))


@pytest.mark.parametrize("kind", KINDS)
def test_the_cap_is_on_width_times_height(picture, kind):
    data = picture(kind, size=(100, 70))

    assert inspect(data, max_pixels=7000)
    with pytest.raises(TooLargeError, match="100x70 pixels, more than the 6,999 allowed") as error:
        inspect(data, max_pixels=6999)
    assert "max_pixels:" in error.value.way_out


def test_a_bomb_is_refused_by_its_header(monkeypatch):
    """50 kB that would become 50 MB, and 400 MB once it is in eight bits."""
    rows = zlib.compressobj(9)
    data = b"".join(rows.compress(bytes(2501)) for _ in range(20_000)) + rows.flush()
    bomb = png(20_000, 20_000, chunk(b"IDAT", data), depth=1)
    assert len(bomb) < 60_000
    monkeypatch.setattr(ImageFile.ImageFile, "load", never)

    with pytest.raises(TooLargeError, match="20000x20000"):
        inspect(bomb, max_pixels=50_000_000)


def test_a_stream_longer_than_its_header_says_is_not_followed():
    more = zlib.compress(bytes(50_000_000), 9)

    assert inspect(png(64, 64, chunk(b"IDAT", more))).width == 64


@pytest.mark.parametrize(
    "header",
    [
        b"VP8X\x0a\0\0\0\x02\0\0\0" + b"\xff" * 6,
        b"VP8L\x10\0\0\0\x2f\xff\xff\xff\x0f",
        b"VP8 \x10\0\0\0\0\0\0\x9d\x01\x2a\xff\x3f\xff\x3f",
    ],
)
def test_pillow_allocates_a_webp_canvas_before_anybody_can_ask_its_size(header, monkeypatch):
    monkeypatch.setattr(decode, "WebPImageFile", never)
    data = b"RIFF" + struct.pack("<I", len(header) + 4) + b"WEBP" + header

    with pytest.raises(TooLargeError):
        inspect(data, max_pixels=50_000_000)


@pytest.mark.parametrize("kind", [{"lossless": True}, {"lossless": False}, {"exif": b"Exif\0\0"}])
def test_the_size_of_every_kind_of_webp_is_read_from_its_header(picture, kind):
    with pytest.raises(TooLargeError, match="300x200"):
        inspect(picture("webp", size=(300, 200), **kind), max_pixels=1)


def never(*_args, **_how):
    raise AssertionError("nothing may be decoded")


def test_pillows_own_limit_plays_no_part(picture, monkeypatch):
    """It belongs to whoever set it, and warns where ours allows."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)

    for kind in ("png", "jpeg", "avif"):
        assert inspect(picture(kind))


def test_pillows_settings_are_left_alone(picture):
    before = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)
    inspect(picture())
    with pytest.raises(BadImageError):
        inspect(picture()[:-50])

    assert before == (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)


@pytest.mark.parametrize("tolerant", [False, True], ids=["strict", "LOAD_TRUNCATED_IMAGES"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_truncated_file_is_no_image_wherever_it_ends(picture, kind, tolerant, monkeypatch):
    """Other plugins make Pillow tolerant for the whole process, and grey halves would pass."""
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", tolerant)
    data = picture(kind)
    assert inspect(data)

    for length in (*range(0, len(data), 10), len(data) - 1):
        with pytest.raises(
            BadImageError, match="truncated" if length >= 40 and kind != "avif" else None
        ):
            inspect(data[:length])


@pytest.mark.parametrize("tolerant", [False, True], ids=["strict", "LOAD_TRUNCATED_IMAGES"])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_truncated_jpeg_with_a_thumbnail_is_no_image(picture, progressive, tolerant, monkeypatch):
    """The thumbnail has an end of its own."""
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", tolerant)
    exif = b"Exif\0\0" + picture("jpeg", size=(64, 64))
    data = picture("jpeg", exif=exif, progressive=progressive)

    for length in (*range(0, len(data), 10), len(data) - 1):
        with pytest.raises(BadImageError):
            inspect(data[:length])


def test_every_other_byte_may_be_wrong(picture):
    """A PNG has checksums: no changed bit in what is decoded goes unnoticed."""
    data = picture("png")

    for position in range(8, len(data) - 12, 10):
        changed = bytearray(data)
        changed[position] ^= 0x10
        with pytest.raises(BadImageError):
            inspect(bytes(changed))


@pytest.fixture(scope="session")
def samples(picture, swapped_profile, comfyui_picture):
    exif = Image.Exif()
    exif[0x0110] = 'prompt:{"3": {}}'  # where ComfyUI writes it in WebP and AVIF
    return [
        comfyui_picture,
        png(64, 64, chunk(b"PLTE", bytes(30)), chunk(b"IDAT", zlib.compress(bytes(5000)))),
        picture("png", mode="P", transparency=b"\0\1"),
        picture("png", icc_profile=swapped_profile),
        picture("jpeg", exif=exif, icc_profile=swapped_profile, comment="c"),
        picture("jpeg", mode="CMYK", progressive=True),
        picture("webp", exif=exif),
        picture("webp", mode="RGBA", lossless=True),
        picture("avif", exif=exif, xmp=b"<x/>"),
    ]


@given(st.data())
def test_damage_never_surprises(samples, data):
    """Whatever is wrong with the bytes, there is an image or there is our error."""
    damaged = bytearray(samples[data.draw(st.integers(0, len(samples) - 1))])
    for _ in range(data.draw(st.integers(1, 8))):
        position = data.draw(st.integers(0, len(damaged) - 1))
        piece = data.draw(st.binary(min_size=1, max_size=8))
        damaged[position : position + len(piece)] = piece
    if damaged.startswith(b"\x89PNG\r\n\x1a\n"):
        damaged = with_right_checksums(bytes(damaged))
    with contextlib.suppress(BadImageError):
        info = inspect(bytes(damaged))
        assert min(info.width, info.height) >= 64


def with_right_checksums(data):
    """A bad server can count, so let the damage through to the decoder."""
    parts, position = [data[:8]], 8
    while position + 12 <= len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        parts.append(chunk(data[position + 4 : position + 8], data[position + 8 :][:length]))
        position += 12 + length
    return b"".join(parts)


@given(st.binary(max_size=200), st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"]))
def test_noise_is_no_image(noise, magic):
    with pytest.raises(BadImageError):
        inspect(magic + noise)


@given(st.binary(max_size=100), st.sampled_from([b"VP8 ", b"VP8L", b"VP8X", b"ALPH"]))
def test_noise_in_a_webp_is_no_image(noise, kind):
    with pytest.raises(BadImageError):
        inspect(b"RIFF" + struct.pack("<I", 4 + len(noise)) + b"WEBP" + kind + noise)


@given(st.binary(max_size=100))
def test_noise_in_an_avif_is_no_image(noise):
    with pytest.raises(BadImageError):
        inspect(b"\0\0\0\x10ftypavif\0\0\0\0" + noise)


@pytest.mark.parametrize(
    "boxes",
    [
        struct.pack(">I4s", 0, b"mdat") + b"noise",
        struct.pack(">I4sQ", 1, b"mdat", 24) + bytes(8),
        struct.pack(">I4sQ", 1, b"mdat", 2**60),
    ],
)
def test_boxes_of_every_kind_of_length_are_walked(picture, boxes):
    """Lengths of 0 (to the end) and 1 (64 bits follow) are allowed."""
    data = picture("avif")
    if boxes.endswith(struct.pack(">Q", 2**60)):
        with pytest.raises(BadImageError, match="truncated"):
            inspect(data + boxes)
    else:
        assert inspect(data + boxes).pixels == inspect(data).pixels


def test_a_jpeg_may_have_fill_bytes(picture):
    data = picture("jpeg")

    assert inspect(data[:2] + b"\xff\xff" + data[2:]).pixels == inspect(data).pixels


def test_a_png_without_pixels_is_damaged():
    with pytest.raises(BadImageError, match="the PNG image is damaged"):
        inspect(png(64, 64))
    with pytest.raises(BadImageError, match="the PNG image is damaged"):
        inspect(png(64, 64, chunk(b"IDAT", b"no deflate")))


def test_an_avif_that_this_pillow_cannot_read_is_an_error(picture, monkeypatch):
    data = picture("avif")
    monkeypatch.setattr("PIL.AvifImagePlugin.SUPPORTED", False)

    with pytest.raises(BadImageError, match="AVIF support not installed"):
        inspect(data)
