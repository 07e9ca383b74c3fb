"""What a build in CI renders without a flag: told in one line, and nothing is written."""

import subprocess
from pathlib import Path
from shutil import which

import pytest

POLICIES = {
    "offline": "CI, mode: offline: nothing is rendered, no connection is opened",
    "silent": "CI, and no `server:` is named: nothing is rendered, stored images are shown",
    "limited": "CI, and `server:` is named: missing images are rendered, for at most 3600 s"
    " (`max_time:`)",
    "own": "CI, and `server:` is named: missing images are rendered, for at most 90 s"
    " (`max_time:`)",
}


@pytest.fixture
def ci(monkeypatch):
    monkeypatch.setenv("CI", "true")


def policies(built):
    return [text for text in built.messages() if text.startswith("CI")]


@pytest.mark.parametrize(
    ("options", "policy"),
    [
        ({"mode": "offline"}, "offline"),
        ({"server": None}, "silent"),
        ({}, "limited"),
        ({"max_time": 90}, "own"),
    ],
)
def test_the_log_says_which_policy_was_taken_and_why(site, ci, comfyui, options, policy):
    site.page("index.md", hero_prompt="a")
    site.options |= options

    built = site.build()

    assert policies(built) == [POLICIES[policy]]
    assert built.messages()[0] == POLICIES[policy], "before anything is rendered"
    assert bool(comfyui.submissions) is (policy in {"limited", "own"})


def test_an_authors_own_machine_needs_no_policy(site):
    site.page("index.md", hero_prompt="a")

    assert policies(site.build()) == []


def test_a_site_without_heroes_needs_none_either(site, ci):
    site.page("index.md")

    assert policies(site.build()) == []


def test_builds_of_several_languages_tell_it_once(site, ci):
    """static-i18n builds again, with the same plugins, when the first build is done."""
    site.page("index.md", hero_prompt="a")
    hook = site.root / "again.py"
    hook.write_text(
        "from mkdocs.commands.build import build\n"
        "done = []\n"
        "def on_post_build(config):\n"
        "    done.append(1)\n"
        "    if len(done) == 1: build(config)\n"
    )
    site.config["hooks"] = [str(hook)]

    built = site.build()

    assert len(policies(built)) == 1
    assert len([text for text in built.messages() if text.startswith("1 hero:")]) == 2


def test_a_build_in_ci_writes_nothing_into_the_working_tree(site, ci):
    """Not one file that git would show: the cache ignores itself."""

    def git(*words):
        return subprocess.run(
            [which("git"), "-c", "user.name=a", "-c", "user.email=a@b.c", *words],
            cwd=site.root,
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    site.page("index.md", hero_prompt="a")
    site.write_config()
    (site.root / ".gitignore").write_text("/site/\n")
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "All")

    assert "1 rendered" in site.build().summary

    assert git("status", "--porcelain") == ""


def test_the_documentation_shows_the_lines():
    page = (Path(__file__).parents[1] / "docs" / "ci.md").read_text(encoding="utf-8")

    for name in ("offline", "silent", "limited"):
        assert f"INFO    -  comfy: {POLICIES[name]}\n" in page
