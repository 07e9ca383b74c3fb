"""The line of Markdown, addresses and metadata; how it renders is in test_rendering.py."""

import pytest

from mkdocs_comfy.pages.markup import apply_meta, hero_markdown, hero_meta, relative_url


def line(**changed):
    given = {"url": "a.webp", "alt": "", "width": 1344, "height": 768, "place": "after_title"}
    return hero_markdown(**given | changed)


def test_a_hero_is_one_line_of_markdown():
    assert line(url="../assets/heroes/k1-0.webp", alt="A fox") == (
        "![A fox](../assets/heroes/k1-0.webp){ .comfy-hero .off-glb"
        ' width="1344" height="768" decoding="async" fetchpriority="high" loading="eager" }'
    )


def test_only_a_hero_for_the_top_says_so():
    assert ".comfy-hero .comfy-hero--top .off-glb" in line(place="top")
    assert "comfy-hero--top" not in line(place="after_title")


def test_an_alternative_text_is_one_line_without_marks():
    alt = line(alt=" [a]\r\n\\b*_`$<!-- more -->\u2028{{ x }}\x00|:fox: ").partition("(")[0]
    assert "\n" not in alt
    assert not set("[]*_`$<>{}|:\\-\x00\u2028") & set(alt[2:-1])


def test_what_breaks_markdown_in_an_address_is_encoded():
    assert "(a%20%28b%29%3F%23%25.webp)" in line(url="a (b)?#%.webp")


@pytest.mark.parametrize(
    ("target", "source", "expected"),
    [
        ("assets/heroes/a.webp", "index.md", "assets/heroes/a.webp"),
        ("assets/heroes/a.webp", "guide/index.md", "../assets/heroes/a.webp"),
        ("assets/heroes/a.webp", "guide/deep/x.md", "../../assets/heroes/a.webp"),
        ("assets/heroes/a.webp", "assets/x.md", "heroes/a.webp"),
        ("a b/\u00e9.webp", "x.md", "a b/\u00e9.webp"),
    ],
)
def test_an_address_is_relative_to_the_source(target, source, expected):
    assert relative_url(target, source) == expected


FACTS = {"url": "assets/heroes/a.webp", "alt": "A fox", "width": 1344, "height": 768}


def test_themes_and_plugins_are_told():
    meta = {"hero_prompt": "a fox"}
    apply_meta(meta, **FACTS)
    assert meta == {
        "hero_prompt": "a fox",
        "image": "assets/heroes/a.webp",
        "cover": "assets/heroes/a.webp",
        "hero_image": hero_meta(**FACTS),
    }
    assert hero_meta(**FACTS) == FACTS


@pytest.mark.parametrize("key", ["image", "cover", "hero_image", "hero"])
@pytest.mark.parametrize("value", ["mine.png", {"a": 1}, None, False])
def test_what_the_author_says_stays(key, value):
    meta = {key: value}
    apply_meta(meta, **FACTS)
    assert meta.pop(key) == value
    assert set(meta) == {"image", "cover", "hero_image"} - {key}
