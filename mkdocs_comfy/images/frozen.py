"""The frozen directory: heroes that are committed, each an image and a sidecar.

Both are named by the first 16 hex digits of the key, in lower case: ``<digits>.webp`` and
``<digits>.json``. There is no list of them, so that two authors who freeze different heroes never
meet in git. Other files in the directory are nobody's business here.

A build trusts a sidecar for the name of the encoded image, and nothing else: before anything is
encoded, the file's and the pixels' digests are compared. Imports nothing heavy.
"""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mkdocs_comfy.images import blobs
from mkdocs_comfy.images.records import SUFFIXES
from mkdocs_comfy.images.sidecar import (
    KEY,
    LFS_POINTER,
    Sidecar,
    UnsoundError,
    read_sidecar,
    settle_conflict,
    stem_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mkdocs_comfy.images.making import Making
    from mkdocs_comfy.images.records import ImageInfo
    from mkdocs_comfy.workflows.key import CacheKey

IMAGE, SIDECAR = ".webp", ".json"
"""Extensions of the two files of a key."""

_PLACE: Final = "frozen_dir"
_READ: Final = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
_LONGEST_SIDECAR: Final = 2**23  # bytes; a workflow of 20,000 nodes has some 4 MB
_OURS: Final = re.compile(
    rf"[0-9a-f]{{16}}\.(?:json|{'|'.join(sorted(SUFFIXES))}|jpeg)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenImage:
    """An image of the frozen directory whose sidecar can be read.

    Attributes:
        path: Its file, absolute. Nobody has looked inside yet.
        sidecar: What its sidecar says.
    """

    path: str
    sidecar: Sidecar

    @property
    def key(self) -> CacheKey:
        """What it is the image of."""
        return self.sidecar.key


class FrozenFolder:
    """What the frozen directory holds at one moment. Sidecars are read when they are asked for.

    Args:
        directory: Where it is; need not exist.

    Attributes:
        exists: Whether it does.
        faults: File name → what is wrong with it, of those that were looked at.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = str(directory.absolute())
        self.faults: dict[str, UnsoundError] = {}
        self._known: dict[str, FrozenImage | None] = {}
        self._former: dict[str, FrozenImage] | None = None
        self._files: dict[str, bool] = {}
        self.exists = True
        try:
            with os.scandir(self._directory) as entries:
                self._files = {
                    entry.name: entry.is_file(follow_symlinks=False)
                    for entry in entries
                    if _OURS.fullmatch(entry.name)
                }
        except OSError:
            self.exists = False

    def path(self, file: str) -> str:
        """Path of a file of that name."""
        return f"{self._directory}{os.sep}{file}"

    def find(self, key: CacheKey) -> FrozenImage | None:
        """Look up the image of ``key``; ``None`` where there is none, or none that can be used."""
        stem = stem_of(key)
        if stem + SIDECAR not in self._files and stem + IMAGE not in self._files:
            return None
        found = self.image(stem)
        return found if found is not None and found.key == key else None

    def former(self, page: str) -> FrozenImage | None:
        """Look up the image that a page showed before it was reworded, as the sidecars know it.

        Where two name the page, after a merge, the first in the order of names counts.
        """
        if self._former is None:
            self._former = {}
            for stem in self.stems():
                if image := self.image(stem):
                    for each in image.sidecar.pages:
                        self._former.setdefault(each.replace("\\", "/"), image)
        return self._former.get(page)

    def stems(self) -> tuple[str, ...]:
        """Names of keys, without extension, that have at least one of their files; sorted."""
        return tuple(sorted({each.partition(".")[0] for each in self._files if _is_name(each)}))

    def image(self, stem: str) -> FrozenImage | None:
        """The image of that name; ``None`` where ``faults`` say what is wrong."""
        if stem not in self._known:
            try:
                self._known[stem] = self._paired(stem)
            except UnsoundError as error:
                self.faults[error.file] = error
                self._known[stem] = None
        return self._known[stem]

    def somebody_elses(self, stem: str) -> bool:
        """Whether a file of that name is none to write over: of a newer format, or with Git LFS."""
        if self.image(stem):
            with suppress(UnsoundError):
                return self._read(stem + IMAGE).startswith(LFS_POINTER)
        faults = (self.faults.get(stem + suffix) for suffix in (IMAGE, SIDECAR))
        return any(each is not None and each.fault != "corrupt" for each in faults)

    def data(self, image: FrozenImage) -> bytes:
        """The bytes of an image, as they were frozen.

        Raises:
            UnsoundError: The file is another one, a pointer of Git LFS, or cannot be read.
        """
        file = stem_of(image.key) + IMAGE
        data = self._read(file)
        if hashlib.sha256(data).hexdigest() == image.sidecar.sha256:
            return data
        if data.startswith(LFS_POINTER):
            raise UnsoundError(file, "is a Git LFS pointer", fault="lfs_pointer")
        raise UnsoundError(file, "is not the image that its sidecar was written for")

    def verify(self, image: FrozenImage, info: ImageInfo) -> None:
        """Make sure that an image has the pixels that its sidecar says.

        Args:
            image: The image.
            info: What a decode says of its bytes.

        Raises:
            UnsoundError: It has not.
        """
        sidecar = image.sidecar
        if (info.pixels, info.width, info.height) != (
            sidecar.pixels,
            sidecar.width,
            sidecar.height,
        ):
            raise UnsoundError(stem_of(image.key) + IMAGE, "has other pixels than its sidecar says")

    def settled(self, key: CacheKey) -> Sidecar | None:
        """The side of a merge conflict in a sidecar that fits the image, or ``None``."""
        stem = stem_of(key)
        try:
            data, image = self._read(stem + SIDECAR), self._read(stem + IMAGE)
        except UnsoundError:
            return None
        digest = hashlib.sha256(image).hexdigest()
        found = settle_conflict(data, file=stem + SIDECAR, sha256=digest)
        return found if found is not None and found.key == key else None

    def strays(self) -> Iterator[UnsoundError]:
        """Files that look like ours and are found by no key: another spelling or format."""
        for file in sorted(self._files):
            if not _is_name(file):
                stem = file.lower().partition(".")[0]
                problem = f"is not looked at: the files of that key are {stem}{IMAGE} and {SIDECAR}"
                yield UnsoundError(file, problem)

    def size(self) -> int:
        """Bytes of all files of ours."""
        return sum(self.bytes_of(file) for file in self._files)

    def files_of(self, stem: str) -> tuple[str, ...]:
        """The files of that name that there are."""
        return tuple(each for each in (stem + IMAGE, stem + SIDECAR) if each in self._files)

    def bytes_of(self, file: str) -> int:
        """Length of a file; 0 where there is none."""
        try:
            return os.lstat(self.path(file)).st_size
        except OSError:
            return 0

    def _paired(self, stem: str) -> FrozenImage:
        for file, other, name in (
            (stem + SIDECAR, stem + IMAGE, "sidecar"),
            (stem + IMAGE, stem + SIDECAR, "image"),
        ):
            if file not in self._files:
                raise UnsoundError(other, f"has no {name} beside it")
        sidecar = read_sidecar(self._read(stem + SIDECAR), file=stem + SIDECAR)
        if not self._files[stem + IMAGE]:
            raise UnsoundError(stem + IMAGE, _NO_FILE)
        return FrozenImage(path=self.path(stem + IMAGE), sidecar=sidecar)

    def _read(self, file: str) -> bytes:
        if not self._files.get(file, False):
            raise UnsoundError(file, _NO_FILE)
        try:
            # Not Path.open, which takes a tenth of what a warm build may take for a page.
            with os.fdopen(os.open(self.path(file), _READ), "rb") as opened:
                if file.endswith(SIDECAR) and os.fstat(opened.fileno()).st_size > _LONGEST_SIDECAR:
                    raise UnsoundError(file, "is longer than any sidecar")
                return opened.read()
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise UnsoundError(file, f"cannot be read: {reason.lower()}") from error


_NO_FILE: Final = "is a link or no file: links are not followed, they could lead anywhere"


def freeze_image(
    directory: Path,
    key: CacheKey,
    data: bytes,
    info: ImageInfo,
    *,
    pages: tuple[str, ...],
    made: Making,
) -> Sidecar:
    """Write an image and its sidecar, in the place of whatever is there.

    Args:
        directory: The frozen directory; made where it does not exist.
        key: What it is the image of; no stand-in's.
        data: A WebP file that holds nothing but the picture.
        info: What a decode says of ``data``.
        pages: Pages that show it.
        made: How it was made.

    Raises:
        CacheError: They cannot be written.
        ValueError: ``key`` is no key that can be frozen.
    """
    if not KEY.fullmatch(key):
        raise ValueError(f"not a key that can be frozen: {key[:80]!r}")
    sidecar = Sidecar(
        key=key,
        pages=pages,
        sha256=hashlib.sha256(data).hexdigest(),
        pixels=info.pixels,
        width=info.width,
        height=info.height,
        record=made.row(),
    )
    # The image first: without its sidecar it counts for nothing.
    blobs.write(str(directory.absolute() / (stem_of(key) + IMAGE)), data, place=_PLACE)
    write_sidecar(directory, sidecar)
    return sidecar


def write_sidecar(directory: Path, sidecar: Sidecar) -> None:
    """Write a sidecar whole, in the place of the one that is there.

    Raises:
        CacheError: It cannot be written.
    """
    path = directory.absolute() / (stem_of(sidecar.key) + SIDECAR)
    blobs.write(str(path), sidecar.text().encode(), place=_PLACE)


def remove(directory: Path, file: str) -> None:
    """Remove a file of the frozen directory.

    Raises:
        CacheError: It cannot be removed.
    """
    blobs.remove(str(directory.absolute() / file), place=_PLACE)


def _is_name(file: str) -> bool:
    return file == file.lower() and file.endswith((IMAGE, SIDECAR))
