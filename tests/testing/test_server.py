"""The server as a client sees it: manners that the recordings do not show, and every knob."""

import io
import json
import ssl
import subprocess
import sys
import threading
import time

import httpx
import pytest
import trustme
from PIL import Image

import mkdocs_comfy.testing
from mkdocs_comfy.testing import Answer, FakeComfyUI, NodeFailure, flat_painter
from mkdocs_comfy.testing.painting import paint


def test_importing_the_package_needs_neither_aiohttp_nor_pillow():
    code = (
        "import sys, mkdocs_comfy.testing as t; t.Answer, t.flat_painter; "
        "print([m for m in ('aiohttp', 'PIL', 'asyncio') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_a_server_that_only_listens_does_not_import_pillow():
    code = (
        "import sys; from mkdocs_comfy.testing import FakeComfyUI\n"
        "with FakeComfyUI(): print('PIL' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"


def test_the_package_has_no_other_names():
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        mkdocs_comfy.testing.Nothing  # noqa: B018  # the access is the test


class TestLife:
    def test_it_has_no_address_before_it_starts(self):
        with pytest.raises(RuntimeError, match="no address"):
            FakeComfyUI().url  # noqa: B018  # the access is the test

    def test_it_does_not_start_twice(self, comfyui):
        with pytest.raises(RuntimeError, match="runs already"):
            comfyui.start()

    def test_stopping_may_be_repeated_and_leaves_no_thread(self):
        before = set(threading.enumerate())
        server = FakeComfyUI().start()
        server.stop()
        server.stop()

        assert set(threading.enumerate()) <= before
        with pytest.raises(httpx.ConnectError):
            httpx.get(server.url, trust_env=False)

    def test_it_can_be_started_again(self):
        server = FakeComfyUI(painter=flat_painter)
        for _ in range(2):
            with server:
                assert httpx.get(f"{server.url}/queue", trust_env=False).status_code == 200

    @pytest.mark.parametrize("act", ["crash", "hold", "delete_outputs"])
    def test_nothing_can_be_done_to_one_that_is_stopped(self, act):
        with pytest.raises(RuntimeError, match="not running"):
            getattr(FakeComfyUI(), act)()

    def test_a_port_that_is_taken_is_an_error(self, comfyui):
        taken = int(comfyui.url.rpartition(":")[2])
        other = FakeComfyUI(port=taken)

        with pytest.raises(OSError, match="address"):
            other.start()
        other.stop()

    def test_without_a_place_for_its_pictures_it_does_not_start(self, tmp_path, monkeypatch):
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))

        with pytest.raises(FileNotFoundError):
            FakeComfyUI().start()

    def test_a_fault_of_its_own_is_not_kept_to_itself(self, connect_to, plain, monkeypatch):
        """Nobody waits for a worker that is dead, and who stops the server hears of it."""
        server = FakeComfyUI(painter=flat_painter).start()
        monkeypatch.setattr("mkdocs_comfy.testing.execution.reachable", None)
        client = connect_to(server.url)

        with pytest.raises(httpx.TransportError):
            client.render(plain())
        with pytest.raises(RuntimeError, match="broke down") as caught:
            server.stop()
        assert isinstance(caught.value.__cause__, TypeError)

    def test_it_stops_while_jobs_run_and_clients_listen(self, comfyui, client, txt2img, until):
        comfyui.latency = 60
        client.submit(txt2img(1))
        client.submit(txt2img(2))
        with client.listen() as socket:
            socket.recv(timeout=5)
            until(lambda: client.queue()[0])
            began = time.monotonic()
            comfyui.stop()
        # Far below the minute that the job takes.
        assert time.monotonic() - began < 10


class TestRoutes:
    @pytest.mark.parametrize("prefix", ["", "/api"])
    def test_every_route_is_mounted_twice(self, client, txt2img, prefix):
        posted = client.post(f"{prefix}/prompt", {"prompt": txt2img()})
        prompt_id = posted.json()["prompt_id"]
        client.history(prompt_id)

        for path in ("/prompt", "/queue", "/history", f"/history/{prompt_id}", "/object_info"):
            assert client.get(prefix + path).status_code == 200
        for path in ("/object_info/KSampler", "/system_stats", "/features", "/models"):
            assert client.get(prefix + path).status_code == 200
        assert client.get(f"{prefix}/models/checkpoints").json()[0] == "sd_xl_base_1.0.safetensors"
        assert client.get(f"{prefix}/models/nothing").status_code == 404
        view = f"{prefix}/view?filename=ComfyUI_00001_.png"
        assert client.get(view).headers["Content-Type"] == "image/png"
        for path in ("/queue", "/history", "/interrupt"):
            reply = client.post(prefix + path, {})
            assert (reply.status_code, reply.text) == (200, "")
        with client.listen(path=f"{prefix}/ws") as socket:
            assert json.loads(socket.recv(timeout=5))["type"] == "status"

    def test_a_job_has_no_route_yet(self, client):
        """/api/jobs came later; a client must do without."""
        assert client.get("/api/jobs?limit=1").status_code == 404

    @pytest.mark.parametrize("path", ["/queue", "/history", "/prompt"])
    def test_a_body_that_is_no_object_is_trouble(self, client, path):
        reply = client.post(path, [1])

        assert (reply.status_code, reply.headers["Content-Type"]) == (
            500,
            "text/plain; charset=utf-8",
        )

    @pytest.mark.parametrize(
        "more", [{"number": "soon"}, {"number": None}, {"extra_data": 3}, {"extra_data": [1]}]
    )
    def test_fields_of_the_wrong_type_are_trouble(self, client, txt2img, more):
        assert client.post("/prompt", {"prompt": txt2img(), **more}).status_code == 500

    def test_a_body_that_is_too_large_is_413(self, txt2img):
        server = FakeComfyUI(painter=flat_painter)
        server.max_upload = 100
        with server:
            reply = httpx.post(f"{server.url}/prompt", json=txt2img(), trust_env=False)
        assert reply.status_code == 413
        assert "Maximum request body size 100 exceeded" in reply.text

    @pytest.mark.parametrize(
        ("origin", "host", "status"),
        [
            ("http://evil.example", None, 403),
            ("http://127.0.0.1:1", None, 403),
            ("http://127.0.0.1", None, 200),
            ("http://evil.example", "gpu.lan", 200),
        ],
    )
    def test_pages_of_other_sites_are_refused_over_loopback(self, client, origin, host, status):
        headers = {"Origin": origin} | ({"Host": host} if host else {})

        reply = client.get("/queue", headers=headers)

        assert reply.status_code == status
        assert status == 200 or reply.content == b""

    def test_history_is_listed_in_parts(self, client, plain):
        ids = [client.submit(plain(colour=number), prompt_id=f"p{number}") for number in range(4)]
        client.history(ids[-1])

        def keys(query):
            return list(client.get(f"/history{query}").json())

        assert keys("") == ids
        assert keys("?max_items=2") == ids[2:]
        assert keys("?max_items=2&offset=1") == ids[1:3]
        assert keys("?offset=3") == ids[3:]
        assert client.get("/history?max_items=x").status_code == 500

    def test_history_is_deleted(self, client, plain):
        ids = [client.submit(plain(colour=number)) for number in range(3)]
        client.history(ids[-1])

        client.post("/history", {"delete": [ids[0], "unknown"]})
        assert list(client.get("/history").json()) == ids[1:]
        client.post("/history", {"clear": True})
        assert client.get("/history").json() == {}


class TestView:
    @pytest.fixture
    def image(self, client, txt2img):
        entry = client.render(txt2img(size=(64, 32)))
        return entry["outputs"]["9"]["images"][0]

    def test_head_range_and_etag(self, client, image):
        whole = client.get("/view", params=image)
        head = client.http.head("/view", params=image)
        part = client.get("/view", params=image, headers={"Range": "bytes=0-7"})
        again = client.get("/view", params=image, headers={"If-None-Match": whole.headers["ETag"]})

        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["Content-Length"] == str(len(whole.content))
        assert (part.status_code, part.content) == (206, whole.content[:8])
        assert (again.status_code, again.content) == (304, b"")

    @pytest.mark.parametrize(
        ("wanted", "status", "told", "place"),
        [
            ("bytes=0-7", 206, "bytes 0-7/{0}", slice(0, 8)),
            ("bytes=8-", 206, "bytes 8-{1}/{0}", slice(8, None)),
            ("bytes=-1", 206, "bytes {1}-{1}/{0}", slice(-1, None)),
            ("bytes=0-999999", 200, None, slice(None)),
            ("bytes=999999-", 416, "bytes */{0}", slice(0)),
            ("lines=1-2", 416, "bytes */{0}", slice(0)),
        ],
    )
    def test_ranges(self, client, image, wanted, status, told, place):
        whole = client.get("/view", params=image).content

        part = client.get("/view", params=image, headers={"Range": wanted})

        said = told and told.format(len(whole), len(whole) - 1)
        assert (part.status_code, part.headers.get("Content-Range")) == (status, said)
        assert part.content == whole[place]

    @pytest.mark.parametrize(
        ("query", "kind", "mode"),
        [
            ({"preview": "webp;80"}, "WEBP", "RGB"),
            ({"preview": "jpeg;50"}, "JPEG", "RGB"),
            ({"preview": "jpeg"}, "JPEG", "RGB"),
            ({"preview": "bmp"}, "WEBP", "RGB"),
            ({"preview": "jpeg", "channel": "rgba"}, "WEBP", "RGB"),
            ({"channel": "rgb"}, "PNG", "RGB"),
            ({"channel": "rgba"}, "PNG", "RGB"),
        ],
    )
    def test_other_formats(self, client, image, query, kind, mode):
        reply = client.get("/view", params=image | query)

        assert reply.headers["Content-Type"] == f"image/{kind.lower()}"
        with Image.open(io.BytesIO(reply.content)) as picture:
            assert (picture.format, picture.mode, picture.size) == (kind, mode, (64, 32))

    def test_the_graph_is_in_the_picture_but_not_without_metadata(self, client, txt2img):
        graph = txt2img(size=(16, 16))
        extra = {"extra_pnginfo": {"workflow": {"é": 1}, "mkdocs": "x"}}
        entry = client.render(graph, extra_data=extra)
        image = entry["outputs"]["9"]["images"][0]

        with Image.open(io.BytesIO(client.get("/view", params=image).content)) as picture:
            texts = {key: json.loads(value) for key, value in picture.text.items()}
        plain = client.get("/view", params=image | {"channel": "rgb"}).content

        assert texts == {"prompt": graph, "workflow": {"é": 1}, "mkdocs": "x"}
        with Image.open(io.BytesIO(plain)) as picture:
            assert picture.text == {}

    def test_a_file_that_is_gone(self, comfyui, client, image):
        comfyui.delete_outputs()

        reply = client.get("/view", params=image)

        assert (reply.status_code, reply.content) == (404, b"")
        assert "Content-Type" not in reply.headers

    def test_another_picture_can_be_put_in_its_place(self, comfyui, client, image):
        comfyui.picture = b"<html>log in</html>"

        reply = client.get("/view", params=image)

        assert (reply.content, reply.headers["Content-Type"]) == (
            b"<html>log in</html>",
            "image/png",
        )

    def test_a_body_that_drips(self, comfyui, client, image):
        comfyui.picture, comfyui.drip = b"abc", 0.01

        began = time.monotonic()
        reply = client.get("/view", params=image)

        assert reply.content == b"abc"
        assert time.monotonic() - began >= 0.03

    def test_a_body_without_an_end(self, comfyui, client, image):
        comfyui.endless = True
        size = 0
        with client.http.stream("GET", "/view", params=image) as reply:
            for piece in reply.iter_raw():
                size += len(piece)
                if size > 2**20:
                    comfyui.endless = False
        assert size > 2**20


class TestPictures:
    def test_they_depend_on_prompt_seed_and_size(self, client, txt2img):
        asked = [
            txt2img(1, size=(32, 16)),
            txt2img(2, size=(32, 16)),
            txt2img(1, size=(16, 32)),
            txt2img(1, size=(32, 16), prompt="a castle"),
        ]

        made = [pixels(client.images(graph)[0]) for graph in asked]
        again = pixels(client.images(asked[0])[0])

        assert len(set(made)) == 4
        assert again == made[0]
        assert [size for size, _ in made] == [(32, 16), (32, 16), (16, 32), (32, 16)]

    def test_a_batch_has_different_pictures(self, client, txt2img):
        graph = txt2img()
        graph["5"]["inputs"]["batch_size"] = 3

        assert len({pixels(image) for image in client.images(graph)}) == 3

    def test_an_empty_image_has_its_colour(self, client, plain):
        (image,) = client.images(plain(colour=0x102030, size=(8, 4)))

        assert pixels(image) == ((8, 4), (0x10, 0x20, 0x30))

    def test_the_default_painter_is_the_one_that_is_nice_to_look_at(self, txt2img, connect_to):
        with FakeComfyUI() as server:
            (image,) = connect_to(server.url).images(txt2img(5, size=(64, 32)))

        wanted = paint("a lighthouse at dusk", 5, (64, 32), negative="text, watermark", steps=4)
        with Image.open(io.BytesIO(image)) as one, Image.open(io.BytesIO(wanted)) as other:
            assert one.tobytes() == other.tobytes()

    def test_a_painter_that_fails_fails_the_job(self, comfyui, client, txt2img):
        def broken(prompt, seed, size, *, negative="", steps=20):
            raise ZeroDivisionError("no paint")

        comfyui.painter = broken

        (error,) = errors(client.render(txt2img()))

        assert (error["exception_type"], error["exception_message"]) == (
            "ZeroDivisionError",
            "no paint",
        )

    def test_pictures_are_remembered_but_not_for_ever(self, client, plain):
        for colour in range(70):
            last = client.submit(plain(colour=colour, size=(1, 1)))

        assert client.history(last)["status"]["completed"]


def pixels(data):
    with Image.open(io.BytesIO(data)) as image:
        return image.size, image.getpixel((0, 0))


def errors(entry):
    return [data for kind, data in entry["status"]["messages"] if kind == "execution_error"]


class TestCache:
    def cached(self, entry):
        return next(d["nodes"] for k, d in entry["status"]["messages"] if k == "execution_cached")

    def test_another_prefix_runs_only_the_save_node(self, client, txt2img):
        client.render(txt2img(1, prefix="one"))

        entry = client.render(txt2img(1, prefix="two"))

        assert self.cached(entry) == ["3", "4", "5", "6", "7", "8"]
        assert entry["outputs"]["9"]["images"][0]["filename"] == "two_00001_.png"

    def test_only_the_last_prompt_is_remembered(self, client, txt2img):
        client.render(txt2img(1))
        client.render(txt2img(2))

        assert self.cached(client.render(txt2img(1))) == ["4", "5", "6", "7"]

    def test_a_cached_run_names_a_file_that_may_be_gone(self, comfyui, client, txt2img):
        client.render(txt2img())
        comfyui.delete_outputs()

        entry = client.render(txt2img())

        assert entry["status"]["status_str"] == "success"
        image = entry["outputs"]["9"]["images"][0]
        assert image["filename"] == "ComfyUI_00001_.png"
        assert client.get("/view", params=image).status_code == 404

    def test_a_cached_run_without_client_id_has_no_outputs(self, client, txt2img):
        client.render(txt2img())

        reply = client.post("/prompt", {"prompt": txt2img()})
        entry = client.history(reply.json()["prompt_id"])

        assert (entry["status"]["status_str"], entry["outputs"]) == ("success", {})

    def test_a_fresh_run_without_client_id_has_outputs(self, client, txt2img):
        reply = client.post("/prompt", {"prompt": txt2img()})

        assert client.history(reply.json()["prompt_id"])["outputs"]

    def test_a_cached_run_takes_no_time(self, comfyui, client, txt2img):
        client.render(txt2img())
        comfyui.latency = 60

        assert client.render(txt2img())["status"]["completed"]

    def test_dead_nodes_may_be_anything_known(self, client, txt2img):
        """What does not lead to an output is not validated, so it must not break the run."""
        graph = txt2img() | {"x": {"class_type": "VAEDecode", "inputs": {"samples": ["y", 0]}}}

        assert client.render(graph)["status"]["completed"]


class TestQueue:
    def test_one_job_runs_at_a_time_in_order(self, comfyui, client, plain, until):
        comfyui.hold()
        ids = [client.submit(plain(colour=number)) for number in range(3)]
        until(lambda: client.queue()[0])

        assert client.queue() == [ids[:1], ids[1:]]
        assert client.get("/prompt").json() == {"exec_info": {"queue_remaining": 3}}
        comfyui.release()
        client.history(ids[-1])
        assert comfyui.executed == ids

    def test_front_and_number_say_who_is_next(self, comfyui, client, plain, until):
        comfyui.hold()
        first = client.submit(plain(colour=1))
        until(lambda: client.queue()[0])
        late = client.submit(plain(colour=2), number=9.5)
        usual = client.submit(plain(colour=3))
        early = client.submit(plain(colour=4), front=True)
        comfyui.release()
        client.history(late)

        assert comfyui.executed == [first, early, usual, late]

    def test_a_pending_job_that_is_deleted_leaves_no_trace(self, comfyui, client, plain, until):
        comfyui.hold()
        running = client.submit(plain(colour=1))
        pending = client.submit(plain(colour=2))
        until(lambda: client.queue()[0])

        client.post("/queue", {"delete": [pending, running, "unknown"]})

        assert client.queue() == [[running], []]
        assert comfyui.deleted == [pending]
        comfyui.release()
        client.history(running)
        assert client.get(f"/history/{pending}").json() == {}

    def test_clear_takes_everybodys_jobs(self, comfyui, client, plain, until):
        comfyui.hold()
        comfyui.enqueue_foreign(0)
        until(lambda: client.queue()[0])
        pending = [client.submit(plain(colour=1)), comfyui.enqueue_foreign(0)]

        client.post("/queue", {"clear": True})

        assert comfyui.deleted == pending

    def test_the_same_id_runs_twice_and_the_history_keeps_the_last(self, comfyui, client, plain):
        client.submit(plain("one"), prompt_id="same")
        client.submit(plain("two"), prompt_id="same")
        client.history(client.submit(plain("three")))

        outputs = client.get("/history/same").json()["same"]["outputs"]
        assert outputs["2"]["images"][0]["filename"] == "two_00001_.png"
        assert comfyui.executed[:2] == ["same", "same"]

    def test_an_id_of_null_is_the_word_none(self, client, plain):
        """Old servers; new ones refuse what is no UUID."""
        assert client.submit(plain(), prompt_id=None) == "None"

    def test_somebody_elses_job_comes_first(self, comfyui, client, plain):
        foreign = comfyui.enqueue_foreign(0.05)
        ours = client.submit(plain())
        client.history(ours)

        assert comfyui.executed == [foreign, ours]

    def test_secrets_are_in_the_queue_but_not_in_the_history(self, comfyui, client, plain, until):
        secret = {"api_key_comfy_org": "comfyui-x", "kept": 1}
        comfyui.hold()
        prompt_id = client.submit(plain(), extra_data=secret)
        (running,) = until(lambda: client.get("/queue").json()["queue_running"])
        comfyui.release()
        entry = client.history(prompt_id)

        assert running[3]["api_key_comfy_org"] == "comfyui-x"
        assert entry["prompt"][3] == {"kept": 1, "client_id": "tests"}

    def test_the_history_has_an_end(self, client, plain, monkeypatch):
        monkeypatch.setattr("mkdocs_comfy.testing.jobs.MAXIMUM_HISTORY", 2)
        ids = [client.submit(plain(colour=number)) for number in range(3)]
        client.history(ids[-1])

        assert list(client.get("/history").json()) == ids[1:]


class TestInterrupt:
    @pytest.fixture
    def jobs(self, comfyui, client, txt2img, until):
        comfyui.latency = 60
        jobs = [client.submit(txt2img(1)), client.submit(txt2img(2))]
        until(lambda: client.queue()[0])
        return jobs

    def test_a_targeted_one_stops_the_job_that_runs(self, comfyui, client, jobs):
        client.post("/interrupt", {"prompt_id": jobs[0]})

        entry = client.history(jobs[0])
        assert entry["status"]["status_str"] == "error"
        assert entry["status"]["messages"][-1][0] == "execution_interrupted"
        assert entry["outputs"] == {}
        assert comfyui.interrupted == jobs[:1]

    @pytest.mark.parametrize("which", [1, None])
    def test_a_targeted_one_leaves_other_jobs_alone(self, comfyui, client, jobs, which):
        client.post("/interrupt", {"prompt_id": "unknown" if which is None else jobs[which]})

        assert client.queue() == [jobs[:1], jobs[1:]]
        assert comfyui.interrupted == []

    def test_a_bare_one_stops_whatever_runs(self, client, jobs):
        client.http.post("/interrupt")

        assert client.history(jobs[0])["status"]["status_str"] == "error"

    def test_another_user_can_do_it(self, comfyui, client, jobs):
        comfyui.interrupt(jobs[0])

        assert client.history(jobs[0])["status"]["status_str"] == "error"

    def test_a_job_that_is_held_can_be_interrupted(self, comfyui, client, txt2img, until):
        comfyui.hold()
        held = client.submit(txt2img(1))
        until(lambda: client.queue()[0])
        client.post("/interrupt", {"prompt_id": held})

        assert client.history(held)["status"]["status_str"] == "error"

    def test_so_can_one_that_has_only_to_save(self, comfyui, client, plain, until):
        client.render(plain("one"))
        comfyui.hold()
        held = client.submit(plain("two"))
        until(lambda: client.queue()[0])
        client.post("/interrupt", {"prompt_id": held})

        assert client.history(held)["status"]["messages"][-1][0] == "execution_interrupted"

    def test_a_picture_that_takes_long_does_not_hold_up_an_interrupt(
        self, comfyui, client, txt2img, until
    ):
        dry = threading.Event()

        def slow(prompt, seed, size, *, negative="", steps=20):
            dry.wait(10)
            return flat_painter(prompt, seed, size)

        comfyui.painter = slow
        job = client.submit(txt2img(1))
        until(lambda: client.queue()[0])
        client.post("/interrupt", {"prompt_id": job})
        entry = client.history(job)
        dry.set()

        assert entry["status"]["messages"][-1][0] == "execution_interrupted"

    def test_nothing_to_interrupt(self, comfyui, client):
        assert client.http.post("/interrupt").status_code == 200
        assert comfyui.interrupted == []


class TestFaults:
    @pytest.mark.parametrize(
        ("node", "where"), [("3", "3"), ("VAEDecode", "8"), (None, "3"), ("9", "9")]
    )
    def test_a_node_can_be_told_to_fail(self, comfyui, client, txt2img, node, where):
        comfyui.fail_with = NodeFailure(
            node=node, exception_type="torch.OutOfMemoryError", message="Allocation on device"
        )

        entry = client.render(txt2img())

        (error,) = errors(entry)
        assert (error["node_id"], error["exception_type"]) == (where, "torch.OutOfMemoryError")
        assert error["exception_message"] == "Allocation on device"
        assert entry["status"]["completed"] is False
        assert comfyui.failed == [entry["prompt"][1]]

    def test_a_job_without_that_node_is_not_affected(self, comfyui, client, txt2img):
        comfyui.fail_with = NodeFailure(node="77")

        assert client.render(txt2img())["status"]["completed"]

    def test_what_a_failed_job_finished_is_cached(self, comfyui, client, txt2img):
        comfyui.fail_with = NodeFailure(node="8")
        client.render(txt2img())
        comfyui.fail_with = None

        entry = client.render(txt2img())

        (said,) = [d for k, d in entry["status"]["messages"] if k == "execution_cached"]
        assert said["nodes"] == ["3", "4", "5", "6", "7"]

    @pytest.mark.parametrize("prefix", ["../x", "/x", "x" * 256, "a\0b"])
    def test_a_prefix_that_cannot_be_saved_is_an_error_of_the_job(self, client, plain, prefix):
        (error,) = errors(client.render(plain(prefix)))

        assert error["node_type"] == "SaveImage"

    def test_a_cycle_that_validation_cannot_see_is_an_error_of_the_job(self, client, plain):
        """Inputs that a class does not have are not validated, but their links are followed."""
        graph = plain()
        graph["1"]["inputs"]["extra"] = ["3", 0]
        graph["3"] = {"class_type": "EmptyImage", "inputs": {"extra": ["1", 0]}}

        entry = client.render(graph)

        (error,) = errors(entry)
        assert error["exception_message"] == "Dependency cycle detected"
        assert error["node_id"] in {"1", "3"}

    def test_inputs_that_a_class_does_not_have_do_no_harm(self, client, txt2img):
        graph = txt2img()
        graph["3"]["inputs"]["extra"] = ["nowhere", 0]
        graph["8"]["inputs"] |= {"width": float("1e300"), "height": 5}

        assert client.render(graph, extra_data={"extra_pnginfo": [1]})["status"]["completed"]

    def test_a_client_id_may_be_anything(self, client, plain):
        assert client.render(plain(), client_id=[1])["status"]["completed"]

    def test_success_without_images(self, comfyui, client, txt2img):
        comfyui.without_images = True
        entry = client.render(txt2img())
        comfyui.without_images = False

        assert (entry["status"]["status_str"], entry["outputs"]) == ("success", {})
        assert client.render(txt2img())["outputs"]

    def test_the_history_may_lag(self, comfyui, client, txt2img, heard):
        """execution_success comes first; until the history has it, the job stays in the queue."""
        comfyui.history_lag = 0.3
        with client.listen() as socket:
            job = client.submit(txt2img())
            heard(socket, "execution_success")
            assert client.get(f"/history/{job}").json() == {}
            assert client.queue() == [[job], []]
            heard(socket, "executing")
        assert client.get(f"/history/{job}").json()
        assert client.queue() == [[], []]

    def test_success_is_said_before_the_history_is_written(self, client, txt2img, heard):
        with client.listen() as socket:
            job = client.submit(txt2img())
            frames = heard(socket, "execution_success") + heard(socket, "executing")
        assert frames[-1]["data"] == {"node": None, "prompt_id": job}
        assert frames[-2]["data"]["status"]["exec_info"]["queue_remaining"] == 0

    def test_latency_can_be_changed_while_it_runs(self, comfyui, client, txt2img):
        comfyui.latency = 0.2
        began = time.monotonic()
        client.render(txt2img(1, steps=20))

        assert time.monotonic() - began >= 0.2

    def test_a_job_may_take_longer_with_more_steps(self, comfyui, client, txt2img):
        comfyui.step_seconds = 0.02
        for seed, steps in ((1, 5), (2, 10)):
            client.render(txt2img(seed, steps=steps))

        short, long = (span.ended - span.began for span in comfyui.spans)
        assert short >= 0.1
        assert long >= 0.2

    def test_it_tells_when_each_job_had_the_server_to_itself(self, comfyui, client, txt2img):
        comfyui.latency = 0.05
        jobs = [client.submit(txt2img(seed)) for seed in (1, 2)]
        for job in jobs:
            client.history(job)

        first, second = comfyui.spans
        assert [first.prompt_id, second.prompt_id] == jobs
        assert first.began < first.ended <= second.began < second.ended

    def test_headers_can_be_required(self, comfyui, client):
        comfyui.headers_required = {"Authorization": "Bearer x"}

        assert client.get("/queue").status_code == 401
        assert client.get("/queue", headers={"authorization": "Bearer x"}).status_code == 200

    def test_previews_for_nobody_do_no_harm(self, comfyui, client, txt2img):
        comfyui.previews = True

        assert client.render(txt2img())["status"]["completed"]

    def test_models_can_be_changed_while_it_runs(self, comfyui, client, txt2img):
        comfyui.models["checkpoints"] = ["dreamshaper_8.safetensors"]

        refused = client.post("/prompt", {"prompt": txt2img()}).json()

        (fault,) = refused["node_errors"]["4"]["errors"]
        assert "not in ['dreamshaper_8.safetensors']" in fault["details"]
        choices = client.get("/object_info/CheckpointLoaderSimple").json()
        named = choices["CheckpointLoaderSimple"]["input"]["required"]["ckpt_name"][0]
        assert named == ["dreamshaper_8.safetensors"]

    def test_any_model_will_do_where_that_is_set(self, comfyui, client, txt2img):
        comfyui.any_model = True
        comfyui.models["checkpoints"] = []

        assert client.render(txt2img())["status"]["completed"]


class TestAnswers:
    def test_a_canned_answer_takes_the_place_of_the_real_one(self, comfyui, client):
        answer = Answer(status=302, headers={"Location": "/login"}, body=b"moved")
        comfyui.answer("/prompt", answer)

        replies = [client.get("/prompt"), client.post("/api/prompt", {})]

        assert [(r.status_code, r.content, r.headers["Location"]) for r in replies] == [
            (302, b"moved", "/login")
        ] * 2
        comfyui.answer("/prompt", None)
        comfyui.answer("/prompt", None)
        assert client.get("/prompt").status_code == 200

    def test_it_can_be_given_a_number_of_times(self, comfyui, client):
        comfyui.answer("/queue", Answer(status=503), times=2)

        assert [client.get("/queue").status_code for _ in range(3)] == [503, 503, 200]

    def test_the_most_exact_one_counts(self, comfyui, client):
        comfyui.answer("*", Answer(status=418))
        comfyui.answer("/history", Answer(status=502))
        comfyui.answer("/api/history/x", Answer(status=404))

        paths = ("/queue", "/history", "/history/x", "/api/history/x", "/", "/nowhere")
        assert [client.get(path).status_code for path in paths] == [418, 502, 502, 404, 418, 418]

    def test_it_can_come_late(self, comfyui, client):
        comfyui.answer("/queue", Answer(delay=0.1))
        began = time.monotonic()
        client.get("/queue")

        assert time.monotonic() - began >= 0.1

    def test_a_client_may_leave_before_it_comes(self, comfyui, client):
        comfyui.answer("/queue", Answer(delay=60))
        with pytest.raises(httpx.ReadTimeout):
            client.get("/queue", timeout=0.05)

    def test_the_request_may_take_effect_all_the_same(self, comfyui, client, plain):
        """The reply to a submission is lost, the job is not."""
        comfyui.answer("/prompt", Answer(handled=True, reset=True), times=1)

        with pytest.raises(httpx.TransportError):
            client.submit(plain(), prompt_id="mine")

        assert client.history("mine")["status"]["completed"]

    @pytest.mark.parametrize("part", [0, 0.5, 0.99])
    def test_it_can_break_off(self, comfyui, client, part):
        comfyui.answer("/view", Answer(body=bytes(1000), breaks_off=part), times=1)

        received = rf"received {part * 1000:.0f} bytes, expected 1000"
        with pytest.raises(httpx.RemoteProtocolError, match=received):
            client.get("/view")

        assert client.get("/view").status_code == 404

    def test_the_socket_can_be_answered_as_well(self, comfyui, client):
        comfyui.answer("/ws", Answer(status=404))

        assert client.get("/ws").status_code == 404


class TestRecords:
    def test_requests_are_kept(self, comfyui, client):
        client.http.post("/api/history/x?a=1&b=%20", content=b"body", headers={"X-Key": "k"})

        (seen,) = comfyui.requests
        assert (seen.method, seen.path, seen.route) == ("POST", "/api/history/x", "/history")
        assert dict(seen.query) == {"a": "1", "b": " "}
        assert (seen.headers["x-key"], seen.body) == ("k", b"body")

    def test_the_root_is_a_route(self, comfyui, client):
        client.get("/")

        assert comfyui.requests[0].route == "/"

    def test_submissions_are_kept_as_posted_and_only_if_accepted(self, comfyui, client, txt2img):
        graph = txt2img()
        graph["3"]["inputs"]["steps"] = "4"
        client.submit(graph, prompt_id="x")
        client.post("/prompt", {"prompt": {}})

        assert comfyui.submissions == [{"prompt": graph, "client_id": "tests", "prompt_id": "x"}]


class TestTls:
    def test_it_starts_and_comes_back_with_the_certificate_that_it_has(self):
        authority = trustme.CA()
        trusting = ssl.create_default_context()
        authority.configure_trust(trusting)
        with FakeComfyUI(painter=flat_painter) as comfyui:
            assert comfyui.url.startswith("http://")
            comfyui.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert("127.0.0.1").configure_cert(comfyui.tls)
            comfyui.restart()

            assert comfyui.url.startswith("https://")
            stats = httpx.get(f"{comfyui.url}/system_stats", verify=trusting, trust_env=False)
            assert stats.json()["system"]["comfyui_version"] == "0.3.64"
            with pytest.raises(httpx.TransportError):
                httpx.get(comfyui.url.replace("https", "http"), trust_env=False)


class TestCrash:
    def test_connections_are_reset_and_the_port_is_closed(self, comfyui, client):
        with client.listen() as socket:
            socket.recv(timeout=5)
            comfyui.crash()
            with pytest.raises(Exception, match="no close frame"):
                socket.recv(timeout=5)
        with pytest.raises(httpx.TransportError):
            client.get("/queue")
        with pytest.raises(httpx.ConnectError):
            client.get("/queue")

    def test_a_request_that_waits_is_reset(self, comfyui, client, until):
        comfyui.answer("/queue", Answer(delay=60))

        def crash_when_asked():
            until(lambda: comfyui.requests)
            comfyui.crash()

        later = threading.Thread(target=crash_when_asked)
        later.start()
        with pytest.raises(httpx.TransportError):
            client.get("/queue")
        later.join()

    def test_queue_and_history_are_lost_and_pictures_stay(
        self, comfyui, client, txt2img, until, connect_to
    ):
        done = client.submit(txt2img(1))
        image = client.history(done)["outputs"]["9"]["images"][0]
        comfyui.hold()
        client.submit(txt2img(2))
        client.submit(txt2img(3))
        until(lambda: client.queue()[0])
        url = comfyui.url

        comfyui.crash()
        comfyui.restart()
        comfyui.release()

        again = connect_to(comfyui.url)
        assert comfyui.url == url
        assert again.queue() == [[], []]
        assert again.get("/history").json() == {}
        assert again.get("/view", params=image).status_code == 200
        entry = again.render(txt2img(3))
        assert entry["outputs"]["9"]["images"][0]["filename"] == "ComfyUI_00002_.png"

    def test_it_comes_back_later(self, comfyui, until):
        comfyui.crash()
        assert not answers(comfyui.url)
        comfyui.restart(after=0.1)
        until(lambda: answers(comfyui.url))

    def test_it_can_be_stopped_before_it_comes_back(self, comfyui):
        comfyui.restart(after=60)
        comfyui.stop()

    def test_a_running_server_restarts(self, comfyui, client, plain, connect_to):
        client.render(plain())
        comfyui.restart()

        assert connect_to(comfyui.url).get("/history").json() == {}

    @pytest.mark.parametrize("graph", ["work", "no work"])
    def test_it_can_crash_while_a_job_runs(
        self, comfyui, client, txt2img, plain, until, graph, connect_to
    ):
        graphs = {"work": txt2img(), "no work": plain()}
        client.render(graphs["no work"])
        comfyui.crash_when("running", restart_after=0.3)
        executed = list(comfyui.executed)

        with pytest.raises(httpx.TransportError):
            client.history(client.submit(graphs[graph], prompt_id="x"))

        until(lambda: answers(comfyui.url))
        other = connect_to(comfyui.url)
        assert other.get("/history").json() == {}
        assert comfyui.executed == executed
        assert other.render(txt2img(9))["status"]["completed"]

    def test_it_can_crash_when_a_job_was_submitted(self, comfyui, client, plain, until):
        comfyui.crash_when("submitted", restart_after=0.3)

        with pytest.raises(httpx.TransportError):
            client.submit(plain())

        assert len(comfyui.submissions) == 1
        until(lambda: answers(comfyui.url))
        assert comfyui.executed == []

    def test_without_restart_it_stays_away(self, comfyui, client, plain):
        comfyui.crash_when("submitted")
        with pytest.raises(httpx.TransportError):
            client.submit(plain())
        with pytest.raises(httpx.TransportError):
            client.get("/queue")


def answers(url):
    try:
        return httpx.get(f"{url}/queue", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
