"""Verdicts of trials: evidence from time series, metrics and telemetry, the sentences, what the store makes of them, and what figures show."""

import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from stored import OK, begin, planned, result
from support import ys

from wke.act.trials.judge_attempt import judged
from wke.act.trials.trial import TrialResult
from wke.describe.experiment.experiment import Experiment
from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.plot import Plot
from wke.describe.experiment.sweep import Parameter, Sweep
from wke.describe.experiment.timeseries import TimeSeries
from wke.describe.experiment.verdictfile import GapsRule, GeneratorRule, LittleRule, VerdictsSection
from wke.describe.expression.parser import parse_calculation
from wke.judge.telemetry.course import Window
from wke.judge.telemetry.spans import Span
from wke.judge.telemetry.trial import TrialTelemetry
from wke.judge.verdicts.evidence import Evidence
from wke.judge.verdicts.gaps import judge_gaps
from wke.judge.verdicts.generator import GeneratorUse
from wke.judge.verdicts.rules import OF_RENDERED, RULES, judge_trial, too_short
from wke.judge.verdicts.uses import Uses, uses_of
from wke.keep.store import Store
from wke.keep.telemetry.columns import Column
from wke.keep.telemetry.file import MISSING, SCRAPES, encode
from wke.keep.telemetry.reader import read_telemetry
from wke.keep.telemetry.writer import TelemetryWriter
from wke.keep.trials.cleaning import HeldFile
from wke.keep.trials.judgements import Judgement, Level
from wke.keep.trials.trials import Answer, Derivation, StoredAttempt
from wke.records import ClockReading, OutcomeKind, TaskName
from wke.series import rejudging
from wke.series.planned import PlannedSeries
from wke.tell.figures.drawing import make_drawing
from wke.tell.terminal.summary import warm_up_text

S = 1_000_000_000
LOAD, SERVE = TaskName(1, "load", "m0"), TaskName(0, "serve", "m0")
QUIET = Uses(generators={"m0": (0.2, 1.0)})
SUSPECT = Judgement("generator", Level.SUSPECT, "m0", "the generator on m0 used 74 % of a core", {"busy": 0.74})
INVALID = Judgement("foreign", Level.INVALID, "m0", "other programs used 60 % of the processors of m0", {"load": 0.6})
FINE = Judgement("clock", Level.OK, "", "", {})


def series(values: list[float], unit: str = "", step: float = 1.0) -> TimeSeries:
    return TimeSeries(unit, tuple(step * (index + 1) for index in range(len(values))), tuple(values))


def evidence(window_s: float | None = 60.0, **known: object) -> Evidence:
    facts: dict[str, object] = {
        "columns": {},
        "units": {},
        "metrics": (),
        "load": {LOAD: {}},
        "starts": (0.0, 0.1),
        "clocks": {"m0": 0.001},
        "has_generator": True,
        "uses": lambda _: QUIET,
    }
    return Evidence(window_s=window_s, **(facts | known))  # type: ignore[arg-type]


def test_counts_of_several_tasks_become_windows() -> None:
    """A sample counts in the window that ends then, up to half a window late; a task that does not count makes all unknown."""
    other = TaskName(1, "load", "m1")
    late = TimeSeries("", (1.2, 2.4, 3.1), (1.0, 2.0, 3.0))
    seen = evidence(3.9, load={LOAD: {"done": series([10, 20, 30])}, other: {"done": late}})
    assert (seen.totals("done"), seen.per_window("done"), seen.totals("due")) == ([11, 33, 66], [11, 22, 33], [])
    assert evidence(3.9, load={LOAD: {"done": series([10])}, other: {}}).totals("done") == []


def test_disturbed_windows_are_left_out() -> None:
    """Counts stay as they were before and after; a window that was disturbed for a part counts for nobody, and the minimum is of the rest."""
    load = {LOAD: {"done": series([10, 20, 0, 0, 30]), "sent": series([9, 9, 0, 0, 9]), "due": series([9, 9, 50, 9, 9])}}
    seen = evidence(5.9, load=load, disturbed=((2.5, 3.5),), uses=lambda disturbed: Uses(generators={"m0": (len(disturbed), 1.0)}))
    assert (seen.windows, seen.totals("done"), seen.per_window("done")) == (3, [10, 30, 60], [10, 20, 30])
    (generator,) = seen.generators()
    assert (generator.sent, generator.due, generator.cpu) == (27, 27, 1)
    rules = {each.rule: each for each in judge_trial(seen, VerdictsSection())}
    assert rules["foreign"].said == "the measured window lasted less than 4 s, and the rule needs 5 s"


def test_a_backlog_of_a_fault_is_no_overload() -> None:
    """What a fault held up is late for as long as it lasts; these windows are not looked at."""
    load = {LOAD: {"due": series([100.0] * 60), "done": series([100.0] * 20 + [90.0] * 40)}}
    judgements = [judge_trial(evidence(60, load=load, disturbed=disturbed), VerdictsSection()) for disturbed in ((), ((20.0, 60.0),))]
    assert [each.level for all_rules in judgements for each in all_rules if each.rule == "backlog"] == [Level.SUSPECT, Level.OK]


def test_what_a_generator_says_of_itself() -> None:
    """Counts and lag of its series, the median latency of a metric in any unit, and what telemetry has of it."""
    load = {LOAD: {"sent": series([90, 90]), "due": series([100, 100]), "lag": series([2, 4], "ms")}}
    metrics = (Metric("half", hdr="*.hlog", quantile=0.5),)
    seen = evidence(load=load, columns={"half": 12_000.0}, units={"half": "us"}, metrics=metrics).generators()
    assert seen == (GeneratorUse("m0", cpu=0.2, cores=1.0, sent=180, due=200, lag=0.003, latency=0.012),)
    assert evidence(load={LOAD: {}}, has_generator=False).generators() == ()
    for told, cpu in (([90.0, 100.0], 0.95), ([5.0, 5.0], 0.2)):  # of a core; telemetry saw 0.8 of four threads
        (one,) = evidence(load={LOAD: {"load-cpu": series(told, "%")}}, uses=lambda _: Uses(generators={"m0": (0.8, 4.0)})).generators()
        assert one.cpu / one.cores == pytest.approx(cpu)
    others = evidence(load={LOAD: {"done": series([1.0])}, TaskName(1, "load", "m1"): {}}, has_generator=False).generators()
    assert [(one.machine, one.certain) for one in others] == [("m0", True), ("m1", False)]
    by_metric = {
        name: [one.certain for one in evidence(metrics=(Metric("ops", from_=name),)).generators()] for name in ("wrk", "fio", None)
    }
    assert by_metric == {"wrk": [True], "fio": [False], None: [False]}


def test_a_closed_loop_is_what_the_rule_names() -> None:
    """Clients by a calculation, rates and times converted; what has no value is 0, of which the rule says that it lacks it."""
    rule = LittleRule(clients=parse_calculation("n * 2"), latency="mean")
    seen = evidence(columns={"n": 8, "throughput": 2.0, "mean": 8.0}, units={"throughput": "k/s", "mean": "ms"}).closed_loop(rule)
    assert (seen.clients, seen.throughput, seen.latency, seen.completions) == (16, 2000, pytest.approx(0.008), 120_000)
    assert seen.rounding == pytest.approx(0.5 / 2 + 0.5 / 8)
    fine = evidence(columns={"throughput": 12_000.0, "mean": 0.35}, units={"throughput": "1/s", "mean": "ms"}).closed_loop(rule)
    assert fine.rounding == pytest.approx(0.5 / 12_000 + 0.005 / 0.35)
    assert (evidence().closed_loop(rule).clients, evidence().closed_loop(rule).rounding) == (0, 0)


def test_every_rule_has_thresholds_and_words() -> None:
    """All rules judge a trial of which nothing is known, and say what they lack."""
    judgements = judge_trial(evidence(1000, clocks={}, starts=None, has_generator=False, uses=lambda _: Uses()), VerdictsSection())
    assert list(RULES) == list(VerdictsSection.keys)
    assert [each.rule for each in judgements] == [name for name in RULES if name != OF_RENDERED]
    assert {each.level for each in judgements} == {Level.UNKNOWN}
    assert all(each.said for each in judgements)


@pytest.mark.parametrize(
    ("seen", "rule", "level", "said"),
    [
        (evidence(4.9), "generator", Level.UNKNOWN, "the measured window lasted less than 5 s, and the rule needs 5 s"),
        (evidence(None), "clock", Level.UNKNOWN, "there is no measured step whose beginning and end are known"),
        (
            evidence(uses=lambda _: Uses(generators={"m0": (0.97, 1.0)}), load={LOAD: {"done": series([1.0] * 60)}}),
            "generator",
            Level.INVALID,
            "the generator on m0 used 97 % of a core",
        ),
        (evidence(starts=(0.0, 0.7)), "start", Level.SUSPECT, "clients started 0 to 700 ms apart, up to 1.2 % of the measured window"),
        (evidence(clocks={"m0": None}), "clock", Level.SUSPECT, "the clock of m0 was set during the trial, so its times are not known"),
        (
            evidence(load={LOAD: {"due": series([1000.0] * 60), "done": series([900.0] * 60)}}),
            "backlog",
            Level.SUSPECT,
            (
                "the backlog grew by 8.5 % of the arrivals, so latencies are those of a growing queue; "
                "the system completed 90 % of what was offered"
            ),
        ),
        (
            evidence(100, load={LOAD: {"done": series([9.0, 11.0] * 50)}}),
            "steady",
            Level.OK,
            "completions per second show no trend (S = 0 of 45)",
        ),
    ],
)
def test_a_judgement_says_why(seen: Evidence, rule: str, level: Level, said: str) -> None:
    """One sentence with the numbers; it is stored as it is."""
    (judgement,) = (each for each in judge_trial(seen, VerdictsSection()) if each.rule == rule)
    assert (judgement.level, judgement.said) == (level, said)


def test_a_rule_that_is_off_says_why() -> None:
    """It does not judge, and its reason is in its place; a plan does not warn of it."""
    rules = VerdictsSection(generator=GeneratorRule(off="it is the system"))
    (judgement,) = (each for each in judge_trial(evidence(), rules) if each.rule == "generator")
    assert judgement == Judgement("generator", Level.OFF, said="it is the system")
    assert "generator" not in too_short(rules, 2.0)
    assert too_short(VerdictsSection(), 20.0) == {"steady": 100}
    assert too_short(VerdictsSection(), 19.9)["backlog"] == 20


def telemetry(folder: Path, columns: Mapping[Column, list[int]], every_ms: int = 500) -> TrialTelemetry:
    """Return the telemetry of machine m0 with these samples, measured from second 1 to second 6 of its first sample."""
    with closing(TelemetryWriter(folder)) as writer:
        times = [every_ms * 1_000_000 * index for index in range(len(next(iter(columns.values()))))]
        writer.columns("m0", 1, list(columns))
        writer.chunk("m0", 1, len(times), encode([times, *columns.values()]))
    spans = (Span("task", "load", 1, S, 6 * S, measured=True, task=LOAD), Span("task", "serve", 0, 0, 7 * S, task=SERVE))
    clocks = {"m0": (ClockReading(0, 0, 0),)}
    return TrialTelemetry("t", 1, "s", read_telemetry(folder), read_telemetry(folder, SCRAPES), clocks, spans, Window(S, 6 * S))


def rising(per_second: float, count: int = 15) -> list[int]:
    return [int(per_second * index / 2) for index in range(count)]


def test_what_machines_and_tasks_did(tmp_path: Path) -> None:
    """Cores, own and stolen time, memory, swap, and what the measured and the background task used, of the measured window only."""
    machine = {
        "cpu.busy us counter": rising(1_500_000),
        "cpu.steal us counter": rising(80_000),
        "cpu.capacity us/s gauge": [4_000_000] * 15,
        "memory.available B gauge": [100, 1, *[40] * 13],
        "memory.total B gauge": [200] * 15,
        "swap.in B counter": rising(1000),
        "pressure.memory.some us counter": rising(50_000),
        "throttled.cores 1 counter": [MISSING, MISSING, *rising(2)[2:9], *[MISSING] * 6],
    }
    columns = {Column.of("machine", text): values for text, values in machine.items()}
    columns[Column.of("task.1", "cpu us counter", LOAD)] = rising(900_000)
    columns[Column.of("task.1", "threads 1 gauge", LOAD)] = [1] * 15
    columns[Column.of("task.0", "cpu us counter", SERVE)] = [*rising(200_000, 6), *[500_000] * 9]
    seen = uses_of(telemetry(tmp_path, columns), {LOAD}, {SERVE})
    (use,) = seen.machines
    assert (use.cores, use.busy, use.own, use.steal) == pytest.approx((4, 1.5, 0.9 + 0.06, 0.02))
    assert (use.available, use.swapped, use.waiting, use.hot, use.gap, use.sampled) == pytest.approx((0.2, 5000, 0.05, 6, 0.5, 1))
    assert seen.generators == {"m0": (pytest.approx(0.9), 1)}
    (task,) = seen.tasks
    assert (task.task, [round(part, 3) for part in task.cpu]) == ("serve on m0", [0.2, 0.1, 0, 0, 0])
    assert seen.owners == seen.machines


def test_what_was_disturbed_is_left_out_of_what_machines_did(tmp_path: Path) -> None:
    """A machine that was busy, or not sampled, while it was disturbed is neither; a task that stood still then did not stand still."""
    busy = [0, *[500_000 + 1_000_000 * min(index, 3) for index in range(14)]]  # two processors from 1 s to 2 s, then none
    columns = {
        Column.of("machine", "cpu.busy us counter"): busy,
        Column.of("machine", "cpu.capacity us/s gauge"): [2_000_000] * 15,
        Column.of("task.0", "cpu us counter", SERVE): [*rising(200_000, 6), *[500_000] * 6, *[900_000] * 3],
    }
    stored = telemetry(tmp_path, columns)
    whole, rest = (uses_of(stored, {LOAD}, {SERVE}, disturbed=disturbed) for disturbed in ((), ((0.0, 1.0), (2.0, 4.5))))
    assert [one.machines[0].busy for one in (whole, rest)] == pytest.approx([0.4, 0])
    assert [len(one.tasks[0].cpu) for one in (whole, rest)] == [5, 1]
    assert [one.machines[0].gap for one in (whole, rest)] == [0.5, 0.5]


def test_a_task_that_ran_for_a_part_of_the_window_is_no_foreign_load(tmp_path: Path) -> None:
    """It used its share for that part; and what the kernel does for packets is told apart."""
    columns = {
        Column.of("machine", "cpu.busy us counter"): rising(1_000_000),
        Column.of("machine", "cpu.irq us counter"): rising(10_000),
        Column.of("machine", "cpu.softirq us counter"): rising(20_000),
        Column.of("machine", "cpu.capacity us/s gauge"): [1_000_000] * 15,
        Column.of("task.1", "cpu us counter", LOAD): [*rising(900_000, 7), *[MISSING] * 8],
    }
    (use,) = uses_of(telemetry(tmp_path, columns), {LOAD}, set()).machines
    assert (use.busy, use.own, use.interrupts) == pytest.approx((1, 0.9 * 2 / 5, 0.03))


def test_samples_that_are_far_apart_are_no_gaps(tmp_path: Path) -> None:
    """What is usual in the whole trial counts, also if no sample falls into the window."""
    for every_ms, count, gap in ((2000, 5, 2), (8000, 3, 5)):
        columns = {Column.of("machine", "cpu.busy us counter"): [1000 * index for index in range(count)]}
        (use,) = uses_of(telemetry(tmp_path / str(every_ms), columns, every_ms), {LOAD}, set()).machines
        assert (use.gap, use.sampled, use.every) == (gap, 1, every_ms / 1000)
        assert judge_gaps([use], GapsRule()).level is Level.OK


def test_emulated_machines_are_judged_by_their_computer(tmp_path: Path) -> None:
    """What the computer did beyond its machines is foreign; it stands for them where processors are shared. A gap is told."""
    columns = {
        Column.of("machine", "cpu.busy us counter"): rising(500_000),
        Column.of("host", "cpu.busy us counter"): rising(1_900_000),
        Column.of("host", "cpu.capacity us/s gauge"): [2_000_000] * 15,
    }
    stored = telemetry(tmp_path, columns)
    seen = uses_of(stored, {LOAD}, set())
    assert [(one.place, round(one.share, 2), one.ours) for one in seen.shares] == [("the computer", 0.95, pytest.approx(0.25))]
    (host,) = seen.owners
    assert (host.machine, host.cores, host.busy, host.own) == ("the computer", 2, pytest.approx(1.9), pytest.approx(0.5))
    assert seen.generators == {}
    others = uses_of(stored, {LOAD}, set(), machines={"m1"})
    assert ([one.machine for one in seen.machines], others.machines, others.hosts) == (["m0"], (), seen.hosts)
    assert uses_of(replace(stored, window=None), {LOAD}, set()) == Uses()


def test_machines_that_share_a_kernel_are_no_foreign_load_to_each_other(tmp_path: Path) -> None:
    """What the trial and wke use through any of them is their own; the command counts once. Another machine has its own."""
    samples = {"cpu.busy us counter": 1_500_000, "cpu.agent us counter": 20_000, "cpu.controller us counter": 50_000}
    with closing(TelemetryWriter(tmp_path)) as writer:
        for number, (machine, boot, used) in enumerate((("m0", 77, 300_000), ("m1", 77, 900_000), ("m2", 78, 100_000))):
            task = TaskName(1, "load", machine)
            columns = {Column.of("machine", text): rising(rate) for text, rate in samples.items()}
            columns[Column.of("machine", "cpu.capacity us/s gauge")] = [2_000_000] * 15
            columns[Column.of("machine", "boot 1 gauge")] = [boot] * 15
            columns[Column.of("task.1", "cpu us counter", task)] = rising(used)
            writer.columns(machine, number + 1, list(columns))
            writer.chunk(machine, number + 1, 15, encode([[S // 2 * index for index in range(15)], *columns.values()]))
    spans = tuple(Span("task", "load", 1, 0, 7 * S, task=TaskName(1, "load", f"m{number}")) for number in range(3))
    clocks = {f"m{number}": (ClockReading(0, 0, 0),) for number in range(3)}
    stored = TrialTelemetry("t", 1, "s", read_telemetry(tmp_path), read_telemetry(tmp_path, SCRAPES), clocks, spans, Window(S, 6 * S))
    seen = uses_of(stored, {span.task for span in spans if span.task}, set())
    assert [use.own for use in seen.machines] == pytest.approx([0.3 + 0.9 + 2 * 0.02 + 0.05] * 2 + [0.1 + 0.02 + 0.05])
    assert [use.own for use in uses_of(stored, set(), set(), machines={"m0"}).machines] == pytest.approx([1.29])


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "results", command="wke measure scale.toml") as opened:
        yield opened


def store_one(store: Store, *judgements: Judgement) -> StoredAttempt:
    store.writer.finish_attempt(begin(store, planned("aa-0")), replace(result(OK, ops=1.0), judgements=judgements))
    return store.attempts.of_trial("aa-0")[-1]


def test_a_suspect_trial_counts_and_is_marked(store: Store) -> None:
    """What rules say comes back as it was stored; the trial is a result."""
    seen = store_one(store, FINE, SUSPECT)
    assert (seen.judgements, seen.outcome, seen.verdict, seen.suspect, seen.doubts) == (
        (FINE, SUSPECT),
        "ok",
        Level.SUSPECT,
        True,
        SUSPECT.said,
    )
    assert list(store.attempts.results(["aa-0"])) == ["aa-0"]


def test_a_rejected_trial_does_not_count_until_it_is_judged_otherwise(store: Store) -> None:
    """It is invalid, with the evidence as the reason, and repeated at most twice; what is judged anew takes the place of what was."""
    seen = store_one(store, SUSPECT, INVALID)
    assert (seen.outcome, seen.why, seen.ok, seen.verdict) == ("invalid", INVALID.said, False, Level.INVALID)
    assert (list(store.attempts.results(["aa-0"])), list(store.inputs.of_trials_with_results())) == ([], [])
    assert [(each.times, each.last) for each in store.attempts.invalid(["aa-0"]).values()] == [(1, True)]
    store.writer.judge({("aa-0", 1): [SUSPECT]})
    assert list(store.attempts.results(["aa-0"])) == list(store.inputs.of_trials_with_results()) == ["aa-0"]
    assert store.attempts.invalid(["aa-0"]) == {}


def test_a_rejected_trial_whose_telemetry_was_cleaned_stays_rejected(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules would say that its telemetry is missing, and then it would count."""
    judged_now: list[str] = []

    def judge(_series: object, _store: object, attempt: StoredAttempt, *_: object) -> tuple[Judgement, ...]:
        judged_now.append(attempt.id)
        return (replace(INVALID, level=Level.UNKNOWN),)

    monkeypatch.setattr(rejudging, "judge_stored", judge)
    store_one(store, INVALID)
    item = SimpleNamespace(planned=SimpleNamespace(id="aa-0"), trial=None)
    series = cast("PlannedSeries", SimpleNamespace(trials=[item]))
    assert [each.verdict for each in rejudging.rejudge_series(series, store)] == [Level.UNKNOWN]
    store.cleaning.remove({("aa-0", 1): [HeldFile("telemetry", "telemetry", 1)]}, "somebody")
    assert list(rejudging.rejudge_series(series, store)) == []
    assert judged_now == ["aa-0"]


def test_a_trial_that_ends_with_a_rejection_is_invalid() -> None:
    """The command that runs it hears so at once; a trial that failed stays as it is."""
    ended = judged(TrialResult(OK, "broken"), [FINE, INVALID])
    assert (ended.outcome.kind, ended.why) == (OutcomeKind.INVALID, INVALID.said)
    assert judged(TrialResult(OK, "broken"), [FINE, SUSPECT]) == TrialResult(OK, "broken")
    read = Answer(planned("aa-0"), Derivation("bb-0", 1, "reanalysed", 0, "", ""), OK, "broken", judgements=[INVALID])
    assert (read.ended, replace(read, judgements=[SUSPECT]).ended) == ((ended.outcome, INVALID.said), (OK, "broken"))


def test_one_cut_is_told_for_all_trials() -> None:
    """The most that is left out of a trial that counts, because points with different cuts cannot be compared; none if nothing is."""
    trial = StoredAttempt("aa-0", "scale", 1, {"n": 1}, 0, False, "ok", "", 0, 1.0, {}, {}, Path())

    def cut(*windows: float, outcome: str = "ok") -> StoredAttempt:
        judgements = tuple(Judgement("steady", Level.OK, numbers={"cut": each}) for each in windows)
        return replace(trial, judgements=judgements, outcome=outcome)

    assert warm_up_text([cut(5), cut(25), cut(), cut(90, outcome="invalid")]) == (
        "start-up: leave out the first 25 s of each measured step, at all points: so much MSER-5 would leave out of one of 2 trials"
    )
    assert [warm_up_text(trials) for trials in ([], [cut()], [cut(0), cut(0)])] == ["", "", ""]


def test_figures_cross_marks_with_suspect_trials() -> None:
    """The mark is crossed, and the footnote counts the trials."""
    experiment = Experiment(
        "scale", Path("scale.toml"), iterations=2, parameters=Sweep((Parameter("n", (1, 2)),)), metrics=(Metric("ops"),)
    )
    trials = [
        StoredAttempt(f"{n}-{k}", "scale", 1, {"n": n}, k, False, "ok", "", 0, 1.0, {"ops": 5.0 * n + k}, {}, Path())
        for n in (1, 2)
        for k in (0, 1)
    ]
    trials[3] = replace(trials[3], judgements=(SUSPECT,))
    drawing = make_drawing(Plot("line", "n", ys("ops")), trials, experiment)
    assert [mark.suspect for mark in drawing.panels[0].marks] == [False, True]
    assert "Crossed: with suspect trials (1 of 4)." in drawing.footnote
    assert not re.search("Crossed", make_drawing(Plot("line", "n", ys("ops")), trials[:3], experiment).footnote)


def test_a_history_may_leave_out_judgements_that_no_table_shows(store: Store) -> None:
    """With rules it has what suspects, rejects or was found, and the numbers of these rules; what counts is the same."""
    store_one(store, FINE, SUSPECT, Judgement("backlog", Level.OK, "", "", {"grows": 0.0}), Judgement("steady", Level.UNKNOWN))
    whole, part = store.attempts.history(["aa-0"]), store.attempts.history(["aa-0"], rules=("backlog", "steady"))
    (every,), (some,) = whole.attempts, part.attempts
    assert ({one.rule for one in every.judgements}, {one.rule for one in some.judgements}) == (
        {FINE.rule, SUSPECT.rule, "backlog", "steady"},
        {SUSPECT.rule, "backlog"},
    )
    assert (some.verdict, some.doubts, some.outcome, list(part.results)) == (
        every.verdict,
        every.doubts,
        every.outcome,
        list(whole.results),
    )
    assert replace(some, judgements=()) == replace(every, judgements=())
