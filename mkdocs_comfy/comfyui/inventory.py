"""What one server has: its node definitions, each class asked for once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mkdocs_comfy.comfyui.definitions import (
    classes_to_ask,
    classes_to_spell,
    contradiction,
    spelled,
)
from mkdocs_comfy.errors import RenderError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from mkdocs_comfy.comfyui.definitions import Definitions
    from mkdocs_comfy.comfyui.jobs import RenderJob
    from mkdocs_comfy.comfyui.server_client import ServerClient
    from mkdocs_comfy.errors import RejectedError


class Inventory:
    """Answers from ``GET /object_info/{class}``, kept as long as the server is used.

    A class that cannot be had (unknown, forbidden, no answer) is left out: then the submission
    decides.
    """

    def __init__(self, client: ServerClient) -> None:
        """Prepare; nothing is asked yet."""
        self._client = client
        self._asked: dict[str, asyncio.Task[object]] = {}

    async def spell(self, graph: Mapping[str, Any]) -> Mapping[str, Any]:
        """``graph`` with model files in folders as this server spells them."""
        if classes := classes_to_spell(graph):
            return spelled(graph, await self._definitions(classes))
        return graph

    async def contradiction(self, job: RenderJob) -> RejectedError | None:
        """Why the server would refuse ``job``, as far as it shows before the submission."""
        definitions = await self._definitions(classes_to_ask(job.graph))
        return contradiction(self._client.subject(job), definitions)

    async def _definitions(self, classes: Iterable[str]) -> Definitions:
        asked = {each: self._ask(each) for each in classes}
        if asked:
            await asyncio.wait(asked.values())
        return {each: task.result() for each, task in asked.items()}

    def _ask(self, class_type: str) -> asyncio.Task[object]:
        if class_type not in self._asked:
            self._asked[class_type] = asyncio.create_task(self._definition(class_type))
        return self._asked[class_type]

    async def _definition(self, class_type: str) -> object:
        try:
            return await self._client.definition(class_type)
        except RenderError:
            return {}
