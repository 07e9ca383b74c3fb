"""Workflows that render: on a runner with a GPU, and through a tunnel from GitHub's own runners."""

import json
import re

import pytest

from mkdocs_comfy.testing import FakeComfyUI, flat_painter

ASKED = "---\nhero_prompt: a lighthouse\nhero_alt: A lighthouse\n---\n# Lighthouse\n"
TOKEN = "Bearer 0123456789abcdef"
GH = """#!/bin/sh
printf '%s\\n' "$*" >> "{log}"
[ -n "$GH_TOKEN" ] || exit 4
case "$1 $2" in
    "pr list") grep -c "^pr create" "{log}" ;;
    "pr create") ;;
    *) exit 1 ;;
esac
"""


@pytest.fixture
def comfyui():
    """A server whose pictures are plain, so that tests are quick."""
    with FakeComfyUI(painter=flat_painter) as server:
        yield server


@pytest.fixture
def origin(author, tmp_path, in_git):
    """The repository at the service, on whose main branch a page asks for a new image."""
    (author / "docs/lighthouse.md").write_text(ASKED, encoding="utf-8")
    in_git(author, "add", ".")
    in_git(author, "commit", "-qm", "Add a lighthouse")
    in_git(tmp_path, "clone", "-q", "--bare", str(author), "origin.git")
    return tmp_path / "origin.git"


# A runner with a GPU -----------------------------------------------------------------------------


class Runner:
    """A runner of one's own, which keeps its folder from run to run; ``gh`` only takes notes."""

    def __init__(self, github, recipe, comfyui, work, bin_):
        self.log = bin_ / "gh.log"
        self.log.touch()
        gh = bin_ / "gh"
        gh.write_text(GH.format(log=self.log), encoding="utf-8")
        gh.chmod(0o755)
        self.work = work
        self._new = lambda: github({"github.token": "the-token"}, GITHUB_REF_NAME="main")
        self._bin = bin_
        own = "http://127.0.0.1:8188"
        assert recipe("github-heroes.yml").count(own) == 1
        self._workflow = recipe("github-heroes.yml").replace(own, comfyui.url)

    def run(self):
        """One run of the workflow; its environment is the one of the run before, if any."""
        runner = self._new()
        runner.machine.path.insert(0, str(self._bin))
        return runner.run(self._workflow, self.work)

    def calls(self, word):
        """What ``gh pr WORD`` was called with."""
        return [line for line in self.log.read_text().splitlines() if line.startswith(f"pr {word}")]


@pytest.fixture
def runner(github, recipe, comfyui, clone, origin, tmp_path):
    """A runner with a clone of the repository."""
    folder = tmp_path / "bin"
    folder.mkdir()
    return Runner(github, recipe, comfyui, clone(origin), folder)


def checked_out_again(work, in_git):
    """What actions/checkout does with ``clean: false`` at the next run."""
    in_git(work, "fetch", "-q", "origin", "main")
    in_git(work, "checkout", "-q", "--force", "-B", "main", "origin/main")


def test_what_is_missing_is_rendered_and_offered_as_a_pull_request(
    runner, comfyui, origin, clone, in_git
):
    said = runner.run()

    assert {each.status for each in said.values()} == {0}, said
    assert len(comfyui.executed) == 1
    (created,) = runner.calls("create")
    assert created.startswith("pr create --base main --head heroes/main --title Heroes for main ")
    changed = in_git(origin, "diff", "--name-status", "main", "heroes/main").split()
    assert changed[::2] == ["A", "A"]
    assert all(re.fullmatch(r"heroes/[0-9a-f]{16}\.(webp|json)", each) for each in changed[1::2])
    offered = clone(origin, "heroes/main")
    sidecar = next(each for each in changed if each.endswith(".json"))
    assert json.loads((offered / sidecar).read_text())["prompt"] == "a lighthouse"


def test_a_second_run_renders_nothing_and_opens_no_second_request(runner, comfyui, origin, in_git):
    runner.run()
    checked_out_again(runner.work, in_git)

    said = runner.run()

    assert {each.status for each in said.values()} == {0}, said
    assert len(comfyui.executed) == 1
    assert len(runner.calls("create")) == 1
    assert in_git(origin, "diff", "--name-only", "main", "heroes/main").count("heroes/") == 2


def test_a_former_image_goes_with_the_same_request(runner, author, origin, in_git):
    page = author / "docs/mill.md"
    page.write_text(page.read_text().replace("a mill", "a mill in spring", 1), encoding="utf-8")
    in_git(author, "commit", "-aqm", "Let it be spring")
    in_git(author, "push", "-q", str(origin), "main")
    checked_out_again(runner.work, in_git)

    said = runner.run()

    assert {each.status for each in said.values()} == {0}, said
    changed = in_git(origin, "diff", "--no-renames", "--name-status", "main", "heroes/main")
    assert sorted(changed.split()[::2]) == ["A", "A", "A", "A", "D", "D"]


def test_nothing_is_pushed_where_all_is_committed(runner, origin, in_git):
    runner.run()
    in_git(origin, "update-ref", "refs/heads/main", "refs/heads/heroes/main")
    before = in_git(origin, "rev-parse", "heroes/main")
    checked_out_again(runner.work, in_git)

    said = runner.run()

    assert said["Open a pull request"].out == "All heroes are committed.\n"
    assert in_git(origin, "rev-parse", "heroes/main") == before


def test_what_succeeded_is_offered_although_the_run_fails(runner, comfyui, author, origin, in_git):
    other = ASKED.replace("---\n#", "hero_template: sd15\n---\n#")
    (author / "docs/tower.md").write_text(other, encoding="utf-8")
    in_git(author, "add", ".")
    in_git(author, "commit", "-qm", "Add a tower")
    in_git(author, "push", "-q", str(origin), "main")
    checked_out_again(runner.work, in_git)
    comfyui.models["checkpoints"] = ["sd_xl_base_1.0.safetensors"]

    said = runner.run()

    assert said["render"].status == 1
    assert said["Freeze what was rendered"].status == 1
    assert said["Open a pull request"].status == 0
    assert len(runner.calls("create")) == 1
    assert in_git(origin, "diff", "--name-only", "main", "heroes/main").count("heroes/") == 2


# Through a tunnel, in the build itself -----------------------------------------------------------


def expressions(comfyui, *, event, run):
    """What the expressions of the workflow come to."""
    push = event == "push"
    return {
        "github.run_id": str(run),
        "github.run_attempt": "1",
        "github.event_name == 'push' && secrets.COMFY_SERVER || ''": comfyui.url if push else "",
        "github.event_name == 'push' && secrets.COMFY_AUTHORIZATION || ''": TOKEN if push else "",
        "github.event_name == 'push' && 'warn' || 'placeholder'": (
            "warn" if push else "placeholder"
        ),
    }


def heroes(work):
    return sorted(each.name for each in (work / "site/assets/heroes").iterdir())


def test_a_push_renders_once_and_the_next_run_has_it(github, recipe, comfyui, clone, origin):
    comfyui.headers_required = {"Authorization": TOKEN}
    workflow = recipe("github-render.yml")

    said = github(expressions(comfyui, event="push", run=1)).run(workflow, first := clone(origin))

    build = said["mkdocs build --strict"]
    assert build.status == 0, build.out
    assert (
        "CI, and `server:` is named: missing images are rendered, for at most 3600 s" in build.out
    )
    assert TOKEN.split()[1] not in build.out
    assert len(comfyui.executed) == 1
    comfyui.stop()

    said = github(expressions(comfyui, event="push", run=2)).run(workflow, second := clone(origin))

    assert said["mkdocs build --strict"].status == 0, said
    assert heroes(first) == heroes(second)
    assert len(heroes(first)) == 3


def test_a_pull_request_gets_a_placeholder_and_asks_no_server(
    github, recipe, comfyui, clone, origin, in_git
):
    workflow = recipe("github-render.yml")

    said = github(expressions(comfyui, event="pull_request", run=1)).run(
        workflow, work := clone(origin)
    )

    build = said["mkdocs build --strict"]
    assert build.status == 0, build.out
    assert "2 frozen, 1 placeholder" in build.out
    assert comfyui.requests == []
    assert in_git(work, "status", "--porcelain") == ""


def test_what_was_rendered_is_kept_although_the_build_fails(github, recipe, comfyui, clone, origin):
    workflow = recipe("github-render.yml")
    work = clone(origin)
    (work / "docs/harbour.md").write_text("[nowhere](nowhere.md)\n", encoding="utf-8")

    runner = github(expressions(comfyui, event="push", run=1))
    said = runner.run(workflow, work)

    assert said["mkdocs build --strict"].status == 1
    assert len(comfyui.executed) == 1
    (kept,) = runner.caches.iterdir()
    assert list((kept / "plugin/comfy/originals").rglob("k1-*"))
