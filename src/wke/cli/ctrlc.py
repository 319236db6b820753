"""Ctrl-C that is not lost: for commands that do something again and again, and where Python only prints what is raised."""

import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

AGAIN_S = 0.01


@contextmanager
def waiting() -> Iterator[Callable[[float], bool]]:
    """Yield a function that waits for a number of seconds and returns True, or False as soon as Ctrl-C was pressed.

    The first Ctrl-C interrupts nothing else: an exception in the middle of a drawing would leave half of it. A second Ctrl-C raises
    KeyboardInterrupt. If the signal is ignored, it stays ignored.
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


def press_again(lost: "sys.UnraisableHookArgs") -> None:
    """Take an exception that Python cannot pass on, such as one raised while an object is removed (`sys.unraisablehook`).

    If that was Ctrl-C, it is pressed again a moment later, when Python may be where it can be passed on. Anything else is printed.
    """
    if lost.exc_type is not KeyboardInterrupt:
        sys.__unraisablehook__(lost)
        return
    while True:
        try:
            again = threading.Timer(AGAIN_S, os.kill, (os.getpid(), signal.SIGINT))
            again.daemon = True
            again.start()
        except KeyboardInterrupt:  # the moment is over already, or it was pressed once more: what is raised here would be lost, too
            continue
        else:
            return
