"""A ComfyUI server on a real socket, in a thread of its own, that paints in the place of a GPU."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs_comfy.testing.hosting import Hosted
from mkdocs_comfy.testing.knobs import CrashPoint, Knobs
from mkdocs_comfy.testing.machine import Machine
from mkdocs_comfy.testing.nodes import default_models, default_nodes, models_of

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Mapping, Sequence

    from mkdocs_comfy.testing.node_words import Definition
    from mkdocs_comfy.testing.png import Painter


class FakeComfyUI(Knobs, Hosted[Machine]):
    """A server with the manners of ComfyUI 0.3.64, failures on demand included.

    :meth:`answer` takes as its route one without ``/api``, such as ``/history``, which stands for
    all below it; a whole path; or ``*`` for every route. The most exact one counts.

    With ``jobs_api`` it has those of 0.38, as far as a client that renders sees them.

    A context manager; or :meth:`start` and :meth:`stop`. All settings and records of
    :class:`~mkdocs_comfy.testing.knobs.Knobs` are attributes.

    Args:
        painter: Makes the pictures; by default those of :mod:`mkdocs_comfy.testing.painting`.
            :func:`~mkdocs_comfy.testing.flat_painter` is the quick one.
        nodes: Node definitions in the place of the built-in ones, as ``/object_info`` gives them.
        models: Folder -> model files; by default those that the definitions name, or some usual
            ones where there are no ``nodes``.
        latency: See :class:`~mkdocs_comfy.testing.knobs.Knobs`; in seconds.
        history_lag: Likewise.
        previews: Likewise.
        any_model: Likewise.
        jobs_api: Likewise.
        tls: Likewise.
        host: Address to listen on.
        port: Port to listen on; 0 for a free one.
    """

    def __init__(
        self,
        *,
        painter: Painter | None = None,
        nodes: Mapping[str, Definition] | None = None,
        models: Mapping[str, Sequence[str]] | None = None,
        latency: float = 0.0,
        history_lag: float = 0.0,
        previews: bool = False,
        any_model: bool = False,
        jobs_api: bool = False,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        if models is None:
            models = default_models() if nodes is None else models_of(nodes)
        Knobs.__init__(
            self,
            painter=_paint_for_real if painter is None else painter,
            nodes=default_nodes() if nodes is None else dict(nodes),
            models={folder: list(names) for folder, names in models.items()},
            latency=latency,
            history_lag=history_lag,
            previews=previews,
            any_model=any_model,
            jobs_api=jobs_api,
            tls=tls,
        )
        Hosted.__init__(self, self._machine_on_disk, host=host, port=port)

    def stop(self) -> None:
        """Close every connection, forget everything and remove the pictures. May be repeated.

        Raises:
            RuntimeError: The server broke down before, by a fault of its own.
        """
        machine = self._machine
        super().stop()
        if machine is not None and machine.fault is not None:
            raise RuntimeError("FakeComfyUI broke down") from machine.fault

    def delete_outputs(self) -> None:
        """Remove every picture from the server's disk; outputs still name them."""
        self._call(self._running().delete_outputs())

    def clear_queue(self) -> None:
        """Remove every job that waits, as another user would; the running one goes on."""
        self._call(self._running().clear_queue())

    def forget_history(self) -> None:
        """Lose the history of every job that is done, as a server does with old entries."""
        self._call(self._running().forget_history())

    def hold(self) -> None:
        """Let jobs start, and none of them end."""
        self._call(self._running().hold())

    def release(self) -> None:
        """End :meth:`hold`."""
        self._call(self._running().release())

    def broadcast(self, frame: str | bytes) -> None:
        """Say ``frame`` on every open socket, whatever it is."""
        self._call(self._running().broadcast(frame))

    def close_sockets(self) -> None:
        """Close every open socket, as a proxy does with those that are quiet for long."""
        self._call(self._running().close_sockets())

    def enqueue_foreign(self, seconds: float) -> str:
        """Queue somebody else's job that takes ``seconds``; return its prompt id."""
        return self._call(self._running().enqueue_foreign(seconds))

    def interrupt(self, prompt_id: str) -> None:
        """Interrupt a job, if it runs, as another user would."""
        self._call(self._running().interrupt(prompt_id))

    def crash(self) -> None:
        """Die as by ``kill -9``: reset connections, close the port, lose queue and history.

        Pictures stay on the disk, records stay, and :meth:`restart` brings the server back.
        """
        self._call(self._running().crash())

    def crash_when(self, point: CrashPoint, *, restart_after: float | None = None) -> None:
        """Crash once, at a point of the next job.

        Args:
            point: ``"submitted"``: the job was accepted, and its reply is lost; ``"running"``: it
                is at work.
            restart_after: Seconds until the server is back; ``None`` for never.
        """
        self.crash_point, self.restart_after = point, restart_after

    def restart(self, after: float = 0.0) -> None:
        """Come back on the same port with an empty queue and history.

        A running server crashes first. Returns at once where ``after``, in seconds, is not 0.
        """
        self._call(self._running().restart(after))

    @property
    def _scheme(self) -> str:
        return "http" if self.tls is None else "https"

    @contextlib.contextmanager
    def _machine_on_disk(self) -> Iterator[Machine]:
        with (
            tempfile.TemporaryDirectory(prefix="fake-comfyui-") as folder,
            contextlib.closing(Machine(self, Path(folder).resolve())) as machine,
        ):
            yield machine


def _paint_for_real(
    prompt: str, seed: int, size: tuple[int, int], *, negative: str = "", steps: int = 20
) -> bytes:
    """Paint a picture that is pleasant to look at; Pillow is imported for the first."""
    from mkdocs_comfy.testing.painting import paint  # noqa: PLC0415  # heavy

    return paint(prompt, seed, size, negative=negative, steps=steps)
