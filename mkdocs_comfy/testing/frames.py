"""One run of one job: what its client hears, and what the history will say of it.

Shapes and order are those of recordings of ComfyUI 0.3.64.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from mkdocs_comfy.testing.tracing import is_link

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mkdocs_comfy.testing.jobs import Job
    from mkdocs_comfy.testing.sockets import Sessions


class Run:
    """The frames and the history entry of a job while it runs.

    Attributes:
        job: The job.
        outputs: Node id -> what it left for the user, in the order of execution.
    """

    def __init__(self, job: Job, sessions: Sessions) -> None:
        self.job = job
        self.outputs: dict[str, dict[str, Any]] = {}
        self._sessions = sessions
        self._states: dict[str, dict[str, Any]] = {}
        self._messages: list[tuple[str, dict[str, Any]]] = []
        self._ran: list[str] = []
        self._node = ""

    def started(self, cached: Sequence[str]) -> None:
        """The job begins; the results of ``cached`` nodes are known."""
        self._announce("execution_start", {"prompt_id": self.job.id})
        self._announce("execution_cached", {"nodes": list(cached), "prompt_id": self.job.id})

    def begin(self, node: str) -> None:
        """A node begins."""
        self._node = self._sessions.running_node = node
        self._state(node, 0.0, 1.0, "running")
        self._tell("executing", {"node": node, "display_node": node, "prompt_id": self.job.id})

    def blame(self, node: str) -> None:
        """A node is at fault before any has begun."""
        self._node = node

    def step(self, node: str, value: int, most: int) -> None:
        """A node has done ``value`` of ``most`` steps."""
        self._state(node, value, most, "running")
        said = {"value": value, "max": most, "prompt_id": self.job.id, "node": node}
        self._tell("progress", said)

    def stepped(self, node: str, value: int, most: int) -> None:
        """As :meth:`step`, but nobody is told yet."""
        self._states[node] |= {"value": value, "max": most}

    def preview(self, node: str, image: bytes) -> None:
        """A sampler shows what it has so far."""
        self._sessions.post_preview(image, self._about(node), self.job.client_id)

    def produced(self, node: str, output: dict[str, Any]) -> None:
        """An output node has left something."""
        self.outputs[node] = output
        said = {"node": node, "display_node": node, "output": output, "prompt_id": self.job.id}
        self._tell("executed", said)

    def end(self, node: str) -> None:
        """A node is done."""
        self._ran.append(node)
        most = self._states[node]["max"]
        self._state(node, most, most, "finished")

    def again(self, node: str, output: dict[str, Any] | None) -> None:
        """An output node is cached: its old output counts, where somebody listens.

        Without a client_id, servers before 0.28 leave the output out of the history.
        """
        if output is not None and self.job.client_id is not None:
            self.produced(node, output)
        self._state(node, 1, 1, "finished")

    def succeeded(self) -> None:
        """All nodes are done; the history does not know yet."""
        self._announce("execution_success", {"prompt_id": self.job.id})

    def failed(self, exception_type: str, message: str) -> None:
        """The node that runs has raised."""
        inputs = self.job.graph[self._node]["inputs"]
        self._announce(
            "execution_error",
            {
                **self._where(),
                "exception_message": message,
                "exception_type": exception_type,
                "traceback": ['  File "execution.py", in execute\n'],
                "current_inputs": {name: [_shown(value)] for name, value in inputs.items()},
                "current_outputs": list(self.job.graph),
            },
        )

    def interrupted(self) -> None:
        """Somebody stopped the job; everybody hears of it."""
        self._announce("execution_interrupted", self._where(), everybody=True)

    def over(self) -> None:
        """The history has the job."""
        self._tell("executing", {"node": None, "prompt_id": self.job.id})

    def entry(self) -> dict[str, Any]:
        """Return what the history says of this run, without the job itself."""
        good = self._messages[-1][0] == "execution_success"
        return {
            "outputs": self.outputs,
            "status": {
                "status_str": "success" if good else "error",
                "completed": good,
                "messages": [list(message) for message in self._messages],
            },
            "meta": {
                node: {
                    "node_id": node,
                    "display_node": node,
                    "parent_node": None,
                    "real_node_id": node,
                }
                for node in self.outputs
            },
        }

    def texts(self) -> dict[str, str]:
        """Return the text chunks of a saved picture: the graph, and what the client sent along."""
        extra = self.job.extra_data.get("extra_pnginfo")
        chunks = {"prompt": self.job.graph, **(extra if isinstance(extra, dict) else {})}
        return {key: json.dumps(value) for key, value in chunks.items()}

    def _where(self) -> dict[str, Any]:
        return {
            "prompt_id": self.job.id,
            "node_id": self._node,
            "node_type": self.job.graph[self._node]["class_type"],
            "executed": list(self._ran),
        }

    def _about(self, node: str) -> dict[str, Any]:
        return {
            "node_id": node,
            "prompt_id": self.job.id,
            "display_node_id": node,
            "parent_node_id": None,
            "real_node_id": node,
        }

    def _state(self, node: str, value: float, most: float, state: str) -> None:
        self._states[node] = {"value": value, "max": most, "state": state, **self._about(node)}
        self._tell("progress_state", {"prompt_id": self.job.id, "nodes": self._states})

    def _announce(self, event: str, data: dict[str, Any], *, everybody: bool = False) -> None:
        """Tell the client, and keep it for the history."""
        said = {**data, "timestamp": time.time_ns() // 1_000_000}
        self._messages.append((event, said))
        if everybody:
            self._sessions.post(event, said)
        else:
            self._tell(event, said)

    def _tell(self, event: str, data: dict[str, Any]) -> None:
        if self.job.client_id is not None:
            self._sessions.post(event, data, self.job.client_id)


def _shown(value: object) -> object:
    """Return an input as an error report shows it: plain values as they are, others as text."""
    if is_link(value) or not isinstance(value, str | int | float | bool | None):
        return str(value)
    return value
