"""`wke plan`: shows what `wke measure` would do."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean

import click

from wke.cli.options import as_json, project
from wke.describe.configuration.copies import told_landing
from wke.describe.configuration.environment import unreached
from wke.describe.experiment.point import point_key
from wke.describe.plan.deployment import times
from wke.describe.toml.wording import counted
from wke.judge.policies.climbing import ClimbOutlook
from wke.judge.policies.largest import SearchOutlook
from wke.judge.policies.maximizing import AgainOutlook
from wke.judge.policies.policy import Outlook
from wke.judge.policies.precision import Precision
from wke.judge.reuse.state import STORED, TO_RUN, State
from wke.judge.verdicts.rules import too_short
from wke.keep.files.localtime import local_time
from wke.keep.machines.examinations import Latest
from wke.keep.trials.identified import IdentifiedTrial
from wke.keep.trials.trials import StoredAttempt
from wke.series.growing import plan_series
from wke.series.planned import PlannedSeries
from wke.series.planstate import PlanState, load_plan_state
from wke.series.project import read_project
from wke.series.reanalysis import reanalysis_hint
from wke.series.storedresults import StoredResults
from wke.tell.comparisons import baseline_text
from wke.tell.precision import place_text, shares_text
from wke.tell.searches import search_json
from wke.tell.tables import precision_json
from wke.tell.terminal.console import Printer
from wke.tell.terminal.outlooks import budget_json, iterations_text, plan_lines, to_run_text
from wke.tell.words import point_words, seconds


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--on", metavar="SELECTOR", help="Use only these machines of the cluster.")
@click.option("-v", "--verbose", is_flag=True, help="List every trial in running order.")
@project
@as_json
def plan(file: Path, cluster_file: Path, *, on: str | None, verbose: bool, as_json: bool) -> None:
    """Show what `wke measure FILE` would run and what it would reuse; start nothing."""
    series = plan_series(read_project(file, cluster_file, on))
    facts = load_plan_state(series)
    if as_json:
        Printer().document(_json(series, facts))
    else:
        print_plan(series, facts, listed=_known(series, facts) if verbose else ())
        for name, targets in unreached((step for trial in series.one_per_point for step in trial.steps), os.environ).items():
            Printer().talk(
                f"{name} is set here and read by target {', '.join(targets)}, but does not reach it: make it an option of the target"
            )
        if advice := reanalysis_hint(series):
            Printer().talk(advice)


def print_plan(series: PlannedSeries, facts: PlanState, *, listed: Sequence[IdentifiedTrial]) -> None:
    """Print a plan, with a line for each of the `listed` trials."""
    out = Printer()
    have, experiment, stored = facts.have, series.plan.experiment, facts.have.stored
    outlook = have.outlook(series)
    most = "" if outlook.exact else "at most "
    out.data(_headline(series, have, outlook, most))
    seed = f"seed {series.plan.seed}" if series.seed_is_settled else "the seed is drawn by the first measurement"
    out.data(f"  order {experiment.order}; {seed}")
    if series.plan.omission:
        out.data(f"  {series.plan.omission.what}")
    for line in plan_lines(outlook):
        out.data(f"  {line}")
    if experiment.baseline:
        out.data(f"  every point is compared with {baseline_text(experiment.baseline)}")
    for line in _step_lines(series, have, most):
        out.data(f"  {line}")
    accepted = sum(bool(trial.accepted) for trial in stored.values())
    count = f"{len(stored)}{f' ({accepted} of them by acceptance)' if accepted else ''}"
    out.data(f"  stored already: {count}; to run: {_to_run(series, have, outlook)}{_reasons(series, facts)}")
    if stored or facts.examined:
        out.data(f"  {_assumed(facts.examined)}")
    for line in (*_too_short_lines(series, facts.measured_s), *_precision_lines(series, stored)):
        out.data(f"  {line}")
    for trial in (item.planned for item in listed):
        out.data(f"{trial.id}  {facts.states[trial.id]}  {point_words(trial.point, trial.iteration, warmup=trial.warmup)}")


def _headline(series: PlannedSeries, have: StoredResults, outlook: Outlook, most: str) -> str:
    """Return how many trials of what there are."""
    experiment, trials = series.plan.experiment, f"{most}{counted(_total(series, have, outlook), 'trial')}"
    if isinstance(outlook, SearchOutlook):
        return f"{experiment.name}: {outlook.searches} search{'' if outlook.searches == 1 else 'es'} of {outlook.parameter} = {trials}"
    warmups = f" + {counted(experiment.warmups, 'warm-up')}" if experiment.warmups else ""
    repetitions = f"({iterations_text(outlook, experiment.iterations)}{warmups})"
    return f"{experiment.name}: {counted(len(series.points), 'point')} x {repetitions} = {trials}"


def _total(series: PlannedSeries, have: StoredResults, outlook: Outlook) -> int:
    """Return how many trials there are in all, or can be: fresh rounds are of the best values only, a search may end early."""
    chosen = isinstance(outlook, ClimbOutlook | AgainOutlook | SearchOutlook)
    return outlook.at_most + len(have.stored) if chosen else len(series.trials)


def _known(series: PlannedSeries, facts: PlanState) -> list[IdentifiedTrial]:
    """Return the trials that will run or have a result, as far as that is known: of those of fresh rounds only some do."""
    if not any(item.planned.fresh for item in series.trials):
        return list(series.trials)
    known = {item.planned.id for item in facts.have.due(series, series.trials)} | facts.have.stored.keys()
    return [item for item in series.trials if not item.planned.fresh or item.planned.id in known]


def _step_lines(series: PlannedSeries, have: StoredResults, most: str) -> Iterator[str]:
    deployed = {} if series.plan.experiment.parameters.searched else dict(enumerate(_deployments(series, have)))
    at_points = {point_key(trial.point): trial.steps for trial in series.one_per_point}
    for index, step in enumerate(series.plan.experiment.steps):
        kind = " in the background" if step.background else ", measured" if step.measure else ""
        often = f", {most}{counted(deployed[index], 'time')} for the trials to run" if index in deployed else ""
        copies = [planned.copy for steps in at_points.values() if (planned := steps[index]).copy]
        to = "".join(dict.fromkeys(f", {copy.source} to {told_landing(copy.destination)}{', rendered' * copy.renders}" for copy in copies))
        skipped = sum(steps[index].is_skipped for steps in at_points.values())
        where = f", skipped at {skipped} of {counted(len(at_points), 'point')}" if skipped else ""
        yield f"{step.target} on {step.on}{kind}{to}{often}{where}"


def _too_short_lines(series: PlannedSeries, measured_s: float | None) -> Iterator[str]:
    """Yield which rules cannot judge measured steps as short as that of the latest stored result, and what they need."""
    if measured_s is None:
        return
    rules: dict[int, list[str]] = {}
    for name, windows in too_short(series.plan.experiment.verdicts, measured_s).items():
        rules.setdefault(windows, []).append(name)
    if rules:
        needs = ", ".join(f"{', '.join(names)} ({windows} s)" for windows, names in sorted(rules.items()))
        yield f"verdicts: a measured step of {seconds(measured_s)} is too short for {needs}"


def _precision_lines(series: PlannedSeries, stored: Mapping[str, StoredAttempt]) -> Iterator[str]:
    for seen in _precise(series, stored):
        place = place_text(seen.point, series.plan.experiment.parameters.varied)
        words = f"{counted(seen.n, 'trial')}, {shares_text(seen)}{'' if seen.enough else ', not reached'}"
        yield f"{place}: {words}" if place else words


def _reasons(series: PlannedSeries, facts: PlanState) -> str:
    """Return how many trials run for which reason, unless all of them are new."""
    states = (facts.states[item.planned.id] for item in _known(series, facts))
    counts = Counter(each.why for each in states if each.word == TO_RUN)
    return "" if set(counts) <= {"new"} else f" ({', '.join(f'{why}: {count}' for why, count in counts.most_common())})"


def _assumed(examined: Latest | None) -> str:
    """Return what the plan assumes about the machines."""
    if examined is None:
        return "the machines have not been examined yet"
    return f"if the machines have not changed since {local_time(examined.at_ns)}, when series {examined.series} examined them"


def _deployments(series: PlannedSeries, have: StoredResults) -> tuple[int, ...]:
    """Return how often each step with a scope runs if all missing trials succeed."""
    seen, more = have.seen(), have.outlook(series).at_most
    return times([item.trial.deployment for item in series.trials if more and seen.lacks(item.planned)])


def _to_run(series: PlannedSeries, have: StoredResults, outlook: Outlook) -> str:
    """Return how many of the missing trials run, as far as it is known, and how long they take."""
    given_up = len(have.seen().tried)
    duration = _duration(outlook.at_most, series.plan.experiment.cooldown_s, tuple(have.stored.values()))
    return to_run_text(outlook, duration) + (f"; invalid for good: {given_up}" if given_up else "")


def _precise(series: PlannedSeries, stored: Mapping[str, StoredAttempt]) -> tuple[Precision, ...]:
    """Return how precise each point is, once there are results of a series that has a target precision."""
    return series.policy.precisions(series.points, tuple(stored.values())) if stored else ()


def _duration(due: int, cooldown_s: float, stored: Sequence[StoredAttempt]) -> str:
    took = [attempt.elapsed_s for attempt in stored if attempt.elapsed_s is not None]
    return f", about {seconds(due * (fmean(took) + cooldown_s))} by what stored trials took" if due and took else ""


def _json(series: PlannedSeries, facts: PlanState) -> dict[str, object]:
    steps, have, stored = series.plan.experiment.steps, facts.have, facts.have.stored
    outlook = have.outlook(series)
    return {
        "experiment": series.plan.experiment.name,
        "seed": series.plan.seed if series.seed_is_settled else None,
        "order": series.plan.experiment.order,
        "budget": budget_json(outlook),
        "fresh": outlook.again if isinstance(outlook, ClimbOutlook | AgainOutlook) else 0,
        "search": search_json(outlook),
        "left-out": [{"point": dict(one.point), "why": one.why} for one in series.plan.left_out],
        "deployments": [{"target": step.target, "times": often} for step, often in zip(steps, _deployments(series, have), strict=False)],
        "too-short": {} if facts.measured_s is None else too_short(series.plan.experiment.verdicts, facts.measured_s),
        "examined": {"at-ns": facts.examined.at_ns, "series": facts.examined.series} if facts.examined else None,
        "points": [{"point": dict(seen.point), "n": seen.n, **precision_json(seen)} for seen in _precise(series, stored)],
        "trials": [
            {
                "id": item.planned.id,
                "point": dict(item.planned.point),
                "iteration": item.planned.iteration,
                "warmup": item.planned.warmup,
                "stored": item.planned.id in stored,
                **_state_json(facts.states[item.planned.id]),
            }
            for item in _known(series, facts)
        ],
    }


def _state_json(each: State) -> dict[str, object]:
    stored = each.by if each.word == STORED else None
    accepted = {"accepted": list(stored.accepted) if stored else [], "measured-as": stored.id if stored else None}
    return {"state": each.word, "why": each.why, **accepted}
