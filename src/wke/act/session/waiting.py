"""Waiting for several things at once."""

import asyncio
from collections.abc import Collection, Iterable
from typing import Any


async def first_of(*waits: asyncio.Future[Any], timeout_s: float | None = None) -> None:
    """Return when the first of them is done, or the time is up."""
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED, timeout=timeout_s)


def when_all(waits: Collection[asyncio.Future[Any]]) -> asyncio.Future[None]:
    """Return a future that is done when all of them are, or one has failed, and then fails with that.

    It costs one callback for each, and they go on when it is cancelled: `gather` with `shield` makes three more objects of each.
    """
    together: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    left = len(waits)

    def note(wait: asyncio.Future[Any]) -> None:
        nonlocal left
        left -= 1
        error = None if wait.cancelled() else wait.exception()
        if not together.done() and (error is not None or not left):
            together.set_result(None) if error is None else together.set_exception(error)

    for wait in waits:
        wait.add_done_callback(note)
    if not waits:
        together.set_result(None)
    return together


async def cancel_all(waits: Iterable[asyncio.Future[Any]]) -> None:
    """Cancel and wait for each; their results no longer matter."""
    pending = list(waits)
    for wait in pending:
        wait.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
