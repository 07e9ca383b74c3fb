"""What newer servers do differently: ``/api/jobs``, and errors of other names.

As ComfyUI 0.38 does (``server.py``, ``comfy_execution/jobs.py``), as far as a client that renders
sees it.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mkdocs_comfy.testing.jobs import Backlog, Job

INVALID_ID = {
    "type": "invalid_prompt_id",
    "message": "Invalid prompt_id",
    "details": "prompt_id must be a UUID in canonical lowercase hyphenated form",
    "extra_info": {},
}


def add_jobs(app: web.Application, backlog: Backlog, deleted: list[str]) -> None:
    """Register the routes of jobs, which exist below ``/api`` only.

    Args:
        app: Where.
        backlog: The jobs.
        deleted: Takes the ids of those that are taken from the queue.
    """
    jobs = _Jobs(backlog, deleted)
    app.router.add_get("/api/jobs", jobs.every)
    app.router.add_get("/api/jobs/{prompt_id}", jobs.one)
    app.router.add_post("/api/jobs/{prompt_id}/cancel", jobs.cancel)


def is_canonical(prompt_id: object) -> bool:
    """Whether a submission may have this id: none, or a UUID as it is usually written."""
    if prompt_id is None:
        return True
    try:
        return isinstance(prompt_id, str) and str(uuid.UUID(prompt_id)) == prompt_id
    except ValueError:
        return False


def renamed(error: Mapping[str, Any], graph: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the error of a graph under its newer name, with what newer servers add."""
    if error["type"] != "invalid_prompt":
        return error
    node_id = error["details"].removeprefix("Node ID '#").removesuffix("'")
    node = graph[node_id]
    kind = node.get("class_type")
    return {
        **error,
        "type": "missing_node_type",
        "message": error["message"] if kind is None else f"Node '{kind}' not found.",
        "extra_info": {
            "node_id": node_id,
            "class_type": kind,
            "node_title": node.get("_meta", {}).get("title", kind),
        },
    }


class _Jobs:
    """The routes of jobs."""

    def __init__(self, backlog: Backlog, deleted: list[str]) -> None:
        self._backlog, self._deleted = backlog, deleted

    async def every(self, request: web.Request) -> web.Response:
        running = [] if self._backlog.running is None else [self._backlog.running]
        found = [_waiting(job, "in_progress") for job in running]
        found += [_waiting(job, "pending") for job in self._backlog.pending]
        found += [_done(key, entry) for key, entry in self._backlog.history.items()]
        limit = int(request.query.get("limit", len(found)))
        pages = {"offset": 0, "limit": limit, "total": len(found), "has_more": len(found) > limit}
        return web.json_response({"jobs": found[:limit], "pagination": pages})

    async def one(self, request: web.Request) -> web.Response:
        job = self._find(request.match_info["prompt_id"])
        if job is None:
            return web.json_response({"error": "Job not found"}, status=404)
        return web.json_response(job)

    async def cancel(self, request: web.Request) -> web.Response:
        prompt_id = request.match_info["prompt_id"]
        gone = self._backlog.withdraw([prompt_id])
        self._deleted += gone
        return web.json_response({"cancelled": bool(gone or self._backlog.interrupt(prompt_id))})

    def _find(self, prompt_id: str) -> dict[str, Any] | None:
        if (entry := self._backlog.history.get(prompt_id)) is not None:
            return _done(prompt_id, entry) | {
                "outputs": entry["outputs"],
                "execution_status": entry["status"],
            }
        running = self._backlog.running
        if running is not None and running.id == prompt_id:
            return _waiting(running, "in_progress")
        pending = [job for job in self._backlog.pending if job.id == prompt_id]
        return _waiting(pending[0], "pending") if pending else None


def _waiting(job: Job, status: str) -> dict[str, Any]:
    return {"id": job.id, "status": status, "priority": job.number, "outputs_count": 0}


def _done(prompt_id: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    messages = dict(entry["status"]["messages"])
    if entry["status"]["status_str"] == "success":
        status = "completed"
    else:
        status = "cancelled" if "execution_interrupted" in messages else "failed"
    job = {
        "id": prompt_id,
        "status": status,
        "priority": entry["prompt"][0],
        "outputs_count": sum(len(each.get("images", ())) for each in entry["outputs"].values()),
    }
    if "execution_error" in messages:
        job["execution_error"] = messages["execution_error"]
    return job
