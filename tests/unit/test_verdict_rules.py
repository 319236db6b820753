"""Rules of verdicts: known answers, the values from which on a trial is suspect or invalid, and what a rule says that cannot judge."""

import csv
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from wke.describe.experiment.verdictfile import (
    BacklogRule,
    ClockRule,
    ForeignRule,
    GapsRule,
    GeneratorRule,
    LittleRule,
    MemoryRule,
    OversubscribedRule,
    ProcessesRule,
    StartRule,
    SteadyRule,
    ThrottlingRule,
)
from wke.judge.statistics.trend import batch_means, lag_one
from wke.judge.statistics.warmup import warm_up
from wke.judge.verdicts.backlog import SHORT, judge_backlog
from wke.judge.verdicts.clock import judge_clocks
from wke.judge.verdicts.foreign import judge_foreign
from wke.judge.verdicts.gaps import judge_gaps
from wke.judge.verdicts.generator import GeneratorUse, judge_generators
from wke.judge.verdicts.little import ClosedLoop, judge_little
from wke.judge.verdicts.machineuse import MachineUse
from wke.judge.verdicts.memory import judge_memory
from wke.judge.verdicts.oversubscribed import judge_oversubscribed
from wke.judge.verdicts.processes import TaskUse, judge_processes
from wke.judge.verdicts.ruling import Missing, Ruling
from wke.judge.verdicts.start import judge_start
from wke.judge.verdicts.steady import judge_steady
from wke.judge.verdicts.throttling import judge_throttling
from wke.keep.trials.judgements import Level, verdict

ANSWERS = Path(__file__).parents[1] / "known_answers"
OK, UNKNOWN, SUSPECT, INVALID = Level.OK, Level.UNKNOWN, Level.SUSPECT, Level.INVALID
M1, M2 = MachineUse("m1"), MachineUse("m2")


def rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(line for line in (ANSWERS / name).read_text().splitlines() if not line.startswith("#")))


def values(name: str, case: str, column: str) -> list[float]:
    return [float(row[column]) for row in rows(name) if row["case"] == case]


def half_unit(printed: str) -> float:
    """Return half a unit of the last digit of a printed number, as a share of it."""
    return 0.5 * 10 ** -len(printed.partition(".")[2]) / float(printed)


@pytest.mark.parametrize("row", rows("truth-backlog-expected.csv"), ids=lambda row: row["case"])
def test_backlog_has_the_known_answers(row: dict[str, str]) -> None:
    """S, growth and the share that was completed are as computed elsewhere, and so is what follows from them."""
    arrived, completed = (values("truth-backlog-data.csv", row["case"], column) for column in ("arrived", "completed"))
    seen = judge_backlog(arrived, completed, BacklogRule())
    assert seen.numbers["s"] == int(row["s"])
    assert seen.numbers["growth"] == pytest.approx(float(row["growth"]))
    assert seen.numbers["completed"] == pytest.approx(float(row["completed_share"]))
    assert (seen.level is SUSPECT) == (row["backlog"] == "grows")
    assert (seen.numbers["completed"] < SHORT) == (row["completed"] == "short of offered")
    assert seen.numbers["certain"] == 1
    assert judge_backlog(arrived, completed, BacklogRule(arrivals=10**6)).numbers["certain"] == 0


@pytest.mark.parametrize("row", rows("truth-steady-expected.csv"), ids=lambda row: row["case"])
def test_steady_state_has_the_known_answers(row: dict[str, str]) -> None:
    """S, autocorrelation, time until windows are independent, and the cut of MSER-5 are as computed elsewhere."""
    latencies = values("truth-steady-data.csv", row["case"], "latency")
    seen, cut = judge_steady(latencies, SteadyRule(windows=60)), warm_up(latencies)
    assert (seen.numbers["s"], len(latencies)) == (int(row["s"]), int(row["windows"]))
    assert lag_one(latencies) == pytest.approx(float(row["lag1"]))
    assert seen.numbers["tau"] == pytest.approx(float(row["tau"]))
    level = judge_steady(latencies, SteadyRule()).level
    assert level is {"steady": OK, "not steady": SUSPECT, "too short to tell": UNKNOWN}[row["verdict"]]
    assert (cut.windows, cut.past_half) == (int(row["mser5_cut"]), row["past_half"] == "yes")


def test_a_steady_state_says_how_long_it_would_take() -> None:
    """Too few windows need the minimum; windows that resemble one another need twenty times the time until they do not."""
    assert judge_steady([1.0] * 99, SteadyRule()).lack == (lack := judge_steady([1.0, 2.0] * 49 + [1.0], SteadyRule()).lack)
    assert lack is not None
    assert (lack.what, lack.have, lack.needs) == (Missing.WINDOWS, 99, 100)
    slow = judge_steady(values("truth-steady-data.csv", "slow", "latency"), SteadyRule())
    assert slow.lack is not None
    assert slow.lack.needs == 710
    assert judge_steady([5.0] * 300, SteadyRule()) == Ruling(OK, {"s": 0, "tau": 1, "cut": 0})
    with pytest.raises(ValueError, match="9 windows"):
        batch_means([1.0] * 9)
    with pytest.raises(ValueError, match="24 windows"):
        warm_up([1.0] * 24)


@pytest.mark.parametrize("row", rows("littles-law-published.csv"), ids=lambda row: row["row"])
def test_littles_law_finds_the_published_rows_that_violate_it(row: dict[str, str]) -> None:
    """Of nine published rows the two with 1000 reading clients are invalid; the others fit together as exactly as they were printed."""
    throughput, latency = row["throughput_per_s"], row["published_mean_latency_ms"]
    rounding = half_unit(throughput) + half_unit(latency)
    loop = ClosedLoop(float(row["clients"]), float(throughput), float(latency) / 1000, 1e6, rounding=rounding)
    seen = judge_little(loop, LittleRule())
    assert seen.level is (INVALID if "read 1000 clients" in row["row"] else OK)
    assert seen.numbers["gap"] == pytest.approx(float(row["rel_gap"]), abs=1e-3)
    thinking = replace(loop, think=loop.clients / loop.throughput - loop.latency)
    assert judge_little(thinking, LittleRule()).numbers["gap"] == pytest.approx(0)


def generators(**known: float | None) -> Ruling:
    quiet = GeneratorUse("m1", cpu=0.1, sent=100, due=100, lag=1, latency=100)
    return judge_generators([quiet, replace(quiet, machine="m2", **known)], GeneratorRule())


def machine(judge: Callable[[Sequence[MachineUse]], Ruling], **known: float) -> Ruling:
    return judge([replace(M1, cores=4, busy=1, own=1, steal=0, hot=0, available=0.5, swapped=0, gap=0.1), replace(M2, **known)])


def foreign(**known: float) -> Ruling:
    return machine(lambda machines: judge_foreign(machines, ForeignRule()), **known)


def strict(**known: float) -> Ruling:
    return machine(lambda machines: judge_foreign(machines, ForeignRule(invalid_load=0.5)), **known)


def throttling(**known: float) -> Ruling:
    return machine(lambda machines: judge_throttling(machines, ThrottlingRule()), **known)


def memory(**known: float) -> Ruling:
    return machine(lambda machines: judge_memory(machines, MemoryRule()), **known)


def gaps(**known: float) -> Ruling:
    return machine(lambda machines: judge_gaps(machines, GapsRule()), **known)


def host(**known: float) -> Ruling:
    return machine(lambda machines: judge_oversubscribed(machines, OversubscribedRule()), **known)


def processes(*cpu: float) -> Ruling:
    return judge_processes([TaskUse("serve on m1", [0.5] * 10), TaskUse("serve on m2", cpu)], ProcessesRule())


@pytest.mark.parametrize(
    ("seen", "level"),
    [
        (generators(cpu=0.7), OK),
        (generators(cpu=0.71), SUSPECT),
        (generators(cpu=0.9), SUSPECT),
        (generators(cpu=0.91), INVALID),
        (generators(cpu=1.0, certain=False), SUSPECT),  # perhaps it is the system itself
        (generators(cpu=1.8, cores=4), OK),
        (generators(cpu=0.19, cores=0.2), INVALID),
        (generators(sent=99), OK),
        (generators(sent=98.9, cpu=0.71), INVALID),
        (generators(sent=98.9, cpu=None), SUSPECT),
        (generators(sent=98.9), SUSPECT),  # it had processor time left, so it waited for the system
        (generators(lag=10), OK),
        (generators(lag=10.1), SUSPECT),
        (generators(lag=101), SUSPECT),  # late because it waited for the system
        (generators(lag=101, cpu=None), SUSPECT),
        (generators(lag=101, cpu=0.71), INVALID),
        (generators(lag=101, sent=98.9), SUSPECT),
        (foreign(cores=4, busy=3, own=2.6), OK),
        (foreign(cores=4, busy=3, own=2.5), SUSPECT),
        (foreign(cores=4, busy=4, own=0), SUSPECT),  # perhaps the system itself, below the daemon of docker
        (strict(cores=4, busy=3, own=1), SUSPECT),
        (strict(cores=4, busy=3, own=0.9), INVALID),
        (foreign(cores=4, busy=3, own=3.1), OK),
        (foreign(cores=4, busy=3, own=1, interrupts=1.6), OK),  # packets of what the trial runs
        (foreign(steal=0.02), OK),
        (foreign(steal=0.021), SUSPECT),
        (foreign(steal=0.11), INVALID),
        (throttling(hot=0), OK),
        (throttling(hot=1), SUSPECT),
        (memory(available=0.03, swapped=1e6, waiting=0.1), OK),
        (memory(available=0.029), SUSPECT),
        (memory(swapped=1e6 + 1), SUSPECT),
        (memory(waiting=0.11), SUSPECT),
        (gaps(gap=1, sampled=0.9), OK),
        (gaps(gap=1.1), SUSPECT),
        (gaps(gap=9, sampled=1, every=5), OK),
        (gaps(gap=11, sampled=1, every=5), SUSPECT),
        (gaps(sampled=0.89), SUSPECT),
        (host(cores=2, busy=1.9), OK),
        (host(cores=2, busy=1.91), SUSPECT),
        (processes(0.3, 0, 0, 0.3, 0.3, 0, 0.3), OK),
        (processes(0.3, 0.3, 0, 0, 0), SUSPECT),
        (processes(0.01, 0.01, 0, 0, 0), OK),  # it does next to nothing anyway
        (processes(0, 0, 0, 0, 0, 0), OK),
        (processes(0, 0, 0, 0.3, 0.3, 0.3), OK),  # the load generator starts slowly
        (judge_start((0.0, 0.6), 60, StartRule()), OK),
        (judge_start((0.5, 0.61), 60, StartRule()), SUSPECT),
        (judge_clocks({"m1": 0.1, "m2": 0.1}, ClockRule()), OK),
        (judge_clocks({"m1": 0.1, "m2": 0.11}, ClockRule()), SUSPECT),
        (judge_clocks({"m1": 0.1, "m2": None}, ClockRule()), SUSPECT),
        (judge_little(ClosedLoop(10, 100, 0.095, 200), LittleRule()), SUSPECT),
    ],
)
def test_levels(seen: Ruling, level: Level) -> None:
    """Each limit itself is still fine; what is bad names its place."""
    assert seen.level is level
    assert level is OK or seen.where in {"m2", "serve on m2", ""}


@pytest.mark.parametrize(
    ("seen", "what", "have", "needs"),
    [
        (judge_backlog([], [], BacklogRule()), Missing.DUE, 0, 0),
        (judge_backlog([1.0] * 60, [], BacklogRule()), Missing.DONE, 0, 0),
        (judge_steady([], SteadyRule()), Missing.DONE, 0, 0),
        (judge_backlog([1.0] * 19, [1.0] * 19, BacklogRule()), Missing.WINDOWS, 19, 20),
        (judge_little(ClosedLoop(0, 1, 1, 1), LittleRule()), Missing.CLIENTS, 0, 0),
        (judge_little(ClosedLoop(10, 1, 1, 199), LittleRule()), Missing.COMPLETIONS, 19.9, 20),
        (judge_little(ClosedLoop(10, 100, 0, 1000), LittleRule()), Missing.LATENCY, 0, 0),
        (judge_generators([], GeneratorRule()), Missing.GENERATOR, 0, 0),
        (judge_generators([GeneratorUse("m1", lag=1, due=0, sent=0)], GeneratorRule()), Missing.GENERATOR, 0, 0),
        (foreign(cores=4, busy=1), Missing.TELEMETRY, 0, 0),
        (judge_foreign([], ForeignRule()), Missing.TELEMETRY, 0, 0),
        (memory(), Missing.TELEMETRY, 0, 0),
        (host(cores=2), Missing.TELEMETRY, 0, 0),
        (judge_oversubscribed([], OversubscribedRule()), Missing.EMULATION, 0, 0),
        (judge_processes([], ProcessesRule()), Missing.TELEMETRY, 0, 0),
        (judge_start(None, 60, StartRule()), Missing.STARTS, 0, 0),
        (judge_clocks({}, ClockRule()), Missing.CLOCKS, 0, 0),
    ],
)
def test_a_rule_that_cannot_judge_says_what_it_lacks(seen: Ruling, what: Missing, have: float, needs: float) -> None:
    """Also where another machine is fine: nobody knows about this one."""
    assert seen.level is UNKNOWN
    assert seen.lack is not None
    assert (seen.lack.what, seen.lack.have, seen.lack.needs) == (what, have, needs)


def test_the_worst_machine_speaks_for_all() -> None:
    """It says how many others are as bad; one that is known to be bad outweighs one of which nothing is known."""
    bad = replace(M1, cores=4, busy=2.0, own=1.0)
    seen = judge_foreign([M2, bad, replace(bad, machine="m3"), replace(bad, machine="m4", own=2.0)], ForeignRule())
    assert seen == Ruling(SUSPECT, {"load": 0.25}, "m1", others=1)


@pytest.mark.parametrize(
    ("levels", "worst"),
    [
        ([], UNKNOWN),
        ([UNKNOWN], UNKNOWN),
        ([OK, UNKNOWN], OK),
        ([UNKNOWN, Level.FINDING], UNKNOWN),
        ([OK, SUSPECT, UNKNOWN], SUSPECT),
        ([SUSPECT, INVALID, OK], INVALID),
    ],
)
def test_a_verdict_is_the_worst_that_is_known(levels: list[Level], worst: Level) -> None:
    """What is unknown does not make a trial suspect, and does not make it ok."""
    assert verdict(levels) is worst
