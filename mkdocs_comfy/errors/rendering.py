"""Errors of rendering: why there is no image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from mkdocs_comfy.errors.base import HeroError

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRef:
    """A node of a workflow, in the words that its author knows it by.

    Attributes:
        id: Node id in the graph that was submitted.
        class_type: The node's class, for example ``"KSampler"``.
        title: Its title in the editor, or the class where it has none.
    """

    id: str
    class_type: str
    title: str

    def __str__(self) -> str:
        return f'node {self.id} "{self.title}"'


class RenderError(HeroError):
    """An image could not be had. Every subclass has a stable ``kind``.

    Attributes:
        kind: Word for scripts, listed in docs/errors.md.
        fatal: True where no other job on this server can do better, so none is tried.
        node: The node at fault, or ``None``.
    """

    kind: ClassVar[str]
    fatal: ClassVar[bool] = False

    def __init__(self, what: str, *, way_out: str = "", node: NodeRef | None = None) -> None:
        super().__init__(what, way_out=way_out)
        self.node = node


class UnreachableError(RenderError):
    """Nothing answers at the server's address, or it went away.

    Attributes:
        arrived: False where the request certainly reached no server.
        retry_after: Seconds that a proxy in front of it asks to wait, or ``None``.
    """

    kind = "unreachable"
    fatal = True

    def __init__(
        self,
        what: str,
        *,
        way_out: str = "",
        node: NodeRef | None = None,
        arrived: bool = True,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(what, way_out=way_out, node=node)
        self.arrived, self.retry_after = arrived, retry_after


class NotComfyUIError(RenderError):
    """Something answers, but it is no ComfyUI: another service, a wrong path, a login page."""

    kind = "not_comfyui"
    fatal = True


class AuthError(RenderError):
    """The server or the proxy in front of it wants credentials (HTTP 401, 403, a login page)."""

    kind = "auth"
    fatal = True


class RejectedError(RenderError):
    """ComfyUI refused the workflow before running it."""

    kind = "rejected"


class MissingModelError(RejectedError):
    """The workflow names a model file that the server does not have.

    Attributes:
        model: The file name that was asked for.
        installed: Names that the server has in its place, possibly empty.
        input: The input that takes the name, for example ``"ckpt_name"``.
    """

    kind = "missing_model"

    def __init__(
        self,
        what: str,
        *,
        model: str,
        input: str,  # noqa: A002  # ComfyUI's own word for it
        installed: Sequence[str],
        way_out: str = "",
        node: NodeRef | None = None,
    ) -> None:
        super().__init__(what, way_out=way_out, node=node)
        self.model, self.input, self.installed = model, input, tuple(installed)


class MissingNodeError(RejectedError):
    """The workflow uses a node class that the server does not have."""

    kind = "missing_node"


class NodeFailedError(RenderError):
    """A node raised while the workflow ran."""

    kind = "node_failed"


class OutOfMemoryError(NodeFailedError):
    """A node ran out of memory."""

    kind = "out_of_memory"


class InterruptedRenderError(RenderError):
    """Somebody interrupted the job on the server."""

    kind = "interrupted"


class LostError(RenderError):
    """The job vanished: it is neither queued nor in the history, or ended without an image.

    Attributes:
        remedy: What may bring the image all the same: ``"render"`` for rendering it anew,
            ``"fetch"`` for another download, ``""`` for nothing.
    """

    kind = "lost"

    def __init__(
        self,
        what: str,
        *,
        way_out: str = "",
        node: NodeRef | None = None,
        remedy: Literal["render", "fetch", ""] = "",
    ) -> None:
        super().__init__(what, way_out=way_out, node=node)
        self.remedy = remedy


class RenderTimeoutError(RenderError):
    """The job ran longer than ``timeout`` allows."""

    kind = "timeout"


class OutOfTimeError(RenderTimeoutError):
    """The renders of this build took longer than ``max_time`` allows; the rest is given up."""

    fatal = True


def out_of_time(max_time: float) -> OutOfTimeError:
    """The error for what is not rendered when ``max_time`` seconds are over."""
    return OutOfTimeError(
        f"rendering took longer than the {max_time:g} s of `max_time:`",
        way_out="build again to render the rest: what is rendered is kept;"
        " or raise `max_time:` (seconds)",
    )


class BadImageError(RenderError):
    """What the server sent is not an image that we can use."""

    kind = "bad_image"


class TooLargeError(BadImageError):
    """The image is larger than ``max_bytes`` or ``max_pixels`` allow."""

    kind = "too_large"


class QuotaError(RenderError):
    """The server takes no more jobs: payment due, rate limited, busy or stopped (HTTP 402, 429).

    Attributes:
        retry_after: Seconds that the server asks to wait, or ``None`` where it does not say.
        passing: True where it ends by itself, with a job of the queue or the start of a machine.
    """

    kind = "quota"
    fatal = True

    def __init__(
        self,
        what: str,
        *,
        way_out: str = "",
        node: NodeRef | None = None,
        retry_after: float | None = None,
        passing: bool = False,
    ) -> None:
        super().__init__(what, way_out=way_out, node=node)
        self.retry_after, self.passing = retry_after, passing
