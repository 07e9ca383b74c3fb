"""Template files on disk: ours and the site's."""

import json
from hashlib import sha256

import pytest

from mkdocs_comfy import builtin
from mkdocs_comfy.builtin import builtin_templates, folder_templates
from mkdocs_comfy.errors import NotAWorkflowError, TemplateError
from mkdocs_comfy.workflows.library import Library


def test_the_built_in_templates_are_found():
    library = Library([builtin_templates()])

    assert {"default", "sd15"} <= set(library.names())
    for name in library.names():
        assert set(library.template(name).bindings) == {
            "prompt",
            "negative",
            "seed",
            "width",
            "height",
            "steps",
            "cfg",
        }


def test_they_are_found_in_an_installed_wheel(tmp_path, monkeypatch):
    """A wheel has them inside the package, a checkout beside it."""
    package = tmp_path / "site-packages" / "mkdocs_comfy"
    (package / "templates").mkdir(parents=True)
    (package / "templates" / "wheel.json").write_text("{}", encoding="utf-8")
    monkeypatch.setattr(builtin, "__file__", str(package / "builtin.py"))

    assert Library([builtin_templates()]).names() == ("wheel",)


@pytest.mark.parametrize(
    ("name", "models"),
    [
        ("default", "sd_xl_base_1.0.safetensors"),
        ("sd15", "v1-5-pruned-emaonly.safetensors"),
    ],
)
def test_they_ask_for_the_models_that_the_documentation_names(name, models):
    graph = json.loads(builtin_templates().read(f"{name}.json"))

    assert graph["4"]["inputs"]["ckpt_name"] == models


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
