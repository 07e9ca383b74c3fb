"""The ``.toml`` beside a template: names instead of tracing."""

import pytest

from mkdocs_comfy.errors import AmbiguousTemplateError, TemplateError
from mkdocs_comfy.workflows.binding import Inputs, bind


def bound_to(template, role):
    return [str(each) for each in template.bindings[role]]


def refused(template, toml, name="plain", graph=None):
    with pytest.raises(TemplateError) as caught:
        template(name, graph, toml=toml)
    return str(caught.value)


@pytest.mark.parametrize(
    ("reference", "target"),
    [
        ("First pass.seed", "3.seed"),
        ("ControlNetApplyAdvanced.strength", "15.strength"),
        ("21.seed", "21.seed"),
    ],
)
def test_nodes_are_named_by_title_class_or_id(template, reference, target):
    toml = f'[parameters.seed]\nto = ["{reference}"]'

    assert bound_to(template("controlnet_hires", toml=toml), "seed") == [target]


def test_a_title_wins_over_a_class_and_a_class_over_an_id(template, graph):
    plain = graph("plain")
    plain["3"]["_meta"]["title"] = "Sampler"
    plain["VAEDecode"] = plain.pop("8") | {"_meta": {"title": "KSampler"}}
    plain["VAEDecode"]["inputs"]["steps"] = 1
    plain["9"]["inputs"]["images"] = ["VAEDecode", 0]

    def named(reference):
        toml = f'[parameters.steps]\nto = ["{reference}"]'
        return bound_to(template("named", plain, toml=toml), "steps")

    assert named("KSampler.steps") == ["VAEDecode.steps"]
    plain["VAEDecode"]["_meta"]["title"] = "Decode"
    assert named("KSampler.steps") == ["3.steps"]
    plain["VAEDecode"]["class_type"] = "VAEDecodeTiled"
    assert named("VAEDecode.steps") == ["VAEDecode.steps"]


def test_titles_and_inputs_may_have_dots(template, graph):
    plain = graph("plain")
    plain["3"]["_meta"]["title"] = "v1.5 sampler"
    plain["3"]["inputs"]["noise.mode.steps"] = 20
    toml = '[parameters.steps]\nto = ["v1.5 sampler.noise.mode.steps"]'

    assert bound_to(template("dotted", plain, toml=toml), "steps") == ["3.noise.mode.steps"]


def test_a_title_that_two_nodes_share_is_refused(template):
    message = refused(template, '[parameters.prompt]\nto = ["CLIP Text Encode (Prompt).text"]')

    assert "could be any of 6.text, 7.text" in message
    assert "a title of its own" in message


def test_what_is_named_is_not_looked_for(template):
    toml = '[parameters.prompt]\nto = ["Subject.text", "Manner.text"]'

    assert bound_to(template("two_texts", toml=toml), "prompt") == ["12.text", "13.text"]


def test_a_link_may_be_named_and_is_replaced(template):
    """The way to cut a prompt enhancer out of a workflow."""
    toml = '[parameters.prompt]\nto = ["57:27.text"]'
    made = template("subgraph_with_links", toml=toml)

    graph = bind(made, Inputs(prompt="a cat", seed=1)).graph

    assert graph["57:27"]["inputs"]["text"] == "a cat"
    assert "58" not in graph


@pytest.mark.parametrize("reference", ["Large", "11"])
def test_the_output_is_named_by_title_or_id(template, reference):
    assert template("two_savers", toml=f'output = "{reference}"').output == "11"


def test_the_line_that_an_error_shows_settles_it(template):
    with pytest.raises(AmbiguousTemplateError) as caught:
        template("two_savers")
    toml = caught.value.way_out.split("for example:\n")[1]

    assert template("two_savers", toml=toml).output == "9"


def test_a_line_that_is_shown_quotes_any_title(template, graph):
    two = graph("two_texts")
    two["12"]["_meta"]["title"] = 'a "b" \\ c.d \x7f é'
    with pytest.raises(AmbiguousTemplateError) as caught:
        template("two_texts", two)
    toml = caught.value.way_out.split("for example:\n")[1]

    assert bound_to(template("two_texts", two, toml=toml), "prompt") == ["12.text"]


def test_a_line_that_is_shown_falls_back_to_the_id(template, graph):
    two = graph("two_texts")
    two["12"]["_meta"]["title"] = two["13"]["_meta"]["title"] = "Text"

    assert 'to = ["12.text"]' in refused(template, None, "two_texts", two)


def test_the_recommended_size_is_used_before_the_graphs_own(template):
    made = template("plain", toml='size = "1344x768"')

    assert bind(made, Inputs(prompt="x", seed=1)).size == (1344, 768)
    assert bind(made, Inputs(prompt="x", seed=1, size=(512, 640))).size == (512, 640)


@pytest.mark.parametrize("role", ["prompt", "negative", "seed", "width", "height", "steps", "cfg"])
def test_every_role_can_be_named(template, role):
    target = {"prompt": "6.text", "negative": "7.text", "seed": "3.seed", "width": "5.width"}
    target |= {"height": "5.height", "steps": "3.steps", "cfg": "3.cfg"}
    roles = {"width", "height"} if role in {"width", "height"} else {role}
    toml = "\n".join(f'[parameters.{each}]\nto = ["{target[each]}"]' for each in sorted(roles))

    assert template("plain", toml=toml).bindings == template("plain").bindings


@pytest.mark.parametrize(
    ("toml", "problem"),
    [
        ("size = ", "plain.toml is no TOML"),
        ('colour = "red"', "unknown key colour"),
        ("[parameters.sampler]", "parameters.sampler.to must be a list"),
        ('[parameters.seed]\nto = ["3.seed"]\nmin = 1', "unknown key parameters.seed.min"),
        ("size = 512", "size must be"),
        ('size = "512"', "size must be"),
        ('size = "510x512"', "multiples of 8"),
        ('size = "16x512"', "from 64 to 16384"),
        ("output = 9", "output must name a node"),
        ('output = "Nobody"', "no node 'Nobody'"),
        ('output = "CLIP Text Encode (Prompt)"', "nodes 6, 7 are all called"),
        ("parameters = 1", "parameters must be a table"),
        ("parameters.seed = 1", "parameters.seed must be a table"),
        ("[parameters.seed]", "parameters.seed.to must be a list"),
        ("[parameters.seed]\nto = []", "parameters.seed.to must be a list"),
        ('[parameters.seed]\nto = "3.seed"', "parameters.seed.to must be a list"),
        ('[parameters.seed]\nto = ["seed"]', "'seed' names no input of the graph"),
        ('[parameters.seed]\nto = ["3.sneed"]', "'3.sneed' names no input of the graph"),
        ('[parameters.seed]\nto = ["6.text"]', "is not a number but 'beautiful scenery"),
        ('[parameters.prompt]\nto = ["3.seed"]', "is not a text but 156680208700286"),
        ('[parameters.prompt]\nto = ["9.filename_prefix"]', "does not lead to the output"),
        ('[parameters.negative]\nto = ["6.text"]', "6.text is bound to both prompt and negative"),
        ('[parameters.width]\nto = ["5.width"]', "width and height go together"),
    ],
)
def test_what_means_nothing_is_refused(template, toml, problem):
    message = refused(template, toml)

    assert problem in message
    assert "plain.toml" in message


def test_a_node_that_does_not_lead_to_the_output_is_refused(template):
    message = refused(
        template, '[parameters.prompt]\nto = ["7.text"]', name="same_encoder_for_both"
    )

    assert "'7.text' does not lead to the output" in message


def test_a_size_for_a_graph_that_takes_none_is_refused(template):
    message = refused(template, 'size = "512x512"', name="partner_node")

    assert "no place for one" in message


def test_a_size_for_latents_of_different_sizes_is_a_question(template, graph):
    plain = graph("plain")
    plain["20"] = {
        "class_type": "EmptyLatentImage",
        "inputs": {"width": 256, "height": 512, "batch_size": 1},
    }
    plain["3"]["inputs"]["latent_image"] = ["21", 0]
    plain["21"] = {
        "class_type": "LatentBatch",
        "inputs": {"samples1": ["5", 0], "samples2": ["20", 0]},
    }

    message = refused(template, 'size = "512x512"', graph=plain)

    assert "width could be any of 5.width" in message
    assert "[parameters.height]" in message
