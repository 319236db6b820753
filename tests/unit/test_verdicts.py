"""Verdicts: which trials count, and how often one that does not is repeated."""

import pytest

from wke.describe.experiment.experiment import Check
from wke.describe.expression.parser import parse_condition
from wke.judge.policies.fixed import Fixed
from wke.judge.policies.policy import Seen
from wke.judge.policies.repetition import repeat_now, tried_in_vain
from wke.judge.verdicts.alike import TrialEnd, all_alike
from wke.judge.verdicts.verdicts import Objections, objections
from wke.keep.trials.trials import Invalid, PlannedTrial
from wke.records import Outcome, OutcomeKind

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
    assert objections([Check(parse_condition(check)) for check in checks], COLUMNS, UNITS) == Objections(said)


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ("errors <= 3", Objections()),
        ("p99 < 10ms", Objections((), ("check p99 < 10ms does not hold: p99 is 12.5 ms",))),
        ("lost == 0", Objections(("check lost == 0 cannot be evaluated: lost has no value",))),
    ],
)
def test_a_check_of_the_system_leaves_the_measurement_alone(check: str, said: Objections) -> None:
    """What does not hold is an objection to the system; a check that cannot be evaluated is one to the measurement."""
    assert objections([Check(parse_condition(check), "system")], COLUMNS, UNITS) == said


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


KINDS = {
    "o": Outcome(OutcomeKind.OK),
    "l": Outcome(OutcomeKind.LOST),
    "u": Outcome(OutcomeKind.UNREACHABLE),
    "f": Outcome(OutcomeKind.FAILED, 1),
    "t": Outcome(OutcomeKind.TIMED_OUT),
    "i": Outcome(OutcomeKind.INVALID),
}


@pytest.mark.parametrize(
    ("ends", "again"), [("l", True), ("u", True), ("lu", True), ("lul", False), ("lo", False), ("lf", False), ("f", False)]
)
def test_only_lost_contact_repeats_a_trial_at_once(ends: str, again: bool) -> None:  # noqa: FBT001 - a table
    """Twice at most in a command; what the system did, a failure too, is an answer."""
    assert repeat_now([("other", KINDS["o"]), *(("t", KINDS[end]) for end in ends)]) == ({"t"} if again else frozenset())


@pytest.mark.parametrize(
    ("ends", "most", "stops"),
    [
        ("f1 f1 f1", 3, True),
        ("o1 f1 f1 f1", 3, True),
        ("f1 f1", 3, False),
        ("f1 o1 f1 f1", 3, False),
        ("f1 f2 f1", 3, False),
        ("f1 t1 f1", 3, False),
        ("i1 i1 i1", 3, False),
        ("f1 f1 f1", 0, False),
        ("l l l", 3, True),
        ("f f f", 3, True),
    ],
)
def test_failures_alike_stop_a_series(ends: str, most: int, stops: bool) -> None:  # noqa: FBT001 - a table
    """As many in a row as asked for, in the same step with the same outcome."""
    assert all_alike([TrialEnd(KINDS[end[0]], int(end[1:]) if end[1:] else None) for end in ends.split()], most) is stops
    if ends == "f f f":
        assert not all_alike([TrialEnd(KINDS["f"], None, why) for why in ("no p99", "no p99", "no ops")], most)
