"""Everything that can go wrong, as one tree.

::

    HeroError
    ├── ConfigurationError        a key of the plugin's configuration
    ├── FrontMatterError          a ``hero_*`` key of one page
    │   └── UnknownKeyError       a key that is almost one of ours, or not built yet
    ├── TemplateError             a workflow template
    │   ├── TemplateNotFoundError
    │   ├── NotAWorkflowError     no JSON, no graph, a cycle, a link to nowhere
    │   │   └── UiFormatError     saved in the editor's own format
    │   ├── AmbiguousTemplateError
    │   └── BindingError          a value that this template has no place for
    ├── CacheError                the private cache cannot be read or written
    └── RenderError               an image could not be had (``kind`` says why)
        ├── UnreachableError      ├── NotComfyUIError       ├── AuthError
        ├── RejectedError         ├── MissingModelError     ├── MissingNodeError
        ├── NodeFailedError       ├── OutOfMemoryError      ├── InterruptedRenderError
        ├── LostError             ├── RenderTimeoutError    ├── BadImageError
        └── TooLargeError         └── QuotaError

An error is raised once, where it is understood. Its data stand on attributes and its text is
composed from them: the first line says where and what, the following lines the way out.
Nothing here may hold a secret: callers pass a server's display URL, never its headers.
"""

from __future__ import annotations

import reprlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence


class HeroError(Exception):
    """Base of every error of this package.

    Attributes:
        what: One line: where, what, what was expected and what was found.
        way_out: What its reader can do; may have several lines; ``""`` where ``what`` says it.
    """

    def __init__(self, what: str, *, way_out: str = "") -> None:
        super().__init__(f"{what}\n{way_out}" if way_out else what)
        self.what = what
        self.way_out = way_out


class ConfigurationError(HeroError):
    """A key of the plugin's configuration has a value we cannot use.

    Attributes:
        key: The key below ``comfy:`` in mkdocs.yml, for example ``"server"``.
    """

    def __init__(self, *, key: str, problem: str, way_out: str = "") -> None:
        super().__init__(f"{key}: {problem}", way_out=way_out)
        self.key = key


class FrontMatterError(HeroError):
    """A ``hero_*`` key of one page has a value we cannot use.

    Attributes:
        page: Path of the page relative to docs_dir, with ``/``.
        line: Line of the key in the page's file, counted from 1; 1 for an inherited key.
        key: The front-matter key.
        expected: What the key takes.
        got: The value found, as YAML gave it.
    """

    def __init__(
        self, *, page: str, line: int, key: str, expected: str, got: object, way_out: str = ""
    ) -> None:
        super().__init__(
            f"{page}:{line}: {key} must be {expected}, got {brief(got)}", way_out=way_out
        )
        self.page, self.line, self.key = page, line, key
        self.expected, self.got = expected, got


class UnknownKeyError(FrontMatterError):
    """A ``hero_*`` key that this version has no effect for.

    Attributes:
        suggestion: The key that was probably meant, or ``None`` where the key is one that a
            later version will know.
    """

    def __init__(
        self, *, page: str, line: int, key: str, suggestion: str | None, way_out: str = ""
    ) -> None:
        problem = (
            f"did you mean {suggestion}?" if suggestion else "this version has no such key yet"
        )
        mend = f"rename it to {suggestion}" if suggestion else "remove it from the front matter"
        HeroError.__init__(
            self,
            f"{page}:{line}: {key}: {problem}",
            way_out=f"{mend}\n{way_out}" if way_out else mend,
        )
        self.page, self.line, self.key = page, line, key
        self.expected, self.got = suggestion or "absent", key
        self.suggestion = suggestion


class TemplateError(HeroError):
    """A workflow template cannot be used.

    Attributes:
        template: Name of the template, without ``.json``.
    """

    def __init__(self, *, template: str, problem: str, way_out: str = "") -> None:
        super().__init__(f"template {template!r}: {problem}", way_out=way_out)
        self.template = template
        self.problem = problem


class TemplateNotFoundError(TemplateError):
    """There is no template of that name, neither of the site nor built in."""


class NotAWorkflowError(TemplateError):
    """The file is no JSON, no ComfyUI graph, or a graph that cannot run."""


class UiFormatError(NotAWorkflowError):
    """The workflow was saved in the editor's own format, not exported in API format."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One of several nodes that an argument of a template could mean.

    Attributes:
        node: Node id, as in the template file.
        input: Input name on that node.
        class_type: The node's class.
        title: The node's title in the editor, or the class where it has none.
        text: First words of the value found there.
    """

    node: str
    input: str
    class_type: str
    title: str
    text: str


class AmbiguousTemplateError(TemplateError):
    """More than one node could be meant, and guessing would be silent harm.

    Attributes:
        role: What was looked for, for example ``"prompt"``.
        candidates: The nodes found, in the order of their ids.
    """

    def __init__(
        self, *, template: str, role: str, candidates: Sequence[Candidate], way_out: str
    ) -> None:
        listed = "; ".join(
            f"{each.node}.{each.input}"
            f' ({each.class_type} "{each.title}": {shorten(each.text, 40)!r})'
            for each in candidates
        )
        super().__init__(
            template=template, problem=f"{role} could be any of {listed}", way_out=way_out
        )
        self.role = role
        self.candidates = tuple(candidates)


class BindingError(TemplateError):
    """The template has no place for a value that was asked for.

    Attributes:
        parameter: What was asked for: ``"negative"``, ``"size"``, or a parameter's name.
    """

    def __init__(self, *, template: str, parameter: str, problem: str, way_out: str = "") -> None:
        super().__init__(template=template, problem=problem, way_out=way_out)
        self.parameter = parameter


class CacheError(HeroError):
    """The cache cannot be read or written.

    Attributes:
        path: What could not be used.
    """

    def __init__(self, *, path: str, problem: str, way_out: str = "") -> None:
        super().__init__(f"cache {path}: {problem}", way_out=way_out)
        self.path = path


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
    """Nothing answers at the server's address, or it went away."""

    kind = "unreachable"
    fatal = True


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
    """The job vanished: it is neither queued nor in the history, or ended without an image."""

    kind = "lost"


class RenderTimeoutError(RenderError):
    """The job ran longer than ``timeout`` allows."""

    kind = "timeout"


class BadImageError(RenderError):
    """What the server sent is not an image that we can use."""

    kind = "bad_image"


class TooLargeError(BadImageError):
    """The image is larger than ``max_bytes`` or ``max_pixels`` allow."""

    kind = "too_large"


class QuotaError(RenderError):
    """The server takes no more jobs: payment due, rate limited or busy (HTTP 402, 429).

    Attributes:
        retry_after: Seconds that the server asks to wait, or ``None`` where it does not say.
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
    ) -> None:
        super().__init__(what, way_out=way_out, node=node)
        self.retry_after = retry_after


def brief(value: object) -> str:
    """One line that shows ``value``, however large or deep it is: pages come from pull requests.

    YAML aliases make a mapping of kilobytes that would print as gigabytes, and its hexadecimal
    numbers may be longer than Python is ready to print.
    """
    if isinstance(value, str):
        return shorten(repr(value))
    printer = reprlib.Repr()
    printer.maxlevel, printer.maxother = 2, 80
    try:
        return shorten(printer.repr(value))
    except ValueError:  # sys.set_int_max_str_digits
        return f"a value too long to show ({type(value).__name__})"


def shorten(text: str, limit: int = 80) -> str:
    """Cut ``text`` to ``limit`` characters, with an ellipsis in the place of what is cut."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
