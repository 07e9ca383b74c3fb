"""``template add``: what it writes, what it asks, and what it leaves alone."""

import json
import sys
from pathlib import Path

import pytest

from mkdocs_comfy.workflows.key import workflow_key

UI = {
    "nodes": [{"id": 1, "type": "KSampler"}, {"id": 2, "type": "11111111-2222"}, {"id": 3}],
    "links": [],
    "definitions": {"subgraphs": [{"id": "11111111-2222", "nodes": [{"type": "VAEDecode"}]}]},
}


@pytest.fixture
def added(folder):
    return lambda name: folder / "comfy_templates" / f"{name}.json"


def test_what_is_written_is_easy_to_compare(folder, call, write, graph, added):
    turned = {node_id: graph[node_id] for node_id in reversed(graph)}
    turned["3"]["inputs"] = dict(reversed(turned["3"]["inputs"].items()))
    turned["3"]["is_changed"] = ["x"]

    said = call("template", "add", write("fog.json", turned), "--json")

    assert said.status == 0
    assert said.document["written"] == str(Path("comfy_templates/fog.json"))
    assert said.document["bindings"]["prompt"] == ["6.text"]
    text = added("fog").read_text("utf-8")
    document = json.loads(text)
    assert list(document) == sorted(graph, key=int)
    assert list(document["3"]) == ["class_type", "inputs", "_meta"]
    assert list(document["3"]["inputs"]) == sorted(graph["3"]["inputs"])
    assert text.endswith("}\n")
    assert workflow_key(document, "9") == workflow_key(graph, "9")
    assert sorted(each.name for each in added("fog").parent.iterdir()) == ["fog.json"]


def test_a_second_import_changes_nothing(folder, call, write, graph, added):
    call("template", "add", write("fog.json", graph))
    before = added("fog").stat().st_mtime_ns

    said = call("template", "add", write("again/fog.json", dict(reversed(graph.items()))), "--json")

    assert (said.status, said.document["written"]) == (0, None)
    assert added("fog").stat().st_mtime_ns == before


def test_another_workflow_of_that_name_stays(folder, call, write, graph, added):
    call("template", "add", write("fog.json", graph))
    before = added("fog").read_bytes()
    graph["3"]["inputs"]["steps"] = 40
    write("fog.json", graph)

    said = call("template", "add", "fog.json", "--json")

    assert said.status == 1
    assert "is there already, and is another workflow" in said.fault["message"]
    assert added("fog").read_bytes() == before
    assert call("template", "add", "fog.json", "--force").status == 0
    assert json.loads(added("fog").read_bytes())["3"]["inputs"]["steps"] == 40


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF"])
def test_an_image_that_comfyui_saved_is_imported(folder, call, write, graph, saved, kind, added):
    data = saved(kind, prompt=json.dumps(graph), workflow=json.dumps(UI))

    said = call("template", "add", write("ComfyUI_00001_.img", data), "--name", "fog")

    assert said.status == 0
    assert "use it: hero_template: fog" in said.out
    assert workflow_key(json.loads(added("fog").read_text("utf-8")), "9") == workflow_key(
        graph, "9"
    )


def test_a_name_that_is_none_is_a_mistake_of_usage(folder, call, write, graph):
    said = call("template", "add", write("my fog.json", graph), "--json")

    assert (said.status, said.fault["kind"]) == (2, "configuration")
    assert "'my fog' is no name" in said.fault["message"]


def test_what_only_a_toml_can_tell_is_written_and_asked(folder, call, write, graph, added):
    graph["20"] = {
        "class_type": "CLIPTextEncode",
        "inputs": {"text": "in oil", "clip": ["4", 1]},
        "_meta": {"title": "Look"},
    }
    graph["21"] = {
        "class_type": "ConditioningCombine",
        "inputs": {"conditioning_1": ["6", 0], "conditioning_2": ["20", 0]},
    }
    graph["3"]["inputs"]["positive"] = ["21", 0]
    graph["6"]["_meta"]["title"] = "Scene"
    write("fog.json", graph)

    said = call("template", "add", "fog.json", "--json")

    assert (said.status, said.fault["kind"]) == (1, "ambiguous_binding")
    assert "say which in comfy_templates/fog.toml" in said.fault["way_out"].replace("\\", "/")
    assert added("fog").is_file()
    write("comfy_templates/fog.toml", said.fault["way_out"].split("for example:\n")[1])
    assert call("template", "add", "fog.json").status == 0


def test_a_toml_beside_the_source_is_not_taken_along(folder, call, write, graph, added):
    """It may name a template of its own: what counts is the one where the template will be."""
    write("fog.toml", "size = 3")

    assert call("template", "add", write("fog.json", graph)).status == 0
    assert not added("fog").with_suffix(".toml").exists()


def test_a_built_in_name_is_taken_with_a_word(folder, call, write, graph):
    out = call("template", "add", write("default.json", graph)).out

    assert "in the place of the built-in template default" in out


def test_the_folder_is_that_of_the_site(site, call, write, graph):
    site.options["templates_dir"] = "flows"
    config = site.write_config()

    assert call("template", "add", write("fog.json", graph), "-f", config).status == 0
    assert (site.root / "flows" / "fog.json").is_file()


def test_a_folder_that_cannot_be_written_is_told(folder, call, write, graph):
    write("comfy_templates", "a file")

    said = call("template", "add", write("fog.json", graph), "--json")

    assert said.status == 1
    assert "fog.json cannot be written" in said.fault["message"]


# The editor's own format -------------------------------------------------------------------------


def test_the_editors_format_is_refused_with_the_menu_path(folder, call, write):
    said = call("template", "add", write("fog.json", UI), "--json")

    assert (said.status, said.fault["kind"]) == (1, "not_api_format")
    assert "Workflow → Export (API)" in said.fault["way_out"]
    assert "pip install comfy-cli" in said.fault["way_out"]


def test_an_image_with_a_drawing_only_is_refused_likewise(folder, call, write, saved):
    said = call("template", "add", write("x.png", saved(workflow=json.dumps(UI))), "--json")

    assert said.fault["kind"] == "not_api_format"
    assert "Workflow → Export (API)" in said.fault["way_out"]


@pytest.fixture
def converter(folder, monkeypatch):
    """Install a converter that a test wrote, under the name of a real one."""

    def install(body, package="comfy_cli", module="workflow_to_api"):
        where = folder / "packages" / package
        where.mkdir(parents=True)
        (where / "__init__.py").write_text("")
        (where / f"{module}.py").write_text(body)
        monkeypatch.syspath_prepend(str(where.parent))
        monkeypatch.setenv("PYTHONPATH", str(where.parent))
        for name in [each for each in sys.modules if each.startswith(package)]:
            monkeypatch.delitem(sys.modules, name)

    return install


def test_an_installed_converter_is_used_with_the_servers_nodes(
    site, call, write, graph, converter, comfyui
):
    converter(
        "import json\n"
        "def convert_ui_to_api(workflow, nodes):\n"
        "    assert workflow['links'] == [] and sorted(nodes) == ['KSampler', 'VAEDecode'], nodes\n"
        f"    return json.loads({json.dumps(json.dumps(graph))})\n"
    )

    said = call("template", "add", write("fog.json", UI), "-f", site.write_config())

    assert said.status == 0, said.err
    assert "converted by comfy-cli" in said.out
    assert "/object_info" in {request.route for request in comfyui.requests}


def test_the_other_converter_is_used_by_its_command(site, call, write, graph, converter):
    converter(
        "import json, sys\n"
        "def main():\n"
        "    given = dict(zip(sys.argv[1::2], sys.argv[2::2]))\n"
        "    assert sorted(json.load(open(given['-f']))) == ['KSampler', 'VAEDecode']\n"
        f"    open(given['-o'], 'w').write({json.dumps(json.dumps(graph))})\n",
        package="autograph",
        module="cli",
    )

    said = call("template", "add", write("fog.json", UI), "-f", site.write_config(), "--json")

    assert (said.status, said.document["format"]) == (0, "ui")


def test_a_converter_that_fails_is_quoted(site, call, write, converter):
    converter(
        "def convert_ui_to_api(workflow, nodes):\n    raise ValueError('no such\\x1b node')\n"
    )

    said = call("template", "add", write("fog.json", UI), "-f", site.write_config(), "--json")

    assert (said.status, said.fault["kind"]) == (1, "not_api_format")
    assert r"comfy-cli cannot convert" in said.fault["message"]
    assert r"ValueError: no such\x1b node" in said.fault["message"]


def test_a_converter_without_a_server_says_so(site, call, write, converter, comfyui):
    converter("def convert_ui_to_api(workflow, nodes):\n    return {}\n")
    config = site.write_config()
    comfyui.stop()

    said = call("template", "add", write("fog.json", UI), "-f", config, "--json")

    assert (said.status, said.fault["kind"]) == (1, "unreachable")
