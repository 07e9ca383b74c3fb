"""What a theme's configuration says of its colours."""

import pytest
from mkdocs.theme import Theme

from mkdocs_comfy.colours import NAMED, THEMES, theme_colours

TEAL, AMBER = NAMED["teal"], NAMED["amber"]


def material(**settings):
    return Theme("material", **settings)


@pytest.mark.parametrize(
    ("palette", "colours"),
    [
        ({"primary": "teal", "accent": "amber"}, (TEAL, AMBER)),
        ({"primary": "teal"}, (TEAL,)),
        ({"primary": "deep purple"}, (NAMED["deep-purple"],)),
        ({"primary": "custom", "accent": "amber"}, (AMBER,)),
        ({"primary": "custom"}, ()),
        ({"primary": 7, "accent": ["teal"]}, ()),
        ([{"scheme": "default", "primary": "teal"}, {"primary": "amber"}], (TEAL,)),
    ],
)
def test_material_names_its_colours_in_the_palette(palette, colours):
    assert theme_colours(material(palette=palette)) == colours


@pytest.mark.parametrize("palette", [{"scheme": "slate"}, [], None, "teal", ["teal"]])
def test_material_is_indigo_unless_told_otherwise(palette):
    assert theme_colours(material(palette=palette)) == (NAMED["indigo"],)
    assert theme_colours(material()) == (NAMED["indigo"],)


@pytest.mark.parametrize("name", ["mkdocs", "readthedocs"])
def test_the_themes_of_mkdocs_always_have_the_same_colours(name):
    assert theme_colours(Theme(name)) == THEMES[name]


def test_nothing_is_known_of_a_theme_of_ones_own(tmp_path):
    assert theme_colours(Theme(None, custom_dir=str(tmp_path))) == ()
