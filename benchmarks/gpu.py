"""Time per image on a real ComfyUI, next to the least that this server allows.

The same kind of jobs (other prompts and seeds each time, so that nothing comes from the server's
cache) goes two ways in turns:

``Renderer``
    Through our own renderer, as a build does: one job ahead, each image in hand.
``all at once``
    The limit: a bare loop posts all jobs before it asks for the first, so the server never waits
    for anybody, and downloads each image while the next is rendered.

Figures for each way: seconds from the first request to the last image, divided by the images, and
the fastest and the slowest turn; the share of that time in which the server was executing, from
the times in its own history, and the rest of it, an image; the size of an image. One image is
rendered before, unmeasured, so that the model is loaded.

Equal jobs take a server now more, now less time. Where turns of one way differ by as much as the
bound, take more of them; the rest is steadier than the sum.

Usage::

    python benchmarks/gpu.py --server http://127.0.0.1:8188
    python benchmarks/gpu.py --server http://gpu.lan:8188 --images 24 --steps 8 --turns 6
    python benchmarks/gpu.py --server http://gpu.lan:8188 --template mine

Templates are looked up in ``--templates-dir`` before those that ship with us. The server must have
what the template needs, and nothing else to do meanwhile.

Exit status 1 when an image takes more than 5 % longer than at the limit, or where nothing could
be measured.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import httpx

from mkdocs_comfy.builtin import builtin_templates, folder_templates
from mkdocs_comfy.comfyui.jobs import Failed, Limits, Rendered, RenderJob
from mkdocs_comfy.comfyui.renderer import Renderer
from mkdocs_comfy.comfyui.server import ServerConfig
from mkdocs_comfy.comfyui.transport import proxy_for
from mkdocs_comfy.errors import HeroError
from mkdocs_comfy.workflows.binding import BoundWorkflow, Inputs, bind, with_prefix
from mkdocs_comfy.workflows.library import Library

BOUND = 1.05
JOB_SECONDS = 600.0
IMAGE_BYTES = 64 * 2**20
LOOK_SECONDS = 0.05  # a look costs the server time that it could render in

Way: TypeAlias = Callable[[Sequence[BoundWorkflow]], int]
"""Renders all of them; returns the bytes of all images."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One turn of one way.

    Attributes:
        images: How many were rendered.
        wall: Seconds from the first request to the last image in hand.
        executing: Seconds of them in which the server was executing, as its history says.
        size: Bytes of all images.
    """

    images: int
    wall: float
    executing: float
    size: int


class Bench:
    """One server and one template, and the two ways from the one to images of the other.

    Args:
        server: The server.
        options: The command line.

    Raises:
        HeroError: The address cannot be used, or there is no such template.
    """

    def __init__(self, server: ServerConfig, options: argparse.Namespace) -> None:
        sources = [folder_templates(Path(options.templates_dir)), builtin_templates()]
        self._template = Library(sources).template(options.template)
        self._params = {} if options.steps is None else {"steps": options.steps}
        self._images = options.images
        self._next = secrets.randbelow(2**30)
        limits = Limits(timeout=JOB_SECONDS, max_bytes=IMAGE_BYTES)
        self._renderer = Renderer(server, limits=limits)
        self._http = httpx.Client(
            base_url=server.routes,
            headers=server.sent_headers(),
            proxy=proxy_for(server.display, server.proxy),
            trust_env=False,
            timeout=60,
        )

    def describe(self) -> str:
        """Return what is measured, in two lines."""
        stats = self._get("/system_stats")
        cards = " + ".join(device["name"] for device in stats["devices"])
        workflow = self._workflow()
        size = "x".join(str(side) for side in workflow.size or ()) or "size of the graph"
        steps = self._params.get("steps", "the template's")
        return (
            f"ComfyUI {stats['system']['comfyui_version']}, {cards}\n"
            f"template {workflow.template}, {size}, {steps} steps, {self._images} images a turn"
        )

    def warm_up(self) -> float:
        """Render one image; the seconds that it took, model and all."""
        begin = time.perf_counter()
        self.through_renderer([self._workflow()])
        return time.perf_counter() - begin

    def measure(self, way: Way) -> Turn:
        """Render new images that ``way``; what it took.

        Raises:
            SystemExit: The server rendered something else meanwhile.
        """
        workflows = [self._workflow() for _ in range(self._images)]
        before = self._get("/history").keys()
        begin = time.perf_counter()
        size = way(workflows)
        wall = time.perf_counter() - begin
        history = self._get("/history")
        entries = [history[prompt_id] for prompt_id in history.keys() - before]
        if len(entries) != len(workflows):
            message = f"{len(workflows)} jobs were posted and {len(entries)} are in the history: "
            raise SystemExit(message + "measure while nobody else uses the server")
        executing = sum(seconds_executing(entry) for entry in entries)
        return Turn(images=len(workflows), wall=wall, executing=executing, size=size)

    def through_renderer(self, workflows: Sequence[BoundWorkflow]) -> int:
        """Render as a build does; the bytes of all images.

        Raises:
            HeroError: An image could not be rendered.
        """
        jobs = [
            RenderJob(
                key=workflow.key,
                graph=workflow.graph,
                output=workflow.output,
                template=workflow.template,
                page="benchmark.md",
                size=workflow.size,
            )
            for workflow in workflows
        ]
        size = 0
        with closing(self._renderer.render(jobs)) as events:
            for event in events:
                match event:
                    case Rendered():
                        size += len(event.data)
                    case Failed():
                        raise event.error
        return size

    def all_at_once(self, workflows: Sequence[BoundWorkflow]) -> int:
        """Post everything, then fetch image by image; the bytes of all images.

        Raises:
            SystemExit: The server refused a job, or ended it without an image.
        """
        posted: list[str] = []
        try:
            posted += (self._post(workflow) for workflow in workflows)
            with ThreadPoolExecutor(max_workers=2) as downloads:
                bodies = [
                    downloads.submit(self._image, self._finished(prompt_id), workflow.output)
                    for prompt_id, workflow in zip(posted, workflows, strict=True)
                ]
                return sum(body.result() for body in bodies)
        finally:  # on Ctrl-C too, nothing of ours is left waiting
            self._http.post("/queue", json={"delete": posted})

    def _workflow(self) -> BoundWorkflow:
        self._next += 1
        prompt = f"a quiet harbour at dawn, mist over the water, plate {self._next}"
        return bind(self._template, Inputs(prompt=prompt, seed=self._next, params=self._params))

    def _post(self, workflow: BoundWorkflow) -> str:
        graph = with_prefix(workflow.graph, workflow.output, f"limit/{workflow.seed}")
        answer = self._http.post("/prompt", json={"prompt": graph})
        if answer.is_error:
            raise SystemExit(f"the server refused a job: {answer.text[:1000]}")
        return str(answer.json()["prompt_id"])

    def _finished(self, prompt_id: str) -> dict[str, Any]:
        until = time.monotonic() + JOB_SECONDS
        while not (history := self._get(f"/history/{prompt_id}")):
            if time.monotonic() > until:
                raise SystemExit(f"a job is not in the history after {JOB_SECONDS:.0f} s")
            time.sleep(LOOK_SECONDS)
        entry: dict[str, Any] = history[prompt_id]
        return entry

    def _image(self, entry: dict[str, Any], output: str) -> int:
        if entry["status"]["status_str"] != "success":
            raise SystemExit(f"a job failed: {entry['status']['messages'][-1]}")
        answer = self._http.get("/view", params=entry["outputs"][output]["images"][0])
        answer.raise_for_status()
        return len(answer.content)

    def _get(self, route: str) -> dict[str, Any]:
        answer = self._http.get(route)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found


def seconds_executing(entry: dict[str, Any]) -> float:
    """How long a job of the history ran: its own two times, in milliseconds of the epoch."""
    at = {name: data["timestamp"] for name, data in entry["status"]["messages"]}
    return float(at["execution_success"] - at["execution_start"]) / 1000


def report(name: str, turns: Sequence[Turn]) -> float:
    """Print one line over ``turns``; the seconds an image."""
    images = sum(turn.images for turn in turns)
    wall = sum(turn.wall for turn in turns)
    executing = sum(turn.executing for turn in turns)
    each = sorted(turn.wall / turn.images for turn in turns)
    spread = f"{each[0]:.3f}-{each[-1]:.3f}"
    rest = (wall - executing) / images * 1000
    size = sum(turn.size for turn in turns) / images / 1e6
    print(
        f"{name:<12} {wall / images:8.3f}  {spread:<15} {executing / wall:9.1%}"
        f" {rest:8.0f} {size:9.2f}"
    )
    return wall / images


def measure(options: argparse.Namespace) -> int:
    """Take turns, print, judge.

    Raises:
        HeroError: What is wrong with the server, the template or a job.
        httpx.HTTPError: Likewise, for what is asked without our renderer.
    """
    server = ServerConfig(url=options.server)
    bench = Bench(server, options)
    warm = bench.warm_up()
    print(f"{server.display}: {bench.describe()}")
    print(f"first image: {warm:.1f} s, model and all; then {options.turns} turns", flush=True)
    ours: list[Turn] = []
    limit: list[Turn] = []
    ways = [(bench.through_renderer, ours), (bench.all_at_once, limit)]
    for turn in range(options.turns):
        for way, turns in ways if turn % 2 == 0 else ways[::-1]:
            turns.append(bench.measure(way))
    print(
        f"{'':<12} {'s/image':>8}  {'turns':<15} {'executing':>9} {'rest, ms':>8} {'MB/image':>9}"
    )
    extra = report("Renderer", ours) / report("all at once", limit)
    kept = extra <= BOUND
    print(
        f"an image takes {extra - 1:+.1%} (bound: {BOUND - 1:+.0%}): {'kept' if kept else 'broken'}"
    )
    return 0 if kept else 1


def main() -> int:
    """Read the command line; 1 where a bound is broken or nothing could be measured."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--server", required=True, metavar="URL", help="an idle ComfyUI")
    parser.add_argument("--template", default="default", help="name of a template (default)")
    parser.add_argument(
        "--templates-dir",
        default="comfy_templates",
        metavar="DIR",
        help="where templates of your own are (comfy_templates)",
    )
    parser.add_argument("--images", type=int, default=12, help="images a turn (12)")
    parser.add_argument("--steps", type=int, help="steps of the sampler (the template's own)")
    parser.add_argument("--turns", type=int, default=4, help="how often each way (4)")
    options = parser.parse_args()
    try:
        return measure(options)
    except (HeroError, httpx.HTTPError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
