"""What a series says so far: the table, the CSV file, the figures. Shared by `measure`, `results` and `plot`."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from wke.describe.experiment.experiment import Experiment
from wke.describe.experiment.metrics import Metric
from wke.errors import Problem
from wke.judge.policies.choose import policy_of
from wke.keep.store import Store
from wke.keep.trials.trials import StoredAttempt
from wke.series.folders import PLOTS, RESULTS
from wke.tell.comparisons import baseline_text, comparison_rows
from wke.tell.exports.results_csv import results_csv, write_results_csv
from wke.tell.tables import Table, results_table
from wke.tell.terminal.console import Printer, counted


def draw_figures(trials: Sequence[StoredAttempt], experiment: Experiment) -> tuple[tuple[Path, ...], tuple[Problem, ...]]:
    """Draw every plot of the experiment; return the files, in the order of the plots, and what kept others from being drawn."""
    from wke.tell.figures.figure import draw_all  # noqa: PLC0415 - matplotlib takes half a second to import

    PLOTS.mkdir(exist_ok=True)
    drawn = draw_all(experiment, trials, PLOTS)
    return drawn.files, drawn.problems


def write_csv(store: Store, experiment: Experiment) -> Path:
    """Export the counted trials to results/NAME.csv."""
    path = RESULTS / f"{experiment.name}.csv"
    points = tuple(experiment.parameters.points())
    trials = store.attempts.one_per_trial(experiment.name)
    write_results_csv(path, results_csv(trials, experiment.metrics, command=f"wke measure {experiment.path}", points=points))
    return path


def experiment_table(store: Store, experiment: Experiment) -> Table:
    """Return the table of an experiment's points."""
    trials, points, policy = store.attempts.one_per_trial(experiment.name), tuple(experiment.parameters.points()), policy_of(experiment)
    return results_table(trials, experiment.metrics, points, policy, experiment.baseline, threshold=experiment.threshold)


def print_table(table: Table) -> None:
    """Print a table to stdout, and to stderr what its intervals are."""
    out = Printer()
    out.table([table.header, *table.cells])
    kinds = {s.kind for row in table.rows for s in row.summaries.values() if s.low is not None}
    forms = {"mean": "a ± b: mean", "geometric-mean": "a [b, c]: geometric mean", "median": "a [b, c]: median"}
    if kinds:
        out.talk("; ".join(forms[kind] for kind in sorted(kinds)) + "; of n trials, with its 95 % confidence interval")


def print_comparisons(table: Table, metrics: Sequence[Metric], baseline: Mapping[str, object]) -> None:
    """Print how all points compare with the baseline's, if the series has one; to stderr how that was found out."""
    if not baseline:
        return
    out = Printer()
    if table.comparisons:
        out.data("")
        out.table(comparison_rows(table.comparisons, table.parameters, metrics))
        many = f"; verdicts are corrected for {len(table.comparisons)} comparisons" if len(table.comparisons) > 1 else ""
        out.talk(f"x baseline: geometric mean of the ratios to {baseline_text(baseline)} within rounds, with its 95 % interval{many}")
    else:
        out.talk(f"nothing to compare with {baseline_text(baseline)} yet: that takes two rounds with both values, none of them 0 or less")


def accepted_words(trials: Sequence[StoredAttempt]) -> str:
    """Say how many of the trials count only because somebody accepted a change; nothing if none do."""
    numbers = sorted({number for trial in trials for number in trial.accepted})
    count = sum(bool(trial.accepted) for trial in trials)
    which = f"acceptance {', '.join(map(str, numbers))}: wke accept --list"
    return f"{counted(count, 'trial')} of {len(trials)} {'counts' if count == 1 else 'count'} because of {which}" if count else ""


def print_summary(store: Store, experiment: Experiment, *, figures: bool) -> None:
    """Print the table, write the CSV file, draw the figures, and say what to try next."""
    out = Printer()
    table = experiment_table(store, experiment)
    print_table(table)
    print_comparisons(table, experiment.metrics, experiment.baseline)
    trials = store.attempts.one_per_trial(experiment.name)
    if accepted := accepted_words(trials):
        out.talk(accepted)
    failed = [t for t in trials if not t.ok]
    for trial in failed[:5]:
        out.talk(f"{trial.id} {trial.outcome}: {trial.why}")
    if len(failed) > 5:
        out.talk(f"and {len(failed) - 5} more that failed")
    files, problems = draw_figures(trials, experiment) if figures else ((), ())
    for problem in problems:
        out.talk(f"warning: {problem}")
    paths = [write_csv(store, experiment), *files]
    out.talk("")
    for path in paths:
        out.talk(f"  {path}")
    example = (failed or list(trials))[-1:]
    out.talk("next: wke results " + experiment.name + "".join(f"; wke show {trial.id}" for trial in example))
