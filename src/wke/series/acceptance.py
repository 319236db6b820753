"""Acceptance: the changes that a person declares harmless, for a trial that is to run or for machines."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from wke.act.trials.runner import IdentifiedTrial
from wke.describe.cluster.cluster import read_cluster
from wke.describe.cluster.selector import select
from wke.errors import InputError
from wke.judge.reuse.differences import differences
from wke.judge.reuse.state import Relatives, facts_words
from wke.keep.machines.acceptance import Harmless
from wke.keep.machines.fingerprint import FactChange, deciding, place
from wke.keep.store import Store
from wke.series.planned import all_planned, named
from wke.series.why import relative_of, script_texts


def changes_to_accept(what: str, store: Store, cluster_file: Path) -> Harmless:
    """Return what is to be accepted; InputError when there is nothing, or when it is more than a change."""
    planned = all_planned(cluster_file)
    trial = named(what, planned)
    cluster = read_cluster(cluster_file)
    try:
        machines = select(cluster, what)
    except InputError as error:
        if trial is None:
            hint = "it must be a trial of a plan (wke plan FILE --verbose shows their ids), or machines"
            raise InputError(
                f'there is no trial "{what}" in a plan, and it selects no machines: {error.problems[0].what}', hint=hint
            ) from None
        return _trial(planned[trial], planned.values(), store)
    if trial is not None:
        raise InputError(f'"{what}" selects machines, and a trial begins with it', hint="give more of the trial's id, or machines as [0]")
    changes = list(_machines(store, {(machine.name, place(machine.external_addr)) for machine in machines}))
    if not changes:
        hint = "wke why TRIAL says what stands between a trial and a result"
        raise InputError("these machines are what they were when results were measured on them, as far as they were examined", hint=hint)
    return Harmless(facts_words(changes), changes)


def _machines(store: Store, machines: set[tuple[str, str]]) -> Iterator[FactChange]:
    """Yield by what machines differ from what they are to any series, and that is not accepted yet."""
    latest, accepted = store.examinations.latest(), store.acceptances.facts()
    for name in store.plans.names():
        for machine, facts in store.examinations.of_series(name).items():
            if machine in machines:
                yield from (change for change in deciding(machine[0], facts, latest[machine]) if not accepted.covering(change))


def _trial(item: IdentifiedTrial, planned: Iterable[IdentifiedTrial], store: Store) -> Harmless:
    """Return what `wke why` says of a trial, and all pairs of a planned trial and a stored one between which nothing else lies."""
    identity = item.planned.id
    if identity in store.attempts.results([identity]):
        raise InputError(f"trial {identity} is stored and reused: there is nothing to accept")
    relative = relative_of(store, item)
    if relative is None:
        raise InputError(
            f"no trial like {identity} was ever measured: none at its point and iteration has a result", hint="wke measure does"
        )
    results, inputs = store.inputs.of_trials_with_results(), json.loads(item.planned.inputs_json)
    if any(change.is_new_metric for change in relative.changes):
        hint = "wke measure measures it"
        raise InputError(f"trial {identity} has a metric that {relative.trial} was not measured with: it has no value of it", hint=hint)
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
    return Harmless(
        [*words, *facts_words(relative.machines)],
        relative.machines,
        [(trial.id, name) for trial, name in pairs],
        {trial.id: trial.inputs_json for trial, _ in pairs},
    )
