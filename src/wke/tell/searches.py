"""What searches found, in sentences, as a table and as values for `json.dumps`.

The value to rely on is the low end of the interval: in half of all searches the system holds less than the middle says.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from wke.describe.experiment.sweep import value_text
from wke.describe.search.search import DIGITS, readable, whole_or_not
from wke.describe.toml.wording import counted
from wke.judge.policies.largest import RateFound, SearchOutlook
from wke.judge.policies.policy import Finding, Outlook
from wke.judge.policies.smallest import SizesFound
from wke.judge.statistics.capacity import (
    CONFIDENCE,
    ENOUGH_COMPLETIONS,
    FEWEST_COMPLETIONS,
    TRIALS,
    Capacity,
    Refusal,
)
from wke.judge.statistics.demand import Demand
from wke.keep.files.csvtext import csv_text
from wke.tell.precision import place_text
from wke.tell.tables import TextTable, titled

Number = int | float
COLUMNS = ("estimate", "low", "high", "confidence", "refused", "held", "failed", "least", "below", "above", "sure")
"""Columns of answers in CSV, beside the parameters."""


def search_text(found: RateFound | SizesFound, varied: Sequence[str]) -> str:
    """Return what a search found, or how far it is; `varied` are the parameters that tell points apart."""
    others = [name for name in varied if name != found.parameter]
    at = place_text(found.setting, [name for name in others if name in found.setting])
    said = _rate_text(found) if isinstance(found, RateFound) else _sizes_text(found)
    return f"search of {found.parameter}{f' at {at}' if at else ''}: {said}"


def short_answer(found: RateFound | SizesFound) -> str:
    """Return the value that a search found, without its interval."""
    if isinstance(found, SizesFound):
        return ", ".join(size_words(found, demand) for demand in found.demands if demand.known) or "not known yet"
    capacity = found.state.capacity
    if capacity is None or capacity.estimate is None:
        return "no answer" if capacity is not None else "not known yet"
    return f"{'' if ends(capacity) else 'about '}{rate_words(capacity.estimate, found.search.unit)}"


def rate_words(value: float, unit: str) -> str:
    """Return a value with its unit, as in 12,400 requests/s."""
    return f"{_grouped(readable(value))}{f' {unit}' if unit else ''}"


def _grouped(value: Number) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,g}"


def ends(capacity: Capacity) -> tuple[Number, Number] | None:
    """Return the ends of an interval, rounded outwards; None without one."""
    if capacity.low is None or capacity.high is None:
        return None
    return _rounded(capacity.low, math.floor), _rounded(capacity.high, math.ceil)


def _rounded(value: float, round_to: Callable[[float], int]) -> Number:
    scale = 10.0 ** (DIGITS - 1 - math.floor(math.log10(value)))
    whole = round_to(round(value * scale, 6))
    return whole_or_not(float(f"{whole / scale:.{DIGITS}g}"))


def share_of(capacity: Capacity) -> str:
    """Return how often such intervals hold the truth."""
    return f"{'' if capacity.confidence == CONFIDENCE else 'about '}{100 * capacity.confidence:.0f} %"


def _rate_text(found: RateFound) -> str:
    state, capacity, unit = found.state, found.state.capacity, found.search.unit
    if capacity is None:
        known = [
            f"{word} at {_grouped(readable(rate))}" for word, rate in (("holds", state.held), ("fails", state.failed)) if rate is not None
        ]
        following = f"next {_grouped(found.next)}" if found.next is not None else ""
        following = (
            f"stopped at {following.removeprefix('next ')}: its trial has no result and is not repeated now" if found.stuck else following
        )
        return "; ".join(
            filter(None, (f"{len(found.tried)} of at most {counted(found.search.trials, 'trial')}", ", ".join(known), following))
        )
    interval = ends(capacity)
    if capacity.refusal is not None or interval is None or capacity.estimate is None:
        return _refused(found, capacity)
    low, high = (_grouped(end) for end in interval)
    text = f"holds up to {rate_words(capacity.estimate, unit)} ({share_of(capacity)}: {low} to {high}; {counted(capacity.trials, 'trial')})"
    promise = f"promise {low}: {found.search.condition.text}"
    if capacity.confidence == CONFIDENCE:
        return f"{text}; {promise}"
    shortest = f"; the shortest completed {_requests(capacity.completions)}" if capacity.completions is not None else ""
    return f"{text}; {promise}\n  for 95 % it takes {TRIALS} trials of {ENOUGH_COMPLETIONS:,} requests{shortest}"


def _requests(number: int) -> str:
    return f"{number:,} request{'' if number == 1 else 's'}"


def _refused(found: RateFound, capacity: Capacity) -> str:  # noqa: PLR0911 - one per reason
    """Return why there is no interval, what is known all the same, and what to do."""
    state, search = found.state, found.search
    held, failed = (rate_words(rate, search.unit) if rate is not None else "nothing" for rate in (state.held, state.failed))
    trials = counted(capacity.trials, "trial")
    match capacity.refusal:
        case Refusal.HOLDS:
            more = "raise to" if (state.held or 0) >= 0.99 * search.highest else "give a higher start"
            return f"holds up to {held}, the largest value tried ({trials}); where it fails is not known: {more} in the table of the search"
        case Refusal.FAILS:
            more = "lower from" if (state.failed or 0) <= 1.01 * search.lowest else "give a lower start"
            return (
                f"fails from {failed}, the smallest value tried ({trials}); where it holds is not known: {more} in the table of the search"
            )
        case Refusal.COMPLETIONS if capacity.completions is None:
            return (
                f"no answer after {trials}: it is not known how many requests they completed; read {found.metric} from histograms, have "
                'the load generator write how many are done, or write completions = "METRIC" in the table of the search'
            )
        case Refusal.COMPLETIONS:
            return (
                f"no answer after {trials}: one near the limit completed {_requests(capacity.completions or 0)}, and "
                f"{FEWEST_COMPLETIONS:,} are needed to know its latency; measure longer"
            )
        case Refusal.GATE:
            return (
                f"holds at {held}, fails at {failed} ({trials}): not for its latency but for another part of {search.condition.text}, "
                "so there is no interval"
            )
        case Refusal.UNCERTAIN if capacity.estimate is not None:
            about = rate_words(capacity.estimate, search.unit)
            return f"about {about}, without an interval ({trials}): {found.metric} differs too much between them; run more or longer trials"
    return f"holds at {held}, fails at {failed} ({trials}): {found.metric} does not rise gradually between them, so there is no interval"


def _sizes_text(found: SizesFound) -> str:
    parts = [_demand_text(found, demand) for demand in found.demands if demand.known]
    if found.next is not None:
        load, size = found.next
        parts.append(f"next {size}{_at(found, load)}")
    return "; ".join(parts)


def _demand_text(found: SizesFound, demand: Demand[Number | None, Number]) -> str:
    return f"{size_words(found, demand)}{_at(found, demand.load)}"


def _at(found: SizesFound, load: Number | None) -> str:
    return "" if load is None else f" at {found.load}={value_text(load)}"


def size_words(found: SizesFound, demand: Demand[Number | None, Number]) -> str:
    """Return the smallest size for a load: `3`, `3 or 4` where a trial dissented, or that no size is enough."""
    unit = f" {found.search.unit}" if found.search.unit else ""
    if not demand.known:
        return "not known yet"
    if demand.least is None:
        doubt = f"; {value_text(demand.below)} may be" if demand.below is not None else ""
        return f"none up to {value_text(found.most)}{unit} is enough{doubt}"
    sizes = [value_text(size) for size in (demand.below, demand.least, demand.above) if size is not None]
    more = " or more" if not demand.sure and len(sizes) == 1 else ""
    return f"{' or '.join(sizes)}{more}{unit}"


def searches_of(findings: Iterable[Finding]) -> list[RateFound | SizesFound]:
    """Return those findings that are of searches."""
    return [one for one in findings if isinstance(one, RateFound | SizesFound)]


def answers_table(findings: Iterable[Finding], varied: Sequence[str]) -> TextTable | None:
    """Return what searches found as a table, one row for each setting, or load; None for a series without searches."""
    searches = searches_of(findings)
    rates, sizes = [one for one in searches if isinstance(one, RateFound)], [one for one in searches if isinstance(one, SizesFound)]
    if rates:
        names = [name for name in varied if name in rates[0].setting]
        header = (*names, titled("holds up to", rates[0].search.unit), "from", "to", "confidence", "trials")
        return TextTable(header, tuple((*_setting(one.setting, names), *_rate_cells(one)) for one in rates), len(names))
    if sizes:
        names = [name for name in varied if name in sizes[0].setting]
        loads = (sizes[0].load,) if sizes[0].load is not None else ()
        rows = [(*_setting(one.setting, names), *_size_cells(one, demand)) for one in sizes for demand in one.demands]
        return TextTable(
            (*names, *loads, titled(f"least {sizes[0].parameter}", sizes[0].search.unit)), tuple(rows), len(names) + len(loads)
        )
    return None


def _setting(setting: Mapping[str, object], names: Sequence[str]) -> Iterator[str]:
    for name in names:
        value = setting.get(name)
        yield value_text(value) if isinstance(value, bool | int | float | str) else ""


def _rate_cells(found: RateFound) -> tuple[str, ...]:
    capacity = found.state.capacity
    if capacity is None:
        return "not known yet", "", "", "", str(len(found.tried))
    interval = ends(capacity)
    if interval is None or capacity.estimate is None:
        middle = f"about {_grouped(readable(capacity.estimate))}" if capacity.estimate is not None else "no answer"
        return middle, *_bracket(found), "", str(capacity.trials)
    return _grouped(readable(capacity.estimate)), *map(_grouped, interval), share_of(capacity), str(capacity.trials)


def _bracket(found: RateFound) -> tuple[str, str]:
    """Return the largest value that held and the smallest that failed, where there is no interval."""
    held, failed = found.state.held, found.state.failed
    return (
        "" if held is None else f"{_grouped(readable(held))} held",
        "" if failed is None else f"{_grouped(readable(failed))} failed",
    )


def _size_cells(found: SizesFound, demand: Demand[Number | None, Number]) -> tuple[str, ...]:
    loads = () if demand.load is None else (value_text(demand.load),)
    return *loads, size_words(found, demand)


def answers_json(findings: Iterable[Finding]) -> list[dict[str, object]]:
    """Return what searches found as values for `json.dumps`, numbers unrounded."""
    return [answer for one in searches_of(findings) for answer in (_rate_json(one) if isinstance(one, RateFound) else _sizes_json(one))]


def _rate_json(found: RateFound) -> Iterator[dict[str, object]]:
    state, capacity = found.state, found.state.capacity
    yield {
        "parameter": found.parameter,
        "point": dict(found.setting),
        "find": found.search.find,
        "while": found.search.condition.text,
        "unit": found.search.unit,
        "over": capacity is not None,
        "estimate": capacity.estimate if capacity else state.estimate,
        "low": capacity.low if capacity else None,
        "high": capacity.high if capacity else None,
        "confidence": capacity.confidence if capacity and capacity.low is not None else None,
        "refused": capacity.refusal.value if capacity and capacity.refusal else None,
        "held": state.held,
        "failed": state.failed,
        "next": found.next,
        "stuck": found.stuck,
        "completions": capacity.completions if capacity else None,
        "trials": [
            {
                "id": one.attempt.id,
                "value": one.says.rate,
                found.metric: one.attempt.observations.get(found.metric),
                "holds": one.says.holds,
                "overloaded": one.says.excess == math.inf,
                "completions": one.says.completions,
            }
            for one in found.tried
        ],
    }


def _sizes_json(found: SizesFound) -> Iterator[dict[str, object]]:
    for demand in found.demands:
        yield {
            "parameter": found.parameter,
            "point": {**found.setting, **({found.load: demand.load} if found.load is not None else {})},
            "find": found.search.find,
            "while": found.search.condition.text,
            "unit": found.search.unit,
            "over": demand.known,
            "least": demand.least,
            "below": demand.below,
            "above": demand.above,
            "sure": demand.sure,
            "cells": [{"value": cell.size, "held": cell.held, "trials": cell.trials} for cell in found.cells if cell.load == demand.load],
        }


def search_lines(outlook: SearchOutlook) -> Iterator[str]:
    """Yield what a search will do."""
    search = outlook.search
    kind = "largest" if search.find == "max" else "smallest"
    lowest, highest = (_grouped(whole_or_not(end)) for end in (search.lowest, search.highest))
    between = f"from {lowest} to {highest}{f' {search.unit}' if search.unit else ''}"
    yield f"searches the {kind} {outlook.parameter} {between} while {search.condition.text}"
    if search.find == "max":
        yield f"begins at {rate_words(search.start, search.unit)}; each trial's {outlook.parameter} follows from the results before it"
    else:
        through = f", for each {search.load} from below" if search.load else ""
        yield f"tries one value after the other{through}, with {counted(search.trials, 'trial')} each"


def search_json(outlook: Outlook) -> dict[str, object] | None:
    """Return how much searches still have to do, as values for `json.dumps`; None without a search."""
    if not isinstance(outlook, SearchOutlook):
        return None
    return {"parameter": outlook.parameter, "searches": outlook.searches, "due": outlook.due, "at-most": outlook.at_most}


def answers_csv(findings: Iterable[Finding]) -> str:
    """Return what searches found as CSV, numbers unrounded; "" for a series without searches."""
    answers = answers_json(findings)
    points = [point for answer in answers if isinstance(point := answer["point"], dict)]
    names = list(dict.fromkeys(name for point in points for name in point))
    columns = [name for name in COLUMNS if any(name in answer for answer in answers)]
    rows = [[*map(point.get, names), *map(answer.get, columns)] for point, answer in zip(points, answers, strict=True)]
    return csv_text([*names, *columns], rows) if answers else ""
