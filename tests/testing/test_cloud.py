"""The fake server of Comfy API v2 as an object; what it says is checked by the official client."""

import socket

import pytest

from mkdocs_comfy.testing import FakeCloud


def test_it_has_an_address_from_its_start_on():
    cloud = FakeCloud()
    with pytest.raises(RuntimeError, match="no address"):
        _ = cloud.url

    with cloud:
        url = cloud.url

    assert cloud.url == url


def test_it_starts_once_and_stops_as_often_as_one_likes():
    cloud = FakeCloud()
    cloud.start()
    with pytest.raises(RuntimeError, match="runs already"):
        cloud.start()

    cloud.stop()
    cloud.stop()

    with pytest.raises(RuntimeError, match="not running"):
        cloud.hold()


def test_a_port_that_is_taken_is_an_error():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        cloud = FakeCloud(port=taken.getsockname()[1])

        with pytest.raises(OSError, match="address"):
            cloud.start()


def test_a_canned_answer_can_be_taken_back():
    cloud = FakeCloud()
    cloud.answer("job", None)

    assert cloud.canned_answer("job") is None
