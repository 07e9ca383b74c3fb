"""Why a workflow was refused, in words that its author can use."""

import pytest
from hypothesis import given, strategies as st

from mkdocs_comfy.comfyui.protocol import Subject
from mkdocs_comfy.comfyui.rejections import read_node_errors, read_options, rejection
from mkdocs_comfy.comfyui.server import ServerConfig
from mkdocs_comfy.errors import MissingModelError, MissingNodeError, NodeRef, RejectedError

any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


@pytest.fixture
def refused(recorded, server):
    """The error for a recorded refusal."""

    def make(name, **options):
        recording = recorded("prompt-rejections")[name]
        graph = recording.get("request", {}).get("prompt", {})
        subject = Subject(server=server, template="sdxl", graph=graph)
        return rejection(recording["response"]["body"], subject, **options)

    return make


def test_a_checkpoint_that_is_not_installed(refused):
    error = refused("checkpoint-not-installed")

    assert type(error) is MissingModelError
    assert error.kind == "missing_model"
    assert error.what == (
        "template 'sdxl': ComfyUI has no checkpoint 'sd_xl_base_1.0.safetensors'"
        ' (node 4 "Load Checkpoint", ckpt_name)'
    )
    assert error.way_out.splitlines() == [
        "installed: tiny_sd15_random.safetensors, corrupt.safetensors",
        (
            "install sd_xl_base_1.0.safetensors, or name one that is there:"
            ' hero_params: {"Load Checkpoint.ckpt_name": "tiny_sd15_random.safetensors"}'
        ),
    ]
    assert error.model == "sd_xl_base_1.0.safetensors"
    assert error.input == "ckpt_name"
    assert error.installed == ("corrupt.safetensors", "tiny_sd15_random.safetensors")
    assert error.node == NodeRef(
        id="4", class_type="CheckpointLoaderSimple", title="Load Checkpoint"
    )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "required-input-missing",
            'node 3 "KSampler", steps: Required input is missing',
        ),
        (
            "bad-input-type",
            (
                'node 3 "KSampler", steps: Failed to convert an input value to a INT value: steps,'
                " many, invalid literal for int() with base 10: 'many', got 'many'"
            ),
        ),
        (
            "value-below-min",
            'node 3 "KSampler", steps: Value 0 smaller than min of 1, got 0',
        ),
        (
            "negative-seed",
            'node 3 "KSampler", seed: Value -1 smaller than min of 0, got -1',
        ),
        (
            "sampler-not-in-list",
            (
                "node 3 \"KSampler\", sampler_name: Value not in list: sampler_name: 'no_such'"
                " not in (list of length 42), got 'no_such'"
            ),
        ),
        (
            "link-to-missing-node",
            "node 3 \"KSampler\", samples: Exception when validating inner node: '99'",
        ),
        (
            "link-of-wrong-type",
            (
                'node 3 "KSampler", positive: Return type mismatch between linked nodes: positive,'
                " received_type(MODEL) mismatch input_type(CONDITIONING)"
            ),
        ),
    ],
)
def test_a_fault_names_node_input_reason_and_value(refused, name, words):
    error = refused(name)

    assert type(error) is RejectedError
    assert error.what == f"template 'sdxl': ComfyUI refused the workflow: {words}"
    assert error.node.id == "3"


def test_a_node_class_that_the_server_does_not_have(refused):
    error = refused("unknown-node-class")

    assert type(error) is MissingNodeError
    assert error.what == (
        "template 'sdxl': ComfyUI at http://gpu.lan:8188 has no node class 'KSamplerFromTheFuture'"
        ' (node 3 "KSampler")'
    )
    assert error.node.id == "3"


def test_newer_servers_say_missing_node_type(subject):
    reply = {
        "error": {
            "type": "missing_node_type",
            "message": "Node 'Fancy' not found.",
            "details": "Node ID '#3'",
            "extra_info": {"node_id": "3", "class_type": "Fancy", "node_title": "My sampler"},
        },
        "node_errors": {},
    }

    error = rejection(reply, subject)

    assert type(error) is MissingNodeError
    assert "has no node class 'Fancy' (node 3 \"KSampler\")" in error.what


def test_a_missing_node_type_may_name_nothing(subject):
    error = rejection({"error": {"type": "missing_node_type"}}, subject)

    assert type(error) is MissingNodeError
    assert error.what.endswith("has no node class '?'")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "missing-class-type",
            "Cannot execute because a node is missing the class_type property.: Node ID '#3'",
        ),
        ("no-output-node", "Prompt has no outputs"),
        ("empty-prompt", "Prompt has no outputs"),
        ("no-prompt-key", "No prompt provided"),
        (
            "ui-format-instead-of-api-format",
            "500 Internal Server Error Server got itself in trouble",
        ),
        ("body-is-not-json", "500 Internal Server Error Server got itself in trouble"),
    ],
)
def test_other_refusals_give_the_servers_words(refused, name, words):
    error = refused(name)

    assert type(error) is RejectedError
    assert error.what == (
        f"template 'sdxl': ComfyUI at http://gpu.lan:8188 refused the workflow: {words}"
    )


def test_three_faults_are_shown_and_the_others_counted(subject):
    faults = {
        str(number): {"errors": [{"message": f"fault {number}"}], "class_type": "Odd"}
        for number in range(5)
    }

    error = rejection({"node_errors": faults}, subject)

    assert "fault 0" in error.what
    assert "fault 2" in error.what
    assert "fault 3" not in error.what
    assert error.what.endswith("; and 2 more")


def test_a_class_is_named_where_the_title_hides_it(subject):
    faults = {"4": {"errors": [{"message": "bad"}], "class_type": "CheckpointLoaderSimple"}}

    error = rejection({"node_errors": faults}, subject)

    assert 'node 4 "Load Checkpoint" (CheckpointLoaderSimple): bad' in error.what


def test_at_most_eight_names_are_shown_the_closest_first(subject):
    """A server with more than 20 leaves the list out; the client asks for it."""
    installed = [f"other-{number:02}.safetensors" for number in range(40)]
    installed.insert(17, "sdxl/sd_xl_base_1.0_0.9vae.safetensors")
    faults = {
        "4": {
            "errors": [
                {
                    "type": "value_not_in_list",
                    "extra_info": {
                        "input_name": "ckpt_name",
                        "input_config": None,
                        "received_value": "sd_xl_base_1.0.safetensors",
                    },
                }
            ],
            "class_type": "CheckpointLoaderSimple",
        }
    }
    (fault,) = read_node_errors(faults)

    error = rejection({"node_errors": faults}, subject, options=installed)

    assert fault.wants_options
    assert error.installed == tuple(installed)
    first = error.way_out.splitlines()[0]
    assert first.startswith("installed (8 of 41): sdxl/sd_xl_base_1.0_0.9vae.safetensors, other-")
    assert first.count("safetensors") == 8


def test_none_installed(subject):
    faults = {
        "4": {
            "errors": [
                {
                    "type": "value_not_in_list",
                    "extra_info": {
                        "input_name": "lora_name_2",
                        "input_config": [[], {}],
                        "received_value": "x.gguf",
                    },
                }
            ],
            "class_type": "LoraLoader",
        }
    }

    error = rejection({"node_errors": faults}, subject)

    assert "ComfyUI has no model file 'x.gguf'" in error.what
    assert error.way_out == "installed: none; put x.gguf where the server keeps its models"


@pytest.mark.parametrize(
    ("input_name", "kind"),
    [("clip_name2", "text encoder"), ("vae_name", "VAE"), ("model_name", "model file")],
)
def test_the_kind_of_model_follows_from_the_input(subject, input_name, kind):
    faults = {
        "4": {
            "errors": [
                {
                    "type": "value_not_in_list",
                    "extra_info": {
                        "input_name": input_name,
                        "input_config": [["a.pt"]],
                        "received_value": None,
                    },
                }
            ]
        }
    }

    assert f"ComfyUI has no {kind} 'null'" in rejection({"node_errors": faults}, subject).what


def test_options_are_read_from_both_forms_of_object_info(recorded):
    info = recorded("object_info-subset")
    (fault,) = read_node_errors(
        {
            "3": {
                "errors": [
                    {"type": "value_not_in_list", "extra_info": {"input_name": "sampler_name"}}
                ],
                "class_type": "KSampler",
            }
        }
    )
    newer = {
        "KSampler": {"input": {"optional": {"sampler_name": ["COMBO", {"options": ["a", 1]}]}}}
    }

    assert "euler" in read_options(info, fault.class_type, fault.input)
    assert read_options(newer, fault.class_type, fault.input) == ("a",)
    assert read_options({}, fault.class_type, fault.input) is None


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ({"error": "queue is closed"}, "queue is closed"),
        ({"code": 7, "message": "nope"}, "nope"),
        ("plain text", "plain text"),
        (["a list"], "it did not say why"),
        (None, "it did not say why"),
        ({"error": {"message": 7}}, "it did not say why"),
    ],
)
def test_documents_of_other_front_ends(subject, reply, words):
    assert rejection(reply, subject).what.endswith(f"refused the workflow: {words}")


def test_the_servers_words_are_cleaned_and_redacted(subject):
    reply = {"error": {"message": "\x1b[31mtoken s3cr3t-token\n is bad" + "!" * 500}}

    what = rejection(reply, subject).what

    assert "refused the workflow: token *** is bad!!!" in what
    assert "s3cr3t" not in what
    assert len(what) < 400


@given(any_json, st.none() | st.lists(st.text()))
def test_any_document_gives_an_error(reply, options):
    subject = Subject(server=ServerConfig(url="http://gpu.lan"), template="x", graph={})

    assert isinstance(rejection(reply, subject, options=options), RejectedError)


@given(
    st.dictionaries(
        st.sampled_from(
            ["type", "message", "details", "extra_info", "received_value", "input_config"]
        ),
        any_json | st.sampled_from(["value_not_in_list", "invalid_prompt", "missing_node_type"]),
    ),
    any_json,
)
def test_any_values_in_a_known_document_give_an_error(error, extra):
    subject = Subject(server=ServerConfig(url="http://gpu.lan"), template="x", graph={})
    node = {"errors": [error, {**error, "extra_info": extra}, extra], "class_type": "KSampler"}

    assert isinstance(
        rejection({"error": error, "node_errors": {"3": node}}, subject), RejectedError
    )
    assert isinstance(rejection({"error": error}, subject), RejectedError)
