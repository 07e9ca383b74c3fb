"""Which servers a build renders on: those configured, or the stand-in that ships with us."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from mkdocs_comfy.comfyui.server import ServerConfig
from mkdocs_comfy.errors import AuthError, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from mkdocs_comfy.settings import ServerSettings


@contextmanager
def connected(servers: Sequence[ServerSettings]) -> Iterator[tuple[ServerConfig, ...]]:
    """Give the servers to render on; the embedded one lives as long as the block.

    Raises:
        AuthError: A header's environment variable is not set, or a file with a secret cannot be
            read.
        ConfigurationError: ``embedded`` without the extra that it needs, or a value that cannot
            be used.
    """
    if any(server.embedded for server in servers):
        with _embedded() as url:
            yield (ServerConfig(url=url, proxy="none"),)
        return
    yield tuple(_configured(server) for server in servers)


def names_of(servers: Sequence[ServerSettings]) -> tuple[str, ...]:
    """The servers' URLs without credentials; none for the embedded one, which has no name yet.

    Raises:
        ConfigurationError: A URL cannot be used.
    """
    return tuple(ServerConfig(url=each.url).display for each in servers if not each.embedded)


def _configured(server: ServerSettings) -> ServerConfig:
    return ServerConfig(
        url=server.url,
        headers={name: _header(name, value) for name, value in server.headers.items()},
        verify=server.verify,
        client_cert=server.client_cert,
        proxy=server.proxy,
        api=server.api.value,
        partner_key=_partner_key(server.partner_key),
    )


@contextmanager
def _embedded() -> Iterator[str]:
    """The stand-in server, on a free loopback port."""
    try:
        from mkdocs_comfy.testing import FakeComfyUI  # noqa: PLC0415  # an extra, and heavy
    except ImportError as error:
        raise ConfigurationError(
            key="server",
            problem=f"`embedded` needs a package that is not installed ({error.name})",
            way_out="pip install 'mkdocs-comfy[embedded]', or name your ComfyUI's URL",
        ) from error
    with FakeComfyUI(any_model=True) as server:
        yield server.url


def _header(name: str, value: str | Path | None) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        raise AuthError(
            f"the header {name} has no value",
            way_out="is the environment variable behind it set? `headers:` in mkdocs.yml",
        )
    return _read(value, f"the header {name}", f"headers: {{{name}: {{file: …}}}}")


def _partner_key(value: str | Path | None) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return _read(value, "the partner key", "partner_key: {file: …}")


def _read(path: Path, what: str, option: str) -> str:
    """The secret in a file."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise AuthError(
            f"{what} cannot be read from its file: {reason}",
            way_out=f"check `{option}` in mkdocs.yml",
        ) from None
