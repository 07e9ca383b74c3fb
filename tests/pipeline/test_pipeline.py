"""The pipeline without MkDocs: what scripts and later doors use."""

import dataclasses
import errno
import os
from pathlib import Path

from mkdocs_comfy.errors import BindingError, HeroError, LostError, UnreachableError
from mkdocs_comfy.images import blobs
from mkdocs_comfy.pipeline import Notice, Stored
from mkdocs_comfy.settings import Mode, OnMissing
from mkdocs_comfy.testing import Answer


def test_planning_opens_no_socket_and_writes_nothing(settings, comfyui, page, new_pipeline):
    plan = new_pipeline(settings).plan([page(), page("b.md", hero_seed=1)])

    assert list(plan.heroes) == ["a.md", "b.md"]
    assert comfyui.requests == []
    assert not settings.cache_dir.exists()


def test_configuration_comes_before_the_template_and_the_page_before_both(
    settings, comfyui, page, produce, new_pipeline
):
    produce(new_pipeline(settings), page(), page("b.md", hero_size="256x512", hero_template="sd15"))

    sizes = [job["prompt"]["5"]["inputs"] for job in comfyui.submissions]
    assert [(each["width"], each["height"]) for each in sizes] == [(512, 256), (256, 512)]


def test_heroes_are_rendered_grouped_by_template(settings, comfyui, page, produce, new_pipeline):
    pages = [
        page(f"{number}.md", hero_seed=number, hero_template=template)
        for number, template in enumerate(["sd15", "default", "sd15", "default"])
    ]

    produce(new_pipeline(settings), *pages)

    models = [job["prompt"]["4"]["inputs"]["ckpt_name"] for job in comfyui.submissions]
    assert models == sorted(models, reverse=models[0] > models[-1])


def test_a_negative_without_a_place_is_one_finding_for_all_its_pages(settings, page, new_pipeline):
    folder = settings.templates_dir
    folder.mkdir()
    graph = Path(__file__).parents[1] / "workflows/graphs/flux_guider.json"
    (folder / "flux.json").write_text(graph.read_text())
    settings = dataclasses.replace(settings, template="flux")
    pages = [page(f"{name}.md", hero_negative="people") for name in "ab"]

    plan = new_pipeline(settings).plan(pages)

    assert list(plan.findings.values()) == [["a.md", "b.md"]]


def test_a_size_from_the_configuration_is_no_pages_fault(settings, page, new_pipeline):
    folder = settings.templates_dir
    folder.mkdir()
    (folder / "fixed.json").write_text(
        '{"1": {"class_type": "Partner", "inputs": {"prompt": "x"}},'
        ' "9": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}}}'
    )
    settings = dataclasses.replace(settings, template="fixed")

    plan = new_pipeline(settings).plan([page(), page("b.md")])

    assert [type(error) for error in plan.errors] == [BindingError]
    assert "size" in str(plan.errors[0])


def test_what_a_page_asks_of_a_doubtful_template_is_told_at_its_line(settings, page, new_pipeline):
    folder = settings.templates_dir
    folder.mkdir()
    graph = Path(__file__).parents[1] / "workflows/graphs/controlnet_hires.json"
    (folder / "hires.json").write_text(graph.read_text())
    settings = dataclasses.replace(settings, template="hires")
    source = "---\nhero_prompt: a harbour\nhero_params:\n  cfg: 5\n  steps: 30\n---\n"
    asking = dataclasses.replace(page(hero_params={"cfg": 5, "steps": 30}), source=lambda: source)

    [error] = new_pipeline(settings).plan([asking, page("b.md")]).errors

    assert error.what.startswith("a.md:5: hero_params: template 'hires': steps could be any of")


def test_an_image_of_another_shape_is_told(settings, comfyui, page, produce, png, new_pipeline):
    events = []
    comfyui.picture = png(768, 768)

    produce(new_pipeline(settings), page(), events=events)

    notices = [event.text for event in events if isinstance(event, Notice)]
    assert notices == ["a.md: asked for 512x256, the template 'default' gave 768x768"]


def test_an_upscaled_image_of_the_same_shape_is_fine(
    settings, comfyui, page, produce, png, new_pipeline
):
    events = []
    comfyui.picture = png(1024, 512)

    made = produce(new_pipeline(settings), page(), events=events)

    assert not [event for event in events if isinstance(event, Notice)]
    assert next(iter(made.images.values())).width == 1024


def test_failures_are_remembered_for_a_while(settings, comfyui, page, produce, new_pipeline):
    now = [0.0]
    pipeline = new_pipeline(settings, clock=lambda: now[0])
    comfyui.without_images = True
    first = produce(pipeline, page())
    produce(pipeline, page())
    now[0] = 1000.0
    comfyui.without_images = False

    last = produce(pipeline, page())

    assert isinstance(next(iter(first.failures.values())), LostError)
    assert len(comfyui.submissions) == 1 + settings.retries + 1
    assert last.failures == {}


def test_a_server_that_took_long_to_fail_is_left_alone_for_a_minute(
    settings, comfyui, page, produce, new_pipeline
):
    now = [0.0]

    def slow():  # every look at the clock finds that ten seconds have gone by
        now[0] += 10.0
        return now[0]

    pipeline = new_pipeline(settings, clock=slow)
    comfyui.crash()
    down = produce(pipeline, page())
    comfyui.restart()
    still = produce(pipeline, page())
    now[0] += 60.0

    assert isinstance(next(iter(down.failures.values())), UnreachableError)
    assert still.failures == down.failures
    assert produce(pipeline, page()).rendered == 1


def test_a_server_that_refuses_at_once_is_asked_by_the_next_build(
    settings, comfyui, page, produce, new_pipeline
):
    now = [0.0]
    pipeline = new_pipeline(settings, clock=lambda: now[0])
    comfyui.crash()
    assert len(produce(pipeline, page()).failures) == 1
    comfyui.restart()

    assert produce(pipeline, page()).rendered == 1


def test_a_lost_variant_is_encoded_from_the_original(
    settings, comfyui, page, produce, new_pipeline
):
    pipeline = new_pipeline(settings)
    image = next(iter(produce(pipeline, page()).images.values()))
    Path(image.path).unlink()

    again = produce(pipeline, page())

    assert again.cached == 1
    assert Path(image.path).is_file()
    assert len(comfyui.submissions) == 1


def test_placeholders_are_drawn_once_and_never_taken_for_the_image(
    settings, comfyui, page, produce, new_pipeline
):
    offline = dataclasses.replace(settings, mode=Mode.OFFLINE, on_missing=OnMissing.PLACEHOLDER)

    first = produce(new_pipeline(offline), page())
    second = produce(new_pipeline(offline), page())
    real = produce(new_pipeline(settings), page())

    assert first.images == second.images
    assert len(first.failures) == 1
    assert real.rendered == 1
    assert real.images != first.images


def test_no_placeholder_where_nothing_can_be_written(
    settings, tmp_path, page, produce, new_pipeline
):
    (tmp_path / "file").write_text("in the way")
    offline = dataclasses.replace(
        settings,
        mode=Mode.OFFLINE,
        on_missing=OnMissing.PLACEHOLDER,
        cache_dir=tmp_path / "file/cache",
    )

    made = produce(new_pipeline(offline), page())

    assert made.images == {}
    assert "cache" in str(next(iter(made.failures.values())))


def test_a_full_disk_ends_the_rendering_and_keeps_what_is_stored(
    settings, comfyui, monkeypatch, page, produce, new_pipeline
):
    pages = [page(f"{number}.md", hero_seed=number) for number in range(6)]
    pipeline = new_pipeline(settings)
    produce(pipeline, pages[0])
    comfyui.latency = 0.1
    _disk_full(monkeypatch, after=2)  # the two probes before anything is rendered

    made = produce(pipeline, *pages)

    assert made.cached == 1
    assert len(made.failures) == 5
    assert "no space left" in str(next(iter(made.failures.values())))
    assert len(comfyui.submissions) < 6


def test_events_tell_of_every_stored_image(settings, comfyui, page, produce, new_pipeline):
    events = []

    produce(new_pipeline(settings), page(), page("b.md", hero_seed=1), events=events)

    stored = [event for event in events if isinstance(event, Stored)]
    assert [(event.done, event.total) for event in stored] == [(1, 2), (2, 2)]
    assert {event.server for event in stored} == {comfyui.url}


def test_a_page_that_fails_names_the_way_out(settings, comfyui, page, produce, new_pipeline):
    comfyui.answer("/prompt", Answer(status=413))

    made = produce(new_pipeline(settings), page())

    (error,) = made.failures.values()
    assert isinstance(error, HeroError)
    assert "413" in error.what


def _disk_full(monkeypatch, *, after):
    """The disk is full once ``after`` files have been written."""
    written = []

    def fsync(_descriptor):
        written.append(1)
        if len(written) > after:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(blobs.os, "fsync", fsync)
