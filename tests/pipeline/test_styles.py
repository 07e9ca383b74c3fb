"""Styles in the pipeline: what comes before what, keys, and whose fault it is."""

import dataclasses
import json
from pathlib import Path

import pytest

from mkdocs_comfy.builtin import builtin_templates
from mkdocs_comfy.errors import TemplateError
from mkdocs_comfy.pages.spec import derived_seed
from mkdocs_comfy.pages.styles import Style, read_styles
from mkdocs_comfy.pipeline import PageSource

GOLDENS = json.loads(
    (Path(__file__).parents[1] / "goldens" / "styled_keys.json").read_text("utf-8")
)
GRAPHS = Path(__file__).parents[1] / "workflows" / "graphs"
DEFAULT = json.loads(builtin_templates().read("default.json"))
OWN_NEGATIVE = DEFAULT["7"]["inputs"]["text"]
PROMPT = "a harbour"

FULL = {
    "prefix": "oil painting",
    "suffix": "warm light",
    "negative": "neon",
    "template": "sd15",
    "seed": 7,
    "size": (128, 64),
    "params": {"steps": 30, "cfg": 5},
}


@pytest.fixture
def plan(settings, page, new_pipeline):
    """Plan one page with these styles; the configuration has a size of 512x256."""

    def make(styles, *, style=(), lines="", **meta):
        given = dataclasses.replace(settings, styles=styles, style=tuple(style))
        source = dataclasses.replace(page(**meta), source=lambda: f"---\n{lines}---\n")
        return new_pipeline(given).plan([source])

    return make


@pytest.fixture
def bound(plan):
    """The bound workflow of that page."""

    def make(styles, **given):
        made = plan(styles, **given)
        assert made.errors == ()
        return made.heroes["a.md"].bound

    return make


def values(bound):
    """What is in the graph, by the names of the front matter."""
    graph = bound.graph
    sampler = graph["3"]["inputs"]
    return {
        "prompt": graph["6"]["inputs"]["text"],
        "negative": graph["7"]["inputs"]["text"],
        "template": bound.template,
        "seed": sampler["seed"],
        "size": (graph["5"]["inputs"]["width"], graph["5"]["inputs"]["height"]),
        "steps": sampler["steps"],
        "cfg": sampler["cfg"],
    }


# Precedence --------------------------------------------------------------------------------------

KEYS = ["negative", "template", "seed", "size", "steps"]
PAGE = {"negative": "page", "template": "sdxl", "seed": 1, "size": "64x64", "steps": 11}
LATER = {"negative": "later", "template": "sd15", "seed": 2, "size": (128, 64), "steps": 12}
EARLIER = {"negative": "early", "template": "sdxl", "seed": 3, "size": (192, 64), "steps": 13}


def own(key, value):
    return {"hero_params": {"steps": value}} if key == "steps" else {f"hero_{key}": value}


def style(key, value):
    return Style(params={"steps": value}) if key == "steps" else Style(**{key: value})


@pytest.mark.parametrize("key", KEYS)
def test_the_page_comes_before_a_later_style_and_this_before_an_earlier_one(bound, key):
    styles = {"early": style(key, EARLIER[key]), "late": style(key, LATER[key])}
    both = ["early", "late"]
    wanted = (64, 64) if key == "size" else PAGE[key]

    assert values(bound(styles, hero_style=both, **own(key, PAGE[key])))[key] == wanted
    assert values(bound(styles, hero_style=both))[key] == LATER[key]
    assert values(bound(styles, hero_style=["late", "early"]))[key] == EARLIER[key]
    assert values(bound(styles, style=both))[key] == LATER[key]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("size", (512, 256)),  # the configuration's
        ("template", "default"),
        ("negative", OWN_NEGATIVE),
        ("steps", 25),
        ("seed", derived_seed(PROMPT)),
    ],
)
def test_without_a_word_of_a_style_all_is_as_without_one(bound, key, expected):
    assert values(bound({"plain": Style()}, hero_style="plain"))[key] == expected
    assert bound({"plain": Style()}, style=["plain"]).key == bound({}).key


def test_a_style_comes_before_the_configuration_and_the_templates_own(bound, settings):
    folder = settings.templates_dir
    folder.mkdir()
    (folder / "mine.json").write_text(builtin_templates().read("default.json"))
    (folder / "mine.toml").write_text(
        'size = "256x256"\nnegative = "toml"\n[parameters.steps]\ndefault = 3\n'
    )
    styles = {
        "mine": Style(template="mine"),
        "full": Style(template="mine", negative="style", size=(64, 128), params={"steps": 4}),
    }

    plain = values(bound(styles, hero_style="mine"))
    assert (plain["negative"], plain["size"], plain["steps"]) == ("toml", (512, 256), 3)
    full = values(bound(styles, hero_style="full"))
    assert (full["negative"], full["size"], full["steps"]) == ("style", (64, 128), 4)


def test_parameters_are_merged_one_by_one(bound):
    styles = {
        "a": Style(params={"steps": 30, "cfg": 5, "Sampler.sampler_name": "euler"}),
        "b": Style(params={"steps": 40}),
    }

    made = bound(styles, hero_style=["a", "b"], hero_params={"cfg": 3.5})

    sampler = made.graph["3"]["inputs"]
    assert (sampler["steps"], sampler["cfg"], sampler["sampler_name"]) == (40, 3.5, "euler")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("a", "oil, a harbour, warm"),
        (["a", "b"], "oil, Close. a harbour, warm, by night"),
        (["b", "a"], "Close. oil, a harbour, by night, warm"),
        ([], "a harbour"),
    ],
)
def test_texts_stand_around_the_prompt_in_the_order_of_the_styles(bound, names, expected):
    styles = {
        "a": Style(prefix="oil", suffix="warm"),
        "b": Style(prefix="Close.", suffix="by night"),
    }

    assert values(bound(styles, hero_style=names))["prompt"] == expected


def test_the_derived_seed_is_that_of_the_prompt_before_styles(bound):
    styles = {"a": Style(prefix="oil painting", suffix="{title}")}

    made = bound(styles, hero_style="a", hero_prompt="{title} at dawn")

    assert made.prompt == "oil painting, Title at dawn, {title}"
    assert made.seed == derived_seed("Title at dawn")


@pytest.mark.parametrize("nothing", [[], False, "none", ["none"], ["brand", "none"]])
def test_a_page_may_want_none_of_the_sites_style(bound, nothing):
    styles = {"brand": Style(**FULL)}

    assert bound(styles, style=["brand"]).prompt == "oil painting, a harbour, warm light"
    assert bound(styles, style=["brand"], hero_style=nothing).key == bound({}).key


def test_a_pages_style_replaces_the_sites(bound):
    styles = {"brand": Style(suffix="warm"), "night": Style(suffix="dark")}

    assert bound(styles, style=["brand"], hero_style="night").prompt == "a harbour, dark"
    assert bound(styles, style=["brand"], hero_style=["brand", "night"]).prompt == (
        "a harbour, warm, dark"
    )


# Keys --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("golden", GOLDENS, ids=lambda golden: golden["case"])
def test_keys_of_styled_pages_are_fixed_for_ever(bound, golden):
    """Another key here means that every user renders everything again."""
    styles, errors = read_styles(golden["styles"])
    assert errors == ()

    made = bound(styles, style=golden["style"], **golden["meta"])

    assert (made.prompt, made.seed, made.key) == (
        golden["prompt"],
        golden["seed"],
        golden["key"],
    )


def test_a_style_is_part_of_the_key_by_its_effect_and_not_by_its_name(bound):
    styles = {
        "one": Style(**FULL),
        "two": Style(**FULL),
        "texts": Style(prefix="oil painting", suffix="warm light"),
        "rest": Style(**{**FULL, "prefix": "", "suffix": ""}),
    }
    key = bound(styles, hero_style="one").key

    assert bound(styles, hero_style="two").key == key
    assert bound(styles, hero_style=["texts", "rest"]).key == key
    assert bound(styles, style=["one"]).key == key
    by_hand = bound(
        {},
        hero_prompt="oil painting, a harbour, warm light",
        hero_negative="neon",
        hero_template="sd15",
        hero_seed=7,
        hero_size="128x64",
        hero_params={"steps": 30, "cfg": 5},
    )
    assert by_hand.key == key
    assert bound(styles, hero_style="texts").key != key


# Whose fault it is -------------------------------------------------------------------------------


def fault(plan):
    (error,) = plan.errors
    return error


def test_an_unknown_style_is_told_with_the_line_of_the_page(plan):
    error = fault(
        plan(
            {"brand": Style(), "night": Style()},
            lines="hero_prompt: a harbour\nhero_style: [night, brnad]\n",
            hero_style=["night", "brnad"],
        )
    )

    assert str(error) == (
        "a.md:3: hero_style: there is no style 'brnad'; did you mean 'brand'?"
        " (there are: brand, night)\nstyles are set up below `styles:` in mkdocs.yml"
    )


def test_an_unknown_style_that_is_inherited_is_one_error_and_says_so(settings, page, new_pipeline):
    pages = [page(f"{name}.md", hero_style="brnad") for name in "abc"]

    error = fault(new_pipeline(settings).plan(pages))

    assert str(error).startswith("a.md:1: hero_style: there is no style 'brnad' (this site has")
    assert error.way_out.endswith("it does not stand in the page's own front matter")


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (
            {"params": {"stesp": 30}},
            "params: template 'default': parameter 'stesp' does not exist; did you mean 'steps'?",
        ),
        (
            {"params": {"steps": "many"}},
            "params: template 'default': parameter 'steps' must be a whole number, got 'many'",
        ),
        (
            {"params": {"prompt": "x"}},
            "params: template 'default': parameter 'prompt' does not exist",
        ),
        (
            {"template": "defualt"},
            "template: template 'defualt': there is no such template; did you mean 'default'?",
        ),
    ],
)
def test_what_is_wrong_with_a_style_is_no_pages_fault(plan, given, text):
    """Named by the style, once, however many pages have it."""
    styles = {"brand": Style(**given), "night": Style(suffix="dark")}

    for error in (
        fault(plan(styles, hero_style=["brand", "night"])),
        fault(plan(styles, style=["brand"])),
    ):
        assert error.what.startswith(f"styles.brand.{text}")


def test_one_broken_style_is_one_error(settings, page, new_pipeline):
    given = dataclasses.replace(
        settings, styles={"brand": Style(params={"stesp": 3})}, style=("brand",)
    )

    assert fault(new_pipeline(given).plan([page("a.md"), page("b.md", hero_seed=3)]))


def test_the_later_of_two_styles_that_set_it_is_named(plan):
    styles = {"a": Style(params={"steps": 3}), "b": Style(params={"steps": "many"})}

    assert fault(plan(styles, hero_style=["a", "b"])).what.startswith("styles.b.params: ")


def test_what_the_page_sets_is_the_pages_fault_with_styles_too(plan):
    styles = {"brand": Style(params={"steps": 3}, template="sd15", size=(64, 64))}
    page = {"hero_style": "brand", "lines": "hero_style: brand\nhero_params: {steps: many}\n"}

    error = fault(plan(styles, **page, hero_params={"steps": "many"}))
    assert error.what.startswith("a.md:3: hero_params: template 'sd15': parameter 'steps' must be")
    error = fault(plan(styles, **page, hero_params={"Sampler.steps": 4}))
    assert error.what.startswith("a.md:3: hero_params: template 'sd15': parameter 'Sampler.steps'")
    assert "to win over a style, use the name that it uses" in error.way_out


def test_a_size_that_a_template_cannot_take_is_told_by_who_asks_for_it(plan, settings):
    folder = settings.templates_dir
    folder.mkdir()
    (folder / "fixed.json").write_text(
        '{"1": {"class_type": "Partner", "inputs": {"prompt": "x"}},'
        ' "9": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}}}'
    )
    styles = {"brand": Style(template="fixed", size=(64, 64)), "plain": Style(template="fixed")}

    of_style = fault(plan(styles, hero_style="brand"))
    assert of_style.what.startswith("styles.brand.size: template 'fixed': it cannot be given a")
    of_page = fault(plan(styles, hero_style="brand", hero_size="64x64", lines="hero_size: 64x64\n"))
    assert of_page.what.startswith("a.md:2: hero_size: template 'fixed': ")
    of_template = fault(plan(styles, hero_style="plain"))
    assert of_template.what.startswith("styles.plain.template: template 'fixed': it cannot")


def test_what_the_configuration_asks_for_is_nobody_elses_fault(settings, page, new_pipeline):
    given = dataclasses.replace(
        settings, template="defualt", styles={"warm": Style(suffix="warm")}, style=("warm",)
    )

    error = fault(new_pipeline(given).plan([page("a.md"), page("b.md")]))

    assert isinstance(error, TemplateError)


def test_an_ambiguous_size_is_told_by_who_asks_for_it(plan, settings):
    folder = settings.templates_dir
    folder.mkdir()
    graph = json.loads(builtin_templates().read("default.json"))
    graph["20"] = {**graph["5"], "inputs": {**graph["5"]["inputs"], "width": 512}}
    graph["21"] = {**graph["3"], "inputs": {**graph["3"]["inputs"], "latent_image": ["20", 0]}}
    graph["22"] = {"class_type": "LatentBlend", "inputs": {"samples1": ["3", 0]}}
    graph["22"]["inputs"]["samples2"] = ["21", 0]
    graph["8"]["inputs"]["samples"] = ["22", 0]
    (folder / "two.json").write_text(json.dumps(graph))

    error = fault(plan({"brand": Style(template="two", size=(64, 64))}, style=["brand"]))

    assert error.what.startswith("styles.brand.size: template 'two': width could be any of")


def test_a_styles_negative_without_a_place_is_silent_and_a_pages_own_is_told(plan, settings):
    folder = settings.templates_dir
    folder.mkdir()
    (folder / "flux.json").write_text((GRAPHS / "flux_guider.json").read_text())
    styles = {"brand": Style(template="flux", negative="people")}

    assert plan(styles, hero_style="brand").findings == {}
    assert len(plan(styles, hero_style="brand", hero_negative="cars").findings) == 1


# Choices that only the canvas expands ------------------------------------------------------------


def test_a_choice_is_noted_once_for_all_pages(settings, new_pipeline):
    given = dataclasses.replace(settings, styles={"either": Style(suffix="{oil|ink}")})
    pages = [
        PageSource(path=path, meta=meta, title=str, source=str)
        for path, meta in {
            "a.md": {"hero_prompt": "a {red|blue} fox"},
            "b.md": {"hero_prompt": "a fox", "hero_style": "either"},
            "c.md": {"hero_prompt": "a fox", "hero_negative": "{cars|people}"},
            "d.md": {"hero_prompt": "a {red} fox | {blue}"},
        }.items()
    ]

    plan = new_pipeline(given).plan(pages)

    ((text, concerned),) = plan.notes.items()
    assert text.startswith("{one|another} in a prompt")
    assert concerned == ["a.md", "b.md", "c.md"]
    assert (plan.errors, plan.findings) == ((), {})
    assert plan.heroes["a.md"].bound.prompt == "a {red|blue} fox"
