import pytest
from hypothesis import given, strategies as st

from mkdocs_comfy.text import canonical_text, choice_in, normalise_text


def test_line_ends_of_every_system_become_lf():
    assert canonical_text("a\r\nb\rc\nd\r\r\ne") == "a\nb\nc\nd\n\ne"


def test_a_decomposed_letter_is_the_composed_one():
    assert canonical_text("cafe\u0301") == "caf\u00e9"


def test_compatibility_forms_stay_what_the_author_wrote():
    """NFC, not NFKC: a ligature or a full-width letter may be meant."""
    assert canonical_text("\ufb01 \uff21") == "\ufb01 \uff21"


def test_only_outer_white_space_goes():
    assert normalise_text("\r\n \u3000a  fog\r\n harbour\t") == "a  fog\n harbour"


@given(st.text())
def test_normalising_twice_changes_nothing(text):
    once = normalise_text(text)

    assert normalise_text(once) == once
    assert canonical_text(once) == once


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("a {red|blue} fox", "{red|blue}"),
        ("{a|b} and {c|d}", "{a|b}"),
        ("{|a}", "{|a}"),
        ("{a|}", "{a|}"),
        ("{a\nb|c}", "{a\nb|c}"),
        ("{a|{b|c}}", "{b|c}"),
        ("{a\\|b|c}", "{a\\|b|c}"),
        ("{title} | {description}", None),
        ("{a}|{b}", None),
        ("a|b", None),
        ("{a, b}", None),
        ("{a|b", None),
        ("\\{a|b\\}", None),
        ("", None),
    ],
)
def test_a_choice_of_the_canvas_is_found(text, choice):
    """Escapes as in "Dynamic prompts" of ComfyUI's frontend."""
    assert choice_in(text) == choice


@given(st.text(alphabet="{}|\\ab\n"))
def test_a_choice_is_a_part_of_the_text(text):
    found = choice_in(text)

    assert found is None or (found in text and "|" in found and found[0] + found[-1] == "{}")
