import io
import json
import struct
from socket import SHUT_RDWR

import pytest
from PIL import Image
from websockets.exceptions import ConnectionClosed, InvalidStatus


def kinds(frames):
    return [frame["type"] for frame in frames if isinstance(frame, dict)]


def test_a_session_without_id_gets_one(client, heard):
    with client.listen("") as socket:
        (hello,) = heard(socket, "status")

    assert len(hello["data"]["sid"]) == 32


def test_others_hear_of_the_queue_only(client, txt2img, heard):
    with client.listen("tests") as ours, client.listen("others") as theirs:
        client.submit(txt2img())
        heard(ours, "execution_success")
        heard(ours, "executing")
        frames = [json.loads(theirs.recv(timeout=5)) for _ in range(4)]

    assert kinds(frames) == ["status"] * 4


def test_success_has_left_the_server_before_the_history_is_written(
    comfyui, client, txt2img, heard, monkeypatch
):
    """Who believes the socket and asks the history at once is to find it empty, now and then."""
    sessions, backlog = comfyui._machine._sessions, comfyui._machine._backlog
    unsent, finish = [], backlog.finish

    def watched(job, entry):
        unsent.append(sessions._frames.qsize())
        finish(job, entry)

    monkeypatch.setattr(backlog, "finish", watched)
    with client.listen() as socket:
        client.submit(txt2img())
        heard(socket, "execution_success")
        heard(socket, "executing")

    assert unsent == [0]


def test_everybody_hears_of_an_interrupt(comfyui, client, txt2img, heard, until):
    comfyui.latency = 60
    with client.listen("others") as theirs:
        job = client.submit(txt2img())
        until(lambda: client.queue()[0])
        client.post("/interrupt", {"prompt_id": job})
        frames = heard(theirs, "execution_interrupted")

    assert frames[-1]["data"]["prompt_id"] == job


def test_the_second_socket_of_a_client_dies_with_the_first(comfyui, client, txt2img, heard, until):
    """The reconnect bug: the session is replaced, then removed by the first socket's farewell."""
    with client.listen("same") as first, client.listen("same") as second:
        heard(first, "status")
        heard(second, "status")
        first.close()
        # The server takes the farewell in its own time; then not even a status comes.
        until(lambda: silent(client, second, txt2img))


def silent(client, socket, txt2img):
    client.render(txt2img(), client_id="same")
    try:
        while True:
            socket.recv(timeout=0.05)
    except TimeoutError:
        pass
    client.render(txt2img(), client_id="same")
    try:
        socket.recv(timeout=0.1)
    except TimeoutError:
        return True
    return False


def test_who_reconnects_is_told_the_node_without_the_job(comfyui, client, txt2img, heard, until):
    comfyui.hold()
    with client.listen() as socket:
        client.submit(txt2img())
        heard(socket, "executing")
    until(lambda: client.queue()[0])
    with client.listen() as socket:
        frames = heard(socket, "executing")

    assert kinds(frames) == ["status", "executing"]
    assert frames[-1]["data"].keys() == {"node"}


def test_previews_come_after_each_step(comfyui, client, txt2img, heard):
    comfyui.previews = True
    with client.listen() as socket:
        client.submit(txt2img(steps=3, size=(1024, 512)))
        frames = heard(socket, "execution_success")

    previews = [frame for frame in frames if isinstance(frame, bytes)]
    assert len(previews) == len(set(previews)) == 3
    for preview in previews:
        assert struct.unpack(">II", preview[:8]) == (1, 1)
        with Image.open(io.BytesIO(preview[8:])) as image:
            assert (image.format, image.size) == ("JPEG", (512, 256))


def test_previews_have_metadata_for_those_who_ask_first(comfyui, client, txt2img, heard):
    comfyui.previews = True
    with client.listen() as socket:
        flags = {"type": "feature_flags", "data": {"supports_preview_metadata": True}}
        socket.send(json.dumps(flags))
        heard(socket, "feature_flags")
        job = client.submit(txt2img(steps=1))
        frames = heard(socket, "execution_success")

    (preview,) = [frame for frame in frames if isinstance(frame, bytes)]
    event, length = struct.unpack(">II", preview[:8])
    about = json.loads(preview[8 : 8 + length])
    assert event == 4
    assert (about["node_id"], about["prompt_id"], about["image_type"]) == ("3", job, "image/jpeg")
    assert preview[8 + length :][:2] == b"\xff\xd8"


@pytest.mark.parametrize("before", ["not json", "[]", '{"type": "other"}'])
def test_feature_flags_count_as_the_first_message_only(client, txt2img, comfyui, heard, before):
    """What is no message at all does not count, as in the real server."""
    comfyui.previews = True
    with client.listen() as socket:
        socket.send(before)
        flags = {"type": "feature_flags", "data": {"supports_preview_metadata": True}}
        socket.send(json.dumps(flags))
        client.submit(txt2img(steps=1))
        frames = heard(socket, "execution_success")

    (preview,) = [frame for frame in frames if isinstance(frame, bytes)]
    assert (preview[3] == 1) == (before == '{"type": "other"}')


def test_a_silent_socket(comfyui, client, txt2img):
    comfyui.silent_socket = True
    with client.listen() as socket:
        socket.send("hello?")
        client.render(txt2img())
        with pytest.raises(TimeoutError):
            socket.recv(timeout=0.05)


def test_a_refused_socket(comfyui, client):
    comfyui.refuse_socket = True
    with pytest.raises(InvalidStatus, match="404"):
        client.listen()


def test_a_listener_that_does_not_read_holds_up_no_job(comfyui, client, txt2img):
    """Its frames fill the buffers; the jobs go on."""
    with client.listen():
        for seed in range(2):
            entry = client.render(txt2img(seed, steps=2000))
            assert entry["status"]["completed"]


def test_a_listener_that_left_holds_up_no_job(comfyui, client, txt2img, heard):
    comfyui.latency = 0.1
    with client.listen() as socket:
        job = client.submit(txt2img(steps=50))
        socket.socket.shutdown(SHUT_RDWR)
        with pytest.raises(ConnectionClosed):
            heard(socket, "never")

    assert client.history(job)["status"]["completed"]


def test_anything_can_be_said_to_everybody(comfyui, client, heard):
    with client.listen("ours") as ours, client.listen("theirs") as theirs:
        for socket in (ours, theirs):
            heard(socket, "status")
        comfyui.broadcast("{nope")
        comfyui.broadcast(b"\xff" * 100_000)

        for socket in (ours, theirs):
            assert [socket.recv(timeout=5) for _ in range(2)] == ["{nope", b"\xff" * 100_000]


def test_sockets_can_be_closed_and_opened_again(comfyui, client, txt2img, heard):
    with client.listen("tests") as socket:
        heard(socket, "status")
        comfyui.close_sockets()
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=5)

    with client.listen("tests") as socket:
        client.submit(txt2img())
        assert heard(socket, "execution_success")
