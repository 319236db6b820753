"""Series that are killed, interrupted, or started twice: nothing runs on, nothing is lost, nothing is run twice."""

import random
import signal
import subprocess
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest
from projects import Project
from support import LEASE_S, eventually, limit, marked

KILLED = """
[experiment]
configuration = "kv"
iterations = 2
seed = 1
[parameters]
x = [1, 2]
[[steps]]
target = "serve"
on = "servers"
background = true
ready = { log = "up", within = "20s" }
[[steps]]
target = "work"
on = "clients"
measure = true
options = { x = "{x}" }
[metrics]
value = { join = "sum" }
[[plots]]
type = "line"
x-axis = "x"
y-axis = "value"
"""

WORK = """#!/bin/bash
# a trial's work: half a second of heartbeats, beside a daemon that nobody waits for
[ "$MARK" = {mark} ] || MARK={mark} exec "$BASH" "$0" "$@"
(setsid env -i bash -c 'exec -a {mark} sleep 1000' >/dev/null 2>&1 &)
run=$RANDOM$RANDOM$RANDOM
note() {{ echo "{{\\"what\\": \\"$1\\", \\"run\\": \\"$run\\", \\"machine\\": \\"$WKE_MACHINE\\", \\"x\\": $2, \\"at\\": $(date +%s.%N)}}" >> {ledger}/ledger; }}
note begin $1
for i in 1 2 3 4 5; do sleep 0.04; note alive $1; done
echo "wke: value=$1"
note end $1
"""


@pytest.fixture
def series(project: Project) -> Iterator[Project]:
    """Yield a series of 4 trials of about 0.3 s, whose processes carry the name of their project's folder."""
    mark = mark_of(project)
    serve = f'#!/bin/bash\n[ "$MARK" = {mark} ] || MARK={mark} exec "$BASH" "$0" "$@"\necho up\nwhile :; do sleep 1; done\n'
    project.targets({"work": '["x"]'}, serve=serve, work=WORK.format(mark=mark, ledger=project.folder / "ledger"))
    project.write("experiments/series.toml", KILLED)
    yield project
    eventually(lambda: not marked(mark), within_s=LEASE_S + 5)


def mark_of(project: Project) -> str:
    """Return the word that every process of a project's series has in its command line or its environment."""
    return f"wke-mark-{project.folder.name}"


def runs(project: Project) -> dict[str, list[dict]]:
    """Return what each run of the measured script on m1 noted, by the run."""
    found: dict[str, list[dict]] = {}
    for note in project.ledger():
        if note["machine"] == "m1":
            found.setdefault(note["run"], []).append(note)
    return found


def check_ledger(project: Project, interruptions: int) -> None:
    """Show from the ledger that no trial was lost and none run twice, and that no two were on the machine at once.

    A trial that was interrupted may have ended on the machine before it could be stored; so at most that many runs are too many.
    """
    ended = [notes for notes in runs(project).values() if notes[-1]["what"] == "end"]
    assert 4 <= len(ended) <= 4 + interruptions
    assert len(runs(project)) <= 4 + interruptions
    spans = sorted((notes[0]["at"], notes[-1]["at"]) for notes in runs(project).values())
    assert [(first, second) for first, second in pairwise(spans) if first[1] > second[0]] == []


def begin(series: Project, *flags: str, trials: int, within: float = 0) -> "subprocess.Popen[str]":
    """Start measuring and return once so many trials have ended on m1, another one has begun, and a bit of it is over."""
    process = series.start("measure", "experiments/series.toml", *flags)
    eventually(
        lambda: sum(1 for notes in runs(series).values() if notes[0]["what"] == "begin") > trials or process.poll() is not None, within_s=40
    )
    assert process.poll() is None, process.communicate()
    time.sleep(within)  # not to wait for something, but to choose the instant
    return process


# -- killed


@pytest.mark.parametrize("seed", [1, 2])
def test_a_killed_series_goes_on_where_it_stood(series: Project, seed: int) -> None:
    """After kill -9 at an instant of chance all is gone within the lease and 5 s; the same command, at once, runs the rest and only that."""
    instants = random.Random(seed)
    done_before: set[str] = set()
    for kill in range(2):
        process = begin(series, "--no-figures", trials=kill + len(done_before), within=instants.uniform(0, 0.35))
        process.kill()
        process.communicate()
        if kill == 0:
            eventually(lambda: not marked(mark_of(series)), within_s=LEASE_S + 5)
        stored = {trial.id for trial in series.trials() if trial.ok}
        assert done_before <= stored
        done_before = stored
    last = series.measure()
    assert (last.status, series.outcomes()) == (0, ["ok"] * 4)
    assert f"; {len(done_before)} of 4 are stored already and reused" in last.err
    assert sum(trial.attempt for trial in series.trials()) <= 4 + 2
    check_ledger(series, interruptions=2)


# -- interrupted


@pytest.mark.parametrize(("how", "status", "said"), [("SIGINT", 130, "interrupted"), ("SIGTERM", 143, "asked to end by SIGTERM")])
def test_an_interrupted_series_keeps_what_it_has(series: Project, how: str, status: int, said: str) -> None:
    """Everything is stopped before the command ends; the trial that ran stays as interrupted, with what it had written, and runs next time."""
    process = begin(series, trials=2)
    process.send_signal(getattr(signal, how))
    _, err = process.communicate(timeout=limit(60))
    assert marked(mark_of(series)) == []
    assert (process.returncode, err.splitlines()[-1]) == (status, said)
    assert "Traceback" not in err
    ok, second, partial = series.trials()
    assert (ok.outcome, second.outcome, partial.outcome) == ("ok", "ok", "interrupted")
    results = series.folder / "results"
    assert (ok.folder, partial.folder) == (results / f"trials/{ok.id}/1", results / f"partial/{partial.id}.1")
    assert (partial.folder / "00-serve/m0.out").read_text() == "up\n"
    assert (results / "series.csv").read_text().count(ok.id) == 1
    figure = (series.folder / "plots/series.svg").read_bytes()
    assert series.wke("plot", "experiments/series.toml").status == 0
    assert (series.folder / "plots/series.svg").read_bytes() == figure  # of all that is stored
    again = series.measure()
    assert (again.status, [trial.attempt for trial in series.trials()]) == (0, [1, 1, 2, 1])
    check_ledger(series, interruptions=1)


# -- started twice


@pytest.mark.netns
def test_the_second_command_says_who_measures(emulated: Project) -> None:
    """Two at once would disturb each other: the second ends and names the first by process and command line; reading goes on."""
    emulated.targets(work="sleep 100")
    emulated.write(
        "experiments/series.toml", '[experiment]\nconfiguration = "kv"\n[[steps]]\ntarget = "work"\non = "all"\nmeasure = true\n'
    )
    first = emulated.start("measure", "experiments/series.toml")
    eventually(lambda: "running" in emulated.wke("results", "--json").out, within_s=20)
    second = emulated.measure()
    assert (second.status, second.out) == (1, "")
    assert second.err.startswith(f"series series in results is being written by pid {first.pid} of ")
    assert ": wke measure experiments/series.toml\n" in second.err
    assert emulated.outcomes() == ["running"]
    first.send_signal(signal.SIGINT)
    assert (first.communicate(timeout=limit(60))[0], first.returncode) == ("", 130)
    assert emulated.outcomes() == ["interrupted"]
