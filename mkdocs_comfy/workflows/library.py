"""Templates by name: the site's own before those that ship with us.

Files are read by callables that come in from outside, so this module opens none.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from mkdocs_comfy.errors import TemplateError, TemplateNotFoundError, shorten
from mkdocs_comfy.workflows.template import WorkflowTemplate, parse_template

Reader: TypeAlias = Callable[[str], str | None]
"""File name → its text, or ``None`` where there is no such file."""

NAME = re.compile(r"(?!\.)[A-Za-z0-9._-]+")
"""What a template may be called: it becomes a file name, and pages come from strangers too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One place that templates come from.

    Attributes:
        place: What users call it, for example ``"comfy_templates"``; stands before file names
            in errors.
        read: Returns the text of a file there. May raise :class:`TemplateError`.
        files: Returns the names of the files there.
    """

    place: str
    read: Reader
    files: Callable[[], Iterable[str]]


class Library:
    """The templates that one build can use; each is read and traced once.

    Args:
        sources: Where templates come from, the first that has a name wins.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = tuple(sources)
        self._known: dict[str, WorkflowTemplate | TemplateError] = {}

    def template(self, name: str) -> WorkflowTemplate:
        """Return the template called ``name``, without ``.json``.

        What is wrong with a template is found once and raised for every page that asks for it.

        Raises:
            TemplateNotFoundError: No source has it, or it is no name.
            TemplateError: It cannot be used, see :func:`parse_template`.
        """
        if name not in self._known:
            try:
                self._known[name] = self._read(name)
            except TemplateError as error:
                self._known[name] = error
        known = self._known[name]
        if isinstance(known, TemplateError):
            raise known.with_traceback(None)
        return known

    def names(self) -> tuple[str, ...]:
        """Return the names of all templates, sorted, each once."""
        return tuple(
            sorted(
                {
                    name
                    for source in self._sources
                    for file in source.files()
                    if file.endswith(".json") and NAME.fullmatch(name := file[: -len(".json")])
                }
            )
        )

    def _read(self, name: str) -> WorkflowTemplate:
        if not NAME.fullmatch(name):
            raise TemplateNotFoundError(
                template=shorten(name),
                problem="this is no name of a template",
                way_out="names are made of A-Z a-z 0-9 . _ - and do not start with a dot; "
                "the folder they are looked up in is set by templates_dir",
            )
        for source in self._sources:
            text = source.read(f"{name}.json")
            if text is not None:
                toml = source.read(f"{name}.toml")
                file = f"{source.place}/{name}.json"
                return parse_template(name, text, toml=toml, file=file)
        raise self._not_found(name)

    def _not_found(self, name: str) -> TemplateNotFoundError:
        names = self.names()
        wanted = name.removesuffix(".json")
        close = [wanted] if wanted in names else difflib.get_close_matches(wanted, names, n=1)
        looked = ", then ".join(source.place for source in self._sources)
        return TemplateNotFoundError(
            template=name,
            problem="there is no such template"
            + (f"; did you mean {close[0]!r}?" if close else "")
            + f" (there are: {', '.join(names) or 'none'})",
            way_out=("leave out .json\n" if wanted != name else "")
            + f"looked for {name}.json in {looked}; "
            "put it into the folder that templates_dir names",
        )
