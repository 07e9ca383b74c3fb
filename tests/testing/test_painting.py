"""The stand-in pictures: reproducible, different where the request differs, of any size."""

import hashlib
from dataclasses import replace
from io import BytesIO

import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image

from mkdocs_comfy.testing.painting import compose, paint
from mkdocs_comfy.testing.painting_canvas import Easel, Frame
from mkdocs_comfy.testing.painting_scene import read_scene

HARBOUR = "a foggy harbour, cinematic, golden hour"
GOLDEN = "1d270c2a628ca1b5f5d31faf8f7ca12a09d55159e2661c4f9420bd67bbef06dc"


def opened(data):
    picture = Image.open(BytesIO(data))
    picture.load()
    return picture


def pixels(data):
    return hashlib.sha256(opened(data).tobytes()).hexdigest()


def brightness(data):
    grey = opened(data).convert("L").histogram()
    return sum(level * count for level, count in enumerate(grey)) / sum(grey)


def test_the_same_request_gives_the_same_bytes():
    assert paint(HARBOUR, 7, (96, 64)) == paint(HARBOUR, 7, (96, 64))


def test_the_pixels_of_a_known_request_never_change():
    """On every platform, with every Pillow since 11.3."""
    assert pixels(paint(HARBOUR, 7, (96, 64))) == GOLDEN


@pytest.mark.parametrize(
    "other",
    [
        paint("a foggy harbour, cinematic, golden hours", 7, (96, 64)),
        paint(HARBOUR, 8, (96, 64)),
        paint(HARBOUR, 7, (96, 64), negative="people"),
        paint(HARBOUR, 7, (96, 64), steps=21),
        paint(HARBOUR, 7, (104, 64)),
    ],
    ids=["prompt", "seed", "negative", "steps", "size"],
)
def test_every_argument_shows(other):
    assert pixels(other) != pixels(paint(HARBOUR, 7, (96, 64)))


@pytest.mark.parametrize(
    "size",
    [(64, 64), (1344, 768), (768, 1344), (200, 136), (72, 640), (640, 72), (8, 8), (1, 1)],
    ids=lambda size: f"{size[0]}x{size[1]}",
)
def test_the_picture_has_the_size_asked_for(size):
    picture = opened(paint(HARBOUR, 1, size))

    assert (picture.format, picture.mode, picture.size) == ("PNG", "RGB", size)


@pytest.mark.parametrize(
    ("prompt", "motif"),
    [
        ("a foggy harbour", "sea"),
        ("霧の港", "sea"),
        ("phare breton à l'aube", "sea"),
        ("spruce forest", "forest"),
        ("a mountain lake", "lake"),
        ("Alpine ridge", "mountains"),
        ("sand dunes", "desert"),
        ("rooftops of an old town", "city"),
        ("contour lines, abstract", "abstract"),
    ],
)
def test_words_choose_the_motif(prompt, motif):
    assert read_scene(prompt).motif == motif
    assert opened(paint(prompt, 3, (160, 96))).size == (160, 96)


def test_a_word_that_only_begins_like_another_means_nothing():
    assert "trees" not in read_scene("first steps").features
    assert read_scene("getting started").mood != "night"


def test_what_is_named_first_is_the_motif():
    assert read_scene("a pine forest above a bay").motif == "forest"
    assert read_scene("a bay below a pine forest").motif == "sea"


def test_a_night_is_darker_than_a_day():
    night = paint("a bay at midnight", 5, (160, 96))

    assert brightness(night) < brightness(paint("a bay at noon", 5, (160, 96))) / 2


def test_negative_words_are_not_followed():
    assert "fog" in read_scene(HARBOUR).features
    assert "fog" not in read_scene(HARBOUR, "fog, mist").features


def composed(scene):
    # By chance, the easel of this name has neither birds nor boats of its own accord.
    easel = Easel(Frame.of(160, 96), scene, octaves=4, name=("an easel",))
    compose(easel)
    return easel.picture.tobytes()


@pytest.mark.parametrize(
    ("prompt", "feature"),
    [
        ("a bay in the mist", "fog"),
        ("aurora over a lake", "aurora"),
        ("snow on a ridge", "snow"),
        ("a bay in a drizzle", "rain"),
        ("a lighthouse on a cliff", "lighthouse"),
        ("a bay with fishing boats", "boats"),
        ("a village by the sea", "village"),
        ("a lake below pines", "trees"),
        ("cranes over a lake", "birds"),
        ("an observatory on a summit", "dome"),
    ],
    ids=lambda value: value.split()[-1],
)
def test_every_feature_is_painted(prompt, feature):
    scene = read_scene(prompt)
    plain = replace(scene, features=scene.features - {feature})

    assert feature in scene.features
    assert composed(scene) != composed(plain)


def test_a_prompt_without_known_words_has_a_scene_of_its_own():
    scenes = {(read_scene(f"chapter {n}").motif, read_scene(f"chapter {n}").mood) for n in range(9)}

    assert len(scenes) > 3


def test_large_pictures_stay_small_enough_for_a_repository():
    assert len(paint(HARBOUR, 7, (1344, 768))) < 2_000_000


@settings(max_examples=25)
@given(
    prompt=st.text(max_size=60),
    seed=st.integers(0, 2**64 - 1),
    steps=st.integers(0, 200),
    size=st.tuples(st.integers(1, 96), st.integers(1, 96)),
)
def test_any_request_is_painted(prompt, seed, steps, size):
    assert opened(paint(prompt, seed, size, steps=steps)).size == size
