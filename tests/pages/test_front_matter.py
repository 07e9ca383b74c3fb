"""Lines of keys, and front matter that MkDocs passes over without a word."""

import pytest
import yaml
from hypothesis import given, strategies as st
from mkdocs.utils.meta import get_data

from mkdocs_comfy.pages.front_matter import KeyLines, broken_front_matter

PAGE = """\
---
title: x
"hero_prompt": >
  hero_seed: not a key
  but text
'hero_seed': 12
hero_params:
  steps: 30
  "a.b": 1
hero_params: {cfg: 5,
  steps: 4}
---
hero_alt: not front matter
"""


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize("close", ["---", "...", "--- \t"])
def test_lines_are_those_of_the_file(end, bom, close):
    source = bom + PAGE.replace("\n---\n", f"\n{close}\n").replace("\n", end)
    lines = KeyLines(source)
    assert [lines.line(key) for key in ("title", "hero_prompt", "hero_seed")] == [2, 3, 6]
    assert lines.line("hero_alt") is None
    assert not lines.multimarkdown


def test_of_a_key_that_stands_twice_the_last_one_counts():
    lines = KeyLines(PAGE)
    assert lines.line("hero_params") == 10
    assert lines.line("hero_params", "cfg") == 10
    assert lines.line("hero_params", "steps") == 11


def test_an_entry_that_does_not_stand_there_gets_the_line_of_its_key():
    assert KeyLines(PAGE).line("hero_params", "denoise") == 10
    assert KeyLines("---\nhero_params: 3\n---\n").line("hero_params", "steps") == 2
    assert KeyLines("---\nhero_params: [a]\n---\n").line("hero_params", "steps") == 2


def test_a_merged_key_gets_the_line_of_the_merge():
    source = "---\nbase: &b {hero_seed: x}\n<<: *b\nhero_prompt: y\n---\n"
    assert KeyLines(source).line("hero_seed") == 3


def test_keys_of_a_flow_mapping_are_found():
    assert KeyLines("---\n{title: x,\n hero_seed: 12}\n---\n").line("hero_seed") == 3


def test_multimarkdown_metadata_has_lines_too():
    lines = KeyLines(
        "Title: x\nHero_Prompt: a fox\n    at night\nhero_seed: 12\n\nhero_alt: text\n"
    )
    assert lines.multimarkdown
    assert (lines.line("hero_prompt"), lines.line("hero_seed")) == (2, 4)
    assert lines.line("hero_alt") is None
    assert lines.line("hero_params", "x") is None
    assert KeyLines("hero_seed: 1\nno key\nhero_alt: x\n").line("hero_alt") is None


@pytest.mark.parametrize(
    "source", ["", "# Title\n", "---\na: b: c\n---\n", "---\n- a\n---\n", "    x"]
)
def test_a_page_without_front_matter_has_no_lines(source):
    assert KeyLines(source).line("hero_prompt") is None


BROKEN = [
    ("---\ntitle: x\nhero_prompt: a fox: red\n---\n", 3, "mapping values are not allowed"),
    ("---\nhero_prompt: {title} at night\n---\n", 2, "expected"),
    ("---\nhero_prompt: a\n\thero_seed: 1\n---\n", 3, "found"),
    ("---\nhero_prompt: 'a fox\n---\n# Title\n", 2, "unexpected end of stream"),
    ("---\n- hero_prompt: a fox\n---\n", 2, "no mapping of keys to values"),
    ("---\nhero_prompt\n---\n", 2, "no mapping of keys to values"),
    ("---\nhero_prompt: a\x07fox\n---\n", 2, "the character U+0007"),
    ("---\nhero_prompt: a fox\ndate: 2024-02-30\n---\n", 1, "a date that does not exist"),
    ("---\nhero_prompt: *fox\n---\n", 2, "undefined alias"),
    ("---\nhero_prompt: a fox\n\n# Title\n", 1, "no `---` line that ends it"),
    ("---\ntitle: x\n'hero_prompt' : a fox\n---", 4, "no line break behind the `---` that ends"),
    ("\n\n---\nhero_prompt: a fox\n---\n", 3, "which must be all of line 1"),
    (" ---\nhero_prompt: a fox\n---\n", 1, "which must be all of line 1"),
]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(("source", "line", "problem"), BROKEN)
def test_front_matter_that_mkdocs_passes_over_is_an_error(source, line, problem, end):
    """The trap itself: MkDocs finds nothing, and says nothing."""
    assert "hero_prompt" not in get_data(source)[1]
    error = broken_front_matter(source.replace("\n", end), page="guide/x.md")
    assert error is not None
    assert error.what.startswith(
        f"guide/x.md:{line}: front matter must be a YAML mapping between two `---` lines, got "
    )
    assert problem in error.what


@pytest.mark.parametrize(
    ("source", "quotes"),
    [
        ("---\nhero_prompt: a fox: red\n---\n", True),
        ("---\nhero_prompt: a fox\n---", False),
        ("---\nhero_prompt: a fox\n", False),
        ("\n---\nhero_prompt: a fox\n---\n", False),
    ],
)
def test_quotes_are_advised_where_they_help(source, quotes):
    assert ("needs quotes" in broken_front_matter(source, page="x.md").way_out) is quotes


@pytest.mark.parametrize("libyaml", [True, False])
def test_front_matter_too_deep_for_the_parser_is_an_error(libyaml, monkeypatch):
    """Without libyaml, PyYAML runs out of stack instead of counting."""
    if not libyaml:
        monkeypatch.delattr(yaml, "CSafeLoader")
    deep = "---\nhero_prompt: " + "[" * 3_000 + "]" * 3_000 + "\n---\n"
    assert get_data(deep)[1] == {}
    assert broken_front_matter(deep, page="x.md") is not None
    assert KeyLines(deep).line("hero_prompt") is None


def test_front_matter_with_a_character_that_yaml_does_not_allow_has_no_lines():
    assert KeyLines("---\nhero_prompt: \ud800\n---\n").line("hero_prompt") is None


def test_a_merged_mapping_has_the_line_of_the_merge():
    source = "---\nbase: &b {hero_params: {steps: x}}\n<<: *b\n---\n"
    assert KeyLines(source).line("hero_params", "steps") == 3


@pytest.mark.parametrize(
    "source",
    [
        "# The key\n\n```yaml\n---\nhero_prompt: a fox\n---\n```\n",
        "---\n\nA rule, and a text on hero_prompt: a key.\n",
        "---\n- a\n---\nhero_prompt: in the body\n",
        "---\n---\nhero_prompt: in the body\n",
        "hero_prompt",
    ],
)
def test_a_page_that_only_writes_about_the_key_is_left_alone(source):
    assert broken_front_matter(source, page="x.md") is None


PIECES = st.lists(
    st.sampled_from(
        [
            "---",
            "...",
            "\n",
            "hero_prompt",
            ": ",
            "{",
            "[",
            "- ",
            "*a",
            "&a ",
            "'",
            '"',
            "\t",
            "!!int ",
        ]
    )
    | st.text(max_size=3)
).map("".join)


@given(PIECES)
def test_no_front_matter_makes_it_raise(text):
    source = f"---\n{text}"
    broken_front_matter(source, page="x.md")
    KeyLines(source).line("hero_prompt", "x")
