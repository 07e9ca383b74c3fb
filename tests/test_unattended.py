"""What a build may be trusted with: to keep secrets, to cost nothing when warm, to keep limits."""

import json
import os
import subprocess
import sys

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
    site.options["cache_remote"] = "s3://nowhere/heroes"
    site.build()
    (site.root / "hook.py").write_text(
        "import sys\n"
        "def on_shutdown():\n"
        "    heavy = ('httpx', 'PIL', 'websockets', 'aiohttp', 'fsspec', 'asyncio', 'ssl')\n"
        "    print('LOADED', [name for name in heavy if name in sys.modules])\n"
    )
    site.config["hooks"] = [str(site.root / "hook.py")]

    out, _ = start(site, "build").communicate(timeout=60)

    assert "1 hero: 1 cached" in out
    loaded = next(line for line in out.splitlines() if line.startswith("LOADED"))
    for name in ("httpx", "PIL", "websockets", "aiohttp", "fsspec"):
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


def knob(**values):
    def turn(comfyui):
        for name, value in values.items():
            setattr(comfyui, name, value)

    return turn


def gone_once(comfyui):
    comfyui.answer("/view", Answer(status=404), times=1)


def restarts(comfyui):
    comfyui.crash_when("submitted", restart_after=0.5)


LIMITS = {
    "timeout": (0.2, 60, knob(latency=1.0), "the job ran longer than 0.2 s"),
    "max_time": (0.3, 60, knob(latency=1.0), "rendering took longer than the 0.3 s"),
    "retries": (0, 1, gone_once, "is not there any more (404)"),
    "patience": (0, 60, restarts, "went away"),
    "max_bytes": ("100 B", "100 kB", knob(), "has more than 100 bytes"),
    "max_pixels": ("1 MP", "1.1 MP", knob(), "more than the 1,000,000 allowed"),
}


@pytest.mark.parametrize("option", LIMITS)
def test_below_a_limit_a_hero_is_missing(site, comfyui, option):
    site.page("index.md", hero_prompt="a harbour")
    site.options[option], _, arrange, words = LIMITS[option]
    arrange(comfyui)

    built = site.build()

    assert built.error is None
    assert words in built.warnings[0]
    assert "1 hero: 1 missing" in built.summary


@pytest.mark.parametrize("option", LIMITS)
def test_within_a_limit_it_is_rendered(site, comfyui, option):
    site.page("index.md", hero_prompt="a harbour")
    _, site.options[option], arrange, _ = LIMITS[option]
    arrange(comfyui)

    built = site.build()

    assert built.warnings == []
    assert "1 hero: 1 rendered" in built.summary


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_a_job_is_submitted_again_as_often_as_the_option_says(site, comfyui, retries):
    site.page("index.md", hero_prompt="a harbour")
    site.options["retries"] = retries
    comfyui.answer("/view", Answer(status=404))

    assert "1 hero: 1 missing" in site.build().summary
    assert len(comfyui.submissions) == 1 + retries
