"""``doctor``: what a server can render, before anybody waits for it."""

import json

import pytest

from mkdocs_comfy.testing import Answer

DEFAULT = "sd_xl_base_1.0.safetensors"


@pytest.fixture
def doctor(site, call):
    def run(*words):
        return call("doctor", *words, "-f", site.write_config())

    return run


@pytest.fixture
def put(site):
    """Write a template of the site's own."""

    def write(name, graph):
        folder = site.root / "comfy_templates"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.json").write_text(json.dumps(graph))

    return write


def test_a_server_that_has_everything_is_fit(doctor, comfyui):
    said = doctor("--json")

    assert said.status == 0
    [server] = said.document["servers"]
    assert server["url"] == comfyui.url
    assert server["about"].startswith("ComfyUI 0.")
    assert server["error"] is None
    assert server["faults"] == []
    assert server["image"]["size"] == "64x64"
    assert server["fit"] is True
    assert said.document["templates"] == [{"name": "default", "error": None}]
    [made] = comfyui.submissions
    assert {node["class_type"] for node in made["prompt"].values()} == {"EmptyImage", "SaveImage"}


def test_people_read_it_line_by_line(doctor, comfyui):
    out = doctor().out

    assert f" at {comfyui.url}" in out.splitlines()[0]
    assert "a small image: 64x64, there and back in" in out
    assert "has all that these templates need: default" in out


def test_a_missing_model_is_told_with_what_is_like_it(doctor, comfyui):
    comfyui.models["checkpoints"] = ["sd_xl_base_1.0_0.9vae.safetensors", "other.ckpt"]

    said = doctor("--json")

    assert said.status == 1
    [fault] = said.document["servers"][0]["faults"]
    assert (fault["kind"], fault["template"]) == ("missing_model", "default")
    assert fault["model"] == DEFAULT
    assert fault["installed"][0] == "sd_xl_base_1.0_0.9vae.safetensors"
    assert "installed: sd_xl_base_1.0_0.9vae.safetensors, other.ckpt" in fault["way_out"]


def test_every_fault_of_every_template_is_told(doctor, put, graph, comfyui):
    comfyui.models["checkpoints"] = []
    graph["3"]["inputs"]["sampler_name"] = "euler_ancestrall"
    graph["20"] = {"class_type": "VAEDecod", "inputs": graph["8"]["inputs"]}
    graph["9"]["inputs"]["images"] = ["20", 0]
    put("mine", graph)

    said = doctor("--json")

    faults = said.document["servers"][0]["faults"]
    assert [(each["template"], each["kind"]) for each in faults] == [
        ("default", "missing_model"),
        ("mine", "missing_node"),
        ("mine", "rejected"),
        ("mine", "missing_model"),
    ]
    assert "did you mean 'VAEDecode'?" in faults[1]["way_out"]
    assert "did you mean 'euler_ancestral'?" in faults[2]["way_out"]


def test_only_the_templates_that_are_named_are_checked(doctor, put, graph):
    put("mine", graph)

    names = [each["name"] for each in doctor("sd15", "--json").document["templates"]]

    assert names == ["sd15"]


def test_the_templates_of_styles_are_checked_too(doctor, site):
    site.options["styles"] = {"small": {"template": "sd15"}, "warm": {"suffix": "warm light"}}

    named = doctor("--json").document["templates"]

    assert [each["name"] for each in named] == ["default", "sd15"]


def test_a_broken_template_is_told_beside_the_servers(doctor, put):
    put("mine", {"1": {"class_type": "A", "inputs": {}}})

    said = doctor("--json")

    assert said.status == 1
    broken = {each["name"]: each["error"] for each in said.document["templates"]}
    assert broken["mine"]["kind"] == "no_output"
    assert broken["default"] is None


def test_a_server_that_is_not_there_is_told(doctor, comfyui):
    comfyui.stop()

    said = doctor("--json")

    assert said.status == 1
    [server] = said.document["servers"]
    assert server["error"]["kind"] == "unreachable"
    assert server["image"] is None
    assert server["fit"] is False
    assert "no ComfyUI at" in doctor().out


def test_missing_credentials_are_told(doctor, comfyui):
    comfyui.headers_required = {"Authorization": "Bearer the-secret"}

    said = doctor("--json")

    assert said.document["servers"][0]["error"]["kind"] == "auth"


def test_credentials_are_never_shown(doctor, site, comfyui):
    comfyui.headers_required = {"Authorization": "Bearer the-secret"}
    site.options["headers"] = {"Authorization": "Bearer the-secret"}

    said = doctor("--json")

    assert said.status == 0
    assert "the-secret" not in said.out + said.err


def test_an_image_that_does_not_come_back_is_told(doctor, comfyui):
    comfyui.answer("/view", Answer(status=404))

    said = doctor("--json")

    assert said.status == 1
    assert said.document["servers"][0]["image"]["error"]["kind"] == "lost"


def test_an_image_that_is_none_is_told(doctor, comfyui):
    comfyui.picture = b"<!doctype html><title>Login</title>"

    assert doctor("--json").document["servers"][0]["image"]["error"]["kind"] == "bad_image"
    assert "a small image: error: " in doctor().out


def test_a_server_that_does_not_tell_its_nodes_is_taken_at_its_word(doctor, comfyui):
    """A proxy may forbid the route; then only rendering tells."""
    comfyui.answer("/object_info", Answer(status=403))

    said = doctor("--json")

    assert said.document["servers"][0]["tells_nodes"] is False
    assert said.status == 0
    assert "only rendering will" in doctor().out


def test_the_stand_in_server_is_examined_too(site, call):
    site.options["server"] = "embedded"

    said = call("doctor", "--json", "-f", site.write_config())

    assert said.status == 0, said.out


def test_a_site_without_the_plugin_is_a_matter_of_configuration(folder, call, write):
    write("mkdocs.yml", "site_name: x\nplugins: [search]\n")
    (folder / "docs").mkdir()

    said = call("doctor", "--json")

    assert (said.status, said.fault["kind"]) == (2, "configuration")
    assert "does not name the plugin comfy" in said.fault["message"]


def test_a_template_that_starts_from_an_image_is_checked_without_one(doctor, put, graph, site):
    graph["20"] = {
        "class_type": "LoadImage",
        "inputs": {"image": "a.png"},
        "_meta": {"title": "Start"},
    }
    graph["5"] = {"class_type": "VAEEncode", "inputs": {"pixels": ["20", 0], "vae": ["4", 2]}}
    put("start", graph)
    toml = '[parameters.start]\nto = ["Start.image"]\ntype = "image"'
    (site.root / "comfy_templates" / "start.toml").write_text(toml)

    said = doctor("start", "--json")

    assert said.status == 0, said.out


def test_a_broken_template_is_told_to_people_too(doctor, put):
    put("mine", {"1": {"class_type": "A", "inputs": {}}})

    out = doctor().out

    assert "error: template 'mine': comfy_templates/mine.json: no node saves an image" in out
