"""What the plugin costs a build that renders nothing.

A site of generated pages is built by Material in processes of its own: without the plugin, with it
and every hero in the cache, and (``--social``) with Material's ``social`` plugin and every card in
its cache. The variants take turns, so that whatever else the machine does hits all of them; what
counts are the differences within one turn.

Usage::

    python benchmarks/warm.py                  # 1,000 pages, 5 turns
    python benchmarks/warm.py --pages 10000 --turns 3
    python benchmarks/warm.py --social /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf

``--social`` wants ``mkdocs-material[imaging]`` and a TrueType file, which is laid into that
plugin's font cache: no variant opens a connection to anywhere, but for the stand-in server that
fills our cache once.

Exit status 1 when a bound is broken: 0.2 ms a page in our own code, 1.2 ms a page all in, 100 MB
more memory at the peak, or one of httpx, Pillow, websockets and aiohttp imported.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

OWN_MS, ALL_IN_MS, MEMORY_MB = 0.2, 1.2, 100.0
HEAVY = ("PIL", "httpx", "websockets", "aiohttp")
HERO_SIZE = "256x144"  # small: what is measured are pages, not pixels
WORDS = (
    "harbour tide lantern ridge north gravel swallow slate morning chart anchor willow bright rope "
    "window narrow amber signal meadow quiet kettle copper drift stone ladder river cedar"
)

# Runs inside the measured build, as an MkDocs hook: times every call of our plugin, and notes at
# the end what was imported. Written next to mkdocs.yml, for all variants alike.
PROBE = """
import json, os, sys, time
from mkdocs.plugins import event_priority

seconds = {}

def timed(event, method):
    def call(*args, **kwargs):
        begin = time.perf_counter()
        try:
            return method(*args, **kwargs)
        finally:
            seconds[event] = seconds.get(event, 0.0) + time.perf_counter() - begin
    return call

@event_priority(1000)
def on_config(config):
    for event, methods in config.plugins.events.items():
        for index, method in enumerate(methods):
            owner = type(getattr(method, "__self__", None)).__module__
            if owner == "mkdocs_comfy.plugin":
                methods[index] = timed(event, method)

@event_priority(-1000)
def on_shutdown():
    heavy = [name for name in HEAVY if name in sys.modules]
    with open(os.environ["PROBE_REPORT"], "w", encoding="utf-8") as report:
        json.dump({"seconds": seconds, "imported": heavy}, report)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """What one build took.

    Attributes:
        wall: Seconds from the start of the process to its end.
        cpu: Seconds of processor time; steadier than ``wall`` on a busy machine.
        memory: Peak resident memory, MB (10**6 bytes).
        own: Seconds inside our plugin's hooks, by event.
        imported: Packages of ``HEAVY`` that the build imported.
    """

    wall: float
    cpu: float
    memory: float
    own: dict[str, float]
    imported: list[str]


def main() -> int:
    """Generate the site, fill the caches, take turns, print the figures."""
    options = parse_options()
    root = Path(options.keep or tempfile.mkdtemp(prefix="warm-"))
    try:
        return measure(root, options)
    finally:
        if not options.keep:
            shutil.rmtree(root, ignore_errors=True)


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pages", type=int, default=1000, help="pages, each with a hero (1000)")
    parser.add_argument("--turns", type=int, default=5, help="builds of each variant (5)")
    parser.add_argument("--social", metavar="FONT", type=Path, help="compare with `social`")
    parser.add_argument("--no-search", action="store_true", help="leave Material's search out")
    parser.add_argument("--keep", metavar="DIR", help="generate there, and leave it there")
    return parser.parse_args()


def measure(root: Path, options: argparse.Namespace) -> int:
    """Run all variants in turns below ``root``; 1 when a bound is broken."""
    variants = ["plain", "comfy", *(["social"] if options.social else [])]
    write_pages(root / "docs", options.pages)
    for variant in variants:
        write_config(root, variant, plugins_of(variant, search=not options.no_search))
    if options.social:
        seed_fonts(root, options.social)
    for variant in variants[1:]:
        filled = build(root, variant)
        print(f"{variant}: caches filled in {filled.wall:.1f} s")
    for variant in variants:
        build(root, variant)  # once more unmeasured: byte code and the file system's own cache
    turns: list[dict[str, Build]] = []
    for turn in range(options.turns):
        order = variants if turn % 2 == 0 else variants[::-1]
        turns.append({variant: settled(root, variant) for variant in order})
        line = ", ".join(f"{each} {turns[-1][each].wall:.2f} s" for each in variants)
        print(f"turn {turn + 1}: {line}", flush=True)
    return report(turns, variants, options.pages)


def settled(root: Path, variant: str) -> Build:
    """Build once the disk is done with what the builds before have written and deleted."""
    for site in root.glob("site-*"):
        shutil.rmtree(site)
    if hasattr(os, "sync"):
        os.sync()
    return build(root, variant)


def report(turns: list[dict[str, Build]], variants: list[str], pages: int) -> int:
    """Print what was measured; 1 when a bound is broken."""
    print(f"\n{pages} pages, {len(turns)} turns; median [min-max]")
    for variant in variants:
        walls = [turn[variant].wall for turn in turns]
        memory = [turn[variant].memory for turn in turns]
        print(f"  {variant:<7} wall {spread(walls, 's', 2)}   peak {spread(memory, 'MB', 0)}")
    for variant in variants[1:]:
        extra = [(turn[variant].wall - turn["plain"].wall) / pages * 1000 for turn in turns]
        busy = [(turn[variant].cpu - turn["plain"].cpu) / pages * 1000 for turn in turns]
        print(
            f"  {variant:<7} a page, all in: {spread(extra, 'ms', 2)}"
            f" (processor time: {spread(busy, 'ms', 2)})"
        )
    all_in = statistics.median(
        (turn["comfy"].wall - turn["plain"].wall) / pages * 1000 for turn in turns
    )
    totals = [sum(turn["comfy"].own.values()) / pages * 1000 for turn in turns]
    print(f"  comfy   a page, own code: {spread(totals, 'ms', 3)}")
    events = turns[-1]["comfy"].own
    for event in sorted(events, key=lambda each: -events[each]):
        took = [turn["comfy"].own.get(event, 0.0) / pages * 1000 for turn in turns]
        print(f"            {event:<14} {spread(took, 'ms', 3)}")
    grown = statistics.median(turn["comfy"].memory - turn["plain"].memory for turn in turns)
    print(f"  comfy   peak memory above plain: {grown:.0f} MB")
    imported = sorted({name for turn in turns for name in turn["comfy"].imported})
    print(f"  comfy   imported of {', '.join(HEAVY)}: {', '.join(imported) or 'none'}")
    bounds = (
        ("ms a page in our own code", statistics.median(totals), OWN_MS),
        ("ms a page all in", all_in, ALL_IN_MS),
        ("MB above the build without us", grown, MEMORY_MB),
        ("heavy packages imported", len(imported), 0),
    )
    broken = [f"{found:.3g} {what}, bound {most:g}" for what, found, most in bounds if found > most]
    for each in broken:
        print(f"  BROKEN  {each}")
    return 1 if broken else 0


def spread(values: list[float], unit: str, digits: int) -> str:
    """Return median, smallest and largest of ``values`` as text."""
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{middle:.{digits}f} [{low:.{digits}f}-{high:.{digits}f}] {unit}"


def build(root: Path, variant: str) -> Build:
    """Build one variant in a process of its own."""
    notes = root / f"{variant}.json"
    notes.unlink(missing_ok=True)
    shutil.rmtree(root / f"site-{variant}", ignore_errors=True)  # as on a fresh machine
    command = [sys.executable, "-m", "mkdocs", "build", "-q", "-f", str(root / f"{variant}.yml")]
    environment = os.environ | {"PROBE_REPORT": str(notes), "NO_MKDOCS_2_WARNING": "1"}
    environment.pop("CI", None)
    begin = time.perf_counter()
    with subprocess.Popen(command, env=environment) as process:
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{variant}: mkdocs failed with status {process.returncode}")
    found: dict[str, Any] = json.loads(notes.read_text("utf-8"))
    scale = 1 if sys.platform == "darwin" else 1024  # getrusage(2): bytes there, kilobytes here
    return Build(
        wall=wall,
        cpu=usage.ru_utime + usage.ru_stime,
        memory=usage.ru_maxrss * scale / 1e6,
        own=found["seconds"],
        imported=found["imported"],
    )


def plugins_of(variant: str, *, search: bool) -> list[dict[str, dict[str, Any]]]:
    """The plugins of one of the variants."""
    plugins: list[dict[str, dict[str, Any]]] = [{"search": {}}] if search else []
    if variant == "comfy":
        plugins.append({"comfy": {"server": "embedded", "cache_dir": "cache/comfy"}})
    if variant == "social":
        layout = {"font_family": "Benchmark"}
        plugins.append({"social": {"cache_dir": "cache/social", "cards_layout_options": layout}})
    return plugins


def write_config(root: Path, variant: str, plugins: list[dict[str, dict[str, Any]]]) -> None:
    """Write ``<variant>.yml`` and the probe that all variants run."""
    config = {
        "site_name": "Measured builds",
        "site_url": "https://measured.example/",
        "site_dir": f"site-{variant}",
        "theme": {"name": "material", "font": False, "features": ["navigation.prune"]},
        "plugins": plugins,
        "hooks": ["probe.py"],
    }
    (root / f"{variant}.yml").write_text(yaml.safe_dump(config), "utf-8")
    (root / "probe.py").write_text(f"HEAVY = {HEAVY!r}\n{PROBE}", "utf-8")


def write_pages(docs: Path, count: int) -> None:
    """Write ``count`` pages in sections of fifty: front matter, prose, one block of code."""
    chance = random.Random(2026)  # noqa: S311  # the same prose every time, no secret
    words = WORDS.split()
    docs.mkdir(parents=True, exist_ok=True)
    (docs / "index.md").write_text("# Warm builds\n", "utf-8")
    for number in range(count):
        section = docs / f"section-{number // 50:03}"
        section.mkdir(exist_ok=True)
        prose = "\n\n".join(" ".join(chance.choices(words, k=50)).capitalize() for _ in range(3))
        (section / f"page-{number:05}.md").write_text(
            f"---\ndescription: Page {number}\n"
            f"hero_prompt: a {' '.join(chance.choices(words, k=4))} by the sea, plate {number}\n"
            f"hero_size: {HERO_SIZE}\nhero_alt: Plate {number}\n---\n\n"
            f"# Page {number}\n\n{prose}\n\n```python\nprint({number})\n```\n",
            "utf-8",
        )


def seed_fonts(root: Path, font: Path) -> None:
    """Lay ``font`` where the social plugin looks before it asks the network."""
    family = root / "cache" / "social" / "fonts" / "Benchmark"
    family.mkdir(parents=True, exist_ok=True)
    for style in ("Regular", "Bold"):
        shutil.copyfile(font, family / f"{style}.ttf")


if __name__ == "__main__":
    sys.exit(main())
