"""Services that build a site with frozen heroes: no server, no secret, no image missing."""

import re
import shlex
import tomllib
import venv
from pathlib import Path

import pytest
import yaml

PAGE = (Path(__file__).parents[2] / "docs" / "ci.md").read_text(encoding="utf-8")
INSTALLED = re.compile(r"Successfully installed .*mkdocs-comfy-")
NEW = "---\nhero_prompt: a lighthouse\nhero_alt: A lighthouse\n---\n# Lighthouse\n"
NOTHING_RENDERED = (
    "comfy: CI, and no `server:` is named: nothing is rendered, stored images are shown"
)


def variants(clone):
    """Encoded images in the cache of a clone → when they were written."""
    files = (clone / ".cache/plugin/comfy/variants").rglob("*.*")
    return {each.name: each.stat().st_mtime_ns for each in files}


def all_well(said):
    """Every command ended well; what they said, as one text."""
    assert {each.status for each in said} == {0}, [each.out for each in said]
    return "".join(each.out for each in said)


def dockerfile(text):
    """Instructions and their arguments, in their order."""
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line]
    return [(name, rest) for name, rest in lines if name != "#"]


# GitHub ------------------------------------------------------------------------------------------


def test_github_checks_and_builds(github, author, clone, built, recipe):
    work = clone(author)

    said = github().run(recipe("github.yml"), work)

    told = all_well(said.values())
    assert INSTALLED.search(told)
    assert "2 heroes checked: all is well" in told
    assert NOTHING_RENDERED in told
    assert "comfy: 2 heroes: 2 frozen" in told
    assert len(built(work, work / "site")) == 2


def test_the_next_run_finds_its_cache_and_encodes_nothing(github, author, clone, built, recipe):
    github().run(recipe("github.yml"), first := clone(author))
    before = variants(first)
    assert len(before) == 2

    runner = github()
    all_well(runner.run(recipe("github.yml"), work := clone(author)).values())

    assert runner.restored is not None
    assert variants(work) == before
    assert [each.name for each in built(work, work / "site")] == [
        each.name for each in built(first, first / "site")
    ]


def test_a_changed_site_starts_with_the_cache_of_the_one_before(
    github, author, clone, in_git, recipe
):
    github().run(recipe("github.yml"), clone(author))
    with (author / "mkdocs.yml").open("a", encoding="utf-8") as file:
        file.write("site_description: Boats\n")
    in_git(author, "commit", "-aqm", "Say what it is")

    runner = github()
    all_well(runner.run(recipe("github.yml"), clone(author)).values())

    assert runner.restored is not None
    assert len(list(runner.caches.iterdir())) == 2  # and left one of its own


def test_a_fork_that_changes_words_builds_without_any_secret(
    github, author, clone, built, in_git, recipe
):
    page = author / "docs/mill.md"
    page.write_text(page.read_text(encoding="utf-8") + "It grinds.\n", encoding="utf-8")
    in_git(author, "commit", "-aqm", "Tell more of the mill")

    assert "secrets." not in recipe("github.yml")
    all_well(github().run(recipe("github.yml"), work := clone(author)).values())

    assert len(built(work, work / "site")) == 2


def test_a_fork_with_a_new_prompt_is_told_at_its_line(github, author, clone, in_git, recipe):
    (author / "docs/lighthouse.md").write_text(NEW, encoding="utf-8")
    in_git(author, "add", ".")
    in_git(author, "commit", "-qm", "Add a lighthouse")

    said = github().run(recipe("github.yml"), work := clone(author))

    check = said["mkdocs-comfy check --github"]
    assert check.status == 1
    assert (
        "::error file=docs/lighthouse.md,line=2,title=hero missing::the image of lighthouse.md was"
        " never rendered, or its cache is gone%0A"
        "mkdocs-comfy render lighthouse.md && mkdocs-comfy freeze\n"
    ) in check.out
    assert "mkdocs build --strict" not in said
    assert in_git(work, "status", "--porcelain") == ""


# The others --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("job", "folder"), [("check", "site"), ("pages", "public")])
def test_gitlab(machine, author, clone, built, recipe, job, folder):
    jobs = yaml.safe_load(recipe("gitlab.yml"))
    template = jobs[jobs[job]["extends"]]
    work = clone(author)
    variables = {
        name: value.replace("$CI_PROJECT_DIR", str(work))
        for name, value in template["variables"].items()
    }

    service = machine(CI="true", GITLAB_CI="true", **variables)
    told = all_well([service.bash("\n".join(jobs[job]["script"]), cwd=work)])

    assert INSTALLED.search(told)
    assert NOTHING_RENDERED in told
    assert ("2 heroes checked: all is well" in told) == (job == "check")
    assert len(built(work, work / folder)) == 2
    if job == "pages":
        assert jobs[job]["artifacts"]["paths"] == [folder]
    assert [work / path for path in template["cache"]["paths"]] == [work / ".cache"]
    assert variants(work)


def test_read_the_docs(machine, author, clone, built, recipe):
    """It does not set ``CI``, and runs each command in a shell of its own."""
    jobs = yaml.safe_load(recipe("readthedocs.yml"))["build"]["jobs"]
    work = clone(author)
    service = machine(READTHEDOCS="True")
    output = service.home / "output"
    service.environment["READTHEDOCS_OUTPUT"] = str(output)

    commands = [*jobs["install"], *jobs["build"]["html"]]
    told = all_well([service.bash(each, cwd=work) for each in commands])

    assert INSTALLED.search(told)
    assert NOTHING_RENDERED in told
    assert len(built(work, output / "html")) == 2


def test_netlify(machine, author, clone, built, recipe):
    """It installs requirements.txt by itself before the command."""
    configured = tomllib.loads(recipe("netlify.toml"))["build"]
    work = clone(author)
    service = machine(CI="true", NETLIFY="true", **configured["environment"])

    commands = ["pip install -r requirements.txt", configured["command"]]
    told = all_well([service.bash(each, cwd=work) for each in commands])

    assert "2 heroes checked: all is well" in told
    assert len(built(work, work / configured["publish"])) == 2


def test_cloudflare_pages(machine, author, clone, built):
    """What is written into its dashboard stands in a table of the page."""
    command, output = (
        re.search(rf"^\| {setting} \| `(.+)` \|$", PAGE, re.MULTILINE)[1]
        for setting in ("Build command", "Build output directory")
    )
    work = clone(author)
    service = machine(CI="true", CF_PAGES="1", CF_PAGES_BRANCH="main")

    told = all_well([service.bash(command, cwd=work)])

    assert INSTALLED.search(told)
    assert "2 heroes checked: all is well" in told
    assert len(built(work, work / output)) == 2


def test_a_docker_image(machine, author, clone, built, recipe):
    """Without Docker: the instructions are carried out in an environment that is empty at first.

    That the base image exists, and that Docker takes the file, is not shown here.
    """
    instructions = dockerfile(recipe("Dockerfile"))
    work = clone(author)
    container = machine()
    venv.create(container.home / "venv", with_pip=True)
    container.path.insert(0, str(container.home / "venv" / "bin"))
    context = container.home / "docs"
    context.mkdir()
    told, started = "", {}
    for name, rest in instructions:
        match name:
            case "COPY":
                file, target = rest.split()
                (context / target / file).write_bytes((work / file).read_bytes())
            case "RUN":
                told += all_well([container.bash(rest, cwd=context)])
            case "ENV":
                container.environment |= dict([rest.split("=")])
            case "ENTRYPOINT" | "CMD":
                started[name] = yaml.safe_load(rest)
            case _:
                assert name in ("FROM", "WORKDIR")

    told += all_well([container.bash(shlex.join(started["ENTRYPOINT"] + started["CMD"]), cwd=work)])

    assert INSTALLED.search(told)
    assert NOTHING_RENDERED in told
    assert len(built(work, work / "site")) == 2
