"""Measures the missing trials of a series. It prints nothing: a watcher hears what happens and decides about changed machines."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Protocol

from wke.act.interrupt import run_to_end
from wke.act.providers.place import Place
from wke.act.providers.provide import provide
from wke.act.session.detached import Detachment
from wke.act.trials.runner import RunningSeries, look
from wke.describe.toml.wording import counted
from wke.keep.store import Store
from wke.keep.trials.identified import IdentifiedTrial
from wke.records import Outcome, Sink
from wke.series.detached import detachment, left_running, run_due, scope_at
from wke.series.growing import grown, on_cluster
from wke.series.machines import MachinesChangedError, PlanChangedError, accept_machines, confirm_machines
from wke.series.planned import PlannedSeries, record, select_trials
from wke.series.reanalysis import reanalysis_hint
from wke.series.storedresults import StoredResults, load_results
from wke.tell.words import seconds
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class TrialChoice:
    """Which of the missing trials run, and how.

    Only those with the values in `only`, at most `limit` of them; with `fail_fast` none after one that failed. `detach` lets the running
    trial outlive the command; with `remeasure` a change of machines means that the affected trials run again.
    """

    only: Mapping[str, str]
    limit: int | None = None
    fail_fast: bool = False
    detach: bool | None = None
    remeasure: bool = False

    def due(self, series: PlannedSeries, results: StoredResults, attempted: Collection[str] = ()) -> list[IdentifiedTrial]:
        """Return the trials that run next, given those that this command attempted already."""
        limit = None if self.limit is None else self.limit - len(attempted)
        return results.due(series, select_trials(series, self.only), attempted)[:limit]


class Watcher(Protocol):
    """Hears what happens while a series is measured. `is_live` tells that a person is shown what machines use."""

    @property
    def is_live(self) -> bool:
        """Whether that is shown now."""
        ...

    def note(self, text: str) -> None:
        """Hear something that the user should know."""

    def begins(self, series: PlannedSeries, results: StoredResults, to_run: int) -> None:
        """Hear that `to_run` trials run first; also when there are none."""

    def display(self, series: PlannedSeries) -> AbstractContextManager[Sink]:
        """Return what takes the records of the trials while they run. An error that ends the series passes through it."""
        ...

    async def after_trial(self) -> None:
        """Use the time after a trial, while the machines are idle."""

    def machines_changed(self, changed: MachinesChangedError) -> str | None:
        """Return why the change does not matter, or None to measure the affected trials again; raise `changed` to stop."""
        ...


def measure_missing(series: PlannedSeries, store: Store, choice: TrialChoice, watcher: Watcher) -> Sequence[Outcome]:
    """Run the missing trials and return their outcomes. Without missing trials no machine is needed, unless changed ones are looked for."""
    results, name = load_results(series, store), series.plan.experiment.name
    if not (choice.due(series, results) or store.attempts.detached(name) or choice.remeasure):
        watcher.begins(series, results, 0)
        record(series, store)
        return ()
    detaching = detachment(series.project.cluster, wanted=choice.detach, scoped=scope_at(series))
    if detaching.note:
        watcher.note(detaching.note)
    with provide(series.project.whole, lasting=detaching.detachment is not None, tell=watcher.note) as place:
        for note in place.notes:
            watcher.note(note)
        if place.cluster != series.project.whole:
            series = on_cluster(series, place.cluster)
        left_running(series, store)  # raises when machines are not free, before the plan is recorded
        return _Measuring(series, place, store, record(series, store), choice, detaching.detachment, watcher).run()


@dataclass(frozen=True, slots=True)
class _Measuring:
    """A series on machines that are there; `number` is that of this command in the store."""

    series: PlannedSeries
    place: Place
    store: Store
    number: int
    choice: TrialChoice
    detached: Detachment | None
    watcher: Watcher

    def run(self) -> Sequence[Outcome]:
        """Run the missing trials, planned again when the machines are not what the plan assumed."""
        while True:
            try:
                return self._run_once()
            except PlanChangedError:
                continue
            except MachinesChangedError as changed:
                self._resolve(changed)

    def _run_once(self) -> Sequence[Outcome]:
        """Run the missing trials; raise as `confirm_machines` does before anything runs."""
        series, cluster = grown(self.series, self.store), self.place.cluster

        def due(attempted: Collection[str]) -> list[IdentifiedTrial]:
            nonlocal series
            series = grown(series, self.store)
            return [item.on(cluster) for item in self.choice.due(series, load_results(series, self.store), attempted)]

        left, first = left_running(series, self.store), len(due(()))
        left = left and (left[0], left[1].on(cluster))
        self.watcher.begins(series, load_results(series, self.store), first)
        if first and (hint := reanalysis_hint(series, self.store)):
            self.watcher.note(hint)
        if self.detached is not None:
            self.watcher.note(f"detached: without this command a trial continues for at most {seconds(self.detached.lease_s)}")
        with self.watcher.display(series) as sink:
            running = self._running(series, sink)
            if self.choice.remeasure and left is None:
                run_to_end(look(running, [item.on(cluster) for item in series.trials]))
            return run_to_end(run_due(running, left, due))

    def _running(self, series: PlannedSeries, sink: Sink) -> RunningSeries:
        confirm = partial(confirm_machines, series, self.store, self.number)
        after, fail_fast, experiment = self.watcher.after_trial, self.choice.fail_fast, self.series.plan.experiment
        place, live = self.place, self.watcher.is_live
        return RunningSeries(place, self.store, self.number, experiment, sink, after, fail_fast, self.detached, confirm, live)

    def _resolve(self, changed: MachinesChangedError) -> None:
        """Accept the change of machines or let it count, as the watcher says."""
        reason = None if self.choice.remeasure else self.watcher.machines_changed(changed)
        if reason is not None:
            number = accept_machines(changed, self.store, reason)
            self.watcher.note(f"accepted as {number}; `wke accept --take-back {number}` takes it back")
        else:
            self.watcher.note(f"measured again: {counted(changed.lost, 'stored trial')}; the old results stay in results/")
            self.store.examinations.confirm(self.number)
