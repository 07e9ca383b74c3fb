"""``plan``: what a build would show, without a connection."""

import json
import subprocess
import sys

import pytest

WATCHED = """
import sys
opened = []
def watch(event, arguments):
    if event in ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto"):
        opened.append(event)
sys.addaudithook(watch)
from mkdocs_comfy.cli import main
try:
    main(["plan", "-f", sys.argv[1]])
except SystemExit as error:
    heavy = [name for name in ("httpx", "websockets", "PIL", "aiohttp") if name in sys.modules]
    print(error.code, opened, heavy)
"""


def states(said):
    return {each["page"]: each["state"] for each in said.document["pages"]}


def test_one_line_a_page(site, run):
    site.page("a.md", hero_prompt="a")
    site.page("guide/b.md", title="B", hero_prompt="b")
    site.page("c.md", hero=False, hero_prompt="c")
    site.page("plain.md")
    site.build()
    site.page("a.md", hero_prompt="another")

    said = run("plan")

    assert said.status == 0
    assert said.out == (
        "missing  a.md:2        prompt changed\n"
        "off      c.md:2\n"
        "cached   guide/b.md:3\n"
        "3 pages ask for a hero: 1 cached, 1 missing, 1 off\n"
    )
    assert said.err == ""


def test_every_state(site, run):
    for name in ("pinned", "frozen", "cached", "missing", "off"):
        site.page(f"{name}.md", hero_prompt=name)
    assert run("render", "pinned.md", "frozen.md").status == 0
    assert run("freeze").status == 1, "the others are not rendered"
    assert run("render", "cached.md").status == 0
    assert run("keep", "pinned.md", "--current").status == 0
    site.page("off.md", hero_prompt="off", hero=False)

    said = run("plan", "--json")

    assert states(said) == {f"{name}.md": name for name in ("cached", "frozen", "missing")} | {
        "off.md": "off",
        "pinned.md": "pinned",
    }
    expected = dict.fromkeys(("pinned", "frozen", "cached", "missing", "off"), 1)
    assert said.document["counts"] == {**expected, "unknown": 0}, "there is no shared cache"


def test_the_document_has_the_fields_that_are_promised(site, run):
    site.page("guide/a.md", title="A", hero_prompt="a harbour", hero_seed=7, hero_size="640x512")
    site.options["template"] = "sd15"

    said = run("plan", "--json")

    [page] = said.document["pages"]
    assert page.pop("key").startswith("k1-")
    assert page == {
        "page": "guide/a.md",
        "line": 3,
        "state": "missing",
        "template": "sd15",
        "seed": 7,
        "prompt": "a harbour",
        "size": "640x512",
        "image": None,
        "why": "never rendered",
    }


def test_the_image_is_named(site, run):
    site.page("a.md", hero_prompt="a")
    site.build()

    [page] = run("plan", "--json").document["pages"]

    assert page["image"] == str(site.root / f".cache/plugin/comfy/originals/{page['key']}.png")


def test_no_connection_is_opened_and_nothing_heavy_is_loaded(site):
    site.page("a.md", hero_prompt="a")
    site.page("b.md", hero_prompt="b")
    site.build()
    site.page("c.md", hero_prompt="c")

    done = subprocess.run(
        [sys.executable, "-c", WATCHED, site.write_config()],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.splitlines()[-1] == "0 [] []"


def test_errors_of_all_pages_are_told_and_nothing_else(site, run):
    site.page("a.md", hero_prompt="a", hero_seed="x")
    site.page("b.md", hero_prompt="b", hero_size="big")

    said = run("plan")

    assert (said.status, said.out) == (1, "")
    assert "error: a.md:3: hero_seed must be" in said.err
    assert "error: b.md:3: hero_size must be" in said.err
    fault = run("plan", "--json").fault
    assert (fault["kind"], len(fault["errors"])) == ("pages", 2)
    assert fault["errors"][0] | {"message": "", "way_out": ""} == {
        "kind": "front_matter",
        "message": "",
        "way_out": "",
        "page": "a.md",
        "line": 3,
        "key": "hero_seed",
    }


def test_what_has_no_effect_is_told_on_stderr(site, run):
    graph = json.loads(run("template", "show", "default", "--json").out)
    assert graph["bindings"]["negative"]
    site.page("a.md", hero_prompt="{red|blue} boats")

    said = run("plan", "--json")

    assert said.err.startswith("note: {one|another} in a prompt")
    assert said.err.endswith(": a.md\n")
    assert said.document["counts"]["missing"] == 1


def test_a_site_without_heroes_is_fine(site, run):
    site.page("a.md")

    assert run("plan").out == "0 pages ask for a hero\n"


@pytest.mark.parametrize("name", ["properdocs.yml", "mkdocs.yaml"])
def test_other_names_of_the_configuration(site, run, name):
    site.page("a.md", hero_prompt="a")
    site.write_config().rename(site.root / name)
    # `run` writes mkdocs.yml again: the one that is named counts.
    said = run("plan", "-f", name)

    assert said.out.startswith("missing  a.md:2")


def test_names_from_a_pull_request_cannot_forge_lines(site, run):
    site.page("a\x1b[2J.md", hero_prompt="a")

    said = run("plan")

    assert "\x1b" not in said.out
    assert "a\\x1b[2J.md:2" in said.out


def test_pages_that_share_a_file_in_two_languages_are_told_apart(site, run):
    """static-i18n may give one file another title in each language."""
    site.page("a.md", body="Text.\n", hero_prompt="{title}")
    hook = site.root / "languages.py"
    hook.write_text(
        "class Plugin:\n"
        "    build_languages = ['en', 'de']\n"
        "    current_language = 'en'\n"
        "plugin = Plugin()\n"
        "def on_startup(command, dirty): pass\n"
        "def on_config(config):\n"
        "    dict.__setitem__(config.plugins, 'i18n', plugin)\n"
        "    return config\n"
        "def on_nav(nav, config, files):\n"
        "    nav.pages[0].title = {'en': 'Harbour', 'de': 'Hafen'}[plugin.current_language]\n"
        "    return nav\n"
    )
    site.config["hooks"] = [str(hook)]

    pages = run("plan", "--json").document["pages"]

    assert [(each["page"], each["prompt"]) for each in pages] == [
        ("a.md", "Harbour"),
        ("a.md", "Hafen"),
    ]
