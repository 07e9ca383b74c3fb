"""The cache from outside: store, look up, notice what is not whole."""

import hashlib
import os
import threading
from pathlib import Path

import pytest

from mkdocs_comfy.errors import CacheError
from mkdocs_comfy.images.inspect import inspect_image
from mkdocs_comfy.images.making import Making

KEY = "k1-" + "5" * 64
OTHER = "k1-" + "6" * 64
NAME = "7" * 32


def stored(cache, data, key=KEY, made=None):
    return cache.store_original(key, data, inspect_image(data, max_pixels=10**6), made=made)


def files(cache):
    return sorted(
        str(each.relative_to(cache.directory))
        for each in cache.directory.rglob("*")
        if each.is_file() and "index" not in each.parts
    )


def test_an_image_is_found_again_with_all_that_is_known_of_it(cache, open_cache, picture):
    data = picture("png", size=(96, 64))
    made = Making(
        prompt="Häfen 🌫",
        negative="people",
        seed=2**63,
        size=(96, 64),
        template="sdxl",
        style=("night",),
        models=("xl.safetensors",),
        workflow={"1": {"class_type": "SaveImage", "inputs": {}}},
        comfyui="0.3.75",
        seconds=1.5,
    )
    first = stored(cache, data, made=made)
    cache.close()

    again = open_cache(cache.directory).original(KEY)

    assert again == first
    assert Path(again.path).read_bytes() == cache.read(again) == data
    assert again.record.bytes == len(data)
    assert again.record.sha256 == hashlib.sha256(data).hexdigest()
    assert (again.record.format, again.record.width, again.record.height) == ("png", 96, 64)
    assert again.record.pixels == inspect_image(data, max_pixels=10**6).pixels
    assert open_cache(cache.directory).made(KEY) == made


def test_a_variant_is_found_again(cache, open_cache, picture):
    data = picture("webp")
    first = cache.store_variant(NAME, data, width=80, height=64)

    again = open_cache(cache.directory).variant(NAME)

    assert again == first
    assert cache.read(again) == data
    assert (again.record.width, again.record.height) == (80, 64)


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "avif"])
def test_every_format_is_kept_as_it_was_delivered(cache, picture, kind):
    data = picture(kind)

    assert cache.read(stored(cache, data)) == data
    assert cache.original(KEY).path.endswith({"jpeg": "jpg"}.get(kind, kind))


def test_looking_up_creates_nothing(cache):
    assert cache.original(KEY) is None
    assert cache.variant(NAME) is None
    cache.release(KEY)

    assert not cache.directory.exists()
    assert cache.findings == ()


def test_the_directory_ignores_itself(cache, open_cache, tmp_path, picture):
    """Git must never see the cache, whatever touched it first."""
    stored(cache, picture())
    claimed = open_cache(tmp_path / "claimed")
    claimed.claim(KEY)

    assert (cache.directory / ".gitignore").read_text() == "*\n"
    assert (claimed.directory / ".gitignore").read_text() == "*\n"


def test_a_stand_in_is_nobody_elses_image(cache, picture):
    stored(cache, picture(), key="e1-" + "5" * 64)

    assert cache.original(KEY) is None


def test_a_later_image_replaces_an_earlier_one_of_another_format(cache, picture):
    stored(cache, picture("png"))
    stored(cache, picture("jpeg"))

    assert cache.original(KEY).record.format == "jpeg"
    assert files(cache) == [".gitignore", f"originals/{KEY}.jpg"]


@pytest.mark.parametrize("length", [0, 1, 100])
def test_a_truncated_file_is_noticed_and_made_again(cache, picture, length):
    original = stored(cache, picture())
    Path(original.path).write_bytes(picture()[:length])

    assert cache.original(KEY) is None
    assert cache.drain() == (
        f"{original.path} is not the file that was stored; it counts as missing",
    )

    stored(cache, picture())
    assert cache.original(KEY)
    assert cache.drain() == ()


def test_garbage_of_the_same_length_is_noticed(cache, picture):
    original = stored(cache, picture())
    Path(original.path).write_bytes(b"x" * original.record.bytes)
    os.utime(original.path, ns=(0, original.record.mtime_ns + 1))

    assert cache.original(KEY) is None
    assert "not the file that was stored" in cache.drain()[0]


def test_a_torn_variant_is_noticed(cache, picture):
    variant = cache.store_variant(NAME, picture("webp"), width=80, height=64)
    os.truncate(variant.path, 50)

    assert cache.variant(NAME) is None
    assert variant.path in cache.drain()[0]


def test_a_file_that_a_restored_cache_gave_another_time_is_verified_once(
    cache, open_cache, picture, monkeypatch
):
    """Archives keep whole seconds, so after a restore in CI every time differs."""
    original = stored(cache, picture())
    os.utime(original.path, ns=(0, 10**18))

    again = cache.original(KEY)
    assert again.record.mtime_ns == 10**18
    assert again.record.sha256 == original.record.sha256

    def unreadable(path):
        raise AssertionError(path)

    monkeypatch.setattr("mkdocs_comfy.images.blobs.read", unreadable)
    assert open_cache(cache.directory).original(KEY) == again


def test_a_file_that_was_deleted_is_quietly_missing(cache, picture):
    Path(stored(cache, picture()).path).unlink()

    assert cache.original(KEY) is None
    assert cache.findings == ()


def test_an_image_without_a_record_is_taken_up(cache, open_cache, picture):
    """The file is there before its record is: a build may end between the two."""
    data = picture("avif")
    folder = cache.directory / "originals"
    folder.mkdir(parents=True)
    (folder / f"{KEY}.avif").write_bytes(data)

    original = cache.original(KEY)

    assert cache.read(original) == data
    assert original.record.pixels == inspect_image(data, max_pixels=10**6).pixels
    assert original.record.made == {}
    assert cache.findings == ()
    assert open_cache(cache.directory, patience=1).original(KEY) == original


def test_a_variant_without_a_record_is_taken_up(cache, picture):
    folder = cache.directory / "variants"
    folder.mkdir(parents=True)
    (folder / f"{NAME}.webp").write_bytes(picture("webp"))

    assert cache.variant(NAME).record.width == 80


def test_a_file_without_a_record_that_is_no_image_is_missing(cache, picture):
    folder = cache.directory / "originals"
    folder.mkdir(parents=True)
    (folder / f"{KEY}.png").write_bytes(picture()[:-20])
    (folder / f"{OTHER}.png").mkdir()

    assert cache.original(KEY) is None
    assert cache.original(OTHER) is None
    assert [f"{KEY}.png is no whole image" in each for each in cache.drain()] == [True]


def test_without_somebody_to_inspect_nothing_is_taken_up(cache, picture):
    from mkdocs_comfy.images.cache import HeroCache  # noqa: PLC0415  # the plain class

    folder = cache.directory / "originals"
    folder.mkdir(parents=True)
    (folder / f"{KEY}.png").write_bytes(picture())

    assert HeroCache(cache.directory).original(KEY) is None


def test_a_link_in_the_place_of_an_image_publishes_nothing(cache, picture, tmp_path):
    """A cache restored from elsewhere could point it at any file of this machine."""
    private = tmp_path / "private.png"
    private.write_bytes(picture())
    original = stored(cache, picture())
    Path(original.path).unlink()
    Path(original.path).symlink_to(private)

    assert cache.original(KEY) is None


def test_what_changes_between_lookup_and_use_is_an_error(cache, picture):
    original = stored(cache, picture())
    Path(original.path).write_bytes(picture("jpeg"))

    with pytest.raises(CacheError, match="changed while it was used"):
        cache.read(original)

    Path(original.path).unlink()
    with pytest.raises(CacheError, match="no such file"):
        cache.read(original)


@pytest.mark.parametrize("key", ["../../etc/passwd", "k1-" + "5" * 63 + "/", "", "K1-" + "5" * 64])
def test_only_keys_become_file_names(cache, picture, key):
    with pytest.raises(ValueError, match="not a key of the cache"):
        cache.original(key)
    with pytest.raises(ValueError, match="not a key of the cache"):
        stored(cache, picture(), key=key)
    with pytest.raises(ValueError, match="not a key of the cache"):
        cache.claim(key)


def test_the_index_may_be_thrown_away_under_a_running_build(cache, picture):
    """``serve`` runs for hours, and somebody deletes the cache meanwhile."""
    import shutil  # noqa: PLC0415  # this test alone

    stored(cache, picture())
    shutil.rmtree(cache.directory)
    assert cache.original(KEY) is None

    stored(cache, picture())
    assert cache.original(KEY)
    assert (cache.directory / ".gitignore").exists()
    assert (cache.directory / "index" / "cache.db").exists()


def test_diskcache_expands_dollars_in_paths_and_we_do_not(
    tmp_path, open_cache, picture, monkeypatch
):
    monkeypatch.setenv("ELSEWHERE", str(tmp_path / "elsewhere"))
    cache = open_cache(tmp_path / "$ELSEWHERE" / "~")

    stored(cache, picture())

    assert (tmp_path / "$ELSEWHERE" / "~" / "index" / "cache.db").exists()
    assert not (tmp_path / "elsewhere").exists()


def test_threads_share_a_cache(cache, picture):
    """Variants are encoded and stored by a pool of threads."""
    data = picture("webp")
    names = [f"{number:032x}" for number in range(24)]
    found = []

    def work(part):
        for name in part:
            cache.store_variant(name, data, width=80, height=64)
            found.append(cache.variant(name))

    threads = [threading.Thread(target=work, args=(names[at::4],)) for at in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert sorted(each.key for each in found) == names
    assert all(cache.variant(name) for name in names)
    assert cache.findings == ()


def test_diskcache_leaves_a_connection_open_in_every_thread_and_we_do_not(cache, picture):
    """The thread ends without saying so, and Python 3.13 warns of the connection."""
    stored(cache, picture())
    left = []

    def work():
        stored(cache, picture(), key=OTHER)
        cache.claim(KEY)
        cache.original(KEY)
        cache.release(KEY)
        left.append(hasattr(cache._index._store._local, "con"))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert left == [False]
    assert hasattr(cache._index._store._local, "con")


def test_what_crashed_builds_left_is_removed_after_a_day(cache, picture):
    stored(cache, picture())
    left = cache.directory / "originals" / f".{KEY}.png.0123.tmp"
    fresh = left.with_name(f".{OTHER}.png.4567.tmp")
    for each in (left, fresh):
        each.write_bytes(b"half an ima")
    os.utime(left, (0, 0))

    cache.writable()

    assert files(cache) == [".gitignore", f"originals/{fresh.name}", f"originals/{KEY}.png"]


def test_a_finding_is_told_once(cache, picture):
    original = stored(cache, picture())
    os.truncate(original.path, 3)

    assert cache.original(KEY) is cache.original(KEY) is None
    assert len(cache.findings) == 1
    assert len(cache.drain()) == 1
    assert cache.findings == cache.drain() == ()
