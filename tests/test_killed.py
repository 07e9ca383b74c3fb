"""kill -9 of real builds and commands, where they change what is on the disk."""

import os
import shutil
import signal
import subprocess
import sys

import pytest

PAGES = 6

# Runs a program of ours and kills it at the N-th call of a function, before or after it has run.
KILLED = """
import os, signal, sys
from mkdocs_comfy.images import blobs

program, where, number, when = sys.argv.pop(1).split()
owner = blobs.Staged if where == "commit" else blobs
function, left = getattr(owner, where), int(number)


def killing(*words, **more):
    global left
    left -= 1
    if left == 0 and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    done = function(*words, **more)
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return done


setattr(owner, where, killing)
if program == "mkdocs":
    from mkdocs.__main__ import cli as main
else:
    from mkdocs_comfy.cli import main
sys.exit(main())
"""


@pytest.fixture
def pages(site):
    """Six pages that ask for heroes."""
    for seed in range(PAGES):
        site.page(f"{seed}.md", hero_prompt="a harbour", hero_seed=seed, hero_alt="A harbour")
    site.write_config()
    return site


def run(site, plan, *words):
    """Run to the death, or to the end where ``plan`` kills nobody."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED, plan, *words],
        cwd=site.root,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout


def originals(site):
    return sorted(path.name for path in (site.root / ".cache").rglob("originals/k1-*"))


def frozen_only(site):
    """Build from what is committed alone."""
    shutil.rmtree(site.root / ".cache")
    site.options["mode"] = "offline"
    return site.build(strict=True)


@pytest.mark.parametrize("program", ["mkdocs build -q", "mkdocs-comfy render"])
@pytest.mark.parametrize("when", ["commit 1 before", "commit 2 after", "commit 7 before"])
def test_the_build_after_a_kill_renders_what_is_missing_and_no_more(pages, comfyui, program, when):
    program, *words = program.split()

    status, said = run(pages, f"{program} {when}", *words)

    assert status == -signal.SIGKILL, said
    rendered, asked = originals(pages), len(comfyui.submissions)
    built = pages.build(strict=True)
    assert built.error is None
    assert built.warnings == []
    assert len(built.heroes()) == PAGES
    assert len(comfyui.submissions) - asked == PAGES - len(rendered)
    assert set(rendered) < set(originals(pages))


@pytest.mark.parametrize("when", ["commit 1 after", "commit 4 before", "commit 9 after"])
def test_freeze_after_a_kill_freezes_the_rest(pages, when):
    assert pages.build().error is None

    status, said = run(pages, f"mkdocs-comfy {when}", "freeze")

    assert status == -signal.SIGKILL, said
    built = pages.build()
    assert "missing" not in built.summary
    assert all("assets/heroes/" in built.html(f"{seed}/index.html") for seed in range(PAGES))
    assert all("has no sidecar beside it and counts as not there" in x for x in built.warnings)
    status, said = run(pages, "mkdocs-comfy commit 0 never", "freeze")
    assert status == 0, said
    status, said = run(pages, "mkdocs-comfy commit 0 never", "check")
    assert status == 0, said
    assert frozen_only(pages).summary == f"{PAGES} heroes: {PAGES} frozen"


@pytest.mark.parametrize("when", ["remove 1 before", "remove 1 after", "remove 4 after"])
def test_prune_after_a_kill_removes_the_rest_and_nothing_that_is_used(pages, when):
    assert pages.build().error is None
    pages.freeze()
    for seed in range(3):
        (pages.root / f"docs/{seed}.md").unlink()

    status, said = run(pages, f"mkdocs-comfy {when}", "prune")

    assert status == -signal.SIGKILL, said
    assert pages.build(strict=True).warnings == []
    status, said = run(pages, "mkdocs-comfy remove 0 never", "prune")
    assert status == 0, said
    assert len(list((pages.root / "heroes").iterdir())) == 2 * (PAGES - 3)
    assert frozen_only(pages).summary == "3 heroes: 3 frozen"
