"""``keep`` writes one key into a page: every other character of the file stays as it was."""

import pytest
import yaml
from hypothesis import given, strategies as st
from mkdocs.utils.meta import get_data

from mkdocs_comfy.errors import FrontMatterError
from mkdocs_comfy.pages.editing import with_key, yaml_text

BODY = "# A title\n\nText.\n"


def kept(source, key="hero_seed", value="42"):
    return with_key(source, key, value, page="guide/a.md")


def unix(source):
    """As MkDocs reads a file."""
    return source.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("hero_prompt: a\nhero_seed: 7\n", "hero_prompt: a\nhero_seed: 42\n"),
        ("hero_seed: 7 # lucky\nx: 1\n", "hero_seed: 42 # lucky\nx: 1\n"),
        ("hero_seed:    '7'\n", "hero_seed:    42\n"),
        ("hero_seed:\nx: 1\n", "hero_seed: 42\nx: 1\n"),
        ("hero_seed: # later\nx: 1\n", "hero_seed: 42 # later\nx: 1\n"),
        ("hero_seed:\n  7\nx: 1\n", "hero_seed:\n  42\nx: 1\n"),
        ("hero_seed: |\n  7\n\n# c\nx: 1\n", "hero_seed: 42\n\n# c\nx: 1\n"),
        ("hero_seed: [7,\n  8]\nx: 1\n", "hero_seed: 42\nx: 1\n"),
        ("hero_seed:\n  a: 7\n# c\nx: 1\n", "hero_seed:\n  42\n# c\nx: 1\n"),
        ('"hero_seed": 7\n', '"hero_seed": 42\n'),
        ("? hero_seed\n: 7\n", "? hero_seed\n: 42\n"),
        ("hero_seed: 1\nhero_seed: 2\n", "hero_seed: 1\nhero_seed: 42\n"),
        ("a: &s 7\nhero_seed: *s\n", "a: &s 7\nhero_seed: 42\n"),
        ("x: {hero_seed: 7}\n", "x: {hero_seed: 7}\nhero_seed: 42\n"),
        ("<<: {hero_seed: 7}\n", "<<: {hero_seed: 7}\nhero_seed: 42\n"),
        ("x: |\n  hero_seed: 7\n", "x: |\n  hero_seed: 7\nhero_seed: 42\n"),
        ("# hero_seed: 7\nx: 1\n", "# hero_seed: 7\nx: 1\nhero_seed: 42\n"),
        ("hero_prompt: a # p\ny: 1\n", "hero_prompt: a # p\nhero_seed: 42\ny: 1\n"),
        ("hero_prompt: a\n  b\ny: 1\n", "hero_prompt: a\n  b\nhero_seed: 42\ny: 1\n"),
        ("hero_prompt: >-\n  a\n\ny: 1\n", "hero_prompt: >-\n  a\n\nhero_seed: 42\ny: 1\n"),
        ("hero_prompt: |+\n  a\n\n", "hero_prompt: |+\n  a\n\nhero_seed: 42\n"),
        ("y: |+\n  a\n\n", "y: |+\n  a\n\nhero_seed: 42\n"),
        ("  hero_prompt: a\n  y: 1\n", "  hero_prompt: a\n  hero_seed: 42\n  y: 1\n"),
        ("{hero_prompt: a, y: 1}\n", "{hero_seed: 42, hero_prompt: a, y: 1}\n"),
        ("{}\n", "{hero_seed: 42}\n"),
        ("# nothing yet\n", "# nothing yet\nhero_seed: 42\n"),
        ("\n", "\nhero_seed: 42\n"),
        ("", "hero_seed: 42\n"),
        ("y: !!python/name:os.path ''\n", "y: !!python/name:os.path ''\nhero_seed: 42\n"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("bom", ["", "\ufeff"], ids=["plain", "BOM"])
def test_one_value_changes_and_nothing_else(before, after, newline, bom):
    def page(front):
        return bom + f"---\n{front}---\n{BODY}".replace("\n", newline)

    assert kept(page(before)) == page(after)


def test_a_page_without_front_matter_gets_one():
    assert kept(BODY) == f"---\nhero_seed: 42\n---\n{BODY}"
    assert kept("\ufeff# A\r\n") == "\ufeff---\r\nhero_seed: 42\r\n---\r\n# A\r\n"
    assert kept("") == "---\nhero_seed: 42\n---\n"


def test_a_rule_in_the_text_is_no_end_of_empty_front_matter():
    """MkDocs finds no front matter between two lines ``---``, and takes what follows for it."""
    source = "---\n---\n# A\n\n---\n\nText.\n"

    assert kept(source) == "---\nhero_seed: 42\n---\n# A\n\n---\n\nText.\n"


def test_a_page_that_begins_with_a_rule_keeps_it():
    source = "---\n\nText without an end of front matter.\n"

    assert kept(source) == f"---\nhero_seed: 42\n---\n{source}"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("+++\ntitle = 'A'\n+++\n# A\n", "TOML, which MkDocs does not read"),
        ("title: A\nhero_prompt: b\n\n# A\n", "without `---` lines around them"),
        ("---\n- 1\n---\n# A\n", "something else than keys with values"),
        ("---\nA rule, and another:\n\nText\n---\n", "broken YAML"),
        ("---\nx: [\n---\n", "broken YAML"),
        ("---\nhero_seed: &s 7\ny: *s\n---\n", "a value of hero_seed that others refer to"),
        ("---\nhero_seed:\n- 7\n---\n", "a form that cannot be edited line by line"),
    ],
)
def test_what_cannot_be_edited_is_left_to_its_author(source, reason):
    with pytest.raises(FrontMatterError) as caught:
        kept(source)

    assert reason in caught.value.what
    assert caught.value.what.startswith("guide/a.md:")
    assert caught.value.way_out == "write this line into it yourself: hero_seed: 42"


def test_front_matter_that_is_broken_is_told_with_its_line():
    with pytest.raises(FrontMatterError, match=r"guide/a.md:3: front matter must be"):
        kept("---\nhero_prompt: a\nb: c: d\n---\n")
    with pytest.raises(FrontMatterError, match=r"no line break behind the `---` that ends it"):
        kept("---\nhero_prompt: a\n---")


TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(["hero_prompt", "hero_seed", "hero_alt", "title", "a b"])


@given(
    meta=st.dictionaries(KEYS, VALUES, max_size=4),
    flow=st.booleans(),
    width=st.integers(10, 80),
    style=st.sampled_from([None, "'", '"', "|", ">"]),
    newline=st.sampled_from(["\n", "\r\n"]),
    alt=TEXT,
)
def test_whatever_the_front_matter_the_others_stay(meta, flow, width, style, newline, alt):
    front = yaml.safe_dump(
        meta,
        allow_unicode=True,
        default_flow_style=flow,
        width=width,
        default_style=style,
        sort_keys=False,
    )
    source = f"---\n{front}---\n{BODY}".replace("\n", newline)
    was = get_data(unix(source))[1]
    try:
        edited = kept(source, "hero_alt", yaml_text(alt))
    except FrontMatterError:
        return  # as good: nothing is written

    text, now = get_data(unix(edited))
    assert now == {**was, "hero_alt": alt}
    assert text == BODY


def test_most_front_matter_can_be_edited():
    """The property above is not fulfilled by refusing."""
    meta = {"title": "A: b", "tags": ["x", "y"], "hero_prompt": "a\n\nb", "hero_params": {"cfg": 5}}
    for flow in (True, False):
        for style in (None, "'", '"', "|", ">"):
            front = yaml.safe_dump(meta, default_flow_style=flow, default_style=style)
            edited = kept(f"---\n{front}---\n{BODY}")
            assert get_data(edited)[1]["hero_seed"] == 42


@given(text=TEXT)
def test_a_text_reads_back_as_it_was(text):
    assert yaml.safe_load(f"a: {yaml_text(text)}") == {"a": text}
    assert "\n" not in yaml_text(text)
