"""Whether servers can render certain workflows, asked without rendering them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from mkdocs_comfy.comfyui.definitions import contradictions
from mkdocs_comfy.comfyui.protocol import Subject, as_mapping
from mkdocs_comfy.comfyui.recognition import client_for
from mkdocs_comfy.comfyui.server import Pace
from mkdocs_comfy.comfyui.transport import Transport
from mkdocs_comfy.errors import MissingNodeError, RenderError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mkdocs_comfy.comfyui.server import ServerConfig
    from mkdocs_comfy.comfyui.server_client import ServerClient
    from mkdocs_comfy.errors import RejectedError

_AT_ONCE = 8  # definitions that are asked for at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerReport:
    """What one server said of itself and of some workflows.

    Attributes:
        server: Its URL without credentials.
        about: Name and version, or ``""`` where it could not be asked.
        error: Why it cannot be used at all, or ``None``.
        tells: True where it says which nodes it has; where it does not, only rendering tells.
        faults: Name of a workflow → why this server would refuse it.
    """

    server: str
    about: str = ""
    error: RenderError | None = None
    tells: bool = False
    faults: Mapping[str, tuple[RejectedError, ...]] = field(default_factory=dict)


def examine(
    servers: Iterable[ServerConfig],
    graphs: Mapping[str, Mapping[str, Any]],
    *,
    pace: Pace | None = None,
) -> tuple[ServerReport, ...]:
    """Ask each server who it is, and whether it has what each of ``graphs`` needs.

    Nothing is submitted. Servers are asked at the same time.

    Args:
        servers: The servers.
        graphs: Name of a workflow → its graph in API format.
        pace: Other waiting times than the usual ones.
    """

    async def all_of_them() -> tuple[ServerReport, ...]:
        reports = (_examine(Transport(each, pace or Pace()), graphs) for each in servers)
        return tuple(await asyncio.gather(*reports))

    return asyncio.run(all_of_them())


def node_definitions(server: ServerConfig, *, pace: Pace | None = None) -> Mapping[str, object]:
    """Return what a server says of all its node classes, by class.

    Raises:
        RenderError: The server cannot be used.
    """

    async def ask() -> Mapping[str, object]:
        async with client_for(Transport(server, pace or Pace())) as client:
            await client.probe()
            return await client.definitions()

    return asyncio.run(ask())


async def _examine(transport: Transport, graphs: Mapping[str, Mapping[str, Any]]) -> ServerReport:
    server = transport.server
    async with client_for(transport) as client:
        try:
            await client.probe()
            about = await client.about()
        except RenderError as error:
            return ServerReport(server=server.display, error=error)
        definitions = await _definitions(client, graphs)
        tells = any(as_mapping(each) for each in definitions.values())
        missing = {each for each, reply in definitions.items() if not as_mapping(reply)}
        known = await _all_classes(client) if tells and missing else ()
        faults = {}
        for name, graph in graphs.items() if tells else ():
            subject = Subject(server=server, template=name, graph=graph)
            found: list[RejectedError] = [
                _missing(subject, node_id, node["class_type"], known)
                for node_id, node in graph.items()
                if node["class_type"] in missing
            ]
            faults[name] = (*found, *contradictions(subject, definitions))
    return ServerReport(server=server.display, about=about, tells=tells, faults=faults)


async def _definitions(
    client: ServerClient, graphs: Mapping[str, Mapping[str, Any]]
) -> dict[str, object]:
    classes = sorted({node["class_type"] for graph in graphs.values() for node in graph.values()})
    limit = asyncio.Semaphore(_AT_ONCE)

    async def ask(class_type: str) -> object:
        async with limit:
            try:
                return await client.definition(class_type)
            except RenderError:
                return {}

    return dict(zip(classes, await asyncio.gather(*map(ask, classes)), strict=True))


async def _all_classes(client: ServerClient) -> tuple[str, ...]:
    try:
        return tuple(await client.definitions())
    except RenderError:
        return ()


def _missing(
    subject: Subject, node_id: str, class_type: str, known: Iterable[str]
) -> MissingNodeError:
    node = subject.node(node_id, class_type)
    close = get_close_matches(class_type, list(known), n=1)
    meant = f"did you mean {subject.says(close[0], 120)!r}?\n" if close else ""
    return MissingNodeError(
        f"template {subject.template!r}: ComfyUI has no node class {node.class_type!r} ({node})",
        way_out=f"{meant}install the extension that brings it on the server, update ComfyUI, "
        "or use another template",
        node=node,
    )
