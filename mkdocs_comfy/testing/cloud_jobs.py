"""The jobs of a fake server of Comfy API v2, and the documents that tell of them."""

from __future__ import annotations

import asyncio
import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mkdocs_comfy.testing.cloud import CloudKnobs

OVER = frozenset({"succeeded", "canceled", "failed", "expired"})
"""States that are left no more."""

_KEPT = timedelta(hours=24)


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


class CloudQueue:
    """What the server has to do, and has done.

    Args:
        knobs: Settings and records.

    Attributes:
        jobs: Id → job, in the order of arrival.
        pictures: Asset id → the bytes of a picture.
        url: Where the server is, once that is known.
        storage_url: Where pictures are kept, once that is known.
        free: Cleared while no job is to end.
    """

    def __init__(self, knobs: CloudKnobs) -> None:
        self.jobs: dict[str, CloudJob] = {}
        self.pictures: dict[str, bytes] = {}
        self.url = self.storage_url = ""
        self.free = asyncio.Event()
        self.free.set()
        self._knobs = knobs
        self._waiting: asyncio.Queue[CloudJob] = asyncio.Queue()

    def take(self, job: CloudJob) -> CloudJob:
        """Queue a job."""
        self.jobs[job.id] = job
        self._waiting.put_nowait(job)
        return job

    async def work(self) -> None:
        """Run one job after the other, until this is cancelled."""
        while True:
            job = await self._waiting.get()
            if job.status == "queued" and job.id in self.jobs:
                job.become("running")
                await self._run(job)

    async def _run(self, job: CloudJob) -> None:
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + job.seconds
        while job.status == "running" and (loop.time() < ends_at or not self.free.is_set()):
            await asyncio.sleep(0.005)
            if job.id not in self.jobs:
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
            self.pictures[asset] = self._knobs.painter(said, 0, sizes[0] if sizes else (64, 64))
            outputs.append({"node_id": node_id, "id": asset, "name": f"{asset}.png"})
        return outputs

    @staticmethod
    def stop(job: CloudJob) -> None:
        """Cancel a job, unless it is over."""
        if job.status == "queued":
            job.become("canceled")
        elif job.status == "running":
            job.become("canceling")

    def document(self, job: CloudJob) -> dict[str, Any]:
        """What the API says of a job."""
        status = job.status
        if status in OVER and job.expires > 0:
            job.expires -= 1
            status = "expired"
        waiting = [each.id for each in self.jobs.values() if each.status == "queued"]
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
        here = f"{self.url}/api/v2/assets/{asset}/content"
        until = datetime.now(UTC) + _KEPT
        return {
            **output,
            "type": "image",
            "content_type": "image/png",
            "size_bytes": len(self.pictures[asset]),
            "hash": None,
            "url": f"{self.storage_url}/{asset}?signature=s" if self._knobs.storage else here,
            "url_expires_at": until.isoformat(),
            "job_id": job.id,
        }
