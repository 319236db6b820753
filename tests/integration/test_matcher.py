"""Searches with a user's pattern end, whatever the pattern and the text, and everything else goes on meanwhile."""

import os
import re
import signal
import threading
import time
from pathlib import Path

import pytest
from support import limit

from wke.act.matcher import Matcher
from wke.act.session.readiness import LogWatch
from wke.act.trials import observe_trial
from wke.describe.experiment.patterns import SearchError
from wke.keep.output.logs import LogWriter, read_output
from wke.records import Output, TaskName
from wke.testing import Said, rehearse

FOR_EVER = re.compile(rb"(a+)+$", re.MULTILINE)
TEXT = b"a" * 48 + b"!"
TASK = TaskName(0, "load", "m1")


def test_a_search_that_would_last_for_ever_is_given_up() -> None:
    """The error names the pattern; other threads run meanwhile; the next search is answered again."""
    ticks = []
    ticking = threading.Timer(0.1, lambda: ticks.append(time.monotonic()))
    ticking.start()
    with Matcher(patience_s=0.5) as matcher:
        began = time.monotonic()
        with pytest.raises(SearchError, match=r'the search for "\(a\+\)\+\$" in 49 bytes takes longer than'):
            matcher.last(FOR_EVER, TEXT)
        assert time.monotonic() - began < limit(5)
        assert ticks
        found = matcher.last(re.compile(rb"(a+|b+)="), b"aa= bb=")
        assert found is not None
        assert found.span(1) == (4, 6)
        assert matcher.last(FOR_EVER, b"b") is None


def test_a_file_is_searched_where_it_is(tmp_path: Path) -> None:
    """A task's output is not carried to the other process; matches, lookbehind and line ends are as in the whole text."""
    with LogWriter(tmp_path) as logs:
        logs(Output(TASK, 1, b"x=1 y=2\n" * 5000 + b"z=3 y=4\n", 0))
    text = read_output(tmp_path)[TASK]
    with Matcher() as matcher:
        last = matcher.last(re.compile(rb"(?<=[a-z]) y=([0-9]+)$|^z=(\d+)", re.MULTILINE), text)
        assert last is not None
        assert (last.start(), last[2]) == (40_000, b"3")


def test_a_search_that_is_killed_is_an_error() -> None:
    """When the process is ended from outside, as Ctrl-C does, the search fails at once."""
    with Matcher() as matcher:
        assert matcher.last(re.compile(rb"(a|b)+c+"), b"abc") is not None
        os.kill(matcher._process.pid, signal.SIGKILL)
        with pytest.raises(SearchError, match="was ended from outside"):
            matcher.last(FOR_EVER, TEXT)


def test_a_watch_for_a_line_gives_up_and_says_why() -> None:
    """A `ready` pattern that takes too long is a problem of the pattern, not a step that is never ready."""
    watch = LogWatch("(a+)+$", [TASK])
    watch(Output(TASK, 1, b"b\n", 0))
    assert not watch.seen.is_set()
    watch(Output(TASK, 1, TEXT, 0))
    watch.close()
    assert watch.seen.is_set()
    assert 'the search for "(a+)+$"' in watch.problem


def test_a_trial_whose_pattern_takes_too_long_has_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason names the metric, the task and the pattern."""
    monkeypatch.setattr(observe_trial, "Matcher", lambda: Matcher(patience_s=0.2))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kv" / "targets").mkdir(parents=True)
    (tmp_path / "kv" / "config.toml").write_text("[targets]\nload = []\n")
    (tmp_path / "kv" / "targets" / "load").write_text("")
    (tmp_path / "cluster.toml").write_text('[cluster]\nprovider = "local"\n[machines]\nm1 = {}\n')
    (tmp_path / "series.toml").write_text(
        '[experiment]\nconfiguration = "kv"\n[[steps]]\ntarget = "load"\nmeasure = true\n[metrics]\nx = { log = "(a+)+$" }\n'
    )
    series = rehearse("series.toml", {"load": lambda _: Said(TEXT.decode())})
    (trial,) = series.trials
    assert trial.why.startswith('x: in the output of load on m1 the search for "(a+)+$" in 49 bytes takes longer')
