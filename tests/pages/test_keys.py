"""Near misses: close enough to be a typing error, and never a theme's own key."""

import pytest
from hypothesis import given, strategies as st

from mkdocs_comfy.pages.keys import KEYS, LATER_KEYS, near_miss, within

THEMES = [
    "hero_image",
    "hero_images",
    "hero_image_alt",
    "hero_img",
    "hero_title",
    "hero_subtitle",
    "hero_video",
    "hero_text",
    "hero_tagline",
    "hero_background",
    "hero_button",
    "hero_buttons",
    "hero_color",
    "hero_height",
    "hero_class",
    "hero_layout",
    "hero_link",
    "hero_cta",
    "hero_overlay",
    "hero_position",
    "hero_description",
]


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("hero_promt", "hero_prompt"),
        ("hero_prmopt", "hero_prompt"),
        ("hero_prompts", "hero_prompt"),
        ("hero_Prompt", "hero_prompt"),
        ("hero_sead", "hero_seed"),
        ("hero_sede", "hero_seed"),
        ("hero_sizes", "hero_size"),
        ("hero_atl", "hero_alt"),
        ("hero_param", "hero_params"),
        ("hero_plaec", "hero_place"),
        ("hero_negatve", "hero_negative"),
        ("hero_negatvie", "hero_negative"),
        ("hero_negativ_", "hero_negative"),
        ("hero_ngeatvie", "hero_negative"),
        ("hero_tamplates", "hero_template"),
        ("hero_stile", "hero_style"),
        ("hero_captoin", "hero_caption"),
        ("hero_credits", "hero_credit"),
        ("hero_prompt-dark", "hero_prompt_dark"),
        ("hero_image_form", "hero_image_from"),
        ("hero_imagefrom", "hero_image_from"),
        ("hero_pins", "hero_pin"),
    ],
)
def test_a_typing_error_is_recognised(key, meant):
    assert near_miss(key) == meant


@pytest.mark.parametrize("key", THEMES)
def test_a_key_of_a_theme_is_left_alone(key):
    """`hero_image` lies near `hero_image_from` for a reader, but it is in wide use by themes."""
    assert near_miss(key) is None


@pytest.mark.parametrize("key", KEYS + LATER_KEYS)
def test_no_key_of_ours_is_taken_for_another_one(key):
    assert near_miss(key) is None
    others = [other for other in KEYS + LATER_KEYS if other != key]
    assert not any(within(key, other, 1) for other in others)


@pytest.mark.parametrize("key", ["hero", "hero_", "hero-prompt", "heroprompt", "prompt", ""])
def test_a_key_without_our_prefix_is_no_near_miss(key):
    assert near_miss(key) is None


@pytest.mark.parametrize("key", ["hero_promp\n", "hero_promp\x1b", "hero_prompt" + "t" * 10**6])
def test_a_key_that_would_spoil_a_log_is_none_either(key):
    assert near_miss(key) is None


def test_two_edits_count_from_seven_letters_on():
    assert near_miss("hero_tmplte") is None
    assert near_miss("hero_tmplaet") == "hero_template"
    assert near_miss("hero_prmt") is None


def distance(a: str, b: str) -> int:
    """Optimal string alignment distance by the textbook's table."""
    rows = [list(range(len(b) + 1))]
    for i, left in enumerate(a, start=1):
        row = [i]
        for j, right in enumerate(b, start=1):
            best = min(rows[i - 1][j] + 1, row[j - 1] + 1, rows[i - 1][j - 1] + (left != right))
            if i > 1 and j > 1 and a[i - 2] == right and left == b[j - 2]:
                best = min(best, rows[i - 2][j - 2] + 1)
            row.append(best)
        rows.append(row)
    return rows[-1][-1]


WORDS = st.text(alphabet="abc", max_size=9)


@given(WORDS, WORDS, st.integers(0, 2))
def test_the_short_cut_counts_as_the_table_does(a, b, edits):
    assert within(a, b, edits) is (distance(a, b) <= edits)


@given(
    st.sampled_from(KEYS + LATER_KEYS).map(lambda key: key[5:]),
    st.lists(
        st.tuples(st.integers(0, 12), st.integers(0, 2), st.sampled_from("abeimnprst_")), max_size=3
    ),
)
def test_the_nearest_key_is_named_and_none_is_missed(part, edits):
    for at, kind, letter in edits:
        part = part[:at] + ("" if kind == 0 else letter) + part[at + (kind != 1) :]
    ours = [key[5:] for key in KEYS + LATER_KEYS]
    nearest = min(distance(part, each) for each in ours)
    meant = near_miss(f"hero_{part}")
    if part in [*ours, "image", "title", "video", ""]:
        assert meant is None
    elif nearest <= (2 if len(part) >= 7 else 1):
        assert distance(part, meant[5:]) == nearest
    else:
        assert meant is None
