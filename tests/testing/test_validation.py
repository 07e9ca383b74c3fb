"""Faults that no recording has; wording and order are those of the recorded ones."""

import copy

import pytest
from hypothesis import given, strategies as st

from mkdocs_comfy.testing.literals import fits as fits_
from mkdocs_comfy.testing.nodes import default_models, default_nodes, with_models
from mkdocs_comfy.testing.validation import Rules, validate

NODES, FILES = default_nodes(), default_models()


def definition(kind):
    return with_models(kind, NODES[kind], FILES) if kind in NODES else None


RULES = Rules(definition=definition, takes_any=lambda *_: False)


def judge(graph, **kwargs):
    return validate(graph, RULES, **kwargs)


def fault_of(graph, node):
    (fault,) = judge(graph).node_errors[node]["errors"]
    return fault


def test_a_good_graph_has_no_fault(txt2img):
    verdict = judge(txt2img())

    assert (verdict.error, verdict.node_errors, verdict.outputs) == (None, {}, ("9",))


def test_the_graph_that_was_posted_is_not_changed(txt2img):
    graph = txt2img()
    graph["3"]["inputs"] |= {"steps": "7", "cfg": 5}
    before = copy.deepcopy(graph)

    verdict = judge(graph)

    assert graph == before
    assert verdict.graph["3"]["inputs"]["steps"] == 7
    assert isinstance(verdict.graph["3"]["inputs"]["cfg"], float)


def test_a_list_that_is_no_link(txt2img):
    graph = txt2img()
    graph["3"]["inputs"]["model"] = ["4", 0, 1]

    fault = fault_of(graph, "3")

    assert (fault["type"], fault["details"]) == ("bad_linked_input", "model")
    assert fault["extra_info"]["received_value"] == ["4", 0, 1]


def test_a_wrapped_list_is_a_value(txt2img):
    graph = txt2img()
    graph["6"]["inputs"]["text"] = {"__value__": ["a", "b"]}

    assert judge(graph).graph["6"]["inputs"]["text"] == "['a', 'b']"


def test_a_cycle_is_refused_without_naming_a_node(txt2img):
    """Each node of a cycle waits for its own verdict, and none is found at fault."""
    graph = txt2img()
    graph["5"] = {
        "class_type": "LatentUpscale",
        "inputs": {
            "samples": ["3", 0],
            "upscale_method": "area",
            "width": 64,
            "height": 64,
            "crop": "disabled",
        },
    }

    verdict = judge(graph)

    assert verdict.error["type"] == "prompt_outputs_failed_validation"
    assert (verdict.outputs, verdict.node_errors) == ((), {})


def test_a_graph_deeper_than_the_stack_is_refused_not_fatal(plain):
    graph = plain()
    for number in range(2000):
        source = ["1", 0] if number == 0 else [f"s{number - 1}", 0]
        inputs = {"image": source, "upscale_method": "area"}
        inputs |= {"width": 8, "height": 8, "crop": "disabled"}
        graph[f"s{number}"] = {"class_type": "ImageScale", "inputs": inputs}
    graph["2"]["inputs"]["images"] = ["s1999", 0]

    assert judge(graph).error["type"] == "prompt_outputs_failed_validation"


def test_an_output_whose_own_link_leads_nowhere(plain):
    graph = plain()
    graph["2"]["inputs"]["images"] = ["99", 0]

    fault = fault_of(graph, "2")

    assert (fault["type"], fault["details"]) == ("exception_during_validation", "'99'")
    assert judge(graph).error["details"] == "Exception when validating node: '99'"


def test_a_link_to_a_slot_that_is_not_there(txt2img):
    graph = txt2img()
    graph["8"]["inputs"]["vae"] = ["4", 7]

    assert fault_of(graph, "8")["extra_info"]["exception_type"] == "IndexError"


def test_a_node_without_inputs_is_at_fault(plain):
    graph = plain()
    del graph["1"]["inputs"]

    assert fault_of(graph, "1")["extra_info"]["exception_type"] == "KeyError"


def test_one_of_two_outputs_may_run_while_the_other_is_refused(txt2img):
    """A real server answers 200 then, with node_errors."""
    graph = txt2img() | {"10": {"class_type": "SaveImage", "inputs": {"images": ["8", 0]}}}

    verdict = judge(graph)

    assert (verdict.error, verdict.outputs) == (None, ("9",))
    assert verdict.node_errors["10"]["dependent_outputs"] == ["10"]
    assert verdict.node_errors["10"]["errors"][0]["type"] == "required_input_missing"


def test_a_fault_that_two_outputs_share_names_both(txt2img):
    graph = txt2img() | {"10": {"class_type": "PreviewImage", "inputs": {"images": ["8", 0]}}}
    graph["4"]["inputs"]["ckpt_name"] = "nowhere.safetensors"

    assert judge(graph).node_errors["4"]["dependent_outputs"] == ["10", "9"]


def test_only_the_targets_of_a_partial_execution_are_judged(txt2img):
    graph = txt2img() | {"10": {"class_type": "SaveImage", "inputs": {}}}

    assert judge(graph, targets=["9"]).node_errors == {}
    assert judge(graph, targets=["9"]).outputs == ("9",)
    assert judge(graph, targets=["nothing"]).error["type"] == "prompt_no_outputs"


def test_choices_in_the_newer_notation_are_checked(plain):
    graph = plain()
    graph["3"] = {"class_type": "UpscaleModelLoader", "inputs": {"model_name": "4x.pth"}}
    graph["4"] = {
        "class_type": "ImageUpscaleWithModel",
        "inputs": {"image": ["1", 0], "upscale_model": ["3", 0]},
    }
    graph["2"]["inputs"]["images"] = ["4", 0]

    assert fault_of(graph, "3")["details"] == "model_name: '4x.pth' not in []"


def test_any_model_is_taken_where_the_server_is_told_so(txt2img):
    graph = txt2img()
    graph["4"]["inputs"]["ckpt_name"] = "nowhere.safetensors"
    graph["3"]["inputs"]["sampler_name"] = "nowhere"
    rules = Rules(definition=definition, takes_any=lambda _, name: name == "ckpt_name")

    assert validate(graph, rules).node_errors.keys() == {"3"}


@pytest.mark.parametrize(
    ("received", "wanted", "fits"),
    [
        ("IMAGE", "IMAGE", True),
        ("IMAGE", "MASK", False),
        ("*", "MASK", True),
        ("IMAGE", "*", True),
        ("INT", "INT,FLOAT", True),
        ("INT,STRING", "INT,FLOAT", False),
        ("COMBO", ["a", "b"], True),
        (["a"], "COMBO", True),
        ("STRING", ["a"], False),
    ],
)
def test_which_output_fits_which_input(received, wanted, fits):
    assert fits_(received, wanted) is fits


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@given(value=anything, name=st.sampled_from(["seed", "steps", "cfg", "model", "sampler_name"]))
def test_no_value_of_an_input_breaks_the_server(value, name):
    graph = {
        "1": {"class_type": "KSampler", "inputs": {name: value}},
        "2": {"class_type": "VAEDecode", "inputs": {"samples": ["1", 0]}},
        "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0]}},
    }

    assert judge(graph).error is not None


@given(graph=anything)
def test_no_graph_breaks_the_server_but_with_the_error_that_it_expects(graph):
    try:
        assert judge(graph).error is not None
    except TypeError:  # becomes the 500 of a real server
        assert not isinstance(graph, dict) or graph
