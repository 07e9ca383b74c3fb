"""The command line sees what a build sees, whichever host and plugins make the pages."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

SCRIPT = """
import mkdocs_gen_files

for name in ("one", "two"):
    with mkdocs_gen_files.open(f"api/{name}.md", "w") as page:
        page.write(f"---\\nhero_prompt: generated {name}\\n---\\n# {name}\\n")
"""
QUIET = {"NO_MKDOCS_2_WARNING": "1", "DISABLE_MKDOCS_2_WARNING": "true"}
LANGUAGES = [
    {"locale": "en", "default": True, "name": "English", "build": True},
    {"locale": "fr", "name": "Français", "build": True},
]
WITH_LANGUAGES = [
    "meta",
    "blog",
    {"i18n": {"docs_structure": "suffix", "languages": LANGUAGES}},
]
WITH_GENERATED = ["meta", "blog", {"gen-files": {"scripts": ["make_pages.py"]}}, "awesome-nav"]


def answer(site, *words):
    """Status and document of a command in the site's environment."""
    program = site._command.with_name("mkdocs-comfy")
    done = subprocess.run(
        [program, *words, "--json"],
        cwd=site.folder,
        env={**os.environ, **QUIET},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.fixture(
    scope="module",
    params=[
        ("together", "mkdocs", WITH_LANGUAGES, 7),  # some French pages share those of English ones
        ("together", "properdocs", WITH_LANGUAGES, 7),
        ("together", "mkdocs", WITH_GENERATED, 9),
        ("properdocs", "properdocs", [], 6),
    ],
    ids=["languages", "languages on properdocs", "generated", "properdocs alone"],
)
def site_and_plans(request, make_site):
    """A site, what `plan` said before its build, and after."""
    home, host, plugins, heroes = request.param
    site = make_site(home, host, theme="material", plugins=plugins)
    (site.folder / "make_pages.py").write_text(SCRIPT)
    if host == "properdocs":
        (site.folder / "mkdocs.yml").rename(site.folder / "properdocs.yml")
    before = answer(site, "plan")
    assert not (site.folder / "site").exists()
    built = subprocess.run(
        [site._command, "build", "--strict"],
        cwd=site.folder,
        env={**os.environ, **QUIET},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return site, before, answer(site, "plan"), heroes


def test_what_is_planned_is_what_is_built(site_and_plans):
    site, (status, before), (_, after), heroes = site_and_plans

    keys = {page["key"] for page in before["pages"]}
    assert status == 0
    assert len(keys) == len(site.hero_files())
    assert len(keys) == heroes
    assert {page["state"] for page in before["pages"]} == {"missing"}
    assert {page["state"] for page in after["pages"]} == {"cached"}
    assert [page["key"] for page in after["pages"]] == [page["key"] for page in before["pages"]]


def test_lines_are_those_of_the_pages(site_and_plans):
    site, (_, before), _, _ = site_and_plans
    for page in before["pages"]:
        file = site.folder / "docs" / page["page"]
        if file.is_file() and "hero_prompt" in file.read_text(encoding="utf-8"):
            line = file.read_text(encoding="utf-8").splitlines()[page["line"] - 1]
            assert line.startswith("hero_prompt:"), page


def test_nothing_is_left_to_render(site_and_plans):
    site, *_ = site_and_plans

    status, document = answer(site, "render")

    assert status == 0
    assert {page["server"] for page in document["pages"]} == {None}
