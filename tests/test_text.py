from hypothesis import given, strategies as st

from mkdocs_comfy.text import canonical_text, normalise_text


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
