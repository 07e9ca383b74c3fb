"""One page's values written into a template, and nothing else."""

import json
from copy import deepcopy
from dataclasses import replace

import pytest
from hypothesis import assume, given, strategies as st

from mkdocs_comfy.errors import AmbiguousTemplateError, BindingError
from mkdocs_comfy.workflows.binding import Inputs, bind, with_prefix
from mkdocs_comfy.workflows.key import workflow_key

FOG = "a foggy harbour"
TEMPLATES = [
    "default",
    "sd15",
    "controlnet_hires",
    "custom_sampler_and_switch",
    "flux_guider",
    "nested_values",
    "partner_node",
    "plain",
    "preview_only",
    "same_encoder_for_both",
    "sdxl_base_and_refiner",
    "subgraph_with_links",
    "trigger_and_prompt",
    "unicode_titles",
    "zeroed_negative",
]

texts = st.text(max_size=30)
sides = st.integers(8, 2048).map(lambda side: side * 8)
arguments = st.builds(
    Inputs,
    prompt=texts,
    seed=st.integers(0, 2**64 - 1),
    negative=st.none() | texts,
    size=st.none() | st.tuples(sides, sides),
)


def refused(template, **values):
    with pytest.raises(BindingError) as caught:
        bind(template, Inputs(**{"prompt": FOG, "seed": 1} | values))
    return caught.value


# Nothing else is changed -------------------------------------------------------------------------


def fitting(template, inputs):
    """The same, without a size where the template takes none."""
    return inputs if "width" in template.bindings else replace(inputs, size=None)


@given(st.sampled_from(TEMPLATES), arguments)
def test_only_what_is_bound_changes(template, name, inputs):
    made = template(name)
    inputs = fitting(made, inputs)
    before = deepcopy(made.graph)

    bound = bind(made, inputs)

    expected = {"prompt": bound.prompt, "seed": inputs.seed}
    if inputs.negative is not None:
        expected["negative"] = bound.negative
    if inputs.size is not None:
        expected |= dict(zip(("width", "height"), inputs.size, strict=True))
    roles = {
        (target.node, target.input): role
        for role, targets in made.bindings.items()
        for target in targets
    }
    for node_id, node in bound.graph.items():
        original = made.graph[node_id]
        assert {**node, "inputs": None} == {**original, "inputs": None}
        for input_name, value in node["inputs"].items():
            role = roles.get((node_id, input_name))
            assert value == expected.get(role, original["inputs"][input_name])
    assert made.graph == before
    assert bound.size == (inputs.size or made.graph_size)


@given(st.sampled_from(TEMPLATES), arguments)
def test_the_key_is_that_of_the_bound_graph(template, name, inputs):
    """What is put together from parts, for speed, is what the whole would give."""
    made = template(name)
    # Bound text never counts as a model's name; a graph alone does not say what was bound.
    inputs = replace(fitting(made, inputs), prompt=inputs.prompt.replace("\\", "/"))
    assume("\\" not in (inputs.negative or ""))

    bound = bind(made, inputs)

    assert bound.key == workflow_key(bound.graph, bound.output)


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_graph_holds_just_what_leads_to_the_output(template, graph, name):
    extended = template(name).graph | {
        "dead": {"class_type": "Dead", "inputs": {"from": [template(name).output, 0]}}
    }
    bound = bind(template(name, extended), Inputs(prompt=FOG, seed=1))

    assert "dead" not in bound.graph
    reached, waiting = set(), [bound.output]
    while waiting:
        node_id = waiting.pop()
        reached.add(node_id)
        values = bound.graph[node_id]["inputs"].values()
        waiting += [value[0] for value in values if isinstance(value, list)]
    assert reached == set(bound.graph)


def test_a_literal_in_the_place_of_a_link_cuts_off_what_led_there(template):
    made = template("subgraph_with_links")

    linked = bind(made, Inputs(prompt=FOG, seed=1))
    literal = bind(made, Inputs(prompt=FOG, seed=1, size=(1280, 720)))

    assert "60" in linked.graph
    assert linked.size is None
    assert "60" not in literal.graph
    assert literal.graph["57:13"]["inputs"] == {"width": 1280, "height": 720, "batch_size": 1}


def test_pages_do_not_see_each_others_values(template):
    made = template("default")
    first = bind(made, Inputs(prompt="one", seed=1, negative="n", size=(512, 512)))
    kept = deepcopy(first)

    bind(made, Inputs(prompt="two", seed=2, params={"steps": 3}))

    assert first == kept


def test_a_template_is_the_same_in_another_encoding_of_itself(template, graph):
    """Re-exported with new ids, order and titles: nobody renders again."""
    plain = graph("plain")
    ids = {node_id: f"77:{node_id}" for node_id in plain}

    def moved(value):
        return [ids[value[0]], value[1]] if isinstance(value, list) else value

    again = {
        ids[node_id]: {
            "_meta": {"title": f"Node {node_id}"},
            "class_type": node["class_type"],
            "inputs": {name: moved(value) for name, value in reversed(node["inputs"].items())},
        }
        for node_id, node in reversed(plain.items())
    }
    inputs = Inputs(prompt=FOG, seed=1, negative="n", size=(512, 768), params={"steps": 8})

    assert bind(template("again", again), inputs).key == bind(template("plain"), inputs).key


# Prompt, negative, seed, size --------------------------------------------------------------------


def test_a_bound_workflow_says_what_is_in_it(template):
    bound = bind(template("default"), Inputs(prompt=FOG, seed=7, negative="people"))

    assert (bound.template, bound.output, bound.size) == ("default", "9", (1344, 768))
    assert (bound.prompt, bound.seed, bound.negative) == (FOG, 7, "people")
    assert bound.graph["6"]["inputs"]["text"] == FOG
    assert bound.graph["7"]["inputs"]["text"] == "people"
    assert bound.graph["3"]["inputs"]["seed"] == 7
    assert bound.findings == ()


def test_the_templates_own_negative_is_that_of_its_graph(template):
    made = template("plain")
    own = bind(made, Inputs(prompt=FOG, seed=1))
    said = bind(made, Inputs(prompt=FOG, seed=1, negative="text, watermark"))

    assert own.negative == "text, watermark"
    assert own.key == said.key


def test_an_empty_negative_is_no_negative_at_all(template):
    bound = bind(template("plain"), Inputs(prompt=FOG, seed=1, negative=""))

    assert bound.graph["7"]["inputs"]["text"] == ""
    assert bound.negative == ""


@pytest.mark.parametrize("name", ["zeroed_negative", "flux_guider", "same_encoder_for_both"])
def test_a_pages_negative_without_a_place_is_a_finding(template, name):
    bound = bind(
        template(name), Inputs(prompt=FOG, seed=1, negative="people", negative_required=True)
    )

    assert bound.findings == (
        f"template '{name}' has no negative prompt; hero_negative has no effect",
    )
    assert bound.negative is None
    assert bound.key == bind(template(name), Inputs(prompt=FOG, seed=1)).key


def test_a_styles_negative_without_a_place_is_silent(template):
    bound = bind(template("zeroed_negative"), Inputs(prompt=FOG, seed=1, negative="people"))

    assert bound.findings == ()


def test_an_unclear_negative_is_a_question_once_a_page_sets_one(template, graph):
    plain = graph("plain")
    plain["12"] = {"class_type": "CLIPTextEncode", "inputs": {"text": "ugly", "clip": ["4", 1]}}
    plain["13"] = {
        "class_type": "ConditioningCombine",
        "inputs": {"conditioning_1": ["7", 0], "conditioning_2": ["12", 0]},
    }
    plain["3"]["inputs"]["negative"] = ["13", 0]
    made = template("two_negatives", plain)

    assert bind(made, Inputs(prompt=FOG, seed=1)).negative is None
    with pytest.raises(AmbiguousTemplateError) as caught:
        bind(made, Inputs(prompt=FOG, seed=1, negative="people", negative_required=True))
    assert caught.value.role == "negative"
    assert "[parameters.negative]" in caught.value.way_out

    of_a_style = bind(made, Inputs(prompt=FOG, seed=1, negative="people"))
    (finding,) = of_a_style.findings
    assert "that of a style has no effect" in finding
    assert "[parameters.negative] in two_negatives.toml" in finding
    assert of_a_style.key == bind(made, Inputs(prompt=FOG, seed=1)).key


@pytest.mark.parametrize("seed", [-1, 2**64, 1.0, True, "1", None])
def test_a_seed_out_of_range_is_refused(template, seed):
    error = refused(template("default"), seed=seed)

    assert error.parameter == "seed"
    assert "from 0 to 2**64 - 1" in error.what


@pytest.mark.parametrize("size", [(0, 64), (100, 512), (512, 20_000), (-512, 512), (56, 512)])
def test_a_size_that_no_latent_has_is_refused(template, size):
    error = refused(template("default"), size=size)

    assert error.parameter == "size"
    assert f"{size[0]}x{size[1]}" in error.what


def test_a_size_for_a_template_without_one_is_refused(template):
    error = refused(template("partner_node"), size=(512, 512))

    assert (error.template, error.parameter) == ("partner_node", "size")
    assert "cannot be given a size" in error.what
    assert error.way_out


def test_latents_of_different_sizes_are_a_question_once_a_size_is_set(template, graph):
    plain = graph("plain")
    plain["20"] = {
        "class_type": "EmptyLatentImage",
        "inputs": {"width": 256, "height": 512, "batch_size": 1},
    }
    plain["21"] = {
        "class_type": "LatentComposite",
        "inputs": {"samples_to": ["5", 0], "samples_from": ["20", 0], "x": 0, "y": 0, "feather": 0},
    }
    plain["3"]["inputs"]["latent_image"] = ["21", 0]
    made = template("two_latents", plain)

    assert bind(made, Inputs(prompt=FOG, seed=1)).size is None
    with pytest.raises(AmbiguousTemplateError) as caught:
        bind(made, Inputs(prompt=FOG, seed=1, size=(512, 512)))
    toml = caught.value.way_out.split("for example:\n")[1]
    settled = template("two_latents", plain, toml=toml)
    assert bind(settled, Inputs(prompt=FOG, seed=1, size=(640, 512))).size == (640, 512)


def test_every_stage_gets_every_value(template):
    bound = bind(
        template("sdxl_base_and_refiner"),
        Inputs(prompt=FOG, seed=5, negative="dull", size=(832, 1216), params={"steps": 30}),
    )

    assert bound.graph["6"]["inputs"]["text_g"] == bound.graph["6"]["inputs"]["text_l"] == FOG
    assert bound.graph["15"]["inputs"]["text"] == FOG
    assert bound.graph["16"]["inputs"]["text"] == "dull"
    assert [bound.graph[each]["inputs"]["noise_seed"] for each in ("10", "11")] == [5, 0]
    assert [bound.graph[each]["inputs"]["steps"] for each in ("10", "11")] == [30, 30]
    assert bound.graph["6"]["inputs"]["target_width"] == 832
    assert bound.graph["6"]["inputs"]["width"] == 4096


# The key and text --------------------------------------------------------------------------------


def key(template, **values):
    return bind(template, Inputs(**{"prompt": FOG, "seed": 1} | values)).key


def test_every_argument_makes_another_image(template):
    made = template("default")
    keys = {
        key(made),
        key(made, prompt="another"),
        key(made, seed=2),
        key(made, negative="another"),
        key(made, size=(1024, 1024)),
        key(made, size=(768, 1344)),
        key(made, params={"steps": 24}),
        key(made, params={"cfg": 6.5}),
        key(made, params={"Sampler.scheduler": "normal"}),
    }

    assert len(keys) == 9


def test_what_stands_in_the_template_already_makes_the_same_image(template):
    made = template("default")

    assert key(made) == key(made, size=(1344, 768), params={"steps": 25, "cfg": 6.0})


def test_the_seed_and_prompt_of_the_template_never_matter(template, graph):
    plain = graph("plain")
    plain["3"]["inputs"]["seed"] = 99
    plain["6"]["inputs"]["text"] = "something else"

    assert key(template("other", plain)) == key(template("plain"))


@pytest.mark.parametrize("values", [{"prompt": "harbour\\fog.pt"}, {"negative": "harbour\\fog.pt"}])
def test_bound_text_never_counts_as_the_name_of_a_model(template, values):
    slashes = {name: text.replace("\\", "/") for name, text in values.items()}

    assert key(template("default"), **values) != key(template("default"), **slashes)


def test_the_templates_models_are_the_same_on_windows_and_linux(template, graph):
    hires = graph("controlnet_hires")
    hires["2"]["inputs"]["lora_name"] = "detail/add_detail.safetensors"

    assert key(template("linux", hires)) == key(template("controlnet_hires"))
    bound = bind(template("controlnet_hires"), Inputs(prompt=FOG, seed=1))
    assert bound.graph["2"]["inputs"]["lora_name"] == "detail\\add_detail.safetensors"


def test_text_is_bound_in_one_form(template):
    made = template("plain")
    bound = bind(
        made, Inputs(prompt="cafe\u0301\r\nnoir", seed=1, params={"KSampler.scheduler": "e\u0301"})
    )

    assert bound.graph["6"]["inputs"]["text"] == bound.prompt == "caf\u00e9\nnoir"
    assert bound.graph["3"]["inputs"]["scheduler"] == "\u00e9"


@pytest.mark.parametrize(
    ("values", "parameter"),
    [
        ({"prompt": "a \ud83d"}, "prompt"),
        ({"negative": "\udc00"}, "negative"),
        ({"params": {"Sampler.scheduler": "\ud83d"}}, "Sampler.scheduler"),
    ],
)
def test_half_a_character_is_refused(template, values, parameter):
    assert refused(template("default"), **values).parameter == parameter


# Parameters --------------------------------------------------------------------------------------


def value_of(template, node, name, **values):
    return bind(template, Inputs(**{"prompt": FOG, "seed": 1} | values)).graph[node]["inputs"][name]


@pytest.mark.parametrize(
    ("name", "value", "place"),
    [
        ("steps", 30, ("3", "steps")),
        ("steps", 30.0, ("3", "steps")),
        ("cfg", 5.5, ("3", "cfg")),
        ("cfg", 5, ("3", "cfg")),
        ("Sampler.sampler_name", "euler", ("3", "sampler_name")),
        ("Sampler.denoise", 0.6, ("3", "denoise")),
        ("Load Checkpoint.ckpt_name", "other.safetensors", ("4", "ckpt_name")),
        (" Canvas.batch_size\n", 2, ("5", "batch_size")),
    ],
)
def test_parameters_are_set_by_name_or_by_title(template, name, value, place):
    bound = value_of(template("default"), *place, params={name: value})

    assert bound == value
    assert not (isinstance(bound, float) and place[1] == "steps")


def test_a_number_with_a_fraction_may_replace_a_whole_one(template):
    """The editor exports 1.0 as 1: a file does not tell which of the two an input takes."""
    assert value_of(template("default"), "3", "denoise", params={"Sampler.denoise": 0.5}) == 0.5


def test_titles_of_other_scripts_name_their_nodes(template):
    made = template("unicode_titles")
    error = refused(made, params={"Ne\u0301gatif.text": "x"})

    assert "use hero_negative" in error.way_out


def test_booleans_are_set_by_booleans_only(template):
    made = template("custom_sampler_and_switch")
    name = "Use long prompt?.switch"

    assert value_of(made, "18", "switch", params={name: True}) is True
    assert "must be true or false, got 1" in refused(made, params={name: 1}).what


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("steps", "30", "a whole number, got '30'"),
        ("steps", True, "a whole number, got True"),
        ("steps", 30.5, "a whole number, got 30.5"),
        ("steps", 10**30, "a whole number, got a number of more than 64 bits"),
        ("Canvas.batch_size", 1.5, "a whole number, got 1.5"),
        ("cfg", "high", "a number, got 'high'"),
        ("cfg", False, "a number, got False"),
        ("cfg", float("nan"), "a number, got nan"),
        ("cfg", float("inf"), "a number, got inf"),
        ("Sampler.sampler_name", 3, "a text (quote what looks like a number), got 3"),
        ("Sampler.sampler_name", True, "a text (quote what looks like a number), got True"),
    ],
)
def test_a_value_of_another_type_is_refused(template, name, value, expected):
    error = refused(template("default"), params={name: value})

    assert error.what == f"template 'default': parameter {name!r} must be {expected}"
    assert error.parameter == name


def test_an_unknown_parameter_is_refused_with_what_there_is(template):
    error = refused(template("default"), params={"step": 30})

    assert error.what == (
        "template 'default': parameter 'step' does not exist; did you mean 'steps'?"
    )
    assert error.way_out == (
        "this template takes: steps, cfg, Sampler.steps, Sampler.cfg, Sampler.sampler_name, "
        "Sampler.scheduler, Sampler.denoise, Load Checkpoint.ckpt_name, Canvas.batch_size"
    )


@pytest.mark.parametrize(
    "name", ["3.steps", "KSampler.steps", "Sampler.model", "Save Image.filename_prefix", ""]
)
def test_only_titles_and_literals_make_parameters(template, name):
    """Ids change with every edit; links are no values; the prefix is ours."""
    assert "does not exist" in refused(template("default"), params={name: 1}).what


def test_a_node_without_a_title_is_called_by_its_class(template, graph):
    plain = graph("plain")
    del plain["3"]["_meta"]

    assert value_of(template("untitled", plain), "3", "cfg", params={"KSampler.cfg": 3}) == 3


def test_a_title_that_two_nodes_share_is_ambiguous(template, graph):
    hires = graph("controlnet_hires")
    hires["21"]["_meta"]["title"] = "First pass"

    error = refused(template("hires", hires), params={"First pass.denoise": 0.5})

    assert "nodes 3, 21 share that title" in error.what
    assert "titles of their own" in error.way_out


@pytest.mark.parametrize(
    ("name", "key_name"),
    [
        ("Prompt.text", "hero_prompt"),
        ("Negative.text", "hero_negative"),
        ("Sampler.seed", "hero_seed"),
        ("Canvas.width", "hero_size"),
        ("Canvas.height", "hero_size"),
    ],
)
def test_what_has_a_key_of_its_own_is_no_parameter(template, name, key_name):
    error = refused(template("default"), params={name: 1})

    assert error.what == f"template 'default': parameter {name!r} is what {key_name} sets"
    assert error.way_out == f"use {key_name}"


def test_two_parameters_for_one_input_are_refused(template):
    error = refused(template("default"), params={"steps": 20, "Sampler.steps": 30})

    assert "'Sampler.steps' sets the same as 'steps'" in error.what


def test_unclear_steps_are_a_question_once_they_are_set(template):
    made = template("controlnet_hires")

    with pytest.raises(AmbiguousTemplateError) as caught:
        bind(made, Inputs(prompt=FOG, seed=1, params={"steps": 30}))
    assert 'to = ["First pass.steps"]' in caught.value.way_out
    assert value_of(made, "21", "steps", params={"Second pass.steps": 30}) == 30


def test_a_template_that_takes_no_steps_says_so(template):
    assert "does not exist" in refused(template("partner_node"), params={"steps": 3}).what


# The prefix of the job ---------------------------------------------------------------------------


def test_the_prefix_is_set_on_the_output_and_changes_no_key(template):
    bound = bind(template("default"), Inputs(prompt=FOG, seed=1))

    named = with_prefix(bound.graph, bound.output, "mkdocs-comfy/1")

    assert named["9"]["inputs"]["filename_prefix"] == "mkdocs-comfy/1"
    assert bound.graph["9"]["inputs"]["filename_prefix"] == "mkdocs-comfy"
    assert {**named, "9": None} == {**bound.graph, "9": None}
    assert workflow_key(named, "9") == bound.key


def test_an_output_without_a_prefix_is_left_alone(template):
    bound = bind(template("preview_only"), Inputs(prompt=FOG, seed=1))

    assert with_prefix(bound.graph, bound.output, "x") == bound.graph


def test_a_linked_prefix_is_replaced_and_its_source_left_out(template, graph):
    plain = graph("plain")
    plain["20"] = {"class_type": "PrimitiveString", "inputs": {"value": "folder/x"}}
    plain["9"]["inputs"]["filename_prefix"] = ["20", 0]

    bound = bind(template("linked", plain), Inputs(prompt=FOG, seed=1))

    assert "20" not in bound.graph
    assert isinstance(bound.graph["9"]["inputs"]["filename_prefix"], str)
    assert bound.key == key(template("plain"))


def test_a_bound_graph_can_be_submitted_as_json(template):
    bound = bind(template("nested_values"), Inputs(prompt=FOG, seed=2**64 - 1))

    assert json.loads(json.dumps(bound.graph)) == bound.graph
