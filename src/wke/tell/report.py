"""The report of a comparison, in words and as JSON: what it comes to, what to doubt, and how it was measured."""

from collections.abc import Iterator

from wke.describe.toml.wording import counted
from wke.judge.statistics.comparison import Verdict
from wke.judge.summary.regression import Compared, RegressionReport
from wke.tell.comparisons import baseline_text, comparisons_json

MOST_POINTS = 5


def headline(report: RegressionReport) -> str:
    """Return what the comparisons come to, with their number by verdict."""
    verdicts = [one.verdict for one in report.judged]
    counts = [f"{verdicts.count(verdict)} {verdict}" for verdict in Verdict if verdict in verdicts]
    any_pair = any(one.n for one in report.comparisons)
    of = f"{counted(len(verdicts), 'comparison')}: {', '.join(counts)}" if verdicts and any_pair else nothing_words(report)
    if report.confirmed:
        return f"{counted(report.confirmed, 'regression')} confirmed ({of})"
    if report.suggested:
        return f"{counted(report.suggested, 'regression')} suggested, none confirmed ({of}): measure both in the same rounds to confirm"
    return f"No regression is confirmed ({of})"


def nothing_words(report: RegressionReport) -> str:
    """Return why no comparison has a verdict."""
    if report.judged:
        return "nothing could be compared: no round has both values"
    if any(one.n for one in report.comparisons):
        return "no metric says which way is better"
    return "nothing could be compared"


def doubts(report: RegressionReport) -> Iterator[str]:
    """Yield what a reader should know before the verdicts: what is missing, and why values of different times confirm nothing."""
    if report.borrowed:
        yield "the baseline does not have the experiment's file: its steps are those of the working tree"
    if report.alone:
        shown = "; ".join(baseline_text(point) for point in report.alone[:MOST_POINTS])
        more = f" and {len(report.alone) - MOST_POINTS} more" if len(report.alone) > MOST_POINTS else ""
        yield f"not compared, because the baseline does not have {'it' if len(report.alone) == 1 else 'them'}: {shown}{more}"
    if report.stored:
        yield "the baseline was measured at another time, so that it cannot confirm a regression"
    for machine, changes in report.drift.items():
        if changes is None:
            yield f"{machine} may not be the same machine: its facts are not known for both"
        else:
            yield from (f"{machine} is not the same: {change}" for change in changes)


def facts(report: RegressionReport) -> Iterator[tuple[str, str]]:
    """Yield how both sides were measured: names and texts."""
    base, candidate = report.baseline, report.candidate
    if candidate.commit:
        yield "head", f"{candidate.commit}{' with uncommitted changes' if candidate.changed else ''}"
    else:
        yield "candidate", _place(candidate)
    if base.commit:
        yield "baseline", f"{base.commit}, measured beside it in each round"
    elif report.stored:
        yield "baseline", f"{_place(base)}, measured at another time: later changes of the machines count too"
    else:
        yield "baseline", f"{base.name}, measured in the same rounds"
    yield "trials", f"{report.ok} ok, {report.not_ok} not"
    if report.seed is not None:
        yield "seed", str(report.seed)
    yield "wke", report.wke


def report_json(report: RegressionReport) -> dict[str, object]:
    """Return a report as values for `json.dumps`."""
    return {
        "baseline": _side_json(report.baseline),
        "candidate": _side_json(report.candidate),
        "together": not report.stored,
        "confirmed": report.confirmed,
        "suggested": report.suggested,
        "incomplete": report.incomplete,
        "inconclusive": report.inconclusive,
        "comparisons": comparisons_json(report.comparisons),
        "not-compared": [dict(point) for point in report.alone],
        "doubts": list(doubts(report)),
    }


def _place(side: Compared) -> str:
    return f"series {side.series}{f' in {side.folder}' if side.folder else ''}"


def _side_json(side: Compared) -> dict[str, object]:
    return {"name": side.name, "series": side.series, "folder": side.folder or None, "commit": side.commit or None}
