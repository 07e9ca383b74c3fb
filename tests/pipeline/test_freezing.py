"""freeze: what is written, what is left alone, and what git makes of it."""

import hashlib
import io
import json
import os
import time

import pytest
from PIL import Image

from mkdocs_comfy.errors import CacheError
from mkdocs_comfy.images.cache import HeroCache
from mkdocs_comfy.images.inspect import inspect_image


def sidecar(team, page):
    return json.loads(team.file(page, ".json").read_text(encoding="utf-8"))


def stamps(team):
    return {path.name: path.stat().st_mtime_ns for path in team.settings.frozen_dir.iterdir()}


def test_one_image_and_one_sidecar_for_each_key(team):
    names = {path.name for path in team.settings.frozen_dir.iterdir()}

    stems = [team.key(page)[3:19] for page in ("a.md", "b.md")]
    assert names == {f"{stem}{suffix}" for stem in stems for suffix in (".webp", ".json")}


def test_a_sidecar_tells_how_the_image_was_made(team):
    found = sidecar(team, "b.md")

    assert list(found) == sorted(found)
    workflow = found.pop("workflow")
    assert workflow[str(len(workflow))] == {
        "class_type": "SaveImage",
        "inputs": {"images": [str(len(workflow) - 1), 0]},
    }
    assert 0 <= found.pop("seconds") < 30
    data = team.file("b.md").read_bytes()
    info = inspect_image(data, max_pixels=10**6)
    assert found == {
        "comfyui": "0.3.64",
        "format": 1,
        "height": 256,
        "key": team.key("b.md"),
        "models": ["sd_xl_base_1.0.safetensors"],
        "negative": team.plan().heroes["b.md"].bound.negative,
        "pages": ["b.md"],
        "pixels": info.pixels,
        "prompt": "a lighthouse",
        "seed": team.plan().heroes["b.md"].bound.seed,
        "sha256": hashlib.sha256(data).hexdigest(),
        "size": "512x256",
        "style": [],
        "template": "default",
        "width": 512,
    }


def test_a_sidecar_holds_no_time_and_no_path_of_this_machine(team, tmp_path):
    text = team.file("a.md", ".json").read_text(encoding="utf-8")

    assert text.endswith("}\n")
    assert "\r" not in text
    assert str(tmp_path) not in text
    assert team.settings.servers[0].url not in text


def test_what_comfyui_wrote_into_the_image_is_gone(team):
    """Repositories are public, and a PNG of ComfyUI's holds the whole workflow."""
    data = team.file("a.md").read_bytes()

    assert data[8:12] == b"WEBP"
    assert b"a harbour" not in data
    assert b"KSampler" not in data
    with Image.open(io.BytesIO(data)) as image:
        assert set(image.info) <= {"loop", "background", "timestamp", "duration"}


def test_freezing_again_changes_nothing(team):
    before = stamps(team)
    found = team.freeze()

    assert (found.written, found.kept, found.bytes) == ((), 2, 0)
    assert stamps(team) == before


def test_freezing_again_from_a_new_render_writes_the_same_bytes(team):
    """The same image on another machine: git sees nothing."""
    before = {path.name: path.read_bytes() for path in team.settings.frozen_dir.iterdir()}
    for path in team.settings.frozen_dir.iterdir():
        path.unlink()
    team.freeze()

    assert {path.name: path.read_bytes() for path in team.settings.frozen_dir.iterdir()} == before


def test_lossless_keeps_every_pixel(team):
    found = team.freeze(lossless=True)

    assert len(found.written) == 2
    cache = HeroCache(team.settings.cache_dir)
    assert sidecar(team, "a.md")["pixels"] == cache.original(team.key("a.md")).record.pixels
    cache.close()
    assert team.freeze(lossless=True).written == ()
    assert team.freeze().written == ()


def test_what_is_not_rendered_is_told_by_page(team):
    team.write("c.md", hero_prompt="a mill")
    team.write("d.md", hero_prompt="a mill")

    found = team.freeze()

    assert found.missing == {page: team.key("c.md") for page in ("c.md", "d.md")}
    assert found.kept == 2


def test_a_page_stands_in_the_sidecar_of_the_image_it_shows_only(team):
    team.write("c.md", hero_prompt="a lighthouse")
    team.freeze()
    assert sidecar(team, "b.md")["pages"] == ["b.md", "c.md"]
    old = team.file("b.md", ".json")

    team.write("c.md", hero_prompt="a mill")
    team.build()
    team.freeze()

    assert json.loads(old.read_text())["pages"] == ["b.md"]
    assert sidecar(team, "c.md")["pages"] == ["c.md"]


def test_a_page_without_its_new_image_stays_with_the_former_one(team):
    old = team.file("a.md", ".json")
    team.write("a.md", hero_prompt="a harbour at night")

    team.freeze()

    assert json.loads(old.read_text())["pages"] == ["a.md"]


def test_two_authors_who_freeze_different_heroes_touch_different_files(team):
    before = stamps(team)
    team.write("c.md", hero_prompt="a mill")
    team.build()
    team.freeze()

    after = stamps(team)
    assert {name: after[name] for name in before} == before
    assert len(after) == len(before) + 2


def test_what_is_damaged_is_written_anew(team):
    team.file("a.md").write_bytes(b"RIFF")
    team.file("b.md", ".json").write_text("{nope", encoding="utf-8")

    assert len(team.freeze().written) == 2
    assert team.check() == ()


@pytest.mark.parametrize("suffix", [".webp", ".json"])
def test_what_git_lfs_has_is_not_written_over(team, suffix):
    team.file("a.md", suffix).write_text("version https://git-lfs.github.com/spec/v1\n")
    before = stamps(team)

    assert team.freeze().missing == {}
    assert stamps(team) == before


def test_what_a_later_version_wrote_is_not_written_over(team):
    file = team.file("a.md", ".json")
    file.write_text(file.read_text().replace('"format": 1', '"format": 2'), encoding="utf-8")
    before = stamps(team)

    assert team.freeze().missing == {}
    assert stamps(team) == before


def test_what_a_killed_freeze_left_behind_is_removed_after_a_day(team):
    left = team.settings.frozen_dir / ".0123456789abcdef.webp.0123.tmp"
    left.write_bytes(b"half")
    team.freeze()
    assert left.exists()

    os.utime(left, (time.time() - 2 * 86_400,) * 2)
    team.freeze()
    assert not left.exists()


@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_a_merge_conflict_is_settled_by_the_image_that_git_left(team, side):
    file = team.file("a.md", ".json")
    text = file.read_text(encoding="utf-8")
    other = text.replace('"sha256": "', '"sha256": "0000').replace('0000"', '"')
    first, second = (text, other) if side == "ours" else (other, text)
    file.write_text(f"<<<<<<< HEAD\n{first}=======\n{second}>>>>>>> branch\n", encoding="utf-8")
    team.on_another_machine()

    found = team.freeze()

    assert found.missing == {}
    assert file.read_text(encoding="utf-8") == text


def test_a_pinned_image_is_frozen_with_its_own_record(team):
    team.write("c.md", hero_prompt="a mill", hero_seed=5)
    team.build()
    key = team.key("c.md")
    team.write("c.md", hero_prompt="a forest", hero_pin=key)

    team.freeze()

    found = sidecar(team, "c.md")
    assert (found["key"], found["prompt"], found["seed"]) == (key, "a mill", 5)


def test_a_pinned_image_of_which_nothing_is_known_is_frozen_with_nothing_made_up(team):
    team.write("c.md", hero_prompt="a mill")
    team.build()
    key = team.key("c.md")
    for path in (team.settings.cache_dir / "index").iterdir():
        path.unlink()
    team.write("c.md", hero_prompt="a forest", hero_pin=key)

    team.freeze()

    found = sidecar(team, "c.md")
    assert (found["prompt"], found["seed"], found["template"], found["workflow"]) == (
        "",
        None,
        "",
        {},
    )


def test_a_record_of_an_early_version_is_completed_from_the_page(team):
    team.write("c.md", hero_prompt="a mill")
    team.build()
    cache = HeroCache(team.settings.cache_dir)
    cache.memory.keep(
        team.key("c.md"),
        {"prompt": "a mill", "seed": 1, "template": "default", "size": [512, 256], "seconds": 2.5},
    )
    cache.close()

    team.freeze()

    found = sidecar(team, "c.md")
    assert (found["seconds"], found["comfyui"]) == (2.5, "")
    assert found["models"] == ["sd_xl_base_1.0.safetensors"]
    assert found["workflow"]


def test_a_directory_that_cannot_be_written_is_told_with_its_option(team):
    team.write("c.md", hero_prompt="a mill")
    team.build()
    folder = team.settings.frozen_dir
    folder.rename(folder.with_name("elsewhere"))
    folder.write_text("a file in the way")

    with pytest.raises(CacheError, match="frozen_dir") as caught:
        team.freeze()

    assert "`frozen_dir:`" in caught.value.way_out


def test_nothing_to_freeze_makes_no_directory(settings, page, new_pipeline, team):
    team.pages = {}
    for path in team.settings.frozen_dir.iterdir():
        path.unlink()
    team.settings.frozen_dir.rmdir()

    team.freeze()

    assert not team.settings.frozen_dir.exists()


def test_a_link_in_the_place_of_an_image_is_replaced_and_not_written_through(team, tmp_path):
    private = tmp_path / "private"
    private.write_text("keep me")
    file = team.file("a.md")
    file.unlink()
    file.symlink_to(private)

    team.freeze()

    assert private.read_text() == "keep me"
    assert not file.is_symlink()
