"""The pipeline as a script would set it up."""

import dataclasses
import io
import shutil
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass

import pytest
from PIL import Image

from mkdocs_comfy.comfyui.jobs import Failed, Rendered
from mkdocs_comfy.comfyui.server import Pace
from mkdocs_comfy.images.cache import HeroCache
from mkdocs_comfy.images.sidecar import stem_of
from mkdocs_comfy.pipeline import PageSource, Pipeline
from mkdocs_comfy.pipeline.upkeep import Upkeep
from mkdocs_comfy.settings import Mode, OnMissing, ServerSettings, Settings


@pytest.fixture
def settings(tmp_path, comfyui):
    return Settings(
        servers=(
            ServerSettings(
                url=comfyui.url,
                explicit=True,
                headers={},
                verify=True,
                client_cert=None,
                proxy="auto",
            ),
        ),
        template="default",
        templates_dir=tmp_path / "templates",
        size=(512, 256),
        mode=Mode.AUTO,
        on_missing=OnMissing.WARN,
        ci=False,
        timeout=30,
        max_time=None,
        retries=2,
        patience=3,
        max_bytes=2**26,
        max_pixels=50_000_000,
        cache_dir=tmp_path / "cache",
        frozen_dir=tmp_path / "heroes",
        assets_dir="assets/heroes",
        place="after_title",
    )


@pytest.fixture
def replaced():
    """Settings with other values for their server."""

    def replace(settings, **server):
        (first,) = settings.servers
        return dataclasses.replace(settings, servers=(dataclasses.replace(first, **server),))

    return replace


@pytest.fixture
def new_pipeline():
    """Make pipelines that are closed in the end."""
    with ExitStack() as made:

        def make(settings, **options):
            return made.enter_context(closing(Pipeline(settings, **options)))

        yield make


@pytest.fixture
def other_build():
    """Make caches as another build beside ours has them, closed in the end."""
    with ExitStack() as made:
        yield lambda settings: made.enter_context(closing(HeroCache(settings.cache_dir)))


@pytest.fixture
def page():
    """Make a page that asks for a hero."""

    def make(path="a.md", **meta):
        return PageSource(
            path=path,
            meta={"hero_prompt": "a harbour", **meta},
            title=lambda: "Title",
            source=lambda: "---\nhero_prompt: a harbour\n---\n",
        )

    return make


@pytest.fixture
def produce():
    """Plan pages and produce their heroes."""

    def run(pipeline, *pages, events=None):
        plan = pipeline.plan(pages)
        assert plan.errors == ()
        report = events.append if events is not None else lambda _: None
        return pipeline.produce(plan, report=report)

    return run


@pytest.fixture
def png():
    """Make a PNG of one colour."""

    def make(width, height):
        file = io.BytesIO()
        Image.new("RGB", (width, height), "teal").save(file, "PNG")
        return file.getvalue()

    return make


QUICK = Pace(
    connect=1, answer=2, download=2, poll_last=0.2, poll_live=0.3, lost=0.4, withdraw=1, beat=0.05
)
"""A job is lost after 0.4 s in the place of 10: times of the fault table are 25 times shorter."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of the heroes of some pages while something went wrong.

    Attributes:
        events: What the pipeline told.
        images: Delivered images, without that of the page that was rendered before.
        errors: Why there is none, in any order.
        in_cache: Heroes that a build without a server has afterwards, besides that of before.
    """

    events: list
    images: list
    errors: list
    in_cache: int

    @property
    def kinds(self):
        return [type(error) for error in self.errors]


class Lab:
    """Some pages and a server. The first page is rendered while all is well.

    Attributes:
        comfyui: The server, which remembers only what came after ``begin``.
        settings: Those of every build.
    """

    def __init__(self, comfyui, settings, page, new_pipeline):
        self.comfyui, self.settings = comfyui, dataclasses.replace(settings, patience=5)
        self._page, self._new_pipeline = page, new_pipeline
        self._pages = []

    def begin(self, *, heroes=2):
        """Render the first page, then forget that the server was asked.

        Args:
            heroes: How many more there are, each on a page of its own.
        """
        self._pages = [self._page(f"{seed}.md", hero_seed=seed) for seed in range(heroes + 1)]
        pipeline = self._new_pipeline(self.settings)
        made = pipeline.produce(pipeline.plan(self._pages[:1]), report=lambda _: None)
        assert made.rendered == 1
        self.comfyui.submissions.clear()
        self.comfyui.executed.clear()
        self.comfyui.requests.clear()

    def keys(self):
        """Keys of all heroes, that of before first."""
        plan = self._new_pipeline(self.settings).plan(self._pages)
        return [hero.key for hero in plan.heroes.values()]

    def build(
        self, *, at=None, pace=QUICK, clock=time.monotonic, servers=({},), cached=1, **options
    ):
        """Build all pages.

        Args:
            at: Kinds of events → what is done to the server at the first of that kind.
            pace: Waiting times.
            clock: The pipeline's.
            servers: What is other than in the settings, for each server.
            cached: Heroes that are in the cache before.
            options: Other settings.
        """
        at, events = dict(at or {}), []
        (usual,) = self.settings.servers
        options["servers"] = tuple(dataclasses.replace(usual, **each) for each in servers)
        settings = dataclasses.replace(self.settings, **options)

        def report(event):
            events.append(event)
            if act := at.pop(type(event), None):
                act(self.comfyui)

        pipeline = self._new_pipeline(settings, pace=pace, clock=clock)
        plan = pipeline.plan(self._pages)
        made = pipeline.produce(plan, report=report)
        self._every_hero_ends_once(plan, made, events)
        assert made.cached == cached, "what was rendered before is still there"
        before = plan.heroes[self._pages[0].path].key
        return Outcome(
            events=events,
            images=[image for key, image in made.images.items() if key != before],
            errors=list(made.failures.values()),
            in_cache=self._in_cache(settings),
        )

    def _every_hero_ends_once(self, plan, made, events):
        keys = {hero.key for hero in plan.heroes.values()}
        assert made.images.keys() | made.failures.keys() == keys
        assert not made.images.keys() & made.failures.keys()
        ends = [event.job.key for event in events if isinstance(event, Rendered | Failed)]
        assert len(ends) == len(set(ends))

    def _in_cache(self, settings):
        pipeline = self._new_pipeline(dataclasses.replace(settings, mode=Mode.OFFLINE))
        made = pipeline.produce(pipeline.plan(self._pages), report=lambda _: None)
        return len(made.images) - 1


class Team:
    """Somebody who writes pages, and what is done with their images.

    Attributes:
        settings: The configuration.
        pages: What the pages ask for.
    """

    def __init__(self, settings, page, new_pipeline):
        self.settings = settings
        self.pages = {}
        self._page, self._new_pipeline = page, new_pipeline

    def write(self, path, **meta):
        """Write a page, over what it was."""
        self.pages[path] = self._page(path, **meta)

    def plan(self):
        plan = self._new_pipeline(self.settings).plan(self.pages.values())
        assert plan.errors == ()
        return plan

    def build(self, *, events=None, **options):
        """Build with other settings than usual."""
        pipeline = self._new_pipeline(dataclasses.replace(self.settings, **options))
        report = (lambda _: None) if events is None else events.append
        return pipeline.produce(pipeline.plan(self.pages.values()), report=report)

    def offline(self, **options):
        """Build without a server."""
        return self.build(mode=Mode.OFFLINE, **options)

    def freeze(self, **how):
        return self._do("freeze", **how)

    def check(self, **how):
        return self._do("check", root=self.settings.frozen_dir.parent, **how)

    def prune(self, **how):
        with closing(Upkeep(self.settings)) as upkeep:
            return upkeep.prune([self.plan()], **how)

    def survey(self):
        return self._do("survey")

    def current(self, path):
        with closing(Upkeep(self.settings)) as upkeep:
            return upkeep.current(self.plan().heroes[path])

    def key(self, path):
        return self.plan().heroes[path].key

    def file(self, path, suffix=".webp"):
        """The frozen file of a page's image."""
        stem = stem_of(self.plan().heroes[path].real_key)
        return self.settings.frozen_dir / (stem + suffix)

    def on_another_machine(self):
        """Lose the cache, which is not committed."""
        shutil.rmtree(self.settings.cache_dir, ignore_errors=True)

    def _do(self, what, **how):
        with closing(Upkeep(self.settings)) as upkeep:
            return getattr(upkeep, what)(self.plan(), **how)


@pytest.fixture
def team(settings, page, new_pipeline):
    """Two pages, rendered and frozen."""
    made = Team(settings, page, new_pipeline)
    made.write("a.md", hero_alt="A harbour")
    made.write("b.md", hero_prompt="a lighthouse", hero_alt="A lighthouse")
    assert made.build().rendered == 2
    assert len(made.freeze().written) == 2
    return made


@pytest.fixture
def lab(comfyui, settings, page, new_pipeline):
    return Lab(comfyui, settings, page, new_pipeline)
