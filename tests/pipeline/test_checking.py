"""check: every kind of finding, and that the command it prints mends it."""

import dataclasses
import hashlib
import json
import shlex
import shutil
import subprocess

import pytest

from mkdocs_comfy.pipeline.checking import Finding
from mkdocs_comfy.pipeline.fixes import Commands

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 9\n"


def follow(team, fix):
    """Do what a command of ours would do, word by word."""
    for command in fix.split(" && "):
        program, verb, *words = shlex.split(command)
        assert program == "mkdocs-comfy"
        match verb, words:
            case "render", [page]:
                assert page in team.pages
                team.build()
            case "render", ["--force", page]:
                assert page in team.pages
                team.build(frozen_dir=team.settings.frozen_dir.with_name("none"))
            case "freeze", []:
                assert team.freeze().missing == {}
            case "prune", []:
                team.prune()
            case "keep", ["--alt", text, page]:
                team.write(page, **{**team.pages[page].meta, "hero_alt": text})
            case _:
                raise AssertionError(command)


def only(team, **how):
    (finding,) = team.check(**how)
    return finding


def mended(team, finding):
    follow(team, finding.fix)
    return team.check() == ()


def edit(path, **values):
    document = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**document, **values}), encoding="utf-8")


def test_a_site_whose_images_are_frozen_has_no_findings(team):
    team.on_another_machine()

    assert team.check() == team.check(quick=True) == ()


def test_checking_writes_nothing_and_opens_no_socket(team, comfyui):
    team.on_another_machine()
    comfyui.requests.clear()
    team.check()

    assert not team.settings.cache_dir.exists()
    assert comfyui.requests == []


# Missing and stale -------------------------------------------------------------------------------


def test_an_image_that_was_never_rendered(team):
    team.write("c.md", hero_prompt="a mill", hero_alt="A mill")
    found = only(team)

    assert found == Finding(
        kind="missing",
        severity="error",
        page="c.md",
        line=2,
        key=team.key("c.md"),
        file=None,
        message="the image of c.md was never rendered, or its cache is gone",
        fix="mkdocs-comfy render c.md && mkdocs-comfy freeze",
    )
    assert mended(team, found)


def test_an_image_that_is_not_committed(team):
    team.write("c.md", hero_prompt="a mill", hero_alt="A mill")
    team.build()
    found = only(team)

    assert (found.kind, found.page, found.fix) == ("missing", "c.md", "mkdocs-comfy freeze")
    assert mended(team, found)


def test_without_a_frozen_directory_the_cache_will_do(team):
    for path in team.settings.frozen_dir.iterdir():
        path.unlink()
    team.settings.frozen_dir.rmdir()
    assert team.check() == ()

    team.on_another_machine()
    assert [found.kind for found in team.check()] == ["missing", "missing"]


def test_a_reworded_page_is_stale(team):
    team.write("a.md", hero_prompt="a harbour at night", hero_alt="A harbour")
    found = only(team)

    assert (found.kind, found.severity, found.page) == ("stale", "error", "a.md")
    assert "shows its former image: prompt changed" in found.message
    assert "mkdocs-comfy keep a.md --current" in found.message
    assert found.fix == "mkdocs-comfy render a.md && mkdocs-comfy freeze"
    follow(team, found.fix)
    assert [each.kind for each in team.check()] == ["orphaned"]


def test_a_reworded_page_whose_new_image_is_rendered_but_not_frozen_is_stale(team):
    team.write("a.md", hero_prompt="a harbour at night", hero_alt="A harbour")
    team.build()

    assert (only(team).kind, only(team).fix) == ("stale", "mkdocs-comfy freeze")


def test_the_current_image_can_be_kept(team):
    team.write("a.md", hero_prompt="a harbour at night", hero_alt="A harbour")
    current = team.current("a.md")
    team.write("a.md", hero_prompt="a harbour at night", hero_alt="A harbour", hero_pin=current)

    assert team.check() == ()
    team.settings = dataclasses.replace(team.settings, size=(256, 256))
    assert [found.page for found in team.check()] == ["b.md"]


def test_the_current_image_is_the_pages_own_where_it_is_at_hand(team):
    assert team.current("a.md") == team.key("a.md")
    team.write("c.md", hero_prompt="a mill")
    assert team.current("c.md") is None


@pytest.fixture
def repository(team):
    """The frozen directory, committed."""
    folder = team.settings.frozen_dir.parent

    def git(*words):
        who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
        subprocess.run(
            [shutil.which("git"), *who, *words], cwd=folder, check=True, capture_output=True
        )

    git("init", "-q")
    git("add", "heroes")
    git("commit", "-qm", "Freeze")
    return git


def test_a_pinned_image_that_was_removed_comes_back_from_git(team, repository):
    key = team.key("a.md")
    name = team.file("a.md").name
    team.write("a.md", hero_prompt="another", hero_alt="A", hero_pin=key)
    repository("rm", "-q", f"heroes/{name}", f"heroes/{name.replace('webp', 'json')}")
    repository("commit", "-qm", "Remove")
    team.on_another_machine()
    found = only(team)

    assert (found.kind, found.page, found.key) == ("missing", "a.md", key)
    assert "pins" in found.message
    folder = team.settings.frozen_dir.parent
    subprocess.run(found.fix, shell=True, cwd=folder, check=True, capture_output=True)  # noqa: S602  # our own command
    assert team.check() == ()


# Orphaned ----------------------------------------------------------------------------------------


def test_an_image_that_no_page_uses(team):
    file = team.file("b.md")
    del team.pages["b.md"]
    found = only(team)

    assert (found.kind, found.severity, found.page) == ("orphaned", "error", None)
    assert (found.file, found.message) == (
        f"heroes/{file.name}",
        f"no page uses heroes/{file.name}",
    )
    assert found.fix == "mkdocs-comfy prune"
    assert mended(team, found)


def test_the_former_image_of_a_page_is_no_orphan_while_it_is_shown(team):
    team.write("a.md", hero_prompt="a harbour at night", hero_alt="A harbour")

    assert [found.kind for found in team.check()] == ["stale"]
    assert team.prune().removed == ()


# Corrupt -----------------------------------------------------------------------------------------


def spoil_digest(team):
    file = team.file("a.md")
    file.write_bytes(file.read_bytes()[:-1] + b"\7")


def spoil_image(team):
    """Right digest, no image."""
    file = team.file("a.md")
    file.write_bytes(file.read_bytes()[:40])
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    edit(team.file("a.md", ".json"), sha256=digest)


def replaced(**values):
    return lambda team: edit(team.file("a.md", ".json"), **values)


def written(text):
    return lambda team: team.file("a.md", ".json").write_text(text, encoding="utf-8")


def gone(suffix):
    return lambda team: team.file("a.md", suffix).unlink()


def linked(suffix):
    def put(team):
        file = team.file("a.md", suffix)
        private = team.settings.frozen_dir.parent / "private"
        file.rename(private)
        file.symlink_to(private)

    return put


def swapped(team):
    """Somebody copied a sidecar under another name."""
    team.file("a.md", ".json").write_bytes(team.file("b.md", ".json").read_bytes())


def conflicting(team):
    text = team.file("a.md", ".json").read_text(encoding="utf-8")
    marked = f"<<<<<<< HEAD\n{text}=======\n{text}>>>>>>> branch\n"
    team.file("a.md", ".json").write_text(marked, encoding="utf-8")


def in_another_spelling(team):
    file = team.file("a.md")
    (file.parent / file.name.upper()).write_bytes(file.read_bytes())


def in_another_format(team):
    file = team.file("a.md")
    file.with_suffix(".png").write_bytes(file.read_bytes())


DAMAGE = {
    "other bytes": (spoil_digest, "is not the image that its sidecar was written for"),
    "no image": (spoil_image, "cannot be used: the image is truncated"),
    "other pixels": (replaced(pixels="0" * 64), "has other pixels than its sidecar says"),
    "other size": (replaced(width=64), "has other pixels than its sidecar says"),
    "no JSON": (written("{nope"), "is no JSON"),
    "empty": (written(""), "is no JSON"),
    "deep": (written("[" * 100_000), "is no JSON"),
    "no sidecar": (written("[]"), "is not what a sidecar is"),
    "half a sidecar": (replaced(sha256=None), "is not what a sidecar is"),
    "no size at all": (replaced(width=0), "is not what a sidecar is"),
    "another key": (swapped, "is the sidecar of another key"),
    "a key that is a path": (replaced(key="../../secret"), "is not what a sidecar is"),
    "a path of a file": (replaced(file="../secret.png"), "should not have, 'file'"),
    "a path of a machine": (replaced(pages=["/home/me/a.md"]), "holds a path that is none"),
    "a path of Windows": (replaced(pages=["C:\\docs\\a.md"]), "holds a path that is none"),
    "a path that leads out": (replaced(pages=["a\\..\\..\\b.md"]), "holds a path that is none"),
    "no workflow": (replaced(workflow={"1": {}}), "does not say how its image was made"),
    "merge conflict": (conflicting, "holds the marks of a git merge conflict"),
    "image alone": (gone(".json"), "has no sidecar beside it"),
    "sidecar alone": (gone(".webp"), "has no image beside it"),
    "linked image": (linked(".webp"), "links are not followed"),
    "linked sidecar": (linked(".json"), "links are not followed"),
    "two for one key": (in_another_spelling, "is not looked at"),
    "two formats": (in_another_format, "is not looked at"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_damage_is_found_and_mended_without_rendering(team, case):
    damage, problem = DAMAGE[case]
    damage(team)
    found = only(team)

    assert (found.kind, found.severity) == ("corrupt", "error")
    assert found.file.startswith("heroes/")
    assert problem in found.message
    assert found.message.startswith(found.file)
    assert found.fix in {"mkdocs-comfy freeze", "mkdocs-comfy prune"}
    assert mended(team, found)


@pytest.mark.parametrize("case", [each for each in DAMAGE if not each.startswith("two ")])
def test_damage_is_mended_on_a_machine_with_a_server_and_no_cache(team, case):
    DAMAGE[case][0](team)
    team.on_another_machine()
    found = only(team)

    assert found.page == "a.md"
    if case == "merge conflict":
        assert found.fix == "mkdocs-comfy freeze"
    else:
        assert found.fix == "mkdocs-comfy render --force a.md && mkdocs-comfy freeze"
    assert mended(team, found)


@pytest.mark.parametrize("case", DAMAGE)
def test_a_build_goes_on_with_what_is_right(team, case):
    DAMAGE[case][0](team)
    team.on_another_machine()

    assert team.key("b.md") in team.offline().images


def test_damage_that_concerns_no_page_is_pruned(team):
    name = team.file("b.md", ".json").name
    team.file("b.md", ".json").write_text("{nope")
    del team.pages["b.md"]
    found = only(team)

    assert (found.kind, found.page, found.fix) == ("corrupt", None, "mkdocs-comfy prune")
    assert found.file == f"heroes/{name}"
    assert mended(team, found)


def test_line_ends_of_windows_are_no_damage(team):
    file = team.file("a.md", ".json")
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    team.on_another_machine()

    assert team.check() == ()
    assert team.offline().frozen == 2


def test_separators_of_windows_in_pages_are_understood(team):
    team.write("guide/a.md", hero_alt="A harbour")
    team.freeze()
    edit(team.file("a.md", ".json"), pages=["guide\\a.md"])
    team.write("guide/a.md", hero_prompt="a harbour at night", hero_alt="A harbour")
    del team.pages["a.md"]

    assert [found.kind for found in team.check()] == ["stale"]


def test_other_files_of_the_directory_are_nobodys_business(team):
    folder = team.settings.frozen_dir
    (folder / ".gitattributes").write_text("*.webp -text\n")
    (folder / ("n" * 250 + ".webp")).write_bytes(b"")
    (folder / "README.md").write_text("Heroes.\n")
    (folder / "more").mkdir()

    assert team.check() == ()
    assert team.prune().removed == ()


def test_a_folder_in_the_place_of_an_image(team):
    team.file("a.md").unlink()
    team.file("a.md").mkdir()

    assert only(team).kind == "corrupt"


def test_digests_alone_are_compared_when_quick(team):
    edit(team.file("a.md", ".json"), pixels="0" * 64)

    assert team.check(quick=True) == ()
    spoil_digest(team)
    assert only(team, quick=True).kind == "corrupt"


def test_a_sidecar_of_a_later_version_is_left_alone(team):
    edit(team.file("a.md", ".json"), format=2, more=True)
    found = only(team)

    assert found.kind == "corrupt"
    assert "is of format 2, and this version knows 1" in found.message
    assert found.fix == "pip install --upgrade mkdocs-comfy"


@pytest.mark.parametrize("suffix", [".webp", ".json"])
def test_a_pointer_of_git_lfs(team, suffix):
    team.file("a.md", suffix).write_text(POINTER)
    found = only(team)

    assert (found.kind, found.page, found.fix) == ("lfs_pointer", "a.md", "git lfs pull")
    assert "is a Git LFS pointer" in found.message


# Alternative text --------------------------------------------------------------------------------


def test_a_missing_alternative_text_is_a_note(team):
    team.write("a.md")
    found = only(team)

    assert (found.kind, found.severity, found.page, found.line) == ("no_alt", "note", "a.md", 2)
    assert found.fix == "mkdocs-comfy keep --alt '' a.md"
    assert mended(team, found)


def test_a_missing_alternative_text_may_be_an_error(team):
    team.write("a.md")

    assert only(team, require_alt=True).severity == "error"


# Documents and commands --------------------------------------------------------------------------


def test_a_finding_is_a_document_with_these_fields(team):
    team.write("a.md")

    assert list(only(team).document()) == [
        "kind",
        "severity",
        "page",
        "line",
        "key",
        "file",
        "message",
        "fix",
    ]
    json.dumps(only(team).document())


def test_files_are_named_from_the_folder_of_the_configuration(team):
    spoil_digest(team)
    folder = team.settings.frozen_dir.parent / "site" / "config"
    with_root = team._do("check", root=folder)

    assert with_root[0].file.startswith("../../heroes/")


def test_commands_name_the_configuration(team):
    team.write("c.md", hero_prompt="a mill", hero_alt="A mill")
    commands = Commands(options="-f 'my site/mkdocs.yml'")

    assert only(team, commands=commands).fix == (
        "mkdocs-comfy render -f 'my site/mkdocs.yml' c.md"
        " && mkdocs-comfy freeze -f 'my site/mkdocs.yml'"
    )


@pytest.mark.parametrize("page", ["it's; rm -rf ~.md", "$(id).md", "a b.md", "`id`.md", "a\nb.md"])
def test_names_of_pages_are_quoted_for_the_shell(page):
    words = shlex.split(Commands().render(page).split(" && ", maxsplit=1)[0])

    assert words == ["mkdocs-comfy", "render", page]


def test_a_page_that_looks_like_an_option_is_none():
    assert Commands().render("-f.md").startswith("mkdocs-comfy render -- -f.md")
    assert Commands().say_alt("-f.md") == "mkdocs-comfy keep --alt '' -- -f.md"


def test_messages_show_no_escape_sequences(team):
    team.write("a\x1b[31m.md", hero_prompt="a mill", hero_alt="A mill")

    assert "\x1b" not in only(team).message
