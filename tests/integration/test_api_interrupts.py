"""The synchronous API in processes of its own: interrupts and forks."""

import asyncio
import os
import subprocess
import sys

import pytest
from support import limit

from wke.api.engine import engine


async def answer() -> int:
    """Take a turn of the loop."""
    await asyncio.sleep(0)
    return 42


INTERRUPTED = """
import asyncio, os, signal
from wke.api.engine import engine

async def work():
    try:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0.05)
        print("stopped", flush=True)

try:
    engine().call(work())
except KeyboardInterrupt:
    print("interrupted")
"""


def test_an_interrupted_call_returns_when_the_work_has_stopped() -> None:
    """Ctrl-C cancels it and waits for what it does on its way out; in a process of its own, for the signal would end pytest's worker."""
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, check=True, timeout=limit(60))
    assert done.stdout == "stopped\ninterrupted\n"


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_has_an_engine_of_its_own() -> None:
    """The parent's thread is not there, so its loop would wait for ever."""
    engine().call(answer())
    child = os.fork()
    if not child:
        os._exit(engine().call(answer()))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 42
