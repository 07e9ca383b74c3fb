"""Names of variants, and their sizes."""

import json
from pathlib import Path

from hypothesis import given, strategies as st

from mkdocs_comfy.images import variants
from mkdocs_comfy.images.variants import LONGEST_SIDE, fitted_size, variant_key

GOLDENS = Path(__file__).parents[1] / "goldens" / "images"

sides = st.integers(1, 200_000)


def test_a_changed_name_means_that_every_image_gets_a_new_url():
    for each in json.loads((GOLDENS / "variant_keys.json").read_text()):
        assert variant_key(**each["of"]) == each["key"]


def test_everything_that_shapes_the_file_is_in_the_name(monkeypatch):
    one = {"pixels": "ab" * 32, "width": 1344, "format": "webp", "quality": 80}
    names = {
        variant_key(**one),
        variant_key(**one | {"pixels": "ac" * 32}),
        variant_key(**one | {"width": 960}),
        variant_key(**one | {"format": "avif"}),
        variant_key(**one | {"quality": 81}),
    }
    monkeypatch.setattr(variants, "ENCODER", variants.ENCODER + 1)
    names.add(variant_key(**one))

    assert len(names) == 6
    assert all(len(each) == 32 and set(each) <= set("0123456789abcdef") for each in names)


def test_sizes_keep_proportions_and_never_grow():
    assert fitted_size((1344, 768)) == (1344, 768)
    assert fitted_size((1344, 768), 672) == (672, 384)
    assert fitted_size((1344, 768), 4000) == (1344, 768)
    assert fitted_size((40_000, 100)) == (16383, 41)
    assert fitted_size((100, 40_000)) == (40, 16000)
    assert fitted_size((1000, 3), 10) == (10, 1)


@given(sides, sides, st.none() | sides)
def test_every_size_can_be_encoded(across, down, width):
    fitted = fitted_size((across, down), width)

    assert 1 <= fitted[0] <= min(across, LONGEST_SIDE, width or across)
    assert 1 <= fitted[1] <= min(down, LONGEST_SIDE)
