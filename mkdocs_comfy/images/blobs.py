"""The files of the cache and of the frozen directory: written whole or not at all.

The one place where the cache touches its files, and where what the operating system says
becomes a ``CacheError``.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from mkdocs_comfy.errors import CacheError

if TYPE_CHECKING:
    from collections.abc import Iterator

Place: TypeAlias = Literal["cache_dir", "frozen_dir"]
"""What a file belongs to, by the option that says where that is."""

STALE: Final = 24 * 3600
"""Seconds after which a temporary file is taken to be a crashed build's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """Bytes that are on the disk under a name of their own, and nowhere else yet.

    Attributes:
        temporary: Path of that file, in the folder it is meant for.
        path: Where it will be.
        bytes: Its length.
        sha256: Digest of its bytes.
        mtime_ns: Its modification time; renaming does not change it.
        place: What it belongs to, for errors.
    """

    temporary: str
    path: str
    bytes: int
    sha256: str
    mtime_ns: int
    place: Place

    def commit(self) -> None:
        """Put the file in its place, over whatever is there.

        Raises:
            CacheError: The operating system refuses.
        """
        with _explained(self.path, self.place):
            Path(self.temporary).replace(self.path)


@contextlib.contextmanager
def staged(path: str, data: bytes, *, place: Place = "cache_dir") -> Iterator[Staged]:
    """Write ``data`` next to ``path`` and force it to the disk; what is not committed goes again.

    Nobody ever sees half a file under ``path``: not another process, not after a power cut.

    Raises:
        CacheError: Read-only, no space, no permission or no such place.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}.tmp")
    try:
        with _explained(path, place):
            target.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            status = temporary.lstat()
        yield Staged(
            temporary=str(temporary),
            path=path,
            bytes=status.st_size,
            sha256=hashlib.sha256(data).hexdigest(),
            mtime_ns=status.st_mtime_ns,
            place=place,
        )
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def write(path: str, data: bytes, *, place: Place = "cache_dir") -> None:
    """Write one file whole.

    Raises:
        CacheError: As ``staged``.
    """
    with staged(path, data, place=place) as file:
        file.commit()


def read(path: str) -> bytes:
    """Read one file.

    Raises:
        CacheError: It is gone or may not be read.
    """
    with _explained(path, "cache_dir"):
        return Path(path).read_bytes()


def remove(path: str, *, place: Place = "cache_dir") -> None:
    """Remove one file; it may be gone already.

    Raises:
        CacheError: The operating system refuses.
    """
    with _explained(path, place):
        Path(path).unlink(missing_ok=True)


def plain_status(path: str) -> os.stat_result | None:
    """The file's status, or ``None`` where there is no plain file: nothing, a link, a folder.

    Links count as nothing: a cache restored from elsewhere could point one at a private file of
    this machine, which would then be published as a hero.
    """
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status if stat.S_ISREG(status.st_mode) else None


def sweep(folder: str) -> None:
    """Remove temporary files that crashed builds left behind, once they are a day old."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") and entry.name.endswith(".tmp"):
                with contextlib.suppress(OSError):
                    if entry.stat(follow_symlinks=False).st_mtime < time.time() - STALE:
                        Path(entry.path).unlink()


@contextlib.contextmanager
def _explained(path: str, place: Place) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        elsewhere = f"point `{place}:` at a directory that can be written"
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        raise CacheError(
            path=path,
            problem=reason[:1].lower() + reason[1:],
            way_out=f"free some space there, or {elsewhere}" if full else elsewhere,
            place=place,
        ) from error
