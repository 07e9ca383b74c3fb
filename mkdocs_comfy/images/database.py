"""The database under the index: diskcache, kept on a short leash.

A cache directory may have been restored from a shared CI cache, so its database is not trusted.
diskcache unpickles what it finds (CVE-2025-69872), deletes files that rows name, and sets
attributes that its settings table names. None of that is reachable here: values are JSON text,
keys are text, no row names a file, and ``verify`` turns away what diskcache did not make before
diskcache sees it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
import tempfile
import threading
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import diskcache

from mkdocs_comfy.errors import shorten

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mkdocs_comfy.images.records import JSON

NAME: Final = diskcache.core.DBNAME
"""File name of the database within its directory."""

SETTINGS: Final = MappingProxyType(
    {
        **diskcache.DEFAULT_SETTINGS,
        "cull_limit": 0,
        "eviction_policy": "none",
        "size_limit": 2**62,
        "statistics": 0,
        "tag_index": 0,
        "sqlite_mmap_size": 0,  # a mapped file that somebody truncates ends the process (SIGBUS)
    }
)
"""Nothing is ever thrown out behind our back: the default forgets beyond 1 GiB."""

_STATEMENTS: Final = frozenset(
    {
        "b1e287d8264b4cfb",  # Cache
        "4a273a1da0f568b2",  # Cache_expire_time
        "4f0a5302019317d0",  # Cache_key_raw
        "7dc3acaeb6bbc0a0",  # Settings
        "2eb9bf040815f4bc",  # Settings_count_delete
        "0d6ef5b954e42033",  # Settings_count_insert
        "613ef63fc328c3a9",  # Settings_size_delete
        "404b74ec6db5c3f1",  # Settings_size_insert
        "18eb18f5d803b490",  # Settings_size_update
    }
)
"""Digests of the statements in the schema of diskcache 5.6.3."""


class ForeignRowError(ValueError):
    """A row is not JSON text under a text key, so it is none that we wrote."""


class DamagedError(Exception):
    """The file is no database, is damaged, or is not laid out as diskcache lays it out."""


class JsonDisk(diskcache.Disk):  # type: ignore[misc]  # diskcache has no types
    """Rows of JSON text under text keys; never a pickle, never a file."""

    def put(self, key: object) -> tuple[str, bool]:
        """The database's form of a key.

        Raises:
            TypeError: The key is no text.
        """
        if type(key) is not str:
            raise TypeError(f"keys are text, not {type(key).__name__}")
        return key, True

    def get(self, key: object, raw: object) -> str:
        """The key in a row, as iteration wants it.

        Raises:
            ForeignRowError: The key is no text, a pickle for example.
        """
        if raw != 1 or type(key) is not str:
            raise ForeignRowError("its key is no text")
        return key

    def store(
        self,
        value: JSON,
        read: object,
        key: object = None,  # noqa: ARG002  # diskcache's signature
    ) -> tuple[int, int, None, str]:
        """The database's form of a value.

        Raises:
            TypeError: The value is not JSON.
        """
        if read:
            raise TypeError("values are JSON, not files")
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return 0, diskcache.core.MODE_RAW, None, text

    def fetch(self, mode: object, filename: object, value: object, read: object) -> JSON:
        """The value in a row.

        Raises:
            ForeignRowError: The value is anything but JSON text in the row itself.
        """
        if mode != diskcache.core.MODE_RAW or filename is not None or read:
            raise ForeignRowError(f"its value is of mode {mode!r}, not JSON text")
        if type(value) is not str:
            raise ForeignRowError(f"its value is {type(value).__name__}, not JSON text")
        try:
            parsed: JSON = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise ForeignRowError(f"its value is not JSON text ({type(error).__name__})") from error
        return parsed

    def filename(self, key: object = None, value: object = None) -> tuple[str, str]:  # noqa: ARG002  # diskcache's signature
        """Refused: no value is kept in a file.

        Raises:
            TypeError: Always.
        """
        raise TypeError("values are rows, not files")

    def remove(self, file_path: str) -> None:
        """Nothing: the name comes from a row, and no file of ours is named by a row."""


class Database(diskcache.Cache):  # type: ignore[misc]  # diskcache has no types
    """A diskcache in ``directory``, for reading and writing.

    Args:
        directory: An existing directory. Taken literally, where diskcache itself would replace
            ``$NAME`` and ``~`` in it.
        patience: Seconds to wait for other processes' writes.
    """

    def __init__(self, directory: str, *, patience: float) -> None:
        self._literal = directory
        with contextlib.ExitStack() as undo:
            undo.callback(self.close)
            super().__init__(os.sep, timeout=patience, disk=JsonDisk, **SETTINGS)
            undo.pop_all()

    @property
    def _directory(self) -> str:
        return self._literal

    @_directory.setter
    def _directory(self, expanded: str) -> None:
        """What diskcache makes of the path is not wanted."""


class ReadOnlyDatabase:
    """The same rows where nothing can be written: a read-only disk, somebody else's directory.

    Args:
        database: Path of the database file.

    Raises:
        sqlite3.Error: It cannot be read.
        DamagedError: It is not one of ours.
    """

    def __init__(self, database: Path) -> None:
        self._lock = threading.Lock()
        self._disk = JsonDisk(str(database.parent))
        address = database.absolute().as_uri()
        try:
            self._connection = _connection_for_reading(f"{address}?mode=ro")
        except sqlite3.OperationalError:
            # The write-ahead log wants files of its own next to the database. Without them the
            # database can be read as long as nobody changes it.
            self._connection = _connection_for_reading(f"{address}?immutable=1")

    def get(self, key: str) -> JSON:
        """The value of ``key``, or ``None``.

        Raises:
            ForeignRowError: There is a row, and it is not one of ours.
        """
        with self._lock:
            row = self._connection.execute(
                "SELECT mode, filename, value FROM Cache WHERE key = ? AND raw = 1", (key,)
            ).fetchone()
        if row is None:
            return None
        mode, filename, value = row
        return self._disk.fetch(mode, filename, value, read=False)

    def close(self) -> None:
        """Close the database; it cannot be used after that."""
        self._connection.close()


def verify(database: Path, *, patience: float) -> None:
    """Make sure that diskcache may open this file, or make it.

    Args:
        database: Path of the database file, in an existing directory.
        patience: Seconds to wait for a lock.

    Raises:
        DamagedError: It is damaged or none of ours.
        sqlite3.OperationalError: It is locked or cannot be written.
    """
    connection = sqlite3.connect(database, timeout=patience, isolation_level=None)
    with contextlib.closing(connection), damage_named():
        connection.execute("BEGIN IMMEDIATE")
        _verify_layout(connection)
        connection.execute("ROLLBACK")


@contextlib.contextmanager
def damage_named() -> Iterator[None]:
    """Turn what SQLite says of a broken file into ``DamagedError``; the rest passes."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if is_damage(error):
            raise DamagedError(str(error)) from error
        raise


def is_damage(error: BaseException | None) -> bool:
    """Whether SQLite says that the file itself is broken, or holds what diskcache never writes."""
    broken = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CONSTRAINT}
    return _code(error) in broken


def is_busy(error: BaseException | None) -> bool:
    """Whether another process would not let go of the file."""
    return _code(error) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def _code(error: BaseException | None) -> int | None:
    if isinstance(error, diskcache.Timeout):  # raised in the place of whatever SQLite said
        error = error.__context__
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF  # the rest is detail


def _connection_for_reading(address: str) -> sqlite3.Connection:
    with contextlib.ExitStack() as undo:
        connection = sqlite3.connect(address, uri=True, check_same_thread=False)
        undo.callback(connection.close)
        with damage_named():
            _verify_layout(connection)
        undo.pop_all()
    return connection


def _verify_layout(connection: sqlite3.Connection) -> None:
    """A part of diskcache's layout is fine: another process may be making the rest just now."""
    rows = connection.execute("SELECT name, sql FROM sqlite_master").fetchall()
    statements = {_digest(sql): str(name) for name, sql in rows if sql is not None}
    unknown = statements.keys() - _STATEMENTS
    if unknown and not unknown <= _statements_made_here():
        names = ", ".join(sorted(statements[each] for each in unknown))
        raise DamagedError(f"its schema is not ours: {shorten(names)}")
    if "Settings" in statements.values():
        for key, value in connection.execute("SELECT key, value FROM Settings"):
            known = key in SETTINGS or key in diskcache.core.METADATA
            plain = isinstance(value, int) or str(value).replace("-", "").isalpha()
            if not (known and plain):
                raise DamagedError(f"its settings are not ours: {shorten(repr(key))}")


def _statements_made_here() -> set[str]:
    """What the installed diskcache and SQLite write, in case they differ from what we know."""
    with tempfile.TemporaryDirectory() as directory:
        store = Database(directory, patience=1.0)
        with contextlib.closing(store):
            connection = sqlite3.connect(Path(directory, NAME))
            with contextlib.closing(connection):
                rows = connection.execute("SELECT sql FROM sqlite_master").fetchall()
    return {_digest(sql) for (sql,) in rows if sql is not None}


def _digest(sql: object) -> str:
    return hashlib.sha256(str(sql).encode()).hexdigest()[:16]
