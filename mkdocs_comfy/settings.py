"""What a door tells the pipeline: every option, validated, with absolute paths."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mkdocs_comfy.pages.spec import Place
    from mkdocs_comfy.pages.styles import Style

DEFAULT_SERVER = "http://127.0.0.1:8188"
"""Where ComfyUI listens unless told otherwise (its ``--port`` defaults to 8188)."""

CI_MAX_TIME = 3600.0
"""Seconds for all renders of a build in CI, where ``max_time:`` does not say: nobody watches it."""

EMBEDDED = "embedded"
"""Value of ``server:`` that stands for the stand-in server that ships with us."""


class Mode(StrEnum):
    """Whether a build may render: ``mode:`` in the configuration."""

    AUTO = "auto"
    """Render what is missing; with ``CI`` set, only if ``server:`` is set explicitly."""

    OFFLINE = "offline"
    """Open no socket at all."""


class Api(StrEnum):
    """What a server speaks: ``api:`` in the configuration."""

    AUTO = "auto"
    """Whatever it turns out to speak."""

    COMFYUI = "comfyui"
    """ComfyUI's own API."""

    V2 = "v2"
    """Comfy API v2: Comfy Cloud, deployments, comfy-api-proxy."""


class OnMissing(StrEnum):
    """What becomes of a hero that is not at hand and could not be rendered."""

    WARN = "warn"
    """No image, and one counted warning per cause."""

    ERROR = "error"
    """Abort the build."""

    PLACEHOLDER = "placeholder"
    """A generated picture in its place, and an info."""

    SKIP = "skip"
    """No image, and an info."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """How to reach one server, as configured; secrets are read when a connection is made.

    Attributes:
        url: ``http(s)://…`` or ``"embedded"``.
        explicit: True where the configuration names the server.
        headers: Header name → its value, or the file that holds it; ``None`` where an
            environment variable was not set.
        verify: Check certificates, or the file of the authority to check against.
        client_cert: File with certificate and key, or the two files; ``None`` for none.
        proxy: ``"auto"``, ``"none"`` or the URL of a proxy.
        api: What it speaks.
        partner_key: Key for nodes that call paid services, or the file that holds it; ``None``
            for none.
    """

    url: str = field(repr=False)
    explicit: bool
    headers: Mapping[str, str | Path | None] = field(repr=False)
    verify: bool | Path
    client_cert: Path | tuple[Path, Path] | None
    proxy: str = field(repr=False)
    api: Api = Api.AUTO
    partner_key: str | Path | None = field(default=None, repr=False)

    @property
    def embedded(self) -> bool:
        """True where the stand-in server is asked for."""
        return self.url == EMBEDDED


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteSettings:
    """A cache that machines share, as configured.

    Attributes:
        url: Any URL of fsspec; may hold credentials.
        write: Whether images are written to it that were rendered here; ``None``: where it lets
            us, and it is no fault where it does not.
        options: What fsspec's driver is given beside the URL; may hold credentials.
    """

    url: str = field(repr=False)
    write: bool | None = None
    options: Mapping[str, object] = field(default_factory=dict, repr=False)

    @property
    def writes(self) -> bool:
        """Whether to try to write: over HTTP there is nothing to try."""
        return self.write is not False and not self.url.startswith(("http://", "https://"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that the pipeline takes from the configuration.

    Attributes:
        servers: The ComfyUI servers, at least one, each with a URL of its own; the stand-in
            server stands alone.
        template: Name of the template for pages that name none.
        style: Names of the styles of pages that name none, each among ``styles``.
        styles: Looks for many pages, by name.
        templates_dir: The site's own templates; need not exist.
        size: Pixels for pages that name none, or ``None`` for the template's.
        mode: Whether a build may render.
        on_missing: What becomes of a hero that cannot be had.
        ci: True in a CI build (the environment variable ``CI`` is set and not false).
        timeout: Seconds one render may take once it runs.
        max_time: Seconds for all renders of one build, waiting included; ``None`` for no limit.
        retries: How often a lost job is submitted again, at least 0.
        patience: Seconds to wait for a server that answered in this build and went away.
        max_bytes: Bytes of one downloaded image.
        max_pixels: Pixels of one image.
        cache_dir: The private cache.
        frozen_dir: Committed images, looked at before the cache; need not exist.
        cache_remote: The shared cache, asked for what is in neither; ``None`` for none.
        assets_dir: Folder of the images in the site, with ``/``, without one at either end.
        place: Where on a page the hero goes, for pages that do not say.
        colours: The theme's main colour and its accent, ``#rrggbb``; none where they are not known.
    """

    servers: tuple[ServerSettings, ...]
    template: str
    templates_dir: Path
    size: tuple[int, int] | None
    mode: Mode
    on_missing: OnMissing
    ci: bool
    timeout: float
    max_time: float | None
    retries: int
    patience: float
    max_bytes: int
    max_pixels: int
    cache_dir: Path
    frozen_dir: Path
    assets_dir: str
    place: Place
    style: tuple[str, ...] = ()
    styles: Mapping[str, Style] = field(default_factory=dict)
    colours: tuple[str, ...] = ()
    cache_remote: RemoteSettings | None = None

    @property
    def shared(self) -> RemoteSettings | None:
        """The shared cache, where builds may ask it."""
        return None if self.mode is Mode.OFFLINE else self.cache_remote

    @property
    def silenced_by_ci(self) -> bool:
        """True where a CI build names no server and so renders nothing."""
        explicit = any(server.explicit for server in self.servers)
        return self.mode is Mode.AUTO and self.ci and not explicit

    @property
    def policy(self) -> str | None:
        """What a CI build renders and why, in one line for its log; ``None`` elsewhere."""
        if not self.ci:
            return None
        if self.mode is Mode.OFFLINE:
            return "CI, mode: offline: nothing is rendered, no connection is opened"
        if self.silenced_by_ci:
            return "CI, and no `server:` is named: nothing is rendered, stored images are shown"
        limit = "" if self.max_time is None else f", for at most {self.max_time:g} s (`max_time:`)"
        return f"CI, and `server:` is named: missing images are rendered{limit}"

    @property
    def embedded(self) -> bool:
        """True where the stand-in server is asked for."""
        return any(server.embedded for server in self.servers)
