"""The fake server's ``/upload/image``: names, folders, and what a graph may say of them."""

import httpx
import pytest

from mkdocs_comfy.testing import FakeComfyUI, flat_painter


@pytest.fixture
def server():
    with FakeComfyUI(painter=flat_painter) as made:
        yield made


def upload(server, name="a.png", data=b"image", **fields):
    return httpx.post(
        f"{server.url}/api/upload/image",
        files={"image": (name, data)},
        data=fields,
        trust_env=False,
    )


def submit(server, image):
    graph = {
        "1": {"class_type": "LoadImage", "inputs": {"image": image}},
        "2": {"class_type": "SaveImage", "inputs": {"filename_prefix": "x", "images": ["1", 0]}},
    }
    return httpx.post(f"{server.url}/api/prompt", json={"prompt": graph}, trust_env=False)


def test_an_image_is_stored_and_can_be_loaded(server):
    reply = upload(server, subfolder="ours", overwrite="true")

    assert reply.json() == {"name": "a.png", "subfolder": "ours", "type": "input"}
    assert submit(server, "ours/a.png").status_code == 200
    assert submit(server, "ours/b.png").status_code == 400
    viewed = httpx.get(
        f"{server.url}/api/view?filename=a.png&subfolder=ours&type=input", trust_env=False
    )
    assert viewed.content == b"image"


def test_a_name_that_is_taken_gets_a_number(server):
    names = [
        upload(server, data=data).json()["name"] for data in (b"one", b"two", b"two", b"three")
    ]

    assert names == ["a.png", "a (1).png", "a (1).png", "a (2).png"]


def test_a_name_may_be_overwritten(server):
    upload(server, data=b"one")

    assert upload(server, data=b"two", overwrite="1").json()["name"] == "a.png"


@pytest.mark.parametrize(
    ("name", "fields"), [("../../a.png", {}), ("a.png", {"subfolder": "../.."}), ("", {})]
)
def test_what_is_outside_or_no_file_is_refused(server, name, fields):
    assert upload(server, name=name, **fields).status_code == 400


def test_a_body_that_is_no_form_is_refused(server):
    reply = httpx.post(f"{server.url}/api/upload/image", content=b"x", trust_env=False)

    assert reply.status_code == 400


def test_bytes_arrive_as_they_are(server):
    data = bytes(range(256)) * 9 + b"\r\n--\r\n\n\r\0"

    upload(server, data=data)

    viewed = httpx.get(f"{server.url}/api/view?filename=a.png&type=input", trust_env=False)
    assert viewed.content == data
