"""The life of one fake server of Comfy API v2 on its loop: its jobs, its routes, its storage."""

from __future__ import annotations

import asyncio
import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from aiohttp import web

from mkdocs_comfy.testing.answers import Request
from mkdocs_comfy.testing.front import say

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from aiohttp.typedefs import Handler

    from mkdocs_comfy.testing.cloud import CloudKnobs

OVER = frozenset({"succeeded", "canceled", "failed", "expired"})
_KEPT = timedelta(hours=24)
_ROUTES = {
    ("POST", "/api/v2/jobs"): "submit",
    ("GET", "/api/v2/jobs"): "list",
    ("GET", "/api/v2/jobs/{id}"): "job",
    ("GET", "/api/v2/jobs/{id}/workflow"): "workflow",
    ("GET", "/api/v2/jobs/{id}/events"): "events",
    ("POST", "/api/v2/jobs/{id}/cancel"): "cancel",
    ("GET", "/api/v2/assets/{id}/content"): "content",
}


@dataclass(kw_only=True, eq=False)
class CloudJob:
    """One job.

    Attributes:
        id: Its id.
        workflow: What it runs.
        seconds: How long it takes.
        status: One of the states of the API.
        outputs: Output documents, without their addresses.
        error: Its error document, where it failed.
        expires: How often it is yet to be called expired.
        changed: Set, and replaced, at each change.
    """

    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    workflow: Mapping[str, Any]
    seconds: float
    status: str = "queued"
    outputs: list[dict[str, Any]] = field(default_factory=list)
    error: Mapping[str, Any] | None = None
    expires: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def become(self, status: str) -> None:
        """Change the state, and wake whoever follows the job."""
        self.status = status
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()


class CloudMachine:
    """One server. Everything but the constructor runs on its loop.

    Args:
        knobs: Settings and records.
    """

    def __init__(self, knobs: CloudKnobs) -> None:
        self._knobs = knobs
        self._jobs: dict[str, CloudJob] = {}
        self._pictures: dict[str, bytes] = {}
        self._ours: list[CloudJob] = []
        self._storage_url = ""

    async def begin(self, host: str, port: int, storage_tls: ssl.SSLContext | None) -> int:
        """Listen; return the port.

        Raises:
            OSError: The address cannot be had.
        """
        self._end, self._free = asyncio.Event(), asyncio.Event()
        self._free.set()
        self._queue: asyncio.Queue[CloudJob] = asyncio.Queue()
        app = web.Application(middlewares=[web.middleware(self._enter)])
        for (method, path), name in _ROUTES.items():
            app.router.add_route(method, path, getattr(self, f"_{name}"), name=name)
        storage = web.Application(middlewares=[web.middleware(self._enter_storage)])
        storage.router.add_get("/{id}", self._content)
        self._runners = [
            web.AppRunner(each, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
            for each in (app, storage)
        ]
        for runner in self._runners:
            await runner.setup()
        listener = web.TCPSite(self._runners[0], host, port)
        await listener.start()
        shelf = web.TCPSite(self._runners[1], host, 0, ssl_context=storage_tls)
        await shelf.start()
        ports = [runner.addresses[0][1] for runner in self._runners]
        scheme = "http" if storage_tls is None else "https"
        self._storage_url = f"{scheme}://localhost:{ports[1]}"
        self._worker = asyncio.create_task(self._work())
        return int(ports[0])

    async def ended(self) -> None:
        """Wait for :meth:`end`, and close everything."""
        await self._end.wait()
        self._worker.cancel()
        await asyncio.wait({self._worker})
        for runner in self._runners:
            await runner.cleanup()

    async def end(self) -> None:
        """End the server."""
        self._end.set()

    # What others do to it ---------------------------------------------------------------------

    async def hold(self) -> None:
        """Let no job end."""
        self._free.clear()

    async def release(self) -> None:
        """Let jobs end again."""
        self._free.set()

    async def forget(self) -> None:
        """Lose every job."""
        self._jobs.clear()

    async def cancel(self, number: int) -> None:
        """Cancel the job of a submission."""
        self._stop(self._ours[number])

    async def submit_foreign(self, seconds: float) -> str:
        """Queue a job of somebody else."""
        job = CloudJob(workflow={"1": {"class_type": "Foreign", "inputs": {}}}, seconds=seconds)
        return self._take(job).id

    async def states(self) -> dict[str, str]:
        """Id → state of every job."""
        return {job.id: job.status for job in self._jobs.values()}

    # Jobs -------------------------------------------------------------------------------------

    def _take(self, job: CloudJob) -> CloudJob:
        self._jobs[job.id] = job
        self._queue.put_nowait(job)
        return job

    async def _work(self) -> None:
        while True:
            job = await self._queue.get()
            if job.status == "queued" and job.id in self._jobs:
                job.become("running")
                await self._run(job)

    async def _run(self, job: CloudJob) -> None:
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + job.seconds
        while job.status == "running" and (loop.time() < ends_at or not self._free.is_set()):
            await asyncio.sleep(0.005)
            if job.id not in self._jobs:
                return
        job.expires = self._knobs.expired
        if job.status == "canceling":
            job.become("canceled")
        elif self._knobs.fail_with is not None:
            job.error = self._knobs.fail_with
            job.become("failed")
        else:
            job.outputs = [] if self._knobs.without_images else self._paint(job)
            job.become("succeeded")

    def _paint(self, job: CloudJob) -> list[dict[str, Any]]:
        """The outputs of the nodes that save images."""
        nodes = job.workflow.items()
        sizes = [
            (inputs["width"], inputs["height"])
            for _, node in nodes
            if (inputs := node.get("inputs", {})) and {"width", "height"} <= inputs.keys()
        ]
        said = json.dumps(job.workflow, sort_keys=True)
        outputs = []
        for node_id in [each for each, node in nodes if "filename_prefix" in node["inputs"]]:
            asset = uuid.uuid4().hex
            self._pictures[asset] = self._knobs.painter(said, 0, sizes[0] if sizes else (64, 64))
            outputs.append({"node_id": node_id, "id": asset, "name": f"{asset}.png"})
        return outputs

    def _stop(self, job: CloudJob) -> None:
        if job.status == "queued":
            job.become("canceled")
        elif job.status == "running":
            job.become("canceling")

    def _document(self, job: CloudJob) -> dict[str, Any]:
        status = job.status
        if status in OVER and job.expires > 0:
            job.expires -= 1
            status = "expired"
        waiting = [each.id for each in self._jobs.values() if each.status == "queued"]
        link = f"/api/v2/jobs/{job.id}"
        now = datetime.now(UTC)
        return {
            "id": job.id,
            "status": status,
            "created_at": now.isoformat(),
            "started_at": None,
            "completed_at": None,
            "expires_at": (now + _KEPT).isoformat(),
            "queue_position": waiting.index(job.id) + 1 if job.id in waiting else None,
            "progress": None,
            "outputs": [self._output(job, each) for each in job.outputs],
            "error": job.error,
            "urls": {"self": link, "events": f"{link}/events", "cancel": f"{link}/cancel"},
        }

    def _output(self, job: CloudJob, output: Mapping[str, Any]) -> dict[str, Any]:
        asset = output["id"]
        here = f"/api/v2/assets/{asset}/content"
        until = datetime.now(UTC) + _KEPT
        return {
            **output,
            "type": "image",
            "content_type": "image/png",
            "size_bytes": len(self._pictures[asset]),
            "hash": None,
            "url": f"{self._storage_url}/{asset}?signature=s" if self._knobs.storage else here,
            "url_expires_at": until.isoformat(),
            "job_id": job.id,
        }

    # Routes -----------------------------------------------------------------------------------

    async def _enter(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self._knobs.requests.append(await _seen(request))
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
        body, key = await request.json(), request.headers.get("Idempotency-Key", "")
        if key in self._knobs.keys:
            return envelope(422, "idempotency_key_reuse", "This key has been used.")
        self._knobs.keys.append(key)
        self._knobs.submissions.append(body)
        job = self._take(CloudJob(workflow=body["workflow"], seconds=self._knobs.latency))
        self._ours.append(job)
        return web.json_response(self._document(job), status=201)

    async def _list(self, request: web.Request) -> web.Response:
        if not self._knobs.lists_jobs:
            return envelope(501, "not_implemented", "Jobs are not listed here.")
        newest = list(reversed(self._jobs.values()))[: int(request.query.get("limit", "50"))]
        return web.json_response({"jobs": [self._document(job) for job in newest]})

    async def _job(self, request: web.Request) -> web.Response:
        job = self._jobs.get(request.match_info["id"])
        return _unknown() if job is None else web.json_response(self._document(job))

    async def _workflow(self, request: web.Request) -> web.Response:
        job = self._jobs.get(request.match_info["id"])
        if job is None:
            return _unknown()
        return web.json_response({"workflow": job.workflow, "format": "api"})

    async def _cancel(self, request: web.Request) -> web.Response:
        job = self._jobs.get(request.match_info["id"])
        if job is None:
            return _unknown()
        self._knobs.canceled.append(job.id)
        self._stop(job)
        return web.json_response(self._document(job))

    async def _events(self, request: web.Request) -> web.StreamResponse:
        job = self._jobs.get(request.match_info["id"])
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
        picture = self._pictures.get(asset)
        if picture is None:
            return envelope(404, "output_unavailable", "The bytes are gone.")
        if self._knobs.storage and request.path.startswith("/api/"):
            raise web.HTTPFound(f"{self._storage_url}/{asset}?signature=fresh")
        return web.Response(body=picture, content_type="image/png")


def envelope(status: int, code: str, message: str = "") -> web.Response:
    """The error document of Comfy API v2."""
    error = {"code": code, "message": message, "details": None}
    return web.json_response({"error": error}, status=status)


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
