"""What lies where in a shared cache, and what is believed of it: nothing that is not verified.

::

    mkdocs-comfy.json         says that this is a shared cache; written before anything else
    v1/records/<key>.json     whose image it is, and how to tell that it is whole: a sidecar
    v1/images/<sha256>        the image as the server delivered it, named by the digest of its bytes

Both names come from digests, never from what a record says. An image is written before the record
that speaks of it, and nothing is ever written twice: where two machines rendered the same key, the
first record counts, and the other's image is one that nobody asks for. Imports nothing heavy.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from mkdocs_comfy.images.sidecar import KEY, Sidecar, UnsoundError, read_sidecar, stem_of

if TYPE_CHECKING:
    from mkdocs_comfy.images.making import Making
    from mkdocs_comfy.images.records import ImageInfo, OriginalRecord
    from mkdocs_comfy.workflows.key import CacheKey

MARKER: Final = "mkdocs-comfy.json"
"""Name of the file that says that there is a shared cache.

Where a store denies to name what it does not have, as S3 does without ``s3:ListBucket``, it tells
one who may read from one who may not.
"""

MARKER_TEXT: Final = b'{"format": 1}\n'
"""What is in it."""

PROBE: Final = "v1/probe"
"""Name of the one file that is written over: ``doctor`` tries with it whether it can be."""

LONGEST_RECORD: Final = 2**23
"""Bytes of one record; a workflow of 20,000 nodes has some 4 MB."""

UPGRADE: Final = "pip install --upgrade mkdocs-comfy"
"""Way out where a later version wrote an entry."""


def shareable(key: CacheKey) -> bool:
    """Whether the image of ``key`` may be shared: that of a stand-in may not."""
    return KEY.fullmatch(key) is not None


def record_name(key: CacheKey) -> str:
    """Return the name of a key's record, with ``/``."""
    return f"v1/records/{key}.json"


def image_name(sha256: str) -> str:
    """Return the name of an image, with ``/``."""
    return f"v1/images/{sha256}"


def record_of(key: CacheKey, record: OriginalRecord, made: Making) -> Sidecar:
    """Return what is written of an image; the pages that show it are nobody else's business."""
    return Sidecar(
        key=key,
        pages=(),
        sha256=record.sha256,
        pixels=record.pixels,
        width=record.width,
        height=record.height,
        record=made.row(),
    )


def read_record(data: bytes, key: CacheKey) -> Sidecar:
    """Read the record of ``key``.

    Raises:
        UnsoundError: It is no record, that of another key, or one of a newer format.
    """
    name = record_name(key)
    if len(data) > LONGEST_RECORD:
        raise UnsoundError(name, "is longer than any record")
    try:
        sidecar = read_sidecar(data, file=f"{stem_of(key)}.json")
    except UnsoundError as error:
        raise UnsoundError(name, error.problem, fault=error.fault) from error
    if sidecar.key != key:
        raise UnsoundError(name, "is the record of another key")
    return sidecar


def verify_bytes(data: bytes, sidecar: Sidecar, *, max_bytes: int) -> None:
    """Make sure that an image is the one that its record was written for.

    Raises:
        UnsoundError: It is not, or it is larger than ``max_bytes``.
    """
    name = image_name(sidecar.sha256)
    if len(data) > max_bytes:
        raise UnsoundError(name, "is larger than `max_bytes:` allows")
    if hashlib.sha256(data).hexdigest() != sidecar.sha256:
        raise UnsoundError(name, "is not what its name says: truncated, or another file")


def verify_pixels(info: ImageInfo, sidecar: Sidecar) -> None:
    """Make sure that an image has the pixels that its record says.

    Raises:
        UnsoundError: It has not.
    """
    found = info.pixels, info.width, info.height
    if found != (sidecar.pixels, sidecar.width, sidecar.height):
        raise UnsoundError(record_name(sidecar.key), "speaks of other pixels than its image has")
