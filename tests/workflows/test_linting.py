"""What lint says of a template, and what it keeps quiet about."""

import pytest

from mkdocs_comfy.workflows.linting import lint, needed_images, needed_models
from mkdocs_comfy.workflows.review import is_partner, reach_of


def found(template, *kinds):
    return [each for each in lint(template) if each.kind in kinds]


@pytest.mark.parametrize("name", ["default", "sd15", "plain", "sdxl_base_and_refiner"])
def test_a_plain_template_has_no_findings(template, name):
    assert lint(template(name)) == ()


def test_a_preview_as_the_output_is_a_warning(template):
    [finding] = found(template("preview_only"), "preview_only")

    assert (finding.severity, finding.node) == ("warning", "9")
    assert "add a Save Image node" in finding.message


def test_a_prompt_in_a_system_text_is_a_warning(template, graph):
    plain = graph("plain")
    plain["6"]["_meta"]["title"] = "System prompt"

    [finding] = found(template("x", plain), "prompt_in_system_text")

    assert finding.node == "6"


@pytest.mark.parametrize(
    ("text", "count"), [("ugly {red|blue} cars", 1), ("{red}", 0), ("a | b", 0), ("{}", 0)]
)
def test_a_choice_that_only_the_canvas_makes_is_a_warning(template, graph, text, count):
    plain = graph("plain")
    plain["7"]["inputs"]["text"] = text

    assert len(found(template("x", plain), "dynamic_prompt")) == count


def test_what_is_not_certain_is_noted_with_its_candidates(template):
    [finding] = found(template("controlnet_hires"), "uncertain_steps")

    assert finding.severity == "note"
    assert "3.steps" in finding.message
    assert "21.steps" in finding.message


def test_a_graph_without_a_seed_is_a_warning(template, graph):
    plain = graph("plain")
    plain["3"]["inputs"]["noise"] = plain["3"]["inputs"].pop("seed")

    [finding] = found(template("x", plain), "no_seed")

    assert "is the same image" in finding.message


def test_a_seed_that_stays_is_noted(template, graph):
    plain = graph("plain")
    plain["6"]["inputs"]["sampling_mode.seed"] = 7

    [finding] = found(template("x", plain), "fixed_seed")

    assert (finding.node, "stays 7" in finding.message) == ("6", True)


@pytest.mark.parametrize(("size", "count"), [(4, 1), (1, 0)])
def test_a_batch_is_a_warning(template, graph, size, count):
    plain = graph("plain")
    plain["5"]["inputs"]["batch_size"] = size

    assert len(found(template("x", plain), "batch")) == count


def test_a_file_on_the_server_is_a_warning_and_a_need(template, graph):
    plain = graph("plain")
    plain["20"] = {"class_type": "LoadImage", "inputs": {"image": "start.png"}}
    plain["5"] = {"class_type": "VAEEncode", "inputs": {"pixels": ["20", 0], "vae": ["4", 2]}}

    made = template("x", plain)

    assert found(made, "needs_image")[0].node == "20"
    assert needed_images(made) == ("start.png",)


def test_models_are_named_once_and_sorted(template):
    assert needed_models(template("default")) == ("sd_xl_base_1.0.safetensors",)


def test_a_partners_node_is_noted_for_its_price(template, graph):
    partner = graph("partner_node")
    partner["1"]["class_type"] = "OpenAIGPTImageNodeV2"

    [finding] = found(template("x", partner), "partner_node")

    assert "costs money" in finding.message


@pytest.mark.parametrize(
    ("class_type", "reach"),
    [
        ("LoadImageFromUrl", "reaches the network"),
        ("HTTP Request (somebody)", "reaches the network"),
        ("LoadTextFile", "reads or writes files"),
        ("SaveLatent", "reads or writes files"),
        ("LoadImage", "reads or writes files"),
        ("PythonCodeNode", "runs code"),
        ("ExecuteShell", "runs code"),
        ("KlingImageGenerationNode", "reaches the network"),
        ("SaveImage", None),
        ("KSampler", None),
        ("CheckpointLoaderSimple", None),
        ("UNETLoader", None),
        ("VAEDecode", None),
        ("ComfyMathExpression", None),
    ],
)
def test_what_a_class_can_do_is_told_by_its_name(class_type, reach):
    assert reach_of(class_type) == reach


@pytest.mark.parametrize(
    ("class_type", "partner"),
    [
        ("FluxKontextProImageNode", True),
        ("Pikadditions", True),
        ("Veo3VideoGenerationNode", True),
        ("WanTextToImageApi", True),
        ("LumaImageNode", True),
        ("FluxGuidance", False),
        ("LTXVConditioning", False),
        ("Ideogram4Scheduler", False),
        ("ModelSamplingFlux", False),
        ("TextEncodeQwenImageEdit", False),
    ],
)
def test_partners_are_told_by_their_names(class_type, partner):
    assert is_partner(class_type) == partner


def test_classes_to_look_at_are_listed_once_each(template, graph):
    plain = graph("plain")
    for node_id in ("20", "21"):
        plain[node_id] = {"class_type": "LoadTextFile", "inputs": {"path": "/etc/passwd"}}
        plain["6"]["inputs"][f"more_{node_id}"] = [node_id, 0]

    findings = found(template("x", plain), "review")

    assert [each.message for each in findings] == [
        "LoadTextFile reads or writes files, by its name: know it before you trust this template"
    ]


def test_an_id_in_the_toml_is_noted(template, graph):
    by_title = '[parameters.denoise]\nto = ["KSampler.denoise"]'

    assert not found(template("plain", toml=by_title), "named_by_id")
    [finding] = found(template("plain", toml=by_title.replace("KSampler", "3")), "named_by_id")
    assert '"3.denoise"' in finding.message
    plain = graph("plain")
    plain["3"]["_meta"]["title"] = "3"
    toml = by_title.replace("KSampler", "3")
    assert not found(template("x", plain, toml=toml), "named_by_id")


def test_a_value_of_the_graph_beyond_its_own_bounds_is_a_warning(template):
    toml = "[parameters.steps]\nmax = 5"

    [finding] = found(template("plain", toml=toml), "own_value")

    assert "parameter steps must be a whole number up to 5, but" in finding.message


def test_the_worst_stands_first(template, graph):
    plain = graph("plain")
    plain["5"]["inputs"]["batch_size"] = 2
    plain["6"]["inputs"]["more.seed"] = 7

    severities = [each.severity for each in lint(template("x", plain))]

    assert severities == ["warning", "note"]
