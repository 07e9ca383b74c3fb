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
import sys
from pathlib import Path
from mkdocs_comfy.images.cache import HeroCache

assert HeroCache(Path(sys.argv[1])).claim(sys.argv[2])
print("claimed", flush=True)
sys.stdin.read()
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

    other.release(KEY)
    assert not other.claim(KEY)

    cache.release(KEY)
    assert other.claim(KEY)
    assert not cache.claim(KEY)


def test_a_closed_cache_claims_nothing(cache, open_cache):
    cache.claim(KEY)
    cache.close()

    assert open_cache(cache.directory).claim(KEY)
    assert not cache.claim(KEY)


def test_the_claim_of_a_killed_build_is_free_at_once(tmp_path, open_cache):
    cache = open_cache(tmp_path / "comfy")
    command = [sys.executable, "-c", CRASH, str(tmp_path / "comfy"), KEY]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as build:
        assert build.stdout.readline() == "claimed\n"
        claimed_while_it_lives = cache.claim(KEY)
        build.kill()
        build.wait()

    assert not claimed_while_it_lives
    assert cache.claim(KEY)
    assert cache.findings == ()


def test_a_clock_that_is_set_back_or_forward_ends_no_claim(cache, open_cache, monkeypatch):
    other = open_cache(cache.directory)
    with monkeypatch.context() as future:
        future.setattr("time.time", lambda now=time.time: now() + 3600)
        assert other.claim(KEY)
    assert not cache.claim(KEY)

    other.release(KEY)
    assert cache.claim(KEY)


def test_a_row_under_a_claims_name_that_is_none_does_not_block(cache):
    for row in (["not", "a", "claim"], {"owner": 7}, {"owner": "../../etc/passwd"}):
        cache._index.put(f"claim:{KEY}", row)
        assert cache.claim(KEY)
        cache.release(KEY)


def test_claims_of_killed_builds_do_not_pile_up(cache, open_cache, monkeypatch):
    killed = open_cache(cache.directory)
    assert killed.claim(KEY)
    killed._claims.close()

    cache.writable()
    assert list((cache.directory / "locks").iterdir()) == []
    monkeypatch.setattr("time.time", lambda now=time.time: now() + 8 * 86_400)
    cache.writable()

    assert list(cache._index._store) == []


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
