"""The page that tells what comparisons come to."""

from wke.judge.statistics.comparison import FAILED_TRIALS, Comparison
from wke.judge.statistics.failures import Failures
from wke.judge.statistics.pairs import Effect, Rule
from wke.judge.summary.regression import Compared, RegressionReport
from wke.tell.exports.markdown import markdown
from wke.tell.exports.markup import FORMS
from wke.tell.tables import TextTable

METHOD = (
    "× baseline: geometric mean of the ratios within rounds, with its 95 % interval. Verdicts at 5 %, corrected for 2 comparisons (Holm):"
    " paired t-test of the logarithms."
)
POINT = {"size": 1, "revision": "head:a"}


def comparison(factor: float, *, significant: bool = False, within: bool = False, n: int = 9, stored: bool = False) -> Comparison:
    effect = Effect(Rule.RATIO, n, factor, factor - 0.01, factor + 0.01, 0.01, 1 if factor > 1 else -1, within=within)
    return Comparison(POINT, "ops", "1/s", "higher", 9, effect, threshold=0.02, family=2, significant=significant, stored=stored)


def report(*found: Comparison, **more: object) -> RegressionReport:
    machines = {"m1": {"kernel": "6.1"}, "m0": {"kernel": "6.1"}, "m2": {"kernel": "6.2"}}
    return RegressionReport(
        "kv", Compared("main", "kv", commit="ab"), Compared("the working tree", "kv"), ["size"], found, machines=machines, **more
    )


def test_the_page_says_the_verdict_first() -> None:
    """Counts, a row for each comparison, how it was judged, then how it was measured; machines that are alike share a row."""
    text = markdown(report(comparison(0.9, significant=True), comparison(1.0, within=True)))
    assert text.splitlines()[:10] == [
        "## kv: compared with main",
        "",
        "**1 regression confirmed** (2 comparisons: 1 worse, 1 same).",
        "",
        "| size | metric | rounds | × baseline | verdict |",
        "| ---: | --- | ---: | ---: | --- |",
        "| 1 | ops (1/s) | 9 | 0.900 [0.890, 0.910] | **lower: worse** |",
        "| 1 | ops (1/s) | 9 | 1.000 [0.990, 1.010] | same within 2 % |",
        "",
        METHOD,
    ]
    assert "| m1, m0 | kernel: 6.1 |\n| m2 | kernel: 6.2 |" in text


def test_nothing_is_hidden() -> None:
    """Failed trials have a row of their own; missing rounds are in the verdict; without any pair nothing could be compared."""
    failures = Comparison(POINT, FAILED_TRIALS, "", "lower", 6, failures=Failures(5, 6, 0, 6), family=2, significant=True)
    seen = report(comparison(0.9, n=1), failures)
    assert (seen.confirmed, seen.incomplete) == (1, True)
    text = markdown(seen)
    assert "**1 regression confirmed** (2 comparisons: 1 worse, 1 incomplete)." in text
    assert "| 1 | failed trials | 6 | 5 of 6, baseline 0 of 6 | **higher: worse** |" in text
    assert "| incomplete: 1 of 9 rounds |" in text
    nothing = markdown(report(Comparison(POINT, "ops", "1/s", "higher", 9)))
    assert "No regression is confirmed (nothing could be compared: no round has both values)." in nothing
    assert "| 1 | ops (1/s) | 0 | – | incomplete: 0 of 9 rounds |" in nothing


def test_a_stored_baseline_confirms_nothing_and_text_cannot_break_the_page() -> None:
    """What a machine or a user wrote stays in its cell."""
    text = markdown(report(comparison(0.9, significant=True, stored=True), stored=True, drift={"m0": ["<b>|x|\nno\x1b"], "m1": None}))
    assert "**1 regression suggested, none confirmed** (1 comparison: 1 worse): measure both in the same rounds to confirm." in text
    assert "- the baseline was measured at another time, so that it cannot confirm a regression\n- m0 is not the same: " in text
    assert "| **lower: worse, not confirmed** |" in text
    assert "- m0 is not the same: &lt;b>\\|x\\| no\\x1b\n" in text


def test_tables_for_pages_and_papers() -> None:
    """Numbers are on the right, and no text of the user's is taken for markup; the note says how to read the cells."""
    table = TextTable(("a_b", "p99 (µs)"), (("<x|y> $1 & [l](http://u) `c`", "5 ± 1"), ("100%\x1b^~\\#{}", "–")), notes=("a ± b: mean",))
    assert list(FORMS["markdown"].lines([table])) == [
        "| a_b | p99 (µs) |",
        "| --- | ---: |",
        "| &lt;x\\|y> \\$1 &amp; [l]\\(http://u) \\`c\\` | 5 ± 1 |",
        "| 100%\\x1b^\\~\\\\#{} | – |",
        "",
        "a ± b: mean",
        "",
    ]
    assert list(FORMS["latex"].lines([table])) == [
        r"\begin{tabular}{lr}",
        r"\toprule",
        r"a\_b & p99 (\textmu{}s) \\",
        r"\midrule",
        r"\textless{}x\textbar{}y\textgreater{} \$1 \& [l](http://u) `c` & 5 $\pm$ 1 \\",
        r"100\%\textbackslash{}x1b\textasciicircum{}\textasciitilde{}\textbackslash{}\#\{\} & -- \\",
        r"\bottomrule",
        r"\end{tabular}",
        "",
        r"% a $\pm$ b: mean",
        "",
    ]
