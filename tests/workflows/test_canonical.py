"""The written form of a workflow: what it keeps, and that equal keys give equal texts."""

import json

import pytest
from hypothesis import given, strategies as st

from mkdocs_comfy.builtin import builtin_templates
from mkdocs_comfy.workflows.binding import Inputs, bind
from mkdocs_comfy.workflows.canonical import canonical_workflow, models_in, output_of
from mkdocs_comfy.workflows.key import workflow_key
from mkdocs_comfy.workflows.library import Library

LIBRARY = Library([builtin_templates()])


def bound(name="default", **inputs):
    template = LIBRARY.template(name)
    image = None if template.image is None else "source.png"
    return bind(template, Inputs(prompt="a harbour", seed=7, image=image, **inputs))


def renamed(graph, names):
    """The graph with other node ids, in another order."""

    def value(each):
        return [names[each[0]], each[1]] if isinstance(each, list) and each[0] in names else each

    return {
        names[node_id]: {
            **graph[node_id],
            "_meta": {"title": f"moved {node_id}"},
            "inputs": {
                name: value(each) for name, each in reversed(graph[node_id]["inputs"].items())
            },
        }
        for node_id in reversed(graph)
    }


@pytest.mark.parametrize("name", LIBRARY.names())
def test_the_written_form_has_the_key_of_the_workflow(name):
    workflow = bound(name)
    written = canonical_workflow(workflow.graph, workflow.output)

    assert workflow_key(written, output_of(written)) == workflow.key
    assert canonical_workflow(written, output_of(written)) == written


@pytest.mark.parametrize("name", LIBRARY.names())
@given(st.randoms(use_true_random=False))
def test_ids_order_and_titles_are_not_written(name, random):
    workflow = bound(name)
    ids = [f"{number}:{number}" for number in range(len(workflow.graph))]
    random.shuffle(ids)
    names = dict(zip(workflow.graph, ids, strict=True))
    other = renamed(workflow.graph, names)

    one = canonical_workflow(workflow.graph, workflow.output)
    two = canonical_workflow(other, names[workflow.output])

    assert json.dumps(one) == json.dumps(two)


def test_nodes_that_are_the_same_are_written_once():
    def text():
        return {"class_type": "CLIPTextEncode", "inputs": {"text": "fog", "clip": ["1", 1]}}

    def sampler(negative):
        inputs = {"positive": ["2", 0], "negative": [negative, 0]}
        return {"class_type": "KSampler", "inputs": inputs}

    model = {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "a.safetensors"}}
    twice = {"1": model, "2": text(), "3": text(), "4": sampler("3")}
    once = {"1": model, "2": text(), "4": sampler("2")}

    assert canonical_workflow(twice, "4") == canonical_workflow(once, "4")
    assert len(canonical_workflow(twice, "4")) == 3


def test_what_does_not_shape_the_image_is_left_out():
    workflow = bound()
    graph = {**workflow.graph, "99": {"class_type": "Note", "inputs": {}}}
    written = canonical_workflow(graph, workflow.output)

    text = json.dumps(written)
    assert "Note" not in text
    assert "_meta" not in text
    assert "filename_prefix" not in text


def test_texts_and_numbers_are_in_one_form():
    graph = {
        "1": {"class_type": "Two", "inputs": {"a": "e\u0301\r\n", "b": 8.0, "c": True}},
        "2": {"class_type": "Save", "inputs": {"images": ["1", 0.0]}},
    }

    assert canonical_workflow(graph, "2") == {
        "1": {"class_type": "Two", "inputs": {"a": "é\n", "b": 8, "c": True}},
        "2": {"class_type": "Save", "inputs": {"images": ["1", 0]}},
    }


def test_models_are_named_once_and_sorted():
    workflow = bound("sdxl-refiner")

    assert models_in(workflow.graph) == (
        "sd_xl_base_1.0.safetensors",
        "sd_xl_refiner_1.0.safetensors",
    )
