"""Machines that are not the ones that stored trials were measured on: whether that matters to a series, and what then happens to it."""

import shlex
from collections.abc import Iterable

from wke.describe.toml.wording import counted
from wke.errors import InputError
from wke.judge.reuse.state import facts_words
from wke.keep.files.lock import person
from wke.keep.machines.acceptance import AcceptedChanges
from wke.keep.machines.fingerprint import FactChange, Reference
from wke.keep.store import Store
from wke.series.folders import cluster_flag
from wke.series.planned import PlannedSeries
from wke.series.storedresults import load_results


class MachinesChangedError(InputError):
    """Before anything ran: machines are not what `lost` stored trials of the series were measured on."""

    def __init__(self, series: PlannedSeries, lost: int, changes: Iterable[FactChange]) -> None:
        self.lost = lost
        self.changes = tuple(dict.fromkeys(changes))
        machines = ",".join(dict.fromkeys(change.machine for change in self.changes))
        listed = "".join(f"\n  {words}" for words in facts_words(self.changes))
        name, path, cluster = series.plan.experiment.name, series.plan.experiment.path, cluster_flag(series.project.whole.path)
        super().__init__(
            f"machines are not what {counted(lost, 'stored trial')} of {name} {'was' if lost == 1 else 'were'} measured on:{listed}\n"
            "No trial runs until you decide what that means; no result is lost.",
            hint=f'if that is harmless: wke accept {shlex.quote(machines)} --reason "..."; else measure these trials again: '
            f"wke measure {path}{cluster} --remeasure",
        )


class PlanChangedError(Exception):
    """Before anything ran: machines are not what the plan assumed, and no result is lost by that."""


def confirm_machines(series: PlannedSeries, store: Store, number: int, before: Reference) -> None:
    """Record for this command what the series' machines are now, given what they were `before`, when the plan was made.

    Raises MachinesChangedError when results that counted so far do not count on these machines, PlanChangedError when other trials run now.
    """
    now = store.examinations.latest()
    stood_on = {**before, **store.examinations.of_series(series.plan.experiment.name)}
    counted_so_far, counts = load_results(series, store, stood_on).stored, load_results(series, store, now).stored
    lost = {(attempt.id, attempt.attempt) for trial, attempt in counted_so_far.items() if trial not in counts}
    if lost:
        tried = store.attempts.of_trials({trial for trial, _ in lost}, now)
        raise MachinesChangedError(series, len(lost), (change for a in tried if (a.id, a.attempt) in lost for change in a.changes))
    store.examinations.confirm(number)
    if load_results(series, store, before) != load_results(series, store, now):
        raise PlanChangedError


def accept_machines(changed: MachinesChangedError, store: Store, reason: str) -> int:
    """Record that a change of machines does not matter, for that reason; return the number of the acceptance."""
    return store.acceptances.add(AcceptedChanges(facts_words(changed.changes), changed.changes), who=person(), reason=reason)
