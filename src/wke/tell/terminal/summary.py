"""Prints what a series says: its table, comparisons and findings."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from wke.describe.toml.wording import counted
from wke.judge.summary.regression import RegressionReport
from wke.judge.summary.series import InputChanges, SeriesSummary, SeriesWork
from wke.keep.files.localtime import local_time
from wke.keep.trials.judgements import Level
from wke.keep.trials.software import git_trouble
from wke.keep.trials.trials import StoredAttempt
from wke.tell.comparisons import baseline_text, comparison_rows, comparisons_json, method_words
from wke.tell.hints import hint_lines, hints_json
from wke.tell.report import doubts, headline
from wke.tell.searches import answers_json, answers_table, searches_of
from wke.tell.tables import TextTable, table_json, text_table
from wke.tell.terminal.console import Printer
from wke.tell.terminal.findings import finding_text
from wke.tell.terminal.fitting import fits
from wke.tell.terminal.output import is_terminal
from wke.tell.terminal.sparklines import with_course
from wke.tell.versions import version_lines, versions_json

MOST_LISTED = 5


def print_summary(summary: SeriesSummary) -> None:
    """Print the table and the comparisons to stdout, and to stderr how to read them and what counts by acceptance."""
    print_table(summary)
    for line in hint_lines(summary.hints, summary.table.parameters):
        Printer().talk(line)
    print_comparisons(summary)
    if answers := answers_table(summary.findings, summary.table.parameters):
        Printer().data("")
        _print(answers)
    if accepted := accepted_text(summary):
        Printer().talk(accepted)
    if trouble := git_trouble(summary.plan.software):
        Printer().talk(f"it is not recorded which commit these results are of: {trouble}")
    for line in version_lines(summary.versions):
        Printer().talk(line)


def verdict_lines(summary: SeriesSummary) -> Iterator[str]:
    """Yield how many trials are suspect or invalid, and why: a line for each rule, with the evidence of its first trial."""
    trials = [trial for trial in summary.trials if not trial.warmup and trial.verdict is not None]
    for level in (Level.INVALID, Level.SUSPECT):
        found: dict[str, list[str]] = {}
        for each in (judgement for trial in trials if trial.verdict is level for judgement in trial.judgements if judgement.level is level):
            found.setdefault(each.rule, []).append(each.said)
        for said in sorted(found.values(), key=len, reverse=True):
            yield f"{len(said)} of {len(trials)} {level.value}: {said[0]}"


def limit_line(summary: SeriesSummary) -> str:
    """Return what the first trial used up at the point with the largest values of its parameters; "" if that is not known of any point."""
    found = [trial for trial in summary.trials if trial.ok and not trial.warmup and trial.limit]
    if not found:
        return ""
    largest = max(found, key=lambda trial: [value if isinstance(value, int | float) else 0 for value in trial.point.values()])
    point = " ".join(f"{name}={largest.point[name]}" for name in summary.table.parameters if name in largest.point)
    return f"limit{f' at {point}' if point else ''}: {largest.limit}"


def warm_up_text(trials: Sequence[StoredAttempt]) -> str:
    """Return how much to leave out of all trials: the most that MSER-5 would leave out of one that counts; "" for nothing."""
    rulings = [each for trial in trials if trial.ok and not trial.warmup for each in trial.judgements if "cut" in each.numbers]
    longest = max((each.numbers["cut"] for each in rulings), default=0)
    if not longest:
        return ""
    told = f"so much MSER-5 would leave out of {'the only trial' if len(rulings) == 1 else f'one of {len(rulings)} trials'}"
    return f"start-up: leave out the first {longest:g} s of each measured step, at all points: {told}"


def print_findings(summary: SeriesSummary) -> None:
    """Print what the series found about itself to stderr, and which trials not to trust."""
    for line in verdict_lines(summary):
        Printer().talk(line)
    for line in filter(None, (warm_up_text(summary.trials), limit_line(summary))):
        Printer().talk(line)
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
    out.talk(f"next: wke results {summary.name}; wke report {summary.name}" + "".join(f"; wke show {trial.id}" for trial in example))


def print_table(summary: SeriesSummary) -> None:
    """Print the table to stdout, and to stderr what its intervals are; on a terminal that has room for it also the course of a metric."""
    table = text_table(summary.table)
    more = with_course(table, summary) if is_terminal("stdout") else table
    _print(more if fits([more.header, *more.cells], shutil.get_terminal_size().columns) else table)


def _print(table: TextTable) -> None:
    out = Printer()
    out.table([table.header, *table.cells], keys=table.keys)
    for note in table.notes:
        out.talk(note)


def print_comparisons(summary: SeriesSummary) -> None:
    """Print how all points compare with the baseline, if the series has one, and to stderr how they were compared."""
    rules = summary.plan.rules
    if rules.baseline and (table := comparison_table(summary)) is None:
        Printer().talk(f"nothing to compare with {baseline_text(rules.baseline)} yet: no round has both values")
    elif rules.baseline and table:
        Printer().data("")
        _print(table)


def comparison_table(summary: SeriesSummary) -> TextTable | None:
    """Return how all points compare with the baseline; None as long as there is nothing to compare."""
    table, baseline = summary.table, summary.plan.rules.baseline
    if not baseline or not any(one.n for one in table.comparisons):
        return None
    header, *rows = comparison_rows(table.comparisons, table.parameters)
    notes = (f"baseline: {baseline_text(baseline)}", *method_words(table.comparisons))
    return TextTable(header, tuple(rows), len(table.parameters) + 1, notes)


def print_report(report: RegressionReport) -> None:
    """Print a comparison: the rows to stdout, and to stderr what they come to, how they were made, and what to doubt."""
    out = Printer()
    if report.comparisons:
        out.table(comparison_rows(report.comparisons, report.parameters))
    for words in (*method_words(report.comparisons), *doubts(report)):
        out.talk(words)
    out.talk(f"{report.title}: compared with {report.baseline.name}: {headline(report)}")


def inputs_text(work: SeriesWork, changes: InputChanges | None) -> str:
    """Return for which inputs results are, and how these differ from the files as they are now; "" if they do not."""
    if changes is None:
        return ""
    git, last = work.plan.software.get("git"), max((trial.started_ns for trial in work.trials if trial.ok), default=0)
    commit = f", commit {str(git['commit'])[:12]}" if isinstance(git, Mapping) and "commit" in git else ""
    these = f"these are results of the inputs of {local_time(last)}{commit}"
    if changes.problem:
        return f"{these}; whether the files have changed since is not known: {changes.problem}"
    since = [f"{changes.kinds} at {changes.changed} of {counted(changes.of, 'point')}"] if changes.changed else []
    since += [f"{counted(changes.gone, 'point')} left out of the file"] if changes.gone else []
    return f"{these}; since then: {', '.join(since)} (`wke plan {work.plan.file}`)"


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
        "hints": hints_json(summary.hints),
        "verdicts": list(verdict_lines(summary)),
        "limit": limit_line(summary) or None,
        "warm-up": warm_up_text(summary.trials) or None,
        **({"answers": answers_json(summary.findings)} if searches_of(summary.findings) else {}),
        "findings": [finding_text(finding, summary.table.parameters) for finding in summary.findings],
        "due": [trial.id for trial in summary.due],
        "software": dict(summary.plan.software) or None,
        "versions": versions_json(summary.versions),
    }
