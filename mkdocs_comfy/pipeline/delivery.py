"""From an image's key to the file that goes into the site."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mkdocs_comfy.errors import BadImageError
from mkdocs_comfy.images.making import Making
from mkdocs_comfy.images.palette import DRAWING
from mkdocs_comfy.images.sidecar import UnsoundError
from mkdocs_comfy.images.variants import QUALITY, VariantKey, fitted_size, variant_key
from mkdocs_comfy.pipeline.production import SiteImage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mkdocs_comfy.images.cache import HeroCache
    from mkdocs_comfy.images.encode import Source
    from mkdocs_comfy.images.frozen import FrozenFolder, FrozenImage
    from mkdocs_comfy.images.records import ImageInfo, Original, Variant
    from mkdocs_comfy.images.sidecar import Sidecar
    from mkdocs_comfy.pipeline.plan import PlannedHero
    from mkdocs_comfy.settings import Settings
    from mkdocs_comfy.workflows.key import CacheKey

_PLACEHOLDER_SIZE: Final = (1344, 768)  # where the graph does not say how large its image is


class Delivery:
    """Finds and makes the files that pages show: one WebP for each image.

    Nothing here imports Pillow until a file has to be made.
    """

    def __init__(self, cache: HeroCache, settings: Settings) -> None:
        self._cache = cache
        self._assets_dir = settings.assets_dir
        self._max_pixels = settings.max_pixels
        self._colours = settings.colours

    def at_hand(self, key: CacheKey) -> SiteImage | None:
        """Return the image if nothing has to be made for it."""
        original = self._cache.original(key)
        if original is None:
            return None
        record = original.record
        variant = self._cache.variant(variant_of(record.pixels, (record.width, record.height)))
        return None if variant is None else self._in_site(variant)

    def from_original(self, key: CacheKey) -> SiteImage | None:
        """Make the file again from a stored original; ``None`` where there is no sound one.

        Raises:
            CacheError: The original cannot be read, or the file cannot be stored.
        """
        original = self._cache.original(key)
        return None if original is None else self._encoded(original, self._cache.read(original))

    def frozen_at_hand(self, frozen: FrozenImage) -> SiteImage | None:
        """Return a frozen image if nothing has to be made for it."""
        sidecar = frozen.sidecar
        variant = self._cache.variant(
            variant_of(sidecar.pixels, (sidecar.width, sidecar.height)),
        )
        return None if variant is None else self._in_site(variant)

    def from_frozen(self, frozen: FrozenImage, folder: FrozenFolder) -> SiteImage:
        """Make the file of a frozen image, after making sure that it is the image it is said to be.

        Raises:
            UnsoundError: It is not.
            CacheError: The file cannot be stored.
        """
        if image := self.frozen_at_hand(frozen):
            return image
        from mkdocs_comfy.images.decode import decode  # noqa: PLC0415  # Pillow
        from mkdocs_comfy.images.encode import Source  # noqa: PLC0415  # Pillow
        from mkdocs_comfy.images.inspect import describe  # noqa: PLC0415  # Pillow

        data = folder.data(frozen)
        try:
            decoded = decode(data, max_pixels=self._max_pixels)
            folder.verify(frozen, describe(decoded))
        except BadImageError as error:
            raise UnsoundError(Path(frozen.path).name, f"cannot be used: {error.what}") from error
        sidecar = frozen.sidecar
        return self._stored(
            Source.of_decoded(decoded), sidecar.pixels, (sidecar.width, sidecar.height)
        )

    def from_shared(self, sidecar: Sidecar, data: bytes) -> SiteImage:
        """Check what the shared cache had, store it, then make the file for the site.

        Args:
            sidecar: Its record there.
            data: The image.

        Raises:
            BadImageError: It is no image that we can use.
            UnsoundError: It is not the image that the record was written for.
            CacheError: It cannot be stored.
        """
        from mkdocs_comfy.images.decode import decode  # noqa: PLC0415  # Pillow
        from mkdocs_comfy.images.encode import Source  # noqa: PLC0415  # Pillow
        from mkdocs_comfy.images.inspect import describe  # noqa: PLC0415  # Pillow
        from mkdocs_comfy.images.shared import verify_pixels  # noqa: PLC0415  # cold builds only

        decoded = decode(data, max_pixels=self._max_pixels)
        info = describe(decoded)
        verify_pixels(info, sidecar)
        self._cache.store_original(sidecar.key, data, info, made=sidecar.made)
        if image := self.at_hand(sidecar.key):
            return image
        return self._stored(Source.of_decoded(decoded), info.pixels, (info.width, info.height))

    def accept(
        self, hero: PlannedHero, data: bytes, seconds: float, version: str = ""
    ) -> SiteImage:
        """Check what the server sent, store it, then make the file for the site.

        The original is stored before anything else can fail.

        Args:
            hero: What it is the image of.
            data: What was sent.
            seconds: How long the server worked on it.
            version: Version of that ComfyUI, where it is known.

        Raises:
            BadImageError: It is no image that we can use.
            CacheError: It cannot be stored.
        """
        info = self._inspected(data, hero.bound.template)
        made = Making.of_bound(hero.bound, style=hero.style, comfyui=version, seconds=seconds)
        original = self._cache.store_original(hero.key, data, info, made=made)
        return self._encoded(original, data)

    def placeholder(self, hero: PlannedHero) -> SiteImage:
        """Draw a picture of the size that was asked for, in the site's colours.

        Raises:
            CacheError: The file cannot be stored.
        """
        size = fitted_size(hero.bound.size or _PLACEHOLDER_SIZE)
        key = _placeholder(hero.bound.prompt, size, self._colours)
        variant = self._cache.variant(key)
        if variant is None:
            from mkdocs_comfy.images.encode import Source  # noqa: PLC0415  # Pillow
            from mkdocs_comfy.images.placeholder import draw  # noqa: PLC0415  # Pillow

            data = Source(draw(hero.bound.prompt, size, self._colours)).webp()
            variant = self._cache.store_variant(key, data, width=size[0], height=size[1])
        return self._in_site(variant)

    def _encoded(self, original: Original, data: bytes) -> SiteImage:
        record = original.record
        variant = self._cache.variant(variant_of(record.pixels, (record.width, record.height)))
        if variant is not None:
            return self._in_site(variant)
        from mkdocs_comfy.images.encode import Source  # noqa: PLC0415  # Pillow

        source = Source.of_bytes(data, max_pixels=self._max_pixels)
        return self._stored(source, record.pixels, (record.width, record.height))

    def _stored(self, source: Source, pixels: str, size: tuple[int, int]) -> SiteImage:
        width, height = fitted_size(size)
        encoded = source.webp(quality=QUALITY)
        return self._in_site(
            self._cache.store_variant(variant_of(pixels, size), encoded, width=width, height=height)
        )

    def _inspected(self, data: bytes, template: str) -> ImageInfo:
        """Say in an error whose image it was."""
        try:
            return inspect(data, max_pixels=self._max_pixels)
        except BadImageError as error:
            way_out = error.way_out or (
                "look at what the template's output node saves, and at what stands between here"
                " and ComfyUI"
            )
            raise type(error)(f"template {template!r}: {error.what}", way_out=way_out) from error

    def _in_site(self, variant: Variant) -> SiteImage:
        return SiteImage(
            uri=f"{self._assets_dir}/{variant.key}.webp",
            path=variant.path,
            width=variant.record.width,
            height=variant.record.height,
        )


def inspect(data: bytes, *, max_pixels: int) -> ImageInfo:
    """Decode an image once to learn what it is; imports Pillow only when called.

    Raises:
        BadImageError: It is no image that we can use.
    """
    from mkdocs_comfy.images.inspect import inspect_image  # noqa: PLC0415  # Pillow

    return inspect_image(data, max_pixels=max_pixels)


def variant_of(pixels: str, size: tuple[int, int]) -> VariantKey:
    """Name of the file that an image becomes.

    Args:
        pixels: Digest of the image's pixels.
        size: Its width and height.
    """
    width, _ = fitted_size(size)
    return variant_key(pixels=pixels, width=width, format="webp", quality=QUALITY)


def _placeholder(text: str, size: tuple[int, int], colours: Sequence[str]) -> VariantKey:
    picture = f"placeholder {DRAWING} {size[0]}x{size[1]} {' '.join(colours)} {text}"
    drawn = hashlib.sha256(picture.encode("utf-8", "surrogatepass")).hexdigest()
    return variant_key(pixels=drawn, width=size[0], format="webp", quality=QUALITY)
