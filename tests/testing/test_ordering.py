from hypothesis import given, strategies as st

from mkdocs_comfy.testing.ordering import execution_order, links_of, reachable, signatures


@st.composite
def graphs(draw):
    """Graphs without a cycle: each node links to some of those before it."""
    count = draw(st.integers(1, 10))
    graph = {}
    for number in range(count):
        sources = draw(st.lists(st.integers(0, number - 1), max_size=3)) if number else []
        inputs = {f"in{index}": [str(source), 0] for index, source in enumerate(sources)}
        graph[str(number)] = {
            "class_type": draw(st.sampled_from("AB")),
            "inputs": inputs | {"value": draw(st.integers(0, 2))},
        }
    outputs = draw(st.sets(st.sampled_from(sorted(graph)), min_size=1))
    return graph, sorted(outputs)


@given(made=graphs())
def test_every_node_runs_once_and_after_its_sources(made):
    graph, outputs = made

    order = list(execution_order(graph, outputs, cached=frozenset(), sinks=frozenset(outputs)))

    assert sorted(order) == sorted(reachable(graph, outputs))
    for node in order:
        assert all(order.index(source) < order.index(node) for source in links_of(graph, node))


@given(made=graphs(), data=st.data())
def test_nothing_that_is_cached_runs_but_outputs(made, data):
    graph, outputs = made
    cached = data.draw(st.sets(st.sampled_from(sorted(graph))))

    order = list(execution_order(graph, outputs, cached=cached, sinks=frozenset(outputs)))

    assert len(set(order)) == len(order)
    assert set(order) & cached <= set(outputs)
    assert set(outputs) <= set(order)


@given(made=graphs())
def test_ids_and_order_of_nodes_do_not_change_a_signature(made):
    graph, outputs = made
    renamed = {
        f"n{node}": {
            "class_type": each["class_type"],
            "inputs": {
                name: [f"n{value[0]}", 0] if isinstance(value, list) else value
                for name, value in reversed(each["inputs"].items())
            },
        }
        for node, each in reversed(graph.items())
    }

    signed = signatures(graph, reachable(graph, outputs), salt={})
    other = signatures(renamed, [f"n{node}" for node in signed], salt={})

    assert {f"n{node}": value for node, value in signed.items()} == other


@given(made=graphs(), data=st.data())
def test_a_literal_changes_its_node_and_all_that_follow(made, data):
    graph, outputs = made
    nodes = reachable(graph, outputs)
    changed = data.draw(st.sampled_from(nodes))
    before = signatures(graph, nodes, salt={})
    graph[changed]["inputs"]["value"] = 9

    after = signatures(graph, nodes, salt={})

    downstream = {node for node in nodes if changed in reachable(graph, [node])}
    assert {node for node in nodes if before[node] != after[node]} == downstream


def test_a_salted_class_is_never_the_same():
    graph = {"1": {"class_type": "A", "inputs": {}}}

    first, second = (signatures(graph, ["1"], salt={"A": salt}) for salt in ("x", "y"))

    assert first != second


def test_a_preview_runs_before_the_long_way_to_the_other_output(txt2img):
    """What feeds an output goes first, so that people see something early."""
    graph = txt2img()
    graph["10"] = {"class_type": "PreviewImage", "inputs": {"images": ["11", 0]}}
    graph["11"] = {"class_type": "EmptyImage", "inputs": {}}

    order = list(execution_order(graph, ["10", "9"], cached=frozenset(), sinks={"9", "10"}))

    assert order[:2] == ["11", "10"]
