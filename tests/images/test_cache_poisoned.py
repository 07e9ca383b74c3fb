"""A cache that somebody else prepared: errors and new images, never their code."""

import contextlib
import os
import pickle
import sqlite3
from pathlib import Path

import diskcache
import pytest

from mkdocs_comfy.images.database import Database, ForeignRowError, JsonDisk, ReadOnlyDatabase
from mkdocs_comfy.images.inspect import inspect_image
from mkdocs_comfy.images.making import Making

KEY = "k1-" + "5" * 64
MADE = Making(prompt="fog" * 50, seed=1, template="sdxl", workflow={})


class Bomb:
    """Unpickling it makes a directory."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def stored(cache, data):
    return cache.store_original(KEY, data, inspect_image(data, max_pixels=10**6))


def sql(cache, statement, *values):
    cache.close()
    with contextlib.closing(sqlite3.connect(cache.directory / "index" / "cache.db")) as connection:
        connection.execute(statement, values)
        connection.commit()


@pytest.fixture
def poisoned(cache, picture):
    """A cache with one image, whose row may then be changed."""
    stored(cache, picture())
    return cache


@pytest.fixture
def marker(tmp_path):
    return tmp_path / "executed"


def test_the_bomb_is_real(poisoned, marker):
    """What CVE-2025-69872 does to a diskcache that nobody keeps on a leash."""
    sql(poisoned, "UPDATE Cache SET mode = 4, value = ?", pickle.dumps(Bomb(marker)))

    with diskcache.Cache(poisoned.directory / "index") as plain:
        plain.get(KEY)

    assert marker.is_dir()


def test_a_pickled_value_is_not_read_and_the_image_is_made_again(poisoned, marker, picture):
    sql(poisoned, "UPDATE Cache SET mode = 4, value = ?", pickle.dumps(Bomb(marker)))

    assert poisoned.original(KEY) is None
    (finding,) = poisoned.drain()
    assert finding.startswith(f"row {KEY} of the index is not ours and is not read")
    assert finding.endswith("its value is of mode 4, not JSON text")

    stored(poisoned, picture())
    assert poisoned.original(KEY)
    assert poisoned.findings == ()
    assert not marker.exists()


def test_a_value_pickled_in_a_file_is_not_read(poisoned, marker, tmp_path):
    (tmp_path / "bomb").write_bytes(pickle.dumps(Bomb(marker)))
    sql(
        poisoned,
        "UPDATE Cache SET mode = 4, value = NULL, filename = ?",
        os.path.relpath(tmp_path / "bomb", poisoned.directory / "index"),
    )

    assert poisoned.original(KEY) is None
    assert not marker.exists()


def test_a_pickled_key_is_not_read(poisoned, marker):
    """Iteration is where diskcache unpickles keys."""
    sql(
        poisoned,
        "INSERT INTO Cache (key, raw, mode, value) VALUES (?, 0, 0, '{}')",
        pickle.dumps(Bomb(marker)),
    )
    assert poisoned.original(KEY)
    poisoned.close()

    with contextlib.closing(Database(str(poisoned.directory / "index"), patience=1)) as index:
        for iterate in (iter, reversed, Database.iterkeys):
            with pytest.raises(ForeignRowError, match="no text"):
                list(iterate(index))
        with pytest.raises(ForeignRowError):
            index.peekitem()

    assert not marker.exists()


def test_a_pickled_claim_does_not_run_and_does_not_block(cache, marker):
    cache.claim(KEY)
    sql(
        cache,
        "UPDATE Cache SET mode = 4, expire_time = NULL, value = ?",
        pickle.dumps(Bomb(marker)),
    )

    assert cache.claim(KEY)
    assert "not ours and is replaced" in cache.drain()[0]
    assert not marker.exists()


@pytest.mark.parametrize("base", ["", "comfy/index"])
def test_a_row_cannot_have_a_file_of_this_machine_deleted(poisoned, tmp_path, picture, base):
    """diskcache deletes the file that a replaced row names, wherever it is."""
    victim = tmp_path / "victim"
    victim.write_text("dear")
    name = os.path.relpath(victim, tmp_path / base) if base else str(victim)
    sql(poisoned, "UPDATE Cache SET mode = 2, filename = ?", name)

    assert poisoned.original(KEY) is None
    stored(poisoned, picture())

    assert poisoned.original(KEY)
    assert victim.read_text() == "dear"


def test_a_row_cannot_have_a_file_of_this_machine_published(poisoned, tmp_path, picture):
    secret = tmp_path / "secret.png"
    secret.write_bytes(picture())
    row = '{"file": "../../secret.png", "bytes": 1, "sha256": "", "mtime_ns": 1, "format": "png",'
    row += ' "pixels": "", "width": 1, "height": 1, "made": {}}'
    sql(poisoned, "UPDATE Cache SET value = ?", row)

    assert Path(poisoned.original(KEY).path).parent == poisoned.directory / "originals"
    assert "is of no use" in poisoned.drain()[0]


@pytest.mark.parametrize(
    "value",
    ["", "{", "[" * 100_000, "9" * 5000, b"{}", 7, None],
    ids=["empty", "half", "deep", "huge number", "bytes", "number", "null"],
)
def test_a_row_that_is_no_json_text_counts_as_missing(poisoned, value):
    sql(poisoned, "UPDATE Cache SET value = ?", value)

    assert poisoned.original(KEY) is None
    assert "not ours" in poisoned.drain()[0]


@pytest.mark.parametrize("value", ["null", "[]", '{"file": 1}', '{"made": {}}', '"text"'])
def test_a_row_that_is_no_record_is_made_again_from_the_image(poisoned, value):
    sql(poisoned, "UPDATE Cache SET value = ?", value)

    assert poisoned.original(KEY)
    poisoned.drain()
    poisoned.close()
    assert poisoned.original(KEY)
    assert poisoned.findings == ()


def test_the_record_of_a_variant_that_is_none_is_made_again(cache, picture):
    cache.store_variant("7" * 32, picture("webp"), width=80, height=64)
    sql(cache, "UPDATE Cache SET value = '{}'")

    assert cache.variant("7" * 32).record.height == 64
    assert "is of no use" in cache.drain()[0]


def aside(cache):
    return [each.name for each in cache.directory.iterdir() if "damaged" in each.name]


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO Settings VALUES ('get', 'not callable')",
        "INSERT INTO Settings VALUES ('_local', 1)",
        "UPDATE Settings SET value = 'wal; DROP TABLE Cache' WHERE key = 'sqlite_journal_mode'",
        "UPDATE Settings SET value = x'00' WHERE key = 'disk_min_file_size'",
        "CREATE TRIGGER t AFTER INSERT ON Cache BEGIN DELETE FROM Cache; END",
        "CREATE VIEW v AS SELECT 1",
        "CREATE TABLE other (a)",
        "ALTER TABLE Cache ADD COLUMN more",
        "DROP INDEX Cache_key_raw",
    ],
)
def test_a_layout_that_is_not_ours_is_moved_aside_and_no_image_is_lost(poisoned, statement):
    """Settings become attributes and pragmas in diskcache; triggers run with every write."""
    sql(poisoned, statement)
    if statement.startswith("DROP"):
        sql(
            poisoned,
            "INSERT INTO Cache SELECT NULL, key, raw, 0, NULL, 0, 0, NULL, 0, 0, NULL, value"
            " FROM Cache",
        )

    assert poisoned.original(KEY)
    assert "was damaged" in poisoned.drain()[0]
    assert len(aside(poisoned)) == 1

    poisoned.close()
    assert poisoned.original(KEY)
    assert poisoned.findings == ()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: b"not a database" * 1000,
        lambda data: data[:5000],
        lambda data: data[:100] + b"\xff" * (len(data) - 100),
    ],
    ids=["no database", "cut", "overwritten"],
)
def test_a_damaged_index_is_moved_aside_and_no_image_is_lost(poisoned, spoil):
    poisoned.close()
    database = poisoned.directory / "index" / "cache.db"
    database.write_bytes(spoil(database.read_bytes()))

    assert poisoned.original(KEY)
    assert "was damaged" in poisoned.drain()[0]
    assert len(aside(poisoned)) == 1
    assert poisoned.original(KEY)
    assert poisoned.findings == ()


@pytest.fixture
def broken_inside(cache, picture):
    """A cache of many images, in whose index all but the schema is overwritten."""
    data = picture()
    info = inspect_image(data, max_pixels=10**6)
    for number in range(400):
        cache.store_original(f"k1-{number:064x}", data, info, made=MADE)
    cache.close()
    database = cache.directory / "index" / "cache.db"
    pages = bytearray(database.read_bytes())
    with contextlib.closing(sqlite3.connect(database)) as connection:
        roots = {root for (root,) in connection.execute("SELECT rootpage FROM sqlite_master")}
    for page in set(range(2, len(pages) // 4096 + 1)) - roots:
        pages[(page - 1) * 4096 : page * 4096] = b"\xff" * 4096
    database.write_bytes(pages)
    return cache


def test_an_index_that_breaks_in_use_is_moved_aside_and_no_image_is_lost(broken_inside, picture):
    cache = broken_inside

    assert all(cache.original(f"k1-{number:064x}") for number in range(400))
    assert "was damaged" in cache.drain()[0]
    assert len(aside(cache)) == 1
    stored(cache, picture())
    assert cache.original(KEY)
    assert cache.findings == ()


@pytest.mark.parametrize("number", range(0, 400, 57))
def test_an_index_that_breaks_while_storing_is_moved_aside(broken_inside, picture, number):
    cache, data = broken_inside, picture("jpeg")
    key = f"k1-{number:064x}"

    original = cache.store_original(key, data, inspect_image(data, max_pixels=10**6))

    assert cache.original(key) == original
    assert len(aside(cache)) == 1


def test_an_index_that_breaks_in_use_and_cannot_be_moved_is_done_without(
    broken_inside, picture, monkeypatch
):
    def refused(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "rename", refused)
    cache = broken_inside

    assert all(cache.original(f"k1-{number:064x}") for number in range(400))
    assert "is damaged and stays so" in cache.drain()[0]
    stored(cache, picture())
    assert cache.original(KEY)
    assert cache.claim(KEY)
    assert cache.findings == ()


def test_of_threads_that_find_the_index_broken_one_moves_it(poisoned):
    """The others find that there is another one by then, and try again."""
    poisoned.original(KEY)
    stale = poisoned._index._store
    poisoned.close()
    poisoned.original(KEY)

    assert poisoned._index._trouble(stale, sqlite3.DatabaseError("malformed"))
    assert poisoned.findings == ()
    assert aside(poisoned) == []


def test_a_layout_of_another_diskcache_or_sqlite_is_ours_too(poisoned, monkeypatch):
    """The digests are those of one release; what the installed one writes is right as well."""
    monkeypatch.setattr("mkdocs_comfy.images.database._STATEMENTS", frozenset())
    poisoned.close()

    assert poisoned.original(KEY)
    assert poisoned.findings == ()
    assert aside(poisoned) == []


def test_a_layout_that_another_process_is_just_making_is_fine(cache, picture):
    (cache.directory / "index").mkdir(parents=True)
    with contextlib.closing(sqlite3.connect(cache.directory / "index" / "cache.db")) as connection:
        connection.execute("CREATE TABLE Settings ( key TEXT NOT NULL UNIQUE, value)")

    stored(cache, picture())

    assert cache.original(KEY)
    assert aside(cache) == []


def test_the_disk_takes_json_under_text_and_nothing_else(tmp_path):
    disk = JsonDisk(str(tmp_path))

    assert disk.put("key") == ("key", True)
    assert disk.get("key", 1) == "key"
    assert disk.fetch(*disk.store({"ü": [1, None]}, read=False)[1:], read=False) == {"ü": [1, None]}
    for key in (7, b"key", ("key",), None):
        with pytest.raises(TypeError):
            disk.put(key)
        with pytest.raises(ForeignRowError):
            disk.get(key, 1)
    with pytest.raises(ForeignRowError):
        disk.get("key", 0)
    with pytest.raises(TypeError):
        disk.store(object(), read=False)
    with pytest.raises(TypeError):
        disk.store(None, read=True)
    with pytest.raises(TypeError):
        disk.filename()
    for mode in (None, 0, 2, 3, 4, "1"):
        with pytest.raises(ForeignRowError):
            disk.fetch(mode, None, "{}", read=False)
    with pytest.raises(ForeignRowError):
        disk.fetch(1, None, "{}", read=True)


def test_reading_alone_does_not_unpickle_either(poisoned, marker):
    sql(poisoned, "UPDATE Cache SET mode = 4, value = ?", pickle.dumps(Bomb(marker)))

    with contextlib.closing(ReadOnlyDatabase(poisoned.directory / "index" / "cache.db")) as index:
        assert index.get("k1-" + "6" * 64) is None
        with pytest.raises(ForeignRowError):
            index.get(KEY)

    assert not marker.exists()
