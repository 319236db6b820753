"""Hints of diagnostics in words: what is the matter, and what helps; and as JSON."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict

from wke.describe.toml.wording import counted
from wke.judge.diagnostics.clusters import TwoGroups
from wke.judge.diagnostics.dependence import Dependent
from wke.judge.diagnostics.deployments import OneDeployment, SeveralDeployments
from wke.judge.diagnostics.observed import Hint
from wke.judge.diagnostics.skew import Skewed
from wke.tell.precision import place_text
from wke.tell.words import value_words

REDEPLOY = 'redeploy = "round" in [experiment] includes them'
KINDS = {
    Dependent: "dependent",
    OneDeployment: "one-deployment",
    SeveralDeployments: "several-deployments",
    TwoGroups: "two-groups",
    Skewed: "skewed",
}


def hint_lines(hints: Sequence[Hint], varied: Sequence[str], *, cures: bool = True) -> Iterator[str]:
    """Yield a sentence for each kind of hint that metrics share, with what helps if `cures`."""
    told: dict[tuple[str, str], list[str]] = {}
    for hint in hints:
        where = f" at {place}" if isinstance(hint, TwoGroups) and (place := place_text(hint.point, varied)) else ""
        told.setdefault(_words(hint), []).append(f"{hint.metric}{where}")
    for (what, cure), metrics in told.items():
        yield f"{', '.join(metrics)}: {what}{f': {cure}' if cures else ''}"


def hints_json(hints: Iterable[Hint]) -> list[dict[str, object]]:
    """Return hints as values for `json.dumps`, each with its kind and a sentence."""
    return [{"kind": KINDS[type(hint)], "text": next(hint_lines([hint], list(_point(hint)))), **asdict(hint)} for hint in hints]


def _point(hint: Hint) -> dict[str, object]:
    return dict(hint.point) if isinstance(hint, TwoGroups) else {}


def _words(hint: Hint) -> tuple[str, str]:
    """Return what a hint says, and what helps."""
    match hint:
        case OneDeployment():
            return "intervals are of one deployment, and others may differ by more than their width", REDEPLOY
        case SeveralDeployments():
            return _several(hint)
        case Dependent():
            what = f"each round resembles the one before it, so that intervals are too narrow (about {hint.covered:.0%} hold, not 95%)"
            return what.replace("%", " %"), "write a cooldown, or measure over a longer time; comparisons within rounds are sound"
        case TwoGroups(low=low, high=high):
            what = f"values lie in two groups, {low.n} around {value_words(low.middle)} and {high.n} around {value_words(high.middle)}"
            more = f", and so at {counted(hint.points - 1, 'other point')}" if hint.points > 1 else ""
            return f"{what}{more}", 'find the cause, or declare summary = "median"'
        case Skewed():
            return "the mean of skewed values, of whose intervals as few as 83 % hold", 'declare summary = "geometric-mean" or "median"'
    raise TypeError(f"there are no words for {type(hint).__name__}")


def _several(hint: SeveralDeployments) -> tuple[str, str]:
    between, within = (f"{100 * size:.2g} %" if hint.relative else f"{size:.2g}" for size in (hint.between, hint.within))
    what = f"{hint.trials} trials share {counted(hint.deployments, 'deployment')}, which the intervals count as one value each"
    parts = f"deployments differ by {between}, trials on one by {within}"
    if hint.best is None:
        return what, parts
    best = "more trials on each pay" if hint.best > hint.trials else f"best is about {counted(max(1, round(hint.best)), 'trial')} on each"
    return what, f"{parts}; {best}"
