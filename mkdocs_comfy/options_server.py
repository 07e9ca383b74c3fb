"""Options that say where the servers are and how to reach them.

Values that may hold a secret are never quoted in an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mkdocs.config import base

from mkdocs_comfy.options import Option
from mkdocs_comfy.settings import DEFAULT_SERVER, EMBEDDED, Api

if TYPE_CHECKING:
    from pathlib import Path

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 §5.1: a token
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")  # RFC 9110 §5.5, one line


class Headers(Option[dict[str, "str | Path | None"]]):
    """Header name → text, or ``{file: path}``; an unset ``!ENV`` variable is kept as ``None``."""

    def run_validation(self, value: object) -> dict[str, str | Path | None]:
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise base.ValidationError("expected a mapping of header name to value")
        return {self._name_of(name): self._value_of(name, given) for name, given in value.items()}

    @staticmethod
    def _name_of(name: object) -> str:
        if isinstance(name, str) and _HEADER_NAME.fullmatch(name):
            return name
        raise base.ValidationError(f"{name!r} is not the name of a header")

    def _value_of(self, name: str, value: object) -> str | Path | None:
        secret = Secret()
        secret.below(self)
        try:
            return secret.run_validation(value)
        except base.ValidationError as error:
            raise base.ValidationError(f"{name}: {error}") from error


class Secret(Option["str | Path | None"]):
    """One line of text, or ``{file: path}``; an unset ``!ENV`` variable is kept as ``None``."""

    def run_validation(self, value: object) -> str | Path | None:
        match value:
            case None:
                return None
            case {"file": str(path), **rest} if not rest:
                return self.path(path)
            case str() if _HEADER_VALUE.fullmatch(value):
                return value
            case int() | float() if not isinstance(value, bool):
                # A token of digits is no longer what it was: YAML 1.1 reads 0123 as 83.
                raise base.ValidationError(
                    "YAML read a number; write it in quotes, or as `{file: path}`"
                )
        # The value is not quoted: it may be a secret.
        raise base.ValidationError("expected one line of text, or `{file: path}`")


class ApiName(Option[Api]):
    """``auto``, ``comfyui`` or ``v2``."""

    def run_validation(self, value: object) -> Api:
        known = [str(each) for each in Api]
        if value in known:
            return Api(value)
        raise base.ValidationError(f"expected one of {', '.join(known)}, got {value!r}")


class Verify(Option["bool | Path"]):
    """Whether certificates are checked, or the file of the authority that signs them."""

    def run_validation(self, value: object) -> bool | Path:
        if isinstance(value, bool) or (isinstance(value, int) and value in (0, 1)):
            return bool(value)
        if isinstance(value, str) and value:
            return self.path(value)
        raise base.ValidationError(f"expected true, false or the path of a CA file, got {value!r}")


class ClientCert(Option["Path | tuple[Path, Path] | None"]):
    """A file with certificate and key, or a list of the two files."""

    def run_validation(self, value: object) -> Path | tuple[Path, Path] | None:
        match value:
            case None:
                return None
            case str(both) if both:
                return self.path(both)
            case [str(certificate), str(key)]:
                return self.path(certificate), self.path(key)
        raise base.ValidationError("expected the path of a PEM file, or [certificate, key]")


class Proxy(Option[str]):
    """``auto`` (the environment's), ``none``, or the URL of a proxy."""

    def run_validation(self, value: object) -> str:
        if value in ("auto", "none"):
            return str(value)
        if value is False:
            return "none"
        if isinstance(value, str):
            try:
                parts = urlsplit(value)
                if parts.scheme in ("http", "https", "socks5", "socks5h") and parts.hostname:
                    return value
            except ValueError:
                pass
        # The value is not quoted: it may hold a password.
        raise base.ValidationError("expected auto, none or a URL such as http://proxy.lan:3128")


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What one server of a list is reached with, in the place of the options for all.

    Attributes:
        headers: As ``headers:``.
        verify: As ``verify:``.
        client_cert: As ``client_cert:``.
        api: As ``api:``.
        partner_key: As ``partner_key:``.
    """

    headers: dict[str, str | Path | None]
    verify: bool | Path
    client_cert: Path | tuple[Path, Path] | None
    api: Api
    partner_key: str | Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerEntry:
    """One server of ``server:``.

    Attributes:
        url: ``http(s)://…`` or ``embedded``.
        access: Its own, where it is given as a mapping: what is meant for others is not sent to
            it. ``None`` for the options for all.
    """

    url: str
    access: Access | None = None


class Servers(Option["tuple[ServerEntry, ...] | None"]):
    """A URL, ``embedded``, or a list of URLs and of mappings: ``url`` and what ``Access`` has.

    Nothing stands for ComfyUI's own default address.
    """

    def run_validation(self, value: object) -> tuple[ServerEntry, ...] | None:
        if value is None or value == "":
            return None
        if not isinstance(value, list):
            return (ServerEntry(url=self._url(value, embedded=True)),)
        if not value:
            raise base.ValidationError("the list is empty; name a server, or remove the key")
        entries = tuple(self._entry(number, each) for number, each in enumerate(value, 1))
        seen: dict[str, int] = {}
        for number, entry in enumerate(entries, 1):
            first = seen.setdefault(_place(entry.url), number)
            if first != number:
                raise base.ValidationError(
                    f"entries {first} and {number} of the list are the same server"
                )
        return entries

    def _entry(self, number: int, value: object) -> ServerEntry:
        try:
            if not isinstance(value, dict):
                return ServerEntry(url=self._url(value))
            return self._mapping(value)
        except base.ValidationError as error:
            raise base.ValidationError(f"entry {number} of the list: {error}") from error

    def _mapping(self, value: dict[object, object]) -> ServerEntry:
        parts: dict[str, Option[Any]] = {
            "headers": Headers(),
            "verify": Verify(default=True),
            "client_cert": ClientCert(),
            "api": ApiName(default=str(Api.AUTO)),
            "partner_key": Secret(),
        }
        for name in value:
            if name != "url" and name not in parts:
                close = get_close_matches(str(name), ["url", *parts], n=1)
                hint = (
                    f"did you mean `{close[0]}`?" if close else "it takes url, " + ", ".join(parts)
                )
                raise base.ValidationError(f"unknown key {name!r}; {hint}")
        if "url" not in value:
            raise base.ValidationError("expected a `url`")
        given = {}
        for name, option in parts.items():
            option.below(self)
            try:
                given[name] = option.validate(value.get(name))
            except base.ValidationError as error:
                raise base.ValidationError(f"{name}: {error}") from error
        return ServerEntry(url=self._url(value["url"]), access=Access(**given))

    @staticmethod
    def _url(value: object, *, embedded: bool = False) -> str:
        or_embedded = f", or `{EMBEDDED}`" if embedded else ""
        if not isinstance(value, str):
            raise base.ValidationError(f"expected a URL{or_embedded}, got {type(value).__name__}")
        if value == EMBEDDED:
            if embedded:
                return value
            raise base.ValidationError(f"`{EMBEDDED}` stands alone, not in a list")
        try:
            parts = urlsplit(value)
            usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            usable = False
        if not usable or parts.query or parts.fragment:
            # The value is not quoted: it may hold a password.
            raise base.ValidationError(
                f"expected a URL such as {DEFAULT_SERVER} or https://gpu.example.org/comfy"
                f" (no query, no fragment){or_embedded}"
            )
        return value


def _place(url: str) -> str:
    """What two URLs share that are one server's, whoever is let in."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}{parts.path.rstrip('/')}"
