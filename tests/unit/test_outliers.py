"""Outliers are far from the others by a measure that they cannot shift."""

import random

from wke.judge.diagnostics.outliers import FEWEST, outliers


def test_one_far_value_is_found_and_others_are_not() -> None:
    """One of twenty that is a half too low; of too few values, or values that are equal but for rounding, none."""
    luck = random.Random(1)
    values = [luck.gauss(0, 0.01) for _ in range(19)] + [-0.5]
    assert outliers(values) == (False,) * 19 + (True,)
    assert outliers(values[-FEWEST + 1 :]) == (False,) * (FEWEST - 1)
    assert outliers([0.0] * 19 + [9.0]) == (False,) * 20
    assert outliers([1.0, 1 + 4e-16, 1 - 4e-16] * 6 + [1 + 1e-12]) == (False,) * 19
    assert outliers([1.0, 1.1, 0.9, 1.0, 1.05, 0.95, 1.02, 2.0]) == (False,) * 7 + (True,)


def test_normal_values_are_seldom_outliers() -> None:
    """About one of 2000 normal values lies beyond."""
    luck = random.Random(2)
    found = [one for _ in range(200) for one in outliers([luck.gauss(0, 1) for _ in range(50)])]
    assert sum(found) < 0.003 * len(found)
