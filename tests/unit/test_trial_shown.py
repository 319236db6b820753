"""All of one trial on one screen: whole outputs about a small real store."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from wke.errors import InputError
from wke.judge.summary.trial import TrialRecord
from wke.keep.machines.acceptance import AcceptedChanges
from wke.keep.machines.fingerprint import FactChange
from wke.keep.output.logs import LogWriter
from wke.keep.store import Store
from wke.keep.trials.storedplan import StoredPlan
from wke.keep.trials.trials import Answer, Attempt, Derivation, PlannedTrial, Result
from wke.records import ClockReading, MachineClock, Outcome, OutcomeKind, Output, StartedTogether, TaskEnded, TaskName
from wke.series.trial import load_trial
from wke.tell.terminal.trial import MOST, shown_json, trial_lines

OK, INVALID, FAILED = Outcome(OutcomeKind.OK), Outcome(OutcomeKind.INVALID), Outcome(OutcomeKind.FAILED, 4)
OLD, NEW = {"kernel": "Linux 6.1", "memory": "8.0 GiB", "weakness x": "none"}, {"kernel": "Linux 6.6", "memory": "8.0 GiB"}
SOFTWARE = {
    "wke": "1.0",
    "python": "3.12.1",
    "git": {"commit": "0123456789abcdef", "uncommitted": "77"},
    "files": {"build/server": "fedcba9876543210"},
    "sources": {"../lib": None},
}
SECOND = 1_000_000_000


def planned(name: str, *machines: str) -> PlannedTrial:
    cluster = {"machines": {machine: {"external-addr": None} for machine in machines}}
    return PlannedTrial(name, {"n": 1}, 0, False, 4, json.dumps({"depends": {"point": {"n": 1}, "cluster": cluster}}))


def begin(store: Store, facts: dict[str, str]) -> int:
    number = store.writer.begin_series("scale", StoredPlan("scale.toml", 7, software=SOFTWARE), command="wke measure scale.toml")
    store.examinations.record(number, {(machine, "here"): facts for machine in ("m0", "m1", "unused")})
    store.examinations.confirm(number)
    return number


def finish(store: Store, attempt: Attempt, outcome: Outcome, why: str = "", makers: tuple[Attempt, ...] = ()) -> None:
    tasks = [
        TaskEnded(TaskName(0, "serve", "m0"), OK, 0, SECOND, "SIGTERM"),
        TaskEnded(TaskName(1, "load", "m1", 1), FAILED, 0, 2 * SECOND, detail="no such file"),
    ]
    clock = MachineClock((ClockReading(-1_000_000, 20_000, 5), ClockReading(-1_020_000, 30_000, 10**9)), 100)
    start = StartedTogether(1, "load", 77, 250_000, 40_000, "m0", "m1", {"m1": clock})
    with LogWriter(attempt.folder) as logs:
        logs(Output(tasks[0].task, 1, b"x\n", 1))
    said = {"m0": {"user": "root"}}
    store.writer.finish_attempt(
        attempt,
        Result(outcome, SECOND, 4 * SECOND, why, {"ops": 1250.0}, {"ops": "1/s"}, tasks, said, start, makers),
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Return a store: aa-0 was interrupted, invalid, then read anew from bb-0, which was deployed by aa-0; the kernel is another now."""
    folder = tmp_path / "results"
    with Store.open(folder) as opened:
        command = begin(opened, OLD)
        opened.writer.begin_attempt(command, planned("aa-0", "m0", "m1"))
    with Store.open(folder) as opened:
        command = begin(opened, OLD)
        second = opened.writer.begin_attempt(command, planned("aa-0", "m0", "m1"))
        finish(opened, second, INVALID, "errors == 0 does not hold", (second, second))
        other = opened.writer.begin_attempt(command, planned("bb-0", "m0", "m1"))
        finish(opened, other, OK, makers=(second, other))
        derivation = Derivation("bb-0", 1, "reanalysed", 5 * SECOND, "ann@host", "1.1")
        opened.writer.add_answers(command, [Answer(planned("aa-0", "m0", "m1"), derivation, OK, "", {"ops": 1300.0}, {"ops": "1/s"})])
        begin(opened, NEW)
        changes = [FactChange(machine, "kernel", "Linux 6.1", "Linux 6.6") for machine in ("m0", "m1")]
        opened.acceptances.add(AcceptedChanges(["kernel"], changes), who="bob", reason="a security fix")
        opened.acceptances.add(AcceptedChanges(["script"], trials=[("cc-0", "aa-0")]), who="eve", reason="a comment")
    (folder / "deployments" / "aa-0.2").mkdir(parents=True)
    with Store.open(folder, readonly=True) as opened:
        yield opened


def lines(shown: TrialRecord, store: Store) -> list[str]:
    """Return the screen with times made the same for every run."""
    text = "\n".join(trial_lines(shown, store.folder)).replace(str(store.folder), "results")
    return re.sub(r"(\d{4}-\d\d-\d\d )?\b\d\d:\d\d:\d\d (UTC|[+-]\d\d:\d\d)", "TIME", text).splitlines()


def test_an_attempt_with_all_there_is_of_it(store: Store) -> None:
    """Each attempt is listed; of the chosen one, tasks with what they needed, start, clocks, deployment, machines, software, files."""
    assert lines(load_trial(store, "aa", 2), store) == [
        "aa-0  scale: n=1, iteration 1",
        "  outcome   invalid: errors == 0 does not hold",
        "  ran       at TIME, for 3.00 s; number 5 of its plan, order interleaved, seed 7",
        "            by wke measure scale.toml, begun at TIME",
        "  attempts  1  TIME  interrupted: the command that ran it ended before it did; accepted: 1",
        "            2  TIME, 3.00 s  invalid: errors == 0 does not hold; accepted: 1 (shown here)",
        "            3  TIME, 3.00 s  ok; reanalysed from bb-0.1 by ann@host at TIME with wke 1.1; accepted: 1",
        "  accepted  1  by bob at TIME: a security fix",
        "            2  by eve at TIME, also for cc-0: a comment",
        "  metrics   ops 1,250 1/s",
        "  tasks     1  load on m1.1: failed(4) after 2.00 s: no such file",
        "            0  serve on m0: ok after 1.00 s (needed SIGTERM)",
        "  start     0.21 to 0.29 ms apart, m0 first, m1 last",
        "  clocks    m1: -1.000 ms (±0.020), then -1.020 ms (±0.030); 2 readings, in between known to ±0.065 ms",
        "  deployed  steps 0, 1 in this attempt",
        "  machines  m0, m1: memory 8.0 GiB; kernel Linux 6.1",
        "  software  wke 1.0, Python 3.12.1; project: git commit 0123456789ab, with changes that were not committed",
        "            ../lib: no git commit",
        "            build/server: SHA-256 fedcba987654",
        "  files     results/trials/aa-0/2 (2 files, 26 bytes)",
        "            results/deployments/aa-0.2 (output of deployed steps after this attempt)",
        "  output    0  serve on m0:",
        "                 x",
    ]


def test_the_attempt_that_counts_is_shown(store: Store) -> None:
    """Somebody derived it: metrics are its own; tasks, deployment and folder are those of the attempt that ran, which is named."""
    shown = lines(load_trial(store, "aa-0"), store)
    assert shown[1:3] == ["  outcome   ok", "  ran       as bb-0.1, at TIME, for 3.00 s; number 5 of its plan, order interleaved, seed 7"]
    assert shown[6].endswith(" (shown here)")
    assert shown[9:11] == ["  metrics   ops 1,300 1/s", "  tasks     1  load on m1.1: failed(4) after 2.00 s: no such file"]
    assert shown[14:16] == ["  deployed  step 0 in aa-0.2: results/trials/aa-0/2", "            step 1 in this attempt"]
    assert shown[-3:] == ["  files     results/trials/bb-0/1 (2 files, 26 bytes)", "  output    0  serve on m0:", "                 x"]


def test_what_speaks_against_an_attempt_is_said(store: Store) -> None:
    """Once the kernel's change is no longer accepted, the trial does not count on the machines of today, and that is said."""
    with Store.open(store.folder) as writer:
        writer.acceptances.take_back(1, who="bob")
    shown = lines(load_trial(store, "aa-0", 2), store)
    changed = "m0, m1: kernel Linux 6.1 -> Linux 6.6"
    assert shown[1] == f"  outcome   invalid: errors == 0 does not hold; does not count now: {changed}"


def test_of_many_tasks_those_that_failed_are_shown(store: Store) -> None:
    """They come first, and of those that were ok so many as fit; the rest is counted."""
    shown = load_trial(store, "aa-0", 2)
    ok, bad = shown.of.tasks
    many = replace(shown, of=replace(shown.of, tasks=(*[ok] * (MOST + 3), bad)))
    told = [line for line in lines(many, store) if ("load on m" in line or "more" in line or "serve on m0: " in line)]
    assert (len(told), told[0][12:], told[-1][12:]) == (
        MOST + 2,
        "1  load on m1.1: failed(4) after 2.00 s: no such file",
        "and 3 more that were ok; --json has them all",
    )


def test_of_many_machines_that_are_alike_some_are_named(store: Store) -> None:
    """A thousand machines take one line; one that differs has its own."""
    shown = load_trial(store, "aa-0", 2)
    machines = {(f"m{number}", "10.0.0.1"): OLD for number in range(1000)} | {("odd", "here"): NEW}
    told = lines(replace(shown, of=replace(shown.of, machines=machines)), store)
    (at,) = [index for index, line in enumerate(told) if line.startswith("  machines")]
    assert told[at].endswith(", m11 (10.0.0.1) and 988 more: memory 8.0 GiB; kernel Linux 6.1")
    assert told[at + 1] == "            odd: memory 8.0 GiB; kernel Linux 6.6"


def test_json_has_everything(store: Store) -> None:
    """Every attempt with its own details, also facts that the screen has no room for."""
    shown = load_trial(store, "aa-0")
    told = json.loads(json.dumps(shown_json(shown, {n: store.details.of("aa-0", n) for n in (1, 2, 3)})))
    assert (told["trial"], told["series"], told["shown"], told["answers-for"]) == ("aa-0", "scale", 3, {"cc-0": 2})
    assert [(each["outcome"], len(each["tasks"]), each["files"]) for each in told["attempts"]] == [
        ("interrupted", 0, None),
        ("invalid", 2, 2),
        ("ok", 2, 2),
    ]
    second, third = told["attempts"][1:]
    assert second["machines"] == {machine: {"address": "here", "facts": OLD} for machine in ("m0", "m1")}
    assert second["clocks"]["m1"][1] == {"offset-ns": -1_020_000, "bound-ns": 30_000, "at-ns": 10**9}
    assert second["clocks-were-set"] == []
    assert second["tasks"][1] == {
        "step": 1,
        "target": "load",
        "machine": "m1",
        "copy": 1,
        "outcome": "failed(4)",
        "started-ns": 0,
        "ended-ns": 2 * SECOND,
        "rung": "",
        "detail": "no such file",
    }
    assert (second["command"]["seed"], second["command"]["software"]) == (7, SOFTWARE)
    assert (second["released-ns"], second["said"]) == (77, {"m0": {"user": "root"}})
    assert (third["derived"]["who"], third["accepted"], third["deployments"][0]) == (
        "ann@host",
        [1],
        {"step": 0, "trial": "aa-0", "attempt": 2},
    )
    assert [each["who"] for each in told["acceptances"]] == ["bob", "eve"]


def test_what_was_taken_back_is_no_longer_shown(store: Store) -> None:
    """Then the trial answers for no other."""
    with Store.open(store.folder) as writer:
        writer.acceptances.take_back(2, who="eve")
    assert load_trial(store, "aa-0").answers_for == {}


def test_wrong_names(store: Store) -> None:
    """No trial, no name, or no such attempt: the error says what there is instead."""
    with pytest.raises(InputError, match='no trial begins with "zz"'):
        load_trial(store, "zz")
    with pytest.raises(InputError, match="a name is missing"):
        load_trial(store, "")
    with pytest.raises(InputError, match="trial aa-0 has no attempt 4") as wrong:
        load_trial(store, "aa-0", 4)
    assert "it has 1, 2, 3" in str(wrong.value)
