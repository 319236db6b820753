"""The table of a series as text and as JSON."""

import math
from collections.abc import Iterator, Mapping, Sequence

from wke.describe.experiment.sweep import value_text
from wke.describe.toml.wording import counted
from wke.judge.policies.precision import Precision
from wke.judge.statistics.statistics import POOLED, Summary
from wke.judge.summary.pointtable import PointRow, PointTable
from wke.tell.precision import share_text, shares_text
from wke.tell.tails import is_closed, tail_notes
from wke.values import dataclass

FORMS = {
    "mean": "a ± b: mean",
    "geometric-mean": "a [b, c]: geometric mean",
    "median": "a [b, c]: median",
    POOLED: "a [b, c] or a (≥ b): quantile of all recorded values",
}

SAME = 1e-12  # values that differ by less than this share are equal: the rest is rounding

KINDS = ("broken", "suspect", "failed", "invalid")
"""The kinds of trials that a table counts."""


@dataclass(frozen=True, slots=True)
class TextTable:
    """A table as text: the titles of its columns, its rows, how many columns tell the rows apart, and how to read it."""

    header: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    keys: int = 0
    notes: tuple[str, ...] = ()


def text_table(table: PointTable) -> TextTable:
    """Return a table as text, without points that nothing ran at.

    It has columns for broken, suspect, failed and invalid trials if there are any.
    """
    rows = rows_of(table)
    kinds = [kind for kind in KINDS if any(getattr(row, kind) for row in rows)]
    header = (
        *table.parameters,
        "n",
        *(titled(name, unit) for name, unit in table.units.items()),
        *((f"within {share_text(table.wanted)}",) if table.wanted is not None else ()),
        *kinds,
    )
    notes = [*_forms(rows), *tail_notes(table), *_left_out(len(table.rows) - len(rows))]
    return TextTable(header, tuple(_cells(table, row, kinds) for row in rows), len(table.parameters), tuple(notes))


def rows_of(table: PointTable) -> list[PointRow]:
    """Return the points at which something ran."""
    return [row for row in table.rows if row.n or row.failed or row.invalid]


def _forms(rows: Sequence[PointRow]) -> Iterator[str]:
    """Yield what the forms of cells mean."""
    summaries = [one for row in rows for one in row.summaries.values()]
    kinds = sorted({one.kind for one in summaries if one.half_width or (one.kind == POOLED and one.low is not None)})
    if kinds:
        forms = "; ".join(FORMS[kind] for kind in kinds)
        if any(one.clipped for one in summaries):
            forms = forms.replace(FORMS["mean"], "a ± b or a [0, c]: mean")
        yield f"{forms}; of n trials, with its 95 % confidence interval"
    if any(one.marked for one in summaries):
        yield '(mean): a value is 0 or less, so there is no geometric mean; for an interval, declare summary = "mean" in [metrics]'


def _left_out(count: int) -> Iterator[str]:
    if count:
        yield f"{counted(count, 'point')} without a trial {'is' if count == 1 else 'are'} left out"


def table_json(table: PointTable) -> dict[str, object]:
    """Return a table as values for `json.dumps`, numbers unrounded."""
    return {
        "parameters": list(table.parameters),
        "metrics": [{"name": name, "unit": unit, **_tail_json(table, name)} for name, unit in table.units.items()],
        "rows": [
            {
                "point": dict(row.point),
                "n": row.n,
                "failed": row.failed,
                "invalid": row.invalid,
                "broken": row.broken,
                "suspect": row.suspect,
                "summaries": {name: _summary_json(summary) for name, summary in row.summaries.items()},
                **precision_json(row.precision),
            }
            for row in table.rows
        ],
    }


def _tail_json(table: PointTable, name: str) -> dict[str, object]:
    """Return what a reader of a quantile of recorded values should know."""
    metric = next((one for one in table.metrics if one.name == name and one.source), None)
    if metric is None:
        return {}
    return {
        "quantile": metric.quantile,
        "expected-interval": metric.expected_interval,
        "closed-loop": is_closed(metric, closed=table.closed),
    }


def precision_json(precision: Precision | None) -> dict[str, object]:
    """Return how precise a point is as values for `json.dumps`; nothing without a target precision."""
    if precision is None:
        return {}
    shares = {name: share if share is None or math.isfinite(share) else None for name, share in precision.shares.items()}
    return {"precision": {"wanted": precision.wanted, "reached": precision.enough, "shares": shares}}


def titled(name: str, unit: str) -> str:
    """Return a metric's name with its unit."""
    return f"{name} ({unit})" if unit else name


def shown(value: object) -> str:
    """Return a parameter's value as the experiment's file writes it; "" for a point that does not set it."""
    return value_text(value) if isinstance(value, bool | int | float | str) else ""


def interval(summary: Summary) -> str:
    """Return "centre ± half-width", or "centre [low, high]" for an asymmetric interval, or the centre alone.

    The interval determines the digits: two of its half-width. Without an interval, the centre has four. A centre that is small beside an
    asymmetric interval keeps two. Equal values have no spread and are shown as they are, to six digits; whole numbers in full.
    """
    half, centre = summary.half_width, summary.centre
    if summary.kind == POOLED and summary.low is not None and summary.high is None:
        decimals = decimals_of(centre, 4)
        return f"{number(centre, decimals)} (≥ {number(summary.low, decimals)})"
    if half is None or summary.low is None or summary.high is None:
        return number(centre, decimals_of(centre, 4)) + (" (mean)" if summary.marked else "")
    if half <= SAME * abs(centre):
        return f"{centre + 0.0:,.0f}" if abs(centre) < 1e12 and (centre.is_integer() or abs(centre) >= 1e5) else f"{centre:,.6g}"
    decimals = decimals_of(half, 2)
    if summary.kind == "mean" and not summary.clipped:
        return f"{number(centre, decimals)} ± {number(half, decimals)}"
    decimals = max(decimals, decimals_of(centre, 2))
    low = "0" if summary.clipped else number(summary.low, decimals)
    return f"{number(centre, decimals)} [{low}, {number(summary.high, decimals)}]"


def number(value: float, decimals: int) -> str:
    """Return `value` rounded to a number of decimals, or to tens or hundreds where it is negative; thousands are apart from 1,000 on."""
    size = max(abs(value), 10.0**-decimals)
    if 1e-6 <= size < 1e12 or value == 0:
        return f"{round(value, decimals) + 0.0:,.{max(decimals, 0)}f}"
    return f"{value:.{min(max(0, decimals + math.floor(math.log10(size))), 5)}e}"


def _cells(table: PointTable, row: PointRow, kinds: Sequence[str]) -> tuple[str, ...]:
    return (
        *(shown(row.point.get(name)) for name in table.parameters),
        str(row.n),
        *(interval(row.summaries[name]) if name in row.summaries else "–" for name in table.units),
        *((_reached(row.precision),) if row.precision else ()),
        *(str(getattr(row, kind)) for kind in kinds),
    )


def _summary_json(summary: Summary) -> Mapping[str, object]:
    interval = {"low": summary.low, "high": summary.high, "confidence": summary.confidence}
    values = {"values": summary.values} if summary.kind == POOLED else {}
    return {"n": summary.n, "kind": summary.kind, "centre": summary.centre, **interval, **values}


def _reached(precision: Precision) -> str:
    return f"{'reached' if precision.enough else 'not reached'}: {shares_text(precision)}"


def decimals_of(value: float, significant: int) -> int:
    """Return how many decimals show so many significant digits of `value`."""
    return significant - 1 - math.floor(math.log10(abs(value))) if value and math.isfinite(value) else 0
