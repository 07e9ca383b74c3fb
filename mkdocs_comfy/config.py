"""The plugin's configuration: ``comfy:`` in mkdocs.yml.

An option exists from the version that gives it an effect. A key that is not known is refused by
name, with a suggestion, never accepted and ignored.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from mkdocs.config import base, config_options as c

from mkdocs_comfy.options import (
    Count,
    Folder,
    MaybeSeconds,
    Patterns,
    Quantity,
    Seconds,
    SiteFolder,
    Size,
    Switch,
    TemplateName,
)
from mkdocs_comfy.options_remote import CacheRemote
from mkdocs_comfy.options_server import (
    Access,
    ApiName,
    ClientCert,
    Headers,
    Proxy,
    Secret,
    ServerEntry,
    Servers,
    Verify,
)
from mkdocs_comfy.options_styles import StyleNames, Styles
from mkdocs_comfy.pages.spec import PLACES, Place
from mkdocs_comfy.settings import (
    CI_MAX_TIME,
    DEFAULT_SERVER,
    Api,
    Mode,
    OnMissing,
    ServerSettings,
    Settings,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


class ComfyConfig(base.Config):
    """The options of ``comfy:``; their defaults are right for a ComfyUI on the same machine."""

    enabled = Switch(default=True)
    """``false`` leaves every page as it is."""

    server = Servers()
    """A URL (``http://127.0.0.1:8188``), ``embedded`` for stand-ins, or a list: a pool.

    An entry of the list is a URL, or a mapping: ``url`` and, of its own, ``headers``, ``verify``,
    ``client_cert``, ``api`` and ``partner_key``.
    """

    headers = Headers()
    """Sent to the servers given as plain text and to nobody else; text or ``{file: path}``.

    Never shown anywhere.
    """

    verify = Verify(default=True)
    """Check the server's certificate: ``true``, ``false``, or the path of a CA file."""

    client_cert = ClientCert()
    """Certificate for mutual TLS: a PEM file, or ``[certificate, key]``."""

    proxy = Proxy(default="auto")
    """``auto``: the environment's, never for loopback; ``none``; or a URL."""

    api = ApiName(default=str(Api.AUTO))
    """``comfyui``: ComfyUI's own API; ``v2``: Comfy API v2; ``auto``: what the server speaks."""

    partner_key = Secret()
    """Key of a Comfy account, for nodes that call paid services; text or ``{file: path}``."""

    template = TemplateName(default="default")
    """The workflow template of pages that name none."""

    templates_dir = Folder(default="comfy_templates")
    """The site's own templates, looked up before the built-in ones."""

    style = StyleNames()
    """The style of pages that name none, or a list of styles."""

    styles = Styles()
    """Looks for many pages: name → ``prefix``, ``suffix``, ``negative``, ``template``, ``seed``,
    ``size`` and ``params``."""

    size = Size()
    """``1344x768``, for all pages that do not say; an error where the template takes no size."""

    mode = c.Choice([str(each) for each in Mode], default=str(Mode.AUTO))
    """``auto``: render what is missing (in CI only with a `server:`); ``offline``: no socket."""

    on_missing = c.Choice([str(each) for each in OnMissing], default=str(OnMissing.WARN))
    """A hero that cannot be had: ``warn``, ``error``, ``placeholder`` or ``skip``."""

    timeout = Seconds(default=600)
    """Seconds one render may take once it runs; waiting in the queue does not count."""

    max_time = MaybeSeconds()
    """Seconds for all renders of one build, waiting included; in CI 3600 where absent."""

    retries = Count(default=2)
    """How often a job that was lost, or whose file is gone, is submitted again."""

    patience = Seconds(default=60, zero=True)
    """Seconds to wait for a server that answered in this build and went away."""

    max_bytes = Quantity("64 MiB", unit="B")
    """Largest download of one image."""

    max_pixels = Quantity("50 MP", unit="P")
    """Largest image, in pixels."""

    cache_dir = Folder(default=".cache/plugin/comfy")
    """The private, disposable cache; holds a ``.gitignore`` of its own."""

    frozen_dir = Folder(default="heroes")
    """Committed images, found before the cache; written by ``freeze``, emptied by ``prune``."""

    cache_remote = CacheRemote()
    """A cache that machines share: a URL of fsspec, or ``url``, ``write`` and ``options``."""

    assets_dir = SiteFolder(default="assets/heroes")
    """Where images land in the site."""

    place = c.Choice(list(PLACES), default="after_title")
    """``after_title``, ``top`` or ``none`` (the theme shows ``page.meta.hero_image`` itself)."""

    include = Patterns()
    """Pages that may have heroes, gitignore-style; all where absent."""

    exclude = Patterns()
    """Pages that never have heroes, gitignore-style."""

    def validate(self) -> tuple[base.ConfigErrors, base.ConfigWarnings]:
        """Validate, and refuse every key that this version does not know."""
        failed, warnings = super().validate()
        unknown = sorted(set(self) - {key for key, _ in self._schema})
        failed.extend((key, base.ValidationError(self._unknown(key))) for key in unknown)
        return failed, [each for each in warnings if each[0] not in unknown]

    def _unknown(self, key: str) -> str:
        close = get_close_matches(key, [name for name, _ in self._schema], n=1)
        hint = f"; did you mean `{close[0]}`?" if close else ""
        return f"this version has no such option{hint}"

    def covers(self, src_uri: str) -> bool:
        """Whether ``include`` and ``exclude`` let the page have a hero."""
        if self.include is not None and not self.include.match_file(src_uri):
            return False
        return self.exclude is None or not self.exclude.match_file(src_uri)

    def settings(self, environ: Mapping[str, str], *, colours: tuple[str, ...] = ()) -> Settings:
        """The pipeline's view of this configuration.

        Args:
            environ: Tells whether this is CI.
            colours: The theme's, see ``colours.theme_colours``.
        """
        place: Place = self.place
        ci = environ.get("CI", "").lower() not in ("", "0", "false", "no")
        return Settings(
            servers=self._servers(),
            template=self.template,
            templates_dir=self.templates_dir,
            style=self.style,
            styles=self.styles,
            size=self.size,
            mode=Mode(self.mode),
            on_missing=OnMissing(self.on_missing),
            ci=ci,
            timeout=self.timeout,
            max_time=CI_MAX_TIME if self.max_time is None and ci else self.max_time,
            retries=self.retries,
            patience=self.patience,
            max_bytes=self.max_bytes,
            max_pixels=self.max_pixels,
            cache_dir=self.cache_dir,
            frozen_dir=self.frozen_dir,
            cache_remote=self.cache_remote,
            assets_dir=self.assets_dir,
            place=place,
            colours=colours,
        )

    def _servers(self) -> tuple[ServerSettings, ...]:
        common = Access(
            headers=self.headers,
            verify=self.verify,
            client_cert=self.client_cert,
            api=self.api,
            partner_key=self.partner_key,
        )
        entries: tuple[ServerEntry, ...] = self.server or (ServerEntry(url=DEFAULT_SERVER),)
        return tuple(
            ServerSettings(
                url=entry.url,
                explicit=self.server is not None,
                headers=access.headers,
                verify=access.verify,
                client_cert=access.client_cert,
                proxy=self.proxy,
                api=access.api,
                partner_key=access.partner_key,
            )
            for entry in entries
            for access in [entry.access or common]
        )
