"""Every plugin that we are promised to work with, installed and used together."""

from __future__ import annotations

import shutil
import xml.etree.ElementTree as ET

import pytest

LANGUAGES = [
    {"locale": "en", "default": True, "name": "English", "build": True},
    {"locale": "fr", "name": "Français", "build": True},
]
PLUGINS = [
    "meta",
    "blog",
    {"i18n": {"docs_structure": "suffix", "languages": LANGUAGES}},
    "social",
    # Its cache and MkDocs 1.6 do not go together: a warm build may fail with any PNG in the site.
    {"optimize": {"cache": False}},
    # Material's own scripts name an address that no build of ours may ask.
    {"privacy": {"assets_exclude": ["unpkg.com/*"]}},
    "glightbox",
    {"rss": {"use_git": False, "date_from_meta": {"as_creation": "date", "default_time": "12:00"}}},
    {"minify": {"minify_html": True}},
]
ENGLISH = {
    "index": "A harbour in the fog",
    "guide/harbour": "",
    "guide/moorings": "A jetty",
    "team/pilots": "",
    "blog/2026/11/06/the-storm": "Waves over the pier",
    "blog/2026/11/07/the-calm-after": "",
}
FRENCH = {
    "fr": "Un port sous la pluie",
    "fr/guide/harbour": "",
    "fr/guide/moorings": "A jetty",
    "fr/team/pilots": "",
}
LISTINGS = ["blog", "blog/archive/2026", "blog/category/weather"]
HEROES = 7  # the French pages share those of the pages that they are not a translation of


@pytest.fixture(
    scope="module",
    params=[("mkdocs", "directory"), ("mkdocs", "file"), ("properdocs", "directory")],
    ids="-".join,
)
def built(request, make_site):
    host, urls = request.param
    site = make_site(
        "together",
        host,
        theme="material",
        plugins=PLUGINS,
        use_directory_urls=urls == "directory",
    )
    return site.build()


def test_every_page_that_asks_has_its_hero_after_the_heading(built):
    for page, alt in {**ENGLISH, **FRENCH}.items():
        (hero,) = built.page(page).heroes()
        assert (hero.alt, hero.follows()) == (alt, "h1"), page
        hero.size()


def test_both_languages_show_the_same_files(built):
    assert not (built.site / "fr" / "assets" / "heroes").exists()
    assert len(built.hero_files()) == HEROES


@pytest.mark.parametrize("listing", LISTINGS)
def test_a_blog_listing_shows_the_heroes_of_its_posts(built, listing):
    calm, storm = built.page(listing).heroes()

    assert (calm.alt, storm.alt) == ("", "Waves over the pier")
    for hero, post in [(calm, "07/the-calm-after"), (storm, "06/the-storm")]:
        (own,) = built.page(f"blog/2026/11/{post}").heroes()
        assert hero.file == own.file
        assert hero.follows() == "h2"


def test_pages_that_ask_for_nothing_have_none(built):
    """Archives and categories are pages of a folder too, and inherit nothing."""
    assert built.pages_with_heroes() == {*ENGLISH, *FRENCH, *LISTINGS}


def test_the_feed_carries_the_hero(built):
    feed = ET.parse(built.site / "feed_rss_created.xml")  # noqa: S314  # we just built it
    items = {item.findtext("title"): item for item in feed.iter("item")}
    (hero,) = built.page("blog/2026/11/06/the-storm").heroes()

    enclosure = items["The storm"].find("enclosure")

    path = hero.file.relative_to(built.site).as_posix()
    assert enclosure.get("url") == f"https://harbour.example/book/{path}"
    assert enclosure.get("type") == "image/webp"


def test_privacy_and_optimize_leave_the_heroes_alone(built):
    """Privacy would fetch a foreign image; optimize would write another file."""
    heroes = built.hero_files()

    assert [data[:4] for data in heroes.values()] == [b"RIFF"] * HEROES
    assert not (built.site / "assets" / "external").exists()
    assert "Optimized media file: guide/chart.png" in built.log


def test_minify_leaves_the_images_their_attributes(built):
    assert "\n<p>" not in (built.site / "index.html").read_text(encoding="utf-8")

    (hero,) = built.page("index").heroes()

    assert {"src", "alt", "width", "height"} <= set(hero.attributes)


def test_the_card_of_social_is_the_only_one_announced(built):
    (image,) = built.page("guide/moorings").meta("og:image")

    assert image == "https://harbour.example/book/assets/images/social/guide/moorings.png"


def test_glightbox_opens_the_other_images_and_not_the_hero(built):
    tags = built.page("guide/harbour").tags
    before = {
        attributes["src"]: tags[index - 1]
        for index, (tag, attributes) in enumerate(tags)
        if tag == "img"
    }
    opened = [src for src, (_, link) in before.items() if link.get("class") == "glightbox"]

    assert [src.rpartition("/")[2] for src in opened] == ["chart.png"]


def test_languages_in_folders_share_the_heroes_too(make_site):
    """The other way that static-i18n lays out a site: ``docs/en`` and ``docs/fr``."""
    i18n = {"i18n": {"docs_structure": "folder", "languages": LANGUAGES}}
    site = make_site("together", "mkdocs", theme="material", plugins=[i18n])
    docs = site.folder / "docs"
    shutil.rmtree(docs / "blog")
    for language in ("en", "fr"):
        (docs / language).mkdir()
    for path in [*docs.glob("*.md"), docs / "guide", docs / "team"]:
        french = path.name.endswith(".fr.md")
        path.rename(docs / ("fr" if french else "en") / path.name.replace(".fr.md", ".md"))

    site.build()

    assert site.page("index").heroes()[0].alt == "A harbour in the fog"
    assert site.page("fr").heroes()[0].alt == "Un port sous la pluie"
    (english,), (french,) = (
        site.page("guide/moorings").heroes(),
        site.page("fr/guide/moorings").heroes(),
    )
    assert english.file == french.file
    assert english.file.is_file()


def test_the_second_build_renders_none(built):
    before = built.hero_files()

    built.build()

    assert built.hero_files() == before
    assert built.summaries()
    assert all("rendered" not in line for line in built.summaries())
