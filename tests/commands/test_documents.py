"""The JSON documents, as a whole: a change of one is a change of an interface."""

import json
import re
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parents[1] / "goldens" / "documents.json"
STEPS = {
    "plan": ("plan",),
    "dry run": ("render", "--dry-run"),
    "render": ("render", "a.md", "broken.md"),
    "candidates": ("render", "a.md", "--seeds", "2"),
    "keep": ("keep", "a.md", "8"),
    "freeze": ("freeze",),
    "check": ("check",),
    "prune": ("prune",),
    "usage": ("render", "nowhere.md"),
}


@pytest.fixture
def plain(site, comfyui):
    """Take out of a document what differs from run to run."""

    def clean(out):
        text = out.replace(str(site.root), "ROOT").replace(comfyui.url, "SERVER")
        text = re.sub(r'"seconds": \d+\.\d+', '"seconds": 0.5', text)
        text = re.sub(r'"(bytes|frozen|cache)": \d{3,}', r'"\1": 1000', text)
        return json.loads(text)

    return clean


def test_documents_are_what_they_were(site, run, comfyui, plain):
    site.page("a.md", hero_prompt="a harbour", hero_seed=7, hero_alt="Boats")
    site.page("broken.md", hero_prompt="a lake", hero_template="mine")
    site.page("off.md", hero_prompt="a pond", hero=False)
    graph = json.loads((Path(__file__).parents[2] / "templates/default.json").read_text("utf-8"))
    graph["4"]["inputs"]["ckpt_name"] = "mine.safetensors"
    (site.root / "comfy_templates").mkdir()
    (site.root / "comfy_templates/mine.json").write_text(json.dumps(graph))

    said = {name: run(*words, "--json") for name, words in STEPS.items()}

    found = {
        name: {"status": each.status, "document": plain(each.out)} for name, each in said.items()
    }
    assert found == json.loads(GOLDEN.read_text(encoding="utf-8"))
