"""What we believe of a real ComfyUI, asked of one by plain HTTP.

FakeComfyUI and the client rest on these; a newer server that differs is found here first.
"""

from __future__ import annotations

import io
import json
import uuid

from PIL import Image


def test_a_client_may_choose_the_prompt_id(comfyui, picture):
    chosen = str(uuid.uuid4())

    reply = comfyui.post("/prompt", {"prompt": picture(seed=2), "prompt_id": chosen})

    assert reply.json()["prompt_id"] == chosen
    assert comfyui.finished(chosen)["status"]["status_str"] == "success"


def test_the_painted_picture_depends_on_prompt_seed_and_size(comfyui, picture):
    graphs = [
        picture("a bay"),
        picture("a cove"),
        picture("a bay", seed=2),
        picture("a bay", size=(128, 128)),
    ]

    pictures = {pixels_of(comfyui, comfyui.submit(graph)) for graph in graphs}

    assert len(pictures) == len(graphs)


def test_a_prefix_with_a_slash_becomes_a_subfolder(comfyui, picture):
    graph = picture(seed=3)
    graph["9"]["inputs"]["filename_prefix"] = "mkdocs-comfy/abc"

    entry = comfyui.finished(comfyui.submit(graph))

    (image,) = entry["outputs"]["9"]["images"]
    assert image == {"filename": "abc_00001_.png", "subfolder": "mkdocs-comfy", "type": "output"}


def test_a_new_prefix_alone_runs_nothing_but_the_save_node(comfyui, picture):
    first, second = picture(seed=4), picture(seed=4)
    second["9"]["inputs"]["filename_prefix"] = "another"
    comfyui.finished(comfyui.submit(first))

    entry = comfyui.finished(comfyui.submit(second))

    messages = dict(entry["status"]["messages"])
    assert sorted(messages["execution_cached"]["nodes"]) == ["3", "5", "6", "7"]
    assert entry["outputs"]["9"]["images"][0]["filename"] == "another_00001_.png"


def test_the_prompt_is_written_into_the_png(comfyui, picture):
    """Why originals are encoded anew before they are published."""
    graph = picture("not for the public", seed=5)

    image = Image.open(io.BytesIO(saved(comfyui, comfyui.submit(graph))))

    assert json.loads(image.text["prompt"])["6"]["inputs"]["text"] == "not for the public"


def test_a_random_checkpoint_passes_for_stable_diffusion(comfyui):
    """The loader of the real server takes the file that make_checkpoint.py writes."""
    definition = comfyui.get("/object_info/CheckpointLoaderSimple")["CheckpointLoaderSimple"]

    assert definition["input"]["required"]["ckpt_name"][0] == ["v1-5-pruned-emaonly.safetensors"]


def saved(comfyui, prompt_id):
    (image,) = comfyui.finished(prompt_id)["outputs"]["9"]["images"]
    return (comfyui.output / image["subfolder"] / image["filename"]).read_bytes()


def pixels_of(comfyui, prompt_id):
    image = Image.open(io.BytesIO(saved(comfyui, prompt_id)))
    return image.size, image.tobytes()
