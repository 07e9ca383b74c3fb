"""Runs jobs, one at a time: the order of frames, results and faults is that of ComfyUI 0.3.64."""

from __future__ import annotations

import asyncio
import random
import string
import time
import uuid
from graphlib import CycleError
from typing import TYPE_CHECKING, Any

from mkdocs_comfy.testing.files import OutsideError, expand_prefix
from mkdocs_comfy.testing.frames import Run
from mkdocs_comfy.testing.knobs import Span
from mkdocs_comfy.testing.ordering import execution_order, reachable, signatures
from mkdocs_comfy.testing.pace import Pace, StoppedError, workers_of
from mkdocs_comfy.testing.png import with_text
from mkdocs_comfy.testing.tracing import is_sampler, picture_of, steps_of, takes_picture, text_of
from mkdocs_comfy.testing.transcoding import preview_jpeg

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from mkdocs_comfy.testing.files import Disk
    from mkdocs_comfy.testing.gallery import Gallery
    from mkdocs_comfy.testing.jobs import Backlog, Job
    from mkdocs_comfy.testing.knobs import Knobs
    from mkdocs_comfy.testing.sockets import Sessions

# Classes whose pictures stay in memory; every other output node saves files.
STREAMS = "SaveImageWebsocket"
PREVIEWS = "PreviewImage"
CYCLE = "comfy_execution.graph.DependencyCycleError"


class NodeRaisedError(Exception):
    """A node failed: a real exception's full name and text."""

    def __init__(self, exception_type: str, message: str) -> None:
        super().__init__(message)
        self.exception_type = exception_type


class Executor:
    """The part of a server that works through its queue.

    Args:
        knobs: Settings and records.
        backlog: Where jobs come from and results go to.
        sessions: Who listens.
        disk: Where pictures are saved.
        gallery: Who paints them.
        gate: Awaited before the last step of a job; a test holds or crashes the server there.
    """

    def __init__(
        self,
        *,
        knobs: Knobs,
        backlog: Backlog,
        sessions: Sessions,
        disk: Disk,
        gallery: Gallery,
        gate: Callable[[Job], Awaitable[None]],
    ) -> None:
        self._knobs, self._backlog, self._sessions = knobs, backlog, sessions
        self._disk, self._gallery, self._gate = disk, gallery, gate
        # Signature of a node -> what it left for the user (None: nothing); of the last job only.
        self._results: dict[str, dict[str, Any] | None] = {}
        letters = random.choices(string.ascii_lowercase, k=5)  # noqa: S311  # a file name, no secret
        self._temp_suffix = "_temp_" + "".join(letters)

    async def work(self) -> None:
        """Run what is queued, for ever."""
        while True:
            job = self._backlog.start_next()
            if job is None:
                await self._backlog.arrived.wait()
                continue
            await self._run(job)

    def forget(self) -> None:
        """Lose all results, as a killed process does."""
        self._results = {}

    async def _run(self, job: Job) -> None:
        began = time.perf_counter()
        run = Run(job, self._sessions)
        self._sessions.running_for = job.client_id
        paintings: dict[str, asyncio.Future[list[bytes]]] = {}
        try:
            await self._execute(run, paintings)
        except StoppedError:
            run.interrupted()
            self._knobs.interrupted.append(job.id)
        except NodeRaisedError as error:
            run.failed(error.exception_type, str(error))
            self._knobs.failed.append(job.id)
        else:
            run.succeeded()
            self._knobs.executed.append(job.id)
        finally:
            for painting in paintings.values():
                painting.cancel()
            self._knobs.spans.append(Span(prompt_id=job.id, began=began, ended=time.perf_counter()))
        await self._sessions.settle()
        if self._knobs.history_lag > 0:
            await asyncio.sleep(self._knobs.history_lag)
        self._backlog.finish(job, run.entry())
        run.over()
        self._sessions.running_for = self._sessions.running_node = None

    async def _execute(self, run: Run, paintings: dict[str, asyncio.Future[list[bytes]]]) -> None:
        job, graph = run.job, run.job.graph
        began = asyncio.get_running_loop().time()
        nodes = reachable(graph, job.outputs)
        try:
            signed = signatures(graph, nodes, salt={STREAMS: uuid.uuid4().hex})
        except CycleError as error:
            run.started([])
            run.blame(error.args[1][0])
            raise NodeRaisedError(CYCLE, "Dependency cycle detected") from error
        self._results = {
            signature: self._results[signature]
            for signature in signed.values()
            if signature in self._results
        }
        cached = {node for node in nodes if signed[node] in self._results}
        sinks = {node for node in nodes if self._knobs.is_sink(graph[node]["class_type"])}
        order = list(execution_order(graph, job.outputs, cached=cached, sinks=sinks))
        run.started([node for node in nodes if node in cached])
        for node in order:
            if node in sinks - cached and takes_picture(graph[node]["inputs"]):
                paintings[node] = self._gallery.begin(picture_of(graph, node))
        workers = workers_of(graph, order, cached=cached, sinks=sinks)
        pace = Pace(
            job=job,
            began=began,
            seconds=self._seconds(job, workers),
            workers=workers,
        )
        if not pace.workers:
            await self._gate(job)
        for node in order:
            if node in cached:
                run.again(node, self._results[signed[node]])
                continue
            run.begin(node)
            await self._node(run, node, pace, paintings.get(node))
            if node not in paintings or node in run.outputs:
                self._results[signed[node]] = run.outputs.get(node)
            run.end(node)

    def _seconds(self, job: Job, workers: Sequence[str]) -> float:
        """Return what a job takes whose ``workers`` have anything left to do."""
        if job.seconds is not None:
            return job.seconds
        inputs = [job.graph[node]["inputs"] for node in workers]
        steps = sum(steps_of(job.graph, each) for each in inputs if is_sampler(each))
        return self._knobs.latency + self._knobs.step_seconds * steps

    async def _node(
        self, run: Run, node: str, pace: Pace, painting: asyncio.Future[list[bytes]] | None
    ) -> None:
        if run.job.stop.is_set():
            raise StoppedError
        self._maybe_fail(run, node, pace)
        if node in pace.workers:
            await self._labour(run, node, pace)
        if painting is not None:
            await pace.unless_stopped(painting)
            if (error := painting.exception()) is not None:
                raise NodeRaisedError(type(error).__name__, str(error))
            if not self._knobs.without_images:
                self._deliver(run, node, painting.result())

    def _maybe_fail(self, run: Run, node: str, pace: Pace) -> None:
        failure = self._knobs.fail_with
        if failure is None:
            return
        targets = {node, run.job.graph[node]["class_type"]}
        if failure.node in targets or (
            failure.node is None and (node in pace.workers or not pace.workers)
        ):
            raise NodeRaisedError(failure.exception_type, failure.message)

    async def _labour(self, run: Run, node: str, pace: Pace) -> None:
        """Take the time that a node takes, and tell of each step if it samples."""
        inputs = run.job.graph[node]["inputs"]
        samples = is_sampler(inputs)
        steps = steps_of(run.job.graph, inputs) if samples else 1
        for step in range(1, steps + 1):
            if step == steps and node == pace.workers[-1]:
                await self._gate(run.job)
            await pace.until(node, step / steps)
            if samples:
                run.step(node, step, steps)
                if self._knobs.previews:
                    run.preview(node, preview_jpeg(picture_of(run.job.graph, node), step))

    def _deliver(self, run: Run, node: str, pictures: list[bytes]) -> None:
        """Save or stream a batch, as the node's class does."""
        inputs, kind = run.job.graph[node]["inputs"], run.job.graph[node]["class_type"]
        if kind == STREAMS:
            for index, picture in enumerate(pictures):
                run.step(node, index, len(pictures))
                self._sessions.post_png(picture, run.job.client_id)
            run.stepped(node, len(pictures), len(pictures))
            return
        temporary = kind == PREVIEWS
        prefix = (
            "ComfyUI" + self._temp_suffix
            if temporary
            else text_of(run.job.graph, inputs.get("filename_prefix", "ComfyUI"))
        )
        size = picture_of(run.job.graph, node).size
        texts = run.texts()
        try:
            saved = self._disk.save(
                "temp" if temporary else "output",
                expand_prefix(prefix, size, time.localtime()),
                [with_text(picture, texts) for picture in pictures],
            )
        except OutsideError as error:
            raise NodeRaisedError("Exception", str(error)) from error
        except (OSError, ValueError) as error:
            raise NodeRaisedError(type(error).__name__, str(error)) from error
        run.produced(node, {"images": [each.as_json() for each in saved]})
