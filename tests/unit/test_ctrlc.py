"""Ctrl-C while a command follows something."""

import signal
import time

import pytest

from wke.cli.ctrlc import waiting


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
