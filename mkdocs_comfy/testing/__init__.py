"""A ComfyUI to test against, and the embedded server: real sockets, real manners, no GPU.

::

    from mkdocs_comfy.testing import FakeComfyUI

    with FakeComfyUI() as comfyui:
        build_site(server=comfyui.url)

``python -m mkdocs_comfy.testing`` runs one in the foreground. The server needs aiohttp: install
``mkdocs-comfy[embedded]``. Importing this package needs neither aiohttp nor Pillow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mkdocs_comfy.testing.answers import Answer, NodeFailure, Request
from mkdocs_comfy.testing.png import flat_painter

if TYPE_CHECKING:
    from mkdocs_comfy.testing.cloud import FakeCloud
    from mkdocs_comfy.testing.server import FakeComfyUI

__all__ = ["Answer", "FakeCloud", "FakeComfyUI", "NodeFailure", "Request", "flat_painter"]


def __getattr__(name: str) -> object:
    """Import a server, and aiohttp with it, when it is first asked for."""
    if name == "FakeComfyUI":
        from mkdocs_comfy.testing.server import FakeComfyUI as Server  # noqa: PLC0415  # aiohttp

        return Server
    if name == "FakeCloud":
        from mkdocs_comfy.testing.cloud import FakeCloud as Cloud  # noqa: PLC0415  # aiohttp

        return Cloud
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
