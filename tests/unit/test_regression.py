"""What a comparison comes to, and the page that tells it."""

import pytest

from wke.describe.experiment.metrics import Metric
from wke.judge.statistics.comparison import Comparison
from wke.judge.statistics.regression import judged
from wke.judge.summary.regression import RegressionReport
from wke.tell.exports.markdown import markdown

METHOD = (
    "× baseline: geometric mean of the ratios within rounds [95 % interval]. Worse or better by more than 2 %: two-sided paired t-test of their"
    " logarithms at 5 %, corrected for 2 comparisons (Holm)."
)


def comparison(factor: float, *, different: bool = False, threshold: float = 0.0, half: float = 0.01) -> Comparison:
    return Comparison({"size": 1, "revision": "head:a"}, "ops", 9, factor, factor - half, factor + half, 0.01, different, None, threshold)


@pytest.mark.parametrize(
    ("better", "one", "verdict"),
    [
        ("higher", comparison(0.9, different=True), "worse"),
        ("lower", comparison(0.9, different=True), "better"),
        ("lower", comparison(1.1, different=True), "worse"),
        (None, comparison(1.1, different=True), "different"),
        ("higher", comparison(0.9), "inconclusive"),
        ("higher", comparison(1.0), "inconclusive"),
        ("higher", comparison(1.0, threshold=0.02), "same"),
        ("higher", comparison(1.0, threshold=0.02, half=0.03), "inconclusive"),
    ],
)
def test_the_direction_that_is_better_decides(better: str | None, one: Comparison, verdict: str) -> None:
    """Only what is beyond doubt is worse or better."""
    (found,) = judged([one], [Metric("ops", better=better)], {"ops": "1/s"})
    assert found.verdict == verdict


def report(*found: Comparison, **more: object) -> RegressionReport:
    seen = judged(found, [Metric("ops", better="higher")], {"ops": "1/s"})
    machines = {"m1": {"kernel": "6.1"}, "m0": {"kernel": "6.1"}, "m2": {"kernel": "6.2"}}
    return RegressionReport("kv: compared with main", 0.02, ["size"], seen, {"seed": "7"}, machines, **more)


def test_the_page_says_the_verdict_first() -> None:
    """Counts, a row for each comparison, how it was judged, then how it was measured; machines that are alike share a row."""
    text = markdown(report(comparison(0.9, different=True, threshold=0.02), comparison(1.0, threshold=0.02)))
    assert text.splitlines()[:10] == [
        "## kv: compared with main",
        "",
        "**1 regression confirmed** (2 comparisons: 1 worse, 1 same).",
        "",
        "| size | metric | rounds | × baseline | verdict |",
        "| --- | --- | --- | --- | --- |",
        "| 1 | ops (1/s) | 9 | 0.900 [0.890, 0.910] | **worse** |",
        "| 1 | ops (1/s) | 9 | 1.000 [0.990, 1.010] | same |",
        "",
        METHOD,
    ]
    assert "| m1, m0 | kernel: 6.1 |\n| m2 | kernel: 6.2 |" in text


def test_doubts_confirm_nothing_and_text_cannot_break_the_page() -> None:
    """What a machine or a user wrote stays in its cell."""
    text = markdown(report(comparison(0.9, different=True), doubts=["m0 <b>|x|\nno\x1b"]))
    assert "No regression is confirmed (1 comparison: 1 worse)." in text
    assert "- m0 &lt;b>\\|x\\| no\\x1b\n" in text
