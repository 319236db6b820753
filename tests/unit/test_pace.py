"""The pace of a series: by the starts of a command's own trials, else by what others took, else not at all."""

from pathlib import Path

import pytest

from wke.judge.policies.pace import RECENT, Pace, pace
from wke.keep.trials.trials import StoredAttempt


def ended(number: int, elapsed_s: float) -> list[StoredAttempt]:
    """Return so many trials that took so long."""
    return [StoredAttempt(f"t-{k}", "s", 1, {}, k, False, "ok", "", k, elapsed_s, {}, {}, Path()) for k in range(number)]


SECONDS = 1_000_000_000


@pytest.mark.parametrize(
    ("starts", "own", "earlier", "expected"),
    [
        ([], 0, 0, None),
        ([0], 0, 0, None),
        ([0], 0, 4, Pace(2.0, 4, earlier=True)),
        ([0], 1, 4, Pace(3.0, 1)),
        ([0, 5], 1, 4, Pace(5.0, 1)),
        ([0, 5, 11], 3, 0, Pace(5.5, 2)),
        ([*range(0, 100 * RECENT, 100), *range(100 * RECENT, 100 * RECENT + RECENT + 1)], 2 * RECENT, 0, Pace(1.0, RECENT)),
    ],
)
def test_the_pace_is_that_of_the_latest_starts(starts: list[int], own: int, earlier: int, expected: Pace | None) -> None:
    """Pauses between trials count, a faster past does not; without two starts, how long trials took; without any trial, nothing."""
    assert pace([start * SECONDS for start in starts], ended(own, 3.0), ended(earlier, 2.0)) == expected


def test_what_is_left_counts_from_the_start_of_the_trial_that_runs() -> None:
    """It never becomes negative, however long that one takes."""
    assert Pace(10.0, 3).left_s(4, 2.5) == 37.5
    assert Pace(10.0, 3).left_s(1, 60.0) == 0.0
