"""The shared cache of several machines: what it gives, and that nothing wrong with it is felt."""

import dataclasses
import hashlib
import io
import json
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from PIL import Image

from mkdocs_comfy.errors import CacheError
from mkdocs_comfy.images.remote import Remote
from mkdocs_comfy.images.shared import record_of
from mkdocs_comfy.pipeline import Notice
from mkdocs_comfy.pipeline.depot import Depot, Offer
from mkdocs_comfy.pipeline.errands import Deadlines
from mkdocs_comfy.pipeline.trial import try_shared_cache
from mkdocs_comfy.pipeline.upkeep import Upkeep
from mkdocs_comfy.settings import Mode, RemoteSettings

QUICK = Deadlines(answer=0.5, reading=3, writing=3)


class Team:
    """Machines that share a cache, each with a private one.

    Attributes:
        folder: What is shared, where it is a folder.
        settings: Those of a machine that renders.
    """

    def __init__(self, settings, tmp_path, new_pipeline):
        self.folder = tmp_path / "shared"
        self.folder.mkdir()
        self._root, self._new_pipeline = tmp_path, new_pipeline
        self.settings = settings

    def machine(self, name, *, remote=None, deadlines=None, **options):
        """A machine, by the name of its cache; ``remote`` is the folder where not given."""
        remote = remote or {"url": self.folder.as_uri()}
        settings = dataclasses.replace(
            self.settings,
            **{
                "cache_dir": self._root / name,
                "frozen_dir": self._root / f"{name}-heroes",
                "cache_remote": RemoteSettings(**remote),
                **options,
            },
        )
        return self._new_pipeline(settings, deadlines=deadlines)

    def reader(self, name="reader", **more):
        """A machine that renders nothing."""
        return self.machine(name, **{"ci": True, "servers": self._unnamed(), **more})

    def _unnamed(self):
        (server,) = self.settings.servers
        return (dataclasses.replace(server, explicit=False),)

    def files(self):
        """Names of the files that are shared."""
        return sorted(
            each.relative_to(self.folder).as_posix()
            for each in self.folder.rglob("*")
            if each.is_file()
        )

    def record(self):
        """The file of the only record."""
        (file,) = self.folder.glob("v1/records/*")
        return file

    def image(self):
        """The file of the only image."""
        (file,) = self.folder.glob("v1/images/*")
        return file

    def forge(self, **changes):
        """Write the record anew, with other values."""
        document = json.loads(self.record().read_text())
        self.record().write_text(json.dumps({**document, **changes}))

    def put_image(self, data, **changes):
        """Write another image, and have the record speak of it."""
        digest = hashlib.sha256(data).hexdigest()
        (self.folder / "v1/images" / digest).write_bytes(data)
        self.forge(sha256=digest, **changes)


@pytest.fixture
def team(settings, tmp_path, new_pipeline):
    return Team(settings, tmp_path, new_pipeline)


@pytest.fixture
def made(produce, page):
    """Produce the heroes of some pages; says what was told, too."""

    def run(pipeline, *pages, **options):
        events = []
        plan = pipeline.plan(pages or [page()])
        production = pipeline.produce(plan, report=events.append, **options)
        return production, events

    return run


def warnings(events):
    return [each.text for each in events if isinstance(each, Notice) and each.warning]


def infos(events):
    return [each.text for each in events if isinstance(each, Notice) and not each.warning]


# Giving and taking -------------------------------------------------------------------------------


def test_what_one_machine_renders_another_has_without_a_server(team, made, page, comfyui):
    pages = [page(f"{seed}.md", hero_seed=seed) for seed in range(5)]

    first, told = made(team.machine("one"), *pages)
    asked = len(comfyui.requests)
    second, events = made(team.reader(), *pages)

    assert (first.rendered, second.shared, second.failures) == (5, 5, {})
    assert infos(told)[-1] == f"5 images written to the shared cache {team.folder.as_uri()}"
    assert warnings(told) == warnings(events) == []
    assert len(comfyui.requests) == asked
    assert {key: image.name for key, image in first.images.items()} == {
        key: image.name for key, image in second.images.items()
    }


def test_the_original_and_how_it_was_made_come_along(team, made, page):
    here, there = team.machine("one"), team.reader()
    (key,) = made(here)[0].images
    made(there)

    mine, theirs = here._cache.original(key), there._cache.original(key)
    assert here._cache.read(mine) == there._cache.read(theirs)
    assert here._cache.made(key) == there._cache.made(key)
    assert made(there)[0].cached == 1


def test_the_layout_is_the_documented_one(team, made):
    (key,) = made(team.machine("one"))[0].images

    digest = hashlib.sha256(team.image().read_bytes()).hexdigest()
    assert team.files() == [
        "mkdocs-comfy.json",
        f"v1/images/{digest}",
        f"v1/records/{key}.json",
    ]
    record = json.loads(team.record().read_text())
    assert (record["format"], record["key"], record["pages"]) == (1, key, [])
    assert json.loads((team.folder / "mkdocs-comfy.json").read_text()) == {"format": 1}


def test_nothing_is_ever_written_over(team, made):
    made(team.machine("one"))
    team.forge(prompt="the first one's")
    before = {file: (team.folder / file).read_bytes() for file in team.files()}

    production, events = made(team.machine("two"), anew=True)

    assert production.rendered == 1
    after = {file: (team.folder / file).read_bytes() for file in team.files()}
    assert before.items() <= after.items()
    assert "written" not in " ".join(infos(events))


def test_a_forced_render_does_not_take_what_is_shared(team, made, comfyui):
    made(team.machine("one"))
    comfyui.submissions.clear()

    production, _ = made(team.machine("two"), anew=True)

    assert (production.rendered, production.shared) == (1, 0)
    assert len(comfyui.submissions) == 1


def test_stand_ins_are_neither_shared_nor_asked_for(team, made, page, replaced):
    embedded = replaced(team.settings, url="embedded")
    team.settings = embedded
    production, events = made(team.machine("one"))

    assert production.rendered == 1
    assert team.files() == []
    assert infos(events) == []


def test_a_pinned_image_comes_from_the_shared_cache(team, made, page):
    (key,) = made(team.machine("one"))[0].images

    pinned = page("b.md", hero_prompt="something else", hero_pin=key)
    production, _ = made(team.reader(), pinned)

    assert list(production.images) == [key]
    assert production.shared == 1


def test_an_image_that_only_this_machine_has_is_shared_when_one_asks_for_it(team, made):
    """``mkdocs-comfy render``: the shared cache was set up later, or was down."""
    alone = {"cache_remote": None}
    made(team.machine("one", **alone))

    assert made(team.machine("one"))[1] == [], "a build writes what it rendered, and no more"
    _, events = made(team.machine("one"), share=True)
    assert infos(events) == [f"1 image written to the shared cache {team.folder.as_uri()}"]
    assert made(team.machine("one"), share=True)[1] == [], "it is there"
    assert made(team.reader())[0].shared == 1


def test_a_frozen_image_is_not_shared(team, made, page):
    alone = team.machine("one", cache_remote=None)
    made(alone)
    with closing(Upkeep(alone.settings)) as upkeep:
        upkeep.freeze(alone.plan([page()]))

    production, _ = made(team.machine("one"), share=True)

    assert production.frozen == 1
    assert team.files() == []


def test_offline_it_is_not_asked(team, made):
    made(team.machine("one"))

    production, events = made(team.machine("two", mode=Mode.OFFLINE))

    assert (production.shared, len(production.failures)) == (0, 1)
    assert events == []


def test_read_only_nothing_is_written(team, made):
    _, events = made(team.machine("one", remote={"url": team.folder.as_uri(), "write": False}))

    assert team.files() == []
    assert warnings(events) == []


def test_many_are_fetched_at_a_time(team, made, page, slow_folder):
    """Thirty answers of 0.2 s each are not six seconds."""
    pages = [page(f"{seed}.md", hero_seed=seed) for seed in range(15)]
    made(team.machine("one"), *pages)

    with slow_folder(team.folder, seconds=0.2) as server:
        production, _ = made(team.reader(remote={"url": server.url}), *pages)

    assert production.shared == 15
    assert server.most_at_once > 4


def test_what_is_stored_here_is_encoded_while_the_shared_cache_is_asked(team, made, page):
    pages = [page(f"{seed}.md", hero_seed=seed) for seed in range(2)]
    made(team.machine("one"), *pages)
    made(team.reader("two", cache_remote=None, ci=False, servers=team.settings.servers), pages[0])
    for file in (team.folder.parent / "two/variants").iterdir():
        file.unlink()

    production, _ = made(team.reader("two"), *pages)

    assert (production.cached, production.shared) == (1, 1)


# What is wrong with an entry ---------------------------------------------------------------------


def png(width=512, height=256, colour="navy"):
    file = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(file, "PNG")
    return file.getvalue()


def truncate(team):
    team.image().write_bytes(team.image().read_bytes()[:-9])


def swap(team):
    team.image().write_bytes(png())


def no_image(team):
    data = b"<html>not found</html>" * 20
    team.put_image(data)


def other_pixels(team):
    team.put_image(png())


def truncated_with_its_digest(team):
    team.put_image(team.image().read_bytes()[:-400])


def too_many_pixels(team):
    team.put_image(png(9000, 9000))


def too_many_bytes(team):
    team.put_image(png() + bytes(2**20 + 1))


def empty(team):
    team.record().write_bytes(b"")


def no_json(team):
    team.record().write_bytes(b"\x00\xff" * 50)


def long_record(team):
    team.record().write_bytes(b" " * (2**23 + 1))


def deep_record(team):
    team.record().write_text("[" * 100_000)


POISON = {
    truncate: "is not what its name says: truncated, or another file",
    swap: "is not what its name says: truncated, or another file",
    no_image: "cannot be used: ",
    other_pixels: "speaks of other pixels than its image has",
    truncated_with_its_digest: "cannot be used: ",
    too_many_pixels: "cannot be used: ",
    too_many_bytes: "is larger than `max_bytes:` allows",
    empty: "is no JSON",
    no_json: "is no JSON",
    long_record: "is longer than any record",
    deep_record: "is no JSON",
    partial(Team.forge, key="k1-" + "0" * 64): "is the sidecar of another key",
    partial(Team.forge, pages=["../../etc/passwd"]): "holds a path that is none of a page",
    partial(Team.forge, file="/etc/passwd"): "lacks, or should not have, 'file'",
    partial(Team.forge, sha256="../../../etc/passwd"): "is not what a sidecar is",
    partial(Team.forge, width=9): "speaks of other pixels than its image has",
    partial(Team.forge, format=2): "is of format 2, and this version knows 1",
}


@pytest.mark.parametrize(
    ("poison", "problem"),
    POISON.items(),
    ids=[getattr(each, "__name__", None) or str(each.keywords) for each in POISON],
)
def test_what_is_not_as_it_should_be_is_refused_and_rendered(team, made, poison, problem, promised):
    made(team.machine("one"))
    poison(team)

    production, events = made(team.machine("two", max_bytes=2**20))

    assert (production.rendered, production.shared, production.failures) == (1, 0, {})
    (warning,) = warnings(events)
    assert problem in warning
    assert warning.startswith(f"shared cache {team.folder.as_uri()}: v1/")
    assert "and is not used\n    " in warning
    row = "shared cache poisoned: truncated, swapped, too large, no image, another key"
    assert promised[row].startswith("all images")


def test_a_record_whose_first_digits_are_those_of_another_key(team, made):
    (key,) = made(team.machine("one"))[0].images
    team.forge(key=key[:-4] + "0000")

    _, events = made(team.machine("two"))

    assert "is the record of another key" in warnings(events)[0]


def test_an_entry_of_a_later_version_says_how_to_get_it(team, made):
    made(team.machine("one"))
    team.forge(format=2)

    assert "pip install --upgrade mkdocs-comfy" in warnings(made(team.machine("two"))[1])[0]


def test_many_poisoned_entries_are_one_warning(team, made, page):
    pages = [page(f"{seed}.md", hero_seed=seed) for seed in range(4)]
    made(team.machine("one"), *pages)
    for file in team.folder.glob("v1/records/*"):
        file.write_text("{}")

    production, events = made(team.machine("two"), *pages)

    assert production.rendered == 4
    assert "(and 3 more)" in "".join(warnings(events))
    assert len(warnings(events)) == 1


def test_a_record_whose_image_was_taken_by_a_lifecycle_rule_is_nothing(team, made):
    made(team.machine("one"))
    team.image().unlink()

    production, events = made(team.machine("two"))

    assert production.rendered == 1
    assert warnings(events) == []


# What is wrong with all of it --------------------------------------------------------------------


class Handler(SimpleHTTPRequestHandler):
    """Files of a folder, as a plain web server has them."""

    def do_GET(self):
        with self.server.counted():
            status = self.server.before(self)
            if status:
                self.send_error(status)
            else:
                super().do_GET()

    def log_message(self, *_):
        pass


class Folder(ThreadingHTTPServer):
    """A web server; ``before`` is done before each answer and may give a status instead."""

    daemon_threads = True

    def __init__(self, folder, before):
        self.before, self.requests, self.most_at_once = before, [], 0
        self._now, self._lock = 0, threading.Lock()
        super().__init__(("127.0.0.1", 0), partial(Handler, directory=folder))
        self.url = f"http://127.0.0.1:{self.server_port}"

    @contextmanager
    def counted(self):
        with self._lock:
            self._now += 1
            self.requests.append(self._now)
            self.most_at_once = max(self.most_at_once, self._now)
        yield
        with self._lock:
            self._now -= 1

    def handle_error(self, *_):
        """Say nothing of clients that went away."""


@contextmanager
def serving(folder, before=lambda _: None):
    with Folder(folder, before) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def slow_folder():
    return lambda folder, seconds: serving(folder, lambda _: time.sleep(seconds))


def test_over_http_it_is_read_by_everybody_and_written_by_nobody(team, made):
    made(team.machine("one"))
    before = team.files()

    with serving(team.folder) as server:
        production, events = made(team.reader(remote={"url": server.url}))
        rendered, told = made(team.machine("three", remote={"url": server.url}, size=(640, 320)))

    assert (production.shared, rendered.rendered) == (1, 1)
    assert warnings(events) == warnings(told) == []
    assert team.files() == before


@pytest.mark.parametrize(("status", "problem"), [(403, "access denied"), (500, "500")])
def test_a_server_that_answers_with_an_error_is_asked_once(team, made, page, status, problem):
    pages = [page(f"{seed}.md", hero_seed=seed) for seed in range(9)]
    with serving(team.folder, lambda _: status) as server:
        production, events = made(team.machine("one", remote={"url": server.url}), *pages)

    assert (production.rendered, production.failures) == (9, {})
    (warning,) = warnings(events)
    assert problem in warning
    assert "it is not asked again in this build" in warning
    assert len(server.requests) == 1


def test_where_nothing_is_listed_denied_means_not_there(team, made, page):
    """S3 says 403 of what it does not have, also of the one record that is not there."""
    made(team.machine("one"))

    def before(handler):
        return None if (team.folder / handler.path[1:]).exists() else 403

    with serving(team.folder, before) as server:
        pages = [page(), page("b.md", hero_seed=7)]
        production, events = made(team.machine("two", remote={"url": server.url}), *pages)

    assert (production.shared, production.rendered) == (1, 1)
    assert warnings(events) == []


def test_a_server_that_is_down_costs_one_warning(team, made, page, promised):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://user:s3cret-pa55word@127.0.0.1:{taken.getsockname()[1]}/x?sig=s3cret-sig"
    pages = [page(f"{seed}.md", hero_seed=seed) for seed in range(3)]

    pipeline = team.machine("one", remote={"url": url})
    production, events = made(pipeline, *pages)

    assert production.rendered == 3
    (warning,) = warnings(events)
    assert "Connect" in warning
    assert "s3cret" not in warning
    more = page("new.md", hero_seed=99)
    assert warnings(made(pipeline, more)[1]) == [], "it is left alone for ten minutes"
    assert promised["shared cache down"].startswith("all images")


def test_a_server_that_hangs_costs_a_bounded_time(team, made, page, promised):
    over = threading.Event()
    pages = [page(f"{seed}.md", hero_seed=seed) for seed in range(3)]
    with serving(team.folder, lambda _: over.wait(60) and None) as server:
        pipeline = team.machine("one", remote={"url": server.url}, deadlines=QUICK)
        production, events = made(pipeline, *pages)
        over.set()

    assert production.rendered == 3
    assert "reading: no answer for 0.5 s" in warnings(events)[0]
    assert len(warnings(events)) == 1
    assert promised["shared cache hangs"].startswith("all images")


def test_who_hangs_on_reading_is_not_waited_for_again(team, made, page):
    """What is to be written is given up, too."""
    made(team.machine("one", cache_remote=None))
    over = threading.Event()

    class Hung(MemoryFileSystem):
        protocol = "hung"

        def cat_file(self, *_, **__):
            over.wait(60)

    fsspec.register_implementation("hung", Hung, clobber=True)
    deadlines = Deadlines(answer=0.5, reading=60, writing=60)
    pipeline = team.machine("one", remote={"url": "hung://x"}, deadlines=deadlines)
    production, events = made(pipeline, page(), page("b.md", hero_seed=2), share=True)
    over.set()

    assert (production.cached, production.rendered) == (1, 1)
    (warning,) = warnings(events)
    assert "reading: no answer for 0.5 s" in warning
    assert "written" not in " ".join(infos(events))


def test_a_private_cache_that_cannot_be_written_is_told_as_such(team, made, tmp_path):
    made(team.machine("one"))
    (tmp_path / "reader").mkdir()
    (tmp_path / "reader/originals").write_text("in the way")

    production, _ = made(team.reader())

    (error,) = production.failures.values()
    assert isinstance(error, CacheError)


@pytest.mark.parametrize("act", ["unlink", "touch"])
def test_an_image_that_changed_before_it_was_written_is_not(team, made, page, act):
    pipeline = team.machine("one", cache_remote=None)
    (key,) = made(pipeline)[0].images
    original = pipeline._cache.original(key)
    made_so = pipeline._cache.made(key)
    offer = Offer(
        sidecar=record_of(key, original.record, made_so), path=original.path, missing=True
    )
    depot = Depot(RemoteSettings(url=team.folder.as_uri()), max_bytes=2**20)
    if act == "unlink":
        Path(original.path).unlink()
    else:
        Path(original.path).write_bytes(png())

    assert not depot.give(offer)
    assert team.files() == ["mkdocs-comfy.json"]


def test_a_store_that_forgets_is_not_fit(settings):
    class Forgetful(MemoryFileSystem):
        protocol = "forgetful"

        def pipe_file(self, *_, **__):
            pass

    fsspec.register_implementation("forgetful", Forgetful, clobber=True)
    remote = RemoteSettings(url="forgetful://x")

    trial = try_shared_cache(dataclasses.replace(settings, cache_remote=remote))

    assert "what was written to it does not come back" in trial.error.what


def test_a_server_that_drips_costs_a_bounded_time(team, made, page, promised):
    """Each answer is in time, and all of them are not."""
    pages = [page(f"{seed}.md", hero_seed=seed) for seed in range(40)]
    deadlines = Deadlines(answer=5, reading=0.6, writing=3)
    with serving(team.folder, lambda _: time.sleep(0.5)) as server:
        pipeline = team.machine("one", remote={"url": server.url}, deadlines=deadlines)
        production, events = made(pipeline, *pages)

    assert (production.rendered, production.failures) == (40, {})
    assert "reading: took longer than 0.6 s in all" in warnings(events)[0]
    assert promised["shared cache slow"].startswith("all images")


def test_what_came_before_the_end_is_used(team, made, page, promised):
    pages = [page(f"{seed}.md", hero_seed=seed) for seed in range(4)]
    keys = list(made(team.machine("one"), *pages)[0].images)
    over = threading.Event()

    def before(handler):
        if keys[2] in handler.path:
            over.wait(60)

    with serving(team.folder, before) as server:
        pipeline = team.machine("two", remote={"url": server.url}, deadlines=QUICK)
        production, events = made(pipeline, *pages)
        over.set()

    assert (production.shared, production.rendered) == (3, 1)
    assert len(warnings(events)) == 1
    assert promised["shared cache hangs half-way"].startswith("all images")


def test_a_folder_that_is_not_mounted_is_not_made(team, made, tmp_path):
    away = tmp_path / "away"

    production, events = made(team.machine("one", remote={"url": away.as_uri()}))

    assert production.rendered == 1
    assert "there is no such folder" in warnings(events)[0]
    assert not away.exists()


def test_a_folder_that_cannot_be_written_costs_one_warning(team, made, page):
    (team.folder / "v1").mkdir()
    (team.folder / "v1/images").write_text("in the way")
    pages = [page(f"{seed}.md", hero_seed=seed) for seed in range(3)]

    production, events = made(team.machine("one"), *pages)

    assert (production.rendered, production.failures) == (3, {})
    (warning,) = warnings(events)
    assert "what is rendered here stays in `cache_dir:`" in warning


@pytest.mark.parametrize("extra", ["gs://heroes/x", "quatsch://heroes/x"])
def test_a_driver_that_is_not_there_costs_one_warning(team, made, extra):
    production, events = made(team.machine("one", remote={"url": extra}))

    assert production.rendered == 1
    assert len(warnings(events)) == 1


# Several at once ---------------------------------------------------------------------------------

WRITER = """
import sys
from mkdocs_comfy.images.remote import Remote
remote = Remote(sys.argv[1], {})
print("ready", flush=True)
sys.stdin.readline()
print(remote.create("v1/records/key.json", sys.argv[2].encode() * 100_000))
"""


def test_two_processes_that_write_the_same_key_do_not_meet(team):
    def start(text):
        command = [sys.executable, "-c", WRITER, team.folder.as_uri(), text]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    with start("a") as one, start("b") as two:
        for each in (one, two):
            assert each.stdout.readline() == "ready\n"
        for each in (one, two):
            each.stdin.write("\n")
            each.stdin.flush()
        said = sorted(each.stdout.readline() for each in (one, two))

    assert said == ["False\n", "True\n"]
    content = (team.folder / "v1/records/key.json").read_bytes()
    assert content in {b"a" * 100_000, b"b" * 100_000}
    assert team.files() == ["v1/records/key.json"]


def test_a_reader_never_sees_half_a_file(team):
    """Writing is a rename, or a link: what stands under the name is whole."""
    remote, seen, over = Remote(team.folder.as_uri(), {}), set(), threading.Event()

    def look():
        while not over.is_set():
            seen.add(len(remote.read("v1/images/x", limit=2**24) or b""))

    thread = threading.Thread(target=look)
    thread.start()
    remote.create("v1/images/x", bytes(2**23))
    over.set()
    thread.join()

    assert seen <= {0, 2**23}
