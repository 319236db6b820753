"""Opening a connection to a machine: tries again while its ssh server is too busy, and names the stage that failed."""

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from wke.act.connection.connection import NO_ANSWER, Connection, Trace
from wke.act.connection.link import Way
from wke.act.pipes import Pipes
from wke.errors import MachineError

if TYPE_CHECKING:
    from wke.act.connection.diagnosis import Failure

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 3.0


async def open_connection(
    machine: str,
    transport: Sequence[str],
    *,
    deadline_s: float,
    lease_s: float,
    environment: Mapping[str, str] | None = None,
    python: str | None = None,
    begun: Pipes | None = None,
    made: Callable[[str, float], Connection] = Connection,
) -> Connection:
    """Start an agent on a machine, in `python` if that is given, and return the connection to it, which is `made(machine, lease_s)`.

    If the transport's process has `begun`, the first attempt uses that.

    Tries again, at random moments, while the machine's ssh server is too busy to listen. Raises MachineError, with the stage that failed,
    OpenSSH's message and what to try, at the latest after `deadline_s`. Without a heartbeat for `lease_s` the machine stops all we started.
    """
    deadline = time.monotonic() + deadline_s
    pause = FIRST_PAUSE_S
    way = Way(transport, environment or {}, python, begun)
    while True:
        connection = made(machine, lease_s)
        failure = await _attempt(connection, way, deadline)
        if failure is None:
            return connection
        wait = random.uniform(pause / 2, pause)
        if not failure.cause.passing or time.monotonic() + wait >= deadline:
            raise failure.error(machine)
        way = replace(way, begun=None)
        await asyncio.sleep(wait)
        pause = min(LONGEST_PAUSE_S, 2 * pause)


async def _attempt(connection: Connection, way: Way, deadline: float) -> "Failure | None":
    """Try once; leave nothing behind unless it worked."""
    began = time.monotonic()
    greeted = False
    what, trace = "", Trace()
    try:
        async with asyncio.timeout(deadline - began):
            await connection.greet(way)
        greeted = True
    except TimeoutError:
        what = f"{NO_ANSWER} within {time.monotonic() - began:.0f} s"
    except OSError as error:
        what = f"cannot start {error.filename or way.transport[0]}: {error.strerror}"
    except MachineError as error:
        what = str(error)
    finally:
        if not greeted:
            trace = await connection.abort()
    if greeted:
        return None
    from wke.act.connection.diagnosis import Failure  # noqa: PLC0415 - only when it failed

    return Failure(what, trace, way.transport)
