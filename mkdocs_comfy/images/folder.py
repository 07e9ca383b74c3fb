"""One folder of the cache: files that are named by their keys, and the records that vouch for them.

A file and its record change together, under the index's lock. A lookup does not take that lock:
it reads one row and the status of one file, and where the two agree they belong together. Only
where they do not, which may mean no more than that another build is just storing, it waits for
that build and decides then.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from mkdocs_comfy.errors import BadImageError, CacheError
from mkdocs_comfy.images import blobs
from mkdocs_comfy.images.database import ForeignRowError
from mkdocs_comfy.images.records import (
    JSON,
    SUFFIXES,
    BlobRecord,
    RecordError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mkdocs_comfy.images.index import Index
    from mkdocs_comfy.images.records import ImageInfo

_Record = TypeVar("_Record", bound=BlobRecord)

_NEXT: Final = "next"  # in a row: the record of the file that is taking this one's place
_KEY: Final = re.compile(r"(?:[a-z][0-9]+-)?[0-9a-f]{32,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedFile:
    """An image file of the cache, whatever its record says.

    Attributes:
        name: The key that it is stored under.
        path: Where it is.
        bytes: Its length.
        written: When it was last changed, seconds since the epoch.
    """

    name: str
    path: str
    bytes: int
    written: float


class Folder(Generic[_Record]):
    """Files of one kind.

    Args:
        directory: Where they are; need not exist.
        of_row: Reads the record of a key from its row, or raises ``RecordError``.
        index: Where their records are.
        inspect: Says what an image is, or raises ``BadImageError``; ``None``: files without a
            record count as missing.
        report: Takes one line for each thing found wrong.
    """

    def __init__(
        self,
        directory: str,
        of_row: Callable[[str, JSON], _Record],
        index: Index,
        *,
        inspect: Callable[[bytes], ImageInfo] | None,
        report: Callable[[str], None],
    ) -> None:
        self.directory = directory
        self._of_row = of_row
        self._index = index
        self._inspect = inspect
        self._report = report

    def path(self, file: str) -> str:
        """Path of a file of that name."""
        return f"{self.directory}{os.sep}{file}"

    def find(self, key: str) -> _Record | None:
        """The record of the whole file of ``key``, or ``None``."""
        try:
            row = self._index.get(checked(key))
            if row is None:
                if not self._lost_files(key):
                    return None
            else:
                record = self._of_row(key, row)
                if self._agrees(record):
                    return record
        except ForeignRowError as error:
            self._report(f"row {key} of the index is not ours and is not read: {error}")
            return None
        except RecordError as error:
            self._report(f"row {key} of the index is of no use: {error}")
        return self._decided(key)

    def store(self, key: str, suffix: str, data: bytes, facts: Mapping[str, JSON]) -> _Record:
        """Store a file in the place of any other for ``key``.

        Args:
            key: What it is to be found by.
            suffix: Its extension, without the dot.
            data: Its bytes.
            facts: What its record holds beyond what the file itself says.

        Raises:
            CacheError: It could not be written.
        """
        name = f"{checked(key)}.{suffix}"
        with blobs.staged(self.path(name), data) as file:
            record = self._of_row(
                key,
                {
                    "file": name,
                    "bytes": file.bytes,
                    "sha256": file.sha256,
                    "mtime_ns": file.mtime_ns,
                    **facts,
                },
            )
            self._announce(key, record)
            self._index.put(key, record.row(), first=file.commit)
        for other in SUFFIXES - {suffix}:  # a lost record must not bring back another image
            with contextlib.suppress(OSError):
                Path(self.path(f"{key}.{other}")).unlink()
        return record

    def files(self) -> Iterator[CachedFile]:
        """Give the files that are named by a key; none where the folder cannot be read."""
        with contextlib.suppress(OSError), os.scandir(self.directory) as entries:
            for entry in entries:
                name, _, suffix = entry.name.rpartition(".")
                if suffix in SUFFIXES and _KEY.fullmatch(name):
                    status = entry.stat(follow_symlinks=False)
                    yield CachedFile(
                        name=name, path=entry.path, bytes=status.st_size, written=status.st_mtime
                    )

    def _announce(self, key: str, record: BlobRecord) -> None:
        """Say what a file is about to be replaced by, in case we are killed right after that."""

        def announced(row: JSON) -> JSON:
            if isinstance(row, dict) and row.get("file") == record.file:
                return {**row, _NEXT: record.row()}
            return None

        with contextlib.suppress(ForeignRowError):
            self._index.revise(key, announced)

    def _agrees(self, record: BlobRecord) -> bool:
        status = blobs.plain_status(self.path(record.file))
        return (
            status is not None
            and status.st_mtime_ns == record.mtime_ns
            and status.st_size == record.bytes
        )

    def _decided(self, key: str) -> _Record | None:
        """The record as it is, or is put right, once nobody is in the middle of storing."""
        row = self._index.revise(key, lambda row: self._revised(key, row))
        return None if row is None else self._of_row(key, row)

    def _revised(self, key: str, row: JSON) -> JSON:
        try:
            record = self._of_row(key, row)
        except RecordError:
            return self._adopted(key)
        if self._agrees(record):
            return row
        following = row.get(_NEXT) if isinstance(row, dict) else None
        for candidate in (row, following):
            if found := self._verified(key, candidate):
                return found
        path = self.path(record.file)
        if blobs.plain_status(path):
            self._report(f"{path} is not the file that was stored; it counts as missing")
        return None

    def _verified(self, key: str, row: JSON) -> JSON:
        """The row of a file that is whole, with the time that it has now; else ``None``."""
        try:
            record = self._of_row(key, row)
        except RecordError:
            return None
        path = self.path(record.file)
        status = blobs.plain_status(path)
        if status is not None and status.st_size == record.bytes:
            with contextlib.suppress(CacheError):
                if _digest(blobs.read(path)) == record.sha256:
                    return {**record.row(), "mtime_ns": status.st_mtime_ns}
        return None

    def _adopted(self, key: str) -> JSON:
        """A row for a file that has none, made by decoding it again."""
        for name in self._lost_files(key):
            path = self.path(name)
            try:
                data = blobs.read(path)
                info = self._inspect(data) if self._inspect else None
            except (CacheError, BadImageError) as error:
                self._report(f"{path} is no whole image and counts as missing: {error.what}")
                continue
            status = blobs.plain_status(path)
            if info and status:
                return {
                    "file": name,
                    "bytes": len(data),
                    "sha256": _digest(data),
                    "mtime_ns": status.st_mtime_ns,
                    **info.row(),
                    "made": {},
                }
        return None

    def _lost_files(self, key: str) -> list[str]:
        if self._inspect is None:
            return []
        names = [f"{key}.{suffix}" for suffix in sorted(SUFFIXES)]
        return [name for name in names if blobs.plain_status(self.path(name))]


def checked(key: str) -> str:
    """The key itself.

    Raises:
        ValueError: It is none. Keys become file names, so nothing else may pass for one.
    """
    if not _KEY.fullmatch(key):
        raise ValueError(f"not a key of the cache: {key[:80]!r}")
    return key


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
