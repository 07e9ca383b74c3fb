"""A clone of a site with frozen heroes, on a machine without network, server and cache."""

import shutil
import subprocess
import sys

import pytest

from mkdocs_comfy.images.sidecar import stem_of

# An MkDocs hook: any way to another machine ends the build, and what was imported is noted.
NO_NETWORK = """
import json, pathlib, sys

def refuse(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.bind"):
        raise RuntimeError(f"{event} {args}")

sys.addaudithook(refuse)

def on_post_build(config):
    heavy = [name for name in ("PIL", "httpx", "websockets", "aiohttp") if name in sys.modules]
    pathlib.Path(config.site_dir, "imported.json").write_text(json.dumps(heavy))
"""
IMAGES = {"index.md": "a harbour", "guide/mill.md": "a mill", "guide/forest.md": "a forest"}


def git(folder, *words):
    program = shutil.which("git")
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "core.autocrlf=false"]
    done = subprocess.run(
        [program, *who, *words], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout


def build(clone, *options, status=0):
    """Build in a process of its own, outside of the working tree; returns what it said."""
    site = clone.with_name(f"{clone.name}-site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(site), *options],
        cwd=clone,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={
            "PYTHONDONTWRITEBYTECODE": "1",
            "CI": "true",
            "NO_MKDOCS_2_WARNING": "1",
            "HOME": str(clone.parent),
        },
    )
    assert done.returncode == status, done.stderr
    return done.stdout + done.stderr


@pytest.fixture(params=["mkdocs", "material"])
def origin(request, site):
    """A repository whose heroes are frozen, with a theme."""
    theme = {"name": request.param} | ({"font": False} if request.param == "material" else {})
    site.config |= {"theme": theme, "plugins": ["search"], "hooks": ["no_network.py"]}
    for path, prompt in IMAGES.items():
        site.page(path, hero_prompt=prompt, hero_alt=f"It shows {prompt}.")
    (site.root / "no_network.py").write_text("", encoding="utf-8")
    assert site.build().error is None
    assert len(site.freeze().written) == 3
    del site.options["server"]
    site.write_config()
    (site.root / "no_network.py").write_text(NO_NETWORK, encoding="utf-8")
    (site.root / ".gitignore").write_text("/site/\n", encoding="utf-8")
    git(site.root, "init", "-q")
    git(site.root, "add", "-A")
    git(site.root, "commit", "-qm", "Freeze the heroes")
    return site


@pytest.fixture
def clone(origin, tmp_path):
    """What another machine checks out."""
    git(tmp_path, "clone", "-q", str(origin.root), "clone")
    return tmp_path / "clone"


def contents(folder):
    return {
        path.relative_to(folder): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and not {".git", ".cache"} & set(path.relative_to(folder).parts)
    }


def test_the_cache_is_not_committed(origin):
    assert ".cache" not in git(origin.root, "ls-files")
    assert git(origin.root, "ls-files", "heroes").count("\n") == 6


def test_a_clone_builds_without_network_and_stays_as_it_is(clone):
    before = contents(clone)

    said = build(clone)

    assert "comfy: 3 heroes: 3 frozen" in said
    assert contents(clone) == before
    assert git(clone, "status", "--porcelain") == ""
    site = clone.with_name("clone-site")
    assert len(list((site / "assets/heroes").glob("*.webp"))) == 3
    assert "It shows a mill" in (site / "guide/mill/index.html").read_text(encoding="utf-8")


def test_the_second_build_loads_nothing_heavy(clone):
    build(clone)
    imported = clone.with_name("clone-site") / "imported.json"
    assert "PIL" in imported.read_text()

    build(clone)

    assert imported.read_text() == "[]"


def test_a_restored_cache_saves_the_encoding_in_a_new_clone(clone, tmp_path):
    """As CI keeps it: copied, with other times, beside files that git has just written."""
    build(clone)
    git(tmp_path, "clone", "-q", str(clone), "second")
    shutil.copytree(clone / ".cache", tmp_path / "second" / ".cache", copy_function=shutil.copyfile)

    build(tmp_path / "second")

    assert (tmp_path / "second-site" / "imported.json").read_text() == "[]"


def test_a_checkout_with_line_ends_of_windows_is_the_same(origin, tmp_path):
    git(tmp_path, "-c", "core.autocrlf=true", "clone", "-q", str(origin.root), "windows")
    sidecars = list((tmp_path / "windows" / "heroes").glob("*.json"))
    for path in sidecars:
        path.write_bytes(path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))

    assert "3 heroes: 3 frozen" in build(tmp_path / "windows")


def test_a_reworded_page_is_one_warning_and_no_hole(clone):
    page = clone / "docs/guide/mill.md"
    page.write_text(page.read_text().replace("a mill", "a mill in spring", 1), encoding="utf-8")

    said = build(clone, status=1)

    assert "1 hero is stale, guide/mill.md, which shows its former image" in said
    assert "Aborted with 1 warnings in strict mode" in said
    assert "comfy: 3 heroes: 2 frozen, 1 stale" in said
    html = (clone.with_name("clone-site") / "guide/mill/index.html").read_text(encoding="utf-8")
    assert "assets/heroes/" in html


def test_a_pinned_page_may_be_reworded_in_peace(origin, clone):
    page = clone / "docs/guide/mill.md"
    (sidecar,) = [
        path for path in (clone / "heroes").glob("*.json") if '"a mill"' in path.read_text()
    ]
    key = next(line.split('"')[3] for line in sidecar.read_text().splitlines() if '"key"' in line)
    assert stem_of(key) == sidecar.stem
    text = page.read_text().replace("hero_prompt: a mill", f"hero_prompt: x\nhero_pin: {key}")
    page.write_text(text, encoding="utf-8")

    assert "3 heroes: 3 frozen" in build(clone)


def test_a_pointer_of_git_lfs_in_a_clone_names_the_command(clone):
    for path in (clone / "heroes").glob("*.webp"):
        path.write_text("version https://git-lfs.github.com/spec/v1\nsize 9\n")

    said = build(clone, status=1)

    assert "is a Git LFS pointer and counts as not there (and 2 more)\n    git lfs pull" in said
    assert "3 heroes: 3 missing" in said
