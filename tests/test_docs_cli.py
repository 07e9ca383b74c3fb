"""docs/cli.md is in step with the command line."""

import ast
import json
import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from mkdocs_comfy import errors
from mkdocs_comfy.cli import main
from mkdocs_comfy.commands import output
from mkdocs_comfy.commands.checking import KINDS
from mkdocs_comfy.commands.plans import STATES

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")


def rows(*columns):
    """The cells of every row of the tables with these columns."""
    head = "| " + " | ".join(columns) + " |\n" + "|---" * len(columns) + "|\n"
    _, *parts = (PAGE + "\n").split(head)
    assert parts, columns
    return [
        [
            cell.strip().strip("`")
            for cell in row.replace("red|blue", "red or blue").split("|")[1:-1]
        ]
        for part in parts
        for row in part.partition("\n\n")[0].splitlines()
    ]


def commands(group=main, path=("mkdocs-comfy",)):
    """Every command with its words."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command, words = group.get_command(context, name), (*path, name)
        if isinstance(command, click.Group):
            yield from commands(command, words)
        else:
            yield words, command


def test_every_command_is_listed_with_its_arguments():
    listed = {row[0] for row in rows("command", "does")}

    assert listed == {
        " ".join([*words, *(
            each.make_metavar(click.Context(command))
            for each in command.params
            if isinstance(each, click.Argument)
        )])
        for words, command in commands()
    }  # fmt: skip


def test_every_option_is_listed_with_its_commands():
    listed = {}
    for option, of, _ in rows("option", "of", "meaning"):
        listed[re.sub("`", "", option)] = of
    used = {}
    for words, command in commands():
        for each in command.params:
            if isinstance(each, click.Option):
                shown = ", ".join(sorted(each.opts, key=len, reverse=True))
                used.setdefault(shown, set()).add(" ".join(words[1:]))
    everywhere = {" ".join(words[1:]) for words, _ in commands()}

    assert listed == {
        "--version": "mkdocs-comfy",
        **{
            option: "every command" if of == everywhere else ", ".join(sorted(of))
            for option, of in used.items()
        },
    }


def classes():
    found, waiting = set(), [errors.HeroError]
    while waiting:
        each = waiting.pop()
        waiting.extend(each.__subclasses__())
        if "kind" in vars(each):
            found.add(each)
    return found


def test_every_kind_of_error_is_listed():
    listed = {row[0] for row in rows("kind", "meaning", "more fields")}

    others = {each.kind for each in classes() if not issubclass(each, errors.RenderError)}
    assert listed == {"usage", "aborted"} | others


def test_every_kind_of_finding_is_listed_with_its_severity():
    listed = {row[0]: row[1] for row in rows("kind of finding", "severity", "meaning")}
    tree = ast.parse((ROOT / "mkdocs_comfy/workflows/linting.py").read_text(encoding="utf-8"))
    made = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "LintFinding":
            given = {each.arg: each.value for each in node.keywords}
            kind = given["kind"]
            name = kind.value if isinstance(kind, ast.Constant) else "uncertain_…"
            made[name] = given["severity"].value

    assert listed == made


@pytest.mark.parametrize(
    ("words", "section"), [(("show", "default"), "template show"), (("list",), "template list")]
)
def test_every_field_is_named(tmp_path, monkeypatch, words, section):
    monkeypatch.chdir(tmp_path)
    out = CliRunner().invoke(main, ["template", *words, "--json"]).stdout
    document = json.loads(out)
    fields = document["templates"][0] if words == ("list",) else document

    assert section in PAGE
    assert {name for name in fields if f"`{name}`" not in PAGE} == set()


def test_what_show_prints_is_what_the_page_shows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = "mkdocs-comfy template show default"

    printed = CliRunner().invoke(main, command.split()[1:]).stdout

    assert f"```text\n$ {command}\n{printed}```\n" in PAGE


def test_exit_statuses_are_those_of_the_code():
    assert [row[0] for row in rows("exit status", "meaning")] == [
        str(each) for each in (output.FINE, output.FINDINGS, output.USAGE)
    ]


DOCUMENTS = json.loads((ROOT / "tests" / "goldens" / "documents.json").read_text(encoding="utf-8"))


def section(name):
    return PAGE.partition(f"\n## {name}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("name", ["plan", "render", "keep", "freeze", "check", "prune"])
def test_every_field_of_a_document_is_named_in_its_section(name):
    document = DOCUMENTS[name]["document"]
    fields = set(document)
    for value in document.values():
        if isinstance(value, list):
            fields |= {field for each in value if isinstance(each, dict) for field in each}
    told = section(name) + (section("plan") if name == "render" else "")

    missing = [field for field in fields if not re.search(f'[`"]{field}[`"]', told)]
    assert missing == []


def test_every_state_and_kind_is_listed():
    severity = {"no_alt": "note"}

    assert [row[0] for row in rows("state", "meaning")] == list(STATES)
    assert {row[0]: row[1] for row in rows("kind of a check", "severity", "meaning")} == {
        kind: severity.get(kind, "error") for kind in KINDS
    }
