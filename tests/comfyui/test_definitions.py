"""What node definitions tell about a graph before it is submitted."""

import pytest

from mkdocs_comfy.comfyui.definitions import (
    classes_to_ask,
    classes_to_spell,
    contradiction,
    models_in,
    spelled,
)
from mkdocs_comfy.comfyui.protocol import Subject
from mkdocs_comfy.errors import MissingModelError, RejectedError

MODEL = "sd_xl_base_1.0.safetensors"
LOADER = "CheckpointLoaderSimple"


def loads(graph, name):
    return {**graph, "4": {**graph["4"], "inputs": {"ckpt_name": name}}}


def defined(options, *more, group="required", class_type=LOADER, name="ckpt_name"):
    return {class_type: {class_type: {"input": {group: {name: [options, *more]}}}}}


@pytest.fixture
def against(server, a_graph):
    def check(definitions, graph=None):
        graph = a_graph() if graph is None else graph
        return contradiction(Subject(server=server, template="sdxl", graph=graph), definitions)

    return check


def test_a_list_without_the_model_is_a_contradiction(against):
    error = against(defined(["a.safetensors", "b.safetensors"]))

    assert type(error) is MissingModelError
    assert (error.model, error.input) == (MODEL, "ckpt_name")
    assert "a.safetensors" in error.way_out
    assert error.node.title == "Load Checkpoint"


def test_an_empty_list_is_one_too(against):
    assert type(against(defined([]))) is MissingModelError


@pytest.mark.parametrize(
    "definitions",
    [
        {},
        {LOADER: {}},
        {LOADER: None},
        {LOADER: []},
        {LOADER: {LOADER: {"input": None}}},
        {LOADER: {LOADER: {"input": {"required": {"ckpt_name": None}}}}},
        defined([MODEL]),
        defined([MODEL, "a.safetensors"], group="optional"),
        defined("STRING", {"multiline": True}),
        defined("COMBO", {"remote": {"route": "/models"}}),
        defined("COMBO", {"options": [MODEL]}),
        defined([{"key": "a"}, {"key": "b"}]),
        defined(["a.png"], {"image_upload": True}),
        defined(["a.png"], class_type="Another"),
        defined(["a.png"], name="another"),
    ],
)
def test_anything_else_is_none(against, definitions):
    """``{}``, 404 and 403 mean unknown; the submission decides."""
    assert against(definitions) is None


def test_the_newer_form_of_a_list_counts(against):
    assert type(against(defined("COMBO", {"options": ["a.safetensors"]}))) is MissingModelError


def test_a_sampler_that_a_server_lacks_is_a_contradiction(against):
    definitions = defined(["ddim"], class_type="KSampler", name="sampler_name")

    error = against(definitions)

    assert type(error) is RejectedError
    assert "sampler_name" in error.what
    assert "'euler'" in error.what


def test_the_separator_is_no_contradiction(against, a_graph):
    graph = loads(a_graph(), "xl/base.safetensors")

    assert against(defined(["xl\\base.safetensors"]), graph) is None
    assert against(defined(["base.safetensors"]), graph) is not None


@pytest.mark.parametrize(
    ("named", "options", "sent"),
    [
        ("xl/a.safetensors", ["xl\\a.safetensors"], "xl\\a.safetensors"),
        ("xl\\a.safetensors", ["xl/a.safetensors"], "xl/a.safetensors"),
        ("xl/a.safetensors", ["xl/a.safetensors", "xl\\a.safetensors"], "xl/a.safetensors"),
        ("xl/a.safetensors", ["b.safetensors"], "xl/a.safetensors"),
        ("xl\\y/a.safetensors", ["xl/y/a.safetensors"], "xl/y/a.safetensors"),
    ],
)
def test_models_are_spelled_as_the_server_does(a_graph, named, options, sent):
    graph = loads(a_graph(), named)

    changed = spelled(graph, defined(options))

    assert changed["4"]["inputs"]["ckpt_name"] == sent
    assert graph["4"]["inputs"]["ckpt_name"] == named, "the graph itself is left alone"
    assert {key: node for key, node in changed.items() if key != "4"} == {
        key: node for key, node in graph.items() if key != "4"
    }


def test_only_classes_that_can_say_something_are_asked_for(a_graph):
    graph = a_graph()

    assert classes_to_ask(graph) == {"KSampler", LOADER, "CLIPTextEncode", "SaveImage"}
    assert classes_to_spell(graph) == set()
    assert classes_to_spell(loads(graph, "xl/a.safetensors")) == {LOADER}
    assert models_in(loads(graph, "xl\\a.safetensors")) == ("xl/a.safetensors",)


def test_a_prompt_that_ends_like_a_model_is_only_ever_a_text(a_graph, against):
    graph = a_graph(prompt="a sign that reads xl/a.safetensors")
    definitions = defined("STRING", class_type="CLIPTextEncode", name="text")

    assert spelled(graph, definitions) == graph
    assert against(definitions, graph) is None
