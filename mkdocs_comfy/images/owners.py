"""Who is still alive of those that claim images: a lock of the operating system for each of them.

Whoever claims holds a file of its own locked, under a name that is never used again. The system
lets go of the lock when the process ends, however it ends, so a claim is worth as much as the lock
of whoever made it: nobody waits for the dead, and nobody has to renew anything. One lock for all
that a process claims, since a process may claim more images than it may have files open.
"""

from __future__ import annotations

import os
import re
import secrets
import sys
import threading
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Final

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

if TYPE_CHECKING:
    from pathlib import Path

_NAME: Final = re.compile(r"[0-9a-f]{32}")
_OPEN: Final = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0)
_HELD: Final = (BlockingIOError, PermissionError)  # Linux and macOS; Windows and some NFS
_TRIES: Final = 8


class Owners:
    """The owners of claims in one cache, ourselves among them. Threads may share it.

    A child made by ``os.fork`` is an owner of its own.

    Args:
        directory: Folder of their files alone; made when it is needed.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._mine: tuple[int, Path, int] | None = None  # process, file, its descriptor

    def name(self, *, make: bool = True) -> str | None:
        """Our name, which others find alive from now on, until ``close`` or the process's end.

        ``None`` where files cannot be made or locked: on a disk that is read-only, on a network
        file system without locks; where it is not to be made and there is none yet.
        """
        with self._lock:
            if self._mine is not None and self._mine[0] != os.getpid():
                os.close(self._mine[2])  # our parent's, who keeps its lock
                self._mine = None
            if self._mine is None and make:
                with suppress(OSError):
                    self._mine = self._made()
            return None if self._mine is None else self._mine[1].name

    def is_alive(self, name: str) -> bool:
        """Whether that owner is; False where it cannot be told, so that nobody waits for ever."""
        if not _NAME.fullmatch(name):
            return False
        path = self._directory / name
        try:
            descriptor = os.open(path, _OPEN)
        except OSError:
            return False
        try:
            _lock(descriptor)
        except OSError as error:
            return isinstance(error, _HELD)
        else:
            _remove(path)
            return False
        finally:
            os.close(descriptor)

    def sweep(self) -> None:
        """Remove the files of the dead."""
        with suppress(OSError), os.scandir(self._directory) as entries:
            for entry in entries:
                self.is_alive(entry.name)

    def close(self) -> None:
        """Give up our name, and with it all that we claim."""
        with self._lock:
            mine, self._mine = self._mine, None
        if mine is not None:
            process, path, descriptor = mine
            if process == os.getpid():
                _remove(path)
            os.close(descriptor)
            if process == os.getpid():
                _remove(path)  # Windows keeps files that are open

    def _made(self) -> tuple[int, Path, int]:
        self._directory.mkdir(parents=True, exist_ok=True)
        for _ in range(_TRIES):
            path = self._directory / secrets.token_hex(16)
            with ExitStack() as undo:
                descriptor = os.open(path, _OPEN | os.O_CREAT | os.O_EXCL, 0o666)
                undo.callback(_remove, path)
                undo.callback(os.close, descriptor)
                # A sweep that came before the lock takes us for dead: then another name.
                with suppress(*_HELD, FileNotFoundError):
                    _lock(descriptor)
                    if os.path.samestat(os.fstat(descriptor), path.lstat()):
                        undo.pop_all()
                        return os.getpid(), path, descriptor
        raise BlockingIOError(f"swept {_TRIES} times: {self._directory}")


def _lock(descriptor: int) -> None:
    """Lock a file for as long as it is open; never waits.

    Raises:
        OSError: Somebody else has it locked, or there are no locks here.
    """
    if sys.platform == "win32":
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
