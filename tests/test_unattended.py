"""What a build may be trusted with: to stop cleanly, to keep secrets, to cost nothing when warm."""

import json
import os
import signal
import subprocess
import sys
import time

import httpx
import pytest
from mkdocs.commands.build import build as build_site
from mkdocs.config import load_config

from mkdocs_comfy.testing import Answer

SECRET = "s3cret-t0ken-of-the-gpu"


def start(site, *arguments, env=None):
    """A real ``mkdocs`` process that builds the site."""
    command = [sys.executable, "-m", "mkdocs", *arguments, "-f", str(site.write_config())]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **(env or {})},
    )


def wait_until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def queue_of(comfyui):
    """Ids that the server still has to do."""
    queue = httpx.get(f"{comfyui.url}/queue", trust_env=False).json()
    return [job[1] for job in queue["queue_running"] + queue["queue_pending"]]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopping_a_build_withdraws_our_jobs_only_and_keeps_what_is_done(site, comfyui, number):
    site.page("index.md", hero_prompt="first")
    site.build()
    for name in "abc":
        site.page(f"{name}.md", hero_prompt=name)
    comfyui.hold()
    foreign = comfyui.enqueue_foreign(60)
    build = start(site, "build")
    wait_until(lambda: len(comfyui.submissions) >= 3)

    build.send_signal(number)
    build.communicate(timeout=20)

    assert build.returncode in ({-number} if number == signal.SIGTERM else {1, -number, 130})
    assert queue_of(comfyui) == [foreign]
    assert not any(
        request.route == "/interrupt" and b"prompt_id" not in request.body
        for request in comfyui.requests
    )
    comfyui.release()
    comfyui.interrupt(foreign)
    del site.options["server"]
    site.options["mode"] = "offline"
    assert "1 cached" in site.build().summary


def test_on_missing_error_aborts_and_withdraws_what_waits(site, comfyui):
    for name in "abcd":
        site.page(f"{name}.md", hero_prompt=name)
    site.options |= {"on_missing": "error", "retries": 0}
    comfyui.answer("/view", Answer(status=404), times=1)
    comfyui.latency = 0.2

    built = site.build()

    assert built.error is not None
    assert "1 hero is missing, a.md" in built.errors[-1]
    assert len(comfyui.submissions) <= 3
    wait_until(lambda: queue_of(comfyui) == [])


@pytest.mark.parametrize(
    "trouble",
    [
        {},
        {"status": 401},
        {"status": 403, "body": SECRET.encode()},
        {"status": 500, "body": f"echo {SECRET}".encode()},
        {"status": 302, "headers": {"Location": f"https://else.example/?token={SECRET}"}},
        {
            "status": 400,
            "headers": {"Content-Type": "application/json"},
            "body": json.dumps(
                {"error": {"type": "x", "message": SECRET}, "node_errors": {}}
            ).encode(),
        },
    ],
    ids=["fine", "401", "403", "500", "redirect", "400"],
)
def test_a_secret_never_reaches_log_page_or_cache(site, comfyui, trouble):
    comfyui.headers_required = {"X-API-Key": SECRET}
    if trouble:
        comfyui.answer("/prompt", Answer(**trouble))
    site.options["headers"] = {"X-API-Key": SECRET}
    site.options["server"] = comfyui.url.replace("//", "//author:pa55word-in-url@")
    site.page("index.md", hero_prompt="a harbour")

    out, _ = start(site, "build", "--verbose").communicate(timeout=60)

    assert any(r.headers.get("X-API-Key") == SECRET for r in comfyui.requests)
    assert any(r.headers.get("Authorization", "").startswith("Basic ") for r in comfyui.requests)
    written = [
        file.read_bytes()
        for folder in (site.root / "site", site.root / ".cache")
        for file in folder.rglob("*")
        if file.is_file()
    ]
    for secret in (SECRET, "pa55word"):
        assert secret not in out
        assert not [data for data in written if secret.encode() in data]


def test_a_header_without_a_value_says_which_variable_to_look_for(site, comfyui):
    site.options["headers"] = {"Authorization": None}
    site.page("index.md", hero_prompt="a harbour")

    built = site.build()

    assert "Authorization has no value" in built.warnings[0]
    assert comfyui.requests == []


def test_a_header_may_come_from_a_file(site, comfyui):
    comfyui.headers_required = {"Authorization": f"Bearer {SECRET}"}
    (site.root / "token").write_text(f"Bearer {SECRET}\n")
    site.options["headers"] = {"Authorization": {"file": "token"}}
    site.page("index.md", hero_prompt="a harbour")

    assert site.build().summary.startswith("1 hero: 1 rendered")


def test_a_warm_build_imports_nothing_heavy(site):
    site.page("index.md", hero_prompt="a harbour", hero_alt="A harbour")
    site.page("guide/other.md", hero_prompt="a harbour", hero_place="top")
    site.build()
    (site.root / "hook.py").write_text(
        "import sys\n"
        "def on_shutdown():\n"
        "    heavy = ('httpx', 'PIL', 'websockets', 'aiohttp', 'asyncio', 'ssl')\n"
        "    print('LOADED', [name for name in heavy if name in sys.modules])\n"
    )
    site.config["hooks"] = [str(site.root / "hook.py")]

    out, _ = start(site, "build").communicate(timeout=60)

    assert "1 hero: 1 cached" in out
    loaded = next(line for line in out.splitlines() if line.startswith("LOADED"))
    for name in ("httpx", "PIL", "websockets", "aiohttp"):
        assert name not in loaded


def test_quiet_says_nothing(site):
    site.page("index.md", hero_prompt="a harbour")

    out, _ = start(site, "build", "--quiet").communicate(timeout=60)

    assert out == ""


def test_with_metadata_off_or_on_nothing_of_the_workflow_is_published(site, comfyui):
    """SaveImage writes the whole graph into its PNG; the site must not pass it on."""
    site.page("index.md", hero_prompt="an unpublished secret cove")

    built = site.build()

    original = next((site.root / ".cache/plugin/comfy/originals").iterdir()).read_bytes()
    image = (built.site / "assets/heroes" / built.heroes()[0]).read_bytes()
    assert b"unpublished" in original
    assert b"unpublished" not in image
    assert b"EXIF" not in image


def test_a_rebuild_does_not_ask_again_what_failed_a_moment_ago(site, comfyui):
    comfyui.without_images = True
    site.options["retries"] = 0
    site.page("index.md", hero_prompt="a harbour")
    config = load_config(str(site.write_config()))
    config.plugins.on_startup(command="serve", dirty=False)

    for _ in range(3):
        build_site(config)
    config.plugins.on_shutdown()

    assert len(comfyui.submissions) == 1


def test_the_cache_ignores_itself_in_git(site):
    site.page("index.md", hero_prompt="a harbour")
    site.build()

    assert (site.root / ".cache/plugin/comfy/.gitignore").read_text() == "*\n"
