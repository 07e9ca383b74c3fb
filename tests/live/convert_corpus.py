"""Convert the workflows that ``comfyui-workflow-templates-json`` ships to API format.

Run by the interpreter of ``.venvs/corpus``, which ``install_corpus.py`` made::

    .venvs/corpus/bin/python tests/live/convert_corpus.py OBJECT_INFO NEWER_NODES FOLDER

OBJECT_INFO is the answer of a server's ``/object_info``; NEWER_NODES adds the classes that came
after it, each as a list of its inputs: name and type, in the order of the editor's widgets. FOLDER
gets one ``NAME.json`` for every workflow for local text to image, which are those that the
package's index tags "Text to Image" and not "API".

The conversion is comfy-cli's. One thing is added that the editor does and comfy-cli 1.23 leaves
out: a value on a subgraph's own widget reaches every input that hangs on it, also those that have
no widget themselves, such as the branches of a switch.
"""

from __future__ import annotations

import importlib.resources
import json
import sys
from pathlib import Path

from comfy_cli.workflow_to_api import convert_ui_to_api

SUBGRAPH_INPUT = -10  # the editor's id of the box that a subgraph's inputs hang on
BYPASSED = (2, 4)  # modes of a node that does not run: muted, bypassed


def main(object_info: Path, newer: Path, folder: Path) -> None:
    """Write the graphs."""
    templates = importlib.resources.files("comfyui_workflow_templates_json") / "templates"
    definitions = json.loads(object_info.read_text(encoding="utf-8"))
    for name, inputs in json.loads(newer.read_text(encoding="utf-8")).items():
        if name in definitions:
            sys.exit(f"{name} is no newer class: the server has it")
        definitions[name] = {"name": name, "input": {"required": inputs_of(inputs)}}
    index = json.loads((templates / "index.json").read_text(encoding="utf-8"))
    for entry in (entry for category in index for entry in category["templates"]):
        if "Text to Image" in entry["tags"] and "API" not in entry["tags"]:
            drawing = json.loads((templates / f"{entry['name']}.json").read_text(encoding="utf-8"))
            graph = convert_ui_to_api(drawing, definitions)
            if missing := {node["class_type"] for node in graph.values()} - set(definitions):
                sys.exit(f"{entry['name']}: no definition of {', '.join(sorted(missing))}")
            subgraphs = {
                each["id"]: each for each in drawing.get("definitions", {}).get("subgraphs", ())
            }
            fan_out(graph, drawing["nodes"], subgraphs, prefix="")
            (folder / f"{entry['name']}.json").write_text(
                json.dumps(graph, ensure_ascii=False), encoding="utf-8"
            )


def inputs_of(pairs: list) -> dict:
    """The inputs of a class as ``/object_info`` has them."""
    return {name: definition(kind) for name, kind in pairs}


def definition(kind: str | dict) -> list:
    """One input as ``/object_info`` has it; a mapping is a choice that brings inputs along."""
    if isinstance(kind, str):
        return [kind, {}]
    options = [
        {"key": key, "inputs": {"required": inputs_of(pairs)}} for key, pairs in kind.items()
    ]
    return ["COMFY_DYNAMICCOMBO_V3", {"options": options}]


def fan_out(graph: dict, nodes: list, subgraphs: dict, *, prefix: str) -> None:
    """Give a subgraph's own value to every input that hangs on it and got none."""
    for node in nodes:
        subgraph = subgraphs.get(node["type"])
        if subgraph is None or node.get("mode") in BYPASSED:
            continue
        inside = f"{prefix}{node['id']}:"
        fan_out(graph, subgraph["nodes"], subgraphs, prefix=inside)
        by_id = {each["id"]: each for each in subgraph["nodes"]}
        for slot in range(len(subgraph["inputs"])):
            targets = [
                (graph[f"{inside}{link['target_id']}"]["inputs"], target["name"])
                for link in subgraph["links"]
                if (link["origin_id"], link["origin_slot"]) == (SUBGRAPH_INPUT, slot)
                and f"{inside}{link['target_id']}" in graph
                for target in [by_id[link["target_id"]]["inputs"][link["target_slot"]]]
            ]
            given = [inputs[name] for inputs, name in targets if name in inputs]
            for inputs, name in targets:
                if given:
                    inputs.setdefault(name, given[0])


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
