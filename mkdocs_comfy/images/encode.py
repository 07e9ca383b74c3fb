"""Pillow, writing: the files that a site delivers."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

from PIL import Image

from mkdocs_comfy.images.decode import decode, in_srgb
from mkdocs_comfy.images.variants import QUALITY, fitted_size

if TYPE_CHECKING:
    from typing import Self

    from mkdocs_comfy.images.decode import Decoded

METHOD: Final = 4
"""Effort of the WebP encoder; 6 takes more than twice the time for 2 to 5 % of the bytes."""


class Source:
    """An original, decoded once and ready to be encoded in any size. Threads may share it.

    Its pixels are in sRGB; profile, EXIF, XMP and text, ComfyUI's workflow among it, are gone.

    Attributes:
        size: Width and height in pixels.
    """

    def __init__(self, image: Image.Image) -> None:
        # A plain image of the pixels alone: some encoders write what stands in ``info``.
        self._image = image.copy()
        self._image.info.clear()
        self.size = image.size

    @classmethod
    def of_bytes(cls, data: bytes, *, max_pixels: int) -> Self:
        """Decode an original.

        Args:
            data: A PNG, JPEG, WebP or AVIF file.
            max_pixels: Width times height that is allowed.

        Raises:
            BadImageError: It is no image, or not a whole one.
            TooLargeError: It has more pixels than ``max_pixels``.
        """
        return cls.of_decoded(decode(data, max_pixels=max_pixels))

    @classmethod
    def of_decoded(cls, decoded: Decoded) -> Self:
        """Take an original that is decoded already."""
        return cls(in_srgb(decoded))

    def webp(
        self, *, width: int | None = None, quality: int = QUALITY, lossless: bool = False
    ) -> bytes:
        """Encode as WebP.

        Args:
            width: Pixels; never more than the original has, see ``variants.fitted_size``.
            quality: 0 to 100.
            lossless: Keep every pixel as it is; then ``quality`` is the effort.
        """
        size = fitted_size(self.size, width)
        # Pillow keeps the parameters of a save on the image and hands them to the next one, or
        # to one that runs at the same time: so every save has an image of its own.
        image = (
            self._image.copy()
            if size == self.size
            else self._image.resize(size, Image.Resampling.LANCZOS)
        )
        file = io.BytesIO()
        image.save(file, "WEBP", quality=quality, method=METHOD, lossless=lossless)
        return file.getvalue()
