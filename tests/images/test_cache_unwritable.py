"""Disks that are full, read-only or not there, and an index that somebody holds."""

import contextlib
import errno
import os
import sqlite3
from pathlib import Path

import pytest

from mkdocs_comfy.errors import CacheError
from mkdocs_comfy.images.inspect import inspect_image

KEY = "k1-" + "5" * 64
OTHER = "k1-" + "6" * 64


def stored(cache, data, key=KEY):
    return cache.store_original(key, data, inspect_image(data, max_pixels=10**6))


@pytest.fixture
def filled(cache, picture):
    """A cache with an image and a variant, closed."""
    stored(cache, picture())
    cache.store_variant("7" * 32, picture("webp"), width=80, height=64)
    cache.close()
    return cache


def test_a_read_only_cache_is_read_and_says_so_before_anything_is_rendered(
    filled, picture, read_only
):
    data = picture()
    read_only(filled.directory)

    assert filled.read(filled.original(KEY)) == data
    assert filled.variant("7" * 32)
    assert filled.findings == ()

    with pytest.raises(CacheError) as error:
        filled.writable()
    assert "permission denied" in error.value.what
    assert "cache_dir:" in error.value.way_out
    with pytest.raises(CacheError, match="permission denied"):
        stored(filled, data, key=OTHER)
    assert filled.claim(OTHER)
    filled.release(OTHER)
    assert filled.findings == ()


def test_a_read_only_cache_without_an_index_is_read_too(filled, read_only):
    for each in (filled.directory / "index").iterdir():
        each.unlink()
    (filled.directory / "index").rmdir()
    read_only(filled.directory)

    assert filled.original(KEY)
    assert filled.original(OTHER) is None
    assert filled.findings == ()


def test_a_read_only_cache_with_a_damaged_index_is_read_too(filled, read_only):
    (filled.directory / "index" / "cache.db").write_bytes(b"garbage" * 1000)
    read_only(filled.directory)

    assert filled.original(KEY)
    assert "cannot be used" in filled.drain()[0]
    assert filled.original(KEY)
    assert filled.findings == ()


def test_a_file_in_the_way_is_named(open_cache, tmp_path, picture):
    (tmp_path / "file").write_text("in the way")
    cache = open_cache(tmp_path / "file" / "comfy")

    assert cache.original(KEY) is None
    with pytest.raises(CacheError, match="not a directory") as error:
        cache.writable()
    assert str(tmp_path / "file" / "comfy") in error.value.path
    with pytest.raises(CacheError, match="not a directory"):
        stored(cache, picture())


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
def test_a_full_disk_leaves_nothing_half_written(filled, picture, monkeypatch, code):
    before = Path(filled.original(KEY).path).read_bytes()

    def full(_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("mkdocs_comfy.images.blobs.os.fsync", full)

    with pytest.raises(CacheError) as error:
        stored(filled, picture("png", size=(96, 96)))
    assert os.strerror(code).lower() in error.value.what.lower()
    assert ("free some space" in error.value.way_out) == (code in {errno.ENOSPC, errno.EDQUOT})
    with pytest.raises(CacheError):
        filled.writable()

    assert [each.name for each in (filled.directory / "originals").iterdir()] == [f"{KEY}.png"]
    assert filled.read(filled.original(KEY)) == before


def test_an_image_is_kept_where_the_index_is_full(filled, picture):
    """It was rendered; that its record finds no room must not lose it."""
    filled.original(KEY)
    connection = filled._index._store._con
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    data = picture()
    keys = [f"k1-{number:064x}" for number in range(100)]

    for key in keys:
        stored(filled, data, key=key)

    assert "full" in filled.drain()[0]
    filled.close()
    assert all(filled.read(filled.original(key)) == data for key in keys)
    assert filled.findings == ()


@contextlib.contextmanager
def held(cache, how):
    database = cache.directory / "index" / "cache.db"
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute(how)
        yield


def test_an_index_that_another_process_holds_is_read(filled, open_cache, picture):
    """It is not moved aside: its owner is alive, and would go on writing into it."""
    cache = open_cache(filled.directory, patience=0.1)

    with held(filled, "BEGIN IMMEDIATE"):
        assert cache.original(KEY)
        stored(cache, picture(), key=OTHER)
        assert cache.claim(OTHER)
    assert "locked by another process" in cache.drain()[0]

    assert filled.original(OTHER)
    assert not list(filled.directory.glob("*damaged*"))


def test_an_image_is_kept_where_the_index_is_held_meanwhile(filled, open_cache, picture):
    cache = open_cache(filled.directory, patience=0.1)
    assert cache.original(KEY)

    with held(filled, "BEGIN IMMEDIATE"):
        stored(cache, picture(), key=OTHER)
        assert cache.claim(KEY)
        cache.release(KEY)
        assert cache.original(KEY)
    assert any("database is locked" in each for each in cache.drain())

    assert cache.original(OTHER)
    assert cache.findings == ()


def test_a_file_is_verified_where_the_index_is_held_meanwhile(filled, open_cache):
    cache = open_cache(filled.directory, patience=0.1)
    original = cache.original(KEY)
    os.utime(original.path, ns=(0, 10**18))

    with held(filled, "BEGIN IMMEDIATE"):
        assert cache.original(KEY).record.mtime_ns == 10**18
    assert "database is locked" in cache.drain()[0]


def test_an_index_that_cannot_be_opened_for_writing_is_read(filled):
    """The write-ahead log cannot be opened, so only reading the bare file is left."""
    log = filled.directory / "index" / "cache.db-wal"
    log.mkdir()

    assert filled.original(KEY)
    assert filled.findings == ()


def test_an_index_that_cannot_be_read_is_done_without(filled, picture):
    database = filled.directory / "index" / "cache.db"
    database.unlink()
    database.mkdir()

    assert filled.original(KEY)
    assert "cannot be used" in filled.drain()[0]
    stored(filled, picture(), key=OTHER)
    assert filled.claim(OTHER)
    assert filled.original(OTHER)
    assert filled.findings == ()


def test_a_damaged_index_that_cannot_be_moved_is_done_without(filled, monkeypatch):
    filled.original(KEY)

    def refused(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("pathlib.Path.rename", refused)
    connection = filled._index._store._con
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("UPDATE sqlite_master SET rootpage = 99 WHERE name = 'Cache'")
    filled.close()

    assert filled.original(KEY)
    assert filled.findings
