"""Signals that end a build: Ctrl-C and SIGTERM, in the main thread."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType


class Terminated(BaseException):
    """SIGTERM, on its way through the cleaning up."""


@contextmanager
def stoppable(last_word: Callable[[], None]) -> Iterator[None]:
    """Let SIGTERM unwind the block as Ctrl-C does; a second Ctrl-C ends the process at once.

    After the block SIGTERM does what it would have done without us. Handlers of others are left
    in place, but for that.

    Args:
        last_word: Called when the block is unwound and SIGTERM is about to end the process.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with _terminable(last_word), _interruptible():
        yield


@contextmanager
def _terminable(last_word: Callable[[], None]) -> Iterator[None]:
    previous = signal.getsignal(signal.SIGTERM)
    if previous is None or previous == signal.SIG_IGN:  # None: it could not be restored
        yield
        return

    def terminate(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # cleaning up is bounded: once is enough
        raise Terminated

    signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    except Terminated:
        last_word()
        signal.signal(signal.SIGTERM, previous)
        signal.raise_signal(signal.SIGTERM)
        raise SystemExit(128 + signal.SIGTERM) from None
    finally:
        signal.signal(signal.SIGTERM, previous)


@contextmanager
def _interruptible() -> Iterator[None]:
    previous = signal.getsignal(signal.SIGINT)
    if previous is not signal.default_int_handler:
        yield
        return

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        # Threads that encode would be waited for, here and once more when Python ends.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
