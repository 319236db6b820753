"""`wke plan`: what `wke measure` would do."""

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

import click

from wke.act.runner import Due
from wke.cli.options import RESULTS, as_json, project
from wke.cli.prepare import Series, plan_series, read_project
from wke.keep.store import Store
from wke.keep.trials import StoredTrial
from wke.tell.console import Printer, seconds
from wke.tell.progress import point_words


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
    due = sum(item.planned.id not in stored for item in series.trials)
    warmups = f" + {experiment.warmups} warm-ups" if experiment.warmups else ""
    out.data(
        f"{experiment.name}: {len(series.points)} points x ({experiment.iterations} iterations{warmups}) = {len(series.trials)} trials"
    )
    seed = f"seed {series.plan.seed}" if series.seed_is_settled else "the seed is drawn when it is measured first"
    out.data(f"  order {experiment.order}; {seed}")
    if experiment.parameters.climb is not None:
        out.data(f"  climbs along {experiment.parameters.climb}: of these trials only those that lead to the best value run")
    for step in experiment.steps:
        kind = " in the background" if step.background else ", measured" if step.measure else ""
        out.data(f"  {step.target} on {step.on}{kind}")
    most = "at most " if experiment.parameters.climb is not None else ""
    duration = _duration(due, experiment.cooldown_s, tuple(stored.values()))
    out.data(f"  stored already: {len(series.trials) - due}; to run: {most}{due}{duration}")
    for item in listed:
        state = "stored" if item.planned.id in stored else "to run"
        out.data(f"{item.planned.id}  {state}  {point_words(item.planned.point, item.planned.iteration, warmup=item.planned.warmup)}")


def _duration(due: int, cooldown_s: float, stored: Sequence[StoredTrial]) -> str:
    took = [attempt.elapsed_s for attempt in stored if attempt.elapsed_s is not None]
    return f", about {seconds(due * (fmean(took) + cooldown_s))} by what stored trials took" if due and took else ""


def _json(series: Series, stored: dict[str, StoredTrial]) -> dict[str, object]:
    return {
        "experiment": series.plan.experiment.name,
        "seed": series.plan.seed if series.seed_is_settled else None,
        "order": series.plan.experiment.order,
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
