"""Files that nobody should have: one error that names file and place, and never a traceback."""

import json
import struct
import zlib

import pytest

from mkdocs_comfy.commands.files import MAX_BYTES


def chunk(kind, data):
    return struct.pack(">I4s", len(data), kind) + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb():
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"zTXt", b"prompt\0\0" + zlib.compress(b" " * 40_000_000))
        + chunk(b"IEND", b"")
    )


def nodes(count):
    node = {"class_type": "A", "inputs": {"x": 1}}
    return json.dumps({str(number): node for number in range(count)})


CASES = {
    "50 MB": ("[" + "0," * 25_000_000 + "0]", "has 50,000,003 characters; at most 8,000,000"),
    "more": (b"x" * (MAX_BYTES + 1), "at most 67,108,864 are read"),
    "30,000 nodes": (nodes(30_000), "has 30,000 nodes; at most 25,000 are read"),
    "20,000 nodes": (nodes(20_000), "no node saves an image"),
    "cycle": (
        json.dumps({each: {"class_type": each, "inputs": {"x": [other, 0]}}
                    for each, other in ("AB", "BA")}),
        "the nodes form a cycle: A 'A' → B 'B' → A 'A'",
    ),
    "link to nothing": (
        '{"1": {"class_type": "A", "inputs": {"x": ["2", 0]}}}',
        "node 1 'A': x is linked to node '2', which does not exist",
    ),
    "missing slot": (
        '{"1": {"class_type": "A", "inputs": {"x": ["1", -1]}}}',
        "x is linked to output -1; outputs are counted 0, 1, 2",
    ),
    "wrong types": ('{"1": {"class_type": 3, "inputs": {}}}', "node 1 has no class_type"),
    "inputs": ('{"1": {"class_type": "A", "inputs": []}}', "node 1 has no inputs"),
    "no node": ('{"1": 3}', "node 1 is no node but the value 3"),
    "path as an id": (
        '{"../../etc/passwd": {"class_type": "A", "inputs": {"x": ["0x10", 0]}}}',
        "node ../../etc/passwd 'A': x is linked to node '0x10', which does not exist",
    ),
    "duplicate key": (
        '{"1": {"class_type": "A", "inputs": {}}, "1": {}}',
        "the key '1' stands 2 times in the same object",
    ),
    "NaN": ('{"1": {"class_type": "A", "inputs": {"x": NaN}}}', "NaN is no number"),
    "Infinity": ('{"1": {"class_type": "A", "inputs": {"x": -Infinity}}}',
                 "-Infinity is no number"),
    "1e999": ('{"1": {"class_type": "A", "inputs": {"x": 1e999}}}', "x.json: "),
    "half a character": (
        r'{"1": {"class_type": "A", "inputs": {"x": "\ud83d"}}}',
        "half a character in it",
    ),
    "deep": ("[" * 100_000, "nested too deep"),
    "deep literal": (
        '{"1": {"class_type": "A", "inputs": {"x": ' + "[" * 100 + "]" * 100 + "}}}",
        "nested more than 64 levels",
    ),
    "digits": ('{"1": {"class_type": "A", "inputs": {"x": ' + "9" * 5_000 + "}}}", "5000 digits"),
    "empty": ("", "is no JSON: line 1, column 1"),
    "place": ('{\n  "1": {"class_type" "A"}}', "line 2, column 22"),
    "UTF-16": ("{}".encode("utf-16"), "is not UTF-8 text (byte 0)"),
    "PNG bomb": (bomb(), "more than 33,554,432 bytes"),
    "PNG cut short": (b"\x89PNG\r\n\x1a\n\0\0", "is an image without a workflow in it"),
    "JPEG": (b"\xff\xd8\xff\xe0", "this is a JPEG, in which ComfyUI keeps no workflow"),
    "RIFF": (b"RIFF1234WAVE", "not a PNG, JPEG, WebP or AVIF image"),
}  # fmt: skip


@pytest.mark.parametrize("command", ["show", "lint", "add"])
@pytest.mark.parametrize("case", CASES)
def test_a_bad_file_is_one_error(folder, call, write, command, case):
    content, problem = CASES[case]
    file = write("x.json", content)

    said = call("template", command, file.name, "--json")

    assert said.status == 1
    message = (
        said.document["findings"][0]["message"] if command == "lint" else said.fault["message"]
    )
    assert "x.json" in message
    assert problem in message
    assert len(message) < 2_000
    assert not (folder / "comfy_templates").exists()


@pytest.mark.parametrize("name", ["x.json", "nowhere/x.json", ".", "x.png"])
def test_a_file_that_cannot_be_read_is_told(folder, call, name):
    said = call("template", "add", name, "--name", "x", "--json")

    assert said.status == 1
    assert f"{name} cannot be read" in said.fault["message"]
