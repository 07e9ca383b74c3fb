"""Pin, frozen, cache, render: where an image is found, and what stands in for a missing one."""

import dataclasses
import json

import pytest

from mkdocs_comfy.images.cache import HeroCache
from mkdocs_comfy.pipeline import Notice
from mkdocs_comfy.settings import OnMissing

NOWHERE = "k1-" + "0" * 64


def warnings(events):
    return [event.text for event in events if isinstance(event, Notice) and event.warning]


@pytest.fixture
def heroes(team):
    """What is known of the images of both pages, on a machine that has nothing but the clone."""
    team.on_another_machine()
    return team


# Frozen ------------------------------------------------------------------------------------------


def test_frozen_images_are_shown_without_a_server(heroes, comfyui):
    comfyui.stop()
    made = heroes.offline()

    assert (made.frozen, made.cached, made.rendered, made.failures) == (2, 0, 0, {})
    assert {(image.width, image.height) for image in made.images.values()} == {(512, 256)}


def test_a_frozen_image_comes_before_that_of_the_cache(team):
    before = team.build()
    assert (before.frozen, before.cached) == (2, 0)

    team.on_another_machine()
    assert team.offline().images == before.images


def test_the_second_build_makes_nothing(heroes):
    first = heroes.offline()
    files = {path: path.stat().st_mtime_ns for path in heroes.settings.cache_dir.rglob("*.webp")}

    assert heroes.offline().images == first.images
    assert {path: path.stat().st_mtime_ns for path in files} == files


def test_nothing_is_written_beside_the_cache(heroes):
    def listing():
        root = heroes.settings.frozen_dir
        return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in root.iterdir()}

    before = listing()
    heroes.offline()

    assert listing() == before
    assert (heroes.settings.cache_dir / ".gitignore").read_text() == "*\n"


def test_a_damaged_image_counts_as_missing_with_one_warning_for_all(heroes):
    for path in ("a.md", "b.md"):
        file = heroes.file(path)
        file.write_bytes(file.read_bytes()[:-1] + b"\7")
    events = []

    made = heroes.build(events=events)

    assert (made.frozen, made.rendered) == (0, 2)
    (text,) = warnings(events)
    assert "is not the image that its sidecar was written for" in text
    assert "(and 1 more)" in text
    assert text.endswith("mkdocs-comfy check")


def test_an_image_that_is_damaged_here_is_taken_from_the_cache(team):
    team.file("a.md").write_bytes(b"RIFF")
    for file in (team.settings.cache_dir / "variants").iterdir():
        file.unlink()

    made = team.offline()

    assert (made.frozen, made.cached, made.failures) == (1, 1, {})


def test_a_pointer_of_git_lfs_is_told_apart(heroes):
    heroes.file("a.md").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:1234\nsize 1000\n"
    )
    events = []

    made = heroes.offline(events=events)

    assert len(made.failures) == 1
    (text,) = warnings(events)
    assert "is a Git LFS pointer" in text
    assert text.endswith("git lfs pull")


def test_another_image_under_true_digests_of_the_file_is_not_shown(heroes):
    """A sidecar may lie about pixels, under which the encoded image is kept for everybody."""
    a, b = (json.loads(heroes.file(page, ".json").read_text()) for page in ("a.md", "b.md"))
    heroes.file("a.md", ".json").write_text(json.dumps({**a, "pixels": b["pixels"]}))
    events = []

    made = heroes.offline(events=events)

    assert len(made.failures) == 1
    assert "has other pixels than its sidecar says" in warnings(events)[0]


def test_too_large_an_image_is_refused_as_it_is_from_a_server(heroes):
    events = []
    made = heroes.offline(max_pixels=1000, events=events)

    assert len(made.failures) == 2
    assert "more than the 1,000 allowed" in warnings(events)[0]


def test_a_stand_in_is_never_frozen_and_a_frozen_image_is_shown_in_its_place(team, page):
    server = dataclasses.replace(team.settings.servers[0], url="embedded")
    team.settings = dataclasses.replace(team.settings, servers=(server,))
    team.write("c.md", hero_prompt="a mill")

    made = team.build()

    assert (made.frozen, made.rendered) == (2, 1)
    assert team.key("c.md").startswith("e1-")
    assert team.freeze().missing == {"c.md": team.plan().heroes["c.md"].real_key}


def test_stand_ins_are_never_found_for_a_real_server(settings, page, new_pipeline, produce):
    server = dataclasses.replace(settings.servers[0], url="embedded")
    produce(new_pipeline(dataclasses.replace(settings, servers=(server,))), page())

    made = produce(new_pipeline(settings), page())

    assert (made.cached, made.rendered) == (0, 1)


# Stale -------------------------------------------------------------------------------------------


def test_a_reworded_page_shows_its_former_image_where_nothing_can_be_rendered(heroes):
    before = heroes.offline().images[heroes.key("a.md")]
    heroes.write("a.md", hero_prompt="a harbour at night")

    made = heroes.offline()

    assert made.former == {"a.md": before}
    assert list(made.failures) == [heroes.key("a.md")]


def test_a_former_image_that_was_never_frozen_is_shown_too(settings, team):
    team.write("c.md", hero_prompt="a mill")
    before = team.build().images[team.key("c.md")]
    team.write("c.md", hero_prompt="a mill in spring")

    assert team.offline().former == {"c.md": before}


def test_a_server_that_is_down_is_no_reason_for_a_hole(team, comfyui):
    team.write("a.md", hero_prompt="a harbour at night")
    comfyui.stop()

    assert list(team.build().former) == ["a.md"]


def test_a_failed_render_is_no_reason_for_a_hole(team, comfyui):
    team.write("a.md", hero_prompt="a harbour at night")
    comfyui.without_images = True

    assert list(team.build().former) == ["a.md"]


def test_a_changed_template_leaves_all_its_pages_their_images(heroes):
    heroes.settings = dataclasses.replace(heroes.settings, size=(256, 256))

    assert list(heroes.offline().former) == ["a.md", "b.md"]


def test_an_error_for_missing_heroes_takes_no_former_image(team):
    team.write("a.md", hero_prompt="a harbour at night")

    assert team.offline(on_missing=OnMissing.ERROR).former == {}


def test_a_former_image_comes_before_a_placeholder(team):
    team.write("a.md", hero_prompt="a harbour at night")

    made = team.offline(on_missing=OnMissing.PLACEHOLDER)

    assert list(made.former) == ["a.md"]
    assert team.key("a.md") not in made.images


def test_a_page_that_is_new_has_no_former_image(team):
    team.write("c.md", hero_prompt="a mill")

    made = team.offline()

    assert made.former == {}
    assert list(made.failures) == [team.key("c.md")]


def test_a_damaged_former_image_is_none(heroes):
    heroes.file("a.md").write_bytes(b"RIFF")
    heroes.write("a.md", hero_prompt="a harbour at night")

    assert heroes.offline().former == {}


# Pins --------------------------------------------------------------------------------------------


def test_a_pinned_image_stays_whatever_prompt_and_template_say(heroes):
    key = heroes.key("a.md")
    before = heroes.offline().images[key]
    heroes.write("a.md", hero_prompt="another", hero_pin=key, hero_size="256x256")

    made = heroes.offline()

    assert made.images[key] == before
    assert (made.frozen, made.failures, made.former) == (2, {}, {})


def test_a_pinned_image_needs_no_template(heroes):
    heroes.write("a.md", hero_pin=heroes.key("a.md"), hero_template="gone")

    assert heroes.offline().failures == {}


def test_an_image_of_the_cache_can_be_pinned(team):
    team.write("c.md", hero_prompt="a mill")
    team.build()
    team.write("c.md", hero_prompt="another", hero_pin=team.key("c.md"))

    assert team.offline().failures == {}


def test_a_pin_that_is_nowhere_is_missing_and_never_rendered(team, comfyui):
    comfyui.requests.clear()
    team.write("a.md", hero_pin=NOWHERE)

    made = team.build()

    assert comfyui.requests == []
    assert "a pinned image is neither" in made.failures[NOWHERE].what
    assert "hero_pin" in made.failures[NOWHERE].way_out
    assert made.former == {}


def test_a_pin_of_what_would_be_rendered_anyway_is_rendered(team):
    team.write("c.md", hero_prompt="a mill")
    team.write("c.md", hero_prompt="a mill", hero_pin=team.key("c.md"))

    assert team.build().rendered == 1


def test_a_page_without_the_pin_renders_what_another_one_pins(team):
    team.write("c.md", hero_prompt="a mill")
    key = team.key("c.md")
    team.pages = {}
    team.write("a.md", hero_pin=key)
    team.write("c.md", hero_prompt="a mill")

    made = team.build()

    assert (made.rendered, made.failures) == (1, {})


def test_the_embedded_server_paints_nothing_under_a_pin(team):
    server = dataclasses.replace(team.settings.servers[0], url="embedded")
    team.settings = dataclasses.replace(team.settings, servers=(server,))
    key = team.plan().heroes["a.md"].real_key
    team.file("a.md").unlink()
    team.file("a.md", ".json").unlink()
    team.on_another_machine()
    team.write("a.md", hero_pin=key)

    assert list(team.build().failures) == [key]


# Records -----------------------------------------------------------------------------------------


def test_the_cache_keeps_how_an_image_was_made(team):
    cache = HeroCache(team.settings.cache_dir)
    made = cache.made(team.key("a.md"))
    cache.close()

    assert (made.prompt, made.template, made.size) == ("a harbour", "default", (512, 256))
    assert made.models == ("sd_xl_base_1.0.safetensors",)
    assert made.comfyui == "0.3.64"
    assert made.workflow[str(len(made.workflow))]["class_type"] == "SaveImage"
