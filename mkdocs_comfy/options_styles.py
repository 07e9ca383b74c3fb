"""Options for the look of a whole site: ``styles:`` and ``style:``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mkdocs.config import base

from mkdocs_comfy.errors import HeroError, StyleNotFoundError, brief
from mkdocs_comfy.options import Option
from mkdocs_comfy.pages import values
from mkdocs_comfy.pages.styles import Style, chosen, read_styles

if TYPE_CHECKING:
    from collections.abc import Iterable


class Styles(Option[dict[str, Style]]):
    """Styles by name; everything that is wrong with them is told at once."""

    def run_validation(self, value: object) -> dict[str, Style]:
        styles, errors = read_styles(value)
        if errors:
            raise _refusal(errors)
        return styles

    def post_validation(self, config: base.Config, key_name: str) -> None:
        most = config["max_pixels"]
        for name, style in config[key_name].items():
            if style.size and style.size[0] * style.size[1] > most:
                raise base.ValidationError(
                    f"styles.{name}.size: expected at most {most:,} pixels, which is max_pixels,"
                    " got {}x{}".format(*style.size)
                )


class StyleNames(Option[tuple[str, ...]]):
    """The name of a style, or a list of names; nothing, false and ``none`` stand for no style."""

    def run_validation(self, value: object) -> tuple[str, ...]:
        if value is None:
            return ()
        try:
            return values.styles(value)
        except values.UnusableError as error:
            raise base.ValidationError(f"expected {error.expected}, got {brief(value)}") from error

    def post_validation(self, config: base.Config, key_name: str) -> None:
        try:
            chosen(config[key_name], config["styles"])
        except StyleNotFoundError as error:
            raise _refusal([error]) from error


def _refusal(errors: Iterable[HeroError]) -> base.ValidationError:
    return base.ValidationError("\n".join(map(str, errors)).replace("\n", "\n    "))
