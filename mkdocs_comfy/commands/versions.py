"""The same site at another commit: what a version that is still online uses."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import chdir, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from mkdocs_comfy.commands.planning import planned_site
from mkdocs_comfy.commands.site import load_site
from mkdocs_comfy.errors import HeroError, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mkdocs_comfy.pipeline import Plan


def plan_at(ref: str, config_file: Path | None) -> Plan:
    """Return what the pages of a site ask for at another commit.

    Args:
        ref: A commit, tag or branch.
        config_file: The site's mkdocs.yml, see :func:`load_site`; the same file is taken there.

    Raises:
        UsageError: There is no such commit, or the site is in no git repository.
        HeroError: The site cannot be planned there.
    """
    file = load_site(config_file).file.resolve()
    top = Path(_git(file.parent, "rev-parse", "--show-toplevel").strip()).resolve()
    with _checked_out(top, ref) as tree:
        there = tree / file.relative_to(top)
        if not there.is_file():
            raise HeroError(f"{printable(ref)} has no {printable(str(file.relative_to(top)))}")
        # Hooks and scripts read files relative to where a build is started.
        with chdir(there.parent), planned_site(there) as planned:
            planned.refuse_errors()
            return planned.plan


@contextmanager
def _checked_out(top: Path, ref: str) -> Iterator[Path]:
    """Give a folder with the files of a commit; the working tree is left alone."""
    commit = _git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    with TemporaryDirectory(prefix="mkdocs-comfy-") as folder:
        tree = Path(folder).resolve() / "tree"
        _git(top, "worktree", "add", "--quiet", "--detach", str(tree), commit.strip())
        try:
            yield tree
        finally:
            _git(top, "worktree", "remove", "--force", str(tree))


def _git(folder: Path, *words: str) -> str:
    """Run git without hooks and without fetching large files; return what it prints."""
    program = shutil.which("git")
    if program is None:
        raise click.UsageError("--also needs git")
    done = subprocess.run(  # noqa: S603  # words of ours, and a name that git is told is one
        [program, "-c", f"core.hooksPath={os.devnull}", *words],
        cwd=folder,
        env={**os.environ, "GIT_LFS_SKIP_SMUDGE": "1"},
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        said = printable(done.stderr.strip().splitlines()[-1]) if done.stderr.strip() else ""
        raise click.UsageError(f"--also: git {words[0]} says no{': ' if said else ''}{said}")
    return done.stdout
