"""The hero as Markdown, its address, and what a page's metadata say of it."""

from __future__ import annotations

import re
import string
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from mkdocs_comfy.pages.values import Place

HERO: Final = "comfy-hero"
"""CSS class of every hero."""

TOP: Final = "comfy-hero--top"
"""CSS class of a hero that goes in front of the page's heading once the page is rendered."""

# A hero is what a reader sees first, so the browser shall fetch it at once; glightbox would wrap
# it in a link to itself unless told not to (mkdocs-glightbox: skip classes).
_ATTRIBUTES = 'decoding="async" fetchpriority="high" loading="eager"'

# Every mark that some extension could read a meaning into. Python-Markdown leaves numeric
# entities in attributes as they are, and a browser reads them as the characters they stand for.
_MARK = re.compile(f"[{re.escape(string.punctuation)}]")

# White space that HTML collapses, whatever else ends a line for Python's splitlines, and control
# characters. No-break spaces are the author's and stay.
_BREAKS = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029]+")


def hero_markdown(*, url: str, alt: str, width: int, height: int, place: Place) -> str:
    """Return the hero as one line of Markdown, for an ``attr_list`` that is switched on.

    Args:
        url: Path of the image relative to the page's source file, not percent-encoded.
        alt: Any text; white space and control characters in it become single spaces.
        width: Pixels of the image.
        height: Pixels of the image.
        place: Where the page wants it; for ``top`` it gets a class that
            :func:`mkdocs_comfy.pages.placement.move_to_top` looks for.
    """
    classes = f".{HERO} .{TOP} .off-glb" if place == "top" else f".{HERO} .off-glb"
    return (
        f"![{_alt(alt)}]({quote(url)})"
        f'{{ {classes} width="{width}" height="{height}" {_ATTRIBUTES} }}'
    )


def relative_url(target_uri: str, from_uri: str) -> str:
    """Return the path from one file of the site to another; not percent-encoded.

    Args:
        target_uri: The file pointed to, relative to the site, with ``/``.
        from_uri: The file pointed from, likewise; a page's source, not its address.
    """
    there = target_uri.split("/")
    here = from_uri.split("/")[:-1]
    shared = 0
    for left, right in zip(here, there[:-1], strict=False):
        if left != right:
            break
        shared += 1
    return "/".join([".."] * (len(here) - shared) + there[shared:])


def hero_meta(*, url: str, alt: str, width: int, height: int) -> dict[str, Any]:
    """Return what themes find under ``page.meta.hero_image``.

    Args:
        url: Address of the image relative to the site's root, without a leading ``/``.
        alt: Text for readers who do not see the image; ``""``: decorative.
        width: Pixels of the image.
        height: Pixels of the image.
    """
    return {"url": url, "width": width, "height": height, "alt": alt}


def apply_meta(
    meta: MutableMapping[str, Any], *, url: str, alt: str, width: int, height: int
) -> None:
    """Tell themes and other plugins of the hero, where the author has not said otherwise.

    Sets ``image`` and ``cover`` to the address (feeds, cards and SEO plugins read these) and
    ``hero_image`` to :func:`hero_meta`; keys that are there stay as they are.

    Args:
        meta: The page's metadata; changed.
        url: As in :func:`hero_meta`.
        alt: As in :func:`hero_meta`.
        width: As in :func:`hero_meta`.
        height: As in :func:`hero_meta`.
    """
    meta.setdefault("image", url)
    meta.setdefault("cover", url)
    if "hero_image" not in meta:
        meta["hero_image"] = hero_meta(url=url, alt=alt, width=width, height=height)


def _alt(text: str) -> str:
    return _MARK.sub(_entity, _BREAKS.sub(" ", text).strip())


def _entity(mark: re.Match[str]) -> str:
    return f"&#{ord(mark[0])};"
