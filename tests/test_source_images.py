"""Heroes that start from an image of the site: uploaded, its bytes part of the key."""

import hashlib
import io
import json

import pytest
from PIL import Image

from mkdocs_comfy.builtin import builtin_templates
from mkdocs_comfy.testing import Answer

TOML = '[parameters.start]\nto = ["Start.image"]\ntype = "image"\n'


def png(colour):
    file = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def site(site):
    """A site whose template starts from an image."""
    graph = json.loads(builtin_templates().read("sd15.json"))
    graph["20"] = {
        "class_type": "LoadImage",
        "inputs": {"image": "example.png"},
        "_meta": {"title": "Start"},
    }
    graph["5"] = {"class_type": "VAEEncode", "inputs": {"pixels": ["20", 0], "vae": ["4", 2]}}
    folder = site.root / "comfy_templates"
    folder.mkdir()
    (folder / "start.json").write_text(json.dumps(graph))
    (folder / "start.toml").write_text(TOML)
    site.options["template"] = "start"
    return site


def put(site, path, data):
    file = site.root / "docs" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return file


def uploads(comfyui):
    return [request for request in comfyui.requests if request.route.startswith("/upload")]


def test_the_image_is_uploaded_and_named_in_the_workflow(site, comfyui):
    data = png("teal")
    put(site, "guide/quay.png", data)
    site.page("guide/harbour.md", hero_prompt="a harbour", hero_image_from="quay.png")

    built = site.build()

    assert built.error is None, built.errors
    digest = hashlib.sha256(data).hexdigest()
    [sent] = uploads(comfyui)
    assert data in sent.body
    assert digest[:32].encode() in sent.body
    [job] = comfyui.submissions
    assert job["prompt"]["20"]["inputs"]["image"] == f"mkdocs-comfy/{digest[:32]}.png"
    assert len(built.heroes()) == 1


def test_a_path_with_a_slash_in_front_is_relative_to_docs_dir(site, comfyui):
    put(site, "img/quay.png", png("teal"))
    site.page("guide/harbour.md", hero_prompt="a harbour", hero_image_from="/img/quay.png")

    assert site.build().error is None
    assert len(uploads(comfyui)) == 1


def test_one_image_of_many_pages_is_uploaded_once(site, comfyui):
    put(site, "quay.png", png("teal"))
    for number in range(3):
        site.page(f"{number}.md", hero_prompt=f"harbour {number}", hero_image_from="quay.png")

    site.build()

    assert len(comfyui.submissions) == 3
    assert len(uploads(comfyui)) == 1


def test_the_bytes_count_and_the_name_does_not(site, comfyui):
    put(site, "quay.png", png("teal"))
    site.page("index.md", hero_prompt="a harbour", hero_image_from="quay.png")
    site.build()
    put(site, "other.png", png("teal"))
    site.page("index.md", hero_prompt="a harbour", hero_image_from="other.png")

    assert site.build().summary == "1 hero: 1 cached"
    put(site, "other.png", png("red"))
    site.build()
    assert len(comfyui.submissions) == 2


def test_a_server_that_calls_it_something_else_is_right(site, comfyui):
    """ComfyUI adds a number where a name is taken."""
    body = json.dumps({"name": "x (1).png", "subfolder": "", "type": "input"}).encode()
    comfyui.answer("/upload", Answer(headers={"Content-Type": "application/json"}, body=body))
    put(site, "quay.png", png("teal"))
    site.page("index.md", hero_prompt="a harbour", hero_image_from="quay.png")

    site.build()

    submitted = [request for request in comfyui.requests if request.route == "/prompt"]
    [graph] = [json.loads(request.body)["prompt"] for request in submitted]
    assert graph["20"]["inputs"]["image"] == "x (1).png"


@pytest.mark.parametrize(
    ("status", "said"), [(401, "401"), (413, "413"), (500, "500"), (200, "no ComfyUI")]
)
def test_an_upload_that_fails_fails_its_hero(site, comfyui, status, said):
    site.options["patience"] = 0
    comfyui.answer("/upload", Answer(status=status))
    put(site, "quay.png", png("teal"))
    site.page("index.md", hero_prompt="a harbour", hero_image_from="quay.png")

    built = site.build()

    assert len(built.warnings) == 1
    assert said in built.warnings[0]
    assert comfyui.submissions == []


def refused(site):
    built = site.build()
    assert len(built.errors) == 2, built.errors  # the error, and MkDocs' last word
    return built.errors[0]


@pytest.mark.parametrize(
    ("reference", "problem"),
    [
        ("nowhere.png", "cannot be read: No such file or directory"),
        ("../../../mkdocs.yml", "is not in docs_dir"),
        ("/../mkdocs.yml", "is not in docs_dir"),
        ("link.png", "is not in docs_dir"),
        (".", "cannot be read: Is a directory"),
        ("page.html", "is a web page (a login page?)"),
        ("quay.avif", "is an AVIF"),
    ],
)
def test_what_is_no_image_of_the_site_is_told_at_its_line(site, comfyui, reference, problem):
    put(site, "guide/page.html", b"<html>")
    (site.root / "secret.png").write_bytes(png("red"))
    (site.root / "docs/guide/link.png").symlink_to(site.root / "secret.png")
    avif = io.BytesIO()
    Image.new("RGB", (64, 64)).save(avif, "AVIF")
    put(site, "guide/quay.avif", avif.getvalue())
    site.page("guide/harbour.md", hero_prompt="a harbour", hero_image_from=reference)

    error = refused(site)

    assert error.startswith("guide/harbour.md:3: hero_image_from: template 'start': its source")
    assert problem in error
    assert comfyui.requests == []


def test_an_image_that_is_too_large_is_told(site):
    site.options["max_bytes"] = "1 kB"
    put(site, "quay.png", png("teal") + bytes(2_000))
    site.page("index.md", hero_prompt="a harbour", hero_image_from="quay.png")

    assert "has more than 1,000 bytes" in refused(site)


def test_a_page_that_names_no_image_is_told(site):
    site.page("index.md", hero_prompt="a harbour", hero_template="start")

    error = refused(site)

    assert error.startswith("index.md:3: hero_template: template 'start': it needs a source image")
    assert "hero_image_from: harbour.jpg" in error


def test_an_image_for_a_template_that_takes_none_is_told(site):
    put(site, "quay.png", png("teal"))
    site.page("index.md", hero_prompt="a harbour", hero_template="sd15", hero_image_from="quay.png")

    assert "index.md:4: hero_image_from: template 'sd15': it takes no source image" in refused(site)
