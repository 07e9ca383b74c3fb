"""Entries of the shared cache: read, verified, and written once. May hang as long as a network."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mkdocs_comfy.errors import CacheError, SharedCacheError
from mkdocs_comfy.images import blobs
from mkdocs_comfy.images.remote import Remote
from mkdocs_comfy.images.shared import (
    LONGEST_RECORD,
    MARKER,
    MARKER_TEXT,
    PROBE,
    image_name,
    read_record,
    record_name,
    verify_bytes,
)

if TYPE_CHECKING:
    from mkdocs_comfy.images.sidecar import Sidecar
    from mkdocs_comfy.settings import RemoteSettings
    from mkdocs_comfy.workflows.key import CacheKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An image of the shared cache whose bytes are those that its record names.

    Attributes:
        sidecar: The record.
        data: The image; nobody has decoded it yet.
    """

    sidecar: Sidecar
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """An image of the private cache that is to be shared.

    Attributes:
        sidecar: The record that is written of it.
        path: Its file.
        missing: True where the shared cache was asked for it and had none.
    """

    sidecar: Sidecar
    path: str
    missing: bool


class Depot:
    """The shared cache, until something about it fails: then it is not asked again.

    Reading and writing fail apart: who may not read what is not there yet may well write it.
    Threads may share it.

    Args:
        settings: Where it is.
        max_bytes: Bytes of one image.

    Attributes:
        display: Its URL for people.
    """

    def __init__(self, settings: RemoteSettings, *, max_bytes: int) -> None:
        self._remote = Remote(settings.url, settings.options)
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._marked: bool | None = None
        self._unreadable: SharedCacheError | None = None
        self._unwritable: SharedCacheError | None = None
        self.display = self._remote.display

    def fetch(self, key: CacheKey) -> Found | None:
        """Return the image of ``key``, or ``None`` where there is none.

        Raises:
            SharedCacheError: The shared cache cannot be read.
            UnsoundError: What it has is not what it should be.
        """
        self.look()
        try:
            data = self._read(record_name(key), LONGEST_RECORD)
            if data is None:
                return None
            sidecar = read_record(data, key)
            image = self._read(image_name(sidecar.sha256), self._max_bytes)
        except SharedCacheError as error:
            self._unreadable = self._unreadable or error
            raise
        if image is None:
            return None  # a lifecycle rule took it first
        verify_bytes(image, sidecar, max_bytes=self._max_bytes)
        return Found(sidecar=sidecar, data=image)

    def give(self, offer: Offer) -> bool:
        """Write an image, unless there is one under its key.

        Returns:
            False where there is one, or ours is gone.

        Raises:
            SharedCacheError: The shared cache cannot be written.
        """
        self._mark()
        sidecar = offer.sidecar
        try:
            data = blobs.read(offer.path)
        except CacheError:
            return False
        if hashlib.sha256(data).hexdigest() != sidecar.sha256:
            return False  # rendered anew meanwhile
        record = record_name(sidecar.key)
        try:
            if not offer.missing and self._read(record, LONGEST_RECORD) is not None:
                return False
            self._remote.create(image_name(sidecar.sha256), data)
            return self._remote.create(record, sidecar.text().encode())
        except SharedCacheError as error:
            self._unwritable = self._unwritable or error
            raise

    def probe(self) -> None:
        """Write a file of no meaning over itself, and see that it can be read.

        Raises:
            SharedCacheError: One of the two cannot be done.
        """
        self._remote.replace(PROBE, MARKER_TEXT)
        if self._remote.read(PROBE, limit=len(MARKER_TEXT)) != MARKER_TEXT:
            raise self._remote.error("what was written to it does not come back")

    def look(self) -> None:
        """See who we are to this store, once, before many threads ask it at a time.

        Raises:
            SharedCacheError: It cannot be read.
        """
        with self._lock:
            if self._unreadable is not None:
                raise self._unreadable
            if self._marked is None:
                try:
                    self._marked = self._remote.read(MARKER, limit=len(MARKER_TEXT)) is not None
                except SharedCacheError as error:
                    self._unreadable = error
                    raise

    def _mark(self) -> None:
        with self._lock:
            if self._unwritable is not None:
                raise self._unwritable
            if not self._marked:
                try:
                    self._remote.create(MARKER, MARKER_TEXT)
                except SharedCacheError as error:
                    self._unwritable = error
                    raise
                self._marked = True

    def _read(self, name: str, limit: int) -> bytes | None:
        try:
            return self._remote.read(name, limit=limit)
        except SharedCacheError as error:
            # S3 denies what is not there, to whom it does not list what is.
            if error.denied and self._marked:
                return None
            raise
