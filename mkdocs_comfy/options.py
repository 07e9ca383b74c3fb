"""Types of configuration options: what mkdocs.yml may say, and what it is told when it errs.

Each is a MkDocs option (``mkdocs.config.base.BaseConfigOption``). Values that may hold a secret
are never quoted in an error.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any, Generic, TypeGuard, TypeVar

from mkdocs.config import base
from pathspec import GitIgnoreSpec

from mkdocs_comfy.pages.spec import parse_size

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
_TEMPLATE = re.compile(r"(?!\.)[A-Za-z0-9._-]+")


def is_seconds(value: object) -> TypeGuard[float]:
    """Whether ``value`` is a positive number that can be waited for."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < _LONGEST


class Option(base.BaseConfigOption[T], Generic[T]):
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

    def below(self, other: Option[Any]) -> None:
        """Take paths as relative to what they are relative to in ``other``."""
        self._folder = other._folder

    def path(self, value: str) -> Path:
        """``value`` below the folder of mkdocs.yml, unless it is absolute."""
        return self._folder / Path(value).expanduser()


class Switch(Option[bool]):
    """True or false; 0 and 1 too, since ``!ENV`` gives numbers for them."""

    def run_validation(self, value: object) -> bool:
        if isinstance(value, bool) or (isinstance(value, int) and value in (0, 1)):
            return bool(value)
        raise base.ValidationError(f"expected true or false (or 1 or 0), got {value!r}")


class Size(Option["tuple[int, int] | None"]):
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


class Quantity(Option[int]):
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


class Seconds(Option[float]):
    """A positive number of seconds; with ``zero``, 0 too."""

    def __init__(self, default: float, *, zero: bool = False) -> None:
        super().__init__(default)
        self._zero = zero

    def run_validation(self, value: object) -> float:
        if is_seconds(value) or (self._zero and value == 0 and not isinstance(value, bool)):
            return float(value)
        wanted = "a number of seconds, 0 or more" if self._zero else "a positive number of seconds"
        raise base.ValidationError(f"expected {wanted}, got {value!r}")


class MaybeSeconds(Option["float | None"]):
    """A positive number of seconds, or nothing for no limit."""

    def run_validation(self, value: object) -> float | None:
        if value is None:
            return None
        if is_seconds(value):
            return float(value)
        raise base.ValidationError(f"expected a positive number of seconds, got {value!r}")


class Count(Option[int]):
    """A whole number, 0 to 100."""

    def run_validation(self, value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST:
            return value
        raise base.ValidationError(f"expected a whole number from 0 to {_MOST}, got {value!r}")


class Folder(Option[Path]):
    """A folder, relative to mkdocs.yml."""

    def run_validation(self, value: object) -> Path:
        if isinstance(value, str) and value.strip():
            return self.path(value)
        raise base.ValidationError(f"expected the path of a folder, got {value!r}")


class SiteFolder(Option[str]):
    """A folder inside the site, with ``/``."""

    def run_validation(self, value: object) -> str:
        if isinstance(value, str) and value.strip("/ ") and "\\" not in value:
            path = PurePosixPath(value.strip("/ "))
            if ".." not in path.parts:
                return str(path)
        raise base.ValidationError(
            f"expected a folder of the site, like assets/heroes, got {value!r}"
        )


class TemplateName(Option[str]):
    """Name of a workflow template: letters, digits, ``.``, ``_``, ``-``; no dot in front."""

    def run_validation(self, value: object) -> str:
        if isinstance(value, str) and _TEMPLATE.fullmatch(value):
            return value
        raise base.ValidationError(
            f"expected the name of a template (letters, digits, '.', '_', '-'), got {value!r}"
        )


class Patterns(Option["GitIgnoreSpec | None"]):
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
