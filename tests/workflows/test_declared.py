"""Parameters that a ``.toml`` declares: where they go, what fits, and what is there by default."""

import pytest

from mkdocs_comfy.errors import AmbiguousTemplateError, BindingError, TemplateError
from mkdocs_comfy.workflows.binding import Inputs, bind, image_literal
from mkdocs_comfy.workflows.linting import lint, needed_images

DENOISE = """\
[parameters.strength]
to = ["KSampler.denoise"]
type = "float"
min = 0.2
max = 1
default = 0.8
description = "How much is painted anew"
"""


def parameter(lines, to='["KSampler.denoise"]'):
    return f"[parameters.strength]\nto = {to}\n{lines}"


def bound(template, toml, name="plain", graph=None, **params):
    made = template(name, graph, toml=toml)
    return bind(made, Inputs(prompt="a cat", seed=1, params=params)).graph


def refused(template, toml, graph=None, **params):
    with pytest.raises(BindingError) as caught:
        bound(template, toml, graph=graph, **params)
    return str(caught.value)


def test_a_declared_parameter_is_set_by_its_name(template):
    graph = bound(template, DENOISE, strength=0.5)

    assert graph["3"]["inputs"]["denoise"] == 0.5


def test_what_no_page_sets_has_its_default(template):
    assert bound(template, DENOISE)["3"]["inputs"]["denoise"] == 0.8


def test_a_default_counts_by_its_effect(template):
    """That the graph or the ``.toml`` says it makes no other image."""
    at_once = bind(template("plain"), Inputs(prompt="x", seed=1)).key
    same = bind(template("plain", toml=parameter("default = 1")), Inputs(prompt="x", seed=1)).key
    other = bind(template("plain", toml=DENOISE), Inputs(prompt="x", seed=1)).key

    assert at_once == same != other


def test_a_template_without_toml_has_no_defaults(template):
    assert template("plain").defaults == {}


def test_all_targets_are_set(template):
    toml = parameter("", to='["6.text", "KSampler.sampler_name"]').replace("6.text", "9.x")
    graph = template("plain").graph | {}
    graph["9"] = {**graph["9"], "inputs": {**graph["9"]["inputs"], "x": "euler"}}

    made = bound(template, toml, graph=graph, strength="dpmpp_2m")

    assert made["9"]["inputs"]["x"] == made["3"]["inputs"]["sampler_name"] == "dpmpp_2m"


@pytest.mark.parametrize(
    ("lines", "value", "expected"),
    [
        ("min = 0\nmax = 2", 3, "a number from 0 to 2, got 3"),
        ("min = 0.5", 0.25, "a number of at least 0.5, got 0.25"),
        ("max = 2", 2.5, "a number up to 2, got 2.5"),
        ('type = "int"', 0.5, "a whole number, got 0.5"),
        ('type = "int"\nmin = 1\nmax = 60', 61, "a whole number from 1 to 60, got 61"),
        ("choices = [0.5, 1.0]", 0.75, "one of 0.5, 1, got 0.75"),
        ("choices = [0.5, 1.0]", True, "one of 0.5, 1, got True"),
        ("", "much", "a number, got 'much'"),
        ("", True, "a number, got True"),
        ("", 2**65, "a number, got a number of more than 64 bits"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_sent(template, lines, value, expected):
    message = refused(template, parameter(lines), strength=value)

    assert f"parameter 'strength' must be {expected}" in message


@pytest.mark.parametrize("value", ["eular", "EULER"])
def test_a_choice_nearly_made_is_suggested(template, value):
    toml = parameter('choices = ["euler", "dpmpp_2m"]', to='["KSampler.sampler_name"]')

    message = refused(template, toml, strength=value)

    assert f"must be one of 'euler', 'dpmpp_2m', got {value!r}" in message
    assert ("did you mean 'euler'?" in message) == (value == "eular")


def test_a_long_list_of_choices_is_cut(template):
    toml = parameter(f"choices = {list(range(100))}")

    assert "one of 0, 1, 2, 3, 4, 5, 6, 7, …, got 200" in refused(template, toml, strength=200)


def test_steps_and_cfg_may_be_bounded_where_they_are_found(template):
    toml = "[parameters.steps]\nmin = 1\nmax = 40\ndefault = 30\n[parameters.cfg]\nmax = 8"

    graph = bound(template, toml, cfg=8)
    assert graph["3"]["inputs"]["steps"] == 30
    assert graph["3"]["inputs"]["cfg"] == 8
    assert "a whole number from 1 to 40, got 41" in refused(template, toml, steps=41)


def test_a_reference_to_a_declared_input_has_its_bounds(template):
    """There is no way around them."""
    assert "from 0.2 to 1, got 3" in refused(template, DENOISE, **{"KSampler.denoise": 3})


def test_a_name_and_a_reference_to_the_same_are_refused(template):
    message = refused(template, DENOISE, strength=0.5, **{"KSampler.denoise": 0.5})

    assert "sets the same as 'strength'" in message


def test_an_unknown_name_lists_what_is_declared_first(template):
    message = refused(template, DENOISE, strenght=0.5)

    assert "did you mean 'strength'?" in message
    assert "this template takes: steps, cfg, strength, KSampler.steps" in message


def test_a_link_is_replaced_where_its_type_is_said(template):
    toml = '[parameters.words]\nto = ["57:27.clip"]\ntype = "text"'

    graph = bound(template, toml, name="subgraph_with_links", words="x")

    assert graph["57:27"]["inputs"]["clip"] == "x"


def test_the_negative_of_the_toml_replaces_the_graphs(template):
    made = template("plain", toml='negative = "people"')

    assert made.own_negative == "people"
    bound = bind(made, Inputs(prompt="x", seed=1))
    assert bound.negative == bound.graph["7"]["inputs"]["text"] == "people"
    assert bind(made, Inputs(prompt="x", seed=1, negative="cars")).negative == "cars"


def test_a_negative_for_a_graph_without_one_is_refused(template):
    with pytest.raises(TemplateError, match="negative is set, but the graph has no place for one"):
        template("zeroed_negative", toml='negative = "people"')


def test_a_negative_for_a_graph_with_two_is_a_question(template, graph):
    plain = graph("plain")
    plain["20"] = {"class_type": "CLIPTextEncode", "inputs": {"text": "cars", "clip": ["4", 1]}}
    plain["21"] = {
        "class_type": "ConditioningCombine",
        "inputs": {"conditioning_1": ["7", 0], "conditioning_2": ["20", 0]},
    }
    plain["3"]["inputs"]["negative"] = ["21", 0]

    with pytest.raises(AmbiguousTemplateError, match=r"negative could be any of 7\.text"):
        template("two", plain, toml='negative = "people"')


def test_words_about_a_template_are_kept(template):
    made = template("plain", toml='description = " Harbours "\nlicence = "CC0"')

    assert (made.description, made.licence) == ("Harbours", "CC0")


@pytest.mark.parametrize(
    ("toml", "problem"),
    [
        ("description = 3", "description must be a text, got 3"),
        ("licence = []", "licence must be a text, got []"),
        ("negative = 3", "negative must be a text, got 3"),
        ("[parameters.Strength]\nto = ['3.denoise']", "'Strength' is no name"),
        ('[parameters."a.b"]\nto = ["3.denoise"]', "'a.b' is no name"),
        ("[parameters.strength]\nmin = 1", "strength.to must be a list"),
        (parameter("step = 1"), "unknown key parameters.strength.step"),
        (parameter('type = "number"'), "strength.type must be one of int, float, text, choice"),
        (parameter('min = "0"'), "strength.min must be a number, got '0'"),
        (parameter("max = inf"), "strength.max must be a number, got inf"),
        (parameter("min = nan"), "strength.min must be a number, got nan"),
        (parameter("min = true"), "strength.min must be a number, got True"),
        (parameter("min = 2\nmax = 1"), "min 2 is above max 1"),
        (parameter("max = 99999999999999999999"), "max must be a number"),
        (parameter('type = "text"\nmax = 1'), "only numbers have min and max"),
        (parameter('type = "choice"'), "a choice needs choices"),
        (parameter('type = "int"\nchoices = [1]'), "choices go with type"),
        (parameter('choices = [1, "a"]'), "choices must be a list of texts or of numbers"),
        (parameter("choices = [true]"), "choices must be a list of texts or of numbers"),
        (parameter("choices = []"), "choices must be a list of texts or of numbers"),
        (parameter("choices = 1"), "choices must be a list of texts or of numbers"),
        (parameter("default = 2024-01-01"), "default must be a text, a number, true or false"),
        (parameter('default = "much"'), "default must be a number, got 'much'"),
        (parameter("max = 1\ndefault = 2"), "default must be a number up to 1, got 2"),
        (parameter('type = "text"'), "declared as text, but 3.denoise holds 1"),
        (parameter('type = "bool"'), "declared as bool, but 3.denoise holds 1"),
        (parameter("type = 'float'", to='["5.batch_size"]'), "declared as float, but 5.batch_size"),
        (parameter("choices = ['a']"), "declared as text, but 3.denoise holds 1"),
        (parameter("max = 1", to='["3.sampler_name"]'), "only numbers have min and max"),
        (parameter("", to='["3.denoise", "3.scheduler"]'), "different types"),
        (parameter("", to='["3.model"]'), "3.model is linked, so its type must be said"),
        (parameter("", to='["3.nothing"]'), "'3.nothing' names no input of the graph"),
        (parameter("", to='["6.text"]'), "6.text is bound to both prompt and strength"),
        (
            DENOISE + DENOISE.replace("strength", "again"),
            "3.denoise is bound to both strength and again",
        ),
        ('[parameters.steps]\ntype = "text"', "is a number, and cannot be declared as text"),
        ("[parameters.prompt]\ndefault = 'x'", "unknown key parameters.prompt.default"),
        ("[parameters.seed]\nmin = 1", "unknown key parameters.seed.min"),
        ("x = " + "[" * 20_000, "is no TOML"),
        ("x = " + "9" * 5_000, "plain.toml"),
        ("x = '" + "y" * 300_000 + "'", "at most 262,144 are read"),
        (parameter("", to=f'["{"a." * 600}x"]'), "must be a list"),
    ],
)
def test_a_declaration_that_cannot_be_is_refused(template, toml, problem):
    with pytest.raises(TemplateError) as caught:
        template("plain", toml=toml)

    assert problem in str(caught.value)
    assert "plain.toml" in str(caught.value)


def test_a_list_is_no_parameter(template, graph):
    plain = graph("plain")
    plain["3"]["inputs"]["points"] = [1, 2, 3]

    with pytest.raises(TemplateError, match="holds \\[1, 2, 3\\], which is no single value"):
        template("x", plain, toml=parameter("", to='["3.points"]'))


def test_steps_that_nothing_takes_are_refused(template):
    with pytest.raises(TemplateError, match="nothing that leads to the output takes steps"):
        template("partner_node", toml="[parameters.steps]\nmax = 3")


def test_bounds_of_doubtful_steps_are_no_answer(template, graph):
    """They stay a question, asked of pages that set them."""
    plain = graph("plain")
    plain["20"] = {"class_type": "KSampler", "inputs": {**plain["3"]["inputs"], "steps": 5}}
    plain["20"]["inputs"]["latent_image"] = ["3", 0]
    plain["8"]["inputs"]["samples"] = ["20", 0]
    made = template("x", plain, toml="[parameters.steps]\nmax = 60")

    with pytest.raises(AmbiguousTemplateError, match="steps could be any of"):
        bind(made, Inputs(prompt="x", seed=1, params={"steps": 3}))


# Source images -----------------------------------------------------------------------------------

SOURCE = '[parameters.start]\nto = ["Load Image.image"]\ntype = "image"'


@pytest.fixture
def from_image(graph):
    """The plain graph, starting from an image."""
    plain = graph("plain")
    plain["20"] = {
        "class_type": "LoadImage",
        "inputs": {"image": "start.png"},
        "_meta": {"title": "Load Image"},
    }
    plain["5"] = {"class_type": "VAEEncode", "inputs": {"pixels": ["20", 0], "vae": ["4", 2]}}
    return plain


def with_image(template, graph, image, **params):
    return bind(
        template("img", graph, toml=SOURCE),
        Inputs(prompt="x", seed=1, image=image and image_literal(image), params=params),
    )


def test_a_source_image_counts_by_its_bytes(template, from_image):
    one, again, other = (with_image(template, from_image, each * 64) for each in "aab")

    assert one.graph["20"]["inputs"]["image"] == f"sha256:{'a' * 64}"
    assert one.key == again.key != other.key


def test_the_name_of_the_file_on_the_server_does_not_count(template, from_image):
    before = with_image(template, from_image, "a" * 64).key
    from_image["20"]["inputs"]["image"] = "another.png"

    assert with_image(template, from_image, "a" * 64).key == before


def test_a_template_that_takes_a_source_image_needs_one(template, from_image):
    with pytest.raises(BindingError, match="it needs a source image") as caught:
        with_image(template, from_image, None)

    assert caught.value.parameter == "image"
    assert "hero_image_from" in caught.value.way_out


def test_a_template_without_a_source_image_takes_none(template):
    with pytest.raises(BindingError, match="it takes no source image"):
        bind(template("plain"), Inputs(prompt="x", seed=1, image=image_literal("a" * 64)))


@pytest.mark.parametrize("name", ["start", "Load Image.image"])
def test_a_source_image_is_no_parameter_of_a_page(template, from_image, name):
    with pytest.raises(BindingError, match="is what hero_image_from sets"):
        with_image(template, from_image, "a" * 64, **{name: "../../secret.png"})


def test_an_unknown_name_does_not_suggest_the_source_image(template, from_image):
    with pytest.raises(BindingError) as caught:
        with_image(template, from_image, "a" * 64, starp="x")

    assert "start" not in caught.value.way_out
    assert "Load Image.image" not in caught.value.way_out


def test_a_declared_source_image_is_no_file_of_the_server(template, from_image):
    made = template("img", from_image, toml=SOURCE)

    assert needed_images(made) == ()
    assert "needs_image" not in {each.kind for each in lint(made)}


@pytest.mark.parametrize(
    ("toml", "problem"),
    [
        (SOURCE + '\ndefault = "a.png"', "an image has no default"),
        (SOURCE + "\nmax = 3", "only numbers have min and max"),
        (SOURCE.replace("Load Image.image", "3.denoise"), "declared as image, but 3.denoise"),
        (SOURCE + SOURCE.replace("start", "end").replace("Load Image.image", "KSampler.scheduler")
         .replace("[", "\n[", 1), "start and end are both images"),
        ('[parameters.cfg]\ntype = "image"', "is a number, and cannot be declared as image"),
    ],
)  # fmt: skip
def test_a_declaration_of_an_image_that_cannot_be_is_refused(template, from_image, toml, problem):
    with pytest.raises(TemplateError) as caught:
        template("img", from_image, toml=toml)

    assert problem in str(caught.value)
