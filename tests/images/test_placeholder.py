"""The picture in the place of a hero that is not at hand."""

import io
import json
from pathlib import Path

import pytest
from PIL import Image, ImageStat

from mkdocs_comfy.images.palette import DEFAULT
from mkdocs_comfy.images.placeholder import MOST_PIXELS, draw

GOLDENS = Path(__file__).parents[1] / "goldens" / "placeholders.json"
INDIGO, ORANGE, GREY = "#4051b5", "#ffa724", "#757575"


def gist(image):
    """The picture in 8 times 6 colours."""
    small = image.resize((8, 6), Image.Resampling.BOX)
    return small.tobytes()


def mean(image):
    return ImageStat.Stat(image).mean


@pytest.mark.parametrize("golden", json.loads(GOLDENS.read_text()), ids=lambda each: each["text"])
def test_a_picture_stays_what_it_is(golden):
    """Told by its gist: releases of Pillow round differently. Drawn otherwise, raise DRAWING."""
    image = draw(golden["text"], tuple(golden["size"]), golden["colours"])

    off = [abs(a - b) for a, b in zip(gist(image), bytes.fromhex(golden["gist"]), strict=True)]
    assert max(off) <= 4
    assert sum(off) / len(off) <= 1


def test_the_same_text_gives_the_same_picture():
    pictures = [draw("a foggy harbour", (320, 200)).tobytes() for _ in range(2)]
    assert pictures[0] == pictures[1]


def test_every_text_has_a_picture_of_its_own():
    assert len({draw(f"prompt {number}", (64, 64)).tobytes() for number in range(20)}) == 20


def test_every_motif_is_drawn_and_none_is_flat():
    """Rings, dunes and folds, both ways round; each from light to deep."""
    for number in range(24):
        image = draw(f"prompt {number}", (160, 90)).convert("L")
        low, high = image.getextrema()
        assert high - low > 110, number


@pytest.mark.parametrize("size", [(2688, 384), (768, 1344), (1024, 1024), (65, 4000)])
def test_any_proportion_will_do(size):
    image = draw("a foggy harbour", size)

    assert (image.mode, image.size) == ("RGB", size)
    low, high = image.convert("L").getextrema()
    assert high - low > 100


@pytest.mark.parametrize("size", [(1, 1), (16383, 1), (1, 16383)])
def test_any_size_that_webp_has_will_do(size):
    assert draw("fog", size).size == size


def test_a_huge_picture_is_enlarged_from_a_smaller_one():
    image = draw("fog", (5000, 2000))

    assert image.size == (5000, 2000)
    assert MOST_PIXELS < 5000 * 2000
    small = draw("fog", (2500, 1000))
    off = [abs(a - b) for a, b in zip(gist(image), gist(small), strict=True)]
    assert max(off) <= 4


@pytest.mark.parametrize("size", [(0, 64), (64, -1), (16384, 64)])
def test_other_sizes_are_refused(size):
    with pytest.raises(ValueError, match="1 to 16383 pixels"):
        draw("fog", size)


@pytest.mark.parametrize("text", ["", "Häfen 🌫", "\ud800", "x" * 100_000])
def test_any_text_will_do(text):
    assert draw(text, (64, 64))


def test_the_site_decides_the_colours():
    for number in range(8):
        text = f"prompt {number}"
        red, _, blue = mean(draw(text, (96, 64), [INDIGO]))
        assert blue > red, text
        red, _, blue = mean(draw(text, (96, 64), ["#ef5552", ORANGE]))
        assert red > blue, text


def test_a_site_without_colours_gets_greys():
    red, green, blue = mean(draw("fog", (96, 64), [GREY]))
    assert max(red, green, blue) - min(red, green, blue) < 10


def test_the_accent_colours_a_site_whose_main_colour_is_black():
    red, _, blue = mean(draw("fog", (96, 64), ["#000000", ORANGE]))
    assert red - blue > 20


def test_a_site_that_does_not_say_gets_colours_of_ours():
    assert draw("fog", (96, 64), ()).tobytes() == draw("fog", (96, 64), DEFAULT).tobytes()


@pytest.mark.parametrize("colour", ["", "teal", "#00948", "#0094855", "#00948g"])
def test_what_is_no_colour_is_refused(colour):
    with pytest.raises(ValueError, match=r"#rrggbb|hexadecimal"):
        draw("fog", (64, 64), [colour])


def test_files_are_small():
    """Under 40 kB at 1344x768, as AVIF and as WebP."""
    image = draw("a foggy harbour", (1344, 768))

    for how in ({"format": "AVIF", "quality": 60, "speed": 8}, {"format": "WEBP", "quality": 80}):
        file = io.BytesIO()
        image.copy().save(file, **how)
        assert len(file.getvalue()) < 40_000
