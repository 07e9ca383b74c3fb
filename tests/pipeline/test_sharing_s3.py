"""The shared cache in S3: a real server, its users and its manners."""

import dataclasses
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mkdocs_comfy.pipeline import Notice
from mkdocs_comfy.pipeline.errands import Deadlines
from mkdocs_comfy.pipeline.trial import try_shared_cache
from mkdocs_comfy.settings import RemoteSettings


@pytest.fixture
def made(settings, tmp_path, new_pipeline, page):
    """Produce one hero on a machine of that name; says what was told, too."""

    def run(name, remote, *, seed=1, renders=True, deadlines=None):
        (server,) = settings.servers
        options = dataclasses.replace(
            settings,
            cache_dir=tmp_path / name,
            cache_remote=RemoteSettings(**remote),
            ci=not renders,
            servers=(dataclasses.replace(server, explicit=renders),),
        )
        pipeline, events = new_pipeline(options, deadlines=deadlines), []
        production = pipeline.produce(pipeline.plan([page(hero_seed=seed)]), report=events.append)
        return production, [each for each in events if isinstance(each, Notice)]

    return run


def warnings(notices):
    return [each.text for each in notices if each.warning]


def test_a_writer_gives_and_everybody_takes(s3, made):
    first, told = made("one", s3.remote("writer", folder="all"))
    second, heard = made("two", s3.remote(folder="all"), renders=False)

    assert (first.rendered, second.shared) == (1, 1)
    assert warnings(told) == warnings(heard) == []
    assert told[-1].text == f"1 image written to the shared cache s3://{s3.bucket}/all"


def test_a_fork_renders_what_is_missing_and_may_not_write_it(s3, made):
    """Nobody is warned of what is as it should be."""
    made("one", s3.remote("writer", folder="fork"))

    production, notices = made("two", s3.remote(folder="fork"), seed=2)

    assert production.rendered == 1
    assert warnings(notices) == []
    assert "access denied; what is rendered here stays in `cache_dir:`" in notices[-1].text
    assert "write: false" in notices[-1].text


def test_who_is_to_write_and_may_not_is_warned(s3, made):
    made("one", s3.remote("writer", folder="must"))

    _, notices = made("two", s3.remote(folder="must", write=True), seed=2)

    (warning,) = warnings(notices)
    assert "access denied; what is rendered here stays" in warning


def test_the_first_build_of_who_may_not_list_is_not_warned(s3, made):
    """S3 denies what is not there, and nothing is there yet."""
    blind = s3.remote("blind-writer", folder="blind")

    first, told = made("one", blind)
    second, heard = made("two", blind)

    assert (first.rendered, second.shared) == (1, 1)
    assert warnings(told) == warnings(heard) == []


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ({"key": "AKIAUNKNOWNUNKNOWN", "secret": "s3cret-pa55word"}, "InvalidAccessKeyId"),
        ({"secret": "s3cret-pa55word"}, "SignatureDoesNotMatch"),
    ],
)
def test_wrong_credentials_cost_one_warning_and_are_not_shown(s3, made, keys, code, promised):
    remote = s3.remote("writer", folder="wrong")
    remote["options"] |= keys

    production, notices = made("one", remote)

    assert production.rendered == 1
    (warning,) = warnings(notices)
    assert f"access denied ({code})" in warning
    assert all(each not in warning for each in (remote["options"]["key"], "s3cret"))
    assert promised["shared cache denies access"].startswith("all images")


def test_a_bucket_that_is_not_for_everybody(s3, made):
    production, notices = made("one", s3.remote(folder="x", private=True))

    assert production.rendered == 1
    (warning,) = warnings(notices)
    assert "access denied" in warning


def test_a_bucket_that_is_not_there(s3, made):
    remote = s3.remote("writer", folder="x")
    remote["url"] = "s3://no-such-bucket/x"

    assert "there is no such bucket" in warnings(made("one", remote)[1])[0]


def test_a_store_that_is_full_costs_one_warning(s3, made, promised):
    s3.fill_up(full=True)

    production, notices = made("one", s3.remote("writer", folder="full"))

    assert production.rendered == 1
    (warning,) = warnings(notices)
    assert "what is rendered here stays in `cache_dir:`" in warning
    assert promised["shared cache full"].startswith("all images")


def test_two_machines_that_render_the_same_do_not_meet(s3, made):
    """The second one asked before the first one wrote."""
    remote = s3.remote("writer", folder="race")
    made("one", {**remote, "write": False})
    made("two", remote)

    _, notices = made("one", remote)

    assert warnings(notices) == []
    assert made("three", remote, renders=False)[0].shared == 1


class OnlyReads(BaseHTTPRequestHandler):
    """An S3 that has nothing, and does not answer who writes."""

    def do_GET(self):
        self.send_response(404)
        self.end_headers()
        self.wfile.write(b"<Error><Code>NoSuchKey</Code></Error>")

    def do_PUT(self):
        self.server.over.wait(60)

    def log_message(self, *_):
        pass


@contextmanager
def only_reads():
    with ThreadingHTTPServer(("127.0.0.1", 0), OnlyReads) as server:
        server.daemon_threads, server.over = True, threading.Event()
        server.handle_error = lambda *_: None
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.over.set()
        server.shutdown()
        thread.join()


def test_a_store_that_hangs_on_writing_costs_a_bounded_time(s3, made, promised):
    with only_reads() as url:
        remote = s3.remote("writer", folder="x")
        remote["options"] |= {"endpoint_url": url}
        deadlines = Deadlines(answer=20, reading=20, writing=0.5)
        production, notices = made("one", remote, deadlines=deadlines)

    assert production.rendered == 1
    (warning,) = warnings(notices)
    assert "writing: took longer than 0.5 s in all" in warning
    assert "mkdocs-comfy render writes what is not there yet" in warning
    assert promised["shared cache slow to write"].startswith("all images")


# Trying it out -----------------------------------------------------------------------------------


@pytest.fixture
def tried(settings):
    return lambda remote, **more: try_shared_cache(
        dataclasses.replace(settings, cache_remote=RemoteSettings(**remote)), **more
    )


def test_a_writer_reads_and_writes(s3, tried):
    for _ in range(2):  # what the first left behind is written over
        trial = tried(s3.remote("writer", folder="trial"))
        assert (trial.readable, trial.writable, trial.error) == (True, True, None)


def test_everybody_reads(s3, tried, made):
    made("one", s3.remote("writer", folder="trial-all"))

    trial = tried(s3.remote(folder="trial-all"))
    assert (trial.readable, trial.writable, trial.error) == (True, False, None)
    assert "access denied" in trial.refusal.problem
    assert tried(s3.remote(folder="trial-all", write=True)).error.denied
    assert tried(s3.remote(folder="trial-all", write=False)).writable is None


def test_who_may_not_read_is_told(s3, tried):
    trial = tried(s3.remote("lister", folder="trial"))

    assert (trial.readable, trial.writable) == (False, False)
    assert "access denied" in trial.error.what


def test_a_trial_ends_in_time(s3, tried):
    with only_reads() as url:
        remote = s3.remote("writer", folder="x")
        remote["options"] |= {"endpoint_url": url}
        trial = tried(remote, longest=0.5)

    assert "no answer for 0.5 s" in trial.error.what
