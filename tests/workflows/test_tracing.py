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
    assert found["steps"] == ["10.steps", "11.steps"]


def test_a_stage_without_noise_of_its_own_keeps_its_seed(template, graph):
    """The refiner goes on with what the base left; its seed draws nothing."""
    two = graph("sdxl_base_and_refiner")

    assert bindings(template("two", two))["seed"] == ["10.noise_seed"]
    two["11"]["inputs"]["add_noise"] = "enable"
    assert bindings(template("two", two))["seed"] == ["10.noise_seed", "11.noise_seed"]


def test_a_refiner_with_words_of_its_own_gets_the_prompt_all_the_same(template, graph):
    two = graph("sdxl_base_and_refiner")
    two["15"]["inputs"]["text"] = "sharp details"
    two["16"]["inputs"]["text"] = "blur"

    found = bindings(template("two", two))

    assert found["prompt"] == ["6.text_g", "6.text_l", "15.text"]
    assert found["negative"] == ["7.text_g", "7.text_l", "16.text"]


def test_passes_that_start_anew_with_different_texts_are_a_question(template, graph):
    """What a second pass paints over the first may be another matter, such as a face."""
    two = graph("sdxl_base_and_refiner")
    two["15"]["inputs"]["text"] = "a face"
    two["11"]["inputs"]["add_noise"] = "enable"

    with pytest.raises(AmbiguousTemplateError, match="prompt could be any of 6"):
        template("two", two)


def test_a_stage_whose_noise_is_disabled_by_a_node_goes_on(template, graph):
    flux = graph("flux_guider")
    sampler = next(each for each in flux if flux[each]["class_type"] == "SamplerCustomAdvanced")
    flux["90"] = {"class_type": "DisableNoise", "inputs": {}}
    flux["91"] = {
        "class_type": "CLIPTextEncode",
        "inputs": {"text": "sharp details", "clip": flux["6"]["inputs"]["clip"]},
    }
    flux["92"] = {
        "class_type": "BasicGuider",
        "inputs": {"model": flux["22"]["inputs"]["model"], "conditioning": ["91", 0]},
    }
    inputs = flux[sampler]["inputs"]
    flux["93"] = {
        "class_type": "SamplerCustomAdvanced",
        "inputs": inputs | {"noise": ["90", 0], "guider": ["92", 0], "latent_image": [sampler, 0]},
    }
    decode = next(each for each in flux if flux[each]["class_type"] == "VAEDecode")
    flux[decode]["inputs"]["samples"] = ["93", 0]

    found = bindings(template("two", flux))

    assert found["prompt"] == ["6.text", "91.text"]
    assert found["seed"] == ["25.noise_seed"]


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


def test_a_switch_set_by_a_node_leads_where_that_says(template, graph):
    """A subgraph has its switches outside, as a boolean: "Enhance the prompt?"."""
    short = graph("custom_sampler_and_switch")
    short["90"] = {"class_type": "PrimitiveBoolean", "inputs": {"value": False}}
    short["18"]["inputs"]["switch"] = ["90", 0]

    assert bindings(template("short", short))["prompt"] == ["20.value"]
    short["90"]["inputs"]["value"] = True
    assert bindings(template("long", short))["prompt"] == ["19.prompt"]


def test_a_switch_that_is_computed_leaves_both_ways_open(template, graph):
    short = graph("custom_sampler_and_switch")
    short["90"] = {"class_type": "IsNight", "inputs": {"city": "Oslo"}}
    short["18"]["inputs"]["switch"] = ["90", 0]

    with pytest.raises(AmbiguousTemplateError) as caught:
        template("open", short)

    assert [each.node for each in caught.value.candidates] == ["19", "20"]


def test_a_switch_may_hold_the_text_itself(template, graph):
    short = graph("custom_sampler_and_switch")
    short["18"]["inputs"] = {"switch": False, "on_true": ["19", 0], "on_false": "a cat"}

    assert bindings(template("held", short))["prompt"] == ["18.on_false"]


def test_switches_stand_between_conditioning_and_latents_too(template, graph):
    plain = graph("plain")
    plain["90"] = {"class_type": "CLIPTextEncode", "inputs": {"text": "b", "clip": ["4", 1]}}
    plain["91"] = {
        "class_type": "ComfySwitchNode",
        "inputs": {"switch": False, "on_false": ["6", 0], "on_true": ["90", 0]},
    }
    plain["92"] = {
        "class_type": "EmptyLatentImage",
        "inputs": {"width": 256, "height": 512, "batch_size": 1},
    }
    plain["93"] = {
        "class_type": "ComfySwitchNode",
        "inputs": {"switch": True, "on_false": ["92", 0], "on_true": ["5", 0]},
    }
    plain["3"]["inputs"] |= {"positive": ["91", 0], "latent_image": ["93", 0]}

    assert bindings(template("switched", plain)) == CLASSIC


def test_an_open_switch_of_conditioning_is_a_question(template, graph):
    plain = graph("plain")
    plain["90"] = {"class_type": "CLIPTextEncode", "inputs": {"text": "b", "clip": ["4", 1]}}
    plain["91"] = {
        "class_type": "ComfySwitchNode",
        "inputs": {"switch": ["4", 3], "on_false": ["6", 0], "on_true": ["90", 0]},
    }
    plain["3"]["inputs"]["positive"] = ["91", 0]

    with pytest.raises(AmbiguousTemplateError):
        template("open", plain)


def strings(graph, **nodes):
    """The plain graph with its prompt from ``n20``; classes by the names of their inputs."""
    plain = graph("plain")
    plain["6"]["inputs"]["text"] = ["20", 0]
    for name, (class_type, inputs, *title) in nodes.items():
        plain[name.removeprefix("n")] = {
            "class_type": class_type,
            "inputs": inputs,
            "_meta": {"title": title[0] if title else class_type},
        }
    return plain


TEMPLATE = "You paint what the user wants: {wish}. It is {width} pixels wide."


def test_a_template_into_which_the_prompt_is_put_is_never_the_prompt(template, graph):
    filled = strings(
        graph,
        n20=("StringReplace", {"string": ["21", 0], "find": "{width}", "replace": ["23", 0]}),
        n21=("StringReplace", {"string": ["24", 0], "find": "{wish}", "replace": ["22", 0]}),
        n22=("PrimitiveStringMultiline", {"value": "a cat"}),
        n23=("PreviewAny", {"source": ["5", 0]}),
        n24=("PrimitiveStringMultiline", {"value": TEMPLATE}),
    )

    assert bindings(template("filled", filled))["prompt"] == ["22.value"]


def test_a_template_that_holds_its_own_text_is_no_less_one(template, graph):
    filled = strings(
        graph,
        n20=("StringReplace", {"string": TEMPLATE, "find": "{wish}", "replace": ["22", 0]}),
        n22=("PrimitiveString", {"value": "a cat"}),
    )

    assert bindings(template("filled", filled))["prompt"] == ["22.value"]


def test_two_texts_for_one_template_are_a_question_until_a_title_tells(template, graph):
    filled = strings(
        graph,
        n20=("StringReplace", {"string": ["21", 0], "find": "{width}", "replace": ["23", 0]}),
        n21=("StringReplace", {"string": TEMPLATE, "find": "{wish}", "replace": ["22", 0]}),
        n22=("PrimitiveStringMultiline", {"value": "a cat"}),
        n23=("PrimitiveStringMultiline", {"value": "very"}),
    )
    with pytest.raises(AmbiguousTemplateError):
        template("filled", filled)

    filled["22"]["_meta"]["title"] = "String (Multiline - User Prompt)"
    assert bindings(template("filled", filled))["prompt"] == ["22.value"]


def test_a_template_without_anything_put_in_is_a_question(template, graph):
    filled = strings(
        graph,
        n20=("StringReplace", {"string": TEMPLATE, "find": "{wish}", "replace": ["22", 0]}),
        n22=("Dictation", {"language": "en"}),
    )

    with pytest.raises(AmbiguousTemplateError):
        template("filled", filled)


def test_a_plain_replacement_leads_to_the_text(template, graph):
    replaced = strings(
        graph,
        n20=("StringReplace", {"string": ["21", 0], "find": "'", "replace": '"'}),
        n21=("PrimitiveString", {"value": "a 'cat'"}),
    )

    assert bindings(template("replaced", replaced))["prompt"] == ["21.value"]


@pytest.mark.parametrize(
    "title",
    ["System prompt", "Text String (System Prompt)", "REWRITE_SYSTEM_PROMPT", "LoRA trigger"],
)
def test_a_system_text_is_never_the_prompt(template, graph, title):
    joined = strings(
        graph,
        n20=("StringConcatenate", {"string_a": ["21", 0], "string_b": ["22", 0], "delimiter": ""}),
        n21=("PrimitiveStringMultiline", {"value": "You are an assistant."}, title),
        n22=("PrimitiveStringMultiline", {"value": "a cat"}, "Text"),
    )

    assert bindings(template("system", joined))["prompt"] == ["22.value"]


def test_a_system_prompt_of_a_language_model_is_not_followed(template, graph):
    written = strings(
        graph,
        n20=("TextGenerate", {"prompt": ["22", 0], "system_prompt": ["21", 0], "clip": ["4", 1]}),
        n21=("PrimitiveStringMultiline", {"value": "You are an assistant."}),
        n22=("PrimitiveStringMultiline", {"value": "a cat"}),
    )

    assert bindings(template("written", written))["prompt"] == ["22.value"]


@pytest.mark.parametrize(
    "inputs", [{"text": "a cat", "lines": 3}, {"prompt": "a cat", "boxes": "2"}, {"string": "x"}]
)
def test_a_node_that_nobody_knows_hands_on_its_text(template, graph, inputs):
    handed = strings(graph, n20=("HomeMadeText", inputs))

    assert bindings(template("handed", handed))["prompt"] == [f"20.{next(iter(inputs))}"]


def test_two_texts_of_a_node_that_nobody_knows_are_a_question(template, graph):
    handed = strings(graph, n20=("HomeMadeText", {"text_a": "a cat", "text_b": "in oil"}))

    with pytest.raises(AmbiguousTemplateError, match=r"20\.text_a.*20\.text_b"):
        template("handed", handed)


def test_conditioning_passes_a_node_with_one_way_in(template, graph):
    plain = graph("plain")
    plain["90"] = {"class_type": "Reroute (somebody)", "inputs": {"": ["6", 0]}}
    plain["3"]["inputs"]["positive"] = ["90", 0]

    with pytest.raises(AmbiguousTemplateError):
        template("passed", graph("plain") | {"3": plain["3"], "90": {**plain["90"], "inputs": {}}})
    assert bindings(template("passed", plain)) == CLASSIC


def test_a_loader_that_encodes_too_holds_both_texts(template, graph):
    plain = graph("plain")
    plain["4"] = {
        "class_type": "Efficient Loader",
        "inputs": {"ckpt_name": "a.safetensors", "positive": "a cat", "negative": "a dog"},
    }
    plain["3"]["inputs"] |= {"positive": ["4", 1], "negative": ["4", 2]}

    found = bindings(template("loader", plain))

    assert (found["prompt"], found["negative"]) == (["4.positive"], ["4.negative"])


@pytest.mark.parametrize(
    ("negative", "bound"),
    [("7", ["7.text"]), ("6", [])],
    ids=["OmniGen2", "HiDream-E1"],
)
def test_the_second_condition_of_a_guider_is_not_the_prompt(template, graph, negative, bound):
    """ComfyUI's examples give it the text to keep out, whatever ``negative`` is given."""
    flux = graph("flux_guider")
    flux["7"] = {"class_type": "CLIPTextEncode", "inputs": {"text": "ugly", "clip": ["11", 0]}}
    conditions = {"cond1": ["26", 0], "cond2": ["7", 0], "negative": [negative, 0]}
    flux["22"] = {"class_type": "DualCFGGuider", "inputs": {"model": ["30", 0], **conditions}}

    found = bindings(template("dual", flux))

    assert (found["prompt"], found.get("negative", [])) == (["6.text"], bound)


def test_a_node_linked_to_the_same_size_is_told_too(template, graph):
    plain = graph("plain")
    plain["90"] = {"class_type": "ResolutionSelector", "inputs": {"aspect_ratio": "1:1 (Square)"}}
    plain["91"] = {
        "class_type": "HomeMadeSchedule",
        "inputs": {"width": ["90", 0], "height": ["90", 1], "model": ["4", 0]},
    }
    plain["5"]["inputs"] |= {"width": ["90", 0], "height": ["90", 1]}
    plain["3"]["inputs"]["model"] = ["91", 0]

    found = bindings(template("told", plain))

    assert found["width"] == ["5.width", "91.width"]
    assert found["height"] == ["5.height", "91.height"]


def test_a_prompt_on_a_partners_node_is_found_without_a_sampler(template):
    assert bindings(template("partner_node")) == {"prompt": ["1.prompt"], "seed": ["1.seed"]}


def test_a_prompt_may_belong_to_a_choice_of_model(template, graph):
    """Newer partners' nodes have inputs of inputs."""
    partner = graph("partner_node")
    partner["1"]["inputs"]["model.prompt"] = partner["1"]["inputs"].pop("prompt")

    assert bindings(template("partners", partner))["prompt"] == ["1.model.prompt"]


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
