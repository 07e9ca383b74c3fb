"""Sidecars as text: written the same by everybody, and nothing they say is trusted."""

import json

import pytest
from hypothesis import given, strategies as st

from mkdocs_comfy.images.making import FIELDS, Making
from mkdocs_comfy.images.sidecar import (
    Sidecar,
    UnsoundError,
    read_sidecar,
    settle_conflict,
    stem_of,
)

KEY = "k1-" + "0123456789abcdef" * 4
FILE = "0123456789abcdef.json"
MADE = Making(
    prompt="Häfen im Nebel\nund «Möwen» 🌫",
    negative=None,
    seed=2**64 - 1,
    size=(1344, 768),
    template="sdxl",
    style=("ink", "night"),
    models=("a.safetensors",),
    workflow={"1": {"class_type": "Save", "inputs": {"text": "fog"}}},
    comfyui="0.3.75",
    seconds=2.5,
)


def a_sidecar(**values):
    given = {
        "key": KEY,
        "pages": ("a.md",),
        "sha256": "1" * 64,
        "pixels": "2" * 64,
        "width": 1344,
        "height": 768,
        "record": MADE.row(),
    }
    return Sidecar(**{**given, **values})


def changed(**values):
    document = {**json.loads(a_sidecar().text()), **values}
    return json.dumps(document).encode()


def test_what_is_written_is_read_back():
    sidecar = a_sidecar()
    again = read_sidecar(sidecar.text().encode(), file=FILE)

    assert again.text() == sidecar.text()
    assert again.made == MADE
    assert (again.key, again.pages, again.width, again.height) == (KEY, ("a.md",), 1344, 768)


@given(
    prompt=st.text(st.characters(exclude_categories=["Cs"])),
    pages=st.sets(st.from_regex(r"[a-z]{1,8}(/[a-z]{1,8})?\.md", fullmatch=True)),
    seconds=st.floats(0, 1e6),
    seed=st.integers(0, 2**64 - 1) | st.none(),
)
def test_whatever_is_written_is_read_back(prompt, pages, seconds, seed):
    made = Making(prompt=prompt, seed=seed, template="x", workflow={}, seconds=seconds)
    sidecar = a_sidecar(pages=tuple(sorted(pages)), record=made.row())

    again = read_sidecar(sidecar.text().encode(), file=FILE)

    assert again.made == made
    assert again.pages == sidecar.pages
    assert again.text() == sidecar.text()


def test_the_text_is_sorted_readable_and_ends_with_a_line_break():
    text = a_sidecar(pages=("b.md", "a.md")).text()
    document = json.loads(text)

    assert list(document) == sorted(document)
    assert document["pages"] == ["a.md", "b.md"]
    assert "Häfen" in text
    assert text.endswith("\n}\n")
    assert all(ord(each) >= 32 or each == "\n" for each in text)


def test_the_names_of_a_record_are_those_of_the_rules():
    assert MADE.row().keys() == FIELDS


def test_the_file_is_named_by_sixteen_digits():
    assert stem_of(KEY) == "0123456789abcdef"


@pytest.mark.parametrize(
    "rewrite",
    [
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: b"\xef\xbb\xbf" + data,
        lambda data: data.decode().encode("utf-16"),
        lambda data: json.dumps(json.loads(data)).encode(),
    ],
    ids=["CRLF", "BOM", "UTF-16", "one line"],
)
def test_checkouts_and_editors_do_not_matter(rewrite):
    assert read_sidecar(rewrite(a_sidecar().text().encode()), file=FILE).made == MADE


@pytest.mark.parametrize(
    ("data", "fault", "problem"),
    [
        (b"", "corrupt", "is no JSON"),
        (b"\xff\xfe\xff", "corrupt", "is no JSON"),
        (b"[" * 100_000, "corrupt", "is no JSON"),
        (b'{"seed": 1' + b"0" * 5000 + b"}", "corrupt", "is no JSON"),
        (b"null", "corrupt", "is not what a sidecar is"),
        (b"{}", "corrupt", "is not what a sidecar is"),
        (changed(format=0), "corrupt", "is not what a sidecar is"),
        (changed(format=2), "newer", "is of format 2, and this version knows 1"),
        (changed(format="1"), "corrupt", "is not what a sidecar is"),
        (changed(key="e1" + KEY[2:]), "corrupt", "is not what a sidecar is"),
        (changed(key=KEY.upper()), "corrupt", "is not what a sidecar is"),
        (changed(key="k1-" + "7" * 64), "corrupt", "is the sidecar of another key, 7777"),
        (changed(key="../" + "7" * 64), "corrupt", "is not what a sidecar is"),
        (changed(pages="a.md"), "corrupt", "is not what a sidecar is"),
        (changed(pages=["../a.md"]), "corrupt", "holds a path that is none of a page"),
        (changed(pages=["/a.md"]), "corrupt", "holds a path that is none of a page"),
        (changed(pages=["\\\\host\\a.md"]), "corrupt", "holds a path that is none of a page"),
        (changed(pages=["D:\\a.md"]), "corrupt", "holds a path that is none of a page"),
        (changed(pages=[""]), "corrupt", "holds a path that is none of a page"),
        (changed(pixels="x" * 64), "corrupt", "is not what a sidecar is"),
        (changed(sha256=7), "corrupt", "is not what a sidecar is"),
        (changed(width=0), "corrupt", "is not what a sidecar is"),
        (changed(height=-1), "corrupt", "is not what a sidecar is"),
        (changed(height=10**9), "corrupt", "is not what a sidecar is"),
        (changed(file="/etc/passwd"), "corrupt", "should not have, 'file'"),
        (b"version https://git-lfs.github.com/spec/v1\n", "lfs_pointer", "Git LFS pointer"),
        (b"<<<<<<< HEAD\n{\n=======\n{}\n>>>>>>> x\n", "corrupt", "marks of a git merge"),
    ],
)
def test_whatever_is_wrong_is_said(data, fault, problem):
    with pytest.raises(UnsoundError) as caught:
        read_sidecar(data, file=FILE)

    assert (caught.value.fault, caught.value.file) == (fault, FILE)
    assert problem in caught.value.problem


def test_a_field_that_is_left_out_is_missed():
    document = json.loads(a_sidecar().text())
    del document["prompt"]

    with pytest.raises(UnsoundError, match="lacks, or should not have, 'prompt'"):
        read_sidecar(json.dumps(document).encode(), file=FILE)


@given(st.binary(max_size=200))
def test_nothing_else_is_raised(data):
    with pytest.raises(UnsoundError):
        read_sidecar(data, file=FILE)


@pytest.mark.parametrize("style", ["merge", "diff3"])
@pytest.mark.parametrize("side", [0, 1])
def test_the_side_of_a_conflict_that_fits_the_image_is_found(style, side):
    mine, theirs = a_sidecar(), a_sidecar(sha256="3" * 64, record={**MADE.row(), "seconds": 9.0})
    base = "||||||| base\n{}\n" if style == "diff3" else ""
    one, two = mine.text().splitlines(), theirs.text().splitlines()
    lines = []
    for first, second in zip(one, two, strict=True):
        if first == second:
            lines.append(first)
        else:
            conflict = f"<<<<<<< HEAD\n{first}\n{base}=======\n{second}\n>>>>>>> other"
            lines += conflict.splitlines()
    data = "\n".join(lines).encode() + b"\n"
    wanted = (mine, theirs)[side]

    found = settle_conflict(data, file=FILE, sha256=wanted.sha256)

    assert found is not None
    assert found.text() == wanted.text()
    assert settle_conflict(data, file=FILE, sha256="4" * 64) is None


def test_without_a_conflict_there_is_nothing_to_settle():
    assert settle_conflict(a_sidecar().text().encode(), file=FILE, sha256="1" * 64) is None


# Records -----------------------------------------------------------------------------------------


def test_a_record_without_the_newer_fields_is_read():
    found = Making.of_row(
        {"prompt": "fog", "seed": 3, "size": [96, 64], "template": "x", "page": "a.md"}
    )

    assert found == Making(prompt="fog", seed=3, size=(96, 64), template="x", workflow={})


@pytest.mark.parametrize(
    "row",
    [
        None,
        {},
        "text",
        {"prompt": "fog"},
        {"prompt": 1, "seed": 1, "template": "x"},
        {"prompt": "fog", "seed": "1", "template": "x"},
    ],
)
def test_what_is_no_record_is_none(row):
    assert Making.of_row(row) is None


@pytest.mark.parametrize(
    "workflow",
    [
        [],
        {"a": {"class_type": "X", "inputs": {}}},
        {"2": {"class_type": "X", "inputs": {}}},
        {"1": {"class_type": "X"}},
        {"1": {"class_type": "X", "inputs": {"a": ["1", 0]}}},
        {"1": {"class_type": "X", "inputs": {"a": ["9", 0]}}},
        {"1": {"class_type": "X", "inputs": {"a": ["two", 0]}}},
        {
            "1": {"class_type": "X", "inputs": {"a": ["2", 0]}},
            "2": {"class_type": "X", "inputs": {"a": ["1", 0]}},
        },
    ],
)
def test_a_workflow_that_cannot_be_walked_makes_no_record(workflow):
    row = {"prompt": "fog", "seed": 1, "template": "x", "workflow": workflow}

    assert Making.of_row(row) is None


@pytest.mark.parametrize("size", ["1x", "x", [1], [1, "2"], 7, "²x²"])
def test_a_size_that_is_none_is_not_known(size):
    row = {"prompt": "fog", "seed": 1, "template": "x", "size": size}

    assert Making.of_row(row).size is None
