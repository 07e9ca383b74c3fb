"""Tracing and binding on the workflows that ComfyUI itself offers for local text to image.

``tests/workflows/real/bindings.json`` says for each of them what a prompt, a seed, a size … has to
be written to. It was written by reading the graphs. "a + b" means both inputs, "a | b" either;
nothing means that the graph has no place for it. Where a number stands behind a switch or a
calculation, the number itself and the input that it ends up in are equally right.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mkdocs_comfy.builtin import builtin_templates
from mkdocs_comfy.errors import AmbiguousTemplateError, TemplateError
from mkdocs_comfy.workflows.binding import Inputs, bind
from mkdocs_comfy.workflows.rules import ROLES
from mkdocs_comfy.workflows.template import WorkflowTemplate, parse_template

ROOT = Path(__file__).resolve().parents[2]
REAL = ROOT / "tests" / "workflows" / "real"
CORPUS = ROOT / ".venvs" / "corpus"
EXPECTED = json.loads((REAL / "bindings.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def object_info(comfyui):
    """Class → definition, of the real server."""
    return comfyui.get("/object_info")


@pytest.fixture(scope="module")
def graphs(object_info, tmp_path_factory):
    """Name → text of each workflow in API format."""
    if not (CORPUS / "installed.json").is_file():
        pytest.fail("no corpus here: run python tests/live/install_corpus.py", pytrace=False)
    folder = tmp_path_factory.mktemp("corpus")
    definitions = folder / "object_info"
    definitions.write_text(json.dumps(object_info), encoding="utf-8")
    python = CORPUS / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    convert = [python, ROOT / "tests/live/convert_corpus.py"]
    subprocess.run([*convert, definitions, REAL / "newer_nodes.json", folder], check=True)
    return {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.json")}


def test_the_table_has_every_workflow_and_no_other(graphs):
    assert set(graphs) == set(EXPECTED)
    assert len(graphs) == 69


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_the_table_names_what_exists(graphs, name):
    graph = json.loads(graphs[name])

    for role, expected in EXPECTED[name].items():
        for target in set().union(*alternatives(expected)):
            node, _, its_input = target.partition(".")
            assert node in graph, f"{role}: {target}"
            assert role == "output" or its_input in graph[node]["inputs"], f"{role}: {target}"


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_nothing_is_bound_wrongly(graphs, name):
    """What is bound is what the table says; what is asked has the right answer among its own."""
    expected = EXPECTED[name]
    template = read(name, graphs[name])
    if isinstance(template, AmbiguousTemplateError):
        offered = {f"{each.node}.{each.input}" for each in template.candidates}
        assert settles(expected[template.role], offered), f"{template.role}: {offered}"
        return
    if isinstance(template, TemplateError):
        assert expected["prompt"] == ""
        return

    assert template.output == expected["output"]
    for role in ROLES:
        bound = set(map(str, template.bindings.get(role, ())))
        asked = set(map(str, template.ambiguous.get(role, ())))
        if asked:
            assert settles(expected[role], asked), f"{role}: {asked}"
        else:
            assert bound in alternatives(expected[role]), f"{role}: {bound}"


def test_nearly_all_are_bound_without_a_toml(graphs):
    """At least 95 %: the output, and every role but a negative without a question."""
    bound = {name for name, text in graphs.items() if is_bound(read(name, text))}

    assert len(bound) >= 0.95 * len(graphs), sorted(set(graphs) - bound)


def test_the_documentation_has_the_same_numbers(graphs):
    told = " ".join((ROOT / "docs/templates.md").read_text(encoding="utf-8").split())
    templates = [read(name, text) for name, text in graphs.items()]

    assert f"Of the {len(graphs)} workflows" in told
    assert f"{sum(map(is_bound, templates))} are understood without a word from you" in told
    assert "One asks, and one takes no prompt" in told
    refused = [each for each in templates if isinstance(each, TemplateError)]
    assert sorted(isinstance(each, AmbiguousTemplateError) for each in refused) == [False, True]


def test_comfyuis_examples_use_the_models_of_the_built_in_templates():
    """So that whoever opens one is offered the download; docs/templates.md names the others."""
    source = builtin_templates()
    ours = "".join(filter(None, map(source.read, source.files())))
    (package,) = CORPUS.glob("**/comfyui_workflow_templates_json/templates")
    theirs = "".join(path.read_text(encoding="utf-8") for path in package.glob("*.json"))

    models = set(re.findall(r'"([\w.-]+\.(?:safetensors|pth))"', ours))
    assert len(models) > 20
    missing = {model for model in models if f'"{model}"' not in theirs}
    assert missing == {"v1-5-pruned-emaonly.safetensors", "RealESRGAN_x4plus.pth"}


def test_binding_adds_no_complaint_of_the_server(graphs, object_info, comfyui):
    """Asked on the workflows whose classes the server has, on which it lacks only the files."""
    checked = 0
    for name, text in sorted(graphs.items()):
        graph, template = json.loads(text), read(name, text)
        known = {node["class_type"] for node in graph.values()} <= set(object_info)
        if not known or not is_bound(template):
            continue
        size = (1344, 768) if "width" in template.bindings else None
        bound = bind(template, Inputs(prompt="a foggy harbour", seed=7, size=size))

        assert complaints(comfyui, bound.graph) <= complaints(comfyui, graph), name
        checked += 1
    assert checked >= 30


def alternatives(expected):
    """The sets of targets that a cell of the table accepts."""
    return [
        {target.strip() for target in either.split("+") if target.strip()}
        for either in expected.split("|")
    ]


def settles(expected, offered):
    """Whether an author who is asked can choose what the table says."""
    return any(each and each <= offered for each in alternatives(expected))


def read(name, text):
    """The template, or what is wrong with it."""
    try:
        return parse_template(name, text)
    except TemplateError as error:
        return error


def is_bound(template):
    return isinstance(template, WorkflowTemplate) and set(template.ambiguous) <= {"negative"}


def complaints(comfyui, graph):
    """What the server has against ``graph``: node, kind of error, input."""
    reply = comfyui.post("/prompt", {"prompt": graph})
    assert reply.status_code == 400, reply.text
    return {
        (node, error["type"], error["extra_info"].get("input_name"))
        for node, its in reply.json()["node_errors"].items()
        for error in its["errors"]
    }
