"""Precisions in words."""

from collections.abc import Mapping, Sequence

from wke.describe.experiment.sweep import Point, point_text
from wke.judge.policies.precision import Precision


def share_text(share: float | None) -> str:
    """Return a precision as `±3.2 %`, rounded up, so that an interval that is too wide never looks narrow enough."""
    if share is None or share > 10:
        return "unknown" if share is None else "±more than 1,000 %"
    thousandths = -int(-share * 1000 // 1)
    return f"±{thousandths / 10:g} %"


def shares_text(precision: Precision) -> str:
    """Return the precision of each metric, such as `throughput ±3.2 %, p99 unknown`."""
    return ", ".join(f"{name} {share_text(share)}" for name, share in precision.shares.items())


def place_text(point: Mapping[str, object], varied: Sequence[str]) -> str:
    """Return the parameters that tell a point from others; "" for the only point."""
    told: Point = {name: value for name, value in point.items() if name in varied and isinstance(value, bool | int | float | str)}
    return point_text(told)
