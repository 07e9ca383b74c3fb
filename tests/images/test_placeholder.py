"""The picture in the place of a hero that is not at hand."""

import io

import pytest
from PIL import Image

from mkdocs_comfy.images.inspect import inspect_image
from mkdocs_comfy.images.placeholder import placeholder


def corners(data):
    image = Image.open(io.BytesIO(data)).convert("RGB")
    across, down = image.size
    return [
        image.getpixel(at)
        for at in ((0, 0), (across - 1, 0), (0, down - 1), (across - 1, down - 1))
    ]


def test_it_is_a_small_webp_of_the_size_asked_for():
    data = placeholder("a foggy harbour", (1344, 768))

    info = inspect_image(data, max_pixels=10**7)
    assert (info.format, info.width, info.height) == ("webp", 1344, 768)
    assert len(data) < 20_000


def test_it_runs_from_one_corner_to_the_opposite_one():
    light, right, left, deep = map(sum, corners(placeholder("a foggy harbour", (640, 360))))

    assert light > right > deep
    assert light > left > deep
    assert abs(right - left) < 20


def test_the_text_decides_the_colours():
    pictures = {placeholder(f"prompt {number}", (64, 64)) for number in range(20)}

    assert len(pictures) == 20
    assert placeholder("prompt 7", (64, 64)) in pictures


@pytest.mark.parametrize("text", ["", "Häfen 🌫", "\ud800", "x" * 100_000])
def test_any_text_will_do(text):
    assert placeholder(text, (64, 64))


@pytest.mark.parametrize("size", [(1, 1), (16383, 1), (1, 16383)])
def test_any_size_that_webp_has_will_do(size):
    with Image.open(io.BytesIO(placeholder("fog", size))) as image:
        assert image.size == size


@pytest.mark.parametrize("size", [(0, 64), (64, -1), (16384, 64)])
def test_other_sizes_are_refused(size):
    with pytest.raises(ValueError, match="1 to 16383 pixels"):
        placeholder("fog", size)
