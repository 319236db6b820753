"""One folder of results with every kind of attempt in it, and what is expected of them."""

import math
from pathlib import Path

from wke.keep.store import Store
from wke.keep.trials.storedplan import StoredPlan
from wke.keep.trials.trials import Answer, Derivation, PlannedTrial, Result
from wke.records import Outcome, OutcomeKind, StartedTogether

OK = Outcome(OutcomeKind.OK)
POINT = {"clients": 4, "engine": "new", "sync": True, "outcome": 1.5}


def planned(name: str, iteration: int, *, warmup: bool = False, **point: object) -> PlannedTrial:
    return PlannedTrial(name, POINT | point, iteration, warmup, iteration + (not warmup))


def store_attempts(folder: Path) -> None:
    """Fill a store: a warm-up, an invalid attempt and two after it, a failed and a derived one; another series."""
    plan = [planned("w-0", 0, warmup=True), planned("a-0", 0), planned("b-1", 1, clients=8), planned("c-2", 2, ratio=2)]
    with Store.open(folder) as store:
        number = store.writer.begin_series("scale", StoredPlan("scale.toml", 7), command="", planned=plan)
        start = StartedTogether(0, "load", 5, 2_500_000, 1, "m0", "m1", {})
        for trial, outcome, why, seen in (
            (plan[0], OK, "", {"p99": 1.0}),
            (plan[1], Outcome(OutcomeKind.INVALID), "check errors == 0 does not hold: errors is 1", {"p99": 3.5, "errors": 1.0}),
            (plan[1], OK, "", {"p99": 2.5, "errors": 0.0}),
            (plan[1], OK, "", {"p99": 9.0, "errors": 0.0}),
            (plan[2], Outcome(OutcomeKind.FAILED, 3), 'load on m0: failed(3), "quoted"\nand more', {}),
        ):
            attempt = store.writer.begin_attempt(number, trial)
            units = {"p99": "ms"}
            store.writer.finish_attempt(
                attempt, Result(outcome, 10, 2_000_000_010, why, seen, {n: units.get(n, "") for n in seen}, start=start)
            )
        why = Derivation("a-0", 2, "reanalysed", 5, "me", "1.0")
        store.writer.add_answers(number, [Answer(plan[3], why, OK, "", {"p99": math.nan}, {"p99": "ms"})])
        store.writer.begin_series("other", StoredPlan("scale.toml", 7), command="", planned=[planned("a-0", 0)])


EXPECTED = [  # trial, attempt, outcome, whether it counts, what it derives from
    ("w-0", 1, "ok", False, None),
    ("a-0", 1, "invalid", False, None),
    ("a-0", 2, "ok", True, None),
    ("a-0", 3, "ok", False, None),
    ("b-1", 1, "failed(3)", False, None),
    ("c-2", 1, "ok", True, "a-0.2"),
]
