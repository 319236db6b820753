"""Impact: by how much each parameter moves a metric, and when that cannot be said."""

import math
from itertools import product

import pytest

from wke.judge.statistics.impact import EntangledError, Impacts, PointValue, impacts

ENGINES, THREADS = ("old", "new"), (1, 2, 4)


def values(effect: dict[object, float], rounds: int = 4, *, noise: float = 0.01, base: float = 100.0) -> list[PointValue]:
    """Return trials of a full factorial whose value is the product of the effects of its parameters, with a little noise in each round."""
    return [
        PointValue(
            {"engine": engine, "threads": threads, "same": 1},
            k,
            base * effect.get(engine, 1.0) * effect.get(threads, 1.0) * math.exp(noise * math.sin(7 * k + 3 * threads + len(engine) * k)),
        )
        for k in range(rounds)
        for engine, threads in product(ENGINES, THREADS)
    ]


def found(observed: list[PointValue]) -> Impacts:
    return impacts(observed, ("engine", "threads", "same"))


def test_each_parameter_has_the_ratio_of_its_farthest_values() -> None:
    """The strongest first, with an interval over the rounds that holds the true ratio; what does not vary is left out."""
    known = found(values({"new": 2.0, 2: 1.5, 4: 3.0}))
    assert [(one.parameter, one.high, one.low) for one in known.of] == [("threads", 4, 1), ("engine", "new", "old")]
    for one, truth in zip(known.of, (3.0, 2.0), strict=True):
        assert one.summary.n == 4
        assert one.summary.centre == pytest.approx(truth, rel=0.02)
        assert (one.summary.low or 0.0) <= one.summary.centre <= (one.summary.high or 0.0)
    assert (known.ratios, known.rounds, known.incomplete) == (True, 4, 0)


def test_shares_of_the_variance_are_those_of_the_sums_of_squares() -> None:
    """They add up to 1; without noise and combinations the parameters have all of it, in the proportions of their squares."""
    known = found(values({"new": 2.0, 2: 1.5, 4: 3.0}, noise=0.0))
    shares = {one.parameter: one.share or 0.0 for one in known.of}
    logs = [math.log(effect) for effect in (1.0, 1.5, 3.0)]
    of_threads = sum((log - sum(logs) / 3) ** 2 for log in logs) / 3
    of_engine = (math.log(2.0) / 2) ** 2
    assert shares["threads"] == pytest.approx(of_threads / (of_threads + of_engine))
    assert shares["threads"] + shares["engine"] == pytest.approx(1.0)
    assert known.combined == pytest.approx(0.0, abs=1e-9)
    noisy = found(values({"new": 2.0, 4: 3.0}, noise=0.3))
    assert sum(one.share or 0.0 for one in noisy.of) + (noisy.combined or 0.0) + (noisy.noise or 0.0) == pytest.approx(1.0)
    assert (noisy.noise or 0.0) > 0.01


def test_combinations_have_their_own_share() -> None:
    """Where one parameter matters only together with another, neither has a share alone."""
    crossed = [
        PointValue({"a": a, "b": b}, k, (8.0 if a == b else 2.0) * (1 + 0.001 * k)) for k in range(3) for a, b in product((0, 1), repeat=2)
    ]
    known = impacts(crossed, ("a", "b"))
    assert known.combined == pytest.approx(1.0, abs=0.01)
    assert [one.summary.centre for one in known.of] == pytest.approx([1.0, 1.0])


def test_what_is_not_positive_has_differences() -> None:
    """A ratio to 0 is nothing; differences are in the unit of the metric."""
    shifted = [PointValue(one.point, one.round, one.value - 150.0) for one in values({"new": 2.0})]
    known = found(shifted)
    assert not known.ratios
    assert (known.of[0].parameter, known.of[0].summary.kind) == ("engine", "mean")
    assert known.of[0].summary.centre == pytest.approx(100.0, rel=0.05)


def test_a_round_that_lacks_a_point_is_left_out() -> None:
    """It is counted; without any complete round there is nothing to say, and one round has no interval."""
    observed = values({"new": 2.0}, rounds=2)
    known = found(observed[:-1])
    assert (known.rounds, known.incomplete, known.of[0].summary.low) == (1, 1, None)
    with pytest.raises(EntangledError, match="no round has a value at all 6 points"):
        found([one for one in values({}, rounds=2) if (one.round == 0) == (one.point["engine"] == "old")])


@pytest.mark.parametrize(
    ("kept", "words"),
    [
        (lambda point: (point["engine"] == "old") == (point["threads"] == 1), "engine and threads vary together"),
        (lambda point: point["engine"] == "old" or point["threads"] != 4, r"\(5 combinations of 6 at 5 points\)"),
        (lambda point: point == {"engine": "old", "threads": 1, "same": 1}, "no parameter has several values"),
    ],
)
def test_parameters_that_vary_together_are_refused(kept: object, words: str) -> None:
    """What each of them does is not known, and the sentence names them."""
    assert callable(kept)
    with pytest.raises(EntangledError, match=words):
        found([one for one in values({"new": 2.0}) if kept(one.point)])


def test_a_balanced_part_of_a_factorial_will_do() -> None:
    """Half of 2 x 2 x 2 points in which each pair of parameters is balanced shows what each parameter does alone."""
    half = [
        PointValue({"a": a, "b": b, "c": a ^ b}, k, 10.0 * 2.0**a * 3.0**b * (1 + 0.01 * k))
        for k in range(2)
        for a, b in product((0, 1), repeat=2)
    ]
    known = impacts(half, ("a", "b", "c"))
    assert {one.parameter: round(one.summary.centre, 6) for one in known.of} == {"a": 2.0, "b": 3.0, "c": 1.0}


def test_equal_values_have_no_shares() -> None:
    """Nothing varies, so nothing has a share of it."""
    known = found(values({}, noise=0.0))
    assert {one.share for one in known.of} == {None}
    assert (known.combined, known.noise, known.of[0].summary.centre) == (None, None, 1.0)
