"""Files that are no workflow: each is refused with what it is and the way to the right one."""

import json
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from mkdocs_comfy.errors import NotAWorkflowError, TemplateError, UiFormatError
from mkdocs_comfy.workflows.reading import find_cycle, read_graph
from mkdocs_comfy.workflows.template import parse_template


def read(text):
    return read_graph("fog", text, file="comfy_templates/fog.json")


def refused(text):
    with pytest.raises(NotAWorkflowError) as caught:
        read(text)
    return caught.value


def node(**inputs):
    return {"class_type": "Node", "inputs": inputs}


def test_a_graph_is_read_as_it_stands(graph):
    plain = graph("plain")

    assert read(json.dumps(plain)) == plain


def test_a_byte_order_mark_is_no_fault(graph):
    plain = graph("plain")

    assert read("\ufeff" + json.dumps(plain)) == plain


def test_ui_format_is_told_from_api_format():
    """facts/comfyui.md §3: a list of nodes; the menu path is the way out."""
    drawing = {"last_node_id": 9, "nodes": [{"id": 3, "type": "KSampler"}], "links": []}

    error = refused(json.dumps(drawing))

    assert isinstance(error, UiFormatError)
    assert "comfy_templates/fog.json is in the format of ComfyUI's editor" in error.what
    assert error.way_out == (
        "open it in ComfyUI, choose Workflow → Export (API) (in older menus File → Export (API)), "
        "and save what you get as comfy_templates/fog.json"
    )


@pytest.mark.parametrize(
    ("key", "what"), [("prompt", "a request to ComfyUI's /prompt"), ("output", "graph and drawing")]
)
def test_a_wrapper_is_refused_by_what_it_is(graph, key, what):
    wrapped = {key: graph("plain"), "client_id": "x", "workflow": {"nodes": []}}

    error = refused(json.dumps(wrapped))

    assert what in error.what
    assert f'keep only what stands in "{key}"' in error.way_out
    assert "Workflow → Export (API)" in error.way_out


def test_a_node_may_have_a_wrappers_name():
    assert read(json.dumps({"prompt": node(v=1), "output": node(v=2)}))


def test_what_is_no_json_is_refused_with_line_and_column():
    error = refused('{\n  "3": {"class_type": "KSampler",\n        oops\n}')

    assert "comfy_templates/fog.json is no JSON: line 3, column 9" in error.what


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("[]", "a list"),
        ('"graph"', "the text 'graph'"),
        ("null", "null"),
        ("true", "true"),
        ("17", "17"),
        ("{}", "an empty graph"),
    ],
)
def test_json_that_is_no_graph_is_refused(text, kind):
    assert kind in refused(text).what


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        (None, "is no node but null"),
        ([1, 2], "is no node but a list"),
        ({"inputs": {}}, "has no class_type"),
        ({"class_type": 5, "inputs": {}}, "has no class_type"),
        ({"class_type": " ", "inputs": {}}, "has no class_type"),
        ({"class_type": "KSampler"}, "has no inputs"),
        ({"class_type": "KSampler", "inputs": []}, "has no inputs"),
    ],
)
def test_an_entry_that_is_no_node_is_named(entry, problem):
    assert f"node 57:3 {problem}" in refused(json.dumps({"1": node(), "57:3": entry})).what


def test_a_key_that_stands_twice_is_refused():
    """JSON readers keep the last without a word: half the graph would be gone."""
    error = refused(
        '{"3": {"class_type": "A", "inputs": {}}, "3": {"class_type": "B", "inputs": {}}}'
    )

    assert "the key '3' stands 2 times" in error.what


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_numbers_that_no_server_reads_are_refused(number):
    refused(f'{{"3": {{"class_type": "A", "inputs": {{"cfg": {number}}}}}}}')


def test_a_number_of_thousands_of_digits_is_refused():
    digits = "9" * 5000

    assert (
        "5000 digits"
        in refused(f'{{"3": {{"class_type": "A", "inputs": {{"v": {digits}}}}}}}').what
    )


def test_half_a_character_is_refused():
    error = refused('{"3": {"class_type": "A", "inputs": {"text": "\\ud83d"}}}')

    assert "half a character" in error.what


def test_two_input_names_that_are_one_text_are_refused():
    error = refused(
        json.dumps({"3": {"class_type": "Node", "inputs": {"e\u0301": 1, "\u00e9": 2}}})
    )

    assert "node 3 cannot run" in error.what


@pytest.mark.parametrize("depth", [100, 500, 100_000])
def test_values_nested_without_end_are_refused(depth):
    text = '{"3": {"class_type": "A", "inputs": {"v": ' + "[" * depth + "]" * depth + "}}}"

    assert "nested" in refused(text).what


def test_a_link_to_a_missing_node_is_named():
    graph = {"3": {**node(model=["4", 0]), "_meta": {"title": "Sampler"}}}

    error = refused(json.dumps(graph))

    assert "node 3 'Sampler': model is linked to node '4', which does not exist" in error.what


@pytest.mark.parametrize("slot", [-1, 0.5])
def test_a_link_to_an_output_that_cannot_be_is_refused(slot):
    assert (
        "outputs are counted" in refused(json.dumps({"1": node(), "2": node(v=["1", slot])})).what
    )


def test_a_cycle_is_refused_by_its_nodes_in_the_order_of_flow():
    graph = {
        "1": node(),
        "2": node(a=["1", 0], b=["4", 0]),
        "3": node(a=["2", 0]),
        "4": {**node(a=["3", 0]), "_meta": {"title": "Back"}},
        "5": node(a=["4", 0]),
    }

    assert (
        "form a cycle: 2 'Node' → 3 'Node' → 4 'Back' → 2 'Node'" in refused(json.dumps(graph)).what
    )


def test_a_node_that_feeds_itself_is_a_cycle():
    assert find_cycle({"1": node(a=["1", 0])}) == ("1", "1")


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=14))
def test_a_cycle_is_found_just_where_there_is_one(edges):
    graph = {str(number): node() for number in range(8)}
    for count, (user, source) in enumerate(edges):
        graph[str(user)]["inputs"][f"in{count}"] = [str(source), 0]
    reach = {(user, source) for user, source in edges}
    for middle in range(8):
        reach |= {(a, d) for a, b in reach for c, d in reach if b == c == middle}

    cycle = find_cycle(graph)

    assert bool(cycle) == any(a == b for a, b in reach)
    for source, user in pairwise(cycle):
        assert (int(user), int(source)) in edges
    assert cycle[:1] == cycle[-1:]


def test_a_huge_graph_is_read_and_bound():
    chain = {"0": {"class_type": "CLIPTextEncode", "inputs": {"text": "x"}}}
    for number in range(1, 20_000):
        chain[str(number)] = {
            "class_type": "Pass",
            "inputs": {"conditioning": [str(number - 1), 0]},
        }
    chain["s"] = {
        "class_type": "KSampler",
        "inputs": {"positive": ["19999", 0], "latent_image": ["19999", 0], "seed": 1},
    }
    chain["o"] = {"class_type": "SaveImage", "inputs": {"images": ["s", 0], "filename_prefix": "x"}}

    template = parse_template("huge", json.dumps(chain))

    assert [str(target) for target in template.bindings["prompt"]] == ["0.text"]


documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["1", "2", "nodes", "prompt", "class_type", "inputs", "_meta"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)
inputs = st.dictionaries(
    st.sampled_from(["text", "images", "filename_prefix", "seed", "positive", "latent", "model"]),
    st.text(max_size=3) | st.integers() | st.tuples(st.sampled_from("012"), st.integers(0, 2)),
)
nodes = st.fixed_dictionaries(
    {
        "class_type": st.sampled_from(["KSampler", "CLIPTextEncode", "SaveImage", "Other"]),
        "inputs": inputs,
    },
    optional={"_meta": documents},
)


@given(
    st.text(max_size=40)
    | documents.map(json.dumps)
    | st.dictionaries(st.sampled_from("012"), nodes).map(json.dumps)
)
def test_any_text_is_a_template_or_a_template_error(text):
    with suppress(TemplateError):
        assert parse_template("any", text).bindings["prompt"]
