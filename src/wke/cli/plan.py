"""`wke plan`: what `wke measure` would do."""

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

import click

from wke.act.runner import Due
from wke.cli.options import RESULTS, as_json, project
from wke.cli.prepare import Series, plan_series, read_project
from wke.describe.experiment import Experiment
from wke.judge.due import due as next_due
from wke.judge.stopping import EVERY, Precise, place_text, precisions, rule_text
from wke.keep.store import Store
from wke.keep.trials import StoredTrial
from wke.tell.console import Printer, counted, seconds
from wke.tell.progress import point_words
from wke.tell.tables import precision_json


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("-v", "--verbose", is_flag=True, help="List every trial in running order.")
@project
@as_json
def plan(file: Path, cluster_file: Path, *, verbose: bool, as_json: bool) -> None:
    """Show what `wke measure FILE` would run and what it would reuse; start nothing."""
    series = plan_series(read_project(file, cluster_file))
    stored = stored_attempts(series)
    if as_json:
        Printer().data(json.dumps(_json(series, stored), indent=2))
    else:
        tell(series, stored, listed=series.trials if verbose else ())


def stored_attempts(series: Series) -> dict[str, StoredTrial]:
    """Return the stored attempts that need not be repeated, by the trial's id."""
    if not Store.exists(RESULTS):
        return {}
    with Store.open(RESULTS, readonly=True) as store:
        return store.results(item.planned.id for item in series.trials)


def tell(series: Series, stored: dict[str, StoredTrial], *, listed: Sequence[Due]) -> None:
    """Print the plan in words, and the trials that are to be listed one by one."""
    out = Printer()
    experiment = series.plan.experiment
    most = "at most " if experiment.stopping else ""
    out.data(f"{experiment.name}: {len(series.points)} points x ({_repetitions(experiment)}) = {most}{len(series.trials)} trials")
    seed = f"seed {series.plan.seed}" if series.seed_is_settled else "the seed is drawn when it is measured first"
    out.data(f"  order {experiment.order}; {seed}")
    if experiment.parameters.climb is not None:
        out.data(f"  climbs along {experiment.parameters.climb}: of these trials only those that lead to the best value run")
    if experiment.stopping is not None:
        out.data(f"  {rule_text(experiment.stopping)} at two looks in a row, {EVERY} rounds apart")
    for step in experiment.steps:
        kind = " in the background" if step.background else ", measured" if step.measure else ""
        out.data(f"  {step.target} on {step.on}{kind}")
    have = sum(item.planned.id in stored for item in series.trials)
    out.data(f"  stored already: {have}; to run: {_to_run(series, stored, len(series.trials) - have)}")
    for seen in _precise(series, stored):
        place = place_text(seen.point, experiment.parameters.varied)
        out.data(f"  {place}{counted(seen.n, 'trial')}, {seen}{'' if seen.enough else ', not reached'}")
    for item in listed:
        state = "stored" if item.planned.id in stored else "to run"
        out.data(f"{item.planned.id}  {state}  {point_words(item.planned.point, item.planned.iteration, warmup=item.planned.warmup)}")


def _to_run(series: Series, stored: dict[str, StoredTrial], missing: int) -> str:
    """Say how many of the missing trials run, as far as that can be told, and how long they take."""
    experiment = series.plan.experiment
    duration = _duration(missing, experiment.cooldown_s, tuple(stored.values()))
    if experiment.parameters.climb is not None:
        return f"at most {missing}{duration}"
    if experiment.stopping is None:
        return f"{missing}{duration}"
    now = len(next_due(experiment, series.planned, stored))
    return f"{now} before the next look, at most {missing} in all{duration}" if now else "0"


def _repetitions(experiment: Experiment) -> str:
    least = f"{experiment.stopping.min} to " if experiment.stopping else ""
    warmups = f" + {experiment.warmups} warm-ups" if experiment.warmups else ""
    return f"{least}{experiment.iterations} iterations{warmups}"


def _precise(series: Series, stored: dict[str, StoredTrial]) -> tuple[Precise, ...]:
    """Return how precise each point is, once there are results of a series that stops when it is precise."""
    experiment = series.plan.experiment
    if experiment.stopping is None or not stored:
        return ()
    return precisions(experiment.stopping, experiment.metrics, tuple(stored.values()), series.points)


def _duration(due: int, cooldown_s: float, stored: Sequence[StoredTrial]) -> str:
    took = [attempt.elapsed_s for attempt in stored if attempt.elapsed_s is not None]
    return f", about {seconds(due * (fmean(took) + cooldown_s))} by what stored trials took" if due and took else ""


def _json(series: Series, stored: dict[str, StoredTrial]) -> dict[str, object]:
    return {
        "experiment": series.plan.experiment.name,
        "seed": series.plan.seed if series.seed_is_settled else None,
        "order": series.plan.experiment.order,
        "points": [{"point": dict(seen.point), "n": seen.n, **precision_json(seen)} for seen in _precise(series, stored)],
        "trials": [
            {
                "id": item.planned.id,
                "point": dict(item.planned.point),
                "iteration": item.planned.iteration,
                "warmup": item.planned.warmup,
                "stored": item.planned.id in stored,
            }
            for item in series.trials
        ],
    }
