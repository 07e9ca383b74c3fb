"""Fake servers in processes of their own, so that no client shares an interpreter with one."""

from __future__ import annotations

import multiprocessing
import signal
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Self

from workload import Moments

from mkdocs_comfy.testing import FakeComfyUI, flat_painter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

    from mkdocs_comfy.testing.knobs import Span

START_SECONDS = 60
USUAL = {
    "latency": 0.0,
    "step_seconds": 0.0,
    "previews": False,
    "picture": None,
    "silent_socket": False,
    "refuse_socket": False,
}


class Fake:
    """One FakeComfyUI in another process. A context manager.

    Times are those of ``time.perf_counter``, whose clock all processes of a machine share.

    Attributes:
        url: Where it listens.
    """

    def __init__(self) -> None:
        """Start it.

        Raises:
            RuntimeError: It did not start.
        """
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        if not self._pipe.poll(START_SECONDS):
            raise RuntimeError("a fake server did not start")
        self.url: str = self._pipe.recv()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.close()
        self._process.join()

    def set(self, **knobs: object) -> None:
        """Set attributes, the others as usual; forget all that was rendered and recorded before."""
        self._ask("set", USUAL | knobs)

    def done(self) -> int:
        """How many jobs have run since :meth:`set`."""
        return int(self._ask("done"))

    def submitted(self) -> int:
        """How many jobs it has taken since :meth:`set`."""
        return int(self._ask("submitted"))

    def spans(self) -> list[Span]:
        """When each of them ran."""
        return list(self._ask("spans"))

    def requests(self) -> list[float]:
        """When each request since :meth:`set` arrived, those for a socket included."""
        return list(self._ask("requests"))

    def _ask(self, what: str, knobs: object = None) -> Any:
        self._pipe.send((what, knobs))
        return self._pipe.recv()


@contextmanager
def fakes(count: int) -> Iterator[list[Fake]]:
    """``count`` of them, all started."""
    with ExitStack() as stack:
        yield [stack.enter_context(Fake()) for _ in range(count)]


def _serve(pipe: Connection) -> None:
    """Be the other process, until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the benchmark, which ends us
    with FakeComfyUI(painter=flat_painter, any_model=True) as comfyui:
        pipe.send(comfyui.url)
        while True:
            try:
                what, knobs = pipe.recv()
            except EOFError:
                return
            pipe.send(_answer(comfyui, what, knobs))


def _answer(comfyui: FakeComfyUI, what: str, knobs: dict[str, Any]) -> object:
    match what:
        case "done":
            return len(comfyui.spans)
        case "submitted":
            return len(comfyui.submissions)
        case "spans":
            return comfyui.spans
        case "requests":
            assert isinstance(comfyui.requests, Moments), "set() comes first"
            return comfyui.requests.at
        case _:
            comfyui.requests = Moments()
            comfyui.submissions, comfyui.executed, comfyui.spans = [], [], []
            comfyui.forget_history()
            comfyui.delete_outputs()
            for name, value in knobs.items():
                setattr(comfyui, name, value)
            return None
