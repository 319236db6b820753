"""Simulated trials for the rules of verdicts: each function simulates many trials and returns the share of them that is found, or a value.

A condition is that of truth-acceptance.csv, in its words; numbers in it are the parameters. Trials are simulated many at a time, because
each has up to 60,000 requests.
"""

import random
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from truths.comparisons import numbers

from wke.describe.experiment.verdictfile import BacklogRule, LittleRule, SteadyRule
from wke.judge.clocks import Probe, reading, start_skew
from wke.judge.statistics.trend import RISING, batch_means, kendall_s
from wke.judge.statistics.warmup import WarmUp, warm_up
from wke.judge.verdicts.backlog import SHORT, judge_backlog
from wke.judge.verdicts.little import ClosedLoop, judge_little
from wke.judge.verdicts.ruling import Ruling
from wke.judge.verdicts.steady import judge_steady
from wke.keep.trials.judgements import Level
from wke.records import MachineClock, Outcome, OutcomeKind, TaskEnded, TaskName

Many = Callable[[random.Random, str, int, int], float]
LAN_NS = (40_000, 20_000)
"""The shortest way through a local network, and the mean of what queues add to it."""


def backlog_grows(_: random.Random, condition: str, n: int, series: int) -> float:
    """Return how often the backlog of an open queue grows."""
    return _share(seen.level is Level.SUSPECT for seen in _queues(condition, n, series))


def falls_short(_: random.Random, condition: str, n: int, series: int) -> float:
    """Return how often an open queue completes less than it was offered."""
    return _share(seen.numbers["completed"] < SHORT for seen in _queues(condition, n, series))


def little_alarms(luck: random.Random, condition: str, n: int, series: int) -> float:
    """Return how often the numbers of a closed loop with one server seem not to fit together, without the rule's minimum."""
    clients = int(numbers(condition)[0])
    rule = LittleRule(completions=1)
    ends = np.cumsum(_generator(luck).standard_exponential((series, n)), axis=1)
    begins = np.concatenate([np.zeros((series, clients)), ends[:, : n - clients]], axis=1)
    latencies = (ends - begins).mean(axis=1)
    loops = (ClosedLoop(clients, n / end, latency, n) for end, latency in zip(ends[:, -1].tolist(), latencies.tolist(), strict=True))
    return _share(judge_little(loop, rule).level is not Level.OK for loop in loops)


def not_steady(luck: random.Random, condition: str, n: int, series: int) -> float:
    """Return how often windows with or without a trend are not steady."""
    return _share(judge_steady(windows, SteadyRule()).level is Level.SUSPECT for windows in _windows(luck, condition, n, series))


def trend_alone(luck: random.Random, condition: str, n: int, series: int) -> float:
    """Return how often windows would not be steady if the rule never refused to judge."""
    return _share(abs(kendall_s(batch_means(windows))) >= RISING for windows in _windows(luck, condition, n, series))


def bias_removed(luck: random.Random, condition: str, n: int, series: int) -> float:
    """Return which share of a start-up bias the cut of MSER-5 removes from the mean."""
    windows = _windows(luck, condition, n, series)
    kept = [each[warm_up(each).windows :] for each in windows]
    removed = sum(sum(each) / n - sum(rest) / len(rest) for each, rest in zip(windows, kept, strict=True)) / series
    return removed / float(_start_up(condition, n).mean())


def past_half(luck: random.Random, condition: str, n: int, series: int) -> float:
    """Return how often the best of all cuts is in the second half."""
    cuts: list[WarmUp] = [warm_up(each) for each in _windows(luck, condition, n, series)]
    return _share(cut.past_half for cut in cuts)


def skew_outside(luck: random.Random, condition: str, _: int, series: int) -> float:
    """Return how often the true start skew is not within its bounds."""
    return _share(_skew_is_outside(luck, condition) for _ in range(series))


SIMULATIONS: Mapping[tuple[str, str], Many] = {
    ("1.2", "backlog grows"): backlog_grows,
    ("1.3", "completed / offered < .98"): falls_short,
    ("1.4", "|Little gap| > .05 though nothing is wrong"): little_alarms,
    ("1.5", "not steady: false"): not_steady,
    ("1.5", "not steady: found"): not_steady,
    ("1.5", "without the refusal: false"): trend_alone,
    ("1.5", "without the refusal: found"): trend_alone,
    ("1.6", "MSER-5: share of the bias removed"): bias_removed,
    ("1.6", "MSER-5: least beyond the half"): past_half,
    ("1.8", "start skew outside [low, high]"): skew_outside,
}


def _share(found: Iterable[bool]) -> float:
    each = list(found)
    return sum(each) / len(each)


def _generator(luck: random.Random) -> np.random.Generator:
    return np.random.default_rng(luck.getrandbits(64))


@lru_cache
def _queues(condition: str, n: int, series: int) -> tuple[Ruling, ...]:
    """Return what the rule of the backlog says of open queues with one server; two figures are of the same queues."""
    _, load, rate, _ = numbers(condition.replace("M/M/1", "1"))
    generator, edges = _generator(random.Random(condition)), np.arange(1.0, n + 1)
    found = []
    for _ in range(series):
        arrivals = np.cumsum(generator.standard_exponential(int(rate * n * 1.2) + 100)) / rate
        arrivals = arrivals[: int(np.searchsorted(arrivals, n))]
        work = np.cumsum(generator.standard_exponential(len(arrivals)) * (load / rate))
        waited = arrivals.copy()
        waited[1:] -= work[:-1]
        ends = work + np.maximum.accumulate(waited)
        arrived, completed = (np.searchsorted(times, edges).tolist() for times in (arrivals, ends))
        found.append(judge_backlog(arrived, completed, BacklogRule()))
    return tuple(found)


def _windows(luck: random.Random, condition: str, n: int, series: int) -> list[list[float]]:
    """Return windows each of which resembles the one before, around 0, with what the condition adds to them."""
    found = re.match(r"(2 )?AR1 ([\d.]+)", condition)
    assert found, condition
    sd, correlation = 2.0 if found[1] else 1.0, float(found[2])
    noise = _generator(luck).standard_normal((n, series))
    for window in range(1, n):
        noise[window] = correlation * noise[window - 1] + np.sqrt(1 - correlation**2) * noise[window]
    windows: list[list[float]] = (sd * noise.T + _start_up(condition, n)).tolist()
    return windows


def _start_up(condition: str, n: int) -> NDArray[np.float64]:
    """Return what a condition adds to the windows: a start-up bias, or nothing."""
    found = re.search(r"\+ (\d+)(?: sd)? exp\((-3 w/W|-w/\(\.03 W\))\)", condition)
    at = np.arange(n) / n
    return float(found[1]) * np.exp(-3 * at if found[2].startswith("-3") else -at / 0.03) if found else np.zeros(n)


def _skew_is_outside(luck: random.Random, condition: str) -> bool:
    """Simulate machines with clocks of their own that are probed through their networks, and tell whether their starts are misjudged."""
    ways = [(lan, lan) for lan in [LAN_NS[0]] * int(numbers(condition)[0])]
    if "WAN" in condition:
        ways += [(5_000_000, 5_000_000), (35_000_000, 35_000_000)]
    elif "ways" in condition:
        ways.append((200_000, 2_000_000))
    starts, ends, clocks = [], [], {}
    for index, (there, back) in enumerate(ways):
        offset, start, name = luck.randrange(-(10**9), 10**9), luck.randrange(200_000), f"m{index}"
        probes = []
        for sent in range(16):
            arrives = 10**6 * sent + there + int(luck.expovariate(1 / LAN_NS[1]))
            probes.append(Probe(10**6 * sent, arrives + offset, arrives + back + int(luck.expovariate(1 / LAN_NS[1]))))
        clocks[name] = MachineClock((reading(probes),), 0)
        starts.append(start)
        ends.append(TaskEnded(TaskName(0, "load", name), Outcome(OutcomeKind.OK), start + offset, start + offset + 10**9))
    skew, truth = start_skew(ends, clocks), max(starts) - min(starts)
    return skew is None or abs(truth - skew.skew_ns) > skew.bound_ns + 1  # halves of nanoseconds
