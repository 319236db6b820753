"""Waiting for several things at once."""

import asyncio
from collections.abc import Iterable
from typing import Any


async def first_of(*waits: asyncio.Future[Any], timeout_s: float | None = None) -> None:
    """Return when the first of them is done, or the time is up."""
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED, timeout=timeout_s)


async def cancel_all(waits: Iterable[asyncio.Future[Any]]) -> None:
    """Cancel and wait for each; their results no longer matter."""
    pending = list(waits)
    for wait in pending:
        wait.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
