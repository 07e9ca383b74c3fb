"""The private cache: images as they were rendered, and what was encoded from them.

Disposable, and safe to share between builds that run at once. Images are plain files, written
whole or not at all; an index says which of them are whole. Imports nothing heavy: a warm build
looks everything up here and needs nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from typing import TYPE_CHECKING

from mkdocs_comfy.errors import CacheError
from mkdocs_comfy.images import blobs
from mkdocs_comfy.images.claims import Claims
from mkdocs_comfy.images.folder import CachedFile, Folder, checked
from mkdocs_comfy.images.index import Index
from mkdocs_comfy.images.making import Making
from mkdocs_comfy.images.memory import Memory
from mkdocs_comfy.images.records import JSON, Original, OriginalRecord, Variant, VariantRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from mkdocs_comfy.images.records import ImageInfo
    from mkdocs_comfy.images.variants import VariantKey
    from mkdocs_comfy.workflows.key import CacheKey


class HeroCache:
    """The cache in one directory. Threads may share it; processes may share the directory.

    Nothing is created before something is stored. A lookup is one row of the index and one
    status of a file; a file's bytes are read only where that status has changed. Somebody who
    can write into the directory can replace a hero by another image; they can neither run code
    nor have another file of this machine published or deleted.

    Attributes:
        directory: Where it is.
        memory: What it knows beyond its files.

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
        self._findings: list[str] = []
        self._lock = threading.Lock()
        root = directory.absolute()
        self._ignore = root / ".gitignore"
        self._index = Index(root / "index", report=self._report, patience=patience)
        self._claims = Claims(self._index, root / "locks", report=self._report)
        self.memory = Memory(self._index, report=self._report)
        self._originals = Folder(
            str(root / "originals"),
            OriginalRecord.of_row,
            self._index,
            inspect=inspect,
            report=self._report,
        )
        self._variants = Folder(
            str(root / "variants"),
            VariantRecord.of_row,
            self._index,
            inspect=inspect,
            report=self._report,
        )

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
        record = self._originals.find(key)
        if record is None:
            return None
        return Original(key=key, path=self._originals.path(record.file), record=record)

    def variant(self, key: VariantKey) -> Variant | None:
        """Look up an encoded image; ``None`` where there is none that is whole."""
        record = self._variants.find(key)
        if record is None:
            return None
        return Variant(key=key, path=self._variants.path(record.file), record=record)

    def store_original(
        self,
        key: CacheKey,
        data: bytes,
        info: ImageInfo,
        *,
        made: Making | None = None,
    ) -> Original:
        """Store an image as it was delivered, in the place of any other for ``key``.

        The file counts even where the index cannot be written: a later lookup takes it up.

        Args:
            key: What it is the image of.
            data: The image, unchanged.
            info: What ``inspect`` said of ``data``.
            made: How it was made; kept beside the record, which every build reads.

        Raises:
            CacheError: The file could not be written.
        """
        self._prepare()
        if made is not None:
            self.memory.keep(key, made.row())
        facts: dict[str, JSON] = {**info.row(), "made": {}}
        record = self._originals.store(key, info.extension, data, facts)
        return Original(key=key, path=self._originals.path(record.file), record=record)

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
        self._prepare()
        record = self._variants.store(key, "webp", data, {"width": width, "height": height})
        return Variant(key=key, path=self._variants.path(record.file), record=record)

    def made(self, key: CacheKey) -> Making | None:
        """How the image of ``key`` was made; ``None`` where that is not known."""
        if made := self.memory.made(key):
            return made
        original = self.original(key)
        return None if original is None else Making.of_row(original.record.made)

    def files(self) -> Iterator[CachedFile]:
        """Give every image that is stored, in no order."""
        for folder in (self._originals, self._variants):
            yield from folder.files()

    def remove(self, files: Iterable[CachedFile]) -> None:
        """Remove images, and what is known of them.

        Raises:
            CacheError: One of them cannot be removed.
        """
        gone: list[str] = []
        try:
            for file in files:
                blobs.remove(file.path)
                gone.append(file.name)
        finally:
            self.memory.forget(gone)

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

        Also removes what killed builds left behind.

        Raises:
            CacheError: They cannot; says why, and the way out.
        """
        self._prepare()
        for each in (self._originals, self._variants):
            with blobs.staged(each.path("probe"), b"probe"):
                blobs.sweep(each.directory)
        blobs.sweep(str(self._ignore.parent))
        self._claims.sweep()
        self._index.tidy()

    def claim(self, key: CacheKey) -> bool:
        """Take it upon us to make the image of ``key``, so that no other build makes it too.

        A claim ends when it is given back, and with the process, however that ends. Look the image
        up again after a claim succeeds, since its last owner may just have stored it.

        Returns:
            False where another build holds it: look up and claim again in a moment. Where nothing
            can be written or locked, everybody may.
        """
        with contextlib.suppress(CacheError):
            self._prepare()
        return self._claims.take(checked(key))

    def release(self, key: CacheKey) -> None:
        """Give a claim back, after the image is stored or has failed."""
        self._claims.give_back(checked(key))

    def close(self) -> None:
        """Close the index and give all claims back. The cache may be used again after that."""
        self._claims.close()
        self._index.close()

    def _prepare(self) -> None:
        if not self._ignore.exists():
            blobs.write(str(self._ignore), b"*\n")

    def _report(self, finding: str) -> None:
        with self._lock:
            if finding not in self._findings:
                self._findings.append(finding)
