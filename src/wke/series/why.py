"""Why a trial runs, or does not: how it differs from its nearest stored or planned relative."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from wke.describe.experiment.experimentreader import read_experiment
from wke.describe.names import FileOf, Word, parse_name
from wke.judge.reuse.differences import Change, Script, differences, nearest
from wke.judge.reuse.state import STORED, TO_RUN, Relatives, facts_words
from wke.keep.machines.fingerprint import FactChange
from wke.keep.store import Store
from wke.keep.trials.identified import IdentifiedTrial
from wke.keep.trials.identity import addresses, scripts
from wke.keep.trials.trials import Inputs, StoredAttempt
from wke.series.folders import RESULTS, cluster_flag
from wke.series.growing import all_planned, plan_series
from wke.series.planned import PlannedSeries, by_id, experiment_files
from wke.series.planstate import load_plan_state
from wke.series.project import read_project
from wke.series.resolve import find_planned, find_trial
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is known of a trial: `changes` are how it differs from the `nearest` other, `accept` is the command that ignores them."""

    trial: str
    verdict: str
    nearest: str | None = None
    changes: tuple[str, ...] = ()
    accept: str | None = None


def explain(trial: str, cluster_file: Path) -> Explanation:
    """Explain the trial that a text names: one of a plan in experiments/, or a stored one that is in no plan any more."""
    series = all_planned(cluster_file)
    planned = by_id(series)
    with Store.open(RESULTS, readonly=True) as store:
        identity = find_planned(trial, series) or find_trial(store, trial).id
        script = script_texts(planned.values(), store)
        if identity in planned:
            return _planned(store, planned[identity], script, cluster_file)
        return _unplanned(identity, store.inputs.of(identity), planned, script)


@dataclass(frozen=True, slots=True)
class TrialGroup:
    """Planned trials of a series that run, or do not, for the same reason; `example` explains the first of them."""

    state: str
    trials: tuple[str, ...]
    example: Explanation | None = None


def explain_series(text: str, cluster_file: Path) -> tuple[TrialGroup, ...] | None:
    """Explain all trials of the experiment that a text names, a file or a name; None if it names no experiment.

    Trials that are to run share a group if the same has changed since their nearest results. The largest group comes first.
    """
    series = _series_named(text, cluster_file)
    if series is None:
        return None
    facts, groups = load_plan_state(series), dict[object, list[IdentifiedTrial]]()
    with Store.open(RESULTS, readonly=True) as store:
        relatives = Relatives(store.inputs.of_trials_with_results())
        for item in series.trials:
            state = facts.states[item.planned.id]
            changed = relatives.of(item.planned)[:1] if state.word == TO_RUN else ()
            groups.setdefault((str(state), *(change for _, changes in changed for change in changes)), []).append(item)
        script = script_texts(by_id([series]).values(), store)
        return tuple(
            TrialGroup(
                str(facts.states[items[0].planned.id]),
                tuple(item.planned.id for item in items),
                None if facts.states[items[0].planned.id].word == STORED else _planned(store, items[0], script, cluster_file),
            )
            for items in sorted(groups.values(), key=len, reverse=True)
        )


def _series_named(text: str, cluster_file: Path) -> PlannedSeries | None:
    name = parse_name(text)
    if isinstance(name, FileOf):
        return plan_series(read_project(name.path, cluster_file))
    if not isinstance(name, Word):
        return None
    named = [file for file in experiment_files() if read_experiment(file).name == text]
    return plan_series(read_project(named[0], cluster_file)) if named else None


@dataclass(frozen=True, slots=True)
class Relative:
    """The nearest stored result of a trial; it does not count because of `changes` of the inputs and changes of the `machines`."""

    trial: str
    changes: tuple[Change, ...]
    machines: tuple[FactChange, ...]


def relative_of(store: Store, item: IdentifiedTrial) -> Relative | None:
    """Return the trial's own stored result that does not count, else that of the nearest trial at the same point and iteration."""
    found = Relatives(store.inputs.of_trials_with_results()).of(item.planned)
    for name, changes in ((item.planned.id, ()), *found[:1]):
        attempts = [attempt for attempt in _attempts(store, item, name) if attempt.ok]
        if attempts:
            return Relative(name, changes, min(attempts, key=lambda attempt: len(attempt.changes)).changes)
    return None


def _attempts(store: Store, item: IdentifiedTrial, name: str) -> tuple[StoredAttempt, ...]:
    return store.attempts.of_trials([name], store.examinations.latest(), addresses(item.planned.inputs))


def _reused(identity: str, stored: StoredAttempt) -> Explanation:
    if not stored.accepted:
        return Explanation(identity, "is stored and reused: nothing that it depends on has changed")
    numbers = ", ".join(map(str, stored.accepted))
    return Explanation(identity, f"is stored and reused, as accepted: {numbers} of `wke accept --list`", stored.id)


def _planned(store: Store, item: IdentifiedTrial, script: Script, cluster_file: Path) -> Explanation:
    identity, own = item.planned.id, item.planned.inputs
    stored = store.attempts.results([identity]).get(identity)
    if stored is not None:
        return _reused(identity, stored)
    tried = [attempt for attempt in _attempts(store, item, identity) if not attempt.changes]
    if tried:
        return Explanation(identity, f"is to run: its last attempt was {tried[-1].outcome}{': ' + tried[-1].why if tried[-1].why else ''}")
    results, relative = store.inputs.of_trials_with_results(), relative_of(store, item)
    other = nearest(own, results) if relative is None else relative.trial
    if other is None:
        return Explanation(identity, "is to run: nothing is stored yet")
    changed = (*differences(results[other], own, script), *facts_words(relative.machines if relative else ()))
    same = f"is to run: it was not measured yet; {other} is the same in another iteration"
    since = "since it was measured" if other == identity else f"since {other}, the nearest result"
    harmless = relative is not None and not any(change.is_new_metric for change in relative.changes)
    command = f'wke accept {identity}{cluster_flag(cluster_file)} --reason "..."'
    return Explanation(identity, f"is to run; {since}:" if changed else same, other, changed, command if changed and harmless else None)


def _unplanned(identity: str, own: Inputs, planned: Mapping[str, IdentifiedTrial], script: Script) -> Explanation:
    plans: dict[str, Inputs] = {name: item.planned.inputs for name, item in planned.items()}
    other = nearest(own, plans)
    if other is None:
        return Explanation(identity, "is in no plan: experiments/ has none")
    changes = tuple(differences(own, plans[other], script))
    same = f"is in no plan any more; {other} is the same in another iteration"
    return Explanation(
        identity, f"is in no plan any more; changes up to {other}, the nearest planned trial:" if changes else same, other, changes
    )


def script_texts(planned: Iterable[IdentifiedTrial], store: Store) -> Callable[[str], str | None]:
    """Return a function that finds the text of a script by its digest, among the planned scripts and then in the store."""
    texts = {digest: content for item in planned for digest, content in scripts(item.trial).items()}
    return lambda digest: texts[digest].decode("utf-8", "replace") if digest in texts else store.inputs.script(digest)
