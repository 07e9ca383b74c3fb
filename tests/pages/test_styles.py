"""Styles: what they take, how they go together, and what is said where they are wrong."""

import pytest
import yaml
from hypothesis import given, strategies as st

from mkdocs_comfy.errors import ConfigurationError, StyleNotFoundError
from mkdocs_comfy.pages.styles import ENDS, Style, chosen, joined, merged, read_styles, setter
from mkdocs_comfy.text import normalise_text

FOX = "a fox"
BRAND = Style(prefix="oil painting", suffix="warm light", seed=7, params={"steps": 30, "cfg": 5})
NIGHT = Style(suffix="by night", negative="sun", template="sd15", params={"steps": 40})
STYLES = {"brand": BRAND, "night": NIGHT, "plain": Style()}


# Texts -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ((FOX,), "a fox"),
        (("oil", FOX, "warm"), "oil, a fox, warm"),
        (("", FOX, ""), "a fox"),
        ((" \n", FOX, "\t"), "a fox"),
        (("oil,", FOX), "oil, a fox"),
        (("Oil.", FOX), "Oil. a fox"),
        (("oil:", " a fox \r\n", "warm"), "oil: a fox, warm"),
        (("oil;", FOX + "!", "warm"), "oil; a fox! warm"),
        (("who?", FOX + "…", "warm"), "who? a fox… warm"),
        (("oil —", FOX), "oil — a fox"),
        (("(oil:1.2)", '"a fox"', "warm"), '(oil:1.2), "a fox", warm'),
        (("油絵。", "霧の港、", "夜"), "油絵。 霧の港、 夜"),
        (("oil", ", a fox"), "oil, , a fox"),
        (("cafe\u0301", "a\r\nb"), "café, a\nb"),
        (("", "", ""), ""),
        ((), ""),
    ],
)
def test_parts_are_joined_by_a_comma_unless_there_is_punctuation(parts, text):
    assert joined(*parts) == text


texts = st.text(alphabet="ab ,.!…é\u0301\r\n\t(霧。", max_size=8) | st.text(max_size=8)


@given(texts)
def test_a_prompt_without_a_style_is_the_prompt(prompt):
    assert joined("", prompt, "") == normalise_text(prompt)


@given(st.lists(texts, max_size=5))
def test_what_is_joined_is_in_one_form_and_empty_parts_do_not_count(parts):
    text = joined(*parts)

    assert text == normalise_text(text) == joined(text)
    assert text == joined(*(part for part in parts if part.strip()))
    for part in parts:
        assert normalise_text(part) in text


@given(texts, texts, texts)
def test_the_order_of_joining_does_not_matter(one, two, three):
    assert (
        joined(joined(one, two), three)
        == joined(one, two, three)
        == joined(one, joined(two, three))
    )


@given(st.lists(texts.filter(str.strip), min_size=2, max_size=2))
def test_between_two_parts_stands_one_separator(parts):
    first, second = map(normalise_text, parts)

    assert joined(*parts) == first + (" " if first[-1] in ENDS else ", ") + second


# Several styles ----------------------------------------------------------------------------------


def test_of_two_styles_the_later_wins_and_texts_follow_each_other():
    assert merged([BRAND, NIGHT]) == Style(
        prefix="oil painting",
        suffix="warm light, by night",
        negative="sun",
        template="sd15",
        seed=7,
        params={"steps": 40, "cfg": 5},
    )
    assert merged([NIGHT, BRAND]) == Style(
        prefix="oil painting",
        suffix="by night, warm light",
        negative="sun",
        template="sd15",
        seed=7,
        params={"steps": 30, "cfg": 5},
    )


def test_an_empty_negative_and_seed_zero_win_too():
    """They are values, not absences."""
    later = Style(negative="", seed=0)

    assert merged([Style(negative="people", seed=3), later]) == later


some_styles = st.builds(
    Style,
    prefix=texts.map(normalise_text),
    suffix=texts.map(normalise_text),
    negative=st.none() | st.sampled_from(["", "people"]),
    template=st.none() | st.sampled_from(["default", "sd15"]),
    seed=st.none() | st.integers(0, 2**64 - 1),
    size=st.none() | st.sampled_from([(64, 64), (128, 64)]),
    params=st.dictionaries(st.sampled_from(["steps", "cfg"]), st.integers(1, 9)),
)


@given(some_styles)
def test_a_style_that_says_nothing_changes_nothing(style):
    assert merged([style]) == merged([Style(), style]) == merged([style, Style()]) == style
    assert merged([]) == Style()


@given(some_styles, some_styles, some_styles)
def test_styles_can_be_put_together_in_any_grouping(one, two, three):
    assert merged([one, two, three]) == merged([merged([one, two]), three])


@given(st.lists(st.sampled_from(sorted(STYLES)), unique=True))
def test_styles_are_chosen_by_their_names_in_order(names):
    assert chosen(names, STYLES) == merged(STYLES[name] for name in names)


def test_the_style_whose_word_counts_is_known():
    names = ["brand", "night", "plain"]

    assert setter(names, STYLES, "template") == "night"
    assert setter(names, STYLES, "seed") == "brand"
    assert setter(names, STYLES, "size") == ""
    assert setter(names, STYLES, "params", "steps") == "night"
    assert setter(names, STYLES, "params", "cfg") == "brand"
    assert setter(names, STYLES, "params", "denoise") == ""


@pytest.mark.parametrize(
    ("name", "styles", "text"),
    [
        ("brnad", STYLES, "there is no style 'brnad'; did you mean 'brand'? (there are: brand, "),
        ("zzz", STYLES, "there is no style 'zzz' (there are: brand, night, plain)\nstyles are"),
        ("brand", {}, "there is no style 'brand' (this site has none)\nstyles are set up below"),
    ],
)
def test_a_style_that_is_not_there_is_told_with_those_that_are(name, styles, text):
    with pytest.raises(StyleNotFoundError) as caught:
        chosen(["brand"] * bool(styles) + [name], styles)

    assert text in str(caught.value)
    assert (caught.value.style, caught.value.known) == (name, tuple(styles))


def test_a_long_name_and_many_styles_make_a_short_error():
    with pytest.raises(StyleNotFoundError) as caught:
        chosen(["x" * 100_000], {f"style-{number}": Style() for number in range(1000)})

    assert "style-15, …)" in caught.value.what
    assert len(caught.value.what) < 400


# Configuration -----------------------------------------------------------------------------------


def read(text):
    return read_styles(yaml.safe_load(text))


def test_every_key_of_a_style_arrives():
    styles, errors = read(
        """
        brand:
          prefix: " oil painting "
          suffix: "warm\\r\\nlight"
          negative: ''
          template: sdxl-2
          seed: 18446744073709551615
          size: 1344x768
          params: {steps: 30, cfg: 5.5, Sampler.sampler_name: euler, unset: }
        2nd.style_-: {suffix: by night, seed: , size: ~}
        empty:
        plain: {}
        """
    )

    assert errors == ()
    assert styles == {
        "brand": Style(
            prefix="oil painting",
            suffix="warm\nlight",
            negative="",
            template="sdxl-2",
            seed=2**64 - 1,
            size=(1344, 768),
            params={"steps": 30, "cfg": 5.5, "Sampler.sampler_name": "euler"},
        ),
        "2nd.style_-": Style(suffix="by night"),
        "empty": Style(),
        "plain": Style(),
    }
    assert read("") == ({}, ())


WRONG = [
    ("[brand]", "styles: expected a mapping of name to style, got ['brand']"),
    (
        "brand: watercolour",
        "styles.brand: expected a mapping that takes prefix, suffix, negative, ",
    ),
    ("brand: [a]", "size, params, got ['a']"),
    ("brand: {prefix: 12}", "styles.brand.prefix: expected text, got 12\nput it in quotes"),
    ('brand: {suffix: "a\\eb"}', "styles.brand.suffix: expected text without control characters"),
    ("brand: {suffix: [a]}", "styles.brand.suffix: expected text, got ['a']"),
    (f"brand: {{prefix: {'x' * 10_001}}}", "styles.brand.prefix: expected text of at most 10,000"),
    ("brand: {negative: false}", "styles.brand.negative: expected text, got False"),
    ("brand: {template: ../x}", "styles.brand.template: expected the name of a template"),
    (
        "brand: {seed: lucky}",
        "styles.brand.seed: expected a whole number from 0 to 2**64 - 1, got 'lucky'",
    ),
    ("brand: {seed: '7'}", "got '7'\nwrite the number without quotes"),
    ("brand: {size: 1340x768}", "styles.brand.size: expected width x height such as"),
    ("brand: {size: 1340x768}", "got '1340x768'\nwrite 1344x768"),
    ("brand: {params: 30}", "styles.brand.params: expected a mapping of template parameter"),
    ("brand: {params: {cfg: .nan}}", "a finite number, true or false for 'cfg'"),
    ("brand: {sufix: a}", "styles.brand: unknown key 'sufix'; did you mean 'suffix'?"),
    ("brand: {hero_alt: a}", "styles.brand: unknown key 'hero_alt'; a style takes prefix, "),
    ("brand: {1: a}", "styles.brand: unknown key 1; a style takes prefix, "),
    ("none: {}", "styles: 'none' stands for no style at all; choose another name"),
    (".brand: {}", "styles: '.brand' is no name of a style (letters, digits,"),
    ("a b: {}", "styles: 'a b' is no name of a style"),
    ('"brand\\n": {}', "styles: 'brand\\n' is no name of a style"),
    ('"\\e[31m": {}', "styles: '\\x1b[31m' is no name of a style"),
    ("2024: {}", "styles: 2024 is no name of a style"),
    ("no: {}", "styles: False is no name of a style"),
    ("no: {}", "put it in quotes"),
]


@pytest.mark.parametrize(
    ("text", "words"), WRONG, ids=[f"{i}-{w[0]:.25}" for i, w in enumerate(WRONG)]
)
def test_a_wrong_style_gets_one_error_with_its_path(text, words):
    _, errors = read(text)

    (error,) = errors
    assert isinstance(error, ConfigurationError)
    assert words in str(error)
    assert "\n" not in error.what
    assert all(line.isprintable() for line in str(error).split("\n"))


def test_everything_that_is_wrong_comes_at_once():
    _, errors = read("a: {seed: x, size: y, zzz: 1}\nb: 5\n.c: {}\nd: {suffix: fine}")

    assert [error.key for error in errors] == [
        "styles.a.seed",
        "styles.a.size",
        "styles.a",
        "styles.b",
        "styles",
    ]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.integers(), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = st.sampled_from(["prefix", "suffix", "negative", "template", "seed", "size", "params"])
NAMES = st.sampled_from(["brand", "none", "a.b", ".a"]) | st.text() | st.integers() | st.booleans()


@given(st.dictionaries(NAMES, st.dictionaries(KEYS | st.text(), VALUES) | VALUES))
def test_whatever_stands_in_the_configuration_gives_styles_or_errors(value):
    styles, errors = read_styles(value)

    assert len(styles) <= len(value)
    for style in styles.values():
        assert all(text == normalise_text(text) for text in (style.prefix, style.suffix))
        assert style.seed is None or 0 <= style.seed < 2**64
    for error in errors:
        assert all(line.isprintable() for line in str(error).split("\n"))
