"""One line of front matter, and the page is built with its own hero."""

import logging
import re

import pytest

PROMPT = "a foggy harbour, cinematic, golden hour"


def image_of(html: str) -> str:
    found = re.search(r"<img[^>]*comfy-hero[^>]*>", html)
    assert found, html
    return found[0]


def test_one_line_of_front_matter_is_enough(site, comfyui):
    site.page("index.md", hero_prompt=PROMPT)

    built = site.build()

    image = image_of(built.html("index.html"))
    assert built.error is None
    assert len(comfyui.submissions) == 1
    assert 'width="1344"' in image
    assert 'height="768"' in image
    assert 'alt=""' in image
    assert f'src="assets/heroes/{built.heroes()[0]}"' in image
    assert built.summary.startswith("1 hero: 1 rendered in ")
    assert built.warnings == []


def test_the_second_build_renders_nothing_and_opens_no_socket(site, comfyui, monkeypatch):
    site.page("index.md", hero_prompt=PROMPT)
    first = site.build()
    comfyui.requests.clear()

    second = site.build()

    assert comfyui.requests == []
    assert second.summary == "1 hero: 1 cached"
    assert second.html("index.html") == first.html("index.html")


def test_changing_one_prompt_renders_one(site, comfyui):
    site.page("index.md", hero_prompt=PROMPT)
    site.page("other.md", hero_prompt="a lighthouse")
    site.build()

    site.page("other.md", hero_prompt="a lighthouse at night")
    built = site.build()

    assert len(comfyui.submissions) == 3
    assert built.summary.startswith("2 heroes: 1 cached, 1 rendered in ")


def test_two_pages_with_one_prompt_and_seed_render_once(site, comfyui):
    site.page("index.md", hero_prompt=PROMPT, hero_seed=7, hero_alt="First")
    site.page("other.md", hero_prompt=PROMPT, hero_seed=7, hero_alt="Second")

    built = site.build()

    assert len(comfyui.submissions) == 1
    assert len(built.heroes()) == 1
    assert 'alt="First"' in image_of(built.html("index.html"))
    assert 'alt="Second"' in image_of(built.html("other/index.html"))
    assert built.summary.startswith("1 hero: 1 rendered")


def test_without_the_cache_and_offline_the_site_is_intact_with_one_warning(site):
    site.page("index.md", hero_prompt=PROMPT)
    site.page("other.md", hero_prompt="a lighthouse")
    site.options["mode"] = "offline"

    built = site.build()

    assert built.error is None
    assert "comfy-hero" not in built.html("index.html")
    assert len(built.warnings) == 1
    assert "2 heroes are missing, first index.md" in built.warnings[0]


def test_strict_fails_where_a_hero_is_missing(site):
    site.page("index.md", hero_prompt=PROMPT)
    site.options["mode"] = "offline"

    built = site.build(strict=True)

    assert "1 warnings" in str(built.error)


def test_a_page_that_asks_for_nothing_is_left_alone(site, comfyui):
    site.page("index.md", hero_title="Theirs", hero_imag="too", hero={"a": 1})

    built = site.build()

    assert built.error is None
    assert comfyui.requests == []
    assert built.messages() == []


def test_everything_that_a_page_says_reaches_the_graph(site, comfyui):
    site.page(
        "index.md",
        hero_prompt="  un café  à Honfleur\r\n",
        hero_negative="people",
        hero_seed=42,
        hero_size="832x1216",
        hero_params={"steps": 7, "cfg": 3, "Sampler.sampler_name": "euler"},
    )

    built = site.build()

    graph = comfyui.submissions[0]["prompt"]
    inputs = {
        node.get("_meta", {}).get("title", node["class_type"]): node["inputs"]
        for node in graph.values()
    }
    assert inputs["Prompt"]["text"] == "un café  à Honfleur"
    assert inputs["Negative"]["text"] == "people"
    assert inputs["Sampler"]["seed"] == 42
    assert inputs["Sampler"]["steps"] == 7
    assert inputs["Sampler"]["cfg"] == 3
    assert inputs["Sampler"]["sampler_name"] == "euler"
    image = image_of(built.html("index.html"))
    assert 'width="832"' in image
    assert 'height="1216"' in image


def test_all_errors_of_all_pages_come_at_once_and_before_any_socket(site, comfyui):
    site.page("index.md", hero_prompt=PROMPT, hero_seed="lucky")
    site.page("guide/harbour.md", hero_prompt=PROMPT, hero_sede=1, hero_size="1001x1000")

    built = site.build()

    assert "3 errors" in built.errors[-1]
    first_lines = [message.splitlines()[0] for message in built.errors]
    assert first_lines[:2] == [
        "index.md:3: hero_seed must be a whole number from 0 to 2**64 - 1, got 'lucky'",
        "guide/harbour.md:3: hero_sede: did you mean hero_seed?",
    ]
    assert first_lines[2].startswith("guide/harbour.md:4: hero_size must be ")
    assert comfyui.requests == []


@pytest.mark.parametrize("policy", ["warn", "error", "placeholder", "skip"])
@pytest.mark.parametrize("mode", ["auto", "offline"])
def test_mode_and_on_missing_in_all_combinations(site, comfyui, mode, policy):
    comfyui.stop()
    site.page("index.md", hero_prompt=PROMPT)
    site.options |= {"mode": mode, "on_missing": policy}

    built = site.build()

    cause = "no ComfyUI at" if mode == "auto" else "mode: offline"
    said = built.warnings if policy == "warn" else built.messages(logging.INFO)
    if policy == "error":
        assert built.error is not None
        assert cause in built.errors[-1]
        return
    assert built.error is None
    assert any(cause in text and "1 hero is missing, index.md" in text for text in said)
    assert ("comfy-hero" in built.html("index.html")) == (policy == "placeholder")
    assert bool(built.warnings) == (policy == "warn")


def test_ci_renders_only_on_a_server_that_is_named(site, comfyui, monkeypatch):
    monkeypatch.setenv("CI", "true")
    site.page("index.md", hero_prompt=PROMPT)
    del site.options["server"]

    silent = site.build()
    site.options["server"] = comfyui.url
    named = site.build()

    assert "CI is set" in silent.warnings[0]
    assert named.summary.startswith("1 hero: 1 rendered")


@pytest.mark.parametrize("off", [False, 0])
def test_disabled_leaves_every_page_as_it_is(site, comfyui, off):
    site.page("index.md", hero_prompt=PROMPT, hero_seed="lucky")
    site.options["enabled"] = off

    built = site.build()

    assert built.error is None
    assert comfyui.requests == []
    assert "comfy-hero" not in built.html("index.html")
