"""Bad input and faults, seen from a build: a clear error, and nothing lost."""

import io
import json
import os
import struct
import subprocess
import sys
import threading
import zlib

import pytest
from PIL import Image

from mkdocs_comfy.testing import Answer, NodeFailure

JSON = {"Content-Type": "application/json"}
HTML = {"Content-Type": "text/html"}


@pytest.fixture
def two_pages(site):
    """Two heroes; the first is rendered and in the cache."""
    site.page("index.md", hero_prompt="a harbour")
    site.build()
    site.page("other.md", hero_prompt="a lighthouse")
    return site


def the_warning(built, *words):
    """The only warning, which has all these words; the first hero is still there."""
    assert built.error is None
    assert len(built.warnings) == 1
    for word in words:
        assert word in built.warnings[0]
    assert "comfy-hero" in built.html("index.html")
    assert "comfy-hero" not in built.html("other/index.html")
    assert "1 cached" in built.summary
    assert "1 missing" in built.summary


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(status=200, headers=HTML, body=b"<html><title>NAS</title>"), ["NAS"]),
        (Answer(status=200, headers=JSON, body=b'{"name": "ollama"}'), ["no ComfyUI"]),
        (Answer(status=404), ["404"]),
        (Answer(status=401), ["401", "headers:"]),
        (Answer(status=403), ["403"]),
        (Answer(status=302, headers={"Location": "/login?next=/"}), ["login"]),
        (Answer(status=502, headers=HTML, body=b"<h1>Bad gateway"), ["502"]),
    ],
)
def test_what_answers_is_no_comfyui(two_pages, comfyui, answer, words):
    comfyui.answer("*", answer)

    the_warning(two_pages.build(), "1 hero is missing, other.md", *words)


def test_no_server(two_pages, comfyui):
    comfyui.stop()

    the_warning(two_pages.build(), "no ComfyUI at", "connection refused", "mode: offline")


def test_http_to_https_redirect_would_turn_post_into_get(two_pages, comfyui):
    comfyui.answer("*", Answer(status=301, headers={"Location": "https://127.0.0.1/api/prompt"}))

    the_warning(two_pages.build(), "https://")


def test_a_render_that_takes_too_long_is_withdrawn(two_pages, comfyui):
    comfyui.hold()
    two_pages.options["timeout"] = 0.2

    the_warning(two_pages.build(), "0.2 s")
    assert len(comfyui.interrupted) == 1


@pytest.mark.parametrize("point", ["submitted", "running"])
def test_the_server_dies_mid_job(two_pages, comfyui, point):
    comfyui.crash_when(point)
    two_pages.options["patience"] = 0.3

    the_warning(two_pages.build(), "other.md")


def test_the_server_dies_mid_job_and_comes_back(two_pages, comfyui):
    comfyui.crash_when("submitted", restart_after=0.3)

    built = two_pages.build()

    assert built.warnings == []
    assert "missing" not in built.summary
    told = " ".join(built.messages())
    assert "went away" in told
    assert "waiting for it, up to 60 s" in told
    assert "is submitted again" in told


def test_the_time_for_all_renders_ends(two_pages, comfyui):
    comfyui.hold()
    two_pages.options["max_time"] = 0.3

    the_warning(two_pages.build(), "rendering took longer than the 0.3 s of `max_time:`")
    assert comfyui.interrupted == [comfyui.submissions[-1]["prompt_id"]]


def test_missing_model_says_what_is_installed_and_which_line_mends_it(two_pages, comfyui):
    comfyui.models["checkpoints"] = ["v1-5-pruned-emaonly.safetensors"]

    built = two_pages.build()

    the_warning(
        built,
        "template 'default': ComfyUI has no checkpoint 'sd_xl_base_1.0.safetensors'",
        "installed: v1-5-pruned-emaonly.safetensors",
        "template: sd15",
    )


def test_missing_model_without_a_template_that_fits(two_pages, comfyui):
    comfyui.models["checkpoints"] = ["dreamshaper_8.safetensors"]

    the_warning(
        two_pages.build(),
        "installed: dreamshaper_8.safetensors",
        "comfy_templates",
        'hero_params: {"Load Checkpoint.ckpt_name": "dreamshaper_8.safetensors"}',
        "template: NAME",
    )


def test_missing_node(two_pages, comfyui):
    del comfyui.nodes["VAEDecode"]

    the_warning(two_pages.build(), "VAEDecode")


def test_out_of_memory_names_node_and_message(two_pages, comfyui):
    graph = comfyui.submissions[0]["prompt"]
    node = next(each for each, node in graph.items() if "seed" in node["inputs"])
    comfyui.fail_with = NodeFailure(
        node=node, exception_type="torch.OutOfMemoryError", message="CUDA out of memory"
    )

    the_warning(two_pages.build(), "out of memory", "Sampler")


def test_success_without_images(two_pages, comfyui):
    comfyui.without_images = True

    the_warning(two_pages.build(), "image")


def test_view_404(two_pages, comfyui):
    comfyui.answer("/view", Answer(status=404))

    the_warning(two_pages.build(), "404")


def png(width, height):
    """A PNG of one colour, small on disk however many pixels it claims."""

    def chunk(kind, data):
        size, check = len(data), zlib.crc32(kind + data)
        return struct.pack(">I", size) + kind + data + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compressobj(9)
    line = bytes(1 + (width + 7) // 8)
    body = b"".join(rows.compress(line) for _ in range(height)) + rows.flush()
    chunks = [chunk(b"IHDR", header), chunk(b"IDAT", body), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def small_png():
    file = io.BytesIO()
    Image.new("RGB", (1344, 768), "teal").save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("picture", "word"),
    [
        (b"<!doctype html><title>Login</title>", "web page"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (small_png()[:-600], "truncated"),
        (png(1, 1), "1x1"),
        (png(20_000, 20_000), "20000x20000"),
        (b"", "empty"),
    ],
    ids=["html", "svg", "truncated", "one pixel", "bomb", "empty"],
)
def test_what_comes_is_no_usable_image(two_pages, comfyui, picture, word):
    comfyui.picture = picture

    the_warning(two_pages.build(), word)
    assert "1 hero: 1 cached" not in two_pages.build().summary


def test_an_endless_image_stops_at_max_bytes(two_pages, comfyui):
    comfyui.endless = True
    two_pages.options["max_bytes"] = "100 kB"

    the_warning(two_pages.build(), "max_bytes")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{nope", ["JSON", "line 1"]),
        ('{"nodes": [], "links": []}', ["Export (API)"]),
        ('{"prompt": {"1": {"class_type": "SaveImage", "inputs": {}}}}', ["prompt"]),
        ("[]", ["mine"]),
        (
            json.dumps(
                {
                    "1": {"class_type": "VAEDecode", "inputs": {"samples": ["2", 0]}},
                    "2": {"class_type": "LatentUpscale", "inputs": {"samples": ["1", 0]}},
                    "9": {"class_type": "SaveImage", "inputs": {"images": ["1", 0]}},
                }
            ),
            ["cycle"],
        ),
        (
            json.dumps({"9": {"class_type": "SaveImage", "inputs": {"images": ["77", 0]}}}),
            ["77"],
        ),
    ],
    ids=["no JSON", "UI format", "wrapper", "no graph", "cycle", "link to a missing node"],
)
def test_a_broken_template_is_one_error_however_many_pages_use_it(site, comfyui, text, words):
    folder = site.root / "comfy_templates"
    folder.mkdir()
    (folder / "mine.json").write_text(text)
    site.options["template"] = "mine"
    site.page("index.md", hero_prompt="a harbour")
    site.page("other.md", hero_prompt="a lighthouse")

    built = site.build()

    assert len(built.errors) == 2  # the template, and MkDocs' last word
    for word in ["template 'mine'", *words]:
        assert word in built.errors[0]
    assert comfyui.requests == []


def test_a_template_that_is_not_there_is_named_with_those_that_are(site):
    site.page("index.md", hero_prompt="a harbour", hero_template="defualt")

    built = site.build()

    assert built.errors[0].startswith("index.md:3: hero_template: template 'defualt'")
    assert "did you mean 'default'?" in built.errors[0]


def test_a_value_without_a_place_in_the_template_names_page_and_line(site):
    site.page("guide/a.md", hero_prompt="a harbour", hero_params={"lora": 1})

    built = site.build()

    assert built.errors[0].startswith("guide/a.md:4: hero_params: template 'default'")
    assert "steps" in built.errors[0]


@pytest.mark.parametrize(
    ("front", "words"),
    [
        ("hero_prompt: [a, list", ["YAML"]),
        ("- hero_prompt: a", ["mapping"]),
        ("hero_prompt: ''", ["hero_prompt must be"]),
        (f"hero_prompt: {'x' * 100_000}", ["10,000"]),
        ('hero_prompt: "a\\x07bell"', ["U+0007"]),
        ("hero_prompt: 2024", ["quotes"]),
    ],
    ids=["broken", "no mapping", "empty", "100 kB", "control characters", "number"],
)
def test_front_matter_that_cannot_be_used(site, comfyui, front, words):
    site.raw("index.md", f"---\n{front}\n---\n# A title\n")

    built = site.build()

    assert built.errors[0].startswith("index.md:")
    for word in words:
        assert word in built.errors[0]
    assert len(built.errors[0]) < 600
    assert comfyui.requests == []


def test_a_cache_that_cannot_be_written_is_noticed_before_anything_is_rendered(site, comfyui):
    (site.root / "file").write_text("in the way")
    site.options["cache_dir"] = "file/cache"
    site.page("index.md", hero_prompt="a harbour")

    built = site.build()

    assert built.error is None
    assert "cache" in built.warnings[0]
    assert "cache_dir" in built.warnings[0]
    assert comfyui.submissions == []


def test_a_corrupted_cache_is_reported_and_rendered_again(two_pages, comfyui):
    two_pages.build()
    cache = two_pages.root / ".cache/plugin/comfy"
    for file in [*cache.glob("originals/*"), *cache.glob("variants/*")]:
        os.truncate(file, 100)

    built = two_pages.build()

    assert built.error is None
    assert len(comfyui.submissions) == 4
    assert "2 rendered" in built.summary
    assert any("counts as missing" in text for text in built.warnings)
    assert two_pages.build().summary == "2 heroes: 2 cached"


def test_a_lost_index_loses_no_image(two_pages, comfyui):
    two_pages.build()
    for file in (two_pages.root / ".cache/plugin/comfy/index").iterdir():
        file.write_bytes(b"garbage" * 100)

    built = two_pages.build()

    assert len(comfyui.submissions) == 2
    assert built.error is None
    assert "2 cached" in built.summary


def test_two_builds_at_once_render_each_hero_once(site, comfyui, tmp_path):
    comfyui.latency = 0.3
    for number in range(4):
        site.page(f"p{number}.md", hero_prompt=f"harbour {number}")
    config = site.write_config()

    command = [sys.executable, "-m", "mkdocs", "build", "-q", "-f", str(config), "-d"]
    builds = [subprocess.Popen([*command, str(tmp_path / f"site{number}")]) for number in range(2)]

    assert [build.wait(timeout=60) for build in builds] == [0, 0]
    assert len(comfyui.submissions) == 4
    for number in range(2):
        assert len(list((tmp_path / f"site{number}/assets/heroes").iterdir())) == 4


def test_one_failing_job_does_not_keep_the_others_from_being_rendered(two_pages, comfyui):
    two_pages.page("third.md", hero_prompt="a quay")
    two_pages.options["retries"] = 0
    comfyui.answer("/view", Answer(status=404), times=1)

    built = two_pages.build()

    assert "1 rendered" in built.summary
    assert "1 missing" in built.summary
    assert len(threading.enumerate()) < 20
