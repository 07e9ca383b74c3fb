"""The recipes of docs/ci.md for committed images, run in a clean clone without a server."""

import re
import subprocess
from pathlib import Path
from shutil import which

import pytest
import yaml

PAGE = (Path(__file__).parents[2] / "docs" / "ci.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r'^```yaml title="([^"]+)"\n(.*?)^```$', PAGE, re.MULTILINE | re.DOTALL)


def git(folder, *words):
    return subprocess.run(
        [which("git"), "-c", "user.name=a", "-c", "user.email=a@b.c", *words],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    ).stdout


@pytest.fixture
def clone(site, run, comfyui, tmp_path):
    """What CI checks out: the images, and no cache."""
    site.config["theme"] = "material"
    for name in "ab":
        site.page(f"{name}.md", hero_prompt=name, hero_alt="")
    site.page("index.md")
    assert run("render").status == 0
    assert run("freeze").status == 0
    (site.root / ".gitignore").write_text("/site/\n")
    git(site.root, "init", "-q")
    git(site.root, "add", ".")
    git(site.root, "commit", "-q", "-m", "All")
    comfyui.stop()
    git(tmp_path, "clone", "-q", str(site.root), "clone")
    site.root = tmp_path / "clone"
    return site.root


def commands(title):
    """The commands that the first recipe of this name runs, but for what it installs."""
    recipe = yaml.safe_load(next(text for name, text in BLOCKS if name == title))
    if "repos" in recipe:
        return [recipe["repos"][0]["hooks"][0]["entry"]]
    steps = recipe["jobs"]["build"]["steps"]
    return [each["run"] for each in steps if "run" in each and "pip install" not in each["run"]]


@pytest.mark.parametrize("title", [".github/workflows/docs.yml", ".pre-commit-config.yaml"])
def test_a_clone_is_checked_and_built_as_the_recipe_says(clone, shell, comfyui, title):
    asked = len(comfyui.requests)
    for command in commands(title):
        assert command.startswith("mkdocs")
        said = shell(command, CI="true")
        assert said.status == 0, said

    assert len(comfyui.requests) == asked
    assert git(clone, "status", "--porcelain") == ""
    if "build" in "".join(commands(title)):
        assert len(list((clone / "site/assets/heroes").iterdir())) == 2


@pytest.mark.parametrize("title", [".github/workflows/docs.yml", ".pre-commit-config.yaml"])
def test_what_was_forgotten_is_found(clone, shell, site, title):
    site.page("new.md", hero_prompt="new", hero_alt="")

    said = shell(commands(title)[0], CI="true")

    assert said.status == 1
    assert "mkdocs-comfy render new.md && mkdocs-comfy freeze" in said.out


def test_the_hook_looks_where_images_and_pages_are():
    hook = yaml.safe_load(dict(BLOCKS)[".pre-commit-config.yaml"])["repos"][0]["hooks"][0]

    for file in (
        "docs/a.md",
        "heroes/0123456789abcdef.webp",
        "mkdocs.yml",
        "comfy_templates/x.json",
    ):
        assert re.search(hook["files"], file)
    assert not re.search(hook["files"], "README.md")
