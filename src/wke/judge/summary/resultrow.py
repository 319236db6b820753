"""One row for each attempt at a trial of a series, whatever came of it."""

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class ResultRow:
    """One attempt at a trial of the latest plan of `series`; `counts` is True for the attempt that tables and figures show.

    `point` maps parameters to values, `observations` maps metrics to values in `units`. `why` is the reason when the outcome is not ok or
    the attempt is `broken`, or names the machines of the attempt, if they have changed since. With `derived_from` (a trial and the number
    of an attempt, joined by a dot) that attempt ran, and `folder` is its folder. With `stands_for` a user accepted this attempt as a
    result of that trial. `skew_bound_ms` is the largest possible error of `skew_ms`. `verdict` tells whether an
    attempt that ended well may be trusted; `doubts` say why it is suspect, `limit` what it used up.
    """

    series: str
    trial: str
    attempt: int
    iteration: int
    warmup: bool
    outcome: str
    why: str
    broken: bool
    counts: bool
    started_ns: int
    elapsed_s: float | None
    skew_ms: float | None
    skew_bound_ms: float | None
    derived_from: str | None
    stands_for: str | None
    folder: Path
    verdict: str | None = None
    doubts: str = ""
    limit: str = ""
    point: Mapping[str, object] = field(default_factory=dict)
    observations: Mapping[str, float] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
