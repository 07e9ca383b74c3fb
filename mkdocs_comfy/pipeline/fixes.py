"""The commands that findings name: each can be run as it stands, in a shell."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Commands:
    """The commands that mend things, quoted for a shell.

    Attributes:
        program: What to call.
        options: What stands behind each sub-command, quoted already; ``-f docs/mkdocs.yml``.
    """

    program: str = "mkdocs-comfy"
    options: str = ""

    @property
    def freeze(self) -> str:
        """Take what is in the cache."""
        return self._line("freeze")

    @property
    def prune(self) -> str:
        """Remove what no page uses."""
        return self._line("prune")

    def render(self, page: str) -> str:
        """Render a page's image, and take it."""
        return f"{self._line('render', *_page(page))} && {self.freeze}"

    def fetch(self, page: str) -> str:
        """Take a page's image from the shared cache, or render it."""
        return self._line("render", *_page(page))

    def render_anew(self, page: str) -> str:
        """Render a page's image although there seems to be one, and take it."""
        return f"{self._line('render', '--force', *_page(page))} && {self.freeze}"

    def say_alt(self, page: str) -> str:
        """Say that a page's image is decorative."""
        return self._line("keep", "--alt", "", *_page(page))

    def bring_back(self, files: Sequence[str]) -> str:
        """Take files from the commit before the one that removed them."""
        names = " ".join(map(shlex.quote, files))
        found = f"git log -n 1 --diff-filter=D --format=%H -- {names}"
        return f'git checkout "$({found})~" -- {names}'

    def _line(self, *words: str) -> str:
        command, *rest = map(shlex.quote, words)
        return " ".join(filter(None, (self.program, command, self.options, *rest)))


def _page(page: str) -> tuple[str, ...]:
    """A page as an argument: one whose name begins with ``-`` must not pass for an option."""
    return ("--", page) if page.startswith("-") else (page,)
