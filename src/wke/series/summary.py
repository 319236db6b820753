"""Assembles what a series says, for every command, export and figure that shows it."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from wke.judge.policies.choose import policy_by
from wke.judge.policies.policy import Policy
from wke.judge.statistics.comparison import Question
from wke.judge.summary.pointtable import point_table
from wke.judge.summary.series import SeriesSummary, SeriesWork
from wke.judge.summary.versions import TrialVersions, VersionReport, version_report
from wke.keep.store import Store
from wke.keep.trials.history import History
from wke.keep.trials.trials import StoredAttempt
from wke.keep.trials.versions import Version
from wke.series.storedresults import LOOKED_AT, results_of


def load_summary(store: Store, name: str, *, whole: bool = True) -> SeriesSummary:
    """Return what a series in a store says, by its latest plan; InputError for an unknown name.

    Unless it is the `whole`, trials lack the judgements that tables do not show.
    """
    work, policy, history = _read(store, name, (), recorded=True, rules=None if whole else LOOKED_AT)
    plan, rules = work.plan, work.plan.rules
    question = Question.of(rules, rules.threshold)
    attempts = store.attempts.units(name).of(history.of_plan(name, work.planned), refuse=True) if question else ()
    return SeriesSummary(
        name=name,
        plan=plan,
        planned=work.planned,
        trials=work.trials,
        shown=work.shown,
        due=work.due,
        outlook=work.outlook,
        table=point_table(work.trials, rules.metrics, rules.points, policy, question, attempts=attempts, closed=rules.closed_loop),
        findings=work.findings,
        versions=load_versions(store, work.trials),
    )


def load_work(store: Store, name: str, attempted: Collection[str] = (), *, refuse: bool = True, recorded: bool = False) -> SeriesWork:
    """Return what of a series is done and what there is to do; InputError for an unknown name.

    `attempted` are the trials that a running command has attempted already, and does not run again. Where no values are shown, there is
    nothing to `refuse` because of their units. Figures also need how `recorded` values are distributed. Trials lack the judgements that
    tables and figures do not show.
    """
    return _read(store, name, attempted, refuse=refuse, recorded=recorded, rules=LOOKED_AT)[0]


def _read(
    store: Store, name: str, attempted: Collection[str], *, refuse: bool = True, recorded: bool, rules: Collection[str] | None
) -> tuple[SeriesWork, Policy, History]:
    """Read a series on the machines that it confirmed; machines that it never confirmed are as last examined."""
    plan, planned = store.plans.latest(name), store.plans.trials(name)
    machines = store.attempts.machines_of(name)
    history = store.attempts.history((trial.id for trial in planned), machines, rules)
    policy, seen = policy_by(plan.rules), results_of(store, name, planned, plan.rules, machines, history=history).seen(attempted)
    trials = store.attempts.units(name).of(history.one_per_trial(name, planned), refuse=refuse)
    trials = store.distributions.added(trials, plan.rules.metrics) if recorded else trials
    work = SeriesWork(
        name=name,
        plan=plan,
        planned=planned,
        trials=trials,
        shown=policy.counted(trials),
        due=tuple(policy.next_trials(planned, seen)),
        outlook=policy.outlook(planned, seen),
        findings=policy.findings(planned, seen),
    )
    return work, policy, history


def load_versions(store: Store, trials: Sequence[StoredAttempt]) -> VersionReport:
    """Return the versions that these attempts ran on, and where machines or rounds differ."""
    asked = store.details.versions(trial.id for trial in trials)
    found = [(trial, asked[trial.id, trial.attempt]) for trial in trials if (trial.id, trial.attempt) in asked]
    return version_report([TrialVersions(trial.id, trial.point, _classes(store, trial.id, said), said) for trial, said in found])


def _classes(store: Store, trial: str, versions: Iterable[Version]) -> Mapping[str, Sequence[str]]:
    """Return the classes of a trial's machines; {} where these do not differ, as the classes do not matter then."""
    if len({(one.name, one.said) for one in versions}) == len({one.name for one in versions}):
        return {}
    cluster = store.inputs.of(trial).get("depends", {}).get("cluster") or {}
    return {name: machine.get("classes", ()) for name, machine in cluster.get("machines", {}).items()}
