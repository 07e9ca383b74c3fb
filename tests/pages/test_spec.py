"""Front matter in, a request or errors out; nothing else ever comes out."""

import datetime as dt
import math

import pytest
import yaml
from hypothesis import given, strategies as st
from mkdocs.utils.meta import get_data

from mkdocs_comfy.errors import FrontMatterError, UnknownKeyError
from mkdocs_comfy.pages.keys import KEYS, LATER_KEYS
from mkdocs_comfy.pages.spec import NOTHING, HeroSpec, derived_seed, parse_size, read_spec


def never():
    pytest.fail("this must not be called")


def read(source, *, title=never, **settings):
    """The reading of a page, with the metadata that MkDocs finds in it."""
    return read_spec(
        get_data(source)[1], page="guide/x.md", title=title, source=lambda: source, **settings
    )


def page(*lines):
    return "\n".join(["---", *lines, "---", "", "# Title", ""])


def asking(*lines):
    return page("hero_prompt: a fox", *lines)


def only_error(reading):
    assert reading.spec is None
    assert len(reading.errors) == 1
    return reading.errors[0]


def test_a_prompt_is_enough():
    assert read(asking()).spec == HeroSpec(
        page="guide/x.md",
        prompt="a fox",
        seed=None,
        negative=None,
        template=None,
        styles=None,
        size=None,
        params={},
        image_from=None,
        alt="",
        says_alt=False,
        place=None,
        pin=None,
    )


def test_every_key_arrives():
    source = asking(
        "hero_negative: people",
        "hero_seed: 18446744073709551615",
        "hero_template: sdxl-2",
        "hero_style: [brand, night]",
        "hero_size: 1344x768",
        "hero_params: {steps: 30, cfg: 5.5, tiled: true, 'Sampler.sampler_name': euler, unset: }",
        "hero_image_from: /img/fox.png",
        "hero_alt: 'A fox: red'",
        "hero_place: none",
        f"hero_pin: k1-{'7' * 64}",
    )
    assert read(source).spec == HeroSpec(
        page="guide/x.md",
        prompt="a fox",
        seed=2**64 - 1,
        negative="people",
        template="sdxl-2",
        styles=("brand", "night"),
        size=(1344, 768),
        params={"steps": 30, "cfg": 5.5, "tiled": True, "Sampler.sampler_name": "euler"},
        image_from="/img/fox.png",
        alt="A fox: red",
        says_alt=True,
        place="none",
        pin="k1-" + "7" * 64,
    )


def test_a_page_without_a_prompt_asks_for_nothing_whatever_else_it_holds():
    source = page("hero_seed: lucky", "hero_style: noir", "hero_promt: x", "hero: true")
    assert read(source) is NOTHING


def test_keys_of_themes_are_left_alone():
    reading = read(asking("hero_image: x.png", "hero_title: {a: 1}", "hero_video:", "hero: {a: 1}"))
    assert reading.spec is not None


def test_a_page_may_switch_off_what_it_inherits():
    reading = read(page("hero_prompt: 12", "hero_seed: lucky", "hero: false"))
    assert (reading.spec, reading.errors, reading.off) == (None, (), True)


def test_keys_without_a_value_count_as_absent():
    later = [f"{key}:" for key in LATER_KEYS]
    reading = read(asking("hero:", "hero_seed:", "hero_params: ~", "hero_place: null", *later))
    assert reading.spec is not None
    assert reading.spec.place is None


def test_an_empty_negative_prompt_is_no_absent_one():
    assert read(asking("hero_negative: ''")).spec.negative == ""
    assert read(asking("hero_negative:")).spec.negative is None


def test_text_is_brought_into_one_form():
    reading = read(
        '---\nhero_prompt: "  cafe\\u0301\\r\\nat night  "\nhero_alt: "e\\u0301 "\n---\n'
    )
    assert reading.spec.prompt == "café\nat night"
    assert reading.spec.alt == "é"


def test_fields_are_filled_once_and_other_braces_are_left_alone():
    source = page("hero_prompt: '{title} {{title}} {x} {description} {}'", "description: '{title}'")
    reading = read(source, title=lambda: "{description}")
    assert reading.spec.prompt == "{description} {{description}} {x} {title} {}"


def test_the_title_is_asked_for_only_where_it_is_used():
    assert read(page("hero_prompt: '{x} {Title} { title }'"), title=never).spec is not None


def test_a_description_that_is_missing_is_named():
    error = only_error(read(page("title: x", "hero_prompt: '{description} at night'")))
    assert str(error) == (
        "guide/x.md:3: description must be text, since hero_prompt says {description}, got None"
    )


def test_a_page_without_a_title_is_named():
    error = only_error(read(page("hero_prompt: 'about {title}'"), title=lambda: " "))
    assert error.key == "title"


def test_a_filled_prompt_is_checked_again():
    reading = read(page("hero_prompt: '{title}'"), title=lambda: "x\x1b[31m")
    assert "U+001B at character 2" in only_error(reading).way_out
    reading = read(page("hero_prompt: 'a {title}'"), title=lambda: "x" * 9_999)
    assert "10,001 characters" in only_error(reading).way_out


WRONG = [
    ("hero_seed: lucky", "hero_seed must be a whole number from 0 to 2**64 - 1, got 'lucky'"),
    ("hero_seed: '12'", "got '12'\nwrite the number without quotes"),
    ("hero_seed: 12.0", "got 12.0\nwrite the number without a decimal point or exponent"),
    ("hero_seed: -1", "got -1"),
    ("hero_seed: 18446744073709551616", "got 18446744073709551616"),
    ("hero_seed: true", "got True"),
    ("hero_seed: 0x" + "f" * 9_000, "got a value too long to show (int)"),
    ("hero_size: 1344x765", "each a multiple of 8 from 64 to 16384, got '1344x765'"),
    ("hero_size: 1344x765", "write 1344x768"),
    ("hero_size: 1344 X 768", "write 1344x768"),
    ("hero_size: [1340, 768]", "got [1340, 768]\nwrite 1344x768"),
    ("hero_size: 56x64", "write 64x64"),
    ("hero_size: 64x16392", "write 64x16384"),
    ("hero_size: 1344", "width x height such as 1344x768"),
    ("hero_size: large", "width x height such as 1344x768"),
    (
        "hero_size: 8000x8000",
        "at most 50,000,000 pixels, got '8000x8000'\n8000x8000 has 64,000,000",
    ),
    ("hero_negative: 12", "text, got 12\nput it in quotes"),
    ("hero_negative: [people]", "text, got ['people']\nput it in quotes"),
    ("hero_template: 2024", "the name of a template"),
    ("hero_template: 2024", "put it in quotes"),
    ("hero_template: ../sdxl", "got '../sdxl'"),
    ("hero_template: .hidden", "no '.' in front"),
    ('hero_template: "sdxl\\n"', "got 'sdxl\\n'"),
    ("hero_template: ''", "got ''"),
    ("hero_style: 2024", "the name of a style, or a list of names (letters, digits,"),
    ("hero_style: 2024", "got 2024\nput it in quotes"),
    ("hero_style: [brand, 1]", "got ['brand', 1]\nput it in quotes"),
    ("hero_style: [[brand]]", "got [['brand']]"),
    ("hero_style: {brand: night}", "got {'brand': 'night'}"),
    ("hero_style: true", "got True\nwrite none for no style"),
    ("hero_style: ''", "got ''\nwrite none for no style"),
    ("hero_style: [~]", "got [None]\nput it in quotes"),
    ("hero_style: brand, night", "got 'brand, night'"),
    ("hero_style: .hidden", "no '.' in front"),
    ("hero_style: ../brand", "got '../brand'"),
    ('hero_style: "brand\\n"', "got 'brand\\n'"),
    ('hero_style: "\\e[31mbrand"', "got '\\x1b[31mbrand'"),
    ("hero_params: 30", "a mapping of template parameter to value, got 30"),
    ("hero_params: [steps, 30]", "for example {steps: 30}"),
    ("hero_params: {30: 1}", "put 30 in quotes"),
    ("hero_params: {'': 1}", "'' is no such name"),
    ("hero_params: {steps: [30]}", "text, a finite number, true or false for 'steps'"),
    ("hero_params: {steps: {a: 1}}", "text, a finite number, true or false for 'steps'"),
    ("hero_params: {day: 2024-01-02}", "put it in quotes"),
    ("hero_params: {cfg: .nan}", "a finite number"),
    ("hero_params: {cfg: -.inf}", "a finite number"),
    ("hero_params: {n: 18446744073709551616}", "a finite number"),
    ('hero_params: {s: "a\\x07"}', "text without control characters for 's'"),
    ("hero_alt: 2024-01-02", "text, got datetime.date(2024, 1, 2)\nput it in quotes"),
    ("hero_alt: " + "x" * 1_001, "text of at most 1,000 characters"),
    ("hero_place: bottom", "after_title, top or none, got 'bottom'"),
    ("hero_place: false", "write none"),
    ("hero_place: [top]", "after_title, top or none, got ['top']"),
    ("hero_pin: k1-" + "7" * 63, "the key of an image: k1- and 64 hex digits, got"),
    ("hero_pin: e1-" + "7" * 64, "pin the image anew: mkdocs-comfy keep PAGE --current"),
    ("hero_pin: 7", "the key of an image: k1- and 64 hex digits, got 7"),
    ("hero: true", "hero must be false (no hero), or absent, got True\nremove the line"),
    ("hero: 'false'", "write false without quotes"),
    ("hero: [a]", "hero must be false (no hero), or absent, got ['a']"),
    ("hero: images/fox.jpg", "hero: this version has no such key yet"),
    ("hero_stile: noir", "hero_stile: did you mean hero_style?\nrename it to hero_style"),
    ("hero_tempalte: x", "hero_tempalte: did you mean hero_template?"),
]


@pytest.mark.parametrize(
    ("line", "text"), WRONG, ids=[f"{i}-{w[0]:.25}" for i, w in enumerate(WRONG)]
)
def test_a_wrong_value_gets_one_error_with_its_line(line, text):
    error = only_error(read(asking(line)))
    assert str(error).startswith("guide/x.md:3: ")
    assert text in str(error)
    assert "\n" not in error.what
    assert error.line == 3


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("brand", ("brand",)),
        ("[brand, night]", ("brand", "night")),
        ("[brand, night, brand]", ("night", "brand")),
        ("[brand, brand]", ("brand",)),
        ("[]", ()),
        ("false", ()),
        ("none", ()),
        ("[none]", ()),
        ("[brand, none, night]", ("night",)),
        ("[brand, none]", ()),
        ("None", ("None",)),
        ("", None),
        ("~", None),
    ],
)
def test_styles_are_named_each_once(value, names):
    """Material's meta appends lists, so that a section's style may stand there twice."""
    assert read(asking(f"hero_style: {value}")).spec.styles == names


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("12", "text, got 12\nput it in quotes"),
        ("yes", "text, got True\nput it in quotes"),
        ("2024-01-02", "got datetime.date(2024, 1, 2)\nput it in quotes"),
        ("[a fox]", "got ['a fox']\nput it in quotes"),
        ("{title}", "got {'title': None}\nput it in quotes"),
        ("", "text that says what to render, got None\nremove the line"),
        ("' '", "`hero: false` switches an inherited one off"),
        ('"a\\x07b"', "remove the control character U+0007 at character 2"),
        ('"a\\x85b"', "U+0085"),
        ("x" * 10_001, "text of at most 10,000 characters"),
    ],
)
def test_a_prompt_must_be_text_that_says_something(value, text):
    error = only_error(read(page(f"hero_prompt: {value}")))
    assert error.key == "hero_prompt"
    assert error.line == 2
    assert text in str(error)


def test_half_a_surrogate_pair_is_refused():
    """Only the pure-Python YAML loader lets one through."""
    reading = read_spec({"hero_prompt": "a\ud800b"}, page="x.md", title=never, source=str)
    error = only_error(reading)
    assert "remove half a surrogate pair U+D800 at character 2" in error.way_out
    assert str(error).encode()


@pytest.mark.parametrize("key", LATER_KEYS)
def test_a_key_of_a_later_version_is_refused_by_name(key):
    error = only_error(read(asking(f"{key}: x")))
    assert isinstance(error, UnknownKeyError)
    assert (error.key, error.suggestion, error.line) == (key, None, 3)


def test_the_bounds_themselves_are_allowed():
    spec = read(
        asking(
            "hero_seed: 0",
            "hero_size: 64x16384",
            f"hero_negative: {'x' * 10_000}",
            f"hero_alt: {'x' * 1_000}",
            "hero_params: {n: -18446744073709551615}",
        )
    ).spec
    assert (spec.seed, spec.size) == (0, (64, 16384))
    assert read(page(f"hero_prompt: {'x' * 10_000}")).spec is not None
    assert read(asking("hero_size: 64x64"), max_pixels=4_096).spec is not None
    assert read(asking("hero_size: 64x72"), max_pixels=4_096).spec is None


def test_line_breaks_and_tabs_are_no_control_characters():
    assert read('---\nhero_prompt: "a\\tb\\nc\\r\\nd"\n---\n').spec.prompt == "a\tb\nc\nd"


def test_all_errors_of_a_page_come_at_once_in_the_order_of_its_lines():
    reading = read(
        page("hero_place: left", "hero_seed: x", "hero_style: 1", "hero_prompt: 1", "hero_atl: z")
    )
    assert reading.spec is None
    assert [(error.line, error.key) for error in reading.errors] == [
        (2, "hero_place"),
        (3, "hero_seed"),
        (4, "hero_style"),
        (5, "hero_prompt"),
        (6, "hero_atl"),
    ]


def test_an_entry_of_a_mapping_is_named_with_its_own_line():
    error = only_error(read(asking("hero_params:", "  cfg: 5", "  steps: [30]")))
    assert error.line == 5


def test_the_source_is_read_for_errors_only():
    meta = {"hero_prompt": "a fox"}
    assert read_spec(meta, page="x.md", title=never, source=never).spec is not None


@pytest.mark.parametrize("key", ["hero_seed", "hero_sede"])
def test_an_inherited_key_is_said_to_be_inherited(key):
    meta = {"hero_prompt": "a fox", key: "x"}
    error = only_error(
        read_spec(meta, page="x.md", title=never, source=lambda: page("hero_prompt: a fox"))
    )
    assert error.line == 1
    assert "inherited" in error.way_out


def test_multimarkdown_metadata_is_all_text():
    reading = read("Hero_Prompt: a fox\n    at night\nhero_seed: 12\n\n# Title\n")
    error = only_error(reading)
    assert (error.line, error.got) == (3, "12")
    assert "without `---` lines around it, all front matter is text" in error.way_out
    assert read("hero_prompt: a fox\n    at night\n\n# Title\n").spec.prompt == "a fox at night"


def test_a_value_that_would_print_as_gigabytes_is_shown_in_a_line():
    """YAML aliases: nine lists of nine, nine levels deep."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 10)]
    error = only_error(read(page(*lines, "hero_prompt: *a9")))
    assert len(error.what) < 200


def test_a_value_that_holds_itself_is_shown_in_a_line():
    error = only_error(read(page("hero_prompt: &a [*a]")))
    assert len(error.what) < 200


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ("1344x768", (1344, 768)),
        (" 64x64 ", (64, 64)),
        ("16384x16384", (16384, 16384)),
        ("1344X768", None),
        ("01344x768", None),
        ("1344x768x3", None),
        ("\u0661\u0663\u0664\u0664x768", None),
        ("1344x768\n512", None),
        (1344, None),
        (None, None),
    ],
)
def test_a_size_is_two_numbers_and_nothing_else(value, size):
    assert parse_size(value) == size


def test_the_derived_seed_is_fixed_for_ever():
    """Another number here means that every user renders everything again."""
    assert derived_seed("a foggy harbour, cinematic, golden hour") == 16651548
    assert derived_seed("caf\u00e9") == derived_seed(" cafe\u0301\r\n") == 84901316
    assert derived_seed("") == 0x63B0C442


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_a_derived_seed_suits_every_node(prompt):
    assert 0 <= derived_seed(prompt) < 2**31


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**4500, max_value=10**4501)
    | st.floats()
    | st.text()
    | st.dates()
    | st.datetimes()
    | st.binary()
    | st.sampled_from(
        ["12", "1344x768", "after_title", "{title}", "{description}", "\ud800", "\x00"]
    )
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SCALARS, inner, max_size=3),
    max_leaves=8,
)
NAMES = (
    st.sampled_from([*KEYS, *LATER_KEYS, "hero", "description", "hero_sede", "hero_image"])
    | st.text().map("hero_".__add__)
    | SCALARS
)


@given(st.dictionaries(NAMES, VALUES, max_size=6), VALUES, st.text(max_size=5), st.text())
def test_whatever_stands_in_the_front_matter_gives_a_request_or_errors(meta, prompt, title, source):
    meta["hero_prompt"] = prompt
    reading = read_spec(meta, page="x.md", title=lambda: title, source=lambda: source)
    assert (reading.spec is not None) + bool(reading.errors) + reading.off == 1
    for error in reading.errors:
        assert isinstance(error, FrontMatterError)
        assert "\n" not in error.what
        assert len(error.what) < 500
    if reading.spec is not None:
        spec = reading.spec
        assert 0 < len(spec.prompt) <= 10_000
        assert spec.prompt.encode().decode() == spec.prompt == spec.prompt.strip()
        assert spec.seed is None or 0 <= spec.seed < 2**64
        assert all(math.isfinite(n) for n in spec.params.values() if isinstance(n, int | float))
        assert not any(isinstance(n, dt.date) for n in spec.params.values())


@given(st.integers(0, 2**64 - 1))
def test_every_seed_in_range_survives_yaml(seed):
    assert read(page(yaml.safe_dump({"hero_prompt": "x", "hero_seed": seed}))).spec.seed == seed


@pytest.mark.parametrize(
    ("value", "way_out"),
    [
        ("3", ""),
        ("''", ""),
        ("[a.png]", ""),
        ("'img\\fox.png'", "write / in place of"),
        ("https://example.org/fox.png", "save the image in docs_dir"),
    ],
)
def test_a_source_image_is_named_by_a_path(value, way_out):
    error = only_error(read(asking(f"hero_image_from: {value}")))

    assert (error.key, error.line) == ("hero_image_from", 3)
    assert "the path of an image" in error.what
    assert way_out in error.way_out
