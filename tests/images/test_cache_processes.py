"""Several builds at once, as real processes."""

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from mkdocs_comfy.images.inspect import inspect_image

KEY = "k1-" + "5" * 64

STORM = """
import sys
from pathlib import Path
from mkdocs_comfy.images.cache import HeroCache
from mkdocs_comfy.images.inspect import inspect_image

directory, source, number = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
images = [(source / name).read_bytes() for name in ("0.png", "1.png", "2.png")]
infos = [inspect_image(data, max_pixels=10**6) for data in images]
cache = HeroCache(directory)
for turn in range(40):
    which = (turn + number) % 3
    key = f"k1-{turn % 8:064x}"
    cache.store_original(key, images[which], infos[which])
    found = cache.original(key)
    assert found is not None, (turn, cache.findings)
    assert found.record.pixels in {each.pixels for each in infos}
    cache.store_variant(f"{turn % 8:032x}", images[0], width=80, height=64)
    assert cache.variant(f"{turn % 8:032x}") is not None, (turn, cache.findings)
assert cache.findings == (), cache.findings
cache.close()
"""

RACE = """
import sys, time
from pathlib import Path
from mkdocs_comfy.images.cache import HeroCache
from mkdocs_comfy.images.inspect import inspect_image

directory, source = Path(sys.argv[1]), Path(sys.argv[2])
data = (source / "0.png").read_bytes()
info = inspect_image(data, max_pixels=10**6)
cache = HeroCache(directory)
made = 0
for number in range(12):
    key = f"k1-{number:064x}"
    while cache.original(key) is None:
        if not cache.claim(key):
            time.sleep(0.005)
            continue
        if cache.original(key) is None:
            time.sleep(0.02)  # a render
            made += 1
            cache.store_original(key, data, info)
        cache.release(key)
assert cache.findings == (), cache.findings
cache.close()
print(made)
"""

CRASH = """
import os, sys
from pathlib import Path
from mkdocs_comfy.images import index
from mkdocs_comfy.images.cache import HeroCache

index.CLAIM_SECONDS = float(sys.argv[2])
assert HeroCache(Path(sys.argv[1])).claim(sys.argv[3])
os._exit(1)
"""


def spawn(script, *arguments):
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", script, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(processes):
    outputs = [each.communicate(timeout=120) for each in processes]
    assert [each.returncode for each in processes] == [0] * len(processes), outputs
    assert all(errors == "" for _, errors in outputs), outputs
    return [output for output, _ in outputs]


def test_builds_that_store_the_same_keys_never_see_half_an_image(tmp_path, picture, open_cache):
    for number, mode in enumerate(("RGB", "L", "RGBA")):
        (tmp_path / f"{number}.png").write_bytes(picture(mode=mode))

    finish([spawn(STORM, tmp_path / "comfy", tmp_path, number) for number in range(4)])

    cache = open_cache(tmp_path / "comfy")
    for number in range(8):
        original = cache.original(f"k1-{number:064x}")
        info = inspect_image(cache.read(original), max_pixels=10**6)
        assert info.pixels == original.record.pixels
    assert cache.findings == ()
    assert not [each for each in tmp_path.rglob("*") if each.suffix == ".tmp"]
    assert not list((tmp_path / "comfy").glob("*damaged*"))


def test_builds_at_once_render_each_image_once(tmp_path, picture):
    (tmp_path / "0.png").write_bytes(picture())

    made = finish([spawn(RACE, tmp_path / "comfy", tmp_path) for _ in range(4)])

    assert sum(map(int, made)) == 12


def test_a_lookup_waits_for_a_build_that_is_just_storing(cache, open_cache, picture):
    """Between the new file and its record the two do not agree, and yet nothing is torn."""
    data = picture("png", size=(96, 96))
    info = inspect_image(data, max_pixels=10**6)
    other = open_cache(cache.directory)
    cache.store_original(KEY, picture(), inspect_image(picture(), max_pixels=10**6))
    assert other.original(KEY).record.width == 80
    renamed = threading.Event()
    put = cache._index.put

    def slowly(key, row, *, first):
        def rename():
            first()
            renamed.set()
            time.sleep(0.3)

        return put(key, row, first=rename)

    cache._index.put = slowly
    with ThreadPoolExecutor(1) as pool:
        storing = pool.submit(cache.store_original, KEY, data, info)
        renamed.wait(30)
        found = other.original(KEY)

    assert found == storing.result()
    assert found.record.width == 96
    assert other.findings == ()


def test_a_claim_is_one_builds_until_it_is_released(cache, open_cache):
    other = open_cache(cache.directory)

    assert cache.claim(KEY)
    assert cache.claim(KEY)
    assert not other.claim(KEY)
    assert not other.renew(KEY)
    assert cache.renew(KEY)

    other.release(KEY)
    assert not other.claim(KEY)

    cache.release(KEY)
    assert other.claim(KEY)
    assert not cache.renew(KEY)


def test_the_claim_of_a_crashed_build_ends_by_itself(tmp_path, open_cache):
    crashed = spawn(CRASH, tmp_path / "comfy", 1.5, KEY)
    crashed.communicate(timeout=60)
    assert crashed.returncode == 1

    cache = open_cache(tmp_path / "comfy")
    claimed_at_once = cache.claim(KEY)
    deadline = time.monotonic() + 30
    while not cache.claim(KEY) and time.monotonic() < deadline:
        time.sleep(0.05)

    assert not claimed_at_once
    assert cache.renew(KEY)


def test_a_claim_from_the_future_does_not_last_for_ever(cache, open_cache, monkeypatch):
    """A clock that was set back must not block a key until it has caught up."""
    other = open_cache(cache.directory)
    with monkeypatch.context() as future:
        future.setattr("time.time", lambda now=time.time: now() + 3600)
        assert other.claim(KEY)

    assert cache.claim(KEY)


def test_a_row_under_a_claims_name_that_is_none_does_not_block(cache):
    cache._index.put(f"claim:{KEY}", ["not", "a", "claim"])
    assert cache.claim(KEY)

    cache._index._store.set(f"claim:{KEY}", {"owner": 7}, expire=20)
    assert cache.claim(KEY)


def test_the_light_modules_do_not_import_what_a_warm_build_does_not_need(tmp_path):
    script = """
import sys
from pathlib import Path
import mkdocs_comfy.images.containers
from mkdocs_comfy.images.cache import HeroCache
from mkdocs_comfy.images.variants import variant_key

cache = HeroCache(Path(sys.argv[1]))
cache.original("k1-" + "5" * 64)
cache.claim("k1-" + "5" * 64)
cache.variant(variant_key(pixels="0" * 64, width=80, format="webp", quality=80))
cache.close()
heavy = {"PIL", "httpx", "websockets", "aiohttp", "asyncio", "ssl", "multiprocessing"}
print(sorted(heavy & set(sys.modules)))
"""
    (output,) = finish([spawn(script, tmp_path / os.curdir)])

    assert output == "[]\n"
