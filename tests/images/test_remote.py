"""Files below a URL: what is read, what is written, and what is said of it."""

import gzip
import os
import ssl
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module

import pytest
import trustme

from mkdocs_comfy.errors import SharedCacheError
from mkdocs_comfy.images.remote import Remote, display_url


@pytest.fixture
def folder(tmp_path):
    """A remote whose files are a folder's."""
    return Remote(tmp_path.as_uri(), {})


def test_what_was_written_is_read(folder):
    assert folder.create("v1/a/b", b"content")
    assert folder.read("v1/a/b", limit=100) == b"content"
    assert folder.read("v1/a/c", limit=100) is None


def test_of_a_longer_file_one_byte_more_is_read(folder):
    folder.create("a", bytes(100))

    assert len(folder.read("a", limit=9)) == 10
    assert len(folder.read("a", limit=100)) == 100


def test_nothing_is_written_over(folder):
    assert folder.create("a", b"first")
    assert not folder.create("a", b"second")
    assert folder.read("a", limit=9) == b"first"


def test_nothing_is_written_over_where_there_are_no_links(folder, monkeypatch):
    """exFAT, some network shares."""

    def refuse(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("mkdocs_comfy.images.remote.Path.hardlink_to", refuse)

    assert folder.create("a", b"first")
    assert not folder.create("a", b"second")
    assert folder.read("a", limit=9) == b"first"


def test_nothing_is_left_behind(folder, tmp_path):
    folder.create("a", b"first")
    folder.create("a", b"second")
    folder.replace("b", b"x")
    folder.replace("b", b"y")

    assert sorted(each.name for each in tmp_path.iterdir()) == ["a", "b"]
    assert folder.read("b", limit=9) == b"y"


def test_another_filesystem_of_fsspec(monkeypatch):
    remote = Remote("memory://heroes", {})

    assert remote.create("a", b"first")
    assert not remote.create("a", b"second")
    remote.replace("b", b"y")
    assert (remote.read("a", limit=2), remote.read("b", limit=2)) == (b"fir", b"y")
    assert remote.read("c", limit=2) is None


# What is said ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("s3://bucket/heroes/", "s3://bucket/heroes"),
        ("s3://key:s3cret@bucket/x", "s3://bucket/x"),
        ("https://u:s3@cret@example.org/x?sig=s3cret#s3cret", "https://example.org/x"),
        ("simplecache::ftp://u:s3cret@host/x", "simplecache::ftp://host/x"),
    ],
)
def test_a_url_is_shown_without_its_secrets(url, shown):
    assert display_url(url) == shown


def error_of(act):
    with pytest.raises(SharedCacheError) as caught:
        act()
    return caught.value


def test_what_a_driver_says_is_shown_without_secrets(monkeypatch):
    monkeypatch.setenv("MY_TOKEN", "s3cret-of-the-environment")
    remote = Remote(
        "ftp://user:s3cret-of-the-url@host/x?sig=s3cret-of-the-query",
        {"deep": [{"secret": "s3cret-of-the-options"}]},
    )
    said = (
        "bad: s3cret-of-the-url s3cret-of-the-query s3cret-of-the-options"
        " s3cret-of-the-environment at https://x/?key=s3cret-of-somebody \x1b[31m" + 300 * "x"
    )

    error = remote.explained(ValueError(said), writing=False)

    assert "s3cret" not in str(error)
    assert error.what.startswith("shared cache ftp://host/x: ValueError: bad: *** *** ***")
    assert "\x1b" not in error.what
    assert len(error.what) < 300


class RefusalError(Exception):
    """As aiohttp, azure-core and gcsfs have them, whose packages are not all here."""

    def __init__(self, **said):
        super().__init__("no")
        self.__dict__.update(said)


@pytest.mark.parametrize(
    "error",
    [
        RefusalError(status=403),
        RefusalError(status_code=401),
        RefusalError(code=401),
        OSError("Forbidden: b/x\nCaller does not have storage.objects.get access"),
        PermissionError(13, "Permission denied"),
    ],
    ids=repr,
)
def test_a_denial_is_known_as_one(error):
    found = Remote("gs://b/x", {}).explained(error, writing=True)

    assert found.denied
    assert found.problem == "access denied"
    assert "may write it" in found.way_out


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (TimeoutError(), "no answer in time"),
        (OSError(28, "No space left on device"), "OSError: No space left on device"),
        (RuntimeError(), "RuntimeError"),
        (RefusalError(code=500), "RefusalError: no"),
    ],
    ids=repr,
)
def test_any_other_failure_keeps_its_name(error, problem):
    found = Remote("gs://b/x", {}).explained(error, writing=False)

    assert (found.problem, found.denied) == (problem, False)


def test_an_error_does_not_keep_what_the_driver_said(tmp_path):
    """A traceback would show it."""
    (tmp_path / "a").mkdir()

    error = error_of(lambda: Remote(tmp_path.as_uri(), {}).read("a", limit=9))

    assert error.__suppress_context__
    assert "directory" in error.problem


@pytest.mark.parametrize(
    ("url", "packages"),
    [
        ("s3://b/x", "'mkdocs-comfy[remote]' s3fs"),
        ("gs://b/x", "'mkdocs-comfy[remote]' gcsfs"),
        ("az://b/x", "'mkdocs-comfy[remote]' adlfs"),
        ("abfs://b/x", "'mkdocs-comfy[remote]' adlfs"),
    ],
)
def test_a_driver_that_is_not_installed_is_named(monkeypatch, url, packages):
    driver = packages.split()[-1]
    monkeypatch.setitem(sys.modules, driver, None)
    for name in [name for name in sys.modules if name.startswith(f"{driver}.")]:
        monkeypatch.delitem(sys.modules, name)
    known = import_module("fsspec.registry")._registry
    monkeypatch.delitem(known, url.partition(":")[0], raising=False)

    error = error_of(lambda: Remote(url, {}).read("a", limit=9))

    assert error.problem == f"{driver} is not installed"
    assert error.way_out == f"pip install {packages}"


def test_without_fsspec_the_extra_is_named(monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "fsspec"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "fsspec", None)

    error = error_of(lambda: Remote("file:///mnt", {}).read("a", limit=9))

    assert error.problem == "fsspec is not installed"
    assert error.way_out == "pip install 'mkdocs-comfy[remote]'"


def test_a_driver_we_do_not_know_says_what_it_needs(monkeypatch):
    error = error_of(lambda: Remote("webhdfs+nothing://host/x", {}).read("a", limit=9))

    assert "webhdfs+nothing" in error.what


# Over HTTP ---------------------------------------------------------------------------------------

BODY = bytes(range(256)) * 4096


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.seen.append((self.path, dict(self.headers)))
        path = self.path.partition("?")[0]
        if path == "/x/endless":
            self.send_response(200)
            self.end_headers()
            while not self.server.over.is_set():
                self.wfile.write(BODY)
            return
        body = {"/x/a": BODY, "/x/packed": gzip.compress(bytes(2**24))}.get(path)
        self.send_response(404 if body is None else 200)
        if path == "/x/packed":
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_):
        pass


@contextmanager
def web_server(context=None):
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.seen, server.over, server.daemon_threads = [], threading.Event(), True
        server.handle_error = lambda *_: None
        scheme = "http"
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
            scheme = "https"
        server.url = f"{scheme}://127.0.0.1:{server.server_port}/x"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.over.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def web():
    with web_server() as server:
        yield server


def test_a_web_server_without_ranges_is_read(web):
    remote = Remote(web.url, {})

    assert remote.read("a", limit=2**24) == BODY
    assert remote.read("b", limit=2**24) is None
    assert [path for path, _ in web.seen] == ["/x/a", "/x/b"], "one request for each file"


@pytest.mark.parametrize("name", ["endless", "packed"])
def test_no_more_is_read_than_is_wanted(web, name):
    assert len(Remote(web.url, {}).read(name, limit=5000)) == 5001


def test_a_query_stays_behind_the_name(web):
    """A shared access signature."""
    remote = Remote(f"{web.url}?sv=1&sig=s3cret", {})

    assert remote.read("a", limit=2**24) == BODY
    assert web.seen[0][0] == "/x/a?sv=1&sig=s3cret"


def test_a_user_in_the_url_is_let_in(web):
    remote = Remote(web.url.replace("//", "//user:pass@"), {})

    assert remote.read("a", limit=2**24) == BODY
    assert web.seen[0][1]["Authorization"].startswith("Basic ")


def test_certificates_are_checked(tmp_path):
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)

    with web_server(context) as web:
        error = error_of(lambda: Remote(web.url, {}).read("a", limit=9))
        assert "certificate" in error.problem.lower()

        # aiohttp loads what is trusted when it is imported.
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        code = (
            "import sys; from mkdocs_comfy.images.remote import Remote;"
            "print(len(Remote(sys.argv[1], {}).read('a', limit=2**24)))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, web.url],
            env={**os.environ, "SSL_CERT_FILE": str(tmp_path / "ca.pem")},
            capture_output=True,
            text=True,
            check=True,
        )
        assert int(done.stdout) == len(BODY)
