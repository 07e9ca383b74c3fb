"""The recipes as files: what the services' own rules and other people's linters say of them."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
RECIPES = ROOT / "docs" / "recipes"
TOOLS = ROOT / ".venvs" / "tools" / "bin"
WORKFLOWS = sorted(RECIPES.glob("github*.yml"))
PINNED = re.compile(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
SCHEMAS = {
    **{path.name: "vendor.github-workflows" for path in WORKFLOWS},
    "gitlab.yml": "vendor.gitlab-ci",
    "readthedocs.yml": "vendor.readthedocs",
}


def says(tool, *words):
    """Status of a tool, and what it says."""
    done = subprocess.run(
        [TOOLS / tool, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize(("name", "schema"), SCHEMAS.items(), ids=SCHEMAS)
def test_the_service_takes_the_file(name, schema, tmp_path):
    """By the JSON schema that the service, or SchemaStore for it, publishes."""
    status, said = says("check-jsonschema", "--builtin-schema", schema, RECIPES / name)
    assert status == 0, said

    broken = tmp_path / name  # a check that takes anything would be none
    broken.write_text((RECIPES / name).read_text().replace("version: 2", "version: two") + "a: b\n")
    assert says("check-jsonschema", "--builtin-schema", schema, broken)[0] == 1


def test_workflows_have_none_of_the_known_weaknesses():
    """Injection from expressions, credentials that stay behind, actions that are not pinned."""
    status, said = says("zizmor", "--offline", "--no-progress", "--color=never", *WORKFLOWS)

    assert status == 0, said
    assert "No findings to report" in said


def test_the_dockerfile_is_in_good_style():
    assert says("hadolint", RECIPES / "Dockerfile") == (0, "")


@pytest.mark.parametrize("name", ["pre-commit.yml", "pre-commit-local.yml"])
def test_pre_commit_takes_the_configuration(name):
    status, said = says("pre-commit", "validate-config", RECIPES / name)
    assert status == 0, said


def test_pre_commit_takes_the_manifest():
    status, said = says("pre-commit", "validate-manifest", ROOT / ".pre-commit-hooks.yaml")
    assert status == 0, said


def test_both_forms_of_the_hook_are_one(recipe):
    (published,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    (local,) = yaml.safe_load(recipe("pre-commit-local.yml"))["repos"][0]["hooks"]
    del published["description"]

    assert published | {"language": "system"} == local
    for file in (
        "docs/a.md",
        "heroes/0123456789abcdef.webp",
        "mkdocs.yml",
        "comfy_templates/x.json",
    ):
        assert re.search(published["files"], file)
    assert not re.search(published["files"], "README.md")


def test_the_versions_are_those_of_this_package(recipe):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert recipe("requirements.txt") == f"mkdocs-comfy=={project['version']}\n"
    assert f"rev: v{project['version']}\n" in recipe("pre-commit.yml")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_to_commits(path):
    used = re.findall(r"uses: (.+)", path.read_text(encoding="utf-8"))

    assert used
    assert [each for each in used if not PINNED.fullmatch(each)] == []


def test_one_action_is_one_commit_everywhere():
    used = {}
    for path in WORKFLOWS:
        for action, rest in re.findall(r"uses: ([\w-]+/[\w-]+)\S*?@(.+)", path.read_text()):
            used.setdefault(action, set()).add(rest)

    assert len(used) == 3
    assert {len(pins) for pins in used.values()} == {1}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_strangers_get_neither_secrets_nor_the_runner(path):
    text = path.read_text(encoding="utf-8")
    events = yaml.safe_load(text)[True]  # YAML 1.1 takes `on` for a boolean

    assert set(events) <= {"push", "pull_request", "workflow_dispatch"}
    if "self-hosted" in text:
        assert "pull_request" not in events
    for expression in re.findall(r"\$\{\{ (.*secrets\..*) \}\}", text):
        assert expression.startswith("github.event_name == 'push' && ")
