"""``render``: images outside a build with its progress, and candidates to choose from."""

import io
import json
import re
import signal
import subprocess
import sys
import threading
import time
from html.parser import HTMLParser

import pytest
from PIL import Image

from mkdocs_comfy.testing import Answer

MAIN = "from mkdocs_comfy.cli import main; main(prog_name='mkdocs-comfy')"


def cache(site):
    return site.root / ".cache/plugin/comfy"


def originals(site):
    return sorted(each.name for each in (cache(site) / "originals").glob("k1-*"))


def seeds_of(comfyui):
    return [
        next(n["inputs"]["seed"] for n in each["prompt"].values() if "seed" in n["inputs"])
        for each in comfyui.submissions
    ]


def test_what_is_missing_is_rendered_into_the_cache(site, run, comfyui):
    site.page("a.md", hero_prompt="a")
    site.page("b.md", hero_prompt="b")
    assert run("render", "a.md").status == 0

    said = run("render")

    assert (said.status, len(comfyui.submissions)) == (0, 2)
    assert re.fullmatch(r"2 heroes: 1 cached, 1 rendered in \d\.\d s\n", said.out)
    assert f"rendering 1 hero on {comfyui.url}" in said.err
    assert re.search(r"\d\d:\d\d:\d\d rendered b.md in \d\.\d s \(1 of 1\)", said.err)
    assert not (site.root / "site").exists()
    assert "2 cached" in site.build().summary


def test_the_document_says_what_a_render_came_to(site, run, comfyui):
    site.page("a.md", hero_prompt="a")
    site.page("b.md", hero_prompt="b")
    run("render", "b.md")

    said = run("render", "--json")

    first, second = said.document["pages"]
    assert first["page"] == "a.md"
    assert first["state"] == second["state"] == "cached"
    assert isinstance(first["seconds"], float)
    assert first["server"] == comfyui.url
    assert first["error"] is None
    assert (second["seconds"], second["server"]) == (None, None), "it was there"
    assert said.document["counts"]["cached"] == 2
    assert "rendered a.md" in said.err


def test_a_failure_is_told_and_the_rest_goes_on(site, run, comfyui):
    site.page("a.md", hero_prompt="a")
    site.page("b.md", hero_prompt="b")
    site.options |= {"on_missing": "error", "retries": 0}
    comfyui.answer("/view", Answer(status=404), times=1)

    said = run("render", "--json")

    assert said.status == 1
    failed, fine = said.document["pages"]
    assert (failed["state"], failed["image"]) == ("missing", None)
    assert failed["error"]["kind"] == "lost"
    assert failed["error"]["message"]
    assert (fine["state"], fine["error"]) == ("cached", None)
    assert "1 hero is missing, a.md" in said.err


def test_a_server_that_is_not_there_is_one_error(site, run, comfyui):
    for name in "abc":
        site.page(f"{name}.md", hero_prompt=name)
    comfyui.stop()

    said = run("render")

    assert said.status == 1
    assert len(re.findall("^error: ", said.err, re.MULTILINE)) == 1
    assert "3 heroes are missing, first a.md" in said.err
    assert said.out == "3 heroes: 3 missing\n"


@pytest.mark.parametrize(
    ("options", "reason"), [({"mode": "offline"}, "mode: offline"), ({"server": None}, "CI is set")]
)
def test_what_a_build_would_not_render_is_not_rendered(
    site, run, comfyui, monkeypatch, options, reason
):
    monkeypatch.setenv("CI", "1")
    site.page("a.md", hero_prompt="a")
    site.options |= options

    said = run("render")

    assert (said.status, comfyui.requests) == (1, [])
    assert said.err.startswith("CI, ")
    assert reason in said.err


def test_placeholders_are_no_images(site, run, comfyui):
    site.page("a.md", hero_prompt="a")
    site.options["on_missing"] = "placeholder"
    comfyui.stop()

    assert run("render", "--json").document["counts"]["missing"] == 1
    assert not list(cache(site).glob("variants/*"))


def test_force_renders_anew_what_is_there(site, run, comfyui):
    site.page("a.md", hero_prompt="a")
    run("render")
    [file] = (cache(site) / "originals").glob("k1-*")
    before = file.read_bytes()
    comfyui.picture = comfyui_picture = _picture()

    said = run("render", "--force")

    assert re.fullmatch(r"1 hero: 1 rendered in \d\.\d s\n", said.out)
    assert len(comfyui.submissions) == 2
    assert before != file.read_bytes() == comfyui_picture
    built = site.build()
    assert "1 cached" in built.summary


def test_a_render_that_fails_leaves_the_image_that_was_there(site, run, comfyui):
    site.page("a.md", hero_prompt="a")
    run("render")
    comfyui.picture = b"no image"

    said = run("render", "--force", "--json")

    assert said.status == 1
    [page] = said.document["pages"]
    assert (page["state"], page["error"]["kind"]) == ("cached", "bad_image")


def test_force_tells_how_a_frozen_image_is_replaced(site, run, shell, comfyui):
    site.page("a.md", hero_prompt="a")
    run("render")
    run("freeze")
    [frozen] = (site.root / "heroes").glob("*.webp")
    before = frozen.read_bytes()
    comfyui.picture = _picture()

    said = run("render", "--force")

    told = said.out.splitlines()[-1]
    start = "a.md shows its frozen image; to take the new one: "
    assert told.startswith(start)
    assert frozen.read_bytes() == before
    assert shell(told.removeprefix(start)).status == 0
    assert frozen.read_bytes() != before


def test_an_image_that_cannot_be_rendered_again_is_left_alone(site, run, comfyui):
    """A page that is reworded and pins its former image."""
    page = site.page("a.md", hero_prompt="a")
    run("render")
    run("keep", "a.md", "--current")
    page.write_text(page.read_text().replace("hero_prompt: a", "hero_prompt: b"))

    said = run("render", "--force")

    assert (said.status, said.out) == (0, "1 hero: 1 cached\n")
    assert len(comfyui.submissions) == 1


def test_dry_run_only_tells(site, run, comfyui):
    site.page("a.md", hero_prompt="a")
    site.page("b.md", hero_prompt="b")
    run("render", "a.md")
    before = len(comfyui.requests)

    said = run("render", "--dry-run", "--json")

    assert (said.status, len(comfyui.requests)) == (0, before)
    assert [each["page"] for each in said.document["pages"]] == ["b.md"]
    assert said.document["pages"][0].keys() == run("render", "--json").document["pages"][0].keys()
    assert "cached  a.md:2\n" in run("render", "--dry-run", "--force").out


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("nope.md",), "the page nope.md is not there"),
        (("plain.md",), "the page plain.md asks for no hero"),
        (("--seeds", "4"), "--seeds needs PAGES"),
        (("a.md", "--seeds", "0"), "0 is not in the range"),
        (("a.md", "--seeds", "many"), "'many' is not a valid integer"),
    ],
)
def test_wrong_usage_exits_with_2(site, run, comfyui, words, problem):
    site.page("a.md", hero_prompt="a")
    site.page("plain.md")

    said = run("render", *words, "--json")

    assert (said.status, said.fault["kind"], comfyui.requests) == (2, "usage", [])
    assert problem in said.fault["message"]


# Candidates --------------------------------------------------------------------------------------


class Reader(HTMLParser):
    """What a contact sheet refers to, and what its commands are."""

    def __init__(self, text):
        super().__init__()
        self.sources, self.commands, self.tags, self._code = [], [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.sources += [value for name, value in attrs if name in {"src", "href", "srcset"}]
        self._code = tag == "code"

    def handle_data(self, data):
        if self._code:
            self.commands.append(data)
            self._code = False


def test_candidates_and_a_contact_sheet(site, run, comfyui):
    site.page("guide/a b.md", hero_prompt="a harbour", hero_seed=2**64 - 2)

    said = run("render", "guide/a b.md", "--seeds", "4", "--json")

    assert said.status == 0
    seeds = [2**64 - 2, 2**64 - 1, 0, 1]
    assert [each["seed"] for each in said.document["pages"]] == seeds
    assert sorted(seeds_of(comfyui)) == sorted(seeds)
    assert len(originals(site)) == 4
    sheet = cache(site) / "contact-sheet.html"
    assert said.document["sheet"] == str(sheet)
    text = sheet.read_text(encoding="utf-8")
    reader = Reader(text)
    assert reader.commands == [f"mkdocs-comfy keep 'guide/a b.md' {seed}" for seed in seeds]
    assert len(reader.sources) == 4
    assert all(each.startswith("data:image/webp;base64,") for each in reader.sources)
    assert "http" not in text.replace("http-equiv", "")
    assert {"script", "link", "iframe"}.isdisjoint(reader.tags)
    assert text.count("(the page asks for it now)") == 1


def test_the_site_shows_none_of_the_candidates(site, run):
    """Not even as the former image of a page whose prompt changes."""
    site.page("a.md", hero_prompt="a")
    site.build()
    run("render", "a.md", "--seeds", "3")

    built = site.build()
    assert (built.summary, len(built.heroes())) == ("1 hero: 1 cached", 1)
    shown = built.heroes()
    site.page("a.md", hero_prompt="another")
    site.options["mode"] = "offline"
    assert site.build().heroes() == shown


def test_candidates_are_rendered_once(site, run, comfyui):
    site.page("a.md", hero_prompt="a")
    run("render", "a.md", "--seeds", "3")

    said = run("render", "a.md", "--seeds", "5")

    assert "5 heroes: 3 cached, 2 rendered" in said.out
    assert "to choose, look at .cache/plugin/comfy/contact-sheet.html" in said.out
    assert len(comfyui.submissions) == 5


def test_the_command_of_the_sheet_keeps_what_it_shows(site, run, shell, comfyui):
    """Literally: out of the page, into a shell, and the next build shows it and renders nothing."""
    site.page("it's a/b & c.md", hero_prompt="a <b>harbour</b>")
    run("render", "it's a/b & c.md", "--seeds", "2")
    text = (cache(site) / "contact-sheet.html").read_text(encoding="utf-8")
    assert "a &lt;b&gt;harbour&lt;/b&gt;" in text
    command = Reader(text).commands[1]
    before = len(comfyui.submissions)

    said = shell(command)

    assert (said.status, said.err) == (0, "")
    assert "1 cached" in site.build().summary
    assert len(comfyui.submissions) == before


def test_the_command_of_the_sheet_names_the_site(site, run, shell, comfyui):
    site.page("-a.md", hero_prompt="a")
    file = site.write_config()
    (site.root / "sub").mkdir()

    run("render", "-f", "mkdocs.yml", "--seeds", "1", "--", "-a.md")

    [command] = Reader((cache(site) / "contact-sheet.html").read_text()).commands
    assert command.startswith("mkdocs-comfy keep -f mkdocs.yml -- -a.md ")
    assert file.is_file()
    assert shell(command).status == 0


def test_a_candidate_that_failed_has_its_place_and_its_reason(site, run, comfyui):
    site.page("a.md", hero_prompt="a")
    site.options["retries"] = 0
    comfyui.answer("/view", Answer(status=404), times=1)

    said = run("render", "a.md", "--seeds", "2", "--json")

    assert said.status == 1
    text = (cache(site) / "contact-sheet.html").read_text()
    failed = next(each for each in said.document["pages"] if each["error"])
    assert '<div class="none">' in text
    assert len(Reader(text).sources) == 1
    assert failed["error"]["kind"] == "lost"


def test_a_pin_does_not_hide_the_candidates(site, run):
    site.page("a.md", hero_prompt="a")
    run("render")
    run("keep", "a.md", "--current")

    said = run("render", "a.md", "--seeds", "2", "--json")

    assert len({each["key"] for each in said.document["pages"]}) == 2


def test_a_template_without_a_seed_has_no_candidates(site, run, comfyui):
    graph = {
        "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "x"}},
        "2": {"class_type": "CLIPTextEncode", "inputs": {"text": "p", "clip": ["1", 1]}},
        "3": {"class_type": "NoSeed", "inputs": {"positive": ["2", 0]}},
        "4": {"class_type": "SaveImage", "inputs": {"images": ["3", 0], "filename_prefix": "x"}},
    }
    (site.root / "comfy_templates").mkdir()
    (site.root / "comfy_templates/mine.json").write_text(json.dumps(graph))
    site.page("a.md", hero_prompt="a", hero_template="mine")

    said = run("render", "a.md", "--seeds", "2", "--json")

    assert (said.status, comfyui.requests) == (2, [])
    assert "mine, takes no seed" in said.fault["message"]


# As a process ------------------------------------------------------------------------------------


@pytest.fixture
def start(site):
    started = []

    def begin(*words):
        command = [sys.executable, "-c", MAIN, *words, "-f", str(site.write_config())]
        started.append(
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        )
        return started[-1]

    yield begin
    for each in started:
        each.kill()
        each.communicate()


def wait_until(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_ctrl_c_withdraws_our_jobs_and_keeps_what_is_done(site, comfyui, start, words):
    for name in "abcdef":
        site.page(f"{name}.md", hero_prompt=name)
    comfyui.latency = 0.3
    process = start("render", *words)
    wait_until(lambda: len(originals(site)) >= 2)
    comfyui.hold()
    foreign = comfyui.enqueue_foreign(60)
    wait_until(lambda: len(comfyui.submissions) == len(comfyui.executed) + 2)

    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)

    assert process.returncode == 1
    assert "stopping (Ctrl-C" in err
    if words:
        assert json.loads(out) == {"error": {"kind": "aborted", "message": "stopped by Ctrl-C"}}
    else:
        assert (out, err.splitlines()[-1]) == ("", "Aborted!")
    ours = {each["prompt_id"] for each in comfyui.submissions}
    assert ours == {*comfyui.executed, *comfyui.interrupted, *comfyui.deleted}
    assert foreign not in {*comfyui.interrupted, *comfyui.deleted}
    assert len(originals(site)) == len(comfyui.executed) >= 2


def test_stdout_holds_one_document_whatever_else_is_said(site, comfyui, start):
    site.page("a.md", hero_prompt="a")
    site.options["not_an_option_of_ours"] = 1
    hook = site.root / "hook.py"
    hook.write_text("print('noise')\ndef on_files(files, config): print('more noise')\n")
    site.config["hooks"] = [str(hook)]

    out, _ = start("render", "--json").communicate(timeout=60)

    assert json.loads(out)["error"]["kind"] == "configuration"
    del site.options["not_an_option_of_ours"]
    process = start("render", "--json")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, json.loads(out)["counts"]["cached"]) == (0, 1)
    assert "more noise" in err
    assert "rendered a.md" in err


def _picture():
    file = io.BytesIO()
    Image.linear_gradient("L").resize((1344, 768)).convert("RGB").save(file, "PNG")
    return file.getvalue()


def test_a_page_that_is_deleted_while_its_image_is_rendered_is_rendered_all_the_same(
    site, run, comfyui
):
    page = site.page("index.md", hero_prompt="a harbour")
    comfyui.hold()

    def delete():
        while not comfyui.submissions:
            time.sleep(0.01)
        page.unlink()
        comfyui.release()

    deleting = threading.Thread(target=delete)
    deleting.start()
    said = run("render", "--json")
    deleting.join()

    assert said.status == 0
    assert [each["state"] for each in said.document["pages"]] == ["cached"]
