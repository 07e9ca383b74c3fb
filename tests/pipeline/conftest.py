"""The pipeline as a script would set it up."""

import dataclasses
import io
from contextlib import ExitStack, closing

import pytest
from PIL import Image

from mkdocs_comfy.images.cache import HeroCache
from mkdocs_comfy.pipeline import PageSource, Pipeline
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
