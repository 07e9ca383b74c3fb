"""Fixtures and settings that every test may use."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
import yaml
from hypothesis import HealthCheck, settings
from mkdocs.commands.build import build as mkdocs_build
from mkdocs.config import load_config
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import MkDocsException
from mkdocs.utils.meta import get_data

from mkdocs_comfy.config import ComfyConfig
from mkdocs_comfy.pipeline import PageSource, Pipeline
from mkdocs_comfy.pipeline.upkeep import Upkeep
from mkdocs_comfy.testing import FakeComfyUI, flat_painter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mkdocs_comfy.pipeline.freezing import Freezing
    from mkdocs_comfy.settings import Settings

settings.register_profile(
    "default", deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
settings.register_profile("thorough", parent=settings.get_profile("default"), max_examples=1000)
# In CI the same examples every time: a change is judged by what it changed.
settings.register_profile("ci", parent=settings.get_profile("default"), derandomize=True)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "default")
)


@pytest.fixture(autouse=True, scope="session")
def _ctrl_c():
    """A shell that starts something in the background lets it ignore Ctrl-C, its children too."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def _no_ci(monkeypatch):
    """Most tests are about an author's machine, wherever they run."""
    monkeypatch.delenv("CI", raising=False)


@pytest.fixture(scope="session")
def promised():
    """What happens → how it ends, as the tables of docs/unattended.md say it."""
    page = Path(__file__).parents[1] / "docs" / "unattended.md"
    lines = [line.split("|") for line in page.read_text(encoding="utf-8").splitlines()]
    return {cells[1].strip(): cells[2].strip() for cells in lines if len(cells) == 5}


@pytest.fixture
def comfyui():
    """A ComfyUI whose pictures are plain, so that tests are quick."""
    with FakeComfyUI(painter=flat_painter) as server:
        yield server


@dataclass
class Built:
    """What came of one build of a site."""

    site: Path
    records: list[logging.LogRecord]
    error: BaseException | None

    def html(self, path: str) -> str:
        """A page of the site."""
        return (self.site / path).read_text(encoding="utf-8")

    def heroes(self, folder: str = "assets/heroes") -> list[str]:
        """Names of the images in the site."""
        return sorted(each.name for each in (self.site / folder).glob("*"))

    def messages(self, level: int = logging.INFO) -> list[str]:
        """What the plugin said at ``level`` exactly."""
        return [
            record.getMessage().removeprefix("comfy: ")
            for record in self.records
            if record.name == "mkdocs.plugins.comfy" and record.levelno == level
        ]

    @property
    def warnings(self) -> list[str]:
        """The plugin's warnings."""
        return self.messages(logging.WARNING)

    @property
    def errors(self) -> list[str]:
        """What the build said at the level of errors, MkDocs' last word included."""
        return [
            record.getMessage().removeprefix("comfy: ")
            for record in self.records
            if record.levelno == logging.ERROR
        ]

    @property
    def summary(self) -> str:
        """The plugin's last information."""
        return self.messages()[-1]


class Site:
    """A site that a test writes and builds, as often as it likes.

    Pages are written with front matter as a mapping or as text.
    """

    def __init__(self, root: Path, caplog) -> None:
        self.root = root
        self.config: dict = {"site_name": "Harbour", "theme": "mkdocs", "plugins": []}
        self.options: dict = {}
        self._caplog = caplog
        (root / "docs").mkdir(parents=True)

    def page(self, path: str, body: str = "# A title\n\nText.\n", **meta) -> Path:
        """Write a page with front matter."""
        file = self.root / "docs" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        front = yaml.safe_dump(meta, allow_unicode=True, sort_keys=False) if meta else ""
        file.write_text(f"---\n{front}---\n{body}" if meta else body, encoding="utf-8")
        return file

    def raw(self, path: str, text: str) -> Path:
        """Write a page as it stands."""
        file = self.root / "docs" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def write_config(self) -> Path:
        """Write mkdocs.yml; the plugin comes last."""
        file = self.root / "mkdocs.yml"
        plugins = [*self.config["plugins"], {"comfy": self.options}]
        file.write_text(yaml.safe_dump({**self.config, "plugins": plugins}), encoding="utf-8")
        return file

    def freeze(self) -> Freezing:
        """Freeze what the pages use, as ``mkdocs-comfy freeze`` does."""
        settings = self.settings()
        with closing(Pipeline(settings)) as pipeline, closing(Upkeep(settings)) as upkeep:
            return upkeep.freeze(pipeline.plan(self._sources()))

    def settings(self) -> Settings:
        """The pipeline's view of mkdocs.yml."""
        config = load_config(str(self.write_config()))
        options = config.plugins["comfy"].config
        assert isinstance(options, ComfyConfig)
        return options.settings({})

    def _sources(self) -> Iterator[PageSource]:
        docs = self.root / "docs"
        for file in sorted(docs.rglob("*.md")):
            source = file.read_text(encoding="utf-8")
            if "hero_prompt" in (meta := get_data(source)[1]):
                yield PageSource(
                    path=file.relative_to(docs).as_posix(),
                    meta=meta,
                    title=lambda: "A title",
                    source=partial(str, source),
                )

    def build(self, *, strict: bool = False) -> Built:
        """Build the site as ``mkdocs build`` does; what it raises is part of the result."""
        self._caplog.clear()
        error = None
        dict(MkDocsConfig._schema)["plugins"].plugin_cache.clear()  # as in a new process
        with self._caplog.at_level(logging.INFO, logger="mkdocs"):
            try:
                config = load_config(str(self.write_config()), strict=strict)
                config.plugins.on_startup(command="build", dirty=False)
                try:
                    mkdocs_build(config)
                finally:
                    config.plugins.on_shutdown()
            except (MkDocsException, SystemExit) as caught:
                error = caught
        return Built(self.root / "site", list(self._caplog.records), error)


@pytest.fixture
def site(tmp_path, caplog, comfyui):
    """An empty site whose plugin talks to the fake ComfyUI."""
    made = Site(tmp_path / "project", caplog)
    made.options["server"] = comfyui.url
    return made


@dataclass(frozen=True, kw_only=True)
class S3:
    """A real S3 server.

    Attributes:
        url: Where it is.
        users: Name → what its user signs with: ``writer``, ``lister``, ``blind-writer``.
        bucket: Name of a bucket that everybody may read.
        private: Name of one that users may read.
    """

    url: str
    users: dict[str, dict[str, str]]
    bucket: str
    private: str

    def remote(self, user: str | None = None, *, folder: str, private: bool = False, **more):
        """What ``cache_remote:`` says for one of the users, or for nobody."""
        bucket = self.private if private else self.bucket
        access = self.users[user] if user else {}
        options = {"endpoint_url": self.url, **access}
        return {"url": f"s3://{bucket}/{folder}", "options": options, **more}

    def fill_up(self, *, full: bool) -> None:
        """Have the server refuse whatever is written, or no longer."""
        httpx.request("PUT" if full else "DELETE", f"{self.url}/full").raise_for_status()


@pytest.fixture(scope="session")
def s3_server():
    """A process with a real S3 server, for all tests."""
    environment = {key: each for key, each in os.environ.items() if not key.startswith("AWS_")}
    with subprocess.Popen(
        [sys.executable, Path(__file__).parent / "s3_server.py"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    ) as process:
        assert process.stdout is not None
        yield S3(**json.loads(process.stdout.readline()))
        process.kill()


@pytest.fixture
def s3(s3_server, monkeypatch, tmp_path):
    """That server, and a machine that has no credentials of its own."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    yield s3_server
    s3_server.fill_up(full=False)
