"""The private cache: images as they were rendered, and what was encoded from them.

Disposable, and safe to share between builds that run at once. Images are plain files, written
whole or not at all; an index says which of them are whole. Imports nothing heavy: a warm build
looks everything up here and needs nothing else.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import re
import secrets
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from mkdocs_comfy.errors import BadImageError, CacheError
from mkdocs_comfy.images import blobs
from mkdocs_comfy.images.database import ForeignRowError
from mkdocs_comfy.images.index import Index
from mkdocs_comfy.images.records import (
    JSON,
    SUFFIXES,
    Original,
    OriginalRecord,
    RecordError,
    Variant,
    VariantRecord,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mkdocs_comfy.images.records import ImageInfo
    from mkdocs_comfy.images.variants import VariantKey
    from mkdocs_comfy.workflows.key import CacheKey

_Record = TypeVar("_Record", OriginalRecord, VariantRecord)

_KEY: Final = re.compile(r"(?:[a-z][0-9]+-)?[0-9a-f]{32,64}")


class HeroCache:
    """The cache in one directory. Threads may share it; processes may share the directory.

    Nothing is created before something is stored. A lookup is one row of the index and one
    status of a file; a file's bytes are read only where that status has changed. Somebody who
    can write into the directory can replace a hero by another image; they can neither run code
    nor have another file of this machine published or deleted.

    Attributes:
        directory: Where it is.

    Args:
        directory: Where it is to be; need not exist.
        inspect: Says what an image is, or raises ``BadImageError``. Takes up files whose record
            is lost; without it they count as missing.
        patience: Seconds to wait for another process's write to the index.
    """

    def __init__(
        self,
        directory: Path,
        *,
        inspect: Callable[[bytes], ImageInfo] | None = None,
        patience: float = 10.0,
    ) -> None:
        self.directory = directory
        self._inspect = inspect
        self._findings: list[str] = []
        self._lock = threading.Lock()
        self._owner = secrets.token_hex(16)
        root = directory.absolute()
        self._ignore = root / ".gitignore"
        self._originals = str(root / "originals")
        self._variants = str(root / "variants")
        self._index = Index(root / "index", report=self._report, patience=patience)

    @property
    def findings(self) -> tuple[str, ...]:
        """One line for each thing found wrong since ``drain``; the cache does not log."""
        return tuple(self._findings)

    def drain(self) -> tuple[str, ...]:
        """The findings, which are forgotten here."""
        with self._lock:
            findings, self._findings = self._findings, []
        return tuple(findings)

    def original(self, key: CacheKey) -> Original | None:
        """Look up the image of ``key``; ``None`` where there is none that is whole."""
        record = self._found(self._originals, key, OriginalRecord)
        if record is None:
            return None
        return Original(key=key, path=f"{self._originals}{os.sep}{record.file}", record=record)

    def variant(self, key: VariantKey) -> Variant | None:
        """Look up an encoded image; ``None`` where there is none that is whole."""
        record = self._found(self._variants, key, VariantRecord)
        if record is None:
            return None
        return Variant(key=key, path=f"{self._variants}{os.sep}{record.file}", record=record)

    def store_original(
        self,
        key: CacheKey,
        data: bytes,
        info: ImageInfo,
        *,
        made: Mapping[str, JSON] | None = None,
    ) -> Original:
        """Store an image as it was delivered, in the place of any other for ``key``.

        The file counts even where the index cannot be written: a later lookup takes it up.

        Args:
            key: What it is the image of.
            data: The image, unchanged.
            info: What ``inspect`` said of ``data``.
            made: How it was made, see ``OriginalRecord.made``.

        Raises:
            CacheError: The file could not be written.
        """
        path = self._path(self._originals, key, info.extension)
        record = self._stored(key, path, data, OriginalRecord, {**info.row(), "made": made or {}})
        for suffix in SUFFIXES - {info.extension}:  # a lost record must not revive another image
            with contextlib.suppress(OSError):
                Path(self._path(self._originals, key, suffix)).unlink()
        return Original(key=key, path=path, record=record)

    def store_variant(self, key: VariantKey, data: bytes, *, width: int, height: int) -> Variant:
        """Store an encoded image.

        Args:
            key: Its name in the site.
            data: A WebP file.
            width: Pixels of the image in it.
            height: Pixels of the image in it.

        Raises:
            CacheError: The file could not be written.
        """
        path = self._path(self._variants, key, "webp")
        size: dict[str, JSON] = {"width": width, "height": height}
        record = self._stored(key, path, data, VariantRecord, size)
        return Variant(key=key, path=path, record=record)

    def read(self, image: Original | Variant) -> bytes:
        """The bytes of an image that was looked up or stored.

        Raises:
            CacheError: The file is gone, cannot be read, or is no longer what it was.
        """
        data = blobs.read(image.path)
        if hashlib.sha256(data).hexdigest() != image.record.sha256:
            raise CacheError(
                path=image.path,
                problem="the file changed while it was used",
                way_out="build again: what is not whole is made anew",
            )
        return data

    def writable(self) -> None:
        """Make sure that images can be stored, before any is rendered in vain.

        Also removes what crashed builds left behind.

        Raises:
            CacheError: They cannot; says why, and the way out.
        """
        self._prepare()
        for folder in (self._originals, self._variants):
            with blobs.staged(f"{folder}{os.sep}probe", b"probe"):
                blobs.sweep(folder)

    def claim(self, key: CacheKey) -> bool:
        """Take it upon us to make the image of ``key``, so that no other build makes it too.

        A claim lasts 30 s unless ``renew`` prolongs it: a crashed build's ends by itself. Look
        the image up again after a claim succeeds, since its last owner may just have stored it.

        Returns:
            False where another build holds it: look up and claim again in a moment.
        """
        with contextlib.suppress(CacheError):
            self._prepare()
        return self._index.claim(f"claim:{_checked(key)}", self._owner)

    def renew(self, key: CacheKey) -> bool:
        """Hold a claim for another 30 s; False where another build took it after it ran out."""
        return self._index.claim(f"claim:{_checked(key)}", self._owner)

    def release(self, key: CacheKey) -> None:
        """Give a claim back, after the image is stored or has failed."""
        self._index.release(f"claim:{_checked(key)}", self._owner)

    def close(self) -> None:
        """Close the index. The cache may be used again, which opens it again."""
        self._index.close()

    def _stored(
        self, key: str, path: str, data: bytes, kind: type[_Record], facts: dict[str, JSON]
    ) -> _Record:
        self._prepare()
        with blobs.staged(path, data) as file:
            record = kind.of_row(
                key,
                {
                    "file": Path(path).name,
                    "bytes": file.bytes,
                    "sha256": file.sha256,
                    "mtime_ns": file.mtime_ns,
                    **facts,
                },
            )
            self._index.put(key, record.row(), first=file.commit)
        return record

    def _found(self, folder: str, key: str, kind: type[_Record]) -> _Record | None:
        try:
            row = self._index.get(_checked(key))
            if row is None:
                return self._adopted(folder, key, kind)
            record = kind.of_row(key, row)
        except ForeignRowError as error:
            self._report(f"row {key} of the index is not ours and is not read: {error}")
            return None
        except RecordError as error:
            self._report(f"row {key} of the index is of no use: {error}")
            return self._adopted(folder, key, kind)
        return self._whole(folder, key, record)

    def _whole(self, folder: str, key: str, record: _Record) -> _Record | None:
        path = f"{folder}{os.sep}{record.file}"
        status = blobs.plain_status(path)
        if status is None:
            return None
        if status.st_size == record.bytes:
            if status.st_mtime_ns == record.mtime_ns:
                return record
            with contextlib.suppress(CacheError):
                if hashlib.sha256(blobs.read(path)).hexdigest() == record.sha256:
                    touched = dataclasses.replace(record, mtime_ns=status.st_mtime_ns)
                    self._index.put(key, touched.row())
                    return touched
        self._report(f"{path} is not the file that was stored; it counts as missing")
        return None

    def _adopted(self, folder: str, key: str, kind: type[_Record]) -> _Record | None:
        """The record of a file that has none, made by decoding it again."""
        if self._inspect is None:
            return None
        for suffix in SUFFIXES:
            path = self._path(folder, key, suffix)
            status = blobs.plain_status(path)
            if status is None:
                continue
            try:
                data = blobs.read(path)
                info = self._inspect(data)
            except (CacheError, BadImageError) as error:
                self._report(f"{path} is no whole image and counts as missing: {error.what}")
                continue
            record = kind.of_row(
                key,
                {
                    "file": Path(path).name,
                    "bytes": len(data),
                    "sha256": hashlib.sha256(data).hexdigest(),
                    "mtime_ns": status.st_mtime_ns,
                    **info.row(),
                    "made": {},
                },
            )
            self._index.put(key, record.row())
            return record
        return None

    def _path(self, folder: str, key: str, suffix: str) -> str:
        return f"{folder}{os.sep}{_checked(key)}.{suffix}"

    def _prepare(self) -> None:
        if not self._ignore.exists():
            blobs.write(str(self._ignore), b"*\n")

    def _report(self, finding: str) -> None:
        with self._lock:
            if finding not in self._findings:
                self._findings.append(finding)


def _checked(key: str) -> str:
    """Keys become file names, so nothing else may pass for one."""
    if not _KEY.fullmatch(key):
        raise ValueError(f"not a key of the cache: {key[:80]!r}")
    return key
