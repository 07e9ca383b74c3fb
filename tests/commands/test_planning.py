"""A command sees the pages that a build sees, with nothing rendered and nothing written."""

import subprocess
import sys
from datetime import date

import click
import pytest

from mkdocs_comfy.commands.planning import planned_site
from mkdocs_comfy.errors import ConfigurationError, FrontMatterError, HookError, PagesError

GENERATES = """
from mkdocs.structure.files import File

def on_files(files, config):
    for name in ("api/a.md", "api/b.md"):
        text = "---\\nhero_prompt: '{title}'\\n---\\n# Generated\\n"
        files.append(File.generated(config, name, content=text))
    return files

def on_nav(nav, config, files):
    files.remove(files.get_file_from_path("api/b.md"))
    return nav
"""


@pytest.fixture
def planned(site):
    """Plan the site as a command does; gives what is asked for by page."""

    def run():
        with planned_site(site.write_config()) as planned:
            return planned

    return run


@pytest.fixture
def hook(site):
    """Give the site a hook."""

    def write(code):
        file = site.root / "hook.py"
        file.write_text(code)
        site.config["hooks"] = [str(file)]
        return file

    return write


def as_built(site):
    """Pages whose heroes a build shows."""
    built = site.build()
    assert built.error is None
    pages = {
        str(each.relative_to(built.site))
        for each in built.site.rglob("index.html")
        if "assets/heroes/" in each.read_text(encoding="utf-8")
    }
    return {page.removesuffix("index.html").strip("/") for page in pages}


def places(planned):
    """Where MkDocs puts the pages of a plan."""
    return {
        page.removesuffix(".md").removesuffix("index").strip("/") for page in planned.plan.heroes
    }


def test_pages_that_hooks_add_and_remove_are_as_in_a_build(site, hook, planned):
    site.page("index.md", hero_prompt="a")
    site.page("drafts/x.md", hero_prompt="b")
    site.page("plain.md")
    site.page("left-out.md", hero_prompt="c")
    site.config["draft_docs"] = "drafts/"
    site.options["exclude"] = ["left-out.md"]
    hook(GENERATES)

    found = planned()

    assert places(found) == as_built(site) == {"", "api/a"}
    assert found.plan.heroes["api/a.md"].bound.prompt == "Generated"


def test_posts_and_inherited_prompts_are_as_in_a_build(site, planned):
    site.config |= {"theme": "material", "plugins": ["blog", "meta"]}
    site.page("index.md", body="# Home\n")
    site.page("blog/index.md", body="# Blog\n")
    site.page("blog/posts/one.md", body="# One\n", date=date(2026, 1, 2), hero_prompt="p")
    site.page(
        "blog/posts/two.md", body="# Two\n", date=date(2026, 1, 3), draft=True, hero_prompt="q"
    )
    site.page("guide/a.md", body="# Guide to A\n")
    (site.root / "docs/guide/.meta.yml").write_text("hero_prompt: '{title}'\n")

    found = planned()

    assert set(found.plan.heroes) == {"blog/posts/one.md", "guide/a.md"}
    assert found.plan.heroes["guide/a.md"].bound.prompt == "Guide to A"
    built = as_built(site)
    assert {"blog/2026/01/02/one", "guide/a"} <= built
    assert not [page for page in built if "two" in page]


def test_nothing_is_rendered_and_no_site_is_written(site, comfyui, planned, hook):
    site.page("index.md", hero_prompt="a")
    hook(
        "import pathlib\n"
        "def on_pre_build(config):\n"
        "    folder = pathlib.Path(config.site_dir)\n"
        "    folder.mkdir(exist_ok=True)\n"
        "    (folder / 'x').write_text('x')\n"
    )
    before = {path: path.read_bytes() for path in (site.root / "docs").rglob("*.md")}

    planned()

    assert comfyui.requests == []
    assert not (site.root / "site").exists()
    assert not (site.root / ".cache").exists()
    assert {path: path.read_bytes() for path in (site.root / "docs").rglob("*.md")} == before


def test_a_build_after_a_command_in_the_same_process_renders(site, planned):
    site.page("index.md", hero_prompt="a")
    planned()

    assert "1 rendered" in site.build().summary


def test_plugins_are_told_of_the_end(site, hook, planned):
    log = site.root / "log"
    hook(
        f"def note(text):\n    with open({str(log)!r}, 'a') as file: file.write(text + ' ')\n"
        "def on_startup(command, dirty): note(command)\n"
        "def on_page_markdown(markdown, **_): note('too far')\n"
        "def on_post_build(config): note('too far')\n"
        "def on_shutdown(): note('end')\n"
    )
    site.page("index.md", hero_prompt="a")

    planned()

    assert log.read_text() == "build end "


FAILURES = {
    "raise OSError('no\\nluck')": r"a plugin or hook failed: OSError: no\\nluck \(.*hook.py:2",
    "import sys; sys.exit(3)": r"a plugin or hook failed: SystemExit: 3 \(.*hook.py:2\)",
    "from mkdocs.exceptions import PluginError as E; raise E('my own words')": "^my own words$",
}


@pytest.mark.parametrize("event", ["on_config", "on_files", "on_nav", "on_shutdown"])
@pytest.mark.parametrize("code", FAILURES)
def test_a_hook_that_fails_is_told_with_its_place(site, hook, planned, event, code):
    site.page("index.md", hero_prompt="a")
    hook(f"def {event}(*_, **__):\n    {code}\n")

    with pytest.raises(HookError, match=FAILURES[code]):
        planned()


def test_a_hook_that_fails_while_it_is_loaded_is_told(site, hook, planned):
    site.page("index.md", hero_prompt="a")
    hook("import no_such_module\n")

    with pytest.raises(HookError, match="ModuleNotFoundError: No module named 'no_such_module'"):
        planned()


def test_our_own_failures_are_none_of_a_hooks(site, planned):
    site.page("index.md", hero_prompt="a")
    (site.root / "comfy_templates").mkdir()
    (site.root / "comfy_templates" / "default.json").write_text("{")

    assert [error.kind for error in planned().errors] == ["not_api_format"]


def test_what_hooks_print_is_not_on_stdout(site, hook, tmp_path):
    """Neither what they print, nor what the programs that they start print."""
    site.page("index.md", hero_prompt="a")
    hook(
        "import subprocess, sys\n"
        "kept = sys.stdout\n"
        "print('while loading')\n"
        "def on_files(files, config):\n"
        "    print('printed')\n"
        "    kept.write('kept\\n')\n"
        "    subprocess.run([sys.executable, '-c', 'print(\"started\")'], check=True)\n"
        "    import logging; logging.getLogger('mkdocs.hooks').warning('logged')\n"
    )
    code = (
        "import sys; from pathlib import Path\n"
        "from mkdocs_comfy.commands.planning import planned_site\n"
        "with planned_site(Path(sys.argv[1])) as found: print(*found.plan.heroes)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, site.write_config()],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "index.md\n"
    for text in ("while loading\n", "printed\n", "kept\n", "started\n", "warning: logged\n"):
        assert text in done.stderr


def test_the_projects_of_material_are_sites_of_their_own(site, planned, comfyui):
    """Its plugin builds them before a build's first page is read, in other processes."""
    site.config |= {"theme": "material", "plugins": ["projects"]}
    site.page("index.md", hero_prompt="a")
    other = site.root / "projects" / "other"
    (other / "docs").mkdir(parents=True)
    (other / "docs" / "index.md").write_text("---\nhero_prompt: b\n---\n# B\n")
    (other / "mkdocs.yml").write_text(
        f"site_name: B\ntheme: material\nplugins:\n  - comfy:\n      server: {comfyui.url}\n"
    )

    assert set(planned().plan.heroes) == {"index.md"}
    assert comfyui.requests == []


def test_a_plugin_that_is_switched_off_is_a_matter_of_configuration(site, planned):
    site.page("index.md", hero_prompt="a")
    site.options["enabled"] = False

    with pytest.raises(ConfigurationError, match=r"enabled: `false`: no page has a hero"):
        planned()


def test_errors_are_told_all_at_once(site, planned):
    site.page("a.md", hero_prompt="a", hero_seed="x")
    planned_one = planned()
    with pytest.raises(FrontMatterError, match=r"a.md:3: hero_seed"):
        planned_one.refuse_errors()
    site.page("b.md", hero_prompt="a", hero_size="big")
    with pytest.raises(PagesError, match="2 errors in front matter or templates") as caught:
        planned().refuse_errors()
    assert [error.page for error in caught.value.errors] == ["a.md", "b.md"]


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("guide/a.md", "guide/a.md"),
        ("./guide/a.md", "guide/a.md"),
        ("docs/guide/a.md", "guide/a.md"),
    ],
)
def test_a_page_is_named_as_a_shell_completes_it(site, planned, monkeypatch, given, meant):
    site.page("guide/a.md", hero_prompt="a")
    monkeypatch.chdir(site.root)

    assert planned().page(given) == meant


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("guide/b.md", r"the page guide/b.md is not there; did you mean guide/a.md\?"),
        ("plain.md", "the page plain.md asks for no hero"),
        ("off.md", "the page off.md has `hero: false`"),
        ("\x1b[2J", r"the page \\x1b\[2J is not there"),
    ],
)
def test_a_page_that_is_none_is_told(site, planned, given, problem):
    site.page("guide/a.md", hero_prompt="a")
    site.page("plain.md")
    site.page("off.md", hero_prompt="a", hero=False)

    with pytest.raises(click.UsageError, match=f"^{problem}$"):
        planned().page(given)
