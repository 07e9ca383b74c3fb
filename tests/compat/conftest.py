"""Real sites, built by real hosts in the environments of ``install.py``, and read as HTML."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from PIL import Image, ImageFont

HERE = Path(__file__).resolve().parent
VENVS = HERE.parents[1] / ".venvs"
SITE_URL = "https://harbour.example/book/"
HEROES = "assets/heroes/"
SUMMARY = re.compile(r"\d+ hero(?:es)?: .*")
BUILD_SECONDS = 120


class Page(HTMLParser):
    """One HTML file of a built site: its start tags, in the order of the file."""

    def __init__(self, site: Path, path: str) -> None:
        super().__init__()
        self.site, self.path = site, path
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed((site / path).read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def heroes(self) -> list[Hero]:
        """The heroes shown on the page, in their order."""
        return [
            Hero(self, index, attributes)
            for index, (tag, attributes) in enumerate(self.tags)
            if tag == "img" and HEROES in attributes["src"]
        ]

    def meta(self, name: str) -> list[str | None]:
        """Contents of the page's ``<meta>`` tags of that name or property."""
        return [
            attributes.get("content")
            for tag, attributes in self.tags
            if tag == "meta" and name in (attributes.get("property"), attributes.get("name"))
        ]


class Hero:
    """One hero on one page; ``file`` is what its URL leads a browser to."""

    def __init__(self, page: Page, index: int, attributes: dict[str, str | None]) -> None:
        self.page, self.index, self.attributes = page, index, attributes
        self.alt = attributes["alt"] or ""  # minify writes an empty one without a value
        self.src = attributes["src"]
        target = urlsplit(urljoin(SITE_URL + page.path, self.src))
        assert target.geturl().startswith(SITE_URL), f"{self.src} leads out of the site"
        self.file = page.site / target.path.removeprefix(urlsplit(SITE_URL).path)

    def follows(self) -> str:
        """The heading right before it, for example ``h1``; ``""`` where anything else is."""
        before = [tag for tag, _ in self.page.tags[: self.index]]
        while before and before[-1] in ("p", "a", "picture", "source"):
            before.pop()
        return before[-1] if before and re.fullmatch("h[1-6]", before[-1]) else ""

    def size(self) -> tuple[int, int]:
        """Pixels of the file, which must be a WebP, as the page says them."""
        with Image.open(self.file) as image:
            image.load()
            assert image.format == "WEBP"
            said = int(self.attributes["width"]), int(self.attributes["height"])
            assert said == image.size
            return image.size


class Site:
    """A site on the disk that can be built more than once."""

    def __init__(self, folder: Path, *, python_home: str, host: str) -> None:
        self.folder = folder
        self.site = folder / "site"
        self.log = ""
        self._command = VENVS / python_home / ("Scripts" if os.name == "nt" else "bin") / host

    def build(self, *flags: str) -> Site:
        """Build with ``--strict``; the log is kept in ``log``.

        Raises:
            AssertionError: The build failed; with its log.
        """
        environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "NO_COLOR": "1", "COLUMNS": "200"}
        done = subprocess.run(
            [self._command, "build", "--strict", "-f", "mkdocs.yml", *flags],
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            timeout=BUILD_SECONDS,
            check=False,
        )
        self.log = done.stdout
        assert done.returncode == 0, self.log
        assert "WARNING" not in self.log
        return self

    def page(self, name: str) -> Page:
        """The page of that name, ``guide/harbour``, in directory URLs as in file URLs."""
        as_file = f"{name}.html"
        path = as_file if (self.site / as_file).is_file() else f"{name}/index.html"
        return Page(self.site, path)

    def pages_with_heroes(self) -> set[str]:
        """Names of all pages that show a hero."""
        paths = [path.relative_to(self.site).as_posix() for path in self.site.rglob("*.html")]
        shown = [path for path in paths if Page(self.site, path).heroes()]
        return {path.removesuffix(".html").removesuffix("/index") for path in shown}

    def hero_files(self) -> dict[str, bytes]:
        """Every hero of the site, by its path below site_dir."""
        return {
            path.relative_to(self.site).as_posix(): path.read_bytes()
            for path in self.site.rglob(f"{HEROES}*")
        }

    def summaries(self) -> list[str]:
        """What the plugin said of its heroes, once for each language."""
        return SUMMARY.findall(self.log)


@pytest.fixture(scope="session")
def make_site(tmp_path_factory):
    """Write a site: ``make_site("together", "mkdocs", theme="material", plugins=[…]) -> Site``."""
    if not (VENVS / "lowest" / "installed.json").is_file():
        pytest.fail("no environments: run python tests/compat/install.py", pytrace=False)

    def make(python_home, host, *, theme, plugins=(), **settings):
        folder = tmp_path_factory.mktemp("site")
        shutil.copytree(HERE / "docs", folder / "docs")
        shutil.copy(HERE / "hooks.py", folder)
        config = {
            "site_name": "The harbour book",
            "site_url": SITE_URL,
            "theme": {"name": theme, **({"font": False} if theme == "material" else {})},
            "hooks": ["hooks.py"],
            "plugins": ["search", *plugins, {"comfy": {"server": "embedded"}}],
            **settings,
        }
        # JSON is YAML, and a test's settings are read more easily as Python.
        (folder / "mkdocs.yml").write_text(json.dumps(config, indent=1))
        seed_fonts(folder)
        return Site(folder, python_home=python_home, host=host)

    return make


def seed_fonts(folder: Path) -> None:
    """Put a font where Material's social plugin keeps what it fetched, so that it fetches none."""
    fonts = folder / ".cache/plugin/social/fonts/Roboto"
    fonts.mkdir(parents=True)
    for style in ("Regular", "Bold"):
        (fonts / f"{style}.ttf").write_bytes(ImageFont.load_default(12).font_bytes)
