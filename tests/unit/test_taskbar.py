"""Progress codes go to terminals that are known to take them, and to nothing else."""

import sys
from collections.abc import Mapping

import pytest

from wke.tell.terminal.taskbar import Taskbar, takes_progress


@pytest.mark.parametrize(
    ("environment", "takes"),
    [
        ({}, False),
        ({"TERM": "xterm-256color"}, False),
        ({"TERM_PROGRAM": "ghostty"}, True),
        ({"TERM_PROGRAM": "WezTerm"}, True),
        ({"TERM_PROGRAM": "WezTerm", "TERM": "dumb"}, False),
        ({"TERM_PROGRAM": "ghostty", "TMUX": "/tmp/tmux-0/default,1,0"}, False),
        ({"WT_SESSION": "1"}, True),
        ({"WT_SESSION": "1", "STY": "1.screen"}, False),
        ({"ConEmuANSI": "ON"}, True),
        ({"ConEmuANSI": "OFF"}, False),
        ({"TERM_PROGRAM": "iTerm.app", "TERM_PROGRAM_VERSION": "3.6.6"}, True),
        ({"TERM_PROGRAM": "iTerm.app", "TERM_PROGRAM_VERSION": "3.10"}, True),
        ({"TERM_PROGRAM": "iTerm.app", "TERM_PROGRAM_VERSION": "3.5.14"}, False),
        ({"TERM_PROGRAM": "iTerm.app", "TERM_PROGRAM_VERSION": "beta"}, False),
        ({"TERM_PROGRAM": "Apple_Terminal"}, False),
    ],
)
def test_which_terminals_take_the_codes(environment: Mapping[str, str], takes: bool) -> None:  # noqa: FBT001 - a case
    """Those that name themselves in the environment, and not through another program between them and us."""
    assert takes_progress(environment) == takes


def test_a_pipe_gets_no_codes(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the environment says: what is not a terminal is a file that somebody reads."""
    monkeypatch.setenv("WT_SESSION", "1")
    bar = Taskbar(lambda: sys.stderr)
    bar.show(1, 2, failed=False)
    bar.clear()
    assert capsys.readouterr() == ("", "")


def test_the_codes(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The share of trials that have ended in per cent; as a failure once one has failed; and their removal."""
    monkeypatch.setattr("wke.tell.terminal.taskbar.redraws", lambda _: True)
    monkeypatch.setattr("wke.tell.terminal.taskbar.takes_progress", lambda _: True)
    bar = Taskbar(lambda: sys.stderr)
    bar.show(0, 0, failed=False)
    bar.show(1, 3, failed=False)
    bar.show(3, 3, failed=True)
    bar.clear()
    assert capsys.readouterr().err == "\x1b]9;4;1;0\x1b\\\x1b]9;4;1;33\x1b\\\x1b]9;4;2;100\x1b\\\x1b]9;4;0;0\x1b\\"
