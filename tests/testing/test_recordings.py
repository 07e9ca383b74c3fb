"""The fake server against recordings of a real one, document by document.

What may differ is listed in :func:`comparable`; everything else must be equal.
"""

import copy
import json
import re
from pathlib import Path

import pytest

from mkdocs_comfy.testing import FakeComfyUI, NodeFailure, flat_painter

WIRE = Path(__file__).with_name("wire")
REJECTIONS = json.loads((WIRE / "prompt-rejections.json").read_text(encoding="utf-8"))
RUNS = (
    "run-success-txt2img",
    "run-fresh",
    "run-fully-cached",
    "run-preview-frames",
    "run-batch-of-2",
    "run-preview-node-and-save-node",
    "run-subfolder",
    "run-save-image-websocket",
    "run-execution-error",
    "run-interrupted",
)
TEMP_NAME = re.compile(r"^ComfyUI_temp_[a-z]{5}_")


def comparable(said):
    """Blank what differs between two runs of one server as well.

    Times, the source lines of tracebacks, the five random letters of a temporary file, and the
    order of ``current_outputs``, which the real server takes from a set.
    """
    if isinstance(said, list):
        return [comparable(each) for each in said]
    if isinstance(said, str):
        return TEMP_NAME.sub("ComfyUI_temp_xxxxx_", said)
    if not isinstance(said, dict):
        return said
    blank = {"timestamp": "a time", "traceback": "lines"}
    return {
        key: sorted(value) if key == "current_outputs" else blank.get(key, comparable(value))
        for key, value in said.items()
    }


@pytest.mark.parametrize("name", REJECTIONS)
def test_a_submission_is_judged_as_by_the_real_server(recorded_client, name):
    case = REJECTIONS[name]
    raw = case.get("request_raw") or json.dumps(case["request"])

    reply = recorded_client.http.post("/prompt", content=raw)

    expected = case["response"]
    assert reply.status_code == expected["status"]
    assert reply.headers["Content-Type"] == expected["headers"]["Content-Type"]
    if not isinstance(expected["body"], dict):
        assert reply.text == expected["body"]
        return
    body, wanted = reply.json(), copy.deepcopy(expected["body"])
    if expected["status"] == 200:  # ids and numbers are the server's own
        for said in (body, wanted):
            assert isinstance(said.pop("prompt_id"), str)
            assert isinstance(said.pop("number"), int)
    assert comparable(body) == comparable(wanted)


def test_every_recorded_error_type_is_covered():
    """The table above is not empty by accident."""
    said = json.dumps(REJECTIONS)
    for kind in ("value_not_in_list", "return_type_mismatch", "prompt_no_outputs", "no_prompt"):
        assert kind in said


@pytest.fixture(scope="module")
def replayed():
    """All recorded runs in the recorded order, on one server: caches and counters carry over."""
    nodes = json.loads((WIRE / "object_info-subset.json").read_text(encoding="utf-8"))
    with FakeComfyUI(painter=flat_painter, nodes=nodes) as server:
        yield Replay(server)


class Replay:
    """Plays the runs when the first of them is asked for."""

    def __init__(self, server):
        self.server = server
        self.said = {}

    def play(self, client, heard, recording):
        if self.said:
            return self.said
        first = recording(RUNS[0])["request"]["prompt"]
        for number in range(3):  # what the recorded server had done before
            graph = copy.deepcopy(first)
            graph["3"]["inputs"]["seed"] = number
            graph["9"]["inputs"]["filename_prefix"] = "ComfyUI" if number == 2 else "before"
            client.render(graph)
        for name in RUNS:
            self.said[name] = self._run(client, heard, recording(name))
        return self.said

    def _run(self, client, heard, recorded):
        frames = [each["text"] for each in recorded["ws"] if "text" in each]
        final = frames[-1]["type"]
        (prompt_id, entry) = next(iter(recorded["history_after_300ms"].items()))
        extra = {k: v for k, v in entry["prompt"][3].items() if k != "client_id"}
        client_id = frames[0]["data"]["sid"]
        failed = [data for kind, data in entry["status"]["messages"] if kind == "execution_error"]
        self.server.fail_with = None
        for data in failed:
            self.server.fail_with = NodeFailure(
                node=data["node_id"],
                exception_type=data["exception_type"],
                message=data["exception_message"],
            )
        interrupted = final == "execution_interrupted"
        self.server.latency = 4.0 if interrupted else 0.0
        with client.listen(client_id) as socket:
            said = []
            if any(frame["type"] == "feature_flags" for frame in frames):
                flags = {"type": "feature_flags", "data": {"supports_preview_metadata": True}}
                said += heard(socket, "status")
                socket.send(json.dumps(flags))
                said += heard(socket, "feature_flags")
            body = {"client_id": client_id, "prompt_id": prompt_id, **recorded["request"]}
            if extra:
                body["extra_data"] = extra
            # The last status may come before the reply: both orders occur on a real server too.
            reply = client.post("/prompt", body)
            if interrupted:
                said += heard(socket, "progress") + heard(socket, "progress")
                stopped = client.post("/interrupt", {"prompt_id": prompt_id})
                assert (stopped.status_code, stopped.text) == (200, "")
            said += heard(socket, final)
            after = heard(socket, "executing")
        history = client.history(prompt_id)
        return {"reply": reply, "said": said, "after": after, "history": {prompt_id: history}}


@pytest.fixture
def run(request, replayed, heard, recording, connect_to):
    said = replayed.play(connect_to(replayed.server.url), heard, recording)
    return said[request.param], recording(request.param)


each_run = pytest.mark.parametrize("run", RUNS, indirect=True)


@each_run
def test_the_reply_of_a_run_is_the_recorded_one(run):
    played, recorded = run

    assert played["reply"].status_code == recorded["post"]["status"]
    assert played["reply"].headers["Content-Type"] == recorded["post"]["headers"]["Content-Type"]
    assert played["reply"].json() == recorded["post"]["body"]


@each_run
def test_the_frames_of_a_run_are_the_recorded_ones(run):
    played, recorded = run

    texts = [frame for frame in played["said"] if isinstance(frame, dict)]
    assert comparable(texts) == comparable([w["text"] for w in recorded["ws"] if "text" in w])


@each_run
def test_pictures_come_between_the_same_frames(run):
    played, recorded = run
    kept = [each for each in recorded["ws"] if "text" in each or "event" in each]

    # Event and first bytes: a PNG, or a preview; its size is the picture's own affair.
    said = [frame[:16].hex() if isinstance(frame, bytes) else "" for frame in played["said"]]
    assert said == [each.get("first_16_bytes_hex", "") for each in kept]


@each_run
def test_the_history_of_a_run_is_the_recorded_one(run):
    played, recorded = run

    assert comparable(played["history"]) == comparable(recorded["history_after_300ms"])


@each_run
def test_the_queue_is_told_of_before_the_client_hears_that_nothing_runs(run):
    """Not recorded, but observed: status, then executing null, when the history has the job."""
    played, _ = run
    prompt_id = next(iter(played["history"]))

    assert played["after"] == [
        {"type": "status", "data": {"status": {"exec_info": {"queue_remaining": 0}}}},
        {"type": "executing", "data": {"node": None, "prompt_id": prompt_id}},
    ]


def test_the_queue_document_is_the_recorded_one(recorded_server, recorded_client, recording, until):
    recorded = recording("queue-running-and-pending")
    (running,), (pending,) = recorded["GET /queue"].values()
    recorded_server.hold()
    try:
        for number, prompt_id, graph, extra, _ in (running, pending):
            recorded_client.submit(graph, number=number, prompt_id=prompt_id, **extra)
        until(lambda: recorded_client.queue()[0])

        assert recorded_client.get("/queue").json() == recorded["GET /queue"]
        assert recorded_client.get("/prompt").json() == recorded["GET /prompt"]
        assert recorded_client.get(f"/history/{pending[1]}").json() == {}
        deleted = recorded_client.post("/queue", {"delete": [pending[1]]})
        wanted = recorded["POST /queue delete"]
        assert (deleted.status_code, deleted.text) == (wanted["status"], wanted["body"])
        assert recorded_client.get("/queue").json() == recorded["GET /queue after"]
    finally:
        recorded_server.release()
    recorded_client.history(running[1])
    assert recorded_client.get(f"/history/{pending[1]}").json() == {}


def test_client_chosen_ids_are_taken_as_recorded(recorded_client, recording, txt2img):
    recorded = recording("client-chosen-prompt-id")
    graph = recording("run-fresh")["request"]["prompt"]
    numbers = []
    for case in ("first", "again", "not-a-uuid"):
        wanted = recorded[case]
        asked = {"prompt": graph, "prompt_id": wanted["body"]["prompt_id"]}
        reply = recorded_client.post("/prompt", asked)
        assert reply.status_code == wanted["status"]
        assert reply.headers["Content-Type"] == wanted["headers"]["Content-Type"]
        numbers.append(reply.json().pop("number") - wanted["body"]["number"])
        assert reply.json() | {"number": 0} == wanted["body"] | {"number": 0}
    assert len(set(numbers)) == 1  # consecutive, as recorded


def test_small_documents_are_the_recorded_ones(recorded_client, recording):
    for path, wanted in recording("get-misc").items():
        reply = recorded_client.get(path)
        assert reply.status_code == wanted["status"]
        said = reply.json()
        if path == "/system_stats":  # sizes and versions are those of the machine
            assert shape(said) == shape(wanted["body"])
            assert said["system"]["comfyui_version"] == wanted["body"]["system"]["comfyui_version"]
        elif path == "/prompt":
            assert shape(said) == shape(wanted["body"])
        else:
            assert said == wanted["body"], path


def shape(said):
    if isinstance(said, dict):
        return {key: shape(value) for key, value in said.items()}
    return [shape(said[0])] if isinstance(said, list) else type(said).__name__


VIEWS = json.loads((WIRE / "view.json").read_text(encoding="utf-8"))
# The date, and what depends on the bytes and the age of the picture.
OWN_HEADERS = {"Date", "Server", "Etag", "Last-Modified", "Content-Length"}


@pytest.mark.parametrize("name", VIEWS)
def test_view_answers_as_recorded(recorded_client, recorded_server, plain, name):
    recorded_server.delete_outputs()
    recorded_client.render(plain("hero", colour=len(name)))
    wanted = VIEWS[name]

    reply = recorded_client.get(wanted["GET"])

    assert reply.status_code == wanted["status"]
    assert {key.lower() for key in wanted["headers"]} == set(reply.headers)
    for key in wanted["headers"].keys() - OWN_HEADERS:
        assert reply.headers[key] == wanted["headers"][key]
    assert int(reply.headers["Content-Length"]) == len(reply.content)
    assert (len(reply.content) > 0) == (wanted["bytes"] > 0)


def test_uploads_are_answered_as_recorded(recorded_client, recording):
    for upload in recording("uploads"):
        name, data = upload["filename"], upload["data"]
        form = {"files": {"image": (name, data.encode(), "image/png")}} if name else {}

        reply = recorded_client.http.post("/upload/image", data=upload["fields"], **form)

        assert reply.status_code == upload["status"]
        assert (reply.json() if reply.content else None) == upload["body"]


@pytest.mark.parametrize(
    ("name", "taken"),
    [("mkdocs-comfy/a b.png", True), ("nope.png", False), ("a b.png [input]", True)],
)
def test_an_image_to_load_must_have_been_uploaded(recorded_client, recording, name, taken):
    for upload in recording("uploads")[:3]:
        files = {"image": (upload["filename"], upload["data"].encode(), "image/png")}
        recorded_client.http.post("/upload/image", data=upload["fields"], files=files)
    graph = {
        "1": {"class_type": "LoadImage", "inputs": {"image": name}},
        "2": {
            "class_type": "SaveImage",
            "inputs": {"images": ["1", 0], "filename_prefix": "x"},
        },
    }

    reply = recorded_client.http.post("/prompt", json={"prompt": graph})

    assert reply.status_code == (200 if taken else 400)
    if not taken:
        (error,) = reply.json()["node_errors"]["1"]["errors"]
        assert error == {
            "type": "custom_validation_failed",
            "message": "Custom validation failed for node",
            "details": "image - Invalid image file: nope.png",
            "extra_info": {"input_name": "image"},
        }


def test_object_info_is_the_recorded_one(recorded_client, recording):
    nodes = recording("object_info-subset")

    assert recorded_client.get("/object_info").json() == nodes
    one = recorded_client.get("/object_info/KSampler").json()
    assert one == {"KSampler": nodes["KSampler"]}


def plain_spec(spec):
    """Type and configuration of an input, without words for people and widgets."""
    kind, config = spec[0], spec[1] if len(spec) > 1 else {}
    known = ("default", "min", "max", "step", "round", "options", "multiline")
    return kind, {key: config[key] for key in known if key in config}


def test_our_own_node_table_agrees_with_the_recording(recording, comfyui):
    """Types, ranges, defaults, choices and outputs of every class; no word of its texts."""
    recorded = recording("object_info-subset") | recording("object_info-families")
    assert comfyui.nodes.keys() == recorded.keys()
    comfyui.models |= {"checkpoints": MODEL_NAMES, "vae": ["pixel_space"]}
    comfyui.models |= {"diffusion_models": [], "text_encoders": []}
    for kind, wanted in recorded.items():
        ours = comfyui.definition(kind)
        for key in (
            "input_order",
            "output",
            "output_is_list",
            "output_name",
            "output_node",
            "name",
        ):
            assert ours[key] == wanted[key], f"{kind}.{key}"
        for section in ("required", "optional"):
            for name, spec in wanted["input"].get(section, {}).items():
                if (kind, name) == ("LoadImage", "image"):
                    continue  # the pictures that happened to be on that server
                found = ours["input"][section][name]
                assert plain_spec(found) == plain_spec(spec), f"{kind}.{name}"
        assert "tooltip" not in json.dumps(ours)


MODEL_NAMES = ["corrupt.safetensors", "tiny_sd15_random.safetensors"]
