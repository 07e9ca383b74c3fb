"""Everything that can go wrong, as one tree.

::

    HeroError
    ├── ConfigurationError        a key of the plugin's configuration
    ├── FrontMatterError          a ``hero_*`` key of one page
    │   └── UnknownKeyError       a key that is almost one of ours, or not built yet
    ├── StyleNotFoundError        a style that the configuration does not have
    ├── TemplateError             a workflow template
    │   ├── TemplateNotFoundError
    │   ├── NotAWorkflowError     no JSON, no graph
    │   │   ├── UiFormatError     saved in the editor's own format
    │   │   ├── BrokenGraphError  a cycle, a link to nowhere
    │   │   └── NoOutputError     nothing saves an image
    │   ├── NoPromptError         nothing takes a prompt
    │   ├── TemplateSettingsError the ``.toml`` beside it
    │   ├── AmbiguousTemplateError
    │   └── BindingError          a value that this template has no place for
    ├── HookError                 another plugin of the site
    ├── PagesError                several of the above, all pages' together
    ├── CacheError                the private cache cannot be read or written
    ├── SharedCacheError          the shared cache cannot; a warning, never the end of a build
    └── RenderError               an image could not be had (``kind`` says why)
        ├── UnreachableError      ├── NotComfyUIError       ├── AuthError
        ├── RejectedError         ├── MissingModelError     ├── MissingNodeError
        ├── NodeFailedError       ├── OutOfMemoryError      ├── InterruptedRenderError
        ├── LostError             ├── RenderTimeoutError    ├── BadImageError
        ├── TooLargeError         ├── QuotaError            └── OutOfTimeError

An error is raised once, where it is understood. Its data stand on attributes and its text is
composed from them: the first line says where and what, the following lines the way out.
Nothing here may hold a secret: callers pass a server's display URL, never its headers.
"""

from mkdocs_comfy.errors.base import (
    CacheError,
    ConfigurationError,
    FrontMatterError,
    HeroError,
    HookError,
    PagesError,
    SharedCacheError,
    StyleNotFoundError,
    UnknownKeyError,
    brief,
    printable,
    shell_word,
    shorten,
)
from mkdocs_comfy.errors.rendering import (
    AuthError,
    BadImageError,
    InterruptedRenderError,
    LostError,
    MissingModelError,
    MissingNodeError,
    NodeFailedError,
    NodeRef,
    NotComfyUIError,
    OutOfMemoryError,
    OutOfTimeError,
    QuotaError,
    RejectedError,
    RenderError,
    RenderTimeoutError,
    TooLargeError,
    UnreachableError,
    out_of_time,
)
from mkdocs_comfy.errors.templates import (
    AmbiguousTemplateError,
    BindingError,
    BrokenGraphError,
    Candidate,
    NoOutputError,
    NoPromptError,
    NotAWorkflowError,
    TemplateError,
    TemplateNotFoundError,
    TemplateSettingsError,
    UiFormatError,
)

__all__ = [
    "AmbiguousTemplateError",
    "AuthError",
    "BadImageError",
    "BindingError",
    "BrokenGraphError",
    "CacheError",
    "Candidate",
    "ConfigurationError",
    "FrontMatterError",
    "HeroError",
    "HookError",
    "InterruptedRenderError",
    "LostError",
    "MissingModelError",
    "MissingNodeError",
    "NoOutputError",
    "NoPromptError",
    "NodeFailedError",
    "NodeRef",
    "NotAWorkflowError",
    "NotComfyUIError",
    "OutOfMemoryError",
    "OutOfTimeError",
    "PagesError",
    "QuotaError",
    "RejectedError",
    "RenderError",
    "RenderTimeoutError",
    "SharedCacheError",
    "StyleNotFoundError",
    "TemplateError",
    "TemplateNotFoundError",
    "TemplateSettingsError",
    "TooLargeError",
    "UiFormatError",
    "UnknownKeyError",
    "UnreachableError",
    "brief",
    "out_of_time",
    "printable",
    "shell_word",
    "shorten",
]
