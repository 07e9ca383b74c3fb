"""One site on every host and theme, in directory URLs and file URLs."""

from __future__ import annotations

import pytest

HOSTS = [
    ("together", "mkdocs", "mkdocs"),
    ("together", "mkdocs", "readthedocs"),
    ("together", "mkdocs", "material"),
    ("lowest", "mkdocs", "mkdocs"),
    ("properdocs", "properdocs", "mkdocs"),
    ("properdocs", "properdocs", "material"),
    ("together", "properdocs", "material"),
]
# Page below docs_dir: what its image says to those who do not see it, and its size.
EXPECTED = {
    "index": ("A harbour in the fog", (640, 320)),
    "index.fr": ("Un port sous la pluie", (640, 320)),
    "guide/harbour": ("", (1344, 768)),
    "guide/moorings": ("A jetty", (512, 512)),
    "blog/posts/storm": ("Waves over the pier", (1344, 768)),
    "blog/posts/calm": ("", (1344, 768)),
}


@pytest.fixture(
    scope="module",
    params=[(*host, urls) for host in HOSTS for urls in ("directory", "file")],
    ids="-".join,
)
def built(request, make_site):
    python_home, host, theme, urls = request.param
    site = make_site(python_home, host, theme=theme, use_directory_urls=urls == "directory")
    return site.build()


def test_every_page_that_asks_has_its_hero(built):
    for page, (alt, size) in EXPECTED.items():
        (hero,) = built.page(page).heroes()
        assert hero.alt == alt, page
        assert hero.size() == size, page


def test_the_hero_follows_the_heading(built):
    for page in EXPECTED:
        (hero,) = built.page(page).heroes()
        assert hero.follows() == "h1", page


def test_pages_that_ask_for_nothing_have_none(built):
    assert built.pages_with_heroes() == set(EXPECTED)


def test_the_site_has_one_file_for_each_hero(built):
    assert len(built.hero_files()) == len(EXPECTED)


def test_the_second_build_renders_none(built):
    before = built.hero_files()

    built.build()

    assert built.summaries() == ["6 heroes: 6 cached"]
    assert built.hero_files() == before
