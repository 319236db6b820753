"""Prints what a series says: its table, comparisons and findings."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from wke.judge.statistics.statistics import Summary
from wke.judge.summary.series import SeriesSummary
from wke.tell.comparisons import baseline_text, comparison_rows, comparisons_json, method_words
from wke.tell.tables import table_json, text_table
from wke.tell.terminal.console import Printer
from wke.tell.terminal.findings import finding_text
from wke.tell.words import counted

MOST_LISTED = 5
FORMS = {"mean": "a ± b: mean", "geometric-mean": "a [b, c]: geometric mean", "median": "a [b, c]: median"}


def print_summary(summary: SeriesSummary) -> None:
    """Print the table and the comparisons to stdout, and to stderr how to read them and what counts by acceptance."""
    print_table(summary)
    print_comparisons(summary)
    if accepted := accepted_text(summary):
        Printer().talk(accepted)


def print_findings(summary: SeriesSummary) -> None:
    """Print what the series found about itself to stderr."""
    for finding in summary.findings:
        Printer().talk(finding_text(finding, summary.table.parameters))


def print_without_result(summary: SeriesSummary) -> None:
    """Print to stderr why the first few trials have no result."""
    out, trials = Printer(), summary.without_result
    for trial in trials[:MOST_LISTED]:
        out.talk(f"{trial.id} {trial.outcome}: {trial.why}")
    if len(trials) > MOST_LISTED:
        out.talk(f"and {len(trials) - MOST_LISTED} more that failed")


def print_paths(summary: SeriesSummary, paths: Sequence[Path]) -> None:
    """Print to stderr which files were written, and which commands show more."""
    out, example = Printer(), (summary.without_result or summary.trials)[-1:]
    out.talk("")
    for path in paths:
        out.talk(f"  {path}")
    out.talk("next: wke results " + summary.name + "".join(f"; wke show {trial.id}" for trial in example))


def print_table(summary: SeriesSummary) -> None:
    """Print the table to stdout, and to stderr what its intervals are."""
    out, table = Printer(), summary.table
    text = text_table(table)
    out.table([text.header, *text.cells])
    for line in _legend([one for row in table.rows for one in row.summaries.values()]):
        out.talk(line)


def _legend(summaries: Sequence[Summary]) -> Iterator[str]:
    """Yield what the forms of a table's cells mean."""
    kinds = sorted({one.kind for one in summaries if one.half_width})
    if kinds:
        forms = "; ".join(FORMS[kind] for kind in kinds)
        if any(one.clipped for one in summaries):
            forms = forms.replace(FORMS["mean"], "a ± b or a [0, c]: mean")
        yield f"{forms}; of n trials, with its 95 % confidence interval"
    if any(one.marked for one in summaries):
        yield '(mean): a value is 0 or less, so there is no geometric mean; for an interval, declare summary = "mean" in [metrics]'


def print_comparisons(summary: SeriesSummary) -> None:
    """Print how all points compare with the baseline, if the series has one, and to stderr how they were compared."""
    out, table, rules = Printer(), summary.table, summary.plan.rules
    if not rules.baseline:
        return
    baseline = baseline_text(rules.baseline)
    if not any(one.n for one in table.comparisons):
        out.talk(f"nothing to compare with {baseline} yet: no round has both values")
        return
    out.data("")
    out.table(comparison_rows(table.comparisons, table.parameters))
    out.talk(f"baseline: {baseline}")
    for words in method_words(table.comparisons):
        out.talk(words)


def accepted_text(summary: SeriesSummary) -> str:
    """Return how many trials count only because a user accepted a change; "" if none do."""
    accepted = summary.accepted
    if not accepted:
        return ""
    numbers = ", ".join(map(str, sorted({number for trial in accepted for number in trial.accepted})))
    verb = "counts" if len(accepted) == 1 else "count"
    return f"{counted(len(accepted), 'trial')} of {len(summary.trials)} {verb} because of acceptance {numbers}: wke accept --list"


def summary_json(summary: SeriesSummary) -> dict[str, object]:
    """Return what a series says as values for `json.dumps`, without its trials."""
    baseline, comparisons = dict(summary.plan.rules.baseline), comparisons_json(summary.table.comparisons)
    return {
        **table_json(summary.table),
        **({"baseline": baseline, "comparisons": comparisons} if baseline else {}),
        "findings": [finding_text(finding, summary.table.parameters) for finding in summary.findings],
        "due": [trial.id for trial in summary.due],
        "software": dict(summary.plan.software) or None,
    }
