"""The event loop behind synchronous scripts: results, errors, interruptions."""

import asyncio
import threading
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor

import pytest

from wke.api import engine as module
from wke.api.engine import engine


async def answer() -> int:
    """Take a turn of the loop."""
    await asyncio.sleep(0)
    return 42


async def fail() -> None:
    """Fail after a turn of the loop."""
    await asyncio.sleep(0)
    raise LookupError("no")


def test_a_call_returns_what_the_coroutine_does() -> None:
    """Its result or its error; there is one engine a process."""
    assert engine().call(answer()) == 42
    with pytest.raises(LookupError, match="no"):
        engine().call(fail())
    assert engine() is engine()
    assert not engine().is_here


def test_threads_that_come_at_once_get_one_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first calls of a process may come from several threads; the same holds for the machines of a cluster's file."""
    made: list[object] = []

    class SlowEngine(module.Engine):
        def __init__(self) -> None:
            time.sleep(0.02)  # the others come meanwhile, as they do when a thread takes long to start
            super().__init__()
            made.append(self)

    monkeypatch.setattr(module, "_engines", [])
    monkeypatch.setattr(module, "Engine", SlowEngine)
    barrier = threading.Barrier(16)
    with ThreadPoolExecutor(16) as threads:
        got = list(threads.map(lambda _: barrier.wait() is None or engine(), range(16)))
    assert len(made) == 1
    assert {id(one) for one in got} == {id(made[0])}


def test_work_goes_on_by_itself() -> None:
    """Submitted, it ends when it ends; cancelled, it ends cancelled."""
    gate = threading.Event()

    async def work() -> str:
        return await asyncio.to_thread(gate.wait) and "done"

    first = engine().submit(work())
    assert not first.end.done()
    gate.set()
    assert first.end.result(5) == "done"
    second = engine().submit(asyncio.Event().wait())
    second.cancel()
    with pytest.raises(CancelledError):
        second.end.result(5)
