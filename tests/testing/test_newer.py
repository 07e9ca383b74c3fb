"""The fake server with the manners of a newer one, and what others do to its queue and history."""

import uuid

import pytest

from mkdocs_comfy.testing import FakeComfyUI, NodeFailure, flat_painter


@pytest.fixture
def comfyui():
    with FakeComfyUI(painter=flat_painter, jobs_api=True) as server:
        yield server


def job(client, prompt_id):
    return client.get(f"/api/jobs/{prompt_id}").json()


def test_an_older_server_has_no_jobs(connect_to):
    with FakeComfyUI(painter=flat_painter) as older:
        client = connect_to(older.url)
        assert client.get("/api/jobs?limit=1").status_code == 404
        assert client.get("/api/jobs/x").status_code == 404


def test_jobs_exist_below_api_only(client):
    assert client.get("/jobs").status_code == 404


@pytest.mark.parametrize(
    "prompt_id",
    ["not-a-uuid", "6F9619FF-8B86-4011-B42D-00CF4FC964FF", "6f9619ff8b864011b42d00cf4fc964ff", 7],
)
def test_ids_must_be_canonical(client, txt2img, prompt_id):
    reply = client.post("/prompt", {"prompt": txt2img(), "prompt_id": prompt_id})

    assert reply.status_code == 400
    assert reply.json()["error"]["type"] == "invalid_prompt_id"


@pytest.mark.parametrize("more", [{}, {"prompt_id": None}])
def test_the_server_makes_an_id_where_there_is_none(client, txt2img, more):
    prompt_id = client.submit(txt2img(), **more)

    assert str(uuid.UUID(prompt_id)) == prompt_id


def test_a_missing_node_has_another_name(client, txt2img):
    graph = txt2img()
    graph["3"]["class_type"] = "Missing"
    graph["3"]["_meta"] = {"title": "Sampler"}

    error = client.post("/prompt", {"prompt": graph}).json()["error"]

    assert error["type"] == "missing_node_type"
    assert error["extra_info"] == {
        "node_id": "3",
        "class_type": "Missing",
        "node_title": "Sampler",
    }


def test_other_errors_keep_theirs(client):
    reply = client.post("/prompt", {"prompt": {}})

    assert reply.json()["error"]["type"] == "prompt_no_outputs"


def test_a_job_from_the_queue_to_its_end(comfyui, client, txt2img, until):
    comfyui.hold()
    first, second = client.submit(txt2img(1)), client.submit(txt2img(2))
    until(lambda: job(client, first)["status"] == "in_progress")
    assert job(client, second)["status"] == "pending"
    assert [each["id"] for each in client.get("/api/jobs").json()["jobs"]] == [first, second]

    comfyui.release()
    until(lambda: job(client, second)["status"] == "completed")

    done = job(client, second)
    assert done["outputs"]["9"]["images"][0]["filename"].endswith(".png")
    assert done["execution_status"]["status_str"] == "success"
    page = client.get("/api/jobs?limit=1").json()
    assert len(page["jobs"]) == 1
    assert page["pagination"] == {"offset": 0, "limit": 1, "total": 2, "has_more": True}


def test_a_failed_job_says_why(comfyui, client, txt2img, until):
    comfyui.fail_with = NodeFailure(exception_type="ValueError", message="bad latent")
    prompt_id = client.submit(txt2img())
    until(lambda: job(client, prompt_id)["status"] == "failed")

    assert job(client, prompt_id)["execution_error"]["exception_message"].strip() == "bad latent"


def test_cancelling(comfyui, client, txt2img, until):
    comfyui.hold()
    first, second = client.submit(txt2img(1)), client.submit(txt2img(2))
    until(lambda: job(client, first)["status"] == "in_progress")

    said = [client.post(f"/api/jobs/{each}/cancel").json() for each in (second, first, "unknown")]

    assert said == [{"cancelled": True}, {"cancelled": True}, {"cancelled": False}]
    until(lambda: job(client, first).get("status") == "cancelled")
    assert client.get(f"/api/jobs/{second}").status_code == 404
    assert client.get(f"/api/jobs/{second}").json() == {"error": "Job not found"}


def test_somebody_clears_the_queue(comfyui, client, txt2img, until):
    comfyui.hold()
    first, second = client.submit(txt2img(1)), client.submit(txt2img(2))
    until(lambda: client.queue() == [[first], [second]])

    comfyui.clear_queue()

    assert client.queue() == [[first], []]
    assert comfyui.deleted == [second]


def test_the_history_forgets(comfyui, client, txt2img):
    prompt_id = client.submit(txt2img())
    client.history(prompt_id)

    comfyui.forget_history()

    assert client.get(f"/history/{prompt_id}").json() == {}
    assert client.get(f"/api/jobs/{prompt_id}").status_code == 404
