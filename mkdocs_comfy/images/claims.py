"""Who makes which image: rows of the cache's index, each worth as much as its owner is alive."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from mkdocs_comfy.images.database import ForeignRowError
from mkdocs_comfy.images.owners import Owners

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mkdocs_comfy.images.index import Index
    from mkdocs_comfy.images.records import JSON

_KEPT: Final = (
    7 * 86_400.0
)  # seconds; then ``Index.tidy`` takes what a killed build never gave back


class Claims:
    """The claims in one cache. Threads may share it.

    Args:
        index: Where they are noted.
        directory: Folder of the owners' files alone.
        report: Takes one line for each thing found wrong.
    """

    def __init__(self, index: Index, directory: Path, *, report: Callable[[str], None]) -> None:
        self._index = index
        self._owners = Owners(directory)
        self._report = report

    def take(self, name: str) -> bool:
        """Claim ``name`` until it is given back or we end, however we end.

        Returns:
            False where somebody else has it who is alive. Where nothing can be written or locked,
            everybody may.
        """
        owner = self._owners.name()
        if owner is None:
            return True

        def settled(row: JSON) -> JSON:
            holder = _owner(row)
            free = holder in {None, owner} or not self._owners.is_alive(holder)
            return {"owner": owner} if free else row

        row = _row(name)
        try:
            return _owner(self._index.revise(row, settled, expire=_KEPT)) == owner
        except ForeignRowError as error:
            self._report(f"row {row} of the index is not ours and is replaced: {error}")
            self._index.put(row, {"owner": owner})
            return True

    def give_back(self, name: str) -> None:
        """Let others claim ``name``; what somebody else has stays theirs."""
        if owner := self._owners.name(make=False):
            with suppress(ForeignRowError):
                if _owner(self._index.get(_row(name))) == owner:
                    self._index.delete([_row(name)])

    def sweep(self) -> None:
        """Remove what killed builds left."""
        self._owners.sweep()

    def close(self) -> None:
        """Give everything back."""
        self._owners.close()


def _row(name: str) -> str:
    return f"claim:{name}"


def _owner(row: JSON) -> str | None:
    match row:
        case {"owner": str(owner)}:
            return owner
    return None
