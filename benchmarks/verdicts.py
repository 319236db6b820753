"""Measures how often the rules of verdicts are right: on situations that are made for each of them, and on quiet trials.

    python benchmarks/verdicts.py situations [--write PAGE]            every situation once; ten minutes
    python benchmarks/verdicts.py quiet [--trials 300] [--minutes 30] [--write PAGE]

Needs root, for the limits of emulated machines, and a C compiler, for a clock that can be set. All trials are measured by `wke measure`
with the default thresholds. `quiet` measures short trials, in which nothing is wrong, as open and closed loops in turns; then one long
trial of each kind, whose recorded data are cut into trials of several lengths. On a computer that others use, foreign load is a fact and
no false alarm.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from facts import facts
from page import write_between
from situations import Situation, series, write_situations

from wke.act.trials.attempttelemetry import attempt_telemetry
from wke.describe.experiment.verdictfile import LittleRule, VerdictsSection
from wke.describe.expression.parser import parse_calculation
from wke.judge.telemetry.course import Window
from wke.judge.verdicts.evidence import Evidence
from wke.judge.verdicts.rules import RULES, judge_trial
from wke.judge.verdicts.uses import uses_of
from wke.keep.output.timeseries import series_of_tasks
from wke.keep.store import Store
from wke.keep.trials.judgements import Judgement, Level
from wke.keep.trials.trials import StoredAttempt

ALARMS = {Level.SUSPECT, Level.INVALID}
CLIENTS = 'little = { clients = "clients" }'
SHORT_S = 5.1
CUTS_S = (6, 20, 100, 300)


@dataclass(frozen=True)
class Made:
    """A situation, the rule that must find it ("" for none), and what it takes beside a trial: limits of the generator's machine, hogs."""

    title: str
    rule: str
    situation: Situation
    limits: str = ""
    hogs: int = 0


SITUATIONS = (
    Made("a generator that spins, on a machine with `cpus = 0.2`", "generator", Situation("spin", 190, 10), "m1 = { cpus = 0.2 }"),
    Made("a program beside the machines that burns a processor", "foreign", Situation("none", 190, 10), hogs=1),
    Made("as many of them as there are processors", "oversubscribed", Situation("none", 190, 10), hogs=len(os.sched_getaffinity(0))),
    Made("a server that is stopped for 5 s", "processes", Situation("stop", 190, 16)),
    Made("a server that leaves 1 % of its machine's memory", "memory", Situation("memory", 190, 10)),
    Made("the clock of a machine jumps by 0.2 s", "clock", Situation("step", 190, 10)),
    Made("the clock of a machine runs 1 % fast", "clock", Situation("drift", 190, 10)),
    Made("open loop at 1.05 times the capacity, 25,000 arrivals", "backlog", Situation("none", 420, 60)),
    Made("the same at 0.95", "", Situation("none", 380, 60)),
    Made("closed loop, a server that gets faster all the time", "steady", Situation("cold", 0, 120)),
    Made("the same with a server that is not", "", Situation("none", 0, 120)),
)


def main() -> int:
    """Measure, print, and write into a page."""
    parser = argparse.ArgumentParser(description="Measure how often the rules of verdicts are right.")
    parser.add_argument("what", choices=("situations", "quiet"))
    parser.add_argument("--trials", type=int, default=300, help="short quiet trials (default: 300)")
    parser.add_argument("--minutes", type=float, default=30, help="how long the long quiet trials take together (default: 30)")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="also put the table between its markers in this page")
    words = parser.parse_args()
    table = situations() if words.what == "situations" else quiet(words.trials, words.minutes)
    scope = "" if words.what == "situations" else f" --trials {words.trials} --minutes {words.minutes:g}"
    known = ", ".join(f"{name}: {value}" for name, value in facts().items())
    printed = "\n".join([f"Taken by `python benchmarks/verdicts.py {words.what}{scope}` ({known})", "", *table])
    print(printed)
    if words.write:
        ends = (f"<!-- {words.what}: written by benchmarks/verdicts.py -->", f"<!-- end of {words.what} -->")
        write_between(words.write, printed + "\n", *ends)
    return 0


# -- situations


def situations() -> Iterator[str]:
    """Yield a table with what the rules say of each situation."""
    yield "| Situation | Rule | It says | Other alarms |"
    yield "| --- | --- | --- | --- |"
    for made in SITUATIONS:
        with project(made.limits) as folder, hogs(made.hogs):
            (trial, *_) = measured(folder, made.situation, capacity=400 if made.situation.rate > 200 else 200)
            found = {each.rule: each for each in trial.judgements if each.level in ALARMS}
            mine = found.pop(made.rule, None)
            said = f"{mine.level.value}: {mine.said}" if mine else "ok" if not made.rule else "**not found**"
            row = f"| {made.title} | {made.rule and f'`{made.rule}`'} | {said} | {', '.join(f'`{rule}`' for rule in found)} |"
            print(row, file=sys.stderr, flush=True)
            yield row


@contextmanager
def hogs(count: int) -> Iterator[None]:
    """Burn so many processors beside the machines."""
    burning = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in burning:
            process.kill()
            process.wait()


@contextmanager
def project(limits: str = "") -> Iterator[Path]:
    """Yield the folder of a new project, with its machines up."""
    folder = Path(tempfile.mkdtemp(prefix="wke-verdicts-", dir="/var/tmp"))
    write_situations(folder, shutil.which("cc") or sys.exit("there is no C compiler"), limits=limits)
    wke(folder, "cluster", "up")
    try:
        yield folder
    finally:
        wke(folder, "cluster", "down")
        shutil.rmtree(folder)


def wke(folder: Path, *arguments: str) -> None:
    """Run a command in a folder; its status may say that a trial was invalid."""
    subprocess.run(
        [sys.executable, "-m", "wke.cli", *arguments], cwd=folder, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )


def measured(folder: Path, *wanted: Situation, iterations: int = 1, capacity: float = 200) -> Sequence[StoredAttempt]:
    """Measure situations and return the last attempt at each trial."""
    text = series(*wanted, iterations=iterations, capacity=capacity, verdicts=CLIENTS)
    (folder / "experiments" / "series.toml").write_text(text)
    wke(folder, "measure", "experiments/series.toml", "--no-figures")
    with Store.open(folder / "results", readonly=True) as store:
        return store.attempts.one_per_trial("series")


# -- quiet trials


def quiet(trials: int, minutes: float) -> Iterator[str]:
    """Yield a table with how often each rule raises an alarm although nothing is wrong."""
    yield "| Rule | Alarms of measured trials | Alarms of cut trials |"
    yield "| --- | --- | --- |"
    with project() as folder:
        short = [each.judgements for each in measured(folder, *loops(SHORT_S), iterations=trials // 2)]
    long: list[Sequence[Judgement]] = []
    with project() as folder:
        for attempt in measured(folder, *loops(30 * minutes)) if minutes else ():
            long += [cut for seconds in CUTS_S for cut in cuts(folder, attempt, seconds)]
    for rule in (rule for rule in RULES if rule != "limit"):
        yield f"| `{rule}` | {share(rule, short)} | {share(rule, long)} |"


def loops(seconds: float) -> tuple[Situation, Situation]:
    """Return an open and a closed loop in which nothing is wrong."""
    return Situation("none", 160, seconds), Situation("none", 0, seconds)


def share(rule: str, trials: Sequence[Sequence[Judgement]]) -> str:
    """Return in how many of the trials that a rule can judge it raises an alarm, with an example."""
    said = [each for judgements in trials for each in judgements if each.rule == rule and each.level not in {Level.UNKNOWN, Level.OFF}]
    alarms = [each.said for each in said if each.level in ALARMS]
    return f"{len(alarms)} of {len(said)}{f': {alarms[0]}' if alarms else ''}" if said else ""


def cuts(folder: Path, attempt: StoredAttempt, seconds: int) -> Iterator[tuple[Judgement, ...]]:
    """Yield what the rules say of each piece of a long trial that lasted so many seconds."""
    with Store.open(folder / "results", readonly=True) as store:
        of = store.details.of(*attempt.ran)
    telemetry = attempt_telemetry(attempt.folder, of.times)
    written = series_of_tasks(attempt.folder)
    backgrounds = frozenset(task.name for task in of.tasks if task.name not in written)
    assert telemetry.window is not None
    rules = VerdictsSection(little=LittleRule(clients=parse_calculation("clients")))
    for first in range(0, int(telemetry.window.seconds) - seconds + 1, seconds):
        begin_ns = telemetry.window.start_ns + first * 10**9
        window = Window(begin_ns, begin_ns + seconds * 10**9)
        load = {
            task: {name: replace(one, **_between(one.times, one.values, first, first + seconds)) for name, one in each.items()}
            for task, each in written.items()
        }
        seen = Evidence(
            window_s=seconds,
            columns={**attempt.point, **attempt.observations},
            units=attempt.units,
            metrics=(),
            load=load,
            starts=(0.0, 0.0),
            clocks=dict.fromkeys(of.times.clocks, 0.0),
            has_generator=True,
            uses=lambda _, window=window: uses_of(replace(telemetry, window=window), frozenset(written), backgrounds),
        )
        yield tuple(each for each in judge_trial(seen, rules) if each.rule not in {"start", "clock", "little"})


def _between(times: Sequence[float], values: Sequence[float], begin: float, end: float) -> dict[str, tuple[float, ...]]:
    kept = [(at - begin, value) for at, value in zip(times, values, strict=True) if begin + 0.5 < at <= end + 0.5]
    return {"times": tuple(at for at, _ in kept), "values": tuple(value for _, value in kept)}


if __name__ == "__main__":
    sys.exit(main())
