"""What differs between two results, in sentences and as JSON."""

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from wke.describe.toml.wording import counted
from wke.judge.statistics.comparison import MIN_ROUNDS
from wke.judge.why.aspect import AspectKind
from wke.judge.why.facts import FactDifference, FactKind
from wke.judge.why.ranking import MeasuredDifference
from wke.judge.why.report import WhyReport
from wke.tell.tables import decimals_of, number
from wke.values import dataclass

MOST_SHOWN = 10
MOST_UNDECIDED = 5
MOST_PLACES = 3
MOST_LINES = 8
"""Of a script, this many changed lines are shown."""
MOST_LACKS = 4
LEAST_DIGITS = 2


@dataclass(frozen=True, slots=True)
class Told:
    """A difference in words: a sentence, by how much, where else; and the changed lines of a script."""

    sentence: str
    by: str = ""
    others: str = ""
    lines: tuple[str, ...] = ()


def headline(report: WhyReport) -> str:
    """Return the metric that differs most, or what is compared if none is confirmed to differ."""
    metrics = [one for one in measured(report) if one.aspect.kind is AspectKind.METRIC and not one.aspect.what]
    if metrics:
        return f"{_sentence(metrics[0], report.short)}: {_by(metrics[0])}"
    of = f"{report.candidate} against {report.baseline}"
    if report.ranking.tested:
        return f"{of}: no metric is confirmed to differ"
    return f"{of}: {counted(report.pairs, 'pair')} of trials cannot confirm a difference (that takes {MIN_ROUNDS})"


def measured(report: WhyReport) -> list[MeasuredDifference]:
    """Return the confirmed differences of the ranking."""
    return [one for one in report.ranking.differences if isinstance(one, MeasuredDifference)]


def told(report: WhyReport) -> list[Told]:
    """Return the ranking in words; the first sentence says what is in brackets."""
    shorts = [report.short, *[""] * len(report.ranking.differences)]
    return [
        _measured(one, report, short) if isinstance(one, MeasuredDifference) else _fact(one, report, short)
        for one, short in zip(report.ranking.differences, shorts, strict=False)
    ]


def undecided(report: WhyReport) -> Iterator[str]:
    """Yield what may differ, after a line that says why it is not confirmed."""
    found = report.ranking.undecided[:MOST_UNDECIDED]
    if found:
        yield "Not confirmed, because much was compared:" if report.ranking.tested else "Too few pairs to confirm anything. In every pair:"
    for one in found:
        yield f"{_sentence(one, report.short)}: {'larger' if one.rises else 'smaller'}, not confirmed"


def notes(report: WhyReport) -> Iterator[str]:
    """Yield how the ranking was made, what remains open, and what is not known."""
    ranking = report.ranking
    when = "in the same rounds" if report.together else "measured at different times, so that the days may be what differs"
    yield f"{counted(report.pairs, 'pair')} of trials, {when}; numbers are means over the measured step"
    if ranking.tested:
        yield f"brackets: 95 % interval; confirmed at 5 % among {counted(ranking.tested, 'comparison')} (Holm)"
    if ranking.doubtful:
        yield f"undecided: {counted(ranking.doubtful, 'comparison')} would be confirmed alone; more rounds would tell"
    if len(ranking.differences) > MOST_SHOWN:
        yield f"{len(ranking.differences) - MOST_SHOWN} more differ; --json has them"
    if len(ranking.undecided) > MOST_UNDECIDED and not ranking.tested:
        yield f"undecided: {len(ranking.undecided) - MOST_UNDECIDED} more are larger or smaller in every pair; --json has them"
    yield from report.doubts
    yield from report.lacks[:MOST_LACKS]
    if len(report.lacks) > MOST_LACKS:
        yield f"and {len(report.lacks) - MOST_LACKS} more things are not known; --json has them"


def nothing(report: WhyReport) -> str:
    """Return that nothing differs, as far as that can be said."""
    if report.ranking.tested:
        return f"nothing {'else ' if report.asked else ''}is confirmed to differ, in {counted(report.ranking.tested, 'comparison')}"
    return "no fact differs"


# -- measured differences


def _measured(one: MeasuredDifference, report: WhyReport, short: str) -> Told:
    fewer = f", in {counted(one.n, 'pair')}" if one.n < report.rounds else ""
    return Told(_sentence(one, short), f"{_by(one)}{fewer}", _others(one))


def _others(one: MeasuredDifference) -> str:
    """Return where else the same differs."""
    if not one.others:
        return ""
    shown = [f"{each.place} ({_value(each, each.candidate)}, {_value(each, each.baseline)})" for each in one.others[:MOST_PLACES]]
    more = [f"{len(one.others) - MOST_PLACES} more"] if len(one.others) > MOST_PLACES else []
    return f"so {'does' if len(one.others) == 1 else 'do'} {_and([*shown, *more])}"


def _sentence(one: MeasuredDifference, short: str) -> str:
    sentence = one.aspect.sentence.format(where=one.place, value=_value(one, one.candidate))
    return f"{sentence} ({f'{_value(one, one.baseline)} {short}'.rstrip()})"


def _value(one: MeasuredDifference, value: float) -> str:
    scale = ((1.0, one.aspect.unit),) if _is_declared(one) else SCALES[one.aspect.unit]
    return _worded(value, scale, abs(one.candidate - one.baseline))


def _is_declared(one: MeasuredDifference) -> bool:
    """Return whether the experiment declares the unit: it is shown as it is."""
    return one.aspect.unit not in SCALES or not one.aspect.what


def _by(one: MeasuredDifference) -> str:
    """Return by how much the candidate differs: points of a share, a factor, or a difference where the baseline is nothing."""
    if one.aspect.unit == "share":
        low, high = (None if end is None else 100 * (end - one.baseline) for end in (one.low, one.high))
        return f"{_interval(100 * (one.candidate - one.baseline), low, high, sign='+')} points"
    if one.baseline > one.aspect.floor:
        low, high = (None if end is None else end / one.baseline for end in (one.low, one.high))
        return f"× {_interval(one.candidate / one.baseline, low, high)}"
    step, unit = (1.0, one.aspect.unit) if _is_declared(one) else _step(SCALES[one.aspect.unit], abs(one.candidate - one.baseline))
    low, high = (None if end is None else (end - one.baseline) / step for end in (one.low, one.high))
    return f"{_interval((one.candidate - one.baseline) / step, low, high, sign='+')} {unit}".rstrip()


def _interval(value: float, low: float | None, high: float | None, sign: str = "") -> str:
    """Return a number and its interval, to two digits of half the interval's width but no more than the number has use for."""
    half = (high - low) / 2 if low is not None and high is not None else 0.0
    decimals = min(decimals_of(half, LEAST_DIGITS) if half else 99, decimals_of(value, 3))

    def shown(each: float) -> str:
        return f"{sign if each > 0 else ''}{number(each, decimals)}"

    return f"{shown(value)} [{shown(low)}, {shown(high)}]" if low is not None and high is not None else shown(value)


Scale = Sequence[tuple[float, str]]
SCALES: Mapping[str, Scale] = {
    "B": ((1, "B"), (1e3, "kB"), (1e6, "MB"), (1e9, "GB"), (1e12, "TB")),
    "B/s": ((1, "B/s"), (1e3, "kB/s"), (1e6, "MB/s"), (1e9, "GB/s")),
    "kHz": ((1, "kHz"), (1e3, "MHz"), (1e6, "GHz")),
    "s": ((1e-6, "us"), (1e-3, "ms"), (1, "s")),
    "share": ((0.01, "%"),),
    "cores": ((1, "cores"),),
    "1/s": ((1, ""), (1e6, "million"), (1e9, "billion")),
    "1": ((1, ""), (1e6, "million"), (1e9, "billion")),
}
"""Units with their sizes, smallest first. Sentences about rates say "per second" themselves."""


def _step(scale: Scale, value: float) -> tuple[float, str]:
    """Return the largest unit of which there is one, with its size."""
    return next((each for each in reversed(scale) if abs(value) >= each[0] * 0.9995), scale[0])


def _worded(value: float, scale: Scale, apart: float) -> str:
    """Return a value with its unit, with so many digits that it is told from one that is `apart`."""
    step, name = _step(scale, value)
    scaled = value / step
    decimals = decimals_of(scaled, LEAST_DIGITS)
    if apart:
        decimals = max(decimals, min(decimals_of(apart / step, 1), decimals + 3))
    if scaled.is_integer():
        decimals = 0
    return f"{number(scaled, max(0, decimals))} {name}".rstrip()


def _and(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


# -- facts


def _fact(fact: FactDifference, report: WhyReport, short: str) -> Told:
    lines = _changed_lines(fact, report.scripts) if fact.kind is FactKind.SCRIPT else []
    more = [f"and {counted(len(lines) - MOST_LINES, 'more changed line')}"] if len(lines) > MOST_LINES else []
    return Told(FACTS[fact.kind](fact, short), lines=(*lines[:MOST_LINES], *more))


def _where(fact: FactDifference, before: str = " on ") -> str:
    if not fact.where:
        return ""
    shown = [*fact.where[:MOST_PLACES], *([f"{len(fact.where) - MOST_PLACES} more"] if len(fact.where) > MOST_PLACES else [])]
    return before + _and(shown)


def _either(values: Sequence[str], none: str = "missing") -> str:
    return " or ".join(value or '""' for value in values) or none


def _is(what: str, fact: FactDifference, short: str, none: str = "missing") -> str:
    return f"{what} is {_either(fact.candidate, none)} ({f'{_either(fact.baseline, none)} {short}'.rstrip()})"


def _script(fact: FactDifference, _: str) -> str:
    what = {"script": "script", "prelude": "prelude", "module": "module wke.load", "files": "copied files"}[fact.name]
    change = "new" if not fact.baseline else "gone" if not fact.candidate else "changed"
    return f"the {what} of {_and(fact.where)} {'are' if fact.name == 'files' else 'is'} {change}"


def _file(fact: FactDifference, _: str) -> str:
    return f"the file {fact.name} is {'new' if not fact.baseline else 'gone' if not fact.candidate else 'changed'}"


def _takes_part(fact: FactDifference, short: str) -> str:
    if not fact.where:
        return _is(f"the {fact.name} of the cluster", fact, short)
    verb = "takes" if len(fact.where) == 1 else "take"
    return f"{_and(fact.where)} {f'{verb} part now' if not fact.baseline else 'no longer ' + verb + ' part'}"


LINKS: Mapping[str, Callable[[float], str]] = {
    "delay": lambda value: f"{1000 * value:g} ms",
    "jitter": lambda value: f"{1000 * value:g} ms",
    "loss": lambda value: f"{100 * value:g} %",
    "rate": lambda value: f"{value / 1e6:g} Mbit/s",
}


def _link(fact: FactDifference, short: str) -> str:
    ends, _, what = fact.name.rpartition(" ")
    words = LINKS.get(what)
    if words is None:
        return _is(f"the link {fact.name}", fact, short, "not set")
    told_ = (tuple(words(float(value)) if value != "null" else "not limited" for value in side) for side in (fact.baseline, fact.candidate))
    baseline, candidate = told_
    return _is(f"the {what} of the link {ends}", replace(fact, baseline=baseline, candidate=candidate), short, "not set")


FACTS: Mapping[FactKind, Callable[[FactDifference, str], str]] = {
    FactKind.VERSION: lambda fact, short: _is(f"{fact.name}{_where(fact)}", fact, short),
    FactKind.SCRIPT: _script,
    FactKind.FILE: _file,
    FactKind.OPTION: lambda fact, short: _is(f"the option {fact.name}{_where(fact, ' of ')}", fact, short, "not set"),
    FactKind.LIMIT: lambda fact, short: _is(f"the {fact.name} limit{_where(fact, ' of ')}", fact, short, "none"),
    FactKind.LINK: _link,
    FactKind.STEP: lambda fact, short: _is(f"{fact.name}{_where(fact, ' of ')}", fact, short, "not set"),
    FactKind.TAKES_PART: _takes_part,
    FactKind.MACHINE: lambda fact, short: _is(f"{fact.name}{_where(fact)}", fact, short),
    FactKind.METRIC: lambda fact, _: f"{fact.name} is read or checked in another way",
    FactKind.ADDRESS: lambda fact, short: _is(f"{fact.name}{_where(fact, ' of ')}", fact, short),
    FactKind.PRODUCT: lambda fact, short: _is(f"{fact.name}{_where(fact)}", fact, short),
    FactKind.SOFTWARE: lambda fact, short: _is("the commit of the project" if fact.name == "git" else f"{fact.name} itself", fact, short),
}


def _changed_lines(fact: FactDifference, scripts: Mapping[str, str]) -> list[str]:
    """Return the changed lines of a script, as far as both texts are kept."""
    texts = [scripts.get(digests[0]) if len(digests) == 1 else None for digests in (fact.baseline, fact.candidate)]
    before, now = ((text or "").splitlines() for text in texts)
    lines = list(difflib.unified_diff(before, now, lineterm="", n=0))[2:] if None not in texts else []
    return [line for line in lines if not line.startswith("@@")]


# -- JSON


def why_json(report: WhyReport) -> dict[str, object]:
    """Return the report as values for `json.dumps`."""
    listed = [
        {
            "rank": rank,
            "sentence": words.sentence,
            **(_measured_json(one) if isinstance(one, MeasuredDifference) else _fact_json(one)),
        }
        for rank, (one, words) in enumerate(zip(report.ranking.differences, told(report), strict=True), 1)
    ]
    ranking = report.ranking
    return {
        "baseline": report.baseline,
        "candidate": report.candidate,
        "together": report.together,
        "asked": {name: list(values) for name, values in report.asked.items()},
        "pairs": report.pairs,
        "rounds": report.rounds,
        "pairs-with-telemetry": report.with_telemetry,
        "tested": ranking.tested,
        "ranking": listed,
        "undecided": [{"sentence": _sentence(one, report.short), **_measured_json(one)} for one in ranking.undecided],
        "compared": [_measured_json(one) for one in ranking.all],
        "doubts": list(report.doubts),
        "lacks": list(report.lacks),
    }


def _measured_json(one: MeasuredDifference) -> dict[str, object]:
    return {
        "what": "measured",
        "aspect": one.aspect.name,
        "kind": one.aspect.kind.value,
        "place": one.place,
        "unit": one.aspect.unit,
        "n": one.n,
        "baseline": one.baseline,
        "candidate": one.candidate,
        "low": one.low,
        "high": one.high,
        "p": one.p,
        "confirmed": one.confirmed,
        "others": [_measured_json(each) for each in one.others],
    }


def _fact_json(fact: FactDifference) -> dict[str, object]:
    kind = fact.kind.name.lower().replace("_", "-")
    return {
        "what": "fact",
        "kind": kind,
        "name": fact.name,
        "where": list(fact.where),
        "baseline": list(fact.baseline),
        "candidate": list(fact.candidate),
    }
