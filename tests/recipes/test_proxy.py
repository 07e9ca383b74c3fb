"""A real nginx and a real Caddy, with the recipes' configuration, in front of a ComfyUI."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from mkdocs_comfy.testing import FakeComfyUI, flat_painter

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "c0ffee" * 10 + "c0de"  # 64 hexadecimal digits, as `openssl rand -hex 32` makes them
PROGRAMS = os.pathsep.join([os.environ["PATH"], "/usr/sbin"])
NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
{user}
events {{}}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/comfy.conf;
}}
"""
CADDY_LOG = """\tbind 127.0.0.1
\tlog {{
\t\toutput file {folder}/access.log
\t}}
"""


@pytest.fixture
def comfyui():
    """A server whose pictures are plain, so that tests are quick."""
    with FakeComfyUI(painter=flat_painter) as server:
        yield server


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


def replaced(text, **changes):
    """The recipe for this machine: each thing is there once, or it would not be the recipe."""
    for old, new in changes.values():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def nginx(recipe, folder, server, port, token):
    """The command that runs nginx with the recipe, and its environment."""
    (folder / "comfy.token").write_text(f'"Bearer {token}" 1;\n', encoding="utf-8")
    configured = replaced(
        recipe("nginx.conf"),
        token=("include /etc/nginx/comfy.token;", f"include {folder}/comfy.token;"),
        ours=("127.0.0.1:8189", f"127.0.0.1:{port}"),
        theirs=("http://127.0.0.1:8188", server),
    )
    (folder / "comfy.conf").write_text(configured, encoding="utf-8")
    user = "user root;" if os.geteuid() == 0 else ""
    main = folder / "nginx.conf"
    main.write_text(NGINX.format(folder=folder, user=user), encoding="utf-8")
    program = shutil.which("nginx", path=PROGRAMS)
    return [program, "-p", folder, "-e", folder / "error.log", "-c", main], {}


def caddy(recipe, folder, server, port, token):
    """The command that runs Caddy with the recipe, and its environment."""
    configured = replaced(
        recipe("Caddyfile"),
        ours=("http://:8189", f"http://:{port}"),
        theirs=("127.0.0.1:8188", server.removeprefix("http://")),
        log=("\tbind 127.0.0.1\n", CADDY_LOG.format(folder=folder)),
    )
    (folder / "Caddyfile").write_text(configured, encoding="utf-8")
    program = shutil.which("caddy", path=PROGRAMS)
    return [program, "run", "--config", folder / "Caddyfile", "--adapter", "caddyfile"], {
        "COMFY_TOKEN": token,
        "HOME": str(folder),
    }


class Proxy:
    """A proxy that runs."""

    def __init__(self, port, folder):
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.folder = folder

    def status(self, path, **headers):
        """How it answers a request for ``path``, which is sent as it stands."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("GET", path, headers=headers)
        status = connection.getresponse().status
        connection.close()
        return status

    def logs(self):
        """Everything that it wrote, but for its configuration."""
        return "".join(each.read_text(encoding="utf-8") for each in self.folder.glob("*.log"))


@pytest.fixture
def start(recipe, tmp_path, comfyui):
    """``start(nginx)``: the proxy of that recipe in front of the server."""
    running = []

    def begin(kind, token=TOKEN):
        folder = tmp_path / kind.__name__
        folder.mkdir()
        port = free_port()
        command, environment = kind(recipe, folder, comfyui.url, port, token)
        with (folder / "output.log").open("wb") as output:
            process = subprocess.Popen(
                command, env={"PATH": PROGRAMS, **environment}, stdout=output, stderr=output
            )
        running.append(process)
        proxy = Proxy(port, folder)
        deadline = time.monotonic() + 30
        while True:
            assert process.poll() is None, proxy.logs()
            try:
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
            except OSError:
                assert time.monotonic() < deadline, proxy.logs()
                time.sleep(0.05)
            else:
                return proxy

    yield begin
    for process in running:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture(params=[nginx, caddy], ids=["nginx", "caddy"])
def proxy(request, start):
    """Each proxy, with its token."""
    return start(request.param)


def build(author, **environment):
    """A build of a site that wants one more image, as its author's shell starts it."""
    page = author / "docs/lighthouse.md"
    page.write_text("---\nhero_prompt: a lighthouse\n---\n# Lighthouse\n", encoding="utf-8")
    return subprocess.run(
        [Path(sys.executable).with_name("mkdocs"), "build", "--strict"],
        cwd=author,
        env={"PATH": os.environ["PATH"], **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def test_a_build_with_the_token_renders_over_http_and_the_socket(proxy, author, comfyui):
    done = build(author, COMFY_SERVER=proxy.url, COMFY_AUTHORIZATION=f"Bearer {TOKEN}")

    assert done.returncode == 0, done.stdout
    assert "2 frozen, 1 rendered" in done.stdout
    assert len(comfyui.executed) == 1
    sockets = [each for each in comfyui.requests if each.path == "/api/ws"]
    assert [each.headers.get("Upgrade") for each in sockets] == ["websocket"]
    assert not [each for each in comfyui.requests if "Authorization" in each.headers]
    assert TOKEN not in done.stdout
    assert TOKEN not in proxy.logs()
    assert "/api/prompt" in proxy.logs()


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({}, "lets nobody in without credentials (none sent): it answers 401"),
        (
            {"COMFY_AUTHORIZATION": "Bearer of bad news"},
            "lets nobody in with the configured credentials (Authorization sent): it answers 401",
        ),
    ],
    ids=["no token", "another token"],
)
def test_without_the_token_nobody_gets_in_and_the_build_says_so(proxy, author, comfyui, sent, said):
    done = build(author, COMFY_SERVER=proxy.url, **sent)

    assert done.returncode == 1
    assert f"{proxy.url} {said}" in done.stdout
    assert comfyui.requests == []


def test_strangers_are_refused_whatever_they_ask_for(proxy, comfyui):
    paths = ("/", "/api/system_stats", "/api/prompt", "/api/ws", "/manager/reboot")

    for headers in ({}, {"Authorization": "Bearer"}, {"Authorization": f"Basic {TOKEN}"}):
        assert {path: proxy.status(path, **headers) for path in paths} == dict.fromkeys(paths, 401)
    assert comfyui.requests == []


def test_a_socket_needs_the_token_too(proxy, comfyui):
    async def opened(**headers):
        url = f"{proxy.url.replace('http', 'ws')}/api/ws"
        async with connect(url, additional_headers=headers) as connection:
            return await connection.recv()

    with pytest.raises(InvalidStatus, match="401"):
        asyncio.run(opened())
    assert "status" in asyncio.run(opened(Authorization=f"Bearer {TOKEN}"))
    assert len(comfyui.requests) == 1


def test_the_token_opens_what_a_build_asks_for_and_nothing_else(proxy, comfyui):
    """What extensions of ComfyUI add, such as installing more of them, is out of reach."""
    allowed = {"Authorization": f"Bearer {TOKEN}"}

    assert proxy.status("/api/system_stats", **allowed) == 200
    assert proxy.status("/api/object_info/KSampler", **allowed) == 200
    seen = len(comfyui.requests)
    for path in (
        "/",
        "/api/manager/reboot",
        "/api/customnode/install",
        "/api/userdata",
        "/api/view/../manager/reboot",
        "/api/view/%2e%2e/manager/reboot",
        "/api/viewer",
    ):
        assert proxy.status(path, **allowed) == 404, path
    assert len(comfyui.requests) == seen


def test_the_host_of_a_tunnel_makes_no_difference(proxy):
    told = {"Authorization": f"Bearer {TOKEN}", "Host": "gpu.example.org"}

    assert proxy.status("/api/system_stats", **told) == 200
    assert proxy.status("/api/system_stats", Host="gpu.example.org") == 401


def test_a_caddy_without_its_variable_lets_nobody_in(start, comfyui):
    proxy = start(caddy, token="")

    for sent in ("Bearer ", "Bearer", ""):
        assert proxy.status("/api/system_stats", Authorization=sent) == 401
    assert comfyui.requests == []


def test_every_request_of_a_client_is_let_through(recipe):
    """The table of docs/server.md, which the tests of the client look after, is the list."""
    table = (ROOT / "docs/server.md").read_text(encoding="utf-8").partition("## What is sent")[2]
    words = [part for part in table.split("`") if part.startswith(("GET ", "POST "))]
    paths = {word.split()[1].partition("?")[0].strip("/") for word in words}
    wanted = {path if path == "upload/image" else path.partition("/")[0] for path in paths}

    assert len(wanted) >= 10
    for name in ("nginx.conf", "Caddyfile"):
        (listed,) = [line for line in recipe(name).splitlines() if "^/api/(" in line]
        assert set(listed.partition("^/api/(")[2].partition(")")[0].split("|")) == wanted
