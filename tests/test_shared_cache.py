"""Sites that share a cache, as ``mkdocs build`` and ``mkdocs-comfy`` build them."""

import json
import os
import shutil
import subprocess
import sys

import pytest

SECRET = "s3cret-pa55word-of-the-bucket"


def run(*command, site, **environment):
    done = subprocess.run(
        [sys.executable, "-m", *command, "-f", str(site.write_config())],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **environment},
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def clone(site):
    """Forget what only this machine knows."""
    return lambda: shutil.rmtree(site.root / ".cache")


def test_a_clone_without_a_server_has_everything(site, s3, clone, comfyui):
    site.page("index.md", hero_prompt="a harbour")
    site.page("other.md", hero_prompt="a lake")
    site.options["cache_remote"] = s3.remote("writer", folder="clone")
    first = site.build()
    asked = len(comfyui.requests)
    clone()
    del site.options["server"]
    site.options["cache_remote"] = s3.remote(folder="clone")

    status, _, said = run("mkdocs", "build", "--strict", site=site, CI="true")

    assert status == 0, said
    assert "2 heroes: 2 from the shared cache" in said
    assert sorted(each.name for each in (site.root / "site/assets/heroes").iterdir()) == (
        first.heroes()
    )
    assert len(comfyui.requests) == asked


@pytest.mark.parametrize("trouble", ["wrong", "down", "driver", "fine"])
def test_a_secret_is_never_shown(site, s3, trouble):
    site.page("index.md", hero_prompt="a harbour")
    remote = s3.remote("writer", folder=f"secret-{trouble}")
    environment = {
        "AWS_ACCESS_KEY_ID": remote["options"].pop("key"),
        "AWS_SECRET_ACCESS_KEY": remote["options"].pop("secret"),
    }
    secrets = list(environment.values())
    if trouble == "wrong":
        environment["AWS_SECRET_ACCESS_KEY"] = SECRET
    if trouble == "down":
        remote["options"] |= {"endpoint_url": f"http://user:{SECRET}@127.0.0.1:9"}
    if trouble == "driver":
        remote = f"gs://user:{SECRET}@bucket/x?token={SECRET}"
    site.options["cache_remote"] = remote

    status, out, said = run("mkdocs", "build", "--verbose", site=site, **environment)

    assert status == 0, said
    assert "1 hero: 1 rendered" in said
    assert said.count("shared cache") == 2, "it is asked, and one thing is told of it"
    for secret in (SECRET, *secrets):
        assert secret not in out + said
    files = [each for each in site.root.rglob("*") if each.is_file() and each.name != "mkdocs.yml"]
    assert not [each for each in files if SECRET.encode() in each.read_bytes()]


def test_a_build_that_hangs_on_the_shared_cache_can_end(site, tmp_path):
    """A thread that never comes back does not hold up the end of the process."""
    (tmp_path / "hung.py").write_text(
        "import time\n"
        "from fsspec import AbstractFileSystem, register_implementation\n"
        "class Hung(AbstractFileSystem):\n"
        "    protocol = 'hung'\n"
        "    def cat_file(self, *_, **__):\n"
        "        time.sleep(600)\n"
        "register_implementation('hung', Hung)\n"
        "from mkdocs_comfy.pipeline.errands import Deadlines\n"
        "def on_config(config):\n"
        "    pipeline = config.plugins['comfy']._pipeline\n"
        "    pipeline._sharing._deadlines = Deadlines(answer=0.3, reading=1, writing=1)\n"
    )
    site.config["hooks"] = [str(tmp_path / "hung.py")]
    site.options["cache_remote"] = "hung://somewhere/x"
    site.page("index.md", hero_prompt="a harbour")

    status, _, said = run("mkdocs", "build", site=site)

    assert status == 0, said
    assert "no answer for 0.3 s" in said
    assert "1 hero: 1 rendered" in said


# The command line --------------------------------------------------------------------------------


@pytest.fixture
def shared(site, tmp_path):
    """A site with a shared folder, and an image that only that has."""
    (tmp_path / "shared").mkdir()
    site.options["cache_remote"] = (tmp_path / "shared").as_uri()
    site.page("index.md", hero_prompt="a harbour", hero_alt="Boats")
    assert site.build().error is None
    shutil.rmtree(site.root / ".cache")
    return site


def comfy(site, *words, **environment):
    status, out, said = run("mkdocs_comfy", *words, "--json", site=site, **environment)
    return status, json.loads(out), said


def test_the_plan_does_not_know_what_the_shared_cache_has(shared):
    status, document, _ = comfy(shared, "plan")

    assert status == 0
    (page,) = document["pages"]
    assert (page["state"], page["image"], page["why"]) == ("unknown", None, "never rendered")
    assert document["counts"] == {
        "pinned": 0,
        "frozen": 0,
        "cached": 0,
        "unknown": 1,
        "missing": 0,
        "off": 0,
    }
    assert comfy(shared, "render", "--dry-run")[1]["counts"]["unknown"] == 1


def test_offline_and_with_stand_ins_the_plan_knows(shared):
    shared.options["mode"] = "offline"
    assert comfy(shared, "plan")[1]["counts"]["missing"] == 1
    shared.options |= {"mode": "auto", "server": "embedded"}
    assert comfy(shared, "plan")[1]["counts"]["missing"] == 1


def test_the_plan_opens_no_socket_and_loads_no_driver(shared):
    shared.options["cache_remote"] = "s3://nowhere/heroes"
    (shared.root / "hook.py").write_text(
        "import atexit, sys\n"
        "heavy = ('fsspec', 's3fs', 'asyncio')\n"
        "def said():\n"
        "    print([each for each in heavy if each in sys.modules], file=sys.stderr)\n"
        "atexit.register(said)\n"
    )
    shared.config["hooks"] = [str(shared.root / "hook.py")]

    for command in ("plan", "check"):
        status, _, said = comfy(shared, command)
        assert (status, said.splitlines()[-1]) == (0, "[]")


def test_check_leaves_to_the_build_what_the_shared_cache_may_have(shared):
    status, document, _ = comfy(shared, "check")

    assert status == 0
    (finding,) = document["findings"]
    assert (finding["kind"], finding["severity"]) == ("missing", "note")
    assert finding["fix"].startswith("mkdocs-comfy render ")
    assert "a build asks the shared cache, check does not" in finding["message"]

    assert comfy(shared, "render")[1]["counts"]["cached"] == 1
    assert comfy(shared, "check")[1]["findings"] == []


def test_check_wants_frozen_what_a_site_freezes(shared):
    (shared.root / "heroes").mkdir()

    status, document, _ = comfy(shared, "check")

    assert status == 1
    assert [each["severity"] for each in document["findings"]] == ["error"]


def test_render_takes_what_is_shared_and_says_so(shared, comfyui):
    asked = len(comfyui.submissions)

    status, out, _ = run("mkdocs_comfy", "render", site=shared)

    assert (status, out) == (0, "1 hero: 1 from the shared cache\n")
    assert len(comfyui.submissions) == asked


def test_render_says_missing_of_what_it_asked_for(shared, comfyui):
    comfyui.stop()
    shared.page("index.md", hero_prompt="something new")

    status, document, _ = comfy(shared, "render")

    assert status == 1
    assert document["counts"]["missing"] == 1


def test_render_shares_what_only_this_machine_has(shared, tmp_path):
    comfy(shared, "render")
    for file in (tmp_path / "shared/v1/records").iterdir():
        file.unlink()

    _, _, said = comfy(shared, "render")

    assert "1 image written to the shared cache" in said
    assert len(list((tmp_path / "shared/v1/records").iterdir())) == 1


def test_candidates_are_shared_too(shared, tmp_path):
    """The one that is kept is there already for everybody."""
    comfy(shared, "render", "index.md", "--seeds", "3")

    assert len(list((tmp_path / "shared/v1/records").iterdir())) == 3


def test_prune_leaves_the_shared_cache_alone(shared, tmp_path):
    comfy(shared, "render")
    before = sorted((tmp_path / "shared").rglob("*"))
    (shared.root / "docs/index.md").unlink()

    comfy(shared, "prune")

    assert sorted((tmp_path / "shared").rglob("*")) == before


def test_the_doctor_tries_it(shared, s3):
    status, document, _ = comfy(shared, "doctor")
    assert status == 0
    found = document["shared_cache"]
    assert found.pop("seconds") < 60
    assert found == {
        "url": shared.options["cache_remote"],
        "readable": True,
        "writable": True,
        "error": None,
        "refusal": None,
    }

    _, out, _ = run("mkdocs_comfy", "doctor", site=shared)
    assert f"shared cache {shared.options['cache_remote']}: read and written (" in out

    comfy(shared, "render")
    shared.options["cache_remote"] = s3.remote("writer", folder="doctor")
    assert comfy(shared, "doctor")[1]["shared_cache"]["writable"] is True
    comfy(shared, "render")
    shared.options["cache_remote"] = s3.remote(folder="doctor")
    status, out, _ = run("mkdocs_comfy", "doctor", site=shared)
    assert status == 0
    assert f"shared cache s3://{s3.bucket}/doctor: read; not written: access denied" in out
    shared.options["cache_remote"] = s3.remote(folder="doctor", write=False)
    _, out, _ = run("mkdocs_comfy", "doctor", site=shared)
    assert "read, and not to be written" in out


def test_the_doctor_says_what_is_wrong_with_it(shared):
    shared.options["cache_remote"] = "file:///nowhere/heroes"

    status, out, _ = run("mkdocs_comfy", "doctor", site=shared)

    assert status == 1
    assert "error: shared cache file:///nowhere/heroes: there is no such folder\n" in out
    assert comfy(shared, "doctor")[1]["shared_cache"]["error"]["kind"] == "shared_cache"


def test_without_one_the_doctor_says_nothing_of_it(site):
    assert comfy(site, "doctor")[1]["shared_cache"] is None
