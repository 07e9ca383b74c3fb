"""Why a key changed: nothing for what is no change, and the inputs that differ for what is one."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from mkdocs_comfy.workflows.binding import Inputs, bind
from mkdocs_comfy.workflows.differing import differences

INPUTS = Inputs(prompt="a cat", seed=1, size=(512, 512))


def told(before, after):
    return [(each.what, each.before, each.after) for each in differences(before, after)]


@pytest.fixture
def plain(template):
    return bind(template("plain"), INPUTS)


def test_the_same_has_no_differences(template, plain):
    assert differences(plain, bind(template("plain"), INPUTS)) == ()


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"prompt": "a dog"}, [("prompt", "a cat", "a dog")]),
        ({"seed": 2}, [("seed", 1, 2)]),
        ({"negative": "cars"}, [("negative", "text, watermark", "cars")]),
        ({"size": (512, 768)}, [("size", (512, 512), (512, 768))]),
        ({"params": {"steps": 33}}, [("KSampler.steps", 20, 33)]),
        (
            {"prompt": "a dog", "seed": 2, "params": {"cfg": 3.5}},
            [("prompt", "a cat", "a dog"), ("seed", 1, 2), ("KSampler.cfg", 8, 3.5)],
        ),
    ],
)
def test_what_a_page_changed_is_told(template, plain, changed, expected):
    assert told(plain, bind(template("plain"), replace(INPUTS, **changed))) == expected


def test_a_prompt_in_several_places_is_told_once(template):
    made = template("sdxl_base_and_refiner")
    inputs = replace(INPUTS, size=None)

    assert told(bind(made, inputs), bind(made, replace(inputs, prompt="a dog"))) == [
        ("prompt", "a cat", "a dog")
    ]


def test_another_class_is_told_and_not_looked_behind(template, graph, plain):
    changed = graph("plain")
    changed["5"]["class_type"] = "EmptySD3LatentImage"
    changed["4"]["inputs"]["ckpt_name"] = "other.safetensors"

    assert told(plain, bind(template("x", changed), INPUTS)) == [
        ("Load Checkpoint.ckpt_name", "dreamshaper_8.safetensors", "other.safetensors"),
        ("Empty Latent Image", "EmptyLatentImage", "EmptySD3LatentImage"),
    ]


def test_inputs_that_come_go_and_are_linked_are_told(template, graph, plain):
    changed = graph("plain")
    sampler = changed["3"]["inputs"]
    sampler["extra"] = 5
    del sampler["denoise"]
    changed["20"] = {"class_type": "PrimitiveFloat", "inputs": {"value": 8.0}}
    sampler["cfg"] = ["20", 0]
    changed["8"]["inputs"]["vae"] = ["4", 1]

    made = template("x", changed)
    found = told(plain, bind(made, INPUTS))

    assert found == [
        ("VAE Decode.vae", "output 2 of a node", "output 1 of a node"),
        ("KSampler.cfg", 8, "output 0 of a node"),
        ("KSampler.extra", None, 5),
        ("KSampler.denoise", 1, None),
    ]


@given(st.randoms())
def test_new_ids_and_titles_are_no_difference(template, graph, random):
    exported = graph("sdxl_base_and_refiner")
    ids = list(exported)
    random.shuffle(ids)
    new = {old: f"{random.randrange(99)}:{number}" for number, old in enumerate(ids)}
    text = json.dumps({node_id: exported[node_id] for node_id in ids})
    document = json.loads(text)
    renamed = {}
    for node_id, node in document.items():
        inputs = {
            name: [new[value[0]], value[1]] if isinstance(value, list) else value
            for name, value in node["inputs"].items()
        }
        renamed[new[node_id]] = {"class_type": node["class_type"], "inputs": inputs}
    before = bind(template("sdxl_base_and_refiner"), INPUTS)

    after = bind(template("renamed", renamed), INPUTS)

    assert differences(before, after) == ()
    assert told(before, bind(template("renamed", renamed), replace(INPUTS, seed=9))) == [
        ("seed", 1, 9)
    ]
