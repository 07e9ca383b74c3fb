"""``freeze`` and ``prune``: what is committed, and what goes."""

import os
import subprocess
import time
from shutil import which

import pytest

from mkdocs_comfy.commands.storing import size_text


def frozen(site):
    return sorted(each.name for each in (site.root / "heroes").glob("*"))


@pytest.fixture
def git(site):
    """git in the folder of the site, which becomes a repository."""

    def run_git(*words):
        return subprocess.run(
            [which("git"), "-c", "user.name=a", "-c", "user.email=a@b.c", *words],
            cwd=site.root,
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    site.write_config()
    (site.root / ".gitignore").write_text("/site/\n")
    run_git("init", "-q", "-b", "main")
    return run_git


def test_freeze_copies_what_pages_use(site, run):
    site.page("a.md", hero_prompt="a")
    site.page("b.md", hero_prompt="b")
    run("render")

    said = run("freeze", "--json")

    assert (said.status, said.err) == (0, "")
    document = said.document
    assert document.pop("bytes") == sum(
        each.stat().st_size for each in (site.root / "heroes").glob("*.webp")
    )
    assert len(document.pop("written")) == 2
    assert document == {"kept": 0, "missing": []}
    assert len(frozen(site)) == 4
    again = run("freeze")
    assert again.out == "heroes: 0 written (0 B), 2 there already\n"


def test_what_is_not_rendered_cannot_be_frozen(site, run):
    for name in "abc":
        site.page(f"{name}.md", hero_prompt=name)
    run("render", "b.md")

    said = run("freeze")

    assert said.status == 1
    assert "not rendered yet, so not frozen (mkdocs-comfy render): a.md and 1 more" in said.out
    missing = run("freeze", "--json").document["missing"]
    assert [each["page"] for each in missing] == ["a.md", "c.md"]
    assert all(each["key"].startswith("k1-") for each in missing)


def test_lossless_keeps_every_pixel(site, run):
    site.page("a.md", hero_prompt="a")
    run("render")

    assert run("freeze", "--lossless").status == 0

    [file] = (site.root / "heroes").glob("*.webp")
    assert b"VP8L" in file.read_bytes()[:32]


def test_prune_removes_what_no_page_uses(site, run):
    page = site.page("a.md", hero_prompt="a")
    site.page("b.md", hero_prompt="b")
    run("render")
    run("freeze")
    site.build()
    before = frozen(site)
    page.unlink()

    dry = run("prune", "--dry-run", "--json")
    assert frozen(site) == before
    said = run("prune", "--json")

    assert (said.status, dry.document["dry_run"], said.document["dry_run"]) == (0, True, False)
    assert dry.document["removed"] == said.document["removed"]
    gone = {os.path.basename(each["file"]) for each in said.document["removed"]}  # noqa: PTH119
    assert gone == set(before) - set(frozen(site))
    assert len(frozen(site)) == 2
    assert {each["where"] for each in said.document["removed"]} == {"frozen"}, "the cache has time"
    sizes = said.document["sizes"]
    assert sizes["frozen"] == sum(each.stat().st_size for each in (site.root / "heroes").iterdir())
    assert sizes["cache"] > sizes["site"] > 0


def test_prune_speaks_to_people(site, run):
    page = site.page("a.md", hero_prompt="a")
    run("render")
    run("freeze")
    page.write_text("# A\n")

    dry, said = run("prune", "--dry-run"), run("prune")

    lines = said.out.splitlines()
    assert lines[0].startswith("removed heroes/")
    assert dry.out.splitlines()[0] == lines[0].replace("removed", "would remove")
    assert lines[2].startswith("removed 2 files, ")
    assert [line.split()[0] for line in lines[3:]] == ["frozen", "cache", "site"]
    assert lines[3] == "  frozen  0 B"


def test_nothing_is_removed_where_a_page_cannot_be_read(site, run):
    site.page("a.md", hero_prompt="a")
    run("render")
    run("freeze")
    before = frozen(site)
    site.page("a.md", hero_prompt="a", hero_seed="x")

    assert run("prune").status == 1
    site.options["enabled"] = False
    assert run("prune").status == 2
    assert frozen(site) == before


def test_versions_that_are_still_online_count(site, run, git):
    site.page("old.md", hero_prompt="old")
    run("render")
    run("freeze")
    git("add", ".")
    git("commit", "-q", "-m", "1")
    git("tag", "v1")
    (site.root / "docs/old.md").unlink()
    site.page("new.md", hero_prompt="new")
    run("render")
    run("freeze")
    git("add", ".")
    git("commit", "-q", "-m", "2")
    before = frozen(site)

    said = run("prune", "--also", "v1", "--json")

    assert (said.status, said.document["removed"], frozen(site)) == (0, [], before)
    assert git("status", "--porcelain") == ""
    assert len(git("worktree", "list").splitlines()) == 1
    assert len(run("prune", "--json").document["removed"]) == 2


def test_the_site_of_a_version_is_planned_with_its_own_templates_and_hooks(site, run, git):
    """In its own folder: scripts read files relative to where a build is started."""
    (site.root / "prompt.txt").write_text("old words")
    hook = site.root / "hook.py"
    hook.write_text(
        "from pathlib import Path\n"
        "from mkdocs.structure.files import File\n"
        "def on_files(files, config):\n"
        "    words = Path('prompt.txt').read_text()\n"
        "    text = f'---\\nhero_prompt: {words}\\n---\\n'\n"
        "    files.append(File.generated(config, 'api.md', content=text))\n"
    )
    site.config["hooks"] = ["hook.py"]
    site.page("index.md")
    run("render")
    run("freeze")
    git("add", ".")
    git("commit", "-q", "-m", "1")
    (site.root / "prompt.txt").write_text("new words")
    before = frozen(site)
    assert len(before) == 2

    run("prune", "--also", "HEAD")

    assert frozen(site) == before


@pytest.mark.parametrize("ref", ["v9", "--force", "-x", "HEAD:mkdocs.yml", ""])
def test_a_version_that_is_not_there_is_told_and_nothing_goes(site, run, git, ref):
    page = site.page("a.md", hero_prompt="a")
    run("render")
    run("freeze")
    git("add", ".")
    git("commit", "-q", "-m", "1")
    page.unlink()
    before = frozen(site)

    said = run("prune", f"--also={ref}", "--json")

    assert (said.status, said.fault["kind"]) == (2, "usage")
    assert said.fault["message"].startswith("--also: git")
    assert frozen(site) == before


def test_also_needs_a_repository(site, run, monkeypatch):
    site.page("a.md", hero_prompt="a")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(site.root.parent))

    said = run("prune", "--also", "HEAD")

    assert said.status == 2
    assert "not a git repository" in said.err


def test_a_version_with_errors_keeps_everything(site, run, git):
    page = site.page("a.md", hero_prompt="a", hero_seed="x")
    git("add", ".")
    git("commit", "-q", "-m", "1")
    page.write_text("---\nhero_prompt: a\n---\n")
    run("render")
    run("freeze")
    page.write_text("# A\n")
    before = frozen(site)

    said = run("prune", "--also", "HEAD")

    assert said.status == 1
    assert "hero_seed must be" in said.err
    assert frozen(site) == before
    assert len(git("worktree", "list").splitlines()) == 1


def test_the_cache_keeps_images_for_thirty_days(site, run, monkeypatch):
    page = site.page("a.md", hero_prompt="a")
    run("render")
    page.write_text("# A\n")
    assert run("prune", "--json").document["removed"] == []
    later = time.time() + 40 * 24 * 3600
    monkeypatch.setattr("mkdocs_comfy.pipeline.upkeep.time.time", lambda: later)

    removed = run("prune", "--json").document["removed"]

    assert {each["where"] for each in removed} == {"cache"}
    assert not list((site.root / ".cache/plugin/comfy/originals").glob("k1-*"))


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (12_345_678, "12.3 MB"), (5 * 10**9, "5.0 GB")],
)
def test_sizes_are_told_as_people_read_them(size, text):
    assert size_text(size) == text
