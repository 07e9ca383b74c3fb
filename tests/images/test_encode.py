"""What becomes of an original on its way into a site."""

import io
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image, ImageChops, ImageStat

from mkdocs_comfy.errors import BadImageError, TooLargeError
from mkdocs_comfy.images.encode import Source

CAP = 10**6


def encode(data, **how):
    return Source.of_bytes(data, max_pixels=CAP).webp(**how)


def opened(data):
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def distance(one, other):
    """Mean difference of two images' samples, 0 to 255."""
    mode = "RGBA" if "A" in one.mode + other.mode else "RGB"
    return max(ImageStat.Stat(ImageChops.difference(one.convert(mode), other.convert(mode))).mean)


def test_the_default_is_the_originals_size(picture):
    image = opened(encode(picture("png", size=(320, 180))))

    assert (image.format, image.size, image.mode) == ("WEBP", (320, 180), "RGB")


@pytest.mark.parametrize(("width", "size"), [(160, (160, 90)), (1, (1, 1)), (9999, (320, 180))])
def test_a_variant_is_never_larger_than_its_original(picture, width, size):
    assert opened(encode(picture("png", size=(320, 180)), width=width)).size == size


def test_quality_decides_the_length(picture):
    data = picture("png", size=(320, 180))

    assert len(encode(data, quality=10)) < len(encode(data, quality=95))


def test_comfyuis_workflow_never_reaches_a_variant(comfyui_picture):
    """Its PNGs carry prompt, model names and the whole graph."""
    assert b"KSampler" in comfyui_picture
    assert {"prompt", "workflow"} <= opened(comfyui_picture).info.keys()

    variant = encode(comfyui_picture)

    assert b"KSampler" not in variant
    assert not {"prompt", "workflow", "exif", "xmp", "icc_profile"} & opened(variant).info.keys()


@pytest.mark.parametrize("kind", ["jpeg", "webp", "avif"])
def test_nothing_but_pixels_is_copied_from_any_format(picture, kind, swapped_profile):
    exif = Image.Exif()
    exif[0x0110] = 'prompt:{"3": {"class_type": "KSampler"}}'
    data = picture(kind, exif=exif, icc_profile=swapped_profile, xmp=b"<x>KSampler</x>")
    assert data.count(b"KSampler") == 2

    for source in (encode(data), encode(data, width=40)):
        assert b"KSampler" not in source
        assert not {"exif", "xmp", "icc_profile"} & opened(source).info.keys()


def test_avif_and_png_writers_copy_the_profile_by_default_and_find_none(picture, swapped_profile):
    """Nine kilobytes in every file, and applied a second time."""
    for how in ({"icc_profile": swapped_profile}, {"mode": "RGBA", "icc_profile": swapped_profile}):
        source = Source.of_bytes(picture("png", **how), max_pixels=CAP)
        for kind in ("PNG", "AVIF"):
            file = io.BytesIO()
            source._image.save(file, kind)
            assert "icc_profile" not in opened(file.getvalue()).info


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("png", mode) for mode in ("1", "L", "P", "RGB", "LA", "RGBA", "I;16")]
    + [("jpeg", "L"), ("jpeg", "RGB"), ("jpeg", "CMYK"), ("webp", "RGBA"), ("avif", "RGBA")],
)
def test_every_mode_looks_as_before(picture, kind, mode):
    data = picture(kind, mode=mode, size=(160, 96))
    image = opened(encode(data, quality=95))

    assert image.mode == ("RGBA" if mode in {"LA", "RGBA"} else "RGB")
    expected = opened(picture("png", mode="L", size=(160, 96)) if mode == "I;16" else data)
    if image.mode == "RGBA":
        assert distance(image.getchannel("A"), expected.convert("RGBA").getchannel("A")) < 2
    tolerance = 12 if mode == "1" else 8
    visible = [each.convert("RGBA") for each in (image, expected)]
    shown = [Image.alpha_composite(Image.new("RGBA", each.size, "white"), each) for each in visible]
    assert distance(*shown) < tolerance


def test_16_bit_colour_is_read(picture):
    """Pillow reads it, but cannot write it, so the file is put together by hand."""
    import struct  # noqa: PLC0415  # this test alone
    import zlib  # noqa: PLC0415

    row = b"\0" + struct.pack(">HHH", 0xC0FF, 0x4000, 0x10FF) * 64
    data = b"\x89PNG\r\n\x1a\n"
    for kind, body in (
        (b"IHDR", struct.pack(">IIBBBBB", 64, 64, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(row * 64)),
        (b"IEND", b""),
    ):
        crc = zlib.crc32(kind + body)
        data += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc)

    red, green, blue = opened(encode(data)).getpixel((32, 32))

    assert abs(red - 0xC0) < 4
    assert abs(green - 0x40) < 4
    assert abs(blue - 0x10) < 4


def solid(colour, mode="RGB", **how):
    file = io.BytesIO()
    Image.new(mode, (64, 64), colour).save(file, how.pop("kind", "PNG"), **how)
    return file.getvalue()


def test_a_profile_is_applied_once_and_dropped(swapped_profile):
    data = solid((200, 30, 30), icc_profile=swapped_profile)

    red, green, blue = opened(encode(data)).getpixel((32, 32))

    assert blue > 150
    assert max(red, green) < 80


def test_a_profile_leaves_transparency_alone(swapped_profile):
    data = solid((200, 30, 30, 128), "RGBA", icc_profile=swapped_profile)

    red, _, blue, alpha = opened(encode(data)).getpixel((32, 32))

    assert blue > 150
    assert red < 80
    assert alpha == 128


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_a_grey_profile_is_applied(mode, linear_grey_profile):
    colour = 128 if mode == "L" else (128, 99)
    image = opened(encode(solid(colour, mode, icc_profile=linear_grey_profile)))

    assert abs(image.getpixel((32, 32))[0] - 188) < 4


def test_a_cmyk_profile_is_applied(white_cmyk_profile):
    data = solid((255, 255, 255, 255), "CMYK", kind="JPEG", icc_profile=white_cmyk_profile)

    assert min(opened(encode(data)).getpixel((32, 32))) > 250


@pytest.mark.parametrize("broken", [b"no profile", b"\0" * 200, None])
def test_a_damaged_profile_or_one_for_other_channels_is_ignored(broken, linear_grey_profile):
    data = solid((200, 30, 30), icc_profile=broken or linear_grey_profile)

    red, green, blue = opened(encode(data)).getpixel((32, 32))

    assert red > 150
    assert max(green, blue) < 80


def test_a_truncated_profile_is_ignored(swapped_profile):
    data = solid((200, 30, 30), icc_profile=swapped_profile[:300])

    assert opened(encode(data)).getpixel((32, 32))[0] > 150


def test_pillow_mixes_the_parameters_of_concurrent_saves_and_ours_do_not(picture):
    """Pillow leaves them on the image, where the next save or one that runs meanwhile finds them.

    One image saved at two qualities by several threads gives the same file for both, and every
    later save of it too (Pillow 11.3 to 13).
    """
    source = Source.of_bytes(picture("png", size=(400, 300)), max_pixels=CAP)
    alone = {quality: source.webp(quality=quality) for quality in (80, 30)}
    assert alone[80] != alone[30]

    with ThreadPoolExecutor(8) as pool:
        qualities = [80, 30] * 20
        files = list(pool.map(lambda quality: source.webp(quality=quality), qualities))

    assert [alone[quality] == file for quality, file in zip(qualities, files, strict=True)] == (
        [True] * 40
    )
    assert source.webp(quality=30) == alone[30]


def test_threads_encode_different_originals(picture):
    originals = [picture("png", size=(64 + number, 64)) for number in range(12)]

    with ThreadPoolExecutor(4) as pool:
        files = list(pool.map(encode, originals))

    assert files == [encode(data) for data in originals]


def test_encoding_is_a_function_of_its_arguments(picture):
    data = picture("avif", size=(200, 100))

    assert encode(data, width=150, quality=70) == encode(data, width=150, quality=70)


def test_what_is_no_image_is_not_encoded(picture):
    with pytest.raises(BadImageError):
        encode(picture()[:-30])
    with pytest.raises(TooLargeError):
        Source.of_bytes(picture(), max_pixels=100)


def test_a_side_longer_than_webp_allows_is_reduced(picture):
    assert opened(encode(picture("png", size=(16400, 40)))).size == (16383, 40)
