"""prune: what goes, what stays, and what a dry run would do."""

import os
import time
from contextlib import closing
from pathlib import Path

import pytest

from mkdocs_comfy.images.cache import HeroCache
from mkdocs_comfy.images.memory import DAY, today
from mkdocs_comfy.pipeline.pruning import GRACE
from mkdocs_comfy.pipeline.upkeep import Upkeep


def names(found, where):
    return sorted(Path(each.file).name for each in found.removed if each.where == where)


def age(team, days):
    """Let the cache have lain there for so many days."""
    then = time.time() - days * DAY
    for path in team.settings.cache_dir.rglob("*"):
        if path.suffix in {".png", ".webp"}:
            os.utime(path, (then, then))
    with closing(HeroCache(team.settings.cache_dir)) as cache:
        memory = cache.memory
        memory.note("k1", {}, memory.days(), today() - days)


def stored(team):
    return {path.stem for path in team.settings.cache_dir.rglob("*") if path.suffix == ".png"}


def test_a_site_in_use_loses_nothing(team):
    age(team, 100)
    found = team.prune()

    assert names(found, "frozen") == []
    assert stored(team) == {team.key("a.md"), team.key("b.md")}
    assert team.check() == ()


def test_a_frozen_image_that_no_page_uses_goes_at_once(team):
    image, sidecar = team.file("b.md"), team.file("b.md", ".json")
    del team.pages["b.md"]

    found = team.prune()

    assert names(found, "frozen") == sorted([image.name, sidecar.name])
    assert not image.exists()
    assert not sidecar.exists()
    assert team.file("a.md").exists()


@pytest.mark.parametrize(
    "text", ["version https://git-lfs.github.com/spec/v1\n", '{"format": 2}'], ids=["LFS", "newer"]
)
def test_what_others_look_after_stays(team, text):
    """Not pulled, or not understood, is not unused."""
    team.file("b.md", ".json").write_text(text)
    del team.pages["b.md"]

    assert team.prune().removed == ()


def test_the_cache_has_a_grace_period(team):
    """Social networks show cards of pages that are gone."""
    key = team.key("b.md")
    del team.pages["b.md"]

    age(team, GRACE / DAY - 2)
    assert names(team.prune(), "cache") == []
    assert key in stored(team)

    age(team, GRACE / DAY + 2)
    assert f"{key}.png" in names(team.prune(), "cache")
    assert stored(team) == {team.key("a.md")}


def test_what_was_shown_yesterday_stays_however_old_its_file_is(team):
    key = team.key("b.md")
    age(team, 100)
    team.build()
    with closing(HeroCache(team.settings.cache_dir)) as cache:
        cache.memory.note("k1", {}, cache.memory.days(), today() - 1)
    del team.pages["b.md"]

    team.prune()

    assert key in stored(team)


def test_variants_that_nothing_shows_go_with_their_originals(team):
    variants = team.settings.cache_dir / "variants"
    team.build()
    age(team, 100)
    before = len(list(variants.iterdir()))
    del team.pages["b.md"]

    team.prune()

    # Of each image there were two: that of the original, and that of its frozen form.
    assert (before, len(list(variants.iterdir()))) == (4, 2)
    assert team.offline().failures == {}


def test_a_dry_run_tells_the_same_and_removes_nothing(team):
    age(team, 100)
    del team.pages["b.md"]
    before = stored(team)

    told = team.prune(dry_run=True)

    assert stored(team) == before
    assert told.removed
    assert team.prune() == told


def test_images_of_all_plans_stay(team):
    age(team, 100)
    plans = [team.plan()]
    del team.pages["b.md"]
    plans.append(team.plan())

    with closing(Upkeep(team.settings)) as upkeep:
        assert upkeep.prune(plans).removed == ()


def test_the_former_image_of_a_reworded_page_stays(team):
    team.write("c.md", hero_prompt="a mill")
    team.build()
    key = team.key("c.md")
    team.write("c.md", hero_prompt="a mill in spring")
    team.write("a.md", hero_prompt="a harbour at night")
    age(team, 100)

    found = team.prune()

    assert key in stored(team)
    assert found.removed == ()
    assert list(team.offline().former) == ["a.md", "c.md"]


def test_what_is_gone_is_forgotten(team):
    key = team.key("b.md")
    del team.pages["b.md"]
    age(team, 100)
    team.prune()

    with closing(HeroCache(team.settings.cache_dir)) as cache:
        assert key not in cache.memory.days()
        assert "b.md" not in cache.memory.pages("k1")
        assert cache.made(key) is None
        assert cache.made(team.key("a.md")) is not None


@pytest.mark.parametrize("built", [True, False])
def test_sizes_are_told(team, tmp_path, built):
    site = tmp_path / "site"
    if built:
        images = site / team.settings.assets_dir
        images.mkdir(parents=True)
        (images / "a.webp").write_bytes(b"x" * 100)

    found = team.prune(site_dir=site)

    folder = team.settings.frozen_dir
    assert found.sizes.frozen == sum(path.stat().st_size for path in folder.iterdir())
    images = [
        path for path in team.settings.cache_dir.rglob("*.*") if path.suffix in {".png", ".webp"}
    ]
    assert found.sizes.cache == sum(path.stat().st_size for path in images)
    assert found.sizes.site == (100 if built else 0)
    assert team.prune().sizes.site is None


def test_a_cache_that_is_not_there_is_no_trouble(team):
    team.on_another_machine()

    assert team.prune().removed == ()
    assert not team.settings.cache_dir.exists()
