"""kill -9 at any point, a hundred times: what was rendered is there, and the next build goes on."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest

from mkdocs_comfy.images import blobs
from mkdocs_comfy.images.frozen import FrozenFolder
from mkdocs_comfy.images.inspect import inspect_image

KILLS = 100
KEYS = 6  # that one worker makes
PRUNED = "k1-" + "f" * 64
ANEW = "k1-" + "e" * 64
TWO_DAYS = 2 * 24 * 3600

# Forks workers that do what builds, renders, freezes and prunes do to the disk, and kills them:
# at the N-th call of a function, or after some seconds. Workers tell what they have done.
ZYGOTE = """
import json, os, signal, sys, time
from functools import partial
from pathlib import Path
from mkdocs_comfy.images.cache import HeroCache
from mkdocs_comfy.images.frozen import freeze_image
from mkdocs_comfy.images.inspect import inspect_image
from mkdocs_comfy.images.making import Making

root, source = Path(sys.argv[1]), Path(sys.argv[2])
inspect = partial(inspect_image, max_pixels=10**6)
pictures = [(source / name).read_bytes() for name in ("0.png", "1.png")]
infos = [inspect(data) for data in pictures]
webp = (source / "0.webp").read_bytes()
PRUNED, ANEW, KEYS = sys.argv[3], sys.argv[4], int(sys.argv[5])
making = Making(prompt="a harbour", seed=1, template="default", workflow={})


def say(*words):
    os.write(1, (" ".join(words) + "\\n").encode())


def work(first):
    cache = HeroCache(root / "cache", inspect=inspect)
    cache.writable()
    for number in range(first, first + KEYS):
        key = "k1-" + f"{number:08x}" * 8
        if cache.claim(key):
            if cache.original(key) is None:
                which = number % 2
                cache.store_original(key, pictures[which], infos[which], made=making)
                say("stored", key)
            cache.release(key)
            cache.store_variant(f"{number:032x}", webp, width=80, height=64)
            cache.memory.note("k1", {f"{number}.md": key}, [key], number)
            freeze_image(root / "heroes", key, webp, inspect(webp), pages=(), made=making)
            say("frozen", key)
    for which in (0, 1):  # as render --force does, again and again
        cache.store_original(ANEW, pictures[which], infos[which])
        say("stored", ANEW)
    cache.store_original(PRUNED, pictures[0], infos[0])
    cache.remove([file for file in cache.files() if file.name == PRUNED])
    cache.close()


def worker(first, calls):
    left = [calls]

    def count(frame, event, arg):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(count)
    work(first)
    sys.setprofile(None)
    say("calls", str(-left[0]))


def fork(first, calls):
    child = os.fork()
    if child == 0:
        status = 1
        try:
            worker(first, calls)
            status = 0
        finally:
            os._exit(status)
    return child


say("ready")
for line in sys.stdin:
    order = json.loads(line)
    beside = fork(order["first"], 0) if order["beside"] else None
    killed = fork(order["first"], order["calls"])
    if order["seconds"] is not None:
        time.sleep(order["seconds"])
        os.kill(killed, signal.SIGKILL)
    ended = [os.waitstatus_to_exitcode(os.waitpid(killed, 0)[1])]
    if beside:
        ended.append(os.waitstatus_to_exitcode(os.waitpid(beside, 0)[1]))
    say("ended", *map(str, ended))
"""

AT_THE_RENAME = """
import os, signal, sys
from pathlib import Path
from mkdocs_comfy.images import blobs
from mkdocs_comfy.images.cache import HeroCache
from mkdocs_comfy.images.inspect import inspect_image

root, when, key = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
commit, cache = blobs.Staged.commit, HeroCache(root / "cache")


def commit_and_die(file):
    if when == "after":
        commit(file)
    os.kill(os.getpid(), signal.SIGKILL)


for name in ("0.png", "1.png"):
    data = (root / name).read_bytes()
    cache.store_original(key, data, inspect_image(data, max_pixels=10**6))
    blobs.Staged.commit = commit_and_die
"""


class Zygote:
    """Orders workers, and hears what they did."""

    def __init__(self, process):
        self._process = process
        self.done = Counter()
        assert process.stdout.readline() == "ready\n"

    def work(self, first, *, calls=0, seconds=None, beside=False):
        """Let one work, maybe one beside it that lives; their exit statuses, and its calls."""
        order = {"first": first, "calls": calls, "seconds": seconds, "beside": beside}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        made = 0
        for line in self._process.stdout:
            what, *words = line.split()
            match what:
                case "ended":
                    return [int(each) for each in words], made
                case "calls":
                    made = int(words[0])
                case _:
                    self.done[what, words[0]] += 1
        raise AssertionError("the zygote died")


@pytest.fixture
def pictures(tmp_path, picture):
    made = {
        "0.png": picture(),
        "1.png": picture(mode="L", size=(96, 96)),
        "0.webp": picture("webp"),
    }
    for name, data in made.items():
        (tmp_path / name).write_bytes(data)
    return made


@pytest.fixture
def zygote(tmp_path, pictures):
    command = [sys.executable, "-c", ZYGOTE, tmp_path, tmp_path, PRUNED, ANEW, str(KEYS)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Zygote(process)
        process.stdin.close()
        assert process.wait(30) == 0


def key_of(number):
    return "k1-" + f"{number:08x}" * 8


def assert_sound(tmp_path, open_cache, zygote, numbers):
    """What the cache and the frozen directory say that they have is whole; nothing is lost."""
    cache, frozen = open_cache(tmp_path / "cache"), FrozenFolder(tmp_path / "heroes")
    for key in (*map(key_of, numbers), PRUNED, ANEW):
        original = cache.original(key)
        assert original or ("stored", key) not in zygote.done, "it was rendered, and is lost"
        if original:
            info = inspect_image(cache.read(original), max_pixels=10**6)
            assert info.pixels == original.record.pixels
        image = frozen.find(key)
        assert image or ("frozen", key) not in zygote.done, "it was frozen, and is lost"
        if image:
            frozen.verify(image, inspect_image(frozen.data(image), max_pixels=10**6))
        assert cache.claim(key), "the killed one holds nobody up"
        cache.release(key)
    for number in numbers:
        if variant := cache.variant(f"{number:032x}"):
            assert inspect_image(cache.read(variant), max_pixels=10**6).format == "webp"
    assert cache.findings == ()
    cache.close()


def test_a_hundred_kills_lose_nothing_and_hold_nobody_up(zygote, tmp_path, open_cache):
    chance = random.Random(6)  # noqa: S311  # which moments, not a secret
    _, calls = zygote.work(0)
    started = time.monotonic()
    zygote.work(KEYS)
    seconds = time.monotonic() - started
    kills = first = 0
    for turn in range(4 * KILLS):
        if kills == KILLS:
            break
        first += KEYS if turn % 4 == 0 else 0  # the others go on with what was left
        if turn % 2:
            how = {"calls": chance.randrange(1, calls)}
        else:
            how = {"seconds": chance.uniform(0, seconds)}
        (status, *others), _ = zygote.work(first, beside=turn % 5 == 0, **how)
        assert status in {-signal.SIGKILL, 0}, "it may be done before its time"
        assert set(others) <= {0}, "who lives beside it is not disturbed"
        kills += status != 0
        assert_sound(tmp_path, open_cache, zygote, range(first, first + KEYS))
    assert kills == KILLS

    for begin in range(0, first + KEYS, KEYS):
        assert zygote.work(begin)[0] == [0]
    numbers = range(first + KEYS)
    assert_sound(tmp_path, open_cache, zygote, numbers)
    again = {key: times for (what, key), times in zygote.done.items() if what == "stored"}
    del again[ANEW]
    assert set(again.values()) == {1}, "nothing is rendered a second time"
    assert len(again) > KILLS
    assert_nothing_piles_up(tmp_path, open_cache)


def assert_nothing_piles_up(tmp_path, open_cache):
    """What kills left behind is gone after a day, at the next build and the next freeze."""
    left = list(tmp_path.rglob("*.tmp"))
    for path in left:
        os.utime(path, (time.time() - TWO_DAYS,) * 2)
    cache = open_cache(tmp_path / "cache")
    cache.writable()
    blobs.sweep(str(tmp_path / "heroes"))
    assert left, "a hundred kills hit a file that was being written"
    assert not list(tmp_path.rglob("*.tmp"))
    assert not list((tmp_path / "cache/locks").iterdir())
    assert not list(tmp_path.glob("cache/*damaged*"))


@pytest.mark.parametrize(("when", "which"), [("before", "0.png"), ("after", "1.png")])
def test_a_kill_where_one_image_takes_the_place_of_another_leaves_one_of_them(
    tmp_path, pictures, open_cache, when, which
):
    """The file and the index cannot change at one moment; either is whole at every moment."""
    command = [sys.executable, "-c", AT_THE_RENAME, tmp_path, when, ANEW]
    killed = subprocess.run(command, timeout=60, check=False)
    cache = open_cache(tmp_path / "cache")

    found = cache.original(ANEW)

    assert killed.returncode == -signal.SIGKILL
    assert cache.read(found) == pictures[which]
    assert found.record.pixels == inspect_image(pictures[which], max_pixels=10**6).pixels
    assert cache.findings == ()


def test_a_kill_there_is_no_loss_when_the_cache_is_then_copied(tmp_path, pictures, open_cache):
    """With other times, as from a CI cache: what did not come to be replaced still counts."""
    subprocess.run(
        [sys.executable, "-c", AT_THE_RENAME, tmp_path, "before", ANEW], timeout=60, check=False
    )
    for path in (tmp_path / "cache/originals").iterdir():
        os.utime(path, (1, 1))
    cache = open_cache(tmp_path / "cache")

    assert cache.read(cache.original(ANEW)) == pictures["0.png"]
    assert cache.findings == ()
