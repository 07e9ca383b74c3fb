"""``check``: every state is reached, told, and mended by the command that it prints."""

import json
import os
import re
from pathlib import Path

import pytest

from mkdocs_comfy.commands.checking import KINDS, escape_data, escape_property

POINTER = (
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\n"
    "size 12345\n"
)


def frozen(site, suffix="webp"):
    [file] = (site.root / "heroes").glob(f"*.{suffix}")
    return file


def cache(site):
    return site.root / ".cache"


def forget(site):
    """As in a fresh clone: the cache is not committed."""
    for file in sorted(cache(site).rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()


class Case:
    """A site whose one page is rendered and frozen, and what happens to it."""

    def __init__(self, site, run, shell):
        self.site, self.run, self.shell = site, run, shell
        self.page = site.page("guide/a b.md", hero_prompt="a", hero_alt="")
        assert run("render").status == 0
        assert run("freeze").status == 0

    def reword(self):
        self.page.write_text(self.page.read_text().replace("hero_prompt: a", "hero_prompt: b"))

    def git(self, line):
        assert self.shell(f"git -c user.name=a -c user.email=a@b.c {line}").status == 0


def never_rendered(case):
    case.site.page("new.md", hero_prompt="new", hero_alt="")


def in_the_cache_only(case):
    never_rendered(case)
    case.run("render")


def nothing_frozen_at_all(case):
    forget(case.site)
    for file in (case.site.root / "heroes").iterdir():
        file.unlink()
    (case.site.root / "heroes").rmdir()


def reworded(case):
    case.reword()


def reworded_and_rendered(case):
    case.reword()
    case.run("render")


def template_changed(case):
    graph = json.loads(
        (Path(__file__).parents[2] / "templates/default.json").read_text(encoding="utf-8")
    )
    graph["3"]["inputs"]["steps"] = 31
    (case.site.root / "comfy_templates").mkdir()
    (case.site.root / "comfy_templates/default.json").write_text(json.dumps(graph))


def page_removed(case):
    case.page.unlink()


def cut_off(case):
    file = frozen(case.site)
    file.write_bytes(file.read_bytes()[:1000])


def cut_off_in_a_clone(case):
    forget(case.site)
    cut_off(case)


def another_image(case):
    file = frozen(case.site)
    file.write_bytes(file.read_bytes()[:-1] + b"x")


def no_image(case):
    frozen(case.site).unlink()


def no_sidecar(case):
    frozen(case.site, "json").unlink()


def sidecar_no_json(case):
    frozen(case.site, "json").write_text("{")


def sidecar_in_conflict(case):
    file = frozen(case.site, "json")
    text = file.read_text()
    file.write_text(f"<<<<<<< ours\n{text}=======\n{text}>>>>>>> theirs\n")


def sidecar_of_another_key(case):
    file = frozen(case.site, "json")
    document = json.loads(file.read_text())
    document["key"] = "k1-" + "0" * 64
    file.write_text(json.dumps(document))


def sidecar_without_a_page(case):
    case.page.unlink()
    frozen(case.site).unlink()


def in_another_spelling(case):
    """From a file system that does not tell upper case from lower case."""
    for suffix in ("webp", "json"):
        file = frozen(case.site, suffix)
        file.rename(file.with_name(file.name.upper()))


def stray_file(case):
    (case.site.root / "heroes" / ("0" * 16 + ".webp")).write_bytes(b"RIFF")


def lfs(case):
    """git-lfs of the test's own: it brings back what git-lfs would."""
    file = frozen(case.site)
    program = case.site.root / "bin" / "git-lfs"
    program.parent.mkdir()
    kept = program.parent / "kept"
    kept.write_bytes(file.read_bytes())
    program.write_text(f"#!/bin/sh\n[ \"$1\" = pull ] && cp '{kept}' '{file}'\n")
    program.chmod(0o755)
    file.write_text(POINTER)


def pin_removed(case):
    site = case.site
    case.run("keep", "guide/a b.md", "--current")
    (site.root / ".gitignore").write_text("/site/\n")
    case.git("init -q")
    case.git("add .")
    case.git("commit -q -m All")
    case.git("rm -q heroes/*")
    case.git("commit -q -m Removed")
    forget(site)
    case.reword()


def no_alt(case):
    case.page.write_text(re.sub("hero_alt:.*\n", "", case.page.read_text()))


STATES = {
    never_rendered: ("missing", "new.md", "render new.md && mkdocs-comfy freeze"),
    in_the_cache_only: ("missing", "new.md", "freeze"),
    nothing_frozen_at_all: (
        "missing",
        "guide/a b.md",
        "render 'guide/a b.md' && mkdocs-comfy freeze",
    ),
    reworded: ("stale", "guide/a b.md", "render 'guide/a b.md' && mkdocs-comfy freeze"),
    reworded_and_rendered: ("stale", "guide/a b.md", "freeze"),
    template_changed: ("stale", "guide/a b.md", "render 'guide/a b.md' && mkdocs-comfy freeze"),
    page_removed: ("orphaned", None, "prune"),
    cut_off: ("corrupt", "guide/a b.md", "freeze"),
    cut_off_in_a_clone: ("corrupt", "guide/a b.md", "render --force 'guide/a b.md'"),
    another_image: ("corrupt", "guide/a b.md", "freeze"),
    no_image: ("corrupt", "guide/a b.md", "freeze"),
    no_sidecar: ("corrupt", "guide/a b.md", "freeze"),
    sidecar_no_json: ("corrupt", "guide/a b.md", "freeze"),
    sidecar_in_conflict: ("corrupt", "guide/a b.md", "freeze"),
    sidecar_of_another_key: ("corrupt", "guide/a b.md", "freeze"),
    sidecar_without_a_page: ("corrupt", None, "prune"),
    in_another_spelling: ("corrupt", None, "prune"),
    stray_file: ("corrupt", None, "prune"),
    lfs: ("lfs_pointer", "guide/a b.md", "git lfs pull"),
    pin_removed: ("missing", "guide/a b.md", "git checkout"),
    no_alt: ("no_alt", "guide/a b.md", "keep --alt '' 'guide/a b.md'"),
}
"""What happened → kind of the finding, page, and how its command begins."""


@pytest.fixture
def case(site, run, shell):
    return Case(site, run, shell)


def findings(said):
    return {(each["kind"], each["page"], each["file"]): each for each in said.document["findings"]}


def test_a_site_that_is_right_is_right(case):
    said = case.run("check")

    assert (said.status, said.out, said.err) == (0, "1 hero checked: all is well\n", "")


@pytest.mark.parametrize("state", STATES, ids=lambda each: each.__name__)
def test_every_state_is_mended_by_the_command_that_it_prints(case, state, site):
    kind, page, command = STATES[state]
    state(case)

    said = case.run("check", "--json")

    found = {name: each for name, each in findings(said).items() if name[:2] == (kind, page)}
    assert found, said.document
    (name, finding), *_ = found.items()
    assert said.status == (0 if kind == "no_alt" else 1)
    assert finding["severity"] == ("note" if kind == "no_alt" else "error")
    assert said.document["counts"][kind] >= 1
    assert (finding["line"] is None) is (page is None)
    assert re.sub("^mkdocs-comfy ", "", finding["fix"]).startswith(command)

    mended = case.shell(finding["fix"], PATH=_path(site))

    assert mended.status == 0, mended
    assert name not in findings(case.run("check", "--json"))


@pytest.mark.parametrize("state", STATES, ids=lambda each: each.__name__)
def test_the_commands_lead_to_a_site_that_is_right(case, state, site):
    """Whoever runs the first command that is printed, again and again, gets there."""
    state(case)
    for _ in range(4):
        said = case.run("check", "--require-alt", "--json")
        if said.status == 0:
            break
        first = next(each for each in said.document["findings"] if each["severity"] == "error")
        assert case.shell(first["fix"], PATH=_path(site)).status == 0

    assert case.run("check", "--require-alt").status == 0
    assert site.build(strict=True).error is None


def _path(site):
    here = str(Path(os.sys.executable).parent)
    return os.pathsep.join((str(site.root / "bin"), here, os.environ["PATH"]))


def test_all_kinds_are_reached():
    assert {kind for kind, _, _ in STATES.values()} == set(KINDS)


def test_a_sidecar_of_a_newer_version_asks_for_that_version(case):
    file = frozen(case.site, "json")
    file.write_text(json.dumps(json.loads(file.read_text()) | {"format": 2}))

    [finding] = case.run("check", "--json").document["findings"]

    assert (finding["kind"], finding["fix"]) == ("corrupt", "pip install --upgrade mkdocs-comfy")


def test_the_document_has_the_fields_that_are_promised(case):
    reworded(case)

    said = case.run("check", "--json")

    [finding] = said.document["findings"]
    assert finding["key"].startswith("k1-")
    assert finding["message"].startswith("guide/a b.md shows its former image: prompt changed")
    assert finding | {"key": "", "message": ""} == {
        "kind": "stale",
        "severity": "error",
        "page": "guide/a b.md",
        "line": 2,
        "key": "",
        "file": None,
        "message": "",
        "fix": "mkdocs-comfy render 'guide/a b.md' && mkdocs-comfy freeze",
    }
    assert said.document["counts"] == {
        "missing": 0,
        "stale": 1,
        "orphaned": 0,
        "corrupt": 0,
        "lfs_pointer": 0,
        "no_alt": 0,
    }


def test_people_read_place_reason_and_command(case):
    page_removed(case)

    out = case.run("check").out.splitlines()

    name = frozen(case.site).name
    assert out == [
        f"heroes/{name}: error: no page uses heroes/{name} [orphaned]",
        "    mkdocs-comfy prune",
        "0 heroes checked: 1 orphaned",
    ]


def test_the_command_names_the_site_where_the_call_did(case, monkeypatch):
    reworded(case)
    monkeypatch.chdir(case.site.root.parent)

    said = case.run("check", "-f", "mkdocs.yml", "--json")

    fix = said.document["findings"][0]["fix"]
    assert fix == (
        "mkdocs-comfy render -f mkdocs.yml 'guide/a b.md' && mkdocs-comfy freeze -f mkdocs.yml"
    )
    assert case.shell(fix).status == 0


def test_quick_decodes_nothing_and_finds_another_image(case):
    another_image(case)

    assert case.run("check", "--quick", "--json").document["counts"]["corrupt"] == 1


def test_no_server_is_needed(case, comfyui):
    comfyui.stop()
    forget(case.site)

    assert case.run("check").status == 0


# GitHub ------------------------------------------------------------------------------------------


def test_annotations_stand_at_the_line_of_the_page(case, monkeypatch):
    monkeypatch.setenv("GITHUB_WORKSPACE", str(case.site.root.parent))
    no_alt(case)
    reworded(case)
    folder = case.site.root.name

    out = case.run("check", "--github").out.splitlines()

    assert out[0].startswith(f"::error file={folder}/docs/guide/a b.md,line=2,title=hero stale::")
    assert out[0].endswith("%0Amkdocs-comfy render 'guide/a b.md' && mkdocs-comfy freeze")
    assert out[1].startswith(f"::notice file={folder}/docs/guide/a b.md,line=2,title=hero no_alt::")
    assert out[2:] == ["1 hero checked: 1 stale, 1 no_alt"]


def test_annotations_leave_stdout_to_the_document(case):
    no_alt(case)

    said = case.run("check", "--github", "--json")

    assert said.document["counts"]["no_alt"] == 1
    assert said.err.startswith("::notice file=docs/guide/a b.md,line=2,")


def test_a_page_of_a_pull_request_forges_no_annotation(case):
    """Runners read every line of the log for commands of theirs."""
    case.site.page("x,y:z%0A\n::error::forged.md", hero_prompt="x")

    said = case.run("check", "--github")

    commands = [line for line in said.out.splitlines() if line.startswith("::")]
    assert all(re.match(r"::(error|notice) file=docs/x%2Cy%3Az%250A", each) for each in commands)
    assert len(commands) == 2


@pytest.mark.parametrize(
    ("text", "data", "value"),
    [
        ("100%", "100%25", "100%25"),
        ("a\r\nb", "a%0D%0Ab", "a%0D%0Ab"),
        ("a:b,c", "a:b,c", "a%3Ab%2Cc"),
        ("%0A", "%250A", "%250A"),
    ],
)
def test_workflow_commands_are_escaped(text, data, value):
    assert escape_data(text) == data
    assert escape_property(text) == value
