"""What comes out of the pipeline, and what it tells while it works: values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mkdocs_comfy.comfyui.jobs import RenderEvent
    from mkdocs_comfy.errors import HeroError
    from mkdocs_comfy.workflows.key import CacheKey


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteImage:
    """A finished image and its place in the site.

    Attributes:
        uri: Path in the site, with ``/``, not starting with one; the same for equal pixels.
        path: The file to copy there, absolute.
        width: Pixels.
        height: Pixels.
    """

    uri: str
    path: str
    width: int
    height: int

    @property
    def name(self) -> str:
        """Name of the file, without extension: the key of the variant."""
        return self.uri.rpartition("/")[2].partition(".")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Production:
    """What became of a plan.

    Attributes:
        images: Key → image, for every hero that has one, placeholders included.
        frozen: How many were in the frozen directory.
        cached: How many were not, but in the cache.
        shared: How many were in neither, but in the shared cache.
        rendered: How many were rendered in this call, here or by a build beside this one.
        failures: Key → why there is no image (or a placeholder in its place).
        former: Page → the image that it showed before, to be shown in the place of one that
            failed.
        seconds: How long rendering took; 0 where nothing was rendered.
    """

    images: Mapping[CacheKey, SiteImage]
    frozen: int
    cached: int
    shared: int
    rendered: int
    failures: Mapping[CacheKey, HeroError]
    former: Mapping[str, SiteImage]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Starting:
    """Rendering begins: the first event, once a build.

    Attributes:
        total: Images to render, those that a build beside this one renders among them.
        servers: The servers' URLs without credentials; none for the embedded server.
        templates: Template → how many of the images are rendered from it.
    """

    total: int
    servers: tuple[str, ...]
    templates: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """An image is rendered, checked and in the cache.

    Attributes:
        page: A page that shows it.
        done: Images that ended so far, this one included; 1 <= done <= total.
        total: Images to render.
        seconds: How long the server worked on it.
        server: Which one, as in the other events.
    """

    page: str
    done: int
    total: int
    seconds: float
    server: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopping:
    """Rendering ends early: jobs of ours are withdrawn, images that are done are stored.

    Attributes:
        reason: Why, in a few words.
    """

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something that an author may want to know.

    Attributes:
        text: One or more lines.
        warning: True where something is wrong, though the build goes on.
    """

    text: str
    warning: bool = False


Event: TypeAlias = "RenderEvent | Starting | Stored | Stopping | Notice"
"""What the pipeline reports while it works; a door shows as much of it as it likes."""
