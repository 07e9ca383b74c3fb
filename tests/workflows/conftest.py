"""Templates to test with: realistic graphs in ``graphs/``, and those that ship with us."""

import json
from pathlib import Path

import pytest

from mkdocs_comfy.builtin import builtin_templates
from mkdocs_comfy.workflows.template import parse_template

GRAPHS = Path(__file__).parent / "graphs"


@pytest.fixture(scope="session")
def graph():
    """A graph of ``graphs/`` by its name, fresh on every call."""
    return lambda name: json.loads(graph_text(name))


@pytest.fixture(scope="session")
def template():
    """A template by the name of its graph; ``graph`` may be given changed, as a mapping."""

    def parse(name, graph=None, *, toml=None):
        text = graph_text(name) if graph is None else json.dumps(graph)
        return parse_template(name, text, toml=toml)

    return parse


def graph_text(name):
    if name in {"default", "sd15"}:
        return builtin_templates().read(f"{name}.json")
    return (GRAPHS / f"{name}.json").read_text(encoding="utf-8")
