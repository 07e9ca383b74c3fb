"""Templates by name."""

import json

import pytest

from mkdocs_comfy.errors import NotAWorkflowError, TemplateError, TemplateNotFoundError
from mkdocs_comfy.workflows.library import Library, Source


class Files:
    """A place for templates that remembers what was read from it."""

    def __init__(self, place, **texts):
        self.texts = {name.replace("__", "."): text for name, text in texts.items()}
        self.asked = []
        self.source = Source(place=place, read=self.read, files=lambda: iter(self.texts))

    def read(self, file):
        self.asked.append(file)
        return self.texts.get(file)


@pytest.fixture
def plain(graph):
    return json.dumps(graph("plain"))


def test_the_sites_templates_come_before_the_built_in_ones(plain):
    site, ours = (
        Files("comfy_templates", a__json=plain),
        Files("built-in", a__json="{}", b__json=plain),
    )
    library = Library([site.source, ours.source])

    assert library.template("a").file == "comfy_templates/a.json"
    assert library.template("b").file == "built-in/b.json"


def test_a_toml_belongs_to_the_json_beside_it(plain):
    site = Files("comfy_templates", a__json=plain, a__toml='size = "640x512"')
    ours = Files("built-in", b__json=plain)
    library = Library([Files("first", b__toml='size = "64x64"').source, site.source, ours.source])

    assert library.template("a").recommended_size == (640, 512)
    assert library.template("b").recommended_size is None


def test_a_template_is_read_once(plain):
    site = Files("comfy_templates", a__json=plain)
    library = Library([site.source])

    assert library.template("a") is library.template("a")
    assert site.asked == ["a.json", "a.toml"]


def test_what_is_wrong_with_a_template_is_found_once():
    site = Files("comfy_templates", a__json="[]")
    library = Library([site.source])
    errors = []
    for _ in range(2):
        with pytest.raises(NotAWorkflowError) as caught:
            library.template("a")
        errors.append(caught.value)

    assert errors[0] is errors[1]
    assert site.asked.count("a.json") == 1
    assert "comfy_templates/a.json holds no graph" in str(errors[0])


def test_names_are_listed_once_and_sorted(plain):
    site = Files("comfy_templates", b__json=plain, b__toml="", notes__txt="")
    site.texts[".hidden.json"] = site.texts["white space.json"] = plain
    ours = Files("built-in", b__json=plain, a__json=plain)

    assert Library([site.source, ours.source]).names() == ("a", "b")


def test_an_unknown_name_is_refused_with_the_names_there_are(plain):
    site = Files("comfy_templates", harbour__json=plain)
    library = Library([site.source, Files("built-in templates", default__json=plain).source])

    with pytest.raises(TemplateNotFoundError) as caught:
        library.template("habour")

    assert caught.value.what == (
        "template 'habour': there is no such template; did you mean 'harbour'? "
        "(there are: default, harbour)"
    )
    assert caught.value.way_out == (
        "looked for habour.json in comfy_templates, then built-in templates; "
        "put it into the folder that templates_dir names"
    )


def test_a_name_with_json_at_its_end_is_understood(plain):
    library = Library([Files("comfy_templates", fog__json=plain).source])

    with pytest.raises(TemplateNotFoundError, match="did you mean 'fog'"):
        library.template("fog.json")


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".hidden", "../secret", "a/b", "a\\b", "C:x", "a b", "é", "a\n", "a\0"]
)
def test_a_name_that_could_be_a_path_is_never_looked_up(name):
    site = Files("comfy_templates")

    with pytest.raises(TemplateNotFoundError, match="no name of a template"):
        Library([site.source]).template(name)
    assert site.asked == []


def test_a_reader_may_say_what_is_wrong():
    def read(_):
        raise TemplateError(template="a", problem="cannot be read")

    library = Library([Source(place="x", read=read, files=list)])

    with pytest.raises(TemplateError, match="cannot be read"):
        library.template("a")
