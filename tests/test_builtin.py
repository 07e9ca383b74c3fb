"""Template files on disk: ours and the site's."""

import json
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from mkdocs_comfy import builtin
from mkdocs_comfy.builtin import builtin_templates, folder_templates
from mkdocs_comfy.errors import NotAWorkflowError, TemplateError
from mkdocs_comfy.testing import FakeComfyUI
from mkdocs_comfy.testing.tracing import picture_of
from mkdocs_comfy.workflows.binding import Inputs, bind, image_literal
from mkdocs_comfy.workflows.library import Library
from mkdocs_comfy.workflows.rules import ROLES

KEYS = json.loads((Path(__file__).parent / "goldens" / "library.json").read_text("utf-8"))
NAMES = sorted(KEYS)
IMAGE = image_literal("ab" * 32)
WITHOUT_NEGATIVE = {"flux-dev", "flux-schnell", "flux2-klein", "hidream", "z-image-turbo"}


@pytest.fixture(scope="module")
def library():
    return Library([builtin_templates()])


def image_for(template):
    """What stands for some image, for a template that starts from one."""
    return IMAGE if template.image else None


def test_the_built_in_templates_are_found(library):
    assert library.names() == tuple(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_each_takes_all_that_its_model_can_do_something_with(library, name):
    template = library.template(name)

    absent = {"negative"} if name in WITHOUT_NEGATIVE else set()
    assert set(template.bindings) == set(ROLES) - absent
    assert not template.ambiguous


@pytest.mark.parametrize("name", NAMES)
def test_each_says_what_it_is_for_and_what_it_recommends(library, name):
    """About 16:9, on the grid of every model; a size that is recommended is the graph's own."""
    template = library.template(name)

    assert template.description
    assert template.licence
    width, height = template.recommended_size
    assert template.graph_size == (width, height)
    assert width % 16 == height % 16 == 0
    assert width / height == pytest.approx(16 / 9, rel=0.02)


@pytest.mark.parametrize("name", NAMES)
def test_each_has_readable_titles_and_an_image_of_its_own(library, name):
    graph = library.template(name).graph

    titles = [node["_meta"]["title"] for node in graph.values()]
    assert len(titles) == len(set(titles))
    assert {"Prompt", "Canvas", "Save Image"} <= set(titles)
    assert graph == library.template(name).live  # nothing that leads nowhere
    assert {node["inputs"].get("batch_size", 1) for node in graph.values()} == {1}


@pytest.mark.parametrize("name", NAMES)
def test_the_embedded_server_takes_each_and_paints_what_is_asked(library, name):
    template = library.template(name)
    inputs = Inputs(prompt="a foggy harbour", seed=7, size=(640, 384), image=image_for(template))
    bound = bind(template, inputs)

    with FakeComfyUI(any_model=True) as comfyui, httpx.Client(trust_env=False) as client:
        api = f"{comfyui.url}/api"
        client.post(f"{api}/upload/image", files={"image": (IMAGE, b"bytes")})
        reply = client.post(f"{api}/prompt", json={"prompt": bound.graph})

    assert reply.status_code == 200, reply.text
    picture = picture_of(bound.graph, bound.output)
    assert (picture.prompt, picture.seed, picture.size) == ("a foggy harbour", 7, (640, 384))
    assert picture.negative == (bound.negative or "")


def test_sdxl_is_what_default_stands_for(library):
    """Who changes from the one to the other renders nothing anew."""
    same = Inputs(prompt="a foggy harbour", seed=1)

    keys = {bind(library.template(name), same).key for name in ("default", "sdxl")}
    assert len(keys) == 1


def test_the_refiner_goes_on_where_the_base_ends(library):
    inputs = Inputs(prompt="a foggy harbour", seed=7, params={"steps": 40, "base_steps": 30})

    graph = bind(library.template("sdxl-refiner"), inputs).graph

    base, refiner = graph["6"]["inputs"], graph["9"]["inputs"]
    assert (base["noise_seed"], refiner["noise_seed"]) == (7, 0)
    assert (base["steps"], refiner["steps"]) == (40, 40)
    assert (base["end_at_step"], refiner["start_at_step"]) == (30, 30)
    assert graph["4"]["inputs"]["text"] == graph["7"]["inputs"]["text"] == "a foggy harbour"


def test_they_are_found_in_an_installed_wheel(tmp_path, monkeypatch):
    """A wheel has them inside the package, a checkout beside it."""
    package = tmp_path / "site-packages" / "mkdocs_comfy"
    (package / "templates").mkdir(parents=True)
    (package / "templates" / "wheel.json").write_text("{}", encoding="utf-8")
    monkeypatch.setattr(builtin, "__file__", str(package / "builtin.py"))

    assert Library([builtin_templates()]).names() == ("wheel",)


@pytest.mark.parametrize("name", NAMES)
def test_the_key_of_a_built_in_template_is_a_promise(library, name):
    """Of graph and ``.toml`` together; what changes one renders everybody's heroes anew."""
    template = library.template(name)
    prompt = "a foggy harbour, cinematic, golden hour"

    bound = bind(template, Inputs(prompt=prompt, seed=1, image=image_for(template)))
    assert bound.key == KEYS[name]


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("default", "6edd8875cd1720c5bfd47b6e58c1627890a20fc97635de495215656c65254362"),
        ("sd15", "c1490297fa1b96ce63cc1c48977929868df5eb78171cdcde5a78e8e78890063e"),
    ],
)
def test_a_released_template_is_never_changed(name, digest):
    """Every page that uses it would render again; a better one gets a new name."""
    text = builtin_templates().read(f"{name}.json")

    assert sha256(text.encode()).hexdigest() == digest


def test_a_folder_need_not_exist(tmp_path):
    source = folder_templates(tmp_path / "comfy_templates")

    assert source.place == "comfy_templates"
    assert source.read("a.json") is None
    assert list(source.files()) == []


def test_a_file_in_the_place_of_the_folder_is_an_empty_folder(tmp_path):
    (tmp_path / "comfy_templates").write_text("", encoding="utf-8")
    source = folder_templates(tmp_path / "comfy_templates")

    assert source.read("a.json") is None
    assert list(source.files()) == []


def test_a_folders_templates_are_read(tmp_path):
    (tmp_path / "fog.json").write_bytes(builtin_templates().read("default.json").encode())
    (tmp_path / "fog.toml").write_text('size = "512x512"', encoding="utf-8")
    library = Library([folder_templates(tmp_path, place="looks"), builtin_templates()])

    assert library.template("fog").file == "looks/fog.json"
    assert library.template("fog").recommended_size == (512, 512)


def test_what_is_no_text_is_refused(tmp_path):
    (tmp_path / "fog.json").write_bytes(b"\x89PNG\r\n\x1a\n")

    with pytest.raises(NotAWorkflowError, match=r"looks/fog\.json is not UTF-8 text"):
        folder_templates(tmp_path, place="looks").read("fog.json")


def test_what_cannot_be_read_is_named(tmp_path):
    (tmp_path / "fog.json").mkdir()

    with pytest.raises(TemplateError, match=r"looks/fog\.json cannot be read") as caught:
        folder_templates(tmp_path, place="looks").read("fog.json")
    assert caught.value.template == "fog"


def test_a_folder_that_cannot_be_listed_is_named(tmp_path):
    loop = tmp_path / "loop"
    loop.symlink_to(loop)

    with pytest.raises(TemplateError, match="loop cannot be listed"):
        list(folder_templates(loop).files())


def test_a_file_that_no_workflow_can_have_is_not_read(tmp_path):
    with (tmp_path / "huge.json").open("wb") as file:
        file.truncate(50 * 2**20)

    with pytest.raises(NotAWorkflowError, match=r"huge\.json has 52,428,800 bytes; at most"):
        folder_templates(tmp_path).read("huge.json")
