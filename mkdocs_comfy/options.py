"""Types of configuration options: what mkdocs.yml may say, and what it is told when it errs.

Each is a MkDocs option (``mkdocs.config.base.BaseConfigOption``). Values that may hold a secret
are never quoted in an error.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Generic, TypeGuard, TypeVar
from urllib.parse import urlsplit

from mkdocs.config import base
from pathspec import GitIgnoreSpec

from mkdocs_comfy.pages.spec import parse_size
from mkdocs_comfy.settings import DEFAULT_SERVER, EMBEDDED

T = TypeVar("T")

_UNITS = {
    "": 1,
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "kp": 10**3,
    "mp": 10**6,
}
_QUANTITY = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")
_LONGEST = 10**9  # seconds, some thirty years
_MOST = 100  # more attempts than anybody waits for
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 §5.1: a token
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")  # RFC 9110 §5.5, one line
_TEMPLATE = re.compile(r"(?!\.)[A-Za-z0-9._-]+")


def is_seconds(value: object) -> TypeGuard[float]:
    """Whether ``value`` is a positive number that can be waited for."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < _LONGEST


class _Option(base.BaseConfigOption[T], Generic[T]):
    """An option with a default, that may need the folder of mkdocs.yml."""

    def __init__(self, default: object = None) -> None:
        super().__init__()
        self.default = default
        self._folder = Path()

    def pre_validation(self, config: base.Config, key_name: str) -> None:  # noqa: ARG002  # MkDocs
        self._folder = Path(config.config_file_path or "mkdocs.yml").absolute().parent

    def validate(self, value: object) -> T:
        # None is no value, as for MkDocs' own options: `!ENV` with a variable that is not set.
        return super().validate(self.default if value is None else value)

    def _path(self, value: str) -> Path:
        """``value`` below the folder of mkdocs.yml, unless it is absolute."""
        return self._folder / Path(value).expanduser()


class Switch(_Option[bool]):
    """True or false; 0 and 1 too, since ``!ENV`` gives numbers for them."""

    def run_validation(self, value: object) -> bool:
        if isinstance(value, bool) or (isinstance(value, int) and value in (0, 1)):
            return bool(value)
        raise base.ValidationError(f"expected true or false (or 1 or 0), got {value!r}")


class ServerUrl(_Option[str | None]):
    """``http(s)://…``, ``embedded``, or nothing for ComfyUI's own default address."""

    def run_validation(self, value: object) -> str | None:
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            raise base.ValidationError(
                f"expected one URL or `{EMBEDDED}`, not a {type(value).__name__}"
            )
        if value == EMBEDDED:
            return value
        try:
            parts = urlsplit(value)
            usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            usable = False
        if not usable or parts.query or parts.fragment:
            # The value is not quoted: it may hold a password.
            raise base.ValidationError(
                f"expected a URL such as {DEFAULT_SERVER} or https://gpu.example.org/comfy"
                f" (no query, no fragment), or `{EMBEDDED}`"
            )
        return value


class Headers(_Option[dict[str, "str | Path | None"]]):
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
        match value:
            case None:
                return None
            case {"file": str(path), **rest} if not rest:
                return self._path(path)
            case str() if _HEADER_VALUE.fullmatch(value):
                return value
            case int() | float() if not isinstance(value, bool):
                # A token of digits is no longer what it was: YAML 1.1 reads 0123 as 83.
                raise base.ValidationError(
                    f"{name}: YAML read a number; write it in quotes, or as `{{file: path}}`"
                )
        # The value is not quoted: it may be a secret.
        raise base.ValidationError(f"{name}: expected one line of text, or `{{file: path}}`")


class Verify(_Option["bool | Path"]):
    """Whether certificates are checked, or the file of the authority that signs them."""

    def run_validation(self, value: object) -> bool | Path:
        if isinstance(value, bool) or (isinstance(value, int) and value in (0, 1)):
            return bool(value)
        if isinstance(value, str) and value:
            return self._path(value)
        raise base.ValidationError(f"expected true, false or the path of a CA file, got {value!r}")


class ClientCert(_Option["Path | tuple[Path, Path] | None"]):
    """A file with certificate and key, or a list of the two files."""

    def run_validation(self, value: object) -> Path | tuple[Path, Path] | None:
        match value:
            case None:
                return None
            case str(both) if both:
                return self._path(both)
            case [str(certificate), str(key)]:
                return self._path(certificate), self._path(key)
        raise base.ValidationError("expected the path of a PEM file, or [certificate, key]")


class Proxy(_Option[str]):
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


class Size(_Option["tuple[int, int] | None"]):
    """``1344x768``: pixels of the rendered image."""

    def run_validation(self, value: object) -> tuple[int, int] | None:
        if value is None:
            return None
        size = parse_size(value)
        if size is None:
            raise base.ValidationError(
                "expected width x height such as 1344x768, each a multiple of 8 from 64 to 16384,"
                f" got {value!r}"
            )
        return size


class Quantity(_Option[int]):
    """A positive whole number, with a unit if one likes: ``64 MiB``, ``50 MP``."""

    def __init__(self, default: str, *, unit: str) -> None:
        super().__init__(default)
        self._unit = unit

    def run_validation(self, value: object) -> int:
        number = None
        if isinstance(value, int) and not isinstance(value, bool):
            number = value
        elif isinstance(value, str) and (found := _QUANTITY.fullmatch(value)):
            unit = found[2].lower()
            if unit in _UNITS and unit.endswith(self._unit[-1].lower() if unit else ""):
                number = round(float(found[1]) * _UNITS[unit])
        if number is None or number < 1:
            raise base.ValidationError(
                f"expected a size such as {self.default} or a whole number, got {value!r}"
            )
        return number


class Seconds(_Option[float]):
    """A positive number of seconds; with ``zero``, 0 too."""

    def __init__(self, default: float, *, zero: bool = False) -> None:
        super().__init__(default)
        self._zero = zero

    def run_validation(self, value: object) -> float:
        if is_seconds(value) or (self._zero and value == 0 and not isinstance(value, bool)):
            return float(value)
        wanted = "a number of seconds, 0 or more" if self._zero else "a positive number of seconds"
        raise base.ValidationError(f"expected {wanted}, got {value!r}")


class MaybeSeconds(_Option["float | None"]):
    """A positive number of seconds, or nothing for no limit."""

    def run_validation(self, value: object) -> float | None:
        if value is None:
            return None
        if is_seconds(value):
            return float(value)
        raise base.ValidationError(f"expected a positive number of seconds, got {value!r}")


class Count(_Option[int]):
    """A whole number, 0 to 100."""

    def run_validation(self, value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST:
            return value
        raise base.ValidationError(f"expected a whole number from 0 to {_MOST}, got {value!r}")


class Folder(_Option[Path]):
    """A folder, relative to mkdocs.yml."""

    def run_validation(self, value: object) -> Path:
        if isinstance(value, str) and value.strip():
            return self._path(value)
        raise base.ValidationError(f"expected the path of a folder, got {value!r}")


class SiteFolder(_Option[str]):
    """A folder inside the site, with ``/``."""

    def run_validation(self, value: object) -> str:
        if isinstance(value, str) and value.strip("/ ") and "\\" not in value:
            path = PurePosixPath(value.strip("/ "))
            if ".." not in path.parts:
                return str(path)
        raise base.ValidationError(
            f"expected a folder of the site, like assets/heroes, got {value!r}"
        )


class TemplateName(_Option[str]):
    """Name of a workflow template: letters, digits, ``.``, ``_``, ``-``; no dot in front."""

    def run_validation(self, value: object) -> str:
        if isinstance(value, str) and _TEMPLATE.fullmatch(value):
            return value
        raise base.ValidationError(
            f"expected the name of a template (letters, digits, '.', '_', '-'), got {value!r}"
        )


class Patterns(_Option["GitIgnoreSpec | None"]):
    """gitignore-style patterns of pages, as lines of one text or as a list."""

    def run_validation(self, value: object) -> GitIgnoreSpec | None:
        lines = value.splitlines() if isinstance(value, str) else value
        if lines is None:
            return None
        if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
            raise base.ValidationError(f"expected patterns, one a line or as a list, got {value!r}")
        try:
            return GitIgnoreSpec.from_lines(lines)
        except ValueError as error:
            raise base.ValidationError(str(error)) from error
