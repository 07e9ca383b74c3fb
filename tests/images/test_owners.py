"""Locks that die with their owners, and what there is where there are none."""

import errno
import multiprocessing
import os
import subprocess
import sys

import pytest

from mkdocs_comfy.images.owners import Owners

LIVE = """
import sys
from pathlib import Path
from mkdocs_comfy.images.owners import Owners

print(Owners(Path(sys.argv[1])).name(), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def new_owners(tmp_path):
    made = []

    def make():
        made.append(Owners(tmp_path / "locks"))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_an_owner_is_alive_for_others_and_for_itself(new_owners):
    ours, other = new_owners(), new_owners()

    name = ours.name()

    assert ours.name() == name
    assert other.is_alive(name)
    assert ours.is_alive(name)
    assert not other.is_alive(name[::-1])


def test_nothing_is_made_before_somebody_wants_a_name(new_owners, tmp_path):
    owners = new_owners()
    owners.sweep()
    owners.close()
    assert list(tmp_path.iterdir()) == []


def test_who_closes_is_gone_and_comes_back_under_another_name(new_owners, tmp_path):
    ours, other = new_owners(), new_owners()
    name = ours.name()

    ours.close()

    assert not other.is_alive(name)
    assert list((tmp_path / "locks").iterdir()) == []
    assert ours.name() != name


def test_who_is_killed_is_dead_at_once_and_leaves_a_file_that_is_swept(new_owners, tmp_path):
    other = new_owners()
    command = [sys.executable, "-c", LIVE, str(tmp_path / "locks")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        name = process.stdout.readline().strip()
        other.sweep()
        alive = other.is_alive(name)
        process.kill()

    assert alive
    assert (tmp_path / "locks" / name).exists()
    other.sweep()
    assert not (tmp_path / "locks" / name).exists()
    assert not other.is_alive(name)


def test_a_sweep_spares_the_living(new_owners):
    ours, other = new_owners(), new_owners()
    names = ours.name(), other.name()

    new_owners().sweep()

    assert [new_owners().is_alive(name) for name in names] == [True, True]


def test_who_is_swept_between_making_the_file_and_locking_it_takes_another_name(
    new_owners, monkeypatch
):
    ours, other = new_owners(), new_owners()
    swept, open_file = [], os.open

    def open_slowly(path, flags, *mode):
        descriptor = open_file(path, flags, *mode)
        if flags & os.O_CREAT and not swept:
            swept.append(os.path.basename(path))  # noqa: PTH119  # a name
            assert not other.is_alive(swept[0])
        return descriptor

    monkeypatch.setattr("os.open", open_slowly)
    name = ours.name()

    assert swept
    assert swept[0] != name
    assert other.is_alive(name)


def test_a_forked_child_is_an_owner_of_its_own(new_owners):
    ours = new_owners()
    name = ours.name()
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    child = context.Process(target=lambda: answers.put((ours.name(), ours.is_alive(name))))
    child.start()
    childs_name, parent_alive = answers.get(timeout=30)
    child.join(30)

    assert childs_name not in {None, name}
    assert parent_alive
    assert not ours.is_alive(childs_name)
    assert new_owners().is_alive(name), "that the child has ended does not end the parent's lock"


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL])
def test_a_file_system_without_locks_has_no_owners_and_nobody_hangs(
    new_owners, monkeypatch, tmp_path, code
):
    def refuse(*_):
        raise OSError(code, os.strerror(code))

    before = new_owners()
    name = before.name()
    monkeypatch.setattr("mkdocs_comfy.images.owners._lock", refuse)

    assert new_owners().name() is None
    assert not new_owners().is_alive(name)
    assert [each.name for each in (tmp_path / "locks").iterdir()] == [name]


def test_builds_without_locks_render_what_they_miss(open_cache, monkeypatch, tmp_path):
    def refuse(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("mkdocs_comfy.images.owners._lock", refuse)
    ours, other = open_cache(tmp_path / "comfy"), open_cache(tmp_path / "comfy")

    for cache in (ours, other):
        assert cache.claim("k1-" + "5" * 64)
        cache.release("k1-" + "5" * 64)
        cache.writable()
        assert cache.findings == ()


@pytest.mark.parametrize("name", ["", "..", "a" * 32 + "/..", "../" + "a" * 32, "A" * 32])
def test_a_name_that_is_none_of_ours_is_not_looked_for(new_owners, monkeypatch, name):
    monkeypatch.setattr("os.open", None)
    assert not new_owners().is_alive(name)


def test_a_link_under_an_owners_name_is_not_followed(new_owners, tmp_path):
    (tmp_path / "locks").mkdir()
    target = tmp_path / "private"
    target.touch()
    (tmp_path / "locks" / ("a" * 32)).symlink_to(target)

    new_owners().sweep()

    assert not new_owners().is_alive("a" * 32)
    assert target.exists()
