"""The HTTP side: what each route of ComfyUI 0.3.64 answers."""

from __future__ import annotations

import json
import sys
import uuid
from typing import TYPE_CHECKING, Any

from aiohttp import web

from mkdocs_comfy.testing.jobs import Job
from mkdocs_comfy.testing.newer import INVALID_ID, add_jobs, is_canonical, renamed
from mkdocs_comfy.testing.sockets import keep_silent
from mkdocs_comfy.testing.uploading import add_uploads
from mkdocs_comfy.testing.validation import Rules, validate
from mkdocs_comfy.testing.viewing import view

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mkdocs_comfy.testing.files import Disk
    from mkdocs_comfy.testing.jobs import Backlog
    from mkdocs_comfy.testing.knobs import Knobs
    from mkdocs_comfy.testing.sockets import Sessions

VERSION = "0.3.64"
NO_PROMPT = {
    "type": "no_prompt",
    "message": "No prompt provided",
    "details": "No prompt provided",
    "extra_info": {},
}


class Routes:
    """The routes of one server.

    Args:
        knobs: Settings and records.
        backlog: Queue and history.
        sessions: Open sockets.
        disk: Saved pictures.
        accepted: Called when a submission was accepted, before it is answered.
    """

    def __init__(
        self,
        *,
        knobs: Knobs,
        backlog: Backlog,
        sessions: Sessions,
        disk: Disk,
        accepted: Callable[[], None],
    ) -> None:
        self._knobs, self._backlog, self._sessions = knobs, backlog, sessions
        self._disk, self._accepted = disk, accepted
        self._rules = Rules(
            definition=knobs.definition, takes_any=knobs.takes_any, has_file=disk.has_input
        )

    def add_to(self, app: web.Application) -> None:
        """Register every route, and every route again below ``/api``."""
        gets = {
            "/ws": self._ws,
            "/prompt": self._prompt_info,
            "/queue": self._queue,
            "/history": self._history,
            "/history/{prompt_id}": self._history_of,
            "/view": self._view,
            "/object_info": self._object_info,
            "/object_info/{kind}": self._object_info_of,
            "/system_stats": self._system_stats,
            "/features": self._features,
            "/models": self._model_folders,
            "/models/{folder}": self._models,
        }
        posts = {
            "/prompt": self._submit,
            "/queue": self._change_queue,
            "/history": self._change_history,
            "/interrupt": self._interrupt,
        }
        if self._knobs.jobs_api:
            add_jobs(app, self._backlog, self._knobs.deleted)
        add_uploads(app, self._disk)
        for prefix in ("", "/api"):
            for path, handler in gets.items():
                app.router.add_get(prefix + path, handler)
            for path, handler in posts.items():
                app.router.add_post(prefix + path, handler)

    def features(self) -> dict[str, Any]:
        """Return what ``/features`` says."""
        return {"supports_preview_metadata": True, "max_upload_size": self._knobs.max_upload}

    def status(self) -> dict[str, Any]:
        """Return the state of the queue, as ``status`` messages carry it."""
        return {"exec_info": {"queue_remaining": self._backlog.remaining}}

    async def _ws(self, request: web.Request) -> web.StreamResponse:
        if self._knobs.refuse_socket:
            return web.Response(status=404)
        if self._knobs.silent_socket:
            return await keep_silent(request)
        return await self._sessions.serve(request, status=self.status(), features=self.features())

    async def _prompt_info(self, _request: web.Request) -> web.Response:
        return web.json_response(self.status())

    async def _submit(self, request: web.Request) -> web.Response:
        said = await _said(request)
        if said is None or "prompt" not in said:
            return trouble() if said is None else _bad(NO_PROMPT, {})
        try:
            number = float(said["number"]) if "number" in said else self._number(said)
            verdict = validate(
                said["prompt"], self._rules, targets=said.get("partial_execution_targets")
            )
            extra_data = dict(said.get("extra_data", {}))
        except (TypeError, ValueError):
            return trouble()
        if self._knobs.jobs_api and not is_canonical(said.get("prompt_id")):
            return _bad(INVALID_ID, {})
        if verdict.error is not None:
            error = renamed(verdict.error, verdict.graph) if self._knobs.jobs_api else verdict.error
            return _bad(error, verdict.node_errors)
        if "client_id" in said:
            extra_data["client_id"] = said["client_id"]
        prompt_id = self._id_of(said)
        self._knobs.submissions.append(said)
        self._backlog.put(
            Job(
                number=number,
                id=prompt_id,
                graph=verdict.graph,
                extra_data=extra_data,
                outputs=verdict.outputs,
            )
        )
        self._accepted()
        return web.json_response(
            {"prompt_id": prompt_id, "number": number, "node_errors": verdict.node_errors}
        )

    def _id_of(self, said: dict[str, Any]) -> str:
        """Return the id of a new job; an old server makes text of whatever it is given."""
        if self._knobs.jobs_api and said.get("prompt_id") is None:
            return str(uuid.uuid4())
        return str(said.get("prompt_id", uuid.uuid4()))

    def _number(self, said: dict[str, Any]) -> float:
        return self._backlog.number(front=bool(said.get("front")))

    async def _queue(self, _request: web.Request) -> web.Response:
        running = self._backlog.running
        return web.json_response(
            {
                "queue_running": [] if running is None else [running.as_json()],
                "queue_pending": [job.as_json() for job in self._backlog.pending],
            }
        )

    async def _change_queue(self, request: web.Request) -> web.Response:
        said = await _said(request)
        if said is None:
            return trouble()
        if said.get("clear"):
            self._knobs.deleted += self._backlog.withdraw()
        if "delete" in said:
            self._knobs.deleted += self._backlog.withdraw(said["delete"])
        return web.Response()

    async def _history(self, request: web.Request) -> web.Response:
        most, offset = request.query.get("max_items"), request.query.get("offset")
        try:
            chosen = self._backlog.recall(
                most=None if most is None else int(most),
                offset=-1 if offset is None else int(offset),
            )
        except ValueError:
            return trouble()
        return web.json_response(chosen)

    async def _history_of(self, request: web.Request) -> web.Response:
        prompt_id = request.match_info["prompt_id"]
        entry = self._backlog.history.get(prompt_id)
        return web.json_response({} if entry is None else {prompt_id: entry})

    async def _change_history(self, request: web.Request) -> web.Response:
        said = await _said(request)
        if said is None:
            return trouble()
        gone = list(self._backlog.history) if said.get("clear") else said.get("delete", [])
        for prompt_id in gone:
            self._backlog.history.pop(prompt_id, None)
        return web.Response()

    async def _interrupt(self, request: web.Request) -> web.Response:
        said = await _said(request) or {}
        self._backlog.interrupt(said.get("prompt_id") or None)
        return web.Response()

    async def _view(self, request: web.Request) -> web.StreamResponse:
        return await view(request, self._knobs, self._disk)

    async def _object_info(self, _request: web.Request) -> web.Response:
        return web.json_response({kind: self._knobs.definition(kind) for kind in self._knobs.nodes})

    async def _object_info_of(self, request: web.Request) -> web.Response:
        kind = request.match_info["kind"]
        definition = self._knobs.definition(kind)
        return web.json_response({} if definition is None else {kind: definition})

    async def _system_stats(self, _request: web.Request) -> web.Response:
        memory = 16 * 2**30
        system = {
            "os": "posix",
            "ram_total": memory,
            "ram_free": memory // 2,
            "comfyui_version": VERSION,
            "required_frontend_version": "1.27.10",
            "installed_templates_version": None,
            "required_templates_version": "0.1.95",
            "python_version": sys.version,
            "pytorch_version": "none: pictures are painted by mkdocs_comfy.testing",
            "embedded_python": False,
            "argv": ["main.py"],
        }
        device = {
            "name": "cpu",
            "type": "cpu",
            "index": None,
            "vram_total": memory,
            "vram_free": memory // 2,
            "torch_vram_total": memory,
            "torch_vram_free": memory // 2,
        }
        return web.json_response({"system": system, "devices": [device]})

    async def _features(self, _request: web.Request) -> web.Response:
        return web.json_response(self.features())

    async def _model_folders(self, _request: web.Request) -> web.Response:
        return web.json_response(list(self._knobs.models))

    async def _models(self, request: web.Request) -> web.Response:
        names = self._knobs.models.get(request.match_info["folder"])
        return web.Response(status=404) if names is None else web.json_response(names)


def trouble() -> web.Response:
    """Return what aiohttp says when a handler raises."""
    return web.Response(
        status=500, text="500 Internal Server Error\n\nServer got itself in trouble"
    )


def _bad(error: Mapping[str, Any], node_errors: dict[str, Any]) -> web.Response:
    return web.json_response({"error": error, "node_errors": node_errors}, status=400)


async def _said(request: web.Request) -> dict[str, Any] | None:
    """Return the JSON object of a body; ``None`` where it is none."""
    try:
        said = json.loads(await request.read())
    except ValueError:
        return None
    return said if isinstance(said, dict) else None
