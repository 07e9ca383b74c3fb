"""The life of one fake server of Comfy API v2 on its loop: its routes and its storage."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from mkdocs_comfy.testing.answers import Request
from mkdocs_comfy.testing.cloud_jobs import OVER, CloudJob, CloudQueue
from mkdocs_comfy.testing.front import say

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from aiohttp.typedefs import Handler, Middleware

    from mkdocs_comfy.testing.cloud import CloudKnobs

_ROUTES = {
    ("POST", "/api/v2/jobs"): "submit",
    ("GET", "/api/v2/jobs"): "list",
    ("GET", "/api/v2/jobs/{id}"): "job",
    ("GET", "/api/v2/jobs/{id}/workflow"): "workflow",
    ("GET", "/api/v2/jobs/{id}/events"): "events",
    ("POST", "/api/v2/jobs/{id}/cancel"): "cancel",
    ("GET", "/api/v2/assets/{id}/content"): "content",
}


class CloudMachine:
    """One server. Everything but the constructor runs on its loop.

    Args:
        knobs: Settings and records.
        storage_tls: TLS of the storage, or ``None`` for plain HTTP.
    """

    def __init__(self, knobs: CloudKnobs, *, storage_tls: ssl.SSLContext | None) -> None:
        self._knobs, self._storage_tls = knobs, storage_tls
        self._ours: list[CloudJob] = []

    async def begin(self, host: str, port: int) -> int:
        """Listen; return the port.

        Raises:
            OSError: The address cannot be had.
        """
        self._end, self._queue = asyncio.Event(), CloudQueue(self._knobs)
        app = web.Application(middlewares=[_middleware(self._enter)])
        for (method, path), name in _ROUTES.items():
            app.router.add_route(method, path, getattr(self, f"_{name}"), name=name)
        storage = web.Application(middlewares=[_middleware(self._enter_storage)])
        storage.router.add_get("/{id}", self._content)
        self._runners = [
            web.AppRunner(each, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
            for each in (app, storage)
        ]
        for runner in self._runners:
            await runner.setup()
        listener = web.TCPSite(self._runners[0], host, port)
        await listener.start()
        shelf = web.TCPSite(self._runners[1], host, 0, ssl_context=self._storage_tls)
        await shelf.start()
        ports = [runner.addresses[0][1] for runner in self._runners]
        scheme = "http" if self._storage_tls is None else "https"
        self._queue.url = f"http://{host}:{ports[0]}"
        self._queue.storage_url = f"{scheme}://localhost:{ports[1]}"
        self._workers = {asyncio.create_task(self._queue.work()) for _ in range(self._knobs.gpus)}
        return int(ports[0])

    async def ended(self) -> None:
        """Wait for :meth:`end`, and close everything."""
        await self._end.wait()
        for worker in self._workers:
            worker.cancel()
        await asyncio.wait(self._workers)
        for runner in self._runners:
            await runner.cleanup()

    async def end(self) -> None:
        """End the server."""
        self._end.set()

    # What others do to it ---------------------------------------------------------------------

    async def hold(self) -> None:
        """Let no job end."""
        self._queue.free.clear()

    async def release(self) -> None:
        """Let jobs end again."""
        self._queue.free.set()

    async def forget(self) -> None:
        """Lose every job."""
        self._queue.jobs.clear()

    async def cancel(self, number: int) -> None:
        """Cancel the job of a submission."""
        self._queue.stop(self._ours[number])

    async def submit_foreign(self, seconds: float) -> str:
        """Queue a job of somebody else."""
        job = CloudJob(workflow={"1": {"class_type": "Foreign", "inputs": {}}}, seconds=seconds)
        return self._queue.take(job).id

    async def states(self) -> dict[str, str]:
        """Id → state of every job."""
        return {job.id: job.status for job in self._queue.jobs.values()}

    # Routes -----------------------------------------------------------------------------------

    async def _enter(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self._knobs.requests.append(await _seen(request))
        if request.match_info.http_exception is not None:
            return await handler(request)
        wanted = self._knobs.headers_required
        if any(request.headers.get(name) != value for name, value in wanted.items()):
            return envelope(401, "unauthorized", "Invalid token.")
        answer = self._knobs.canned_answer(request.match_info.route.name or "")
        if answer is None:
            return await handler(request)
        if answer.handled:
            await handler(request)
        return await say(request, answer)

    async def _enter_storage(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self._knobs.storage_requests.append(await _seen(request))
        answer = self._knobs.canned_answer("storage")
        return await handler(request) if answer is None else await say(request, answer)

    async def _submit(self, request: web.Request) -> web.Response:
        body, key = await request.json(), request.headers.get("Idempotency-Key")
        if key is not None and key in self._knobs.keys:
            return envelope(422, "idempotency_key_reuse", "This key has been used.")
        if key is not None:
            self._knobs.keys.append(key)
        self._knobs.submissions.append(body)
        job = self._queue.take(CloudJob(workflow=body["workflow"], seconds=self._knobs.latency))
        self._ours.append(job)
        return web.json_response(self._queue.document(job), status=201)

    async def _list(self, request: web.Request) -> web.Response:
        if not self._knobs.lists_jobs:
            return envelope(501, "not_implemented", "Jobs are not listed here.")
        newest = list(reversed(self._queue.jobs.values()))[: int(request.query.get("limit", "50"))]
        return web.json_response({"jobs": [self._queue.document(job) for job in newest]})

    async def _job(self, request: web.Request) -> web.Response:
        job = self._queue.jobs.get(request.match_info["id"])
        return _unknown() if job is None else web.json_response(self._queue.document(job))

    async def _workflow(self, request: web.Request) -> web.Response:
        job = self._queue.jobs.get(request.match_info["id"])
        if job is None:
            return _unknown()
        return web.json_response({"workflow": job.workflow, "format": "api"})

    async def _cancel(self, request: web.Request) -> web.Response:
        job = self._queue.jobs.get(request.match_info["id"])
        if job is None:
            return _unknown()
        self._knobs.canceled.append(job.id)
        self._queue.stop(job)
        return web.json_response(self._queue.document(job))

    async def _events(self, request: web.Request) -> web.StreamResponse:
        job = self._queue.jobs.get(request.match_info["id"])
        if job is None:
            return _unknown()
        if not self._knobs.streams:
            return envelope(501, "not_implemented", "There are no streams here.")
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await stream.prepare(request)
        await stream.write(b": hello\n\n")
        while True:
            changed = job.changed
            await stream.write(_event("status", {"status": job.status}))
            if job.status in OVER:
                return stream
            if job.status == "running":
                await stream.write(_event("progress", {"value": 0.25, "step": 1, "steps": 4}))
            await changed.wait()

    async def _content(self, request: web.Request) -> web.StreamResponse:
        asset = request.match_info["id"]
        picture = self._queue.pictures.get(asset)
        if picture is None:
            return envelope(404, "output_unavailable", "The bytes are gone.")
        if self._knobs.storage and request.path.startswith("/api/"):
            raise web.HTTPFound(f"{self._queue.storage_url}/{asset}?signature=fresh")
        return web.Response(body=picture, content_type="image/png")


def envelope(status: int, code: str, message: str = "") -> web.Response:
    """The error document of Comfy API v2."""
    error = {"code": code, "message": message, "details": None}
    return web.json_response({"error": error}, status=status)


def _middleware(enter: Middleware) -> Middleware:
    """``enter``, which may be a method: aiohttp marks the functions that it calls."""

    @web.middleware
    async def call(request: web.Request, handler: Handler) -> web.StreamResponse:
        return await enter(request, handler)

    return call


def _unknown() -> web.Response:
    return envelope(404, "not_found", "No such job.")


def _event(name: str, data: Mapping[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()


async def _seen(request: web.Request) -> Request:
    return Request(
        method=request.method,
        path=request.path,
        query=request.query,
        headers=request.headers,
        body=await request.read(),
    )
