"""How a site's configuration is found and loaded, and how what is wrong with it is told."""

import pytest

from mkdocs_comfy.commands.site import find_settings, load_site
from mkdocs_comfy.errors import ConfigurationError

PLAIN = "site_name: x\nplugins:\n  - comfy:\n      size: 512x512\n"


@pytest.fixture
def docs(folder):
    (folder / "docs").mkdir()
    return folder


@pytest.mark.parametrize("name", ["mkdocs.yml", "mkdocs.yaml", "properdocs.yml", "properdocs.yaml"])
def test_the_configuration_is_found_in_the_folder(docs, write, name):
    write(name, PLAIN)

    assert load_site(None).settings.size == (512, 512)


def test_without_a_configuration_there_are_defaults(folder):
    settings = find_settings(None)

    assert settings.template == "default"
    assert settings.templates_dir == folder / "comfy_templates"


def test_environment_python_names_and_inheritance_work_as_in_a_build(docs, write, monkeypatch):
    monkeypatch.setenv("HERO_SIZE", "640x512")
    write(
        "base.yml",
        "site_name: x\nplugins:\n  comfy:\n    size: !ENV HERO_SIZE\n    template: sd15\n",
    )
    config = write(
        "mkdocs.yml",
        "INHERIT: base.yml\nmarkdown_extensions:\n  - toc:\n"
        "      slugify: !!python/name:markdown.extensions.toc.slugify\n",
    )

    settings = load_site(config).settings

    assert (settings.size, settings.template) == ((640, 512), "sd15")


def test_an_option_that_is_wrong_is_told_once(docs, write, call, capsys):
    write("mkdocs.yml", PLAIN.replace("512x512", "lots"))

    said = call("doctor", "--json")

    assert (said.status, said.fault["kind"]) == (2, "configuration")
    assert "size" in said.fault["message"]
    assert said.err == ""


@pytest.mark.parametrize("text", ["site_name: [", "plugins: [nope]\nsite_name: x", "- 1", ""])
def test_a_configuration_that_is_none_is_told(docs, write, call, text):
    write("mkdocs.yml", text)

    said = call("template", "list", "--json")

    assert (said.status, said.fault["kind"]) == (2, "configuration")
    assert "mkdocs.yml" in said.fault["message"]


def test_a_configuration_that_is_not_there_is_told(folder, call):
    said = call("template", "list", "-f", "nowhere.yml", "--json")

    assert (said.status, said.fault["kind"]) == (2, "configuration")
    with pytest.raises(ConfigurationError, match=r"there is none in"):
        load_site(None)


def test_warnings_of_mkdocs_go_to_people(docs, write, call):
    write("mkdocs.yml", PLAIN + "not_an_option: 1\n")

    said = call("template", "list", "--json")

    assert said.status == 0
    assert "warning: Config value 'not_an_option'" in said.err
