"""What there is of each hero, and why there is none."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from mkdocs_comfy.images.cache import HeroCache
from mkdocs_comfy.pages.styles import Style
from mkdocs_comfy.workflows.differing import Difference

TEMPLATE = Path(__file__).parents[2] / "templates/default.json"


def why(team, page="a.md"):
    return team.survey()[page].why


def test_states_are_those_of_the_lookup(team):
    team.write("c.md", hero_prompt="a mill")
    team.build()
    team.write("d.md", hero_prompt="a forest")
    team.write("e.md", hero_prompt="whatever", hero_pin=team.key("a.md"))
    team.write("f.md", hero_prompt="whatever", hero_pin=team.key("c.md"))

    found = team.survey()

    assert {page: state.state for page, state in found.items()} == {
        "a.md": "frozen",
        "b.md": "frozen",
        "c.md": "cached",
        "d.md": "missing",
        "e.md": "pinned",
        "f.md": "pinned",
    }
    assert found["a.md"].image == str(team.file("a.md"))
    assert Path(found["c.md"].image).parent == team.settings.cache_dir / "originals"
    assert found["d.md"].image is None
    assert {page: state.key for page, state in found.items()} == {
        page: team.key(page) for page in team.pages
    }


def test_looking_writes_nothing_and_opens_no_socket(team, comfyui):
    team.on_another_machine()
    comfyui.requests.clear()
    team.survey()

    assert not team.settings.cache_dir.exists()
    assert comfyui.requests == []


def test_an_image_that_never_was(team):
    team.write("c.md", hero_prompt="a mill")

    assert why(team, "c.md").kind == "never_rendered"
    assert str(why(team, "c.md")) == "never rendered"


@pytest.mark.parametrize("elsewhere", [True, False])
def test_another_prompt(team, elsewhere):
    key = team.key("a.md")
    team.write("a.md", hero_prompt="a harbour at night")
    if elsewhere:
        team.on_another_machine()

    assert team.survey()["a.md"].former == key
    assert why(team).kind == "prompt_changed"
    assert str(why(team)) == "prompt changed"
    assert Difference(what="prompt", before="a harbour", after="a harbour at night") in (
        why(team).differences
    )


def test_an_image_that_was_never_frozen_is_remembered_as_well(team):
    team.write("c.md", hero_prompt="a mill")
    team.build()
    team.write("c.md", hero_prompt="a mill in spring")

    assert str(why(team, "c.md")) == "prompt changed"


@pytest.mark.parametrize(
    ("meta", "text"),
    [
        ({"hero_seed": 5}, "seed changed: seed 678128143 → 5"),
        ({"hero_size": "256x256"}, "size changed: size 512x256 → 256x256"),
        (
            {"hero_prompt": "a mill", "hero_size": "256x256"},
            "prompt changed: size 512x256 → 256x256",
        ),
        ({"hero_params": {"steps": 7}}, "template changed: Sampler.steps 25 → 7"),
        (
            {"hero_prompt": "a mill", "hero_params": {"steps": 7}},
            "prompt and template changed: Sampler.steps 25 → 7",
        ),
    ],
)
def test_what_else_a_page_may_change(team, meta, text):
    seed = team.plan().heroes["a.md"].bound.seed
    team.write("a.md", **meta)

    assert str(why(team)) == text.replace("678128143", str(seed))


def test_a_changed_template_is_told_by_its_inputs(team):
    graph = json.loads(TEMPLATE.read_text(encoding="utf-8"))
    graph["3"]["inputs"]["sampler_name"] = "euler"
    team.settings.templates_dir.mkdir()
    (team.settings.templates_dir / "default.json").write_text(json.dumps(graph))

    assert why(team).kind == "template_changed"
    assert [each.what for each in why(team).differences] == ["Sampler.sampler_name"]


def test_a_style_is_told_by_name(team):
    styles = {"ink": Style(suffix="ink"), "night": Style(suffix="at night")}
    team.settings = dataclasses.replace(team.settings, styles=styles)
    team.write("c.md", hero_prompt="a mill", hero_style="ink")
    team.build()
    team.write("c.md", hero_prompt="a mill", hero_style=["ink", "night"])

    assert str(why(team, "c.md")) == "prompt changed: style 'ink' → 'ink', 'night'"


def test_a_record_of_an_early_version_tells_what_it_can(team):
    team.write("c.md", hero_prompt="a mill")
    team.build()
    cache = HeroCache(team.settings.cache_dir)
    cache.memory.keep(
        team.key("c.md"),
        {
            "prompt": "a mill",
            "negative": team.plan().heroes["c.md"].bound.negative,
            "seed": 1,
            "template": "default",
            "size": [512, 256],
        },
    )
    cache.close()
    team.write("c.md", hero_prompt="a mill in spring")

    assert str(why(team, "c.md")) == "prompt changed"
    team.write("c.md", hero_prompt="a mill", hero_params={"steps": 3})
    assert str(why(team, "c.md")) == "template changed"


def test_a_former_image_of_which_nothing_is_known(team):
    team.write("c.md", hero_prompt="a mill")
    team.build()
    cache = HeroCache(team.settings.cache_dir)
    cache.memory.keep(team.key("c.md"), {})
    cache.close()
    team.write("c.md", hero_prompt="a mill in spring")

    assert (why(team, "c.md").kind, why(team, "c.md").differences) == ("template_changed", ())


def test_a_former_image_whose_file_is_gone_is_none(team):
    team.write("c.md", hero_prompt="a mill")
    team.build()
    shutil.rmtree(team.settings.cache_dir / "originals")
    team.write("c.md", hero_prompt="a mill in spring")

    assert why(team, "c.md").kind == "never_rendered"


def test_a_pin_that_is_nowhere(team):
    team.write("a.md", hero_pin="k1-" + "0" * 64)

    assert str(why(team)) == "pin not found"
