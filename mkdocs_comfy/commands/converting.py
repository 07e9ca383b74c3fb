"""From the editor's format to API format, by a converter that its user has installed.

The editor does this itself, with **Export (API)**, and knows best. Converters need the node
definitions of a server, since the editor's file has values without names. Each runs as a program
of its own.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mkdocs_comfy.errors import UiFormatError, printable, shorten
from mkdocs_comfy.workflows.reading import EXPORT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Definitions = Callable[[Iterable[str]], Mapping[str, Any]]

SECONDS = 60
"""How long a converter may take."""

_COMFY_CLI = """
import json, sys
from comfy_cli.workflow_to_api import convert_ui_to_api
folder = sys.argv[1]
with open(folder + "/in.json", encoding="utf-8") as file: workflow = json.load(file)
with open(folder + "/nodes.json", encoding="utf-8") as file: nodes = json.load(file)
with open(folder + "/out.json", "w", encoding="utf-8") as file:
    json.dump(convert_ui_to_api(workflow, nodes), file)
"""
_AUTOGRAPH = """
import sys
from autograph.cli import main
folder = sys.argv[1]
sys.argv[1:] = ["-i", folder + "/in.json", "-o", folder + "/out.json",
                "-f", folder + "/nodes.json"]
sys.exit(main())
"""
_CONVERTERS = (
    ("comfy_cli", "comfy-cli", _COMFY_CLI),
    ("autograph", "comfyui-autograph", _AUTOGRAPH),
)
"""Module to look for, name of the package, program; the first that is installed is used."""


def installed_converter() -> str | None:
    """Return the name of the converter that is installed, or ``None``."""
    return next((name for module, name, _ in _CONVERTERS if importlib.util.find_spec(module)), None)


def convert(name: str, file: str, text: str, *, definitions: Definitions) -> str:
    """Return the workflow ``text`` in API format.

    Args:
        name: Name of the template, for errors.
        file: The file as its owner knows it, for errors.
        text: The workflow in the editor's format.
        definitions: Gives the server's definitions of node classes.

    Raises:
        UiFormatError: No converter is installed, or it fails.
        RenderError: The server cannot be asked for its nodes.
    """
    program = next((each for each in _CONVERTERS if importlib.util.find_spec(each[0])), None)
    if program is None:
        raise UiFormatError(
            template=name,
            problem=f"{file} is in the format of ComfyUI's editor, which servers do not run",
            way_out=f"open it in ComfyUI, {EXPORT}, and take that file\n"
            "or install a converter and have your ComfyUI running: pip install comfy-cli",
        )
    nodes = definitions(node_types(json.loads(text)))
    with tempfile.TemporaryDirectory(prefix="mkdocs-comfy-") as folder:
        for part, content in (("in", text), ("nodes", json.dumps(nodes))):
            Path(folder, f"{part}.json").write_text(content, encoding="utf-8")
        try:
            done = subprocess.run(  # noqa: S603  # a converter that its user has installed
                [sys.executable, "-c", program[2], folder],
                capture_output=True,
                text=True,
                errors="replace",
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise _failed(name, file, program[1], f"it took longer than {SECONDS} s") from error
        result = Path(folder, "out.json")
        if done.returncode or not result.is_file():
            said = (done.stderr or done.stdout).strip().splitlines() or ["it said nothing"]
            raise _failed(name, file, program[1], said[-1])
        return result.read_text(encoding="utf-8")


def node_types(document: Any) -> frozenset[str]:
    """Return the classes of the nodes of a workflow in the editor's format, subgraphs included."""
    found: set[str] = set()
    waiting = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            nodes = value.get("nodes")
            if isinstance(nodes, list):
                found |= {each["type"] for each in nodes if _has_type(each)}
            waiting += [value.get("definitions"), value.get("subgraphs")]
        elif isinstance(value, list):
            waiting += value
    return frozenset(found)


def _has_type(node: object) -> bool:
    return isinstance(node, dict) and isinstance(node.get("type"), str)


def _failed(name: str, file: str, converter: str, said: str) -> UiFormatError:
    return UiFormatError(
        template=name,
        problem=f"{converter} cannot convert {file}: {shorten(printable(said), 200)}",
        way_out=f"open it in ComfyUI, {EXPORT}, and take that file",
    )
