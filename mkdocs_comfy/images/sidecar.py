"""The text that lies beside a frozen image: what it is of, how to tell that it is whole.

Committed and merged by git, so it is the same whoever writes it, and nothing that it says is
trusted: it names no file, and where it is not exactly what we write it counts for nothing.
Imports nothing heavy.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from mkdocs_comfy.errors import brief
from mkdocs_comfy.images.making import FIELDS, Making
from mkdocs_comfy.images.variants import LONGEST_SIDE
from mkdocs_comfy.workflows.key import CacheKey

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FORMAT: Final = 1
"""Number of the format. A newer one is left alone, and its image counts as not there."""

KEY: Final = re.compile(r"k1-[0-9a-f]{64}")
"""Keys that can be frozen: those of stand-ins cannot."""

LFS_POINTER: Final = b"version https://git-lfs"
"""How the text begins that Git LFS leaves in the place of a file that was not pulled."""

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_DIGITS: Final = 16

Fault: TypeAlias = Literal["corrupt", "lfs_pointer", "newer"]


class UnsoundError(Exception):
    """A file of the frozen directory that cannot be used; a finding for whoever mends it.

    Attributes:
        fault: ``lfs_pointer``: Git LFS has it; ``newer``: a later version of us wrote it;
            ``corrupt``: anything else.
        file: Name of the file.
        problem: What is wrong with it, to be read after the name.
    """

    def __init__(self, file: str, problem: str, *, fault: Fault = "corrupt") -> None:
        super().__init__(f"{file} {problem}")
        self.file, self.problem, self.fault = file, problem, fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Sidecar:
    """What a sidecar says.

    Attributes:
        key: Whose image it is.
        pages: Pages that showed it when it was frozen, sorted; read only to find the former
            image of a page.
        sha256: Digest of the image file, 64 hex digits.
        pixels: Digest of its pixels (see ``inspect.pixel_digest``).
        width: Its pixels across.
        height: Its pixels down.
        record: How it was made, see ``Making.row``.
    """

    key: CacheKey
    pages: tuple[str, ...]
    sha256: str
    pixels: str
    width: int
    height: int
    record: Mapping[str, Any]

    @property
    def made(self) -> Making | None:
        """How the image was made; ``None`` where the sidecar does not say it right."""
        return Making.of_row(self.record)

    def text(self) -> str:
        """Return the sidecar as it is written: the same for the same values."""
        document = {
            **{name: self.record[name] for name in FIELDS},
            "format": FORMAT,
            "key": self.key,
            "pages": sorted(self.pages),
            "sha256": self.sha256,
            "pixels": self.pixels,
            "width": self.width,
            "height": self.height,
        }
        return json.dumps(document, ensure_ascii=False, sort_keys=True, indent=2) + "\n"


def stem_of(key: CacheKey) -> str:
    """Return the name of a key's two files, without extension: its first 16 hex digits."""
    return key[3 : 3 + _DIGITS]


def read_sidecar(data: bytes, *, file: str) -> Sidecar:
    """Read a sidecar.

    Args:
        data: Content of the file. Line ends do not matter.
        file: Its name, ``<16 hex digits>.json``.

    Raises:
        UnsoundError: It is no sidecar, that of another key, or one of a newer format.
    """
    if data.startswith(LFS_POINTER):
        raise UnsoundError(file, "is a Git LFS pointer", fault="lfs_pointer")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        if next(_sides(data), None) is not None:
            raise UnsoundError(file, "holds the marks of a git merge conflict") from error
        raise UnsoundError(file, "is no JSON") from error
    return _sidecar(document, file)


def settle_conflict(data: bytes, *, file: str, sha256: str) -> Sidecar | None:
    """Return the side of a git merge conflict that belongs to an image, or ``None``.

    Args:
        data: Content of a sidecar.
        file: Its name.
        sha256: Digest of the image beside it, of which git keeps one side.
    """
    for side in _sides(data):
        try:
            sidecar = _sidecar(json.loads(side), file)
        except (ValueError, RecursionError, UnsoundError):
            continue
        if sidecar.sha256 == sha256:
            return sidecar
    return None


def _sidecar(document: object, file: str) -> Sidecar:
    match document:
        case {"format": int(number)} if number > FORMAT:
            problem = f"is of format {number}, and this version knows {FORMAT}"
            raise UnsoundError(file, problem, fault="newer")
        case {
            "format": 1,
            "key": str(key),
            "pages": [*pages],
            "sha256": str(sha256),
            "pixels": str(pixels),
            "width": int(width),
            "height": int(height),
            **more,
        } if (
            KEY.fullmatch(key)
            and _DIGEST.fullmatch(sha256)
            and _DIGEST.fullmatch(pixels)
            and min(width, height) > 0
            and max(width, height) <= LONGEST_SIDE
        ):
            record: dict[str, Any] = {str(name): value for name, value in more.items()}
            sidecar = Sidecar(
                key=CacheKey(key),
                pages=tuple(map(str, pages)),
                sha256=sha256,
                pixels=pixels,
                width=width,
                height=height,
                record=record,
            )
        case _:
            raise UnsoundError(file, "is not what a sidecar is")
    if stem_of(sidecar.key) != file.partition(".")[0]:
        raise UnsoundError(file, f"is the sidecar of another key, {stem_of(sidecar.key)}…")
    if record.keys() != FIELDS:
        odd = sorted(record.keys() ^ FIELDS)
        raise UnsoundError(file, f"lacks, or should not have, {brief(odd[0])}")
    strayed = next((page for page in sidecar.pages if _leaves(page)), None)
    if strayed is not None:
        raise UnsoundError(file, f"holds a path that is none of a page: {brief(strayed)}")
    return sidecar


def _leaves(page: str) -> bool:
    r"""Whether a path is absolute or leads out of docs_dir, whatever its separators.

    ``\`` may be a separator of Windows, which somebody's tool wrote, or a letter.
    """
    parts = page.replace("\\", "/").split("/")
    return not parts[0] or ".." in parts or parts[0].endswith(":")


def _sides(data: bytes) -> Iterator[bytes]:
    """Both sides of a merge conflict, ours first; nothing where there is no conflict.

    git-merge writes ``<<<<<<<``, ``=======`` and ``>>>>>>>``; ``|||||||`` begins the common
    ancestor where ``merge.conflictStyle`` is ``diff3``.
    """
    lines = data.splitlines(keepends=True)
    if not any(line.startswith(b"<<<<<<<") for line in lines):
        return
    for wanted in (b"<", b"="):
        side, kept = b"<", []
        within = False
        for line in lines:
            mark = line[:7]
            if mark in {b"<" * 7, b"|" * 7, b"=" * 7, b">" * 7}:
                side, within = mark[:1], mark[:1] != b">"
            elif not within or side == wanted:
                kept.append(line)
        yield b"".join(kept)
