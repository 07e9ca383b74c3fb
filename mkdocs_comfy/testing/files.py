"""The server's files: where a prefix puts a picture, and which file a request may read.

The rules are those of ComfyUI 0.3.64's SaveImage and ``/view``.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import time

FOLDERS = ("output", "temp", "input")


class OutsideError(Exception):
    """A name that leads out of the folder it must stay in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """A picture on the server's disk, as outputs name it.

    Attributes:
        filename: Name without folder.
        subfolder: Folder below that of ``type``, with ``/``; ``""`` for none.
        type: ``"output"`` or ``"temp"``.
    """

    filename: str
    subfolder: str
    type: str

    def as_json(self) -> dict[str, str]:
        """Return the entry of an ``images`` list."""
        return {"filename": self.filename, "subfolder": self.subfolder, "type": self.type}


def expand_prefix(prefix: str, size: tuple[int, int], now: time.struct_time) -> str:
    """Replace the names that the server knows; ``%date:…%`` and the like are the editor's."""
    if "%" not in prefix:
        return prefix
    values = {
        "width": str(size[0]),
        "height": str(size[1]),
        "year": str(now.tm_year),
        "month": f"{now.tm_mon:02}",
        "day": f"{now.tm_mday:02}",
        "hour": f"{now.tm_hour:02}",
        "minute": f"{now.tm_min:02}",
        "second": f"{now.tm_sec:02}",
    }
    for name, value in values.items():
        prefix = prefix.replace(f"%{name}%", value)
    return prefix


def next_number(names: list[str], stem: str) -> int:
    """Return the number after the highest of the files ``<stem>_<number>_…`` in ``names``."""
    start = f"{stem}_"
    numbers = [name[len(start) :].split("_")[0] for name in names if name.startswith(start)]
    return max((int(number) if number.isdecimal() else 0 for number in numbers), default=0) + 1


def free_name(folder: str, name: str, data: bytes) -> str:
    """Return ``name``, or the next name with a number that is free or holds the same bytes."""
    stem, ending = os.path.splitext(name)  # noqa: PTH122  # as a real server
    number, free = 1, name
    while os.path.exists(path := os.path.join(folder, free)):  # noqa: PTH110, PTH118  # as above
        with open(path, "rb") as file:  # noqa: PTH123  # as above
            if file.read() == data:
                break
        free = f"{stem} ({number}){ending}"
        number += 1
    return free


class Disk:
    """The folders ``output``, ``temp`` and ``input`` below one directory."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in FOLDERS:
            (root / folder).mkdir(parents=True, exist_ok=True)

    def save(self, folder: str, prefix: str, pictures: list[bytes]) -> list[Saved]:
        """Write a batch of pictures under one expanded prefix, numbered on from what is there.

        Raises:
            OutsideError: The prefix leads out of the folder.
            OSError: The file system does not take the name or the bytes.
            ValueError: The name has a null character.
        """
        top = str(self.root / folder)
        normal = os.path.normpath(prefix)
        subfolder, stem = os.path.split(normal)
        target = os.path.abspath(os.path.join(top, subfolder))  # noqa: PTH100, PTH118  # resolves no links
        if os.path.commonpath((top, target)) != top:
            raise OutsideError(f"Saving image outside the output folder is not allowed: {prefix}")
        os.makedirs(target, exist_ok=True)  # noqa: PTH103  # as above
        number = next_number(os.listdir(target), stem.replace("%batch_num%", "0"))  # noqa: PTH208  # as above
        saved = []
        for index, picture in enumerate(pictures):
            name = f"{stem.replace('%batch_num%', str(index))}_{number + index:05}_.png"
            with open(os.path.join(target, name), "wb") as file:  # noqa: PTH118, PTH123  # as above
                file.write(picture)
            saved.append(
                Saved(filename=name, subfolder=subfolder.replace(os.sep, "/"), type=folder)
            )
        return saved

    def take(self, filename: str, data: bytes, *, subfolder: str, overwrite: bool) -> str | None:
        """Store an image that was uploaded; return its name, or ``None`` for one outside."""
        top = str(self.root / "input")
        folder = os.path.abspath(os.path.join(top, os.path.normpath(subfolder)))  # noqa: PTH100, PTH118  # resolves no links
        path = os.path.abspath(os.path.join(folder, filename))  # noqa: PTH100, PTH118  # as above
        if not filename or os.path.commonpath((top, path)) != top:
            return None
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103  # as above
        name = filename if overwrite else free_name(folder, filename, data)
        Path(folder, name).write_bytes(data)
        return name

    def has_input(self, name: str) -> bool:
        """Whether a graph that names this input file can run; ``x.png [input]`` names it too."""
        subfolder = os.path.dirname(name)  # noqa: PTH120  # names are no paths of ours
        return isinstance(self.find(name, subfolder=subfolder, folder="input"), Path)

    def find(self, filename: str, *, subfolder: str | None, folder: str) -> Path | int:
        """Return the file that ``/view`` is asked for, or the status of the refusal.

        400: a name that is empty, starts with ``/`` or has ``..``, or an unknown folder; 403: a
        subfolder outside; 404: no such file.
        """
        for known in FOLDERS:
            if filename.endswith(f"[{known}]"):
                filename, folder = filename[: -len(known) - 3], known
        if not filename or filename[0] == "/" or ".." in filename or folder not in FOLDERS:
            return 400
        top = str(self.root / folder)
        place = os.path.abspath(os.path.join(top, subfolder or ""))  # noqa: PTH100, PTH118  # resolves no links
        if os.path.commonpath((place, top)) != top:
            return 403
        file = self.root / folder / place / os.path.basename(filename)  # noqa: PTH119  # as a real server
        return file if "\0" not in str(file) and file.is_file() else 404

    def empty(self, *folders: str) -> None:
        """Remove every file of these folders."""
        for folder in folders:
            shutil.rmtree(self.root / folder, ignore_errors=True)
            (self.root / folder).mkdir(parents=True, exist_ok=True)
