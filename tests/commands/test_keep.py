"""``keep``: a decision in the front matter, and no other byte of the file changed."""

import os
import stat

import pytest

from mkdocs_comfy.commands.keeping import keep_key
from mkdocs_comfy.errors import FrontMatterError, HeroError


def test_a_seed_is_written_and_nothing_else(site, run):
    page = site.raw("guide/a.md", "")
    before = "\ufeff---\r\n# mine\r\nhero_prompt: 'a'  # p\r\ntitle: A\r\n---\r\n\r\n# Ä\r\n"
    page.write_bytes(before.encode())
    page.chmod(0o640)

    said = run("keep", "guide/a.md", "42")

    assert (said.status, said.err) == (0, "")
    assert said.out == "guide/a.md:4: wrote hero_seed: 42\n"
    after = before.replace("# p\r\n", "# p\r\nhero_seed: 42\r\n")
    assert page.read_bytes() == after.encode()
    assert stat.S_IMODE(page.stat().st_mode) == 0o640
    assert [each.name for each in page.parent.iterdir()] == ["a.md"]


def test_the_document(site, run):
    page = site.page("a.md", hero_prompt="a")

    expected = {"page": "a.md", "file": str(page), "line": 3, "key": "hero_seed", "value": 42}
    assert run("keep", "a.md", "42", "--json").document == expected | {"written": True}
    before = page.stat().st_mtime_ns
    assert run("keep", "a.md", "42", "--json").document == expected | {"written": False}
    assert page.stat().st_mtime_ns == before
    assert run("keep", "a.md", "42").out == "a.md:3: is there already: hero_seed: 42\n"


def test_a_seed_that_was_rendered_needs_no_render(site, run, comfyui):
    site.page("a.md", hero_prompt="a")
    [_, other] = run("render", "a.md", "--seeds", "2", "--json").document["pages"]

    run("keep", "a.md", str(other["seed"]))

    [page] = run("plan", "--json").document["pages"]
    assert (page["state"], page["key"]) == ("cached", other["key"])


def test_a_seed_that_was_not_rendered_is_kept_too(site, run, comfyui):
    site.page("a.md", hero_prompt="a")

    assert run("keep", "a.md", str(2**64 - 1)).status == 0

    [page] = run("plan", "--json").document["pages"]
    assert (page["state"], page["seed"]) == ("missing", 2**64 - 1)
    assert comfyui.requests == []


def test_an_inherited_prompt_gets_a_seed_of_the_page_itself(site, run):
    site.config |= {"theme": "material", "plugins": ["meta"]}
    page = site.raw("guide/a.md", "# A\n\nText.\n")
    (site.root / "docs/guide/.meta.yml").write_text("hero_prompt: p\nhero_seed: 7\n")

    assert run("keep", "guide/a.md", "42").status == 0

    assert page.read_text() == "---\nhero_seed: 42\n---\n# A\n\nText.\n"
    assert run("plan", "--json").document["pages"][0]["seed"] == 42


def test_errors_of_front_matter_do_not_keep_a_seed_from_being_mended(site, run):
    site.page("a.md", hero_prompt="a", hero_seed="lucky")
    site.page("b.md", hero_prompt="b", hero_size="big")

    assert run("keep", "a.md", "42").status == 0

    assert run("plan", "--json").fault["page"] == "b.md"


def test_the_current_image_stays_whatever_changes(site, run, comfyui):
    page = site.page("a.md", hero_prompt="a")
    site.build()
    [was] = run("plan", "--json").document["pages"]
    run("freeze")
    page.write_text(page.read_text().replace("hero_prompt: a", "hero_prompt: reworded"))
    assert run("check").status == 1

    said = run("keep", "a.md", "--current")

    assert said.out == f"a.md:3: wrote hero_pin: {was['key']}\n"
    [now] = run("plan", "--json").document["pages"]
    assert (now["state"], now["key"]) == ("pinned", was["key"])
    assert run("check").status == 0
    submitted = len(comfyui.submissions)
    (site.root / "comfy_templates").mkdir()
    (site.root / "comfy_templates/default.json").write_text("{}")
    assert "1 frozen" in site.build().summary
    assert len(comfyui.submissions) == submitted


def test_a_page_without_an_image_has_none_to_keep(site, run):
    site.page("a.md", hero_prompt="a")

    said = run("keep", "a.md", "--current")

    assert (said.status, said.out) == (1, "")
    assert "a.md shows no image that could be kept\nrender it first" in said.err


def test_a_stand_in_is_not_kept(site, run):
    site.page("a.md", hero_prompt="a")
    site.options["server"] = "embedded"
    run("render")

    said = run("keep", "a.md", "--current", "--json")

    assert (said.status, said.fault["key"]) == (2, "server")


def test_a_seed_beside_a_pin_is_told_to_have_no_effect(site, run):
    site.page("a.md", hero_prompt="a")
    run("render")
    run("keep", "a.md", "--current")

    said = run("keep", "a.md", "5")

    assert "it has no effect while hero_pin is there" in said.out


@pytest.mark.parametrize("text", ["", "Boats: a \"harbour\" #1 \\ 'x'", "港", "two\nlines"])
def test_an_alt_text_reads_back_as_it_was_given(site, run, text):
    page = site.page("a.md", hero_prompt="a")
    run("render")

    said = run("keep", "a.md", "--alt", text, "--json")

    assert (said.status, said.document["value"]) == (0, text)
    assert page.read_text(encoding="utf-8").count("\n") == 7
    assert run("check", "--require-alt", "--json").document["counts"]["no_alt"] == 0


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("a.md",), "give one of SEED, --current and --alt"),
        (("a.md", "1", "--current"), "give one of SEED, --current and --alt"),
        (("a.md", "1", "--alt", "x"), "give one of SEED, --current and --alt"),
        (("a.md", "-1"), "No such option"),
        (("a.md", str(2**64)), "is not in the range"),
        (("a.md", "lucky"), "'lucky' is not a valid integer"),
        (("a.md", "--alt", "x\x07"), "--alt must be text without control characters"),
        (("b.md", "1"), "the page b.md is not there; did you mean a.md?"),
        (("plain.md", "1"), "the page plain.md asks for no hero"),
    ],
)
def test_wrong_usage_exits_with_2_and_writes_nothing(site, run, words, problem):
    page = site.page("a.md", hero_prompt="a")
    site.page("plain.md")
    before = page.read_bytes()

    said = run("keep", *words, "--json")

    assert (said.status, said.fault["kind"]) == (2, "usage")
    assert problem.lower() in said.fault["message"].lower()
    assert page.read_bytes() == before


def test_a_generated_page_has_no_file(site, run):
    hook = site.root / "hook.py"
    hook.write_text(
        "from mkdocs.structure.files import File\n"
        "def on_files(files, config):\n"
        "    text = '---\\nhero_prompt: a\\n---\\n'\n"
        "    files.append(File.generated(config, 'api.md', content=text))\n"
    )
    site.config["hooks"] = [str(hook)]

    said = run("keep", "api.md", "1")

    assert said.status == 1
    assert "api.md is generated by a plugin: there is no file to write to" in said.err


# The file ----------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.md"
    path.write_text("---\nhero_prompt: a\n---\n")
    return path


def test_a_page_that_was_deleted_meanwhile_is_told(file):
    file.unlink()

    with pytest.raises(HeroError, match=r"a.md is gone: it was deleted meanwhile"):
        keep_key(file, "a.md", "hero_seed", "1")
    assert not file.exists()


def test_a_page_that_is_changed_meanwhile_is_left_as_it_is(file, monkeypatch):
    """An editor saves between our reading and our writing."""

    def copymode(_source, _target):
        file.write_text("saved by an editor")

    monkeypatch.setattr("mkdocs_comfy.commands.keeping.shutil.copymode", copymode)

    with pytest.raises(HeroError, match=r"a.md was changed while it was edited"):
        keep_key(file, "a.md", "hero_seed", "1")
    assert file.read_text() == "saved by an editor"
    assert [each.name for each in file.parent.iterdir()] == ["a.md"]


def test_a_write_that_fails_leaves_the_page_as_it_was(file, monkeypatch):
    def replace(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", replace)
    before = file.read_bytes()

    with pytest.raises(HeroError, match=r"a.md cannot be written: No space left on device"):
        keep_key(file, "a.md", "hero_seed", "1")
    assert file.read_bytes() == before
    assert [each.name for each in file.parent.iterdir()] == ["a.md"]


def test_a_link_is_followed(file, tmp_path):
    link = tmp_path / "docs.md"
    link.symlink_to(file)

    keep_key(link, "docs.md", "hero_seed", "1")

    assert link.is_symlink()
    assert "hero_seed: 1" in file.read_text()


def test_text_that_is_no_utf8_is_told(file):
    file.write_bytes(b"---\nhero_prompt: \xe4\n---\n")

    with pytest.raises(HeroError, match=r"a.md is no UTF-8 text \(byte 17\)"):
        keep_key(file, "a.md", "hero_seed", "1")


def test_front_matter_of_another_kind_is_told(file):
    file.write_text("+++\ntitle = 'x'\n+++\n")

    with pytest.raises(FrontMatterError, match="TOML"):
        keep_key(file, "a.md", "hero_seed", "1")


def test_the_temporary_file_is_no_page(file, monkeypatch):
    """`mkdocs serve` may look while we write: names with a dot are none of its pages."""
    names = []
    monkeypatch.setattr(
        "mkdocs_comfy.commands.keeping.shutil.copymode",
        lambda _source, target: names.append(os.path.basename(target)),  # noqa: PTH119  # text
    )

    keep_key(file, "a.md", "hero_seed", "1")

    assert [each[0] for each in names] == ["."]
    assert not names[0].endswith(".md")
