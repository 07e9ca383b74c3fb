"""Painting, off the loop, each picture once."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from mkdocs_comfy.testing.png import plain_png

if TYPE_CHECKING:
    from mkdocs_comfy.testing.knobs import Knobs
    from mkdocs_comfy.testing.tracing import Picture

# Pictures that are remembered; a megabyte each where the real painter made them.
REMEMBERED = 64


class Gallery:
    """Paints what graphs ask for, with the painter that is set."""

    def __init__(self, knobs: Knobs) -> None:
        self._knobs = knobs
        self._painted: dict[tuple[object, ...], bytes] = {}
        self._studio = ThreadPoolExecutor(max_workers=1, thread_name_prefix="comfyui-painter")

    def begin(self, picture: Picture) -> asyncio.Future[list[bytes]]:
        """Start to paint a batch; the pictures of a batch differ as their noise would."""
        loop = asyncio.get_running_loop()
        return loop.run_in_executor(self._studio, self._batch, picture)

    def close(self) -> None:
        """Take no more work; what is being painted is thrown away when it is done."""
        self._studio.shutdown(wait=False, cancel_futures=True)

    def _batch(self, picture: Picture) -> list[bytes]:
        return [self._one(picture, index) for index in range(picture.count)]

    def _one(self, picture: Picture, index: int) -> bytes:
        painter = self._knobs.painter
        wanted = (painter, picture, index)
        if wanted not in self._painted:
            if picture.colour is not None:
                red, green, blue = picture.colour.to_bytes(3, "big")
                painted = plain_png(picture.size, (red, green, blue))
            else:
                painted = painter(
                    picture.prompt,
                    picture.seed + index,
                    picture.size,
                    negative=picture.negative,
                    steps=picture.steps,
                )
            while len(self._painted) >= REMEMBERED:
                del self._painted[next(iter(self._painted))]
            self._painted[wanted] = painted
        return self._painted[wanted]
