"""README and docs are in step with the code, and their examples work."""

import ast
import dataclasses
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from mkdocs.commands import build as mkdocs_build
from mkdocs.utils.meta import get_data
from mkdocs.utils.yaml import yaml_load

from mkdocs_comfy import errors, pipeline
from mkdocs_comfy.builtin import builtin_templates
from mkdocs_comfy.comfyui import jobs
from mkdocs_comfy.config import ComfyConfig
from mkdocs_comfy.pages.keys import KEYS
from mkdocs_comfy.pages.markup import HERO, TOP, hero_meta
from mkdocs_comfy.pages.spec import PLACES, read_spec
from mkdocs_comfy.pipeline import production
from mkdocs_comfy.pipeline.plan import plan_hero
from mkdocs_comfy.settings import DEFAULT_SERVER, EMBEDDED, Mode, OnMissing
from mkdocs_comfy.testing import Answer, FakeCloud, FakeComfyUI
from mkdocs_comfy.testing.cloud import CloudKnobs
from mkdocs_comfy.testing.hosting import Hosted
from mkdocs_comfy.testing.knobs import Knobs
from mkdocs_comfy.workflows.library import Library
from mkdocs_comfy.workflows.reading import EXPORT
from mkdocs_comfy.workflows.rules import ROLES
from mkdocs_comfy.workflows.template import parse_template

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
PAGES = [README, *sorted(DOCS.glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SNIPPET = re.compile(r'^--8<-- "([^"]+)"$', re.MULTILINE)
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)\s]*)?\)")
FOLDERS = {  # where a server looks for what these inputs name
    "ckpt_name": "checkpoints",
    "unet_name": "diffusion_models",
    "clip_name": "text_encoders",
    **{f"clip_name{number}": "text_encoders" for number in (1, 2, 3, 4)},
    "vae_name": "vae",
    "model_name": "upscale_models",
}
IN_WORDS = {  # what a table says where the code's default is None or nothing
    "server": DEFAULT_SERVER,
    "headers": "none",
    "client_cert": "none",
    "partner_key": "none",
    "style": "none",
    "styles": "none",
    "cache_remote": "none",
    "size": "the template's",
    "max_time": "none, in CI `3600`",
    "include": "all pages",
    "exclude": "no page",
}


@dataclass(frozen=True)
class Block:
    """A fenced example."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self):
        return f"{self.page}:{self.line}"


def included(match):
    """The file that stands in the place of a line of pymdownx.snippets."""
    return (ROOT / match[1]).read_text(encoding="utf-8").rstrip("\n")


def blocks(*languages):
    """The examples of all pages in these languages, as readers see them."""
    found = []
    for path in PAGES:
        source = path.read_text(encoding="utf-8")
        for match in BLOCK.finditer(source):
            line = source.count("\n", 0, match.start()) + 1
            if match[1] in languages:
                text = SNIPPET.sub(included, match[3])
                found.append(Block(path.name, line, match[1], text))
    return found


def text(page):
    return (README if page == "README.md" else DOCS / page).read_text(encoding="utf-8")


def table(page, *columns):
    """First column without its backticks → the other cells, of all tables with these columns."""
    head = "| " + " | ".join(columns) + " |\n" + "|---" * len(columns) + "|\n"
    parts = (text(page) + "\n").split(head)
    assert len(parts) > 1, f"{page} has no table with the columns {columns}"
    found = {}
    for part in parts[1:]:
        for row in part.partition("\n\n")[0].splitlines():
            first, *rest = (cell.strip() for cell in row.strip("|").split("|"))
            assert len(rest) == len(columns) - 1, row
            assert found.setdefault(first.strip("`"), rest) is rest, f"{first} is listed twice"
    return found


def sections(page):
    return set(re.findall(r"^#+ (.+?)(?: \{.*\})?$", text(page), re.MULTILINE))


# Options and keys --------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["README.md", "configuration.md"])
def test_every_option_is_listed_with_its_default(page):
    listed = {name: cells[0] for name, cells in table(page, "option", "default", "meaning").items()}

    expected = {}
    for name, option in ComfyConfig()._schema:
        if name in IN_WORDS:
            assert not option.default
            words = IN_WORDS[name]
            expected[name] = f"`{words}`" if "://" in words else words
        else:
            default = option.default
            expected[name] = f"`{str(default).lower() if default is True else default}`"
    assert listed == expected


@pytest.mark.parametrize("page", ["README.md", "front-matter.md"])
def test_every_key_is_listed(page):
    assert list(table(page, "key", "default", "meaning")) == [*KEYS, "hero"]


@pytest.mark.parametrize("page", ["README.md", "configuration.md"])
def test_every_choice_is_named(page):
    options = table(page, "option", "default", "meaning")

    for name, choices in {"mode": Mode, "on_missing": OnMissing, "place": PLACES}.items():
        for choice in choices:
            assert f"`{choice}`" in options[name][1]
    assert f"`{EMBEDDED}`" in options["server"][1]


def test_what_becomes_of_missing_heroes_is_told_for_each_choice():
    assert list(table("configuration.md", "value", "the page", "the build")) == list(OnMissing)
    assert list(table("front-matter.md", "value", "the image stands")) == list(PLACES)


# Templates ---------------------------------------------------------------------------------------


def test_the_built_in_templates_are_listed_as_they_are():
    library = Library([builtin_templates()])
    found = {}
    for name in library.names():
        template = library.template(name)
        files = {
            f"`{FOLDERS[its_input]}/{value}`": None
            for node in template.graph.values()
            for its_input, value in node["inputs"].items()
            if its_input in FOLDERS
        }
        size = "{}x{}".format(*template.recommended_size)
        steps = template.bindings["steps"][0]
        own = str(template.graph[steps.node]["inputs"][steps.input])
        found[name] = [template.description, ", ".join(files), template.licence, size, own]

    columns = ("template", "what for", "files", "licence", "size", "steps")
    assert table("templates.md", *columns) == found


def test_the_templates_with_a_negative_are_told():
    library = Library([builtin_templates()])
    (told,) = re.findall(r"A negative prompt works in (.*?)\.", text("templates.md"), re.DOTALL)
    named = set(re.findall(r"`([\w-]+)`", told)) - {"sdxl"}

    takers = {name for name in library.names() if "negative" in library.template(name).bindings}
    assert named | {name for name in takers if name.startswith("sdxl")} == takers


def test_the_readme_names_the_models_of_the_first_two():
    for name in ("default", "sd15"):
        graph = Library([builtin_templates()]).template(name).graph
        (model,) = {node["inputs"].get("ckpt_name") for node in graph.values()} - {None}
        assert f"`{name}`" in text("README.md") or f"template: {name}" in text("README.md")
        assert model in text("README.md")


@pytest.mark.parametrize(
    "block", [each for each in blocks("toml") if each.page != "ci.md"], ids=str
)
def test_toml_examples_settle_a_template(block):
    """They name nodes by the titles that the built-in template has, or an image to start from."""
    graph = json.loads((ROOT / "templates/default.json").read_text(encoding="utf-8"))
    graph["20"] = {
        "class_type": "LoadImage",
        "inputs": {"image": "a.png"},
        "_meta": {"title": "Load Image"},
    }
    graph["3"]["inputs"]["reference"] = ["20", 0]

    template = parse_template("harbour", json.dumps(graph), toml=block.text)

    assert template.output == "9"


def test_every_role_can_be_named():
    for role in ROLES:
        assert f"`{role}`" in text("templates.md")


def test_the_menu_path_is_that_of_the_errors():
    assert EXPORT.replace("choose ", "") in text("templates.md").replace("**", "")


# Examples of configuration and front matter ------------------------------------------------------


def comfy_options(config):
    for plugin in config["plugins"]:
        if plugin == "comfy":
            return {}
        if isinstance(plugin, dict) and "comfy" in plugin:
            return plugin["comfy"]
    raise AssertionError(config)


def is_configuration(block):
    return block.language == "yaml" and re.search(r"^plugins:", block.text, re.MULTILINE)


def is_front_matter(block):
    return block.language == "yaml" and block.text.startswith(("---\n", "hero"))


def is_ci(block):
    return block.language == "yaml" and re.search(r"^(jobs|pages|build):", block.text, re.MULTILINE)


def is_hook(block):
    return block.language == "yaml" and block.text.startswith("repos:")


def test_every_yaml_example_is_of_a_known_sort():
    sorts = (is_configuration, is_front_matter, is_ci, is_hook)
    for block in blocks("yaml"):
        assert any(sort(block) for sort in sorts), block


@pytest.mark.parametrize("block", [*filter(is_configuration, blocks("yaml"))], ids=str)
def test_examples_of_configuration_are_valid(block, tmp_path, monkeypatch):
    monkeypatch.setenv("COMFY_AUTHORIZATION", "Bearer the-token")
    for name in ("COMFY", "COMFY_SERVER", "COMFY_MODE", "COMFY_ON_MISSING"):
        monkeypatch.delenv(name, raising=False)
    config = ComfyConfig(config_file_path=str(tmp_path / "mkdocs.yml"))
    config.load_dict(comfy_options(yaml_load(block.text)))

    assert config.validate() == ([], [])
    config.settings({})


@pytest.mark.parametrize("block", [*filter(is_front_matter, blocks("yaml"))], ids=str)
def test_examples_of_front_matter_ask_for_what_a_template_can_do(block, tmp_path):
    source = block.text if block.text.startswith("---") else f"---\n{block.text}---\n"
    body, meta = get_data(source)
    assert not body.strip()
    assert meta

    reading = read_spec(meta, page="a.md", title=lambda: "A title", source=lambda: source)

    assert reading.errors == ()
    assert (reading.spec is None) == ("hero_prompt" not in meta)
    if reading.spec and reading.spec.template in {None, "default", "sd15"}:
        config = ComfyConfig(config_file_path=str(tmp_path / "mkdocs.yml"))
        config.load_dict({"styles": dict.fromkeys(reading.spec.styles or ())})
        assert config.validate() == ([], [])
        library = Library([builtin_templates()])
        assert plan_hero(reading.spec, library=library, settings=config.settings({}))


# Recipes -----------------------------------------------------------------------------------------


def test_every_recipe_is_shown_where_a_team_meets_it():
    """They are files, so that ``tests/recipes`` runs what readers see."""
    shown = SNIPPET.findall(text("ci.md"))

    assert len(shown) == len(set(shown))
    assert {ROOT / name for name in shown} == set((DOCS / "recipes").iterdir())
    assert [name.removeprefix("docs/recipes/") for name in shown] == [
        "requirements.txt",
        "mkdocs.yml",
        "github.yml",
        "gitlab.yml",
        "pre-commit-local.yml",
        "pre-commit.yml",
        "github-heroes.yml",
        "nginx.conf",
        "Caddyfile",
        "github-render.yml",
        "readthedocs.yml",
        "netlify.toml",
        "Dockerfile",
    ]


def test_a_recipe_that_renders_keeps_the_cache_where_it_is():
    cache = dict(ComfyConfig()._schema)["cache_dir"].default
    for block in filter(is_ci, blocks("yaml")):
        kept = re.findall(r"(?:path: |- )(\.cache\S*)", block.text)
        assert all(cache.startswith(f"{path}/") for path in kept)
        assert kept or "mkdocs-comfy check" in block.text or "clean: false" in block.text


def test_the_messages_of_the_troubleshooting_table_are_those_of_the_code():
    said = Path(mkdocs_build.__file__).read_text(encoding="utf-8")
    for path in (ROOT / "mkdocs_comfy").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                said += f"\n{node.value}"
    quoted = "\n".join(block.text for block in blocks("text") if block.page == "errors.md")

    rows = table("ci.md", "the log says", "it means", "do")
    assert len(rows) >= 10
    for row in text("ci.md").partition("## When it goes wrong")[2].splitlines():
        for message in re.findall("`([^`]+)`", row.split(" | ")[0]) if row.startswith("| ") else ():
            assert message in said or message in quoted, message


# Themes ------------------------------------------------------------------------------------------


def test_classes_and_fields_for_themes_are_named():
    page = text("themes.md")
    for name in (HERO, TOP, "off-glb"):
        assert f"`{name}`" in page
    fields = table("themes.md", "field", "content")
    named = {part.strip("` ") for cell in fields for part in cell.split(",")}
    assert named == set(hero_meta(url="", alt="", width=1, height=1))


def test_the_theme_example_shows_the_hero_and_nothing_else_does(site):
    (block,) = blocks("jinja")
    overrides = site.root / "overrides"
    overrides.mkdir()
    (overrides / "main.html").write_text(block.text, encoding="utf-8")
    site.config["theme"] = {"name": "mkdocs", "custom_dir": "overrides"}
    site.options["place"] = "none"
    site.page("guide/harbour.md", hero_prompt="a harbour", hero_alt='A "harbour"')
    site.page("guide/plain.md")

    built = site.build()

    html = built.html("guide/harbour/index.html")
    assert html.count("<img") == 1
    (src,) = re.findall(r'<img class="comfy-hero" src="([^"]+)"', html)
    assert (built.site / "guide/harbour" / src).resolve().is_file()
    assert 'width="1344" height="768"' in html
    assert "A &#34;harbour&#34;" in html
    assert "<img" not in built.html("guide/plain/index.html")


# The fake server ---------------------------------------------------------------------------------


def python_block(words):
    """The one example of the page that has these words in it."""
    ours = [block for block in blocks("python") if block.page == "testing.md"]
    (block,) = [block for block in ours if words in block.text]
    return block


@pytest.mark.parametrize(
    ("words", "said"),
    [("with FakeComfyUI() as comfyui:\n    print", r"\[.*\]\n"), ("FakeCloud", "")],
)
def test_a_short_example_runs(capsys, words, said):
    exec(compile(python_block(words).text, "example", "exec"), {})  # noqa: S102  # our own text

    assert re.fullmatch(r"http://127\.0\.0\.1:\d+\n" + said, capsys.readouterr().out)


def test_the_pytest_example_passes(tmp_path):
    block = python_block("import pytest")
    (tmp_path / "test_site.py").write_text(block.text, encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_site.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


def test_every_setting_and_record_of_the_fake_server_is_listed():
    fields = {each.name for each in dataclasses.fields(Knobs) if each.repr}
    settings = table("testing.md", "attribute", "default", "meaning")
    records = table("testing.md", "attribute", "content")

    assert set(settings) | (set(records) - {"url"}) == fields
    fresh = FakeComfyUI()
    for name, (default, _) in settings.items():
        if default.startswith("`"):
            assert default == f"`{getattr(fresh, name)!r}`", name


def methods_of(server):
    """Public methods of a fake server, those for its start and end included."""
    found = vars(server) | vars(Hosted)
    return {name for name, each in found.items() if callable(each) and not name.startswith("_")}


def test_every_setting_record_and_method_of_the_fake_cloud_is_listed():
    settings = table("testing.md", "of `FakeCloud`", "default", "meaning")
    about = text("testing.md").partition("| of `FakeCloud` |")[2]
    named = set(re.findall(r"`(\w+)\b", about))

    fields = {each.name for each in dataclasses.fields(CloudKnobs) if each.repr}
    methods = methods_of(FakeCloud)
    assert fields | methods - {"start", "stop"} <= named
    fresh = FakeCloud()
    for name, (default, _) in settings.items():
        if name != "painter":
            assert default == f"`{getattr(fresh, name)!r}`", name


def test_every_argument_of_a_canned_answer_is_listed():
    listed = table("testing.md", "argument", "default", "meaning")

    assert {name: cells[0] for name, cells in listed.items()} == {
        each.name: f"`{getattr(Answer(), each.name)!r}`" for each in dataclasses.fields(Answer)
    }


def test_every_method_of_the_fake_server_is_listed():
    listed = " ".join(table("testing.md", "method", "does"))
    named = set(re.findall(r"`?(\w+)\(", listed))

    assert named == methods_of(FakeComfyUI)


# Scripts -----------------------------------------------------------------------------------------


def test_the_script_renders_and_reports(tmp_path, comfyui):
    (block,) = [each for each in blocks("python") if each.page == "scripting.md"]
    (tmp_path / "render.py").write_text(block.text, encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "render.py"],
        cwd=tmp_path,
        env={**os.environ, "COMFY_SERVER": comfyui.url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert any(re.fullmatch(rf"a\.md: step \d+ of \d+ on {comfyui.url}", line) for line in lines)
    assert {line for line in lines if "is done" in line} in (
        {"a.md is done (1 of 2)", "b.md is done (2 of 2)"},
        {"b.md is done (1 of 2)", "a.md is done (2 of 2)"},
    )
    for line, name in zip(lines[-2:], ("a.md", "b.md"), strict=True):
        path, width, height, file = line.split(" ", 3)
        assert (path, width, height) == (name, "1344", "768")
        assert Path(file).is_file()


def test_every_event_is_listed_with_its_fields():
    events = {
        name: value
        for module in (jobs, pipeline)
        for name, value in vars(module).items()
        if dataclasses.is_dataclass(value) and name in pipeline_events()
    }
    listed = table("scripting.md", "event", "fields", "when")

    assert {
        name.split("`")[0]: re.findall(r"`(\w+)`", fields) for name, (fields, _) in listed.items()
    } == {
        name: [field.name for field in dataclasses.fields(value)] for name, value in events.items()
    }
    for name in listed:
        event = name.split("`")[0]
        assert ("mkdocs_comfy.pipeline" in name) == hasattr(pipeline, event)


def pipeline_events():
    """Names of all members of the union, those of the renderer among them."""
    return set(re.findall(r"\w+", f"{production.Event} {jobs.RenderEvent} {jobs.JobEvent}"))


# What is sent ------------------------------------------------------------------------------------


def starting_from_an_image(site):
    folder = site.root / "comfy_templates"
    folder.mkdir()
    graph = json.loads(builtin_templates().read("sd15.json"))
    graph["20"] = {"class_type": "LoadImage", "inputs": {"image": "a.png"}}
    graph["5"] = {"class_type": "VAEEncode", "inputs": {"pixels": ["20", 0], "vae": ["4", 2]}}
    (folder / "start.json").write_text(json.dumps(graph))
    (folder / "start.toml").write_text('[parameters.start]\nto = ["20.image"]\ntype = "image"')
    (site.root / "docs" / "a.webp").write_bytes((DOCS / "assets" / "screenshot.webp").read_bytes())
    site.page("start.md", hero_prompt="a quay", hero_template="start", hero_image_from="a.webp")


def test_only_the_listed_requests_are_sent(site, comfyui):
    listed = set(
        re.findall(r"(?:GET|POST|, `) ?(/\w+)", " ".join(table("server.md", "request", "when")))
    )
    site.page("index.md", hero_prompt="a harbour")
    site.build()
    comfyui.hold()
    site.options["timeout"] = 0.1
    site.page("other.md", hero_prompt="a lighthouse")
    site.build()
    comfyui.release()
    comfyui.models["checkpoints"] = [f"model-{number}.safetensors" for number in range(30)]
    site.page("third.md", hero_prompt="a mill")
    site.build()
    starting_from_an_image(site)
    site.build()

    assert {request.route for request in comfyui.requests} == listed
    assert all(request.path.startswith("/api/") for request in comfyui.requests)
    for request in comfyui.requests:
        if request.route == "/interrupt":
            assert b"prompt_id" in request.body
        assert b'"clear"' not in request.body


# What happens when -------------------------------------------------------------------------------


def test_every_promise_for_unattended_builds_has_its_test():
    """The tests look after the other direction, and that the ends agree."""
    parts = re.split(r"^## ", text("unattended.md"), flags=re.MULTILINE)
    told = [part for part in parts if "| what happens |" in part]

    assert len(told) >= 8
    for part in told:
        (file,) = re.findall(r"^`(tests/\S+\.py)`", part, re.MULTILINE)
        source = (ROOT / file).read_text(encoding="utf-8")
        _, _, *rows = [line for line in part.splitlines() if line.startswith("|")]
        names = [row.split("|")[1].strip() for row in rows]
        assert len(names) == len(set(names))
        assert [name for name in names if name not in source] == []


# Errors ------------------------------------------------------------------------------------------


def kinds():
    found, waiting = set(), [errors.RenderError]
    while waiting:
        each = waiting.pop()
        waiting.extend(each.__subclasses__())
        if "kind" in vars(each):
            found.add(each)
    return found


def test_every_kind_of_failure_is_listed_and_has_a_section():
    listed = {
        kind: cells[-1] for kind, cells in table("errors.md", "kind", "in short", "ends").items()
    }

    ends = {True: "all renders of this build", False: "this one render"}
    assert listed == {each.kind: ends[each.fatal] for each in kinds()}
    assert set(listed) <= sections("errors.md")


# Everything else ---------------------------------------------------------------------------------


def test_every_make_target_that_is_named_exists():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    named = {
        name for path in PAGES for name in re.findall(r"(?:`|\$ )make ([a-z]+)", path.read_text())
    }

    assert {"demo", "test"} <= named <= targets
    described = set(re.findall(r"^([a-z]+):.*##", makefile, re.MULTILINE)) - {"help", "setup"}
    assert described <= set(re.findall(r"`make ([a-z]+)`", text("development.md")))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_to_files(path):
    """Anchors and pages in the navigation are checked by the strict build, ``make docs``."""
    source = BLOCK.sub("", path.read_text(encoding="utf-8"))

    for target in LINK.findall(source):
        assert (path.parent / target).is_file(), target


def test_all_pages_are_in_the_navigation():
    class Loader(yaml.SafeLoader):
        """Takes tags for the plain values behind them."""

    Loader.add_multi_constructor("!", lambda *_: None)
    config = yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), Loader)  # noqa: S506  # safe

    assert set(re.findall(r"[\w-]+\.md", str(config["nav"]))) == {path.name for path in PAGES[1:]}
    assert config["validation"]["links"]["anchors"] == "warn"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_nothing_is_promised_that_a_later_version_brings(path):
    """An option or key of ours in backticks exists."""
    source = path.read_text(encoding="utf-8")
    options = {name for name, _ in ComfyConfig()._schema}
    named = set(re.findall(r"`(hero_\w+)", BLOCK.sub("", source))) - {"hero_"}
    assert named <= {*KEYS, "hero_image", "hero_sed"}
    for later in ("serve_debounce", "widths"):
        assert later not in options
        assert f"`{later}" not in source
