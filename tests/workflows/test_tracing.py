"""What is found in a graph from its output back: certain, or a question."""

import pytest

from mkdocs_comfy.errors import AmbiguousTemplateError, NotAWorkflowError, TemplateError


def bindings(template):
    return {role: [str(each) for each in targets] for role, targets in template.bindings.items()}


CLASSIC = {
    "prompt": ["6.text"],
    "negative": ["7.text"],
    "seed": ["3.seed"],
    "width": ["5.width"],
    "height": ["5.height"],
    "steps": ["3.steps"],
    "cfg": ["3.cfg"],
}


@pytest.mark.parametrize(
    "name", ["default", "sd15", "plain", "preview_and_save", "saved_twice", "unicode_titles"]
)
def test_a_classic_graph_has_every_role(template, name):
    made = template(name)

    assert bindings(made) == CLASSIC
    assert made.output == "9"
    assert not made.ambiguous


@pytest.mark.parametrize(("name", "size"), [("default", (1344, 768)), ("sd15", (768, 432))])
def test_built_in_templates_have_sizes_of_their_own(template, name, size):
    assert template(name).graph_size == size


@pytest.mark.parametrize("name", ["default", "sd15"])
def test_built_in_templates_name_their_nodes_for_people(template, name):
    titles = {node["_meta"]["title"] for node in template(name).graph.values()}

    assert {"Prompt", "Negative", "Sampler", "Load Checkpoint", "Save Image"} <= titles
    assert len(titles) == 7


# Outputs -----------------------------------------------------------------------------------------


def test_a_preview_is_the_output_only_where_nothing_saves(template):
    assert template("preview_only").output == "9"
    assert template("preview_and_save").output == "9"


def test_two_savers_of_the_same_image_are_one(template, graph):
    turned = dict(reversed(graph("saved_twice").items()))

    assert template("saved_twice").plan.key({}) == template("x", turned).plan.key({})


def test_two_savers_of_different_images_are_a_question(template):
    with pytest.raises(AmbiguousTemplateError) as caught:
        template("two_savers")

    error = caught.value
    assert error.role == "output"
    assert [(each.node, each.title) for each in error.candidates] == [
        ("9", "Save Image"),
        ("11", "Large"),
    ]
    assert error.way_out.endswith('two_savers.toml, for example:\noutput = "Save Image"')


@pytest.mark.parametrize("class_type", ["SaveAudio", "SaveWEBM", "VHS_VideoCombine"])
def test_a_graph_that_saves_no_image_is_no_template(template, graph, class_type):
    plain = graph("plain")
    plain["9"]["class_type"] = class_type
    if class_type == "SaveAudio":
        plain["9"]["inputs"]["audio"] = plain["9"]["inputs"].pop("images")

    with pytest.raises(NotAWorkflowError, match="no node saves an image"):
        template("film", plain)


def test_a_saver_is_known_by_its_inputs(template, graph):
    """SaveImageAdvanced is the sink of a tenth of the templates, and custom savers are many."""
    plain = graph("plain")
    plain["9"]["class_type"] = "SaveImageAdvanced"

    assert template("advanced", plain).output == "9"


# Prompt and negative -----------------------------------------------------------------------------


def test_a_zeroed_negative_is_none(template):
    made = template("zeroed_negative")

    assert bindings(made)["prompt"] == ["6.text"]
    assert "negative" not in made.bindings
    assert made.own_negative is None


def test_one_encoder_for_both_is_the_prompt_and_no_negative(template):
    """Written as the negative, the text would erase the prompt."""
    made = template("same_encoder_for_both")

    assert bindings(made)["prompt"] == ["6.text"]
    assert "negative" not in made.bindings
    assert "negative" not in made.ambiguous


def test_one_text_node_for_both_is_the_prompt_and_no_negative(template, graph):
    plain = graph("plain")
    plain["20"] = {"class_type": "PrimitiveString", "inputs": {"value": "a cat"}}
    plain["6"]["inputs"]["text"] = plain["7"]["inputs"]["text"] = ["20", 0]

    made = template("shared", plain)

    assert bindings(made)["prompt"] == ["20.value"]
    assert "negative" not in made.bindings


def test_a_guider_leads_to_the_prompt_and_there_is_no_negative(template):
    made = template("flux_guider")

    assert bindings(made) == {
        "prompt": ["6.text"],
        "seed": ["25.noise_seed"],
        "width": ["34.value"],
        "height": ["35.value"],
        "steps": ["17.steps"],
    }
    assert made.graph_size == (1024, 768)


def test_a_guider_with_a_negative_has_both(template, graph):
    flux = graph("flux_guider")
    flux["7"] = {"class_type": "CLIPTextEncode", "inputs": {"text": "", "clip": ["11", 0]}}
    flux["22"] = {
        "class_type": "CFGGuider",
        "inputs": {"model": ["30", 0], "positive": ["26", 0], "negative": ["7", 0], "cfg": 3},
    }

    found = bindings(template("guided", flux))

    assert found["prompt"] == ["6.text"]
    assert found["negative"] == ["7.text"]
    assert found["cfg"] == ["22.cfg"]


def test_subgraph_ids_are_never_numbers(template):
    made = template("subgraph_with_links")

    assert bindings(made) == {
        "prompt": ["58.value"],
        "seed": ["61.value"],
        "width": ["57:13.width"],
        "height": ["57:13.height"],
        "steps": ["57:31:3.steps"],
        "cfg": ["57:31:3.cfg"],
    }
    assert made.graph_size is None


def test_every_text_input_of_every_stage_gets_the_prompt(template):
    """CLIPTextEncodeSDXL takes it twice, the refiner once more."""
    found = bindings(template("sdxl_base_and_refiner"))

    assert found["prompt"] == ["6.text_g", "6.text_l", "15.text"]
    assert found["negative"] == ["7.text_g", "7.text_l", "16.text"]
    assert found["seed"] == ["10.noise_seed", "11.noise_seed"]
    assert found["steps"] == ["10.steps", "11.steps"]


def test_stages_with_different_texts_are_a_question(template, graph):
    two = graph("sdxl_base_and_refiner")
    two["15"]["inputs"]["text"] = "sharp details"

    with pytest.raises(AmbiguousTemplateError, match="prompt could be any of 6"):
        template("two", two)


def test_a_trigger_word_is_not_the_prompt(template):
    assert bindings(template("trigger_and_prompt"))["prompt"] == ["22.value"]


def test_a_text_that_arrives_on_two_ways_is_one(template, graph):
    joined = graph("trigger_and_prompt")
    joined["20"]["inputs"]["string_a"] = ["22", 0]

    assert bindings(template("twice", joined))["prompt"] == ["22.value"]


def test_two_texts_put_together_are_a_question_even_where_they_are_equal(template, graph):
    joined = graph("trigger_and_prompt")
    joined["21"]["_meta"]["title"] = "First"
    joined["21"]["inputs"]["value"] = joined["22"]["inputs"]["value"] = ""

    with pytest.raises(AmbiguousTemplateError):
        template("joined", joined)


def test_different_texts_are_a_question_with_the_lines_that_settle_it(template):
    with pytest.raises(AmbiguousTemplateError) as caught:
        template("two_texts")

    error = caught.value
    assert [f"{each.node}.{each.input} {each.text}" for each in error.candidates] == [
        "12.text a cat on a roof",
        "13.text oil painting",
    ]
    toml = error.way_out.split("for example:\n")[1]
    assert bindings(template("two_texts", toml=toml))["prompt"] == ["12.text"]


@pytest.mark.parametrize("title", ["Prompt", "positive prompt", " User Prompt\n"])
def test_a_title_says_which_text_is_the_prompt(template, graph, title):
    two = graph("two_texts")
    two["13"]["_meta"]["title"] = title

    assert bindings(template("titled", two))["prompt"] == ["13.text"]


def test_the_editors_default_title_says_nothing(template, graph):
    """ "CLIP Text Encode (Prompt)" stands on every encoder that nobody renamed."""
    two = graph("two_texts")
    two["13"]["_meta"]["title"] = "CLIP Text Encode (Prompt)"

    with pytest.raises(AmbiguousTemplateError):
        template("untitled", two)


def test_text_from_a_node_that_nobody_knows_is_a_question(template, graph):
    plain = graph("plain")
    plain["20"] = {"class_type": "PromptRoulette", "inputs": {"deck": "animals"}}
    plain["6"]["inputs"]["text"] = ["20", 0]

    with pytest.raises(AmbiguousTemplateError) as caught:
        template("roulette", plain)

    [candidate] = caught.value.candidates
    assert (candidate.node, candidate.text) == ("6", "from node 20")


def test_conditioning_from_a_node_that_nobody_knows_is_a_question(template, graph):
    plain = graph("plain")
    plain["20"] = {"class_type": "Mystery", "inputs": {"words": "a cat on a roof"}}
    plain["3"]["inputs"]["positive"] = ["20", 0]

    with pytest.raises(AmbiguousTemplateError) as caught:
        template("mystery", plain)

    assert ("20", "words") in {(each.node, each.input) for each in caught.value.candidates}


def test_positive_and_negative_through_a_known_pair_are_kept_apart(template):
    found = bindings(template("controlnet_hires"))

    assert (found["prompt"], found["negative"]) == (["6.text"], ["7.text"])


def test_positive_and_negative_through_an_unknown_pair_are_a_question(template, graph):
    """Which output is which is only known of the classes in the table."""
    hires = graph("controlnet_hires")
    hires["15"]["class_type"] = "HomeMadeControl"
    hires["6"]["_meta"]["title"] = hires["7"]["_meta"]["title"] = "Text"

    with pytest.raises(AmbiguousTemplateError) as caught:
        template("home_made", hires)

    assert [each.node for each in caught.value.candidates] == ["6", "7"]


def test_a_switch_leads_where_it_points(template, graph):
    short = graph("custom_sampler_and_switch")

    assert bindings(template("short", short))["prompt"] == ["20.value"]
    short["18"]["inputs"]["switch"] = True
    assert bindings(template("long", short))["prompt"] == ["19.prompt"]


def test_a_prompt_on_a_partners_node_is_found_without_a_sampler(template):
    assert bindings(template("partner_node")) == {"prompt": ["1.prompt"], "seed": ["1.seed"]}


def test_two_texts_without_a_sampler_are_a_question(template, graph):
    """One could be the negative: even equal texts are not set alike."""
    partner = graph("partner_node")
    partner["3"] = {"class_type": "Encode", "inputs": {"text": "a poster of a whale"}}
    partner["1"]["inputs"]["more"] = ["3", 0]

    with pytest.raises(AmbiguousTemplateError):
        template("partners", partner)


def test_a_graph_without_any_text_takes_no_prompt(template):
    empty = {
        "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "color": 0}},
        "2": {"class_type": "SaveImage", "inputs": {"filename_prefix": "x", "images": ["1", 0]}},
    }

    with pytest.raises(TemplateError, match="takes a prompt"):
        template("empty", empty)


def test_an_unclear_negative_is_a_question_only_where_one_is_set(template, graph):
    plain = graph("plain")
    plain["12"] = {"class_type": "CLIPTextEncode", "inputs": {"text": "ugly", "clip": ["4", 1]}}
    plain["13"] = {
        "class_type": "ConditioningConcat",
        "inputs": {"conditioning_to": ["7", 0], "conditioning_from": ["12", 0]},
    }
    plain["3"]["inputs"]["negative"] = ["13", 0]

    made = template("two_negatives", plain)

    assert "negative" not in made.bindings
    assert [str(each) for each in made.ambiguous["negative"]] == ["7.text", "12.text"]


# Numbers -----------------------------------------------------------------------------------------


def test_a_sampler_is_known_by_its_inputs(template):
    found = bindings(template("custom_sampler_and_switch"))

    assert (found["steps"], found["cfg"], found["negative"]) == (["3.steps"], ["3.cfg"], ["7.text"])


def test_every_seed_on_the_way_is_found(template):
    assert bindings(template("controlnet_hires"))["seed"] == ["3.seed", "21.seed"]
    assert bindings(template("custom_sampler_and_switch"))["seed"] == ["3.seed", "19.seed"]


def test_a_node_that_makes_seeds_is_seeded_itself(template, graph):
    plain = graph("plain")
    plain["20"] = {"class_type": "Seed (rgthree)", "inputs": {"seed": -1}}
    plain["3"]["inputs"]["seed"] = ["20", 0]

    assert bindings(template("seeded", plain))["seed"] == ["20.seed"]


def test_a_number_shared_with_something_else_is_replaced_and_not_changed(template, graph):
    plain = graph("plain")
    plain["20"] = {"class_type": "PrimitiveInt", "inputs": {"value": 20}}
    plain["3"]["inputs"]["steps"] = plain["3"]["inputs"]["seed"] = ["20", 0]

    found = bindings(template("shared_number", plain))

    assert (found["steps"], found["seed"]) == (["3.steps"], ["3.seed"])


def test_one_number_for_both_sides_is_replaced_on_the_latent(template, graph):
    plain = graph("plain")
    plain["20"] = {"class_type": "PrimitiveInt", "inputs": {"value": 512}}
    plain["5"]["inputs"]["width"] = plain["5"]["inputs"]["height"] = ["20", 0]

    found = bindings(template("square", plain))

    assert (found["width"], found["height"]) == (["5.width"], ["5.height"])


def test_the_size_is_the_first_latents_and_not_that_of_an_upscale(template):
    found = bindings(template("controlnet_hires"))

    assert (found["width"], found["height"]) == (["5.width"], ["5.height"])


def test_nodes_that_repeat_the_size_are_told_too(template):
    """Where they say the same as the latent: 4096 is an effect of its own."""
    found = bindings(template("sdxl_base_and_refiner"))

    assert found["width"] == [
        "5.width",
        "6.target_width",
        "7.target_width",
        "15.width",
        "16.width",
    ]


def test_an_image_for_a_start_leaves_no_place_for_a_size(template, graph):
    plain = graph("plain")
    plain["14"] = {"class_type": "LoadImage", "inputs": {"image": "start.png"}}
    plain["5"] = {"class_type": "VAEEncode", "inputs": {"pixels": ["14", 0], "vae": ["4", 2]}}

    made = template("img2img", plain)

    assert not {"width", "height"} & {*made.bindings, *made.ambiguous}
    assert made.graph_size is None


def test_passes_with_different_steps_are_a_question_for_whoever_sets_them(template):
    made = template("controlnet_hires")

    assert "steps" not in made.bindings
    assert [str(each) for each in made.ambiguous["steps"]] == ["3.steps", "21.steps"]
    assert bindings(made)["cfg"] == ["3.cfg", "21.cfg"]


def test_a_latent_that_arrives_on_two_ways_is_one(template, graph):
    plain = graph("plain")
    plain["20"] = {
        "class_type": "LatentBlend",
        "inputs": {"samples1": ["5", 0], "samples2": ["5", 0], "blend_factor": 0.5},
    }
    plain["3"]["inputs"]["latent_image"] = ["20", 0]

    assert bindings(template("blended", plain)) == CLASSIC


def test_what_does_not_lead_to_the_output_is_not_looked_at(template, graph):
    plain = graph("plain")
    plain["30"] = {
        "class_type": "KSampler",
        "inputs": {"seed": 1, "positive": ["31", 0], "latent_image": ["5", 0], "model": ["4", 0]},
    }
    plain["31"] = {"class_type": "CLIPTextEncode", "inputs": {"text": "dead", "clip": ["4", 1]}}

    assert bindings(template("dead", plain)) == CLASSIC


def test_the_order_of_nodes_never_decides(template, graph):
    for name in ("controlnet_hires", "sdxl_base_and_refiner", "subgraph_with_links"):
        turned = dict(reversed(graph(name).items()))

        assert template(name, turned).bindings == template(name).bindings
