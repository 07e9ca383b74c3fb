"""The key of an image: what it is made of, what never changes it, and what always does."""

import json
import unicodedata
from copy import deepcopy
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import assume, given, strategies as st

from mkdocs_comfy.workflows.binding import Inputs, bind
from mkdocs_comfy.workflows.key import CacheKey, stand_in, workflow_key

GOLDENS = json.loads((Path(__file__).parents[1] / "goldens" / "keys.json").read_text("utf-8"))


# A second implementation, naive and after the docstring alone ------------------------------------


def described_key(graph, output):
    def digest(node_id):
        node = graph[node_id]
        inputs = {
            described_text(name): ["link", digest(value[0]), int(value[1])]
            if is_link(value)
            else ["value", described_input(value)]
            for name, value in node["inputs"].items()
            if (node_id, name) != (output, "filename_prefix")
        }
        document = {"class": described_text(node["class_type"]), "inputs": inputs}
        serialised = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return sha256(serialised.encode()).hexdigest()

    return "k1-" + digest(output)


def described_input(value):
    if isinstance(value, str) and value.endswith(SUFFIXES):
        return described_text(value).replace("\\", "/")
    return described_literal(value)


def described_literal(value):
    if isinstance(value, str):
        return described_text(value)
    if isinstance(value, float):
        return int(value) if value == int(value) else value
    if isinstance(value, list):
        return [described_literal(each) for each in value]
    if isinstance(value, dict):
        return {described_text(name): described_literal(each) for name, each in value.items()}
    return value


def described_text(value):
    return unicodedata.normalize("NFC", value.replace("\r\n", "\n").replace("\r", "\n"))


def is_link(value):
    return (
        isinstance(value, list)
        and len(value) == 2
        and isinstance(value[0], str)
        and isinstance(value[1], int | float)
        and not isinstance(value[1], bool)
    )


SUFFIXES = (".safetensors", ".sft", ".ckpt", ".pt", ".pth", ".bin", ".gguf", ".onnx")


# Graphs out of nothing ---------------------------------------------------------------------------

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.builds(str.__add__, st.text("ab\\/", max_size=5), st.sampled_from(SUFFIXES))
)
names = st.text(min_size=1, max_size=6).map(lambda name: unicodedata.normalize("NFC", name))
# Names are canonical here, so that no two of one node are the same text.
names = names.filter(lambda name: "\r" not in name and name != "filename_prefix")
literals = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3)
).filter(lambda value: not is_link(value))


@st.composite
def graphs(draw):
    """An acyclic graph and its output, the last node; every node leads to it."""
    count = draw(st.integers(1, 6))
    graph = {}
    for number in range(count):
        inputs = draw(st.dictionaries(names, literals, max_size=4))
        if number:
            inputs["chain"] = [str(number - 1), draw(st.integers(0, 3))]
            inputs["more"] = [str(draw(st.integers(0, number - 1))), draw(st.integers(0, 3))]
        graph[str(number)] = {"class_type": draw(names), "inputs": inputs}
    graph[str(count - 1)]["inputs"]["filename_prefix"] = "ComfyUI"
    return graph, str(count - 1)


# What it is --------------------------------------------------------------------------------------


def test_the_serialisation_is_what_the_docstring_says():
    """Written by hand: whoever reimplements the key can start from here."""
    graph = {
        "7": {
            "class_type": "Cafe\u0301",
            "inputs": {"z": 8.0, "a": "one\r\ntwo", "é": True, "deep": {"x": [1.50, -0.0, None]}},
            "_meta": {"title": "never in it"},
        },
        "9": {
            "class_type": "SaveImage",
            "inputs": {"images": ["7", 1], "filename_prefix": "x", "model": "a\\b.ckpt"},
        },
    }
    source = (
        '{"class":"Caf\u00e9","inputs":{'
        '"a":["value","one\\ntwo"],'
        '"deep":["value",{"x":[1.5,0,null]}],'
        '"z":["value",8],'
        '"\u00e9":["value",true]}}'
    )
    digest = sha256(source.encode()).hexdigest()
    output = (
        '{"class":"SaveImage","inputs":{'
        f'"images":["link","{digest}",1],'
        '"model":["value","a/b.ckpt"]}}'
    )

    assert workflow_key(graph, "9") == "k1-" + sha256(output.encode()).hexdigest()


@pytest.mark.parametrize(
    ("literal", "written"),
    [
        (1e3, "1000"),
        (1e22, "10000000000000000000000"),
        (-3.0, "-3"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (2.5e-7, "2.5e-07"),
        (0.1 + 0.2, "0.30000000000000004"),
        (2**64 - 1, "18446744073709551615"),
        (False, "false"),
        (
            'tab\t quote" slash\\ bell\x07 del\x7f',
            '"tab\\t quote\\" slash\\\\ bell\\u0007 del\x7f"',
        ),
        ("\u2028 \U0001f433", '"\u2028 \U0001f433"'),
        (["6", True], '["6",true]'),
        ([6, 0], "[6,0]"),
        ({"b": 1, "a": {"d": [], "c": {}}}, '{"a":{"c":{},"d":[]},"b":1}'),
        ({"\U0001f433": 1, "\uffee": 2}, '{"\uffee":2,"\U0001f433":1}'),
    ],
)
def test_literals_are_written_as_the_docstring_says(literal, written):
    serialised = f'{{"class":"N","inputs":{{"v":["value",{written}]}}}}'

    key = workflow_key({"1": {"class_type": "N", "inputs": {"v": literal}}}, "1")

    assert key == "k1-" + sha256(serialised.encode()).hexdigest()


@given(graphs())
def test_two_implementations_of_the_docstring_agree(made):
    graph, output = made

    assert workflow_key(graph, output) == described_key(graph, output)


@pytest.mark.parametrize("case", GOLDENS, ids=[case["case"] for case in GOLDENS])
def test_keys_stay_what_they_were(case, template):
    """A changed key means that every user renders again: only a major release may do that."""
    inputs = dict(case["inputs"])
    if "size" in inputs:
        inputs["size"] = tuple(inputs["size"])

    bound = bind(template(case["template"]), Inputs(**inputs))

    assert bound.key == case["key"]


def test_the_goldens_cover_every_kind_of_template():
    assert len({case["key"] for case in GOLDENS}) == len(GOLDENS) >= 12
    assert {"default", "sd15"} < {case["template"] for case in GOLDENS}


def test_a_stand_in_has_a_key_space_of_its_own():
    key = CacheKey("k1-" + "ab" * 32)

    assert stand_in(key) == "e1-" + "ab" * 32


# What never changes it ---------------------------------------------------------------------------


@given(graphs(), st.randoms())
def test_ids_order_titles_prefix_and_dead_nodes_never_matter(made, random):
    graph, output = made
    ids = {node_id: f"{random.randrange(10**6)}:{node_id}" for node_id in graph}

    def moved(value):
        return [ids[value[0]], value[1]] if is_link(value) else value

    nodes = []
    for node_id, node in graph.items():
        inputs = [(name, moved(value)) for name, value in node["inputs"].items()]
        random.shuffle(inputs)
        title = {"title": f"title {random.random()}"}
        nodes.append((ids[node_id], {**node, "inputs": dict(inputs), "_meta": title}))
    dead = {"class_type": "Dead", "inputs": {"from": [ids[output], 0], "seed": random.random()}}
    nodes.append(("dead", dead))
    random.shuffle(nodes)
    other = dict(nodes)
    other[ids[output]]["inputs"]["filename_prefix"] = f"other/{random.random()}"

    assert workflow_key(other, ids[output]) == workflow_key(graph, output)


def test_what_only_names_the_files_never_matters():
    def saved(prefix):
        return {
            "1": {"class_type": "EmptyImage", "inputs": {"color": 0}},
            "2": {"class_type": "PrimitiveString", "inputs": {"value": prefix}},
            "3": {
                "class_type": "SaveImage",
                "inputs": {"images": ["1", 0], "filename_prefix": ["2", 0]},
            },
        }

    assert workflow_key(saved("a"), "3") == workflow_key(saved("b"), "3")


def with_value(value, name="v"):
    return workflow_key({"1": {"class_type": "N", "inputs": {name: value}}}, "1")


@given(st.text(st.characters(exclude_characters="\r", exclude_categories=["Cs"])))
def test_nfc_and_line_ends_never_matter(text):
    for form in ("NFC", "NFD"):
        for line_end in ("\n", "\r\n", "\r"):
            other = unicodedata.normalize(form, text).replace("\n", line_end)

            assert with_value(other) == with_value(text)
            assert with_value([{"deep": other}]) == with_value([{"deep": text}])


def test_a_name_in_another_normal_form_is_the_same_name():
    assert with_value(1, "e\u0301") == with_value(1, "\u00e9")


@given(st.integers(-(2**53), 2**53))
def test_a_float_without_a_fraction_is_a_whole_number(number):
    assert with_value(float(number)) == with_value(number)
    assert with_value({"a": [float(number)]}) == with_value({"a": [number]})


def test_zero_has_no_sign():
    assert with_value(-0.0) == with_value(0.0) == with_value(0)


def test_a_slot_may_be_written_as_a_float():
    def linked(slot):
        return {
            "1": {"class_type": "A", "inputs": {}},
            "2": {"class_type": "B", "inputs": {"a": ["1", slot]}},
        }

    assert workflow_key(linked(1.0), "2") == workflow_key(linked(1), "2")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_model_is_the_same_on_windows_and_linux(suffix):
    assert with_value(f"sdxl\\base{suffix}") == with_value(f"sdxl/base{suffix}")


# What always does --------------------------------------------------------------------------------


@given(graphs(), st.data())
def test_any_change_of_a_literal_that_reaches_the_output_changes_it(made, data):
    graph, output = made
    places = [
        (node_id, name)
        for node_id, node in graph.items()
        for name, value in node["inputs"].items()
        if not is_link(value) and name != "filename_prefix"
    ]
    assume(places)
    node_id, name = data.draw(st.sampled_from(places))
    changed = deepcopy(graph)
    changed[node_id]["inputs"][name] = data.draw(literals)
    assume(described_key(changed, output) != described_key(graph, output))

    assert workflow_key(changed, output) != workflow_key(graph, output)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("8", 8),
        (True, 1),
        (False, 0),
        (None, "null"),
        (None, False),
        ("", None),
        (0.1, "0.1"),
        ([], {}),
        ([1], 1),
        ([True], [1]),
        ({"a": 1}, {"a": True}),
        ({"__value__": ["6", 0]}, ["6", "0"]),
        ("a\\b.png", "a/b.png"),
        (["a\\b.ckpt"], ["a/b.ckpt"]),
        ("A", "a"),
        ("\ufb01", "fi"),
        (" a", "a"),
        (2**53, 2**53 + 1),
        (0.1, 0.1 + 2**-56),
    ],
)
def test_values_that_only_look_alike_have_different_keys(one, other):
    assert with_value(one) != with_value(other)


def test_a_literal_never_passes_for_a_link():
    source = {"class_type": "A", "inputs": {}}
    digest = workflow_key({"1": source}, "1").removeprefix("k1-")
    linked = {"1": source, "2": {"class_type": "B", "inputs": {"v": ["1", 0]}}}
    for literal in (["link", digest, 0], {"link": [digest, 0]}, {"__value__": [digest, 0]}):
        plain = {"2": {"class_type": "B", "inputs": {"v": literal}}}

        assert workflow_key(plain, "2") != workflow_key(linked, "2")


def test_another_slot_of_the_same_source_is_another_image():
    def linked(slot):
        return {
            "1": {"class_type": "A", "inputs": {}},
            "2": {"class_type": "B", "inputs": {"a": ["1", slot]}},
        }

    assert workflow_key(linked(0), "2") != workflow_key(linked(1), "2")


def test_the_prefix_of_a_node_on_the_way_is_an_input_like_others():
    def saved(prefix):
        middle = {"class_type": "Image Save", "inputs": {"filename_prefix": prefix}}
        return {"1": middle, "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0]}}}

    assert workflow_key(saved("a"), "2") != workflow_key(saved("b"), "2")


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), [float("-inf")], "\ud83d", {"\ud83d": 1}, b"bytes", {1: 2}],
    ids=repr,
)
def test_what_json_cannot_hold_has_no_key(value):
    with pytest.raises(ValueError, match=r"."):
        with_value(value)


def test_two_names_that_are_one_text_have_no_key():
    """One of the two would be lost without a word."""
    node = {"class_type": "N", "inputs": {"e\u0301": 1, "\u00e9": 2}}

    with pytest.raises(ValueError, match="same text"):
        workflow_key({"1": node}, "1")


def test_a_chain_of_thousands_of_nodes_has_a_key():
    chain = {"0": {"class_type": "N", "inputs": {"v": 0}}}
    for number in range(1, 20_000):
        chain[str(number)] = {"class_type": "N", "inputs": {"a": [str(number - 1), 0]}}
    key = workflow_key(chain, "19999")
    chain["0"]["inputs"]["v"] = 1

    assert workflow_key(chain, "19999") != key


def test_a_node_used_by_many_is_hashed_once():
    """A ladder with two links a rung has 2**200 paths."""
    ladder = {"0": {"class_type": "N", "inputs": {}}}
    for number in range(1, 200):
        below = str(number - 1)
        ladder[str(number)] = {"class_type": "N", "inputs": {"a": [below, 0], "b": [below, 1]}}

    assert workflow_key(ladder, "199").startswith("k1-")
