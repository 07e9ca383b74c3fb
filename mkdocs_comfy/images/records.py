"""What is known of an image: the values that the cache keeps beside the bytes.

Imports nothing heavy: a warm build reads records and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mkdocs_comfy.images.variants import VariantKey
    from mkdocs_comfy.workflows.key import CacheKey

JSON: TypeAlias = "str | int | float | bool | Sequence[JSON] | Mapping[str, JSON] | None"
"""A value as JSON knows it."""

EXTENSIONS: Final = {"png": "png", "jpeg": "jpg", "webp": "webp", "avif": "avif"}
"""File extension, without the dot, of each image format that a server may deliver."""

SUFFIXES: Final = frozenset(EXTENSIONS.values())
"""The extensions alone."""


class RecordError(ValueError):
    """A row of the index has not the shape of a record, or names a file of another key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageInfo:
    """What a full decode says of an image.

    Attributes:
        format: ``"png"``, ``"jpeg"``, ``"webp"`` or ``"avif"``.
        extension: Extension of a file of that format, without the dot.
        width: Pixels, at least 64.
        height: Pixels, at least 64.
        pixels: Digest of the decoded pixels, 64 hex digits (see ``inspect.pixel_digest``).
    """

    format: str
    extension: str
    width: int
    height: int
    pixels: str

    def row(self) -> dict[str, JSON]:
        """The part of a record that it decides."""
        return {
            "format": self.format,
            "width": self.width,
            "height": self.height,
            "pixels": self.pixels,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobRecord:
    """A file of the cache and how to tell that it is whole.

    Attributes:
        file: Name of the file within its folder.
        bytes: Its length.
        sha256: Digest of its bytes, 64 hex digits.
        mtime_ns: Its modification time when it was last verified, nanoseconds since the epoch.
        width: Pixels of the image in it.
        height: Pixels of the image in it.
    """

    file: str
    bytes: int
    sha256: str
    mtime_ns: int
    width: int
    height: int

    def row(self) -> dict[str, JSON]:
        """The row of the index that ``of_row`` of its class reads back."""
        return {
            "file": self.file,
            "bytes": self.bytes,
            "sha256": self.sha256,
            "mtime_ns": self.mtime_ns,
            "width": self.width,
            "height": self.height,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantRecord(BlobRecord):
    """The record of an encoded image, ready for the site."""

    @classmethod
    def of_row(cls, key: str, row: object) -> Self:
        """Read the row of ``key``.

        Raises:
            RecordError: The row is no record of a variant.
        """
        match row:
            case {
                "file": str(file),
                "bytes": int(size),
                "sha256": str(sha256),
                "mtime_ns": int(mtime_ns),
                "width": int(width),
                "height": int(height),
            } if _is_file_of(key, file):
                return cls(
                    file=file,
                    bytes=size,
                    sha256=sha256,
                    mtime_ns=mtime_ns,
                    width=width,
                    height=height,
                )
        raise RecordError("not the record of a variant")


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginalRecord(BlobRecord):
    """The record of an image as the server delivered it.

    Attributes:
        format: Format of the file, a key of ``EXTENSIONS``.
        pixels: Digest of the decoded pixels; names the variants made from them.
        made: How the image was made, where an early version wrote it here; since then it is a
            row of its own (``Memory.made``), which a warm build does not read.
    """

    format: str
    pixels: str
    made: Mapping[str, JSON] = field(default_factory=dict)

    @classmethod
    def of_row(cls, key: str, row: object) -> Self:
        """Read the row of ``key``.

        Raises:
            RecordError: The row is no record of an original.
        """
        match row:
            case {
                "file": str(file),
                "bytes": int(size),
                "sha256": str(sha256),
                "mtime_ns": int(mtime_ns),
                "width": int(width),
                "height": int(height),
                "format": str(kind),
                "pixels": str(pixels),
                "made": dict(made),
            } if kind in EXTENSIONS and _is_file_of(key, file):
                return cls(
                    file=file,
                    bytes=size,
                    sha256=sha256,
                    mtime_ns=mtime_ns,
                    width=width,
                    height=height,
                    format=kind,
                    pixels=pixels,
                    made=made,
                )
        raise RecordError("not the record of an original")

    def row(self) -> dict[str, JSON]:
        """The row that ``of_row`` reads back."""
        return {
            **BlobRecord.row(self),
            "format": self.format,
            "pixels": self.pixels,
            "made": self.made,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """An image of the cache as the server delivered it.

    Attributes:
        key: What it is the image of.
        path: Its file.
        record: What is known of it.
    """

    key: CacheKey
    path: str
    record: OriginalRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """An encoded image of the cache, ready to be copied into a site.

    Attributes:
        key: Its name in the site, without extension.
        path: Its file.
        record: What is known of it.
    """

    key: VariantKey
    path: str
    record: VariantRecord


def _is_file_of(key: str, file: str) -> bool:
    """A row decides no path: the file is named by its key, or the row is of no use."""
    stem, _, suffix = file.rpartition(".")
    return stem == key and suffix in SUFFIXES
