import io
import time

import pytest
from hypothesis import given, strategies as st
from PIL import Image

from mkdocs_comfy.testing.files import Disk, OutsideError, expand_prefix, next_number
from mkdocs_comfy.testing.png import flat_painter, plain_png, with_text

NOON = time.struct_time((2026, 3, 4, 12, 5, 6, 0, 0, 0))


@pytest.fixture
def disk(tmp_path):
    return Disk(tmp_path)


def names(disk, prefix, pictures=(b"x",)):
    saved = disk.save("output", prefix, list(pictures))
    return [
        f"{each.subfolder}/{each.filename}" if each.subfolder else each.filename for each in saved
    ]


def test_the_counter_is_per_prefix(disk):
    assert names(disk, "hero") == ["hero_00001_.png"]
    assert names(disk, "hero") == ["hero_00002_.png"]
    assert names(disk, "hero2") == ["hero2_00001_.png"]
    assert names(disk, "hero") == ["hero_00003_.png"]


def test_a_batch_is_numbered_on(disk):
    assert names(disk, "b", [b"x", b"y"]) == ["b_00001_.png", "b_00002_.png"]
    assert names(disk, "b") == ["b_00003_.png"]


def test_a_prefix_with_slashes_makes_subfolders(disk):
    assert names(disk, "site/heroes/page") == ["site/heroes/page_00001_.png"]


@pytest.mark.parametrize("prefix", ["../x", "/etc/x", "a/../../x"])
def test_a_prefix_that_escapes_is_refused(disk, prefix):
    with pytest.raises(OutsideError, match="outside the output folder is not allowed"):
        disk.save("output", prefix, [b"x"])


def test_a_prefix_may_wander_inside(disk):
    assert names(disk, "a/../b") == ["b_00001_.png"]


def test_an_empty_prefix_makes_a_hidden_file(disk):
    assert names(disk, "") == ["._00001_.png"]


def test_a_prefix_longer_than_a_name_may_be_fails(disk):
    with pytest.raises(OSError, match="too long"):
        disk.save("output", "x" * 256, [b"x"])


def test_unicode_in_a_prefix(disk):
    assert names(disk, "héros/港") == ["héros/港_00001_.png"]


def test_batch_num_is_the_place_in_the_batch(disk):
    assert names(disk, "p%batch_num%", [b"x", b"y"]) == ["p0_00001_.png", "p1_00002_.png"]


def test_what_a_server_expands():
    prefix = "%year%-%month%-%day% %hour%%minute%%second% %width%x%height%"

    assert expand_prefix(prefix, (64, 32), NOON) == "2026-03-04 120506 64x32"


def test_what_only_the_editor_expands_stays():
    prefix = "%date:yyyy-MM-dd% %Empty Latent Image.width%"

    assert expand_prefix(prefix, (64, 32), NOON) == prefix


def test_numbers_of_other_files_do_not_count():
    files = ["a_00004_.png", "ab_00009_.png", "a_x_.png", "b.png", "a_00002_.png"]

    assert next_number(files, "a") == 5
    assert next_number(files, "c") == 1


@pytest.mark.parametrize(
    ("filename", "subfolder", "folder", "status"),
    [
        ("", None, "output", 400),
        ("/x.png", None, "output", 400),
        ("..x.png", None, "output", 400),
        ("x.png", None, "elsewhere", 400),
        ("x.png", "../input", "output", 403),
        ("x.png", "/etc", "output", 403),
        ("y.png", None, "output", 404),
        ("x.png", "sub", "output", 404),
        ("x\0.png", None, "output", 404),
    ],
)
def test_which_names_view_refuses(disk, filename, subfolder, folder, status):
    disk.save("output", "x", [b"x"])

    assert disk.find(filename, subfolder=subfolder, folder=folder) == status


@pytest.mark.parametrize(
    ("filename", "subfolder", "folder"),
    [
        ("x_00001_.png", "sub", "output"),
        ("x_00001_.png [output]", "sub", "temp"),
        ("elsewhere/x_00001_.png", "sub", "output"),
    ],
)
def test_which_names_view_takes(disk, filename, subfolder, folder):
    disk.save("output", "sub/x", [b"bytes"])

    assert disk.find(filename, subfolder=subfolder, folder=folder).read_bytes() == b"bytes"


def test_emptied_folders_are_there_again(disk):
    disk.save("output", "x", [b"x"])
    disk.save("temp", "y", [b"x"])

    disk.empty("output")

    assert list((disk.root / "output").iterdir()) == []
    assert [file.name for file in (disk.root / "temp").iterdir()] == ["y_00001_.png"]


@given(size=st.tuples(st.integers(1, 40), st.integers(1, 40)), seed=st.integers(0, 2**64))
def test_flat_pictures_have_the_size_that_was_asked(size, seed):
    with Image.open(io.BytesIO(flat_painter("x", seed, size))) as image:
        image.load()
        assert (image.format, image.mode, image.size) == ("PNG", "RGB", size)
        assert len(image.getcolors()) == 1


def test_flat_pictures_depend_on_every_argument():
    said = {
        flat_painter("x", 1, (8, 8)),
        flat_painter("y", 1, (8, 8)),
        flat_painter("x", 2, (8, 8)),
        flat_painter("x", 1, (8, 9)),
        flat_painter("x", 1, (8, 8), negative="z"),
        flat_painter("x", 1, (8, 8), steps=3),
    }

    assert len(said) == 6
    assert flat_painter("x", 1, (8, 8)) == flat_painter("x", 1, (8, 8))


def test_texts_in_a_picture_are_found_by_a_decoder():
    png = with_text(plain_png((3, 2), (1, 2, 3)), {"prompt": '{"a": 1}', "workflow": "[]"})

    with Image.open(io.BytesIO(png)) as image:
        assert image.getpixel((2, 1)) == (1, 2, 3)
        assert image.text == {"prompt": '{"a": 1}', "workflow": "[]"}
