"""``template list``, ``show`` and ``lint``, for people and for scripts."""

import json

import pytest

UI = {"nodes": [], "links": [], "version": 0.4}


@pytest.fixture
def two_prompts(graph):
    graph["20"] = {
        "class_type": "CLIPTextEncode",
        "inputs": {"text": "in oil", "clip": ["4", 1]},
        "_meta": {"title": "Look"},
    }
    graph["6"]["_meta"]["title"] = "Scene"
    graph["21"] = {
        "class_type": "ConditioningCombine",
        "inputs": {"conditioning_1": ["6", 0], "conditioning_2": ["20", 0]},
    }
    graph["3"]["inputs"]["positive"] = ["21", 0]
    return graph


# List --------------------------------------------------------------------------------------------


def test_the_built_in_templates_are_listed_without_any_site(folder, call):
    said = call("template", "list", "--json")

    assert said.status == 0
    entries = {each["name"]: each for each in said.document["templates"]}
    assert entries["default"]["size"] == "1344x768"
    assert entries["default"]["models"] == ["sd_xl_base_1.0.safetensors"]
    assert all(each["licence"] and each["description"] for each in entries.values())
    assert "default" in call("template", "list").out


def test_a_sites_own_templates_are_listed_with_what_is_wrong(folder, call, write, graph):
    write("comfy_templates/mine.json", graph)
    write("comfy_templates/bad.json", "{nope")

    said = call("template", "list", "--json")

    assert said.status == 1
    entries = {each["name"]: each for each in said.document["templates"]}
    assert entries["mine"]["file"] == "comfy_templates/mine.json"
    assert "is no JSON" in entries["bad"]["error"]


def test_a_sites_folder_is_that_of_its_configuration(site, call, graph):
    site.options["templates_dir"] = "flows"
    config = site.write_config()
    (site.root / "flows").mkdir()
    (site.root / "flows" / "mine.json").write_text(json.dumps(graph))

    names = [
        each["name"]
        for each in call("template", "list", "--json", "-f", config).document["templates"]
    ]

    assert "mine" in names


# Show --------------------------------------------------------------------------------------------


def test_a_file_is_shown_without_any_site(folder, call, write, graph):
    said = call("template", "show", write("fog.json", graph), "--json")

    assert said.status == 0
    document = said.document
    assert document["name"] == "fog"
    assert document["format"] == "api"
    assert document["bindings"] == {
        "prompt": ["6.text"],
        "negative": ["7.text"],
        "seed": ["3.seed"],
        "width": ["5.width"],
        "height": ["5.height"],
        "steps": ["3.steps"],
        "cfg": ["3.cfg"],
        "output": ["9"],
    }
    assert document["parameters"]["steps"] == {
        "to": ["3.steps"],
        "type": "int",
        "default": 25,
        "min": None,
        "max": None,
        "choices": [],
        "description": "",
    }
    assert document["needs"]["models"] == ["sd_xl_base_1.0.safetensors"]
    assert document["needs"]["images"] == []
    assert document["needs"]["classes"] == sorted(document["needs"]["classes"])
    assert document["findings"] == []


def test_targets_are_sorted_as_texts(folder, call, write, graph):
    graph["10"] = {**graph.pop("6")}
    graph["3"]["inputs"]["positive"] = ["10", 0]
    graph["2"] = {"class_type": "CLIPTextEncode", "inputs": {**graph["10"]["inputs"]}}
    graph["4x"] = {
        "class_type": "ConditioningCombine",
        "inputs": {"conditioning_1": ["2", 0], "conditioning_2": ["10", 0]},
    }
    graph["3"]["inputs"]["positive"] = ["4x", 0]

    document = call("template", "show", write("x.json", graph), "--json").document

    assert document["bindings"]["prompt"] == ["10.text", "2.text"]


def test_a_missing_negative_is_an_empty_list(folder, call, write, graph):
    graph["7"] = {"class_type": "ConditioningZeroOut", "inputs": {"conditioning": ["6", 0]}}

    document = call("template", "show", write("x.json", graph), "--json").document

    assert document["bindings"]["negative"] == []
    assert document["negative"] is None


def test_what_a_toml_says_is_shown(folder, call, write, graph):
    write("fog.toml", '[parameters.denoise]\nto = ["Sampler.denoise"]\nmax = 1\ndescription = "d"')

    said = call("template", "show", write("fog.json", graph))

    assert "denoise    3.denoise (Sampler)" in said.out
    assert "denoise is a number up to 1: d" in said.out


def test_people_see_a_table_and_the_way_of_the_prompt(folder, call):
    out = call("template", "show", "default").out

    assert "prompt     6.text (Prompt)" in out
    assert out[out.index("prompt → text") :].splitlines()[:5] == [
        "prompt → text",
        '  6 CLIPTextEncode "Prompt"',
        '    positive → 3 KSampler "Sampler"',
        '      samples → 8 VAEDecode "Decode"',
        '        images → 9 SaveImage "Save Image"',
    ]


@pytest.mark.parametrize("key", ["prompt", "output", "workflow"])
def test_a_wrapper_is_looked_into(folder, call, write, graph, key):
    document = call("template", "show", write("x.json", {key: graph, "id": 1}), "--json").document

    assert document["format"] == "wrapper"
    assert document["bindings"]["prompt"] == ["6.text"]


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF"])
def test_an_image_is_looked_into(folder, call, write, graph, saved, kind):
    data = saved(kind, prompt=json.dumps(graph), workflow=json.dumps(UI))

    said = call("template", "show", write(f"x.{kind.lower()}", data), "--json")

    assert said.document["format"] == "image"
    assert said.document["bindings"]["output"] == ["9"]


def test_a_prompt_that_is_not_certain_is_asked_for(folder, call, write, two_prompts):
    said = call("template", "show", write("x.json", two_prompts), "--json")

    assert said.status == 1
    assert said.fault["kind"] == "ambiguous_binding"
    assert said.fault["role"] == "prompt"
    assert [each["target"] for each in said.fault["candidates"]] == ["6.text", "20.text"]
    assert said.fault["candidates"][0]["class"] == "CLIPTextEncode"
    assert said.fault["candidates"][0]["title"] == "Scene"
    assert 'to = ["Scene.text"]' in said.fault["way_out"]
    spoken = call("template", "show", "x.json")
    assert (spoken.status, spoken.out) == (1, "")
    assert 'to = ["Scene.text"]' in spoken.err


def without(graph, node):
    del graph[node]
    return graph


def cut(graph, node, name):
    del graph[node]["inputs"][name]
    return graph


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda graph: without(graph, "9"), "no_output"),
        (lambda graph: without(graph, "8"), "broken_graph"),
        (lambda graph: graph | {"3": {**graph["3"], "class_type": "Mystery"}}, None),
        (lambda graph: UI | {"graph": graph}, "not_api_format"),
        (lambda graph: [graph], "not_api_format"),
        (lambda _: {}, "not_api_format"),
        (lambda _: "{nope", "not_api_format"),
        (lambda graph: cut(cut(graph, "3", "positive"), "3", "negative"), "no_prompt"),
        (
            lambda _: {
                "1": {"class_type": "EmptyImage", "inputs": {"width": 64}},
                "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0],
                                                            "filename_prefix": "x"}},
            },
            "no_prompt",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_bound_says_why(folder, call, write, graph, change, kind):
    said = call("template", "show", write("x.json", change(graph)), "--json")

    assert said.status == (0 if kind is None else 1)
    if kind is not None:
        assert said.fault["kind"] == kind
        assert "x.json" in said.fault["message"]


def test_a_toml_that_points_at_nothing_says_where(folder, call, write, graph):
    write("x.toml", '[parameters.prompt]\nto = ["Promt.text"]')

    said = call("template", "show", write("x.json", graph), "--json")

    assert (said.status, said.fault["kind"]) == (1, "bad_settings")
    assert "x.toml: parameters.prompt.to: 'Promt.text'" in said.fault["message"]


def test_a_name_that_is_none_is_a_mistake_of_usage(folder, call):
    said = call("template", "show", "defualt", "--json")

    assert (said.status, said.fault["kind"]) == (2, "no_such_template")
    assert "did you mean 'default'?" in said.fault["message"]


def test_a_file_that_is_not_there_is_told(folder, call):
    said = call("template", "show", "fog.json", "--json")

    assert said.status == 1
    assert "fog.json cannot be read: No such file" in said.fault["message"]


# Lint --------------------------------------------------------------------------------------------


def test_built_in_templates_have_nothing_to_find(folder, call):
    said = call("template", "lint", "--json")

    assert said.status == 0
    assert said.document["counts"]["error"] == said.document["counts"]["warning"] == 0


def test_findings_are_told_with_their_template(folder, call, write, two_prompts):
    write("two.json", two_prompts)
    two_prompts["3"]["inputs"]["positive"] = ["6", 0]
    two_prompts["5"]["inputs"]["batch_size"] = 4
    write("batch.json", two_prompts)

    said = call("template", "lint", "batch.json", "two.json", "default", "--json")

    assert said.status == 1
    found = {(each["template"], each["kind"]): each for each in said.document["findings"]}
    assert found["batch.json", "batch"]["severity"] == "warning"
    assert found["batch.json", "batch"]["node"] == "5"
    assert found["two.json", "ambiguous_binding"]["severity"] == "error"
    assert said.document["counts"] == {"error": 1, "warning": 1, "note": 0}
    spoken = call("template", "lint", "batch.json")
    assert "batch.json: warning: batch_size of node 5" in spoken.out
    assert "1 checked: 0 errors, 1 warnings, 0 notes" in spoken.out


def test_a_note_is_no_failure(folder, call, write, graph):
    graph["6"]["inputs"]["sampling.seed"] = 3

    said = call("template", "lint", write("x.json", graph), "--json")

    assert said.status == 0
    assert [each["kind"] for each in said.document["findings"]] == ["fixed_seed"]


# What terminals and scripts are shown ------------------------------------------------------------


def test_titles_cannot_forge_what_a_terminal_shows(folder, call, write, graph):
    graph["6"]["_meta"]["title"] = "Prompt\x1b[2J\nerror: all is well"
    graph["9"]["class_type"] = "SaveImage\x1b[31m"

    for command in ("show", "lint"):
        said = call("template", command, write("x.json", graph))
        assert "\x1b" not in said.out
        assert "\nerror" not in said.out


@pytest.mark.parametrize("words", [["template", "nope"], ["template", "show"], ["--jsn"]])
def test_a_mistake_of_usage_is_a_document_too(folder, call, words):
    said = call(*words, "--json")

    assert said.status == 2
    assert said.fault["kind"] == "usage"


@pytest.mark.parametrize("command", [[], ["template"], ["template", "add"], ["doctor"]])
def test_every_command_explains_itself(call, command):
    said = call(*command, "--help")

    assert said.status == 0
    assert "Usage: " in said.out


def test_what_is_not_certain_is_shown_as_that(folder, call, write, graph):
    graph["20"] = {
        "class_type": "KSampler",
        "inputs": {**graph["3"]["inputs"], "steps": 5, "latent_image": ["3", 0]},
    }
    graph["8"]["inputs"]["samples"] = ["20", 0]

    said = call("template", "show", write("x.json", graph))

    assert "steps      not certain, see below" in said.out
    assert "note: steps could be any of 3.steps (Sampler), 20.steps (KSampler)" in said.out


def test_many_ways_and_places_are_cut(folder, call, write, graph):
    for number in range(20, 28):
        graph[str(number)] = {**graph["6"], "_meta": {"title": f"Prompt {number}"}}
        graph[str(number + 10)] = {
            "class_type": "ConditioningCombine",
            "inputs": {
                "conditioning_1": [str(number), 0],
                "conditioning_2": [str(number + 9) if number > 20 else "6", 0],
            },
        }
    graph["3"]["inputs"]["positive"] = ["37", 0]

    out = call("template", "show", write("x.json", graph)).out

    assert "25.text (Prompt 25) and" not in out
    assert "and 3 more" in out
    assert "and 5 more ways" in out


def test_a_choice_is_told_with_its_values(folder, call, write, graph):
    write("x.toml", '[parameters.sampler]\nto = ["Sampler.sampler_name"]\nchoices = ["euler", "x"]')

    said = call("template", "show", write("x.json", graph))

    assert "sampler is one of 'euler', 'x'" in said.out
    assert "warning: parameter sampler must be one of 'euler', 'x', but" in said.out
