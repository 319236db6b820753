"""Acceptance: which changes a user declares harmless, for a trial that would run or for machines."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from wke.describe.cluster.cluster import read_cluster
from wke.describe.cluster.selector import select
from wke.errors import InputError
from wke.judge.reuse.differences import differences
from wke.judge.reuse.state import Relatives, facts_words
from wke.keep.machines.acceptance import AcceptedChanges
from wke.keep.machines.fingerprint import FactChange, deciding, place
from wke.keep.store import Store
from wke.keep.trials.identified import IdentifiedTrial
from wke.series.growing import all_planned
from wke.series.planned import by_id
from wke.series.resolve import find_planned
from wke.series.why import relative_of, script_texts


def changes_to_accept(what: str, store: Store, cluster_file: Path) -> AcceptedChanges:
    """Return the changes that `what` names, a trial or a selector of machines.

    Raises InputError if there are none, or they cannot be accepted.
    """
    series = all_planned(cluster_file)
    planned, trial = by_id(series), find_planned(what, series)
    cluster = read_cluster(cluster_file)
    try:
        machines = select(cluster, what)
    except InputError as error:
        if trial is None:
            hint = "give a trial of a plan (wke plan FILE --verbose shows their ids), or machines"
            raise InputError(f'no plan has a trial "{what}", and it selects no machines: {error.problems[0].what}', hint=hint) from None
        return _trial(planned[trial], planned.values(), store)
    if trial is not None:
        raise InputError(
            f'"{what}" selects machines and is also the start of a trial id', hint="give more of the trial's id, or machines as [0]"
        )
    changes = list(_machines(store, {(machine.name, place(machine.known_as)) for machine in machines}))
    if not changes:
        hint = "wke why TRIAL explains why a trial has to run"
        raise InputError("these machines have not changed since results were measured on them, as far as is known", hint=hint)
    return AcceptedChanges(facts_words(changes), changes)


def _machines(store: Store, machines: set[tuple[str, str]]) -> Iterator[FactChange]:
    """Yield how machines differ from what any series assumes them to be, unless that is accepted already."""
    latest, accepted = store.examinations.latest(), store.acceptances.facts()
    for name in store.plans.names():
        for machine, facts in store.examinations.of_series(name).items():
            if machine in machines:
                yield from (change for change in deciding(machine[0], facts, latest[machine]) if not accepted.covering(change))


def _trial(item: IdentifiedTrial, planned: Iterable[IdentifiedTrial], store: Store) -> AcceptedChanges:
    """Return what `wke why` says of a trial, and all pairs of a planned and a stored trial that differ in nothing else."""
    identity = item.planned.id
    if identity in store.attempts.results([identity]):
        raise InputError(f"trial {identity} is stored and reused: there is nothing to accept")
    relative = relative_of(store, item)
    if relative is None:
        raise InputError(f"no trial at the point and iteration of {identity} has a result yet", hint="wke measure measures it")
    results, inputs = store.inputs.of_trials_with_results(), item.planned.inputs
    if any(change.is_new_metric for change in relative.changes):
        hint = "wke measure measures it"
        raise InputError(f"trial {identity} has a metric that {relative.trial} has no value of", hint=hint)
    words = differences(results[relative.trial], inputs, script_texts(planned, store))
    accepted, relatives = set(relative.changes), Relatives(results)
    stored = store.attempts.results(each.planned.id for each in planned)
    pairs = [
        (each.planned, name)
        for each in planned
        if each.planned.id not in stored
        for name, changes in relatives.of(each.planned)[:1]
        if set(changes) <= accepted
    ]
    return AcceptedChanges(
        [*words, *facts_words(relative.machines)],
        relative.machines,
        [(trial.id, name) for trial, name in pairs],
        {trial.id: trial.inputs_json for trial, _ in pairs},
    )
