"""From synchronous code into the event loop and back, ending well when a signal asks for it."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import TypeVar

from wke.errors import AskedToEndError

T = TypeVar("T")


def run_to_end(main: Coroutine[object, object, T]) -> T:
    """Run `main` to its end and return its result.

    Ctrl-C, SIGTERM and SIGHUP (a closed terminal) cancel it, so that it stops what it started before this returns: Ctrl-C then raises
    KeyboardInterrupt, the others AskedToEndError. A second Ctrl-C does not wait for that. A signal that is ignored already, as SIGHUP is
    under `nohup`, stays ignored.
    """
    asked: list[signal.Signals] = []

    async def guarded() -> T:
        task = asyncio.current_task()
        loop = asyncio.get_running_loop()

        def end(number: signal.Signals) -> None:
            asked.append(number)
            if task is not None:
                task.cancel()

        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                loop.add_signal_handler(number, end, number)
        return await main

    try:
        return asyncio.run(guarded())
    except asyncio.CancelledError:
        raise AskedToEndError(f"asked to end by {asked[0].name if asked else 'cancellation'}") from None


async def wait_until_set(event: asyncio.Event, within_s: float) -> None:
    """Return as soon as the event is set, or after `within_s` seconds.

    `asyncio.wait_for` of Python 3.11 forgets that it was cancelled, and with that Ctrl-C, if the event is set in the same moment.
    """
    waiting = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait([waiting], timeout=within_s)
    finally:
        waiting.cancel()
