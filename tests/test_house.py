"""The shape of the code base: direction of imports, sizes, words, and what a warm build loads."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "mkdocs_comfy"
MODULES = sorted(PACKAGE.rglob("*.py"))

LAYERS = {
    "errors": 0,
    "text": 0,
    "pages": 1,
    "workflows": 1,
    "comfyui": 2,
    "images": 2,
    "builtin": 2,
    "testing": 2,
    "settings": 2,
    "pipeline": 3,
    "options": 4,
    "options_server": 4,
    "options_remote": 4,
    "options_styles": 4,
    "config": 4,
    "colours": 4,
    "site": 4,
    "progress": 4,
    "wording": 4,
    "heroes": 4,
    "plugin": 5,
    "commands": 5,
    "cli": 6,
    "__main__": 7,
}
"""Package or module → its layer. A module imports from its own package and from lower layers."""


def _part(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def _imports(path: Path) -> set[str]:
    """Names that a module imports, those in functions and for types only included."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{name.name}" for name in node.names}
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
    return found


def _layer_of(path: Path) -> str:
    inside = path.relative_to(PACKAGE)
    return inside.parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path):
    part = _layer_of(path)
    if part == "__init__":
        return
    ours = {_part(name) for name in _imports(path) if name.startswith("mkdocs_comfy.")} - {part, ""}
    upward = {other for other in ours if other in LAYERS and LAYERS[other] >= LAYERS[part]}
    # The MkDocs door is several modules of one layer; plugin.py stands above them.
    allowed = {name for name, layer in LAYERS.items() if layer == LAYERS[part] == 4}
    assert upward <= allowed


def test_every_module_has_a_layer():
    parts = {_layer_of(path) for path in MODULES} - {"__init__"}
    assert parts <= set(LAYERS)


@pytest.mark.parametrize("package", ["pages", "workflows"])
def test_pure_packages_do_no_io(package):
    forbidden = {"logging", "time", "socket", "os", "pathlib", "httpx", "PIL", "random", "mkdocs"}
    for path in (PACKAGE / package).rglob("*.py"):
        assert not {name.split(".")[0] for name in _imports(path)} & forbidden, path


def test_comfyui_and_images_do_not_know_each_other():
    for one, other in (("comfyui", "images"), ("images", "comfyui")):
        for path in (PACKAGE / one).rglob("*.py"):
            assert not [name for name in _imports(path) if name.startswith(f"mkdocs_comfy.{other}")]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_module_is_longer_than_a_person_reads(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 320


def test_importing_the_plugin_loads_nothing_heavy():
    code = (
        "import sys; import mkdocs_comfy.plugin;"
        "heavy = ('httpx', 'PIL', 'websockets', 'aiohttp', 'fsspec');"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
