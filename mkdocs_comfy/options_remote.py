"""The option that says where the shared cache is.

Its values may hold a secret and are never quoted in an error.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Final

from mkdocs.config import base

from mkdocs_comfy.options import Option, Switch
from mkdocs_comfy.settings import RemoteSettings

_URL: Final = re.compile(r"(?:[a-z][a-z0-9+.-]*::)*[a-z][a-z0-9+.-]*://[^\s/][^\s]*|file:///\S+")
_KEYS: Final = ("url", "write", "options")
_WANTED: Final = "expected a URL such as s3://bucket/heroes, https://… or file:///mnt/heroes"


class CacheRemote(Option["RemoteSettings | None"]):
    """A URL of fsspec, or a mapping: ``url``, ``write`` and ``options``."""

    def run_validation(self, value: object) -> RemoteSettings | None:
        match value:
            case None | "":
                return None
            case str():
                return RemoteSettings(url=self._url(value))
            case dict():
                return self._mapping(value)
        raise base.ValidationError(_WANTED)

    def _mapping(self, value: dict[object, object]) -> RemoteSettings | None:
        for name in value:
            if name not in _KEYS:
                close = get_close_matches(str(name), _KEYS, n=1)
                hint = f"did you mean `{close[0]}`?" if close else "it takes " + ", ".join(_KEYS)
                raise base.ValidationError(f"unknown key {name!r}; {hint}")
        if "url" not in value:
            raise base.ValidationError("expected a `url`")
        if value["url"] in {None, ""}:
            return None  # `!ENV` with a variable that is not set
        url, write = self._url(value["url"]), None
        if value.get("write") is not None:
            try:
                write = Switch().run_validation(value["write"])
            except base.ValidationError as error:
                raise base.ValidationError(f"write: {error}") from error
        if write and url.startswith(("https://", "http://")):
            raise base.ValidationError("write: nothing can be written to an https:// URL")
        options = value.get("options") or {}
        if not isinstance(options, dict) or not all(isinstance(name, str) for name in options):
            raise base.ValidationError("options: expected a mapping of names to values")
        given = {name: each for name, each in options.items() if each is not None}
        return RemoteSettings(url=url, write=write, options=given)

    @staticmethod
    def _url(value: object) -> str:
        if isinstance(value, str) and _URL.fullmatch(value):
            return value
        raise base.ValidationError(_WANTED)
