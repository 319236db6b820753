"""Ctrl-C is not lost: while a command follows something, where Python only prints what is raised, and between two tasks."""

import asyncio
import gc
import signal
import sys
import threading
import time

import pytest
from support import limit

from wke.act.interrupt import wait_until_set
from wke.cli.ctrlc import press_again, waiting
from wke.cli.main import main


def test_the_first_ctrl_c_ends_the_waiting_and_nothing_else() -> None:
    """What is being done when Ctrl-C is pressed is done to its end, even where Python does not pass on what is raised."""
    before = signal.getsignal(signal.SIGINT)
    with waiting() as wait:
        assert wait(0)
        signal.raise_signal(signal.SIGINT)
        began = time.monotonic()
        assert not wait(600)
        assert not wait(600)
        assert time.monotonic() - began < 600
        assert signal.getsignal(signal.SIGINT) == before
    assert signal.getsignal(signal.SIGINT) == before


def test_a_second_ctrl_c_interrupts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person whose first Ctrl-C seems to have no effect presses it again."""
    monkeypatch.setattr(signal, "getsignal", lambda _: signal.default_int_handler)
    with waiting():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_an_ignored_signal_stays_ignored() -> None:
    """A shell lets commands in the background ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with waiting() as wait:
            signal.raise_signal(signal.SIGINT)
            assert wait(0)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


class Removed:
    """Ctrl-C is pressed while this is removed."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


class Overtaken(threading.Timer):
    """Its moment is over before it has started, as on a machine with much other work; but only the first one's."""

    made = 0

    def start(self) -> None:
        """Press Ctrl-C where nobody can be told."""
        Overtaken.made += 1
        if Overtaken.made == 1:
            signal.raise_signal(signal.SIGINT)
        super().start()


@pytest.mark.parametrize("timer", [threading.Timer, Overtaken])
def test_ctrl_c_is_pressed_again_where_python_only_prints_it(monkeypatch: pytest.MonkeyPatch, timer: type[threading.Timer]) -> None:
    """An exception that is raised while an object is removed goes nowhere: the command is interrupted a moment later."""
    monkeypatch.setattr(threading, "Timer", timer)
    monkeypatch.setattr(sys, "unraisablehook", press_again)
    made = [Removed()]
    made.clear()  # nothing is raised here
    with pytest.raises(KeyboardInterrupt):
        time.sleep(limit(60))


def test_other_lost_exceptions_are_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """They interrupt nothing."""
    monkeypatch.setattr(sys, "unraisablehook", press_again)
    made = [type("Removed", (), {"__del__": lambda _: 1 / 0})()]
    made.clear()
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_each_command_hears_a_lost_ctrl_c(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The command line sees to it before it does anything."""
    for name in ("set_threshold", "freeze"):
        monkeypatch.setattr(gc, name, lambda *_: None)
    monkeypatch.setattr(sys, "unraisablehook", sys.__unraisablehook__)
    monkeypatch.setattr(sys, "argv", ["wke", "--version"])
    with pytest.raises(SystemExit):
        main()
    assert sys.unraisablehook is press_again
    assert capsys.readouterr().out.startswith("wke, version")


@pytest.mark.parametrize("turns", range(6))
def test_a_cancellation_is_not_lost_when_the_event_is_set_at_the_same_time(turns: int) -> None:
    """Whenever it comes, before, with or after the event: the waiter is cancelled, or had returned before."""

    async def body() -> None:
        event = asyncio.Event()
        waiter = asyncio.ensure_future(wait_until_set(event, limit(60)))
        for _ in range(3):
            await asyncio.sleep(0)
        event.set()
        for _ in range(turns):
            await asyncio.sleep(0)
        asked = waiter.cancel()
        await asyncio.wait([waiter])
        assert waiter.cancelled() == asked

    asyncio.run(body())
