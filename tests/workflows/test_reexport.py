"""A workflow exported again is the same workflow: new ids, other order, subgraphs opened up.

And what a page wrote into it can be taken out again: then it is the file.
"""

import json
from copy import deepcopy
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from mkdocs_comfy.errors import AmbiguousTemplateError
from mkdocs_comfy.workflows.binding import Inputs, bind
from mkdocs_comfy.workflows.differing import differences
from mkdocs_comfy.workflows.graph import link_of
from mkdocs_comfy.workflows.reading import read_graph
from mkdocs_comfy.workflows.writing import graph_text

NAMES = sorted(file.stem for file in (Path(__file__).parent / "graphs").glob("*.json"))
ASKING = ["two_savers", "two_texts"]
BINDING = [name for name in NAMES if name not in ASKING]
ARGUMENTS = st.builds(
    Inputs,
    prompt=st.text(max_size=20),
    seed=st.integers(0, 2**64 - 1),
    negative=st.none() | st.text(max_size=20),
    params=st.just({}) | st.fixed_dictionaries({"strength": st.floats(0, 1)}),
)
TOML = """\
negative = "people"
[parameters.steps]
default = 33
[parameters.strength]
to = ["KSampler.denoise"]
default = 0.75
"""


def exported(graph, random, *, flat):
    """The graph as the editor would export it another time."""
    ids = list(graph)
    random.shuffle(ids)
    numbers = random.sample(range(1_000), len(ids))
    new = {
        old: str(number)
        if flat
        else ":".join(map(str, random.choices(range(99), k=2))) + f":{number}"
        for old, number in zip(ids, numbers, strict=True)
    }
    made = {}
    for node_id in ids:
        node = deepcopy(graph[node_id])
        inputs = list(node["inputs"].items())
        random.shuffle(inputs)
        node["inputs"] = {
            name: [new[link.node], link.slot] if (link := link_of(value)) else value
            for name, value in inputs
        }
        made[new[node_id]] = node
    return made


@given(st.sampled_from(BINDING), st.booleans(), st.randoms(), ARGUMENTS)
def test_a_new_export_changes_no_key(template, graph, name, flat, random, inputs):
    inputs = Inputs(prompt=inputs.prompt, seed=inputs.seed)
    before = bind(template(name), inputs)

    after = bind(template(name, exported(graph(name), random, flat=flat)), inputs)

    assert after.key == before.key
    assert differences(before, after) == ()


@given(st.sampled_from(ASKING), st.booleans(), st.randoms())
def test_a_new_export_asks_the_same(template, graph, name, flat, random):
    asked = []
    for each in (graph(name), exported(graph(name), random, flat=flat)):
        with pytest.raises(AmbiguousTemplateError) as caught:
            template(name, each)
        asked.append((caught.value.role, {each.text for each in caught.value.candidates}))

    assert asked[0][0] == asked[1][0]
    assert len(asked[0][1]) == len(asked[1][1])


@given(ARGUMENTS)
def test_what_was_written_can_be_taken_out_again(template, inputs):
    made = template("plain", toml=TOML)
    bound = deepcopy(dict(bind(made, inputs).graph))

    written = [target for targets in made.bindings.values() for target in targets]
    written += made.declared["strength"].targets
    for target in written:
        bound[target.node]["inputs"][target.input] = made.graph[target.node]["inputs"][target.input]

    assert bound == {node_id: made.graph[node_id] for node_id in bound}
    assert set(bound) == set(made.live)


@given(st.sampled_from(NAMES), st.randoms())
def test_the_text_of_a_template_file_is_the_same_for_the_same_workflow(graph, name, random):
    whole = graph(name)
    ids = list(whole)
    random.shuffle(ids)

    text = graph_text(whole)

    assert graph_text({node_id: whole[node_id] for node_id in ids}) == text
    read = read_graph(name, text, file="x.json")
    assert graph_text(read) == text
    assert {node_id: node["inputs"] for node_id, node in read.items()} == {
        node_id: node["inputs"] for node_id, node in whole.items()
    }
    assert json.loads(text).keys() == whole.keys()
