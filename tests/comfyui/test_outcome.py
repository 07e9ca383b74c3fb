"""What became of a job, by the history alone."""

import copy

import pytest
from hypothesis import given, strategies as st

from mkdocs_comfy.comfyui.outcome import read_history, read_job
from mkdocs_comfy.comfyui.protocol import ImageRef, Place, Subject
from mkdocs_comfy.comfyui.server import ServerConfig
from mkdocs_comfy.errors import (
    InterruptedRenderError,
    LostError,
    NodeFailedError,
    OutOfMemoryError,
    RenderError,
)

any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


@pytest.fixture
def read(recorded, subject):
    """Read the last history of a recorded run, changed or not."""

    def make(name, change=lambda _: None):
        recording = recorded(name)
        prompt_id = recording["post"]["body"]["prompt_id"]
        history = copy.deepcopy(recording["history_after_300ms"])
        change(history[prompt_id])
        return read_history(history, prompt_id, output="9", subject=subject)

    return make


@pytest.mark.parametrize(
    ("name", "filename", "subfolder"),
    [
        ("run-success-txt2img", "ComfyUI_00002_.png", ""),
        ("run-fully-cached", "ComfyUI_00003_.png", ""),
        ("run-preview-frames", "ComfyUI_00004_.png", ""),
        ("run-preview-node-and-save-node", "ComfyUI_00007_.png", ""),
        ("run-subfolder", "page_00001_.png", "site/heroes"),
        ("run-batch-of-2", "ComfyUI_00005_.png", ""),
    ],
)
def test_a_recorded_success_gives_the_image_of_the_output_node(read, name, filename, subfolder):
    assert read(name) == ImageRef(filename=filename, subfolder=subfolder, type="output")


def test_history_is_empty_while_a_job_is_unknown_or_not_finished(recorded, subject):
    """Right after ``execution_success`` the recording still has nothing."""
    recording = recorded("run-preview-node-and-save-node")
    prompt_id = recording["post"]["body"]["prompt_id"]

    assert recording["history_at_once"] == {}
    assert read_history({}, prompt_id, output="9", subject=subject) is None


def test_a_node_that_raised(read):
    with pytest.raises(NodeFailedError) as caught:
        read("run-execution-error")

    assert type(caught.value) is NodeFailedError
    assert caught.value.what == (
        "template 'sdxl': node 4 \"Load Checkpoint\" failed on http://gpu.lan:8188:"
        " safetensors._safetensors_rust.SafetensorError:"
        " Error while deserializing header: header too large"
    )
    assert "traceback" in caught.value.way_out
    assert "/srv/" not in str(caught.value)


def test_an_interrupted_job_has_status_error(read):
    with pytest.raises(InterruptedRenderError, match="somebody interrupted the job at node 3"):
        read("run-interrupted")


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("torch.OutOfMemoryError", "Allocation on device "),
        ("torch.cuda.OutOfMemoryError", "CUDA out of memory. Tried to allocate 20 MiB"),
        ("RuntimeError", "MPS backend out of memory (MPS allocated: 17.91 GB)"),
        ("RuntimeError", "[enforce fail] DefaultCPUAllocator: not enough memory"),
        ("MemoryError", ""),
    ],
)
def test_out_of_memory_is_recognised_by_type_or_message(read, kind, message):
    def change(entry):
        entry["status"]["messages"][-1][1].update(exception_type=kind, exception_message=message)

    with pytest.raises(OutOfMemoryError, match="smaller image"):
        read("run-execution-error", change)


def test_a_success_with_an_execution_error_is_a_failure(read):
    """A cycle that is found while staging is recorded so."""

    def change(entry):
        entry["status"]["messages"].append(["execution_error", {"exception_message": "cycle"}])

    with pytest.raises(NodeFailedError, match=r"a node failed .*: cycle"):
        read("run-success-txt2img", change)


def test_an_error_without_messages(read):
    def change(entry):
        entry["status"] = {"status_str": "error", "completed": False, "messages": []}

    with pytest.raises(NodeFailedError, match=r"failed on http://gpu.lan:8188 without saying why"):
        read("run-success-txt2img", change)


@pytest.mark.parametrize(
    "status",
    [
        {"status_str": "success", "completed": False, "messages": []},
        {"status_str": "success", "completed": 1, "messages": []},
        {"status_str": "odd", "completed": True},
        {},
        None,
    ],
)
def test_success_needs_status_and_completed(read, status):
    with pytest.raises(LostError, match=r"ended on http://gpu.lan:8188 without success"):
        read("run-success-txt2img", lambda entry: entry.update(status=status))


@pytest.mark.parametrize("outputs", [{}, None, {"9": {"images": []}}, {"9": {"text": ["hello"]}}])
def test_success_without_images(read, outputs):
    """Servers before 0.28 record no outputs of cached nodes for a job without client_id."""
    with pytest.raises(LostError, match=r'succeeded .* there is no image of node 9 "Save Image"'):
        read("run-success-txt2img", lambda entry: entry.update(outputs=outputs))


def test_save_image_websocket_leaves_nothing_in_the_history(read):
    with pytest.raises(LostError, match="no image of"):
        read("run-save-image-websocket")


def test_previews_are_no_result(read):
    def change(entry):
        del entry["outputs"]["9"]

    with pytest.raises(LostError, match="there is previews only of node 9"):
        read("run-preview-node-and-save-node", change)


def test_an_image_of_another_node_is_taken_where_the_wanted_one_has_none(read):
    """Nodes that expand into others report under other ids."""

    def change(entry):
        entry["outputs"] = {
            "9:1": {
                "animated": [False],
                "audio": [{"filename": "a.flac", "type": "output"}],
                "images": [{"filename": "b.png", "subfolder": None, "type": "output"}],
            }
        }

    assert read("run-success-txt2img", change) == ImageRef(
        filename="b.png", subfolder="", type="output"
    )


@given(any_json)
def test_any_entry_gives_a_value_or_an_error(entry):
    subject = Subject(server=ServerConfig(url="http://gpu.lan"), template="x", graph={})

    assert outcome({"a": entry}, subject) in (True, False)
    assert outcome(entry, subject) in (True, False)


@given(
    st.sampled_from(["success", "error"]),
    st.sampled_from(["execution_error", "execution_interrupted", "execution_success"]),
    any_json,
    any_json,
    st.dictionaries(st.sampled_from(["images", "gifs"]), any_json),
)
def test_any_values_in_a_known_entry_give_a_value_or_an_error(status, kind, data, more, output):
    subject = Subject(server=ServerConfig(url="http://gpu.lan"), template="x", graph={"9": more})
    messages = [[kind, data], more]
    entry = {
        "status": {"status_str": status, "completed": True, "messages": messages},
        "outputs": {"9": output, "10": more},
    }

    assert outcome({"a": entry}, subject) in (True, False)


def outcome(reply, subject):
    """True for an image, False for none yet or a RenderError; anything else escapes."""
    try:
        return read_history(reply, "a", output="9", subject=subject) is not None
    except RenderError:
        return False


# What a newer server tells of a job in one answer -----------------------------------------------

OUTPUTS = {"9": {"images": [{"filename": "x.png", "subfolder": "s", "type": "output"}]}}
IMAGE = ImageRef(filename="x.png", subfolder="s", type="output")
SUCCESS = {"status_str": "success", "completed": True, "messages": []}


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        ({"status": "pending"}, Place(running=False, ahead=None)),
        ({"status": "in_progress"}, Place(running=True, ahead=0)),
        ({"status": "completed", "outputs": OUTPUTS, "execution_status": SUCCESS}, IMAGE),
        ({"status": "completed", "outputs": OUTPUTS}, IMAGE),
    ],
)
def test_a_job_is_somewhere_or_has_its_image(subject, job, expected):
    assert read_job(job, output="9", subject=subject) == expected


@pytest.mark.parametrize(
    ("job", "error", "words"),
    [
        ({"status": "cancelled"}, InterruptedRenderError, "somebody interrupted"),
        (
            {
                "status": "failed",
                "execution_error": {"node_id": "3", "exception_message": "CUDA out of memory"},
            },
            OutOfMemoryError,
            'node 3 "KSampler"',
        ),
        ({"status": "failed"}, NodeFailedError, "without saying why"),
        ({"status": "completed"}, LostError, "there is no image"),
        (
            # A cycle that is found late counts as completed.
            {
                "status": "completed",
                "outputs": OUTPUTS,
                "execution_status": {**SUCCESS, "messages": [["execution_error", {}]]},
            },
            NodeFailedError,
            "a node failed",
        ),
    ],
)
def test_a_job_without_an_image_says_why(subject, job, error, words):
    with pytest.raises(error, match=words):
        read_job(job, output="9", subject=subject)


@given(job=any_json)
def test_any_job_is_read_or_refused(job):
    server = ServerConfig(url="http://gpu.lan:8188")
    subject = Subject(server=server, template="t", graph={})
    try:
        found = read_job(job, output="9", subject=subject)
    except RenderError:
        return
    assert isinstance(found, ImageRef | Place)
