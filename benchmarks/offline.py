"""What a clone of a site with frozen heroes costs: its first build, the later ones, and ``check``.

A site of generated pages, each with a frozen hero of 1344x768, is built by Material, offline, in
processes of its own. Its images are grain on soft colours, about as hard to encode as what a model
paints.

``first``
    The cache is empty: every image is decoded, verified and encoded for the site. Compared with a
    bare loop that decodes and encodes the same files in a thread pool and does nothing else.
``later``
    All images are encoded: the same bounds as for any other warm build.
``restored``
    The cache was copied and lost its times, as CI may restore it: nothing is encoded.
``check``, ``quick``
    Every image decoded and every digest compared; digests alone. Processor time.

Usage::

    python benchmarks/offline.py                 # 1,000 heroes, 5 turns
    python benchmarks/offline.py --heroes 200 --turns 3

Exit status 1 when a bound is broken: 0.3 ms a page in our own code and 1.5 ms all in for ``later``;
none of httpx, Pillow, websockets and aiohttp imported for ``later`` and ``restored``; ``first`` at
most 1.2 times the bare loop; 20 ms an image and core for ``check``, 2 ms for ``quick``.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.config import load_config
from mkdocs.utils.meta import get_data
from PIL import Image, ImageChops, ImageFilter
from warm import Build, build, settled, spread, write_config, write_pages

from mkdocs_comfy.images.frozen import freeze_image
from mkdocs_comfy.images.inspect import inspect_image
from mkdocs_comfy.images.making import Making
from mkdocs_comfy.pipeline import PageSource, Pipeline
from mkdocs_comfy.pipeline.upkeep import Upkeep

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mkdocs_comfy.pipeline import Plan, PlannedHero
    from mkdocs_comfy.settings import Settings

SIZE = (1344, 768)
OWN_MS, ALL_IN_MS, FIRST_TIMES, CHECK_MS, QUICK_MS = 0.3, 1.5, 1.2, 20.0, 2.0


def main() -> int:
    """Generate the site, freeze its heroes, build and check in turns, print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--heroes", type=int, default=1000, help="pages, each with a hero (1000)")
    parser.add_argument("--turns", type=int, default=5, help="builds of each kind (5)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="offline-") as folder:
        return measure(Path(folder), options.heroes, options.turns)


def measure(root: Path, heroes: int, turns: int) -> int:
    """Run everything below ``root``; 1 when a bound is broken."""
    write_pages(root / "docs", heroes)
    for variant in ("plain", "offline"):
        comfy = {"comfy": {"mode": "offline", "cache_dir": "cache"}}
        write_config(root, variant, [{"search": {}}, *([comfy] if variant == "offline" else [])])
    settings, plan = planned(root)
    began = time.perf_counter()
    freeze_noise(plan, settings)
    print(f"{heroes} heroes frozen in {time.perf_counter() - began:.0f} s, {os.cpu_count()} cores")
    build(root, "plain")  # byte code and the file system's own cache

    first, bare = first_build(root, settings)
    plain = [settled(root, "plain")]
    later: list[Build] = []
    for _ in range(turns):
        later.append(settled(root, "offline"))
        plain.append(settled(root, "plain"))
    restore_without_times(root / "cache")
    restored = settled(root, "offline")

    base = statistics.median(each.wall for each in plain)
    own = [sum(each.own.values()) / heroes * 1000 for each in later]
    all_in = [(each.wall - base) / heroes * 1000 for each in later]
    times = (first.wall - base) / bare
    full, quick = (check(settings, plan, quick=quick) for quick in (False, True))
    print(f"\n{heroes} frozen heroes of {SIZE[0]}x{SIZE[1]}; median [min-max]")
    print(f"  first     {first.wall:.1f} s, {first.wall - base:.1f} s more than without us;")
    print(f"            the bare loop takes {bare:.1f} s: {times:.2f} times as long")
    print(f"  later     a page, own code: {spread(own, 'ms', 3)}")
    print(f"            a page, all in: {spread(all_in, 'ms', 2)}")
    print(f"            imported: {', '.join(later[-1].imported) or 'none'}")
    print(f"  restored  {restored.wall:.1f} s, imported: {', '.join(restored.imported) or 'none'}")
    print(f"  check     {full:.1f} ms an image and core; quick: {quick:.2f} ms")
    bounds = (
        ("times the bare loop", times, FIRST_TIMES),
        ("ms a page in our own code", statistics.median(own), OWN_MS),
        ("ms a page all in", statistics.median(all_in), ALL_IN_MS),
        ("packages imported", len(set(later[-1].imported) | set(restored.imported)), 0),
        ("ms an image and core to check", full, CHECK_MS),
        ("ms an image and core to check quickly", quick, QUICK_MS),
    )
    broken = [f"{found:.3g} {what}, bound {most:g}" for what, found, most in bounds if found > most]
    for each in broken:
        print(f"  BROKEN  {each}")
    return 1 if broken else 0


def planned(root: Path) -> tuple[Settings, Plan]:
    """The plugin's settings, and what the pages ask for."""
    plugin = load_config(str(root / "offline.yml")).plugins["comfy"]
    settings: Settings = plugin.config.settings({})
    with closing(Pipeline(settings)) as pipeline:
        return settings, pipeline.plan(sources(root / "docs"))


def sources(docs: Path) -> Iterator[PageSource]:
    """The pages with a prompt."""
    for path in sorted(docs.rglob("page-*.md")):
        text = path.read_text("utf-8")
        yield PageSource(
            path=path.relative_to(docs).as_posix(),
            meta=get_data(text)[1],
            title=partial(str, "A page"),
            source=partial(str, text),
        )


def freeze_noise(plan: Plan, settings: Settings) -> None:
    """Freeze an image of noise for each hero, all of them different."""
    grain = Image.effect_noise(SIZE, 24)
    clouds = [
        Image.effect_noise((14, 8), 90).resize(SIZE, Image.Resampling.BICUBIC) for _ in range(3)
    ]
    soft = [Image.blend(each, grain, 0.25) for each in clouds]
    picture = Image.merge("RGB", soft).filter(ImageFilter.GaussianBlur(0.7))

    def freeze(number: int, hero: PlannedHero) -> None:
        file = io.BytesIO()
        ImageChops.offset(picture, number % SIZE[0], number // SIZE[0]).save(
            file, "WEBP", quality=95
        )
        data = file.getvalue()
        freeze_image(
            settings.frozen_dir,
            hero.real_key,
            data,
            inspect_image(data, max_pixels=settings.max_pixels),
            pages=(hero.spec.page,),
            made=Making.of_bound(hero.bound),
        )

    with ThreadPoolExecutor() as pool:
        list(pool.map(freeze, range(len(plan.heroes)), plan.heroes.values()))


def first_build(root: Path, settings: Settings) -> tuple[Build, float]:
    """A build with an empty cache, and the seconds of a bare loop over the same files."""

    def encode(path: Path) -> None:
        with Image.open(path) as image:
            image.convert("RGB").save(io.BytesIO(), "WEBP", quality=80, method=4)

    shutil.rmtree(root / "cache", ignore_errors=True)
    first = settled(root, "offline")
    began = time.perf_counter()
    with ThreadPoolExecutor() as pool:
        list(pool.map(encode, settings.frozen_dir.glob("*.webp")))
    return first, time.perf_counter() - began


def restore_without_times(cache: Path) -> None:
    """Copy the cache file by file, as archives without times do."""
    aside = cache.with_name("cache-saved")
    cache.rename(aside)
    shutil.copytree(aside, cache, copy_function=shutil.copyfile)


def check(settings: Settings, plan: Plan, *, quick: bool) -> float:
    """Milliseconds of processor time an image that ``check`` takes, on all cores together."""
    with closing(Upkeep(settings)) as upkeep:
        began = time.process_time()
        findings = upkeep.check(plan, root=settings.frozen_dir.parent, quick=quick)
        took = time.process_time() - began
    if findings:
        raise SystemExit(f"check found {findings[0].message}")
    return took / len(plan.heroes) * 1000


if __name__ == "__main__":
    sys.exit(main())
