"""Verdicts: which trials count, and how often one that does not is repeated."""

import pytest

from wke.describe.expression.parser import parse_condition
from wke.judge.policies.fixed import Fixed
from wke.judge.policies.policy import Seen
from wke.judge.policies.repetition import tried_in_vain
from wke.judge.verdicts.verdicts import objections
from wke.keep.trials.trials import Invalid, PlannedTrial

COLUMNS = {"errors": 3.0, "p99": 12.5, "engine": "new"}
UNITS = {"p99": "ms"}


@pytest.mark.parametrize(
    ("checks", "said"),
    [
        (["errors <= 3", "engine == 'new'"], ()),
        (["errors == 0"], ("check errors == 0 does not hold: errors is 3",)),
        (["p99 < 10ms or engine == 'old'"], ("check p99 < 10ms or engine == 'old' does not hold: p99 is 12.5 ms, engine is new",)),
        (["false", "lost == 0"], ("check false does not hold", "check lost == 0 cannot be evaluated: lost has no value")),
        (["p99 < 3MB"], ("check p99 < 3MB cannot be evaluated: p99 < 3MB compares a number in ms with a number in MB",)),
    ],
)
def test_objections_to_a_trial(checks: list[str], said: tuple[str, ...]) -> None:
    """Each check that does not hold or cannot be evaluated, with the values it names."""
    assert objections([parse_condition(check) for check in checks], COLUMNS, UNITS) == said


@pytest.mark.parametrize(
    ("times", "last", "attempted", "runs"),
    [
        (1, True, True, True),
        (2, True, True, True),
        (3, True, True, False),
        (3, True, False, False),
        (1, False, True, False),
        (2, False, False, True),
    ],
)
def test_an_invalid_trial_is_repeated_twice(times: int, last: bool, attempted: bool, runs: bool) -> None:  # noqa: FBT001 - a table
    """At once, and in later commands; one that failed instead waits for the next command; after three it is over."""
    trial = PlannedTrial("a-0", {}, 0, warmup=False, position=0)
    tried = tried_in_vain({"a-0"} if attempted else (), {"a-0": Invalid(times, last)})
    assert bool(Fixed().next_trials([trial], Seen({}, tried))) is runs
