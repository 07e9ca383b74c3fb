"""What pages, names and servers do in the wild."""

import io
import json

import pytest
from mkdocs.commands.build import build as build_site
from mkdocs.config import load_config

from mkdocs_comfy.builtin import builtin_templates
from mkdocs_comfy.errors import HeroError, printable

FORGED = "a\x1b[31m\nERROR -  forged\u202e"
SHOWN = r"a\x1b[31m\nERROR -  forged\u202e"


def all_lines(built):
    return [line for record in built.records for line in record.getMessage().split("\n")]


@pytest.mark.parametrize(
    ("meta", "crashed"),
    [
        ({"hero_seed": "lucky"}, False),
        ({"hero_params": {"nope": 1}}, False),
        ({}, False),
        ({}, True),
    ],
    ids=["front matter", "binding", "rendered", "missing"],
)
def test_a_pages_name_cannot_forge_a_line_of_the_log(site, comfyui, meta, crashed):
    """Names come from pull requests, and may hold escape sequences and line breaks."""
    site.page(f"{FORGED}.md", hero_prompt="a harbour", **meta)
    if crashed:
        comfyui.crash()

    built = site.build()

    ours = [line for line in all_lines(built) if "forged" in line and "comfy" in line]
    assert ours
    assert all(f"{SHOWN}.md" in line and line.isprintable() for line in ours)


def test_a_late_prompts_page_cannot_forge_a_line_of_the_log(site):
    (site.root / "hook.py").write_text(
        "def on_page_markdown(markdown, page, **_):\n    page.meta['hero_prompt'] = 'late'\n"
    )
    site.config["hooks"] = ["hook.py"]
    site.page(f"{FORGED}.md")

    assert site.build().warnings == [
        f"hero_prompt was set by another plugin, too late to be rendered: {SHOWN}.md"
    ]


def test_a_shape_notice_cannot_forge_a_line_of_the_log(site, comfyui):
    comfyui.picture = square_png()
    site.page(f"{FORGED}.md", hero_prompt="a harbour")

    told = [text for text in site.build().messages() if "asked for" in text]

    assert len(told) == 1
    assert told[0][9:].startswith(f"{SHOWN}.md: asked for 1344x768")  # after the time


def square_png():
    from PIL import Image  # noqa: PLC0415  # one test's picture

    data = io.BytesIO()
    Image.new("RGB", (64, 64), "navy").save(data, "PNG")
    return data.getvalue()


def test_a_templates_node_titles_cannot_forge_a_line_of_the_log(site):
    graph = json.loads(builtin_templates().read("sd15.json"))
    for node in graph.values():
        node["_meta"] = {"title": f"{FORGED} {node['class_type']}"}
    folder = site.root / "comfy_templates"
    folder.mkdir()
    (folder / "theirs.json").write_text(json.dumps(graph))
    site.page("index.md", hero_prompt="x", hero_template="theirs", hero_params={"nope": 1})

    built = site.build()

    assert "this template takes" in built.errors[0]
    assert all(line.isprintable() for line in all_lines(built))
    assert not [line for line in all_lines(built) if line.startswith("ERROR")]


def test_what_prints_as_itself_is_left_alone():
    for text in ("guide/harbour.md", "führer/港.md", 'it\'s "q" (1)#.md', ""):
        assert printable(text) == text


def test_the_way_out_keeps_its_lines():
    error = HeroError("a\nb", way_out="c\x1b\nd")

    assert (error.what, error.way_out) == (r"a\nb", "c\\x1b\nd")
    assert str(error) == "a\\nb\nc\\x1b\nd"


def test_a_page_that_is_no_utf8_is_left_to_mkdocs_which_names_it(site, caplog):
    (site.root / "docs" / "latin.md").write_bytes(b"---\nhero_prompt: caf\xe9\n---\n# T\n")
    site.page("index.md", hero_prompt="a harbour")
    config = load_config(str(site.write_config()))

    with pytest.raises(UnicodeDecodeError):
        build_site(config)
    config.plugins.on_shutdown()

    assert "Encoding error reading file: latin.md" in caplog.text


def test_a_dangling_link_among_the_pages_is_left_to_mkdocs_which_names_it(site, caplog):
    (site.root / "docs" / "gone.md").symlink_to("nowhere.md")
    config = load_config(str(site.write_config()))

    with pytest.raises(FileNotFoundError):
        build_site(config)

    assert "File not found: gone.md" in caplog.text


def test_a_variable_that_is_not_set_leaves_every_option_at_its_default(site, monkeypatch):
    """As MkDocs' own options do: `!ENV` gives nothing for it."""
    monkeypatch.delenv("NOT_SET", raising=False)
    file = site.write_config()
    plain = load_config(str(file)).plugins["comfy"].config
    keys = [key for key, _ in plain._schema if key != "server"]
    options = "".join(f"      {key}: !ENV NOT_SET\n" for key in keys)
    file.write_text(f"site_name: Harbour\nplugins:\n  - comfy:\n{options}")

    unset = load_config(str(file)).plugins["comfy"].config

    assert {key: unset[key] for key in keys} == {key: plain[key] for key in keys}


def test_a_whole_number_that_is_too_large_says_how_large_it_may_be(site):
    site.page("index.md", hero_prompt="x", hero_params={"steps": 10**30})

    assert "a whole number goes up to 2**64 - 1" in site.build().errors[0]


def test_a_server_that_is_back_renders_what_it_had_missed(site, comfyui):
    """A new page asks the server anyway: it would be odd to call it down for the others."""
    site.page("index.md", hero_prompt="a harbour")
    site.page("other.md", hero_prompt="a quay")
    file = site.write_config()
    comfyui.crash()
    config = load_config(str(file))
    config.plugins.on_startup(command="serve", dirty=False)
    build_site(config)
    comfyui.restart()

    site.page("new.md", hero_prompt="a gull")
    build_site(config)
    config.plugins.on_shutdown()

    assert len(comfyui.submissions) == 3
