"""The search for the largest value in a series: one for each setting, trial by trial, as results ask for it; and what is said of it."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from wke.describe.experiment.experiment import Experiment
from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.sweep import Parameter, Point, Sweep
from wke.describe.search.search import WantedTrial
from wke.describe.search.searchform import read_search
from wke.judge.policies.choose import policy_of
from wke.judge.policies.largest import Largest, RateFound
from wke.judge.policies.policy import Policy, Seen
from wke.judge.policies.smallest import SizesFound, Smallest
from wke.judge.summary.pointtable import point_table
from wke.keep.trials.judgements import Judgement, Level
from wke.keep.trials.trials import PlannedTrial, StoredAttempt
from wke.tell.searches import answers_json, answers_table
from wke.tell.terminal.findings import finding_text

METRICS = (Metric("p99", unit="ms"), Metric("errors", unit="%"), Metric("requests"))
SEARCH = read_search(
    {"find": "max", "while": "p99 < 10ms and errors < 1%", "from": 100, "to": "1M", "start": 2000, "completions": "requests"}
)
EXPERIMENT = Experiment(
    "x",
    Path("x.toml"),
    parameters=Sweep((Parameter("engine", ("old", "new")), Parameter("rate", SEARCH.values, search=SEARCH))),
    metrics=METRICS,
)
POLICY = policy_of(EXPERIMENT)
CAPACITY: Mapping[object, float] = {"old": 10_000, "new": 40_000}
Answers = Callable[[Point], Mapping[str, float]]


def queue(point: Point) -> Mapping[str, float]:
    """Return what a queue answers whose p99 is 10 ms at 0.77 of what it can serve, with a little noise."""
    load = float(str(point["rate"])) / CAPACITY[point["engine"]] * 0.77
    noise = 0.02 * math.sin(1000 * load)
    return {"p99": 10 * 0.23 / (1 - load) * math.exp(noise) if load < 1 else 5000.0, "errors": 0.0, "requests": 40_000}


def planned(wanted: WantedTrial, position: int) -> PlannedTrial:
    name = f"{wanted.point.get('engine')}{wanted.point['rate']}-{wanted.iteration}"
    return PlannedTrial(name, wanted.point, wanted.iteration, warmup=False, position=position)


def result(trial: PlannedTrial, values: Mapping[str, float], **more: object) -> StoredAttempt:
    attempt = StoredAttempt(trial.id, "x", 1, trial.point, trial.iteration, False, "ok", "", trial.position, 1.0, values, {}, Path())
    return replace(attempt, **more)


def steps(policy: Policy, answer: Answers = queue) -> Iterator[tuple[list[PlannedTrial], dict[str, StoredAttempt]]]:
    """Yield a series as it grows, before each batch of trials, up to its end."""
    trials: list[PlannedTrial] = []
    stored: dict[str, StoredAttempt] = {}
    while True:
        trials += [planned(one, len(trials) + k) for k, one in enumerate(policy.wanted(trials, Seen(stored)))]
        yield trials, dict(stored)
        due = policy.next_trials(trials, Seen(stored))
        if not due:
            return
        stored |= {trial.id: result(trial, answer(trial.point)) for trial in due}


def ended(policy: Policy = POLICY, answer: Answers = queue) -> tuple[list[PlannedTrial], dict[str, StoredAttempt]]:
    *_, last = steps(policy, answer)
    return last


def rates(trials: list[PlannedTrial], engine: str) -> list[object]:
    return [trial.point["rate"] for trial in trials if trial.point["engine"] == engine]


def alone(policy: Policy, engine: str = "old") -> Largest:
    assert isinstance(policy, Largest)
    return replace(policy, starts=tuple(point for point in policy.starts if point["engine"] == engine))


def texts(policy: Policy, trials: list[PlannedTrial], stored: Mapping[str, StoredAttempt]) -> list[str]:
    return [finding_text(found, ("engine", "rate")) for found in policy.findings(trials, Seen(stored))]


def test_each_setting_has_its_own_answer() -> None:
    """Both searches run one trial each in turn, at rates of three digits, and come close to the truth."""
    trials, stored = ended()
    assert (len(trials), len(stored)) == (24, 24)
    assert [trial.point["engine"] for trial in trials] == ["old", "new"] * 12
    assert rates(trials, "old")[:6] == [2000, 3200, 5120, 8190, 13100, 10400]
    found = POLICY.findings(trials, Seen(stored))
    for one, truth in zip(found, CAPACITY.values(), strict=True):
        assert isinstance(one, RateFound)
        assert one.state.capacity is not None
        assert one.state.capacity.low is not None
        assert one.state.capacity.estimate == pytest.approx(truth, rel=0.05)
    assert POLICY.outlook(trials, Seen(stored)).at_most == 0


def test_an_interrupted_search_goes_on_where_it_stood() -> None:
    """Whatever is stored, the plan that follows from it is the beginning of the same one."""
    whole, _ = ended()
    for trials, stored in steps(POLICY):
        again = [planned(one, k) for k, one in enumerate(POLICY.wanted((), Seen(stored)))]
        grown = list(again)
        while more := POLICY.wanted(grown, Seen(stored)):
            grown += [planned(one, len(grown) + k) for k, one in enumerate(more)]
        assert sorted(trial.id for trial in grown) == sorted(trial.id for trial in trials)
        assert {trial.id for trial in trials} <= {trial.id for trial in whole}


def test_a_rate_that_comes_again_is_a_further_iteration() -> None:
    """Trials of one rate have different identities, so that both run."""
    search = replace(SEARCH, trials=40)
    trials, _ = ended(Largest("rate", search, METRICS, EXPERIMENT.parameters.points()[:1]))
    assert len({trial.id for trial in trials}) == len(trials) == 40
    assert max(trial.iteration for trial in trials) > 0


def test_a_trial_without_a_result_holds_up_its_search() -> None:
    """What it would have said is not known; the other search goes on, and nothing is counted that cannot run."""
    trials = [planned(one, k) for k, one in enumerate(POLICY.wanted((), Seen({})))]
    seen = Seen({trials[1].id: result(trials[1], queue(trials[1].point))}, tried={trials[0].id})
    assert [one.point["engine"] for one in POLICY.wanted(trials, seen)] == ["new"]
    assert POLICY.next_trials(trials, seen) == []
    assert (POLICY.outlook(trials, seen).due, POLICY.outlook(trials, seen).at_most) == (1, 11)


def test_overload_is_an_answer() -> None:
    """A backlog that grows makes the latency infinite, whatever it was in the trial; a broken system does not hold."""
    trial = planned(WantedTrial({"engine": "old", "rate": 2000}, 0), 0)
    grows = (Judgement("backlog", Level.SUSPECT, numbers={"grows": 1.0, "done": 45_678.0}),)
    assert isinstance(POLICY, Largest)
    for attempt, excess, holds in (
        (result(trial, {"p99": 5.0, "errors": 0.0, "requests": 1}), math.log(0.5), True),
        (result(trial, {"p99": 5.0, "errors": 2.0, "requests": 1}), math.log(0.5), False),
        (result(trial, {"p99": 5.0, "errors": 0.0, "requests": 1}, judgements=grows), math.inf, False),
        (result(trial, {"p99": 5.0, "errors": 0.0, "requests": 1}, why="a check does not hold"), math.log(0.5), False),
    ):
        says = POLICY.findings([trial], Seen({trial.id: attempt}))[0].tried[0].says
        assert (says.excess, says.holds, says.completions) == (pytest.approx(excess), holds, 1)
    counted = replace(POLICY, search=replace(SEARCH, completions=None))
    attempt = result(trial, {"p99": 5.0, "errors": 0.0}, judgements=grows)
    assert counted.findings([trial], Seen({trial.id: attempt}))[0].tried[0].says.completions == 45_678


def only(p99: Callable[[float], float], requests: float = 40_000, errors: Callable[[float], float] = lambda _: 0.0) -> Answers:
    return lambda point: {
        "p99": p99(float(str(point["rate"]))),
        "errors": errors(float(str(point["rate"]))),
        "requests": requests,
    }


SAID = {
    "never fails": (only(lambda _: 1.0), "holds up to 86,100 requests/s, the largest value tried (9 trials); where it fails is not known"),
    "never holds": (only(lambda _: 99.0), "fails from 100 requests/s, the smallest value tried (8 trials); where it holds is not known"),
    "too short": (only(lambda rate: rate / 1000, requests=900), "one near the limit completed 900 requests, and 10,000 are needed"),
    "another part": (
        only(lambda rate: 1 + rate / 1e6, errors=lambda rate: 5.0 * (rate > 7000)),
        "not for its latency but for another part of p99 < 10ms and errors < 1%",
    ),
}


@pytest.mark.parametrize(("answer", "text"), SAID.values(), ids=SAID)
def test_what_is_refused_and_why(answer: Answers, text: str) -> None:
    """Where there is no interval, the sentence says what is known all the same, and what to do."""
    policy = alone(POLICY)
    trials, stored = ended(policy, answer)
    assert text in texts(policy, trials, stored)[0]
    assert answers_json(policy.findings(trials, Seen(stored)))[0]["low"] is None


def test_what_is_said_on_the_way_and_at_the_end() -> None:
    """The ends so far and the next rate; then the answer with its interval, and what to promise: its low end."""
    policy = alone(POLICY)
    said = [texts(policy, trials, stored)[0] for trials, stored in steps(policy)]
    assert said[0] == 'search of rate at engine="old": 0 of at most 12 trials; next 2,000'
    assert said[5] == 'search of rate at engine="old": 5 of at most 12 trials; holds at 8,190, fails at 13,100; next 10,400'
    trials, stored = ended(policy)
    (answer,) = answers_json(policy.findings(trials, Seen(stored)))
    low, high = (answers_table(policy.findings(trials, Seen(stored)), ("engine", "rate")).cells[0][at] for at in (2, 3))
    assert f"(95 %: {low} to {high}; 12 trials); promise {low}: p99 < 10ms and errors < 1%" in said[-1]
    assert float(low.replace(",", "")) <= answer["low"] < answer["estimate"] < answer["high"] <= float(high.replace(",", ""))
    assert [one["value"] for one in answer["trials"]] == rates(trials, "old")


def test_a_table_has_the_rates_that_were_tried() -> None:
    """Setting by setting, the lowest rate first; the rate tells rows apart."""
    trials, stored = ended()
    table = point_table(tuple(stored.values()), METRICS, EXPERIMENT.parameters.points(), POLICY)
    assert table.parameters == ("engine", "rate")
    seen = [(row.point["engine"], row.point["rate"]) for row in table.rows]
    assert seen == [(engine, rate) for engine in ("old", "new") for rate in sorted(set(rates(trials, engine)))]


# -- the smallest

SIZES = read_search({"find": "min", "while": "p99 < 10ms", "from": 1, "to": 4, "trials": 3})
LOADS = Sweep((Parameter("rate", (100, 200, 300, 900)), Parameter("servers", SIZES.values, search=SIZES)))
DEMAND = policy_of(Experiment("x", Path("x.toml"), iterations=3, parameters=LOADS, metrics=METRICS))


def test_the_least_size_for_each_load() -> None:
    """The walk goes on from the last answer; a cell in which a trial dissents is told as `m or m+1`."""
    assert isinstance(DEMAND, Smallest)
    trials = [
        PlannedTrial(f"{point['rate']}/{point['servers']}-{k}", point, k, warmup=False, position=0)
        for k in range(3)
        for point in LOADS.points()
    ]
    stored: dict[str, StoredAttempt] = {}
    cells = []
    while due := DEMAND.next_trials(trials, Seen(stored)):
        cells.append(f"{due[0].point['rate']}/{due[0].point['servers']}")
        assert len(due) == 3
        for trial in due:
            enough = int(trial.point["servers"]) * 100 - int(trial.point["rate"])
            slow = enough < 0 or (enough == 0 and trial.iteration == 0 and trial.point["rate"] == 200)
            stored[trial.id] = result(trial, {"p99": 50.0 if slow else 5.0})
    assert cells == ["100/1", "200/1", "200/2", "300/2", "300/3", "900/3", "900/4"]
    found = DEMAND.findings(trials, Seen(stored))
    assert isinstance(found[0], SizesFound)
    said = "1 at rate=100; 2 or 3 at rate=200; 3 at rate=300; none up to 4 is enough at rate=900"
    assert [finding_text(one, ("rate", "servers")) for one in found] == [f"search of servers: {said}"]
    assert answers_table(found, ("rate", "servers")).cells == (
        ("100", "1"),
        ("200", "2 or 3"),
        ("300", "3"),
        ("900", "none up to 4 is enough"),
    )
    assert [answer["least"] for answer in answers_json(found)] == [1, 2, 3, None]
    outlook = DEMAND.outlook(trials, Seen({}))
    assert (outlook.due, outlook.at_most) == (3, 7 * 3)
