"""What the cache remembers beyond its files."""

import pickle
import sqlite3
from contextlib import closing

import pytest

from mkdocs_comfy.images.inspect import inspect_image
from mkdocs_comfy.images.making import Making
from mkdocs_comfy.images.memory import today

KEY, OTHER = "k1-" + "5" * 64, "k1-" + "6" * 64
MADE = Making(prompt="fog", seed=1, template="x", workflow={})


@pytest.fixture
def memory(cache, picture):
    """That of a cache with one image."""
    data = picture()
    cache.store_original(KEY, data, inspect_image(data, max_pixels=10**6), made=MADE)
    return cache.memory


def row(cache, name):
    """Value of a row, and when it was written."""
    database = cache.directory / "index" / "cache.db"
    with closing(sqlite3.connect(database)) as connection:
        query = "SELECT value, store_time FROM Cache WHERE key = ?"
        return connection.execute(query, (name,)).fetchone()


def set_row(cache, name, value):
    cache.close()
    database = cache.directory / "index" / "cache.db"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE Cache SET value = ? WHERE key = ?", (value, name))


def test_how_an_image_was_made_is_no_part_of_what_a_build_reads(cache, memory):
    assert memory.made(KEY) == MADE
    assert "fog" not in row(cache, KEY)[0]


def test_a_record_that_an_early_version_wrote_into_the_row_is_read(cache, memory):
    text = row(cache, KEY)[0]
    old = '{"prompt":"fog","negative":null,"seed":1,"size":[8,8],"template":"x","page":"a.md"}'
    set_row(cache, KEY, text.replace('"made":{}', f'"made":{old}'))
    memory.keep(KEY, {})

    assert cache.made(KEY) == Making(prompt="fog", seed=1, size=(8, 8), template="x", workflow={})
    assert cache.original(KEY) is not None


def test_what_pages_showed_last_is_kept_for_each_kind_of_key(memory):
    memory.note("k1", {"a.md": KEY, "b.md": KEY}, [KEY], 10)
    memory.note("k1", {"a.md": OTHER}, [OTHER], 11)
    memory.note("e1", {"a.md": "e1" + KEY[2:]}, [], 11)

    assert memory.pages("k1") == {"a.md": OTHER, "b.md": KEY}
    assert memory.pages("e1") == {"a.md": "e1" + KEY[2:]}
    assert memory.days() == {KEY: 10, OTHER: 11}


def test_what_is_known_already_is_not_written_again(cache, memory):
    memory.note("k1", {"a.md": KEY}, [KEY], 10)
    before = row(cache, "pages:k1"), row(cache, "days")

    memory.note("k1", {"a.md": KEY}, [KEY], 10)

    assert (row(cache, "pages:k1"), row(cache, "days")) == before
    memory.note("k1", {"a.md": KEY}, [KEY], 11)
    assert row(cache, "pages:k1") == before[0]
    assert row(cache, "days") != before[1]


def test_what_is_forgotten_is_gone(cache, memory):
    memory.note("k1", {"a.md": KEY, "b.md": OTHER}, [KEY, OTHER], 10)
    memory.forget([KEY])

    assert memory.pages("k1") == {"b.md": OTHER}
    assert memory.days() == {OTHER: 10}
    assert memory.made(KEY) is None
    assert row(cache, KEY) is None


@pytest.mark.parametrize("value", ["null", "[]", '"text"', "7", '{"a.md": 7}', '{"a.md": "../x"}'])
def test_rows_that_are_none_of_ours_count_as_nothing(cache, memory, value):
    memory.note("k1", {"a.md": KEY}, [KEY], 10)
    set_row(cache, "pages:k1", value)
    set_row(cache, "days", value.replace("7", '"7"'))

    assert memory.pages("k1") == {}
    assert memory.days() == {}
    memory.note("k1", {"b.md": KEY}, [KEY], 11)
    assert memory.pages("k1") == {"b.md": KEY}


def test_a_pickle_is_not_read_and_is_replaced(cache, memory):
    memory.note("k1", {"a.md": KEY}, [KEY], 10)
    cache.close()
    database = cache.directory / "index" / "cache.db"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(
            "UPDATE Cache SET value = ?, mode = 4 WHERE key = 'pages:k1'",
            (pickle.dumps({"a.md": KEY}),),
        )

    assert memory.pages("k1") == {}
    assert "not ours" in cache.findings[0]
    memory.note("k1", {"b.md": KEY}, [KEY], 10)
    assert memory.pages("k1") == {"b.md": KEY}


def test_a_cache_that_cannot_be_written_remembers_nothing_and_says_nothing(
    cache, memory, open_cache, read_only
):
    memory.note("k1", {"a.md": KEY}, [KEY], 10)
    cache.close()
    read_only(cache.directory)
    again = open_cache(cache.directory)

    again.memory.note("k1", {"b.md": KEY}, [KEY], 11)

    assert again.memory.pages("k1") == {"a.md": KEY}
    assert again.findings == ()


def test_days_are_counted():
    assert today() > 20_000  # 2024-10-04
