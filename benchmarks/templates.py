"""What reading, showing and binding workflow templates costs.

``show``
    ``mkdocs-comfy template show FILE``, from the start of the process to its end, for the largest
    of the given workflows; without any, for one of 200 nodes, which is as many as the largest
    that ComfyUI ships for images has.
``bind``
    One template of 100 nodes, bound for 10,000 pages with a prompt, a seed, a size and two
    parameters each, keys included.
``refuse``
    A file of 20,000 nodes, read and refused.

Usage::

    python benchmarks/templates.py                       # 5 turns
    python benchmarks/templates.py --turns 9 DIR/*.json   # with workflows in API format

Exit status 1 when a median is above its bound: 200 ms, 2 s, 1 s.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mkdocs_comfy.builtin import builtin_templates
from mkdocs_comfy.errors import NoOutputError
from mkdocs_comfy.workflows.binding import Inputs, bind
from mkdocs_comfy.workflows.template import parse_template

if TYPE_CHECKING:
    from collections.abc import Callable

PAGES = 10_000
BOUNDS = {"show": 0.2, "bind": 2.0, "refuse": 1.0}


def workflow(nodes: int) -> dict[str, Any]:
    """The built-in workflow with a chain of LoRAs behind its checkpoint, up to ``nodes`` nodes."""
    graph: dict[str, Any] = json.loads(builtin_templates().read("default.json") or "")
    model, clip = ["4", 0], ["4", 1]
    for number in range(nodes - len(graph)):
        node_id = f"50:{number}"
        graph[node_id] = {
            "class_type": "LoraLoader",
            "inputs": {
                "lora_name": f"look-{number}.safetensors",
                "strength_model": 0.5,
                "strength_clip": 0.5,
                "model": model,
                "clip": clip,
            },
            "_meta": {"title": f"LoRA {number}"},
        }
        model, clip = [node_id, 0], [node_id, 1]
    graph["3"]["inputs"]["model"] = model
    graph["6"]["inputs"]["clip"] = graph["7"]["inputs"]["clip"] = clip
    return graph


def show(file: Path) -> None:
    """Run the command as a user does."""
    command = [sys.executable, "-m", "mkdocs_comfy", "template", "show", str(file)]
    done = subprocess.run(command, check=False, capture_output=True)
    assert done.returncode in (0, 1), done.stderr  # 1: one that asks which text is the prompt


def bind_all() -> None:
    """Bind every page, the template read once."""
    template = parse_template("large", json.dumps(workflow(100)))
    keys = set()
    for page in range(PAGES):
        inputs = Inputs(
            prompt=f"harbour number {page} in the fog",
            seed=page,
            negative="people",
            size=(1344, 768),
            params={"steps": 20 + page % 20, "cfg": 5.5},
        )
        keys.add(bind(template, inputs).key)
    assert len(keys) == PAGES


def refuse(text: str) -> None:
    """Read a graph without an output."""
    try:
        parse_template("huge", text)
    except NoOutputError:
        return
    raise AssertionError


def timed(act: Callable[[], None], turns: int) -> list[float]:
    """Seconds of each turn."""
    found = []
    for _ in range(turns):
        started = time.perf_counter()
        act()
        found.append(time.perf_counter() - started)
    return found


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workflows", nargs="*", type=Path)
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, "made.json")
        made.write_text(json.dumps(workflow(200)), encoding="utf-8")
        largest = max(options.workflows or [made], key=lambda file: file.stat().st_size)
        show(largest)  # the first start fills the disk's cache
        found = {"show": timed(lambda: show(largest), options.turns)}
        print(f"shown: {largest.name}, {largest.stat().st_size:,} bytes")
    found["bind"] = timed(bind_all, options.turns)
    huge = workflow(20_000)
    del huge["9"]
    text = json.dumps(huge)
    found["refuse"] = timed(lambda: refuse(text), options.turns)
    for name, seconds in found.items():
        low, middle, high = min(seconds), statistics.median(seconds), max(seconds)
        print(f"{name:8}{middle:8.3f} s [{low:.3f} to {high:.3f}], at most {BOUNDS[name]:g} s")
    return int(any(statistics.median(found[name]) > bound for name, bound in BOUNDS.items()))


if __name__ == "__main__":
    sys.exit(main())
