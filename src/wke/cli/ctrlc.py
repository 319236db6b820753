"""Ctrl-C for commands that do something again and again: it ends them between two steps."""

import os
import select
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def waiting() -> Iterator[Callable[[float], bool]]:
    """Yield a function that waits for a number of seconds and returns True, or False as soon as Ctrl-C was pressed.

    The first Ctrl-C interrupts nothing else: an exception in the middle of a drawing would be lost wherever Python only prints what
    is raised, as when it removes an object. A second Ctrl-C raises KeyboardInterrupt. If the signal is ignored, it stays ignored.
    """
    reader, writer = os.pipe()
    before = signal.getsignal(signal.SIGINT)

    def end(number: int, _: FrameType | None) -> None:
        os.write(writer, b"\0")
        signal.signal(number, before)

    if before is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, end)
    try:
        yield lambda seconds: not select.select([reader], [], [], seconds)[0]
    finally:
        signal.signal(signal.SIGINT, before)
        os.close(reader)
        os.close(writer)
