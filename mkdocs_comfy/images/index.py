"""The cache's index: text keys to JSON values, shared by threads and processes.

The border to diskcache and SQLite: no exception of theirs leaves this module. The index is
disposable. Where it cannot be used, reading finds nothing, writing is not done and a finding
says why; the cache's files are complete without it.
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
import time
from typing import TYPE_CHECKING, Final

import diskcache

from mkdocs_comfy.images.database import (
    NAME,
    DamagedError,
    Database,
    ReadOnlyDatabase,
    damage_named,
    is_busy,
    is_damage,
    verify,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from mkdocs_comfy.images.records import JSON

_BORDER: Final = (sqlite3.Error, diskcache.Timeout)


class Index:
    """Nothing is opened before it is needed, and reading never creates anything.

    Args:
        directory: Folder of the index alone.
        report: Takes one line for each thing found wrong.
        patience: Seconds to wait for other processes' writes.
    """

    def __init__(self, directory: Path, *, report: Callable[[str], None], patience: float) -> None:
        self._directory = directory
        self._database = directory / NAME
        self._report = report
        self._patience = patience
        self._lock = threading.RLock()
        self._thread = threading.get_ident()
        self._store: Database | ReadOnlyDatabase | None = None
        self._identity: tuple[int, int] | None = None
        self._given_up = False

    def get(self, key: str) -> JSON:
        """The value of ``key``, or ``None``.

        Raises:
            ForeignRowError: There is a row, and it is not one of ours.
        """
        store = self._store or self._opened(create=False)
        if store is None:
            return None
        try:
            value: JSON = store.get(key)
        except _BORDER as error:
            self._trouble(store, error)
            return None
        finally:
            self._leave(store)
        return value

    def put(self, key: str, value: JSON, *, first: Callable[[], None] | None = None) -> bool:
        """Run ``first``, then set the value of ``key``; other writers are kept out meanwhile.

        ``first`` runs once, whatever becomes of the index. What it raises is passed on, and
        nothing is set.

        Returns:
            False where the index could not be written.
        """
        steps = [first] if first else []
        for _ in range(2):  # a damaged index is replaced on the way
            store = self._opened(create=True)
            if not isinstance(store, Database):
                break
            try:
                with store.transact():
                    while steps:
                        steps.pop()()
                    store.set(key, value)
            except _BORDER as error:
                if not self._trouble(store, error):
                    break
            else:
                return True
            finally:
                self._leave(store)
        for step in steps:
            step()
        return False

    def revise(
        self, key: str, change: Callable[[JSON], JSON], *, expire: float | None = None
    ) -> JSON:
        """Replace the value of ``key`` by what ``change`` makes of it; writers are kept out.

        ``change`` gets ``None`` where there is no value, and may run more than once. ``None`` for
        an answer leaves the value as it is.

        Args:
            key: Whose value.
            change: Makes the new value of the old one.
            expire: Seconds after which a new value counts for nothing; ``None``: never.

        Returns:
            The last answer, whether it could be written or not.

        Raises:
            ForeignRowError: There is a row, and it is not one of ours.
        """
        store = self._opened(create=True)
        if isinstance(store, Database):
            try:
                with store.transact():
                    before = store.get(key)
                    after = change(before)
                    if after is not None and after != before:
                        store.set(key, after, expire=expire)
            except _BORDER as error:
                self._trouble(store, error)
            else:
                return after
            finally:
                self._leave(store)
        return change(self.get(key))

    def delete(self, keys: Iterable[str]) -> None:
        """Forget values; what cannot be written stays, which costs some room and nothing else."""
        store = self._opened(create=False)
        if not isinstance(store, Database):
            return
        try:
            with store.transact():
                for key in keys:
                    store.delete(key)
        except _BORDER as error:
            self._trouble(store, error)
        finally:
            self._leave(store)

    def tidy(self) -> None:
        """Throw away values that have expired."""
        store = self._opened(create=False)
        if not isinstance(store, Database):
            return
        try:
            store.expire()
        except _BORDER as error:
            self._trouble(store, error)
        finally:
            self._leave(store)

    def close(self) -> None:
        """Close the database; the next use opens it again."""
        with self._lock:
            store, self._store, self._given_up = self._store, None, False
            if store is not None:
                store.close()

    def _opened(self, *, create: bool) -> Database | ReadOnlyDatabase | None:
        with self._lock:
            if create and self._store is not None and self._was_replaced():
                self.close()  # SQLite would go on writing into a file that nobody finds
            wanted = self._store is None and not self._given_up
            if wanted and (create or self._database.exists()):
                self._store = self._open()
            return self._store

    def _open(self) -> Database | ReadOnlyDatabase | None:
        try:
            try:
                return self._connect()
            except DamagedError as error:
                self._move_aside(error)
                return self._connect()
        except (*_BORDER, DamagedError, OSError) as error:
            return self._open_for_reading(error)

    def _connect(self) -> Database:
        self._directory.mkdir(parents=True, exist_ok=True)
        verify(self._database, patience=self._patience)
        with damage_named():
            store = Database(str(self._directory), patience=self._patience)
        self._identity = _identity(self._database)
        return store

    def _open_for_reading(self, problem: Exception) -> ReadOnlyDatabase | None:
        if is_busy(problem):
            self._report(
                f"index {self._database} is locked by another process; "
                "it is only read, and new images are looked up anew next time"
            )
        try:
            store = ReadOnlyDatabase(self._database)
        except (*_BORDER, DamagedError):
            self._given_up = True
            if self._database.exists():
                self._report(
                    f"index {self._database} cannot be used ({problem}); images are used without it"
                )
            return None
        self._identity = _identity(self._database)
        return store

    def _move_aside(self, problem: Exception) -> None:
        aside = f"{self._directory}.damaged-{time.strftime('%Y%m%d')}-{secrets.token_hex(4)}"
        self._directory.rename(aside)
        self._report(
            f"index {self._database} was damaged ({problem}) and is now {aside}; "
            "a new one is made from the images"
        )

    def _trouble(self, store: Database | ReadOnlyDatabase, problem: Exception) -> bool:
        """Whether trying once more may help."""
        with self._lock:
            if self._store is not store:
                return True  # another thread has already seen to it
            moved = self._was_replaced()
            if isinstance(store, ReadOnlyDatabase) or not (moved or is_damage(problem)):
                problem = _cause(problem)
                self._report(f"index {self._database} could not be used just now ({problem})")
                return False
            self.close()
            if not moved:
                try:
                    self._move_aside(problem)
                except OSError as error:
                    self._given_up = True
                    self._report(f"index {self._database} is damaged and stays so ({error})")
            return True

    def _was_replaced(self) -> bool:
        return _identity(self._database) != self._identity

    def _leave(self, store: Database | ReadOnlyDatabase) -> None:
        """Close what diskcache opened for a thread that may end without saying so."""
        if threading.get_ident() != self._thread and isinstance(store, Database):
            store.close()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _cause(problem: Exception) -> Exception:
    said = problem.__context__ if isinstance(problem, diskcache.Timeout) else None
    return said if isinstance(said, Exception) else problem
