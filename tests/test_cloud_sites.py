"""Whole builds of a site on a server of Comfy API v2."""

import logging
import os
import subprocess
import sys

import pytest

from mkdocs_comfy.testing import FakeCloud

TOKEN, PARTNER = "Bearer comfyui-s3cret-t0ken", "comfyui-p4rtner-key"


@pytest.fixture
def cloud():
    with FakeCloud() as server:
        server.headers_required = {"Authorization": TOKEN}
        yield server


@pytest.fixture
def on_cloud(site, cloud):
    """The site, with everything that it needs to know."""
    site.options |= {
        "server": cloud.url,
        "headers": {"Authorization": TOKEN},
        "partner_key": PARTNER,
    }
    return site


def test_heroes_are_rendered_once(on_cloud, cloud):
    for name in ("index.md", "guide/harbour.md"):
        on_cloud.page(name, hero_prompt=name, hero_alt="A harbour")

    first, second = on_cloud.build(), on_cloud.build()

    assert first.summary.startswith("2 heroes: 2 rendered")
    assert second.summary.startswith("2 heroes: 2 cached")
    assert len(cloud.submissions) == 2
    assert len(first.heroes()) == 2


def test_another_key_for_partner_nodes_renders_nothing_anew(on_cloud, cloud):
    on_cloud.page("index.md", hero_prompt="a harbour", hero_alt="A harbour")
    on_cloud.build()
    on_cloud.options["partner_key"] = "another"

    assert on_cloud.build().summary.startswith("1 hero: 1 cached")
    assert len(cloud.submissions) == 1


def test_a_partner_key_may_come_from_a_file(on_cloud, cloud):
    (on_cloud.root / "key.txt").write_text(f"{PARTNER}\n")
    on_cloud.options["partner_key"] = {"file": "key.txt"}
    on_cloud.page("index.md", hero_prompt="a harbour", hero_alt="A harbour")

    on_cloud.build()

    (body,) = cloud.submissions
    assert body["extra_data"] == {"api_key_comfy_org": PARTNER}


@pytest.mark.parametrize("fault", [None, {"message": f"you sent {PARTNER} and {TOKEN}"}])
def test_a_secret_never_reaches_log_page_or_cache(on_cloud, cloud, fault):
    cloud.fail_with = fault
    on_cloud.page("index.md", hero_prompt="a harbour", hero_alt="A harbour")
    build = [sys.executable, "-m", "mkdocs", "build", "--verbose"]

    done = subprocess.run(
        [*build, "-f", str(on_cloud.write_config())],
        capture_output=True,
        text=True,
        env=dict(os.environ),
        timeout=60,
        check=False,
    )

    assert len(cloud.submissions) == 1
    assert ("you sent ***" in done.stderr) == (fault is not None)
    written = [
        file.read_bytes()
        for folder in (on_cloud.root / "site", on_cloud.root / ".cache")
        for file in folder.rglob("*")
        if file.is_file()
    ]
    for secret in (TOKEN.split()[1], PARTNER):
        assert secret not in done.stdout + done.stderr
        assert not [data for data in written if secret.encode() in data]


def test_a_wrong_key_leaves_the_page_whole(on_cloud, cloud):
    cloud.headers_required = {"Authorization": "Bearer another"}
    on_cloud.page("index.md", hero_prompt="a harbour", hero_alt="A harbour")

    built = on_cloud.build()

    assert "lets nobody in with Authorization" in built.warnings[0]
    assert built.messages(logging.ERROR) == []
    assert "comfy-hero" not in built.html("index.html")
