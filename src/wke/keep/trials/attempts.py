"""Reading attempts: which results count, which attempts there are, which may still be running.

Whether an attempt counts depends on its machines. Every method that decides it compares what they were with what they are now: with the
`machines` that are given, or with what the latest examination found.

The attempts of a series have each metric in one unit (units.py). Attempts at single trials are as they were measured.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from wke.errors import InputError, did_you_mean
from wke.keep.database.database import Database
from wke.keep.files.damage import read_object
from wke.keep.machines.acceptance import Acceptances
from wke.keep.machines.examinations import Examinations
from wke.keep.machines.fingerprint import Reference
from wke.keep.machines.machine_changes import MachinesNow
from wke.keep.trials.folders import partial_folder
from wke.keep.trials.identity import addresses
from wke.keep.trials.inputs import InputReader
from wke.keep.trials.plans import PlanReader
from wke.keep.trials.rows import read_release
from wke.keep.trials.stored import read_attempts
from wke.keep.trials.trials import Attempt, Detached, Invalid, StoredAttempt, counting_attempts
from wke.keep.trials.units import Units, in_units

REJECTED = "outcome = 'invalid' OR id IN (SELECT attempt FROM judgements WHERE level = 'invalid')"
OF_TRIALS = "a.trial IN (SELECT value FROM json_each(?))"
OF_PLAN = "a.trial IN (SELECT p.trial FROM planned p JOIN series o ON o.id = p.series WHERE o.name = ?)"
OF_SERIES = "a.invocation IN (SELECT i.id FROM invocations i JOIN series o ON o.id = i.series WHERE o.name = ?)"


class AttemptReader:
    """The attempts in the store in `folder`."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder
        self._plans = PlanReader(database, folder)
        self._inputs = InputReader(database)
        self._examinations = Examinations(database)
        self._acceptances = Acceptances(database)

    def results(self, trials: Iterable[str], machines: Reference | None = None, series: str = "") -> dict[str, StoredAttempt]:
        """Return the attempt that counts at each trial that has one, by the trial's id: it is ok, and its machines are what they were.

        An attempt at another trial counts where a user accepted that; it then `stands_for` this trial. With a `series` the values are in
        its units; those that cannot be converted are left out here, and refused where the series is shown.
        """
        wanted = set(trials)
        now = self._examinations.latest() if machines is None else machines
        found = self._read(f"a.outcome = 'ok' AND {OF_TRIALS}", json.dumps(list(wanted)), now)
        counting = {one.id: one for one in counting_attempts(each for each in found if not each.changes) if one.ok}
        known = counting | self._accepted(wanted - counting.keys(), now)
        return dict(zip(known, self._in_units(known.values(), series, refuse=False), strict=True)) if series else known

    def invalid(self, trials: Iterable[str], machines: Reference | None = None) -> dict[str, Invalid]:
        """Return which of these trials were invalid on these machines and have no ok attempt there, by their ids."""
        now = self._examinations.latest() if machines is None else machines
        once = f"a.trial IN (SELECT trial FROM attempts WHERE {REJECTED}) AND {OF_TRIALS}"  # noqa: S608 - ours, no input
        outcomes: dict[str, list[str]] = {}
        for attempt in self._read(once, json.dumps(list(trials)), now):
            outcomes.setdefault(attempt.id, []).extend([] if attempt.changes else [attempt.outcome])
        mine = {trial: seen for trial, seen in outcomes.items() if "invalid" in seen and "ok" not in seen}
        return {trial: Invalid(seen.count("invalid"), seen[-1] == "invalid") for trial, seen in mine.items()}

    def one_per_trial(self, series: str, *, refuse: bool = True) -> tuple[StoredAttempt, ...]:
        """Return one attempt for each trial of the latest plan of a series that was begun, in running order: the ok one, else the last.

        An attempt that another series made counts here too. Attempts on machines that have changed for this series do not count.
        Raise InputError when there is no such series, and, if they are to `refuse`, when values of a metric cannot have one unit.
        """
        if self._plans.seed(series) is None:
            raise self._plans.unknown(series)
        plan = self._plans.trials(series)
        machines = self._machines_of(series)
        found = {one.id: one for one in counting_attempts(each for each in self._read(OF_PLAN, series, machines) if not each.changes)}
        found |= self._accepted({entry.id for entry in plan if not (entry.id in found and found[entry.id].ok)}, machines)
        ours = (
            replace(found[entry.id], series=series, point=entry.point, iteration=entry.iteration, warmup=entry.warmup)
            for entry in plan
            if entry.id in found
        )
        return self._in_units(ours, series, refuse=refuse)

    def of_plan(self, series: str) -> tuple[StoredAttempt, ...]:
        """Return all attempts at the trials of the latest plan of a series, in running order, whatever their outcome."""
        plan = {entry.id: entry for entry in self._plans.trials(series)}
        attempts = self._read(OF_PLAN, series, self._machines_of(series))
        ours = (
            replace(one, series=series, iteration=plan[one.id].iteration, warmup=plan[one.id].warmup)
            for one in sorted(attempts, key=lambda one: (plan[one.id].position, one.attempt))
        )
        return self._in_units(ours, series, refuse=True) if plan else ()

    def of_series(self, series: str) -> tuple[StoredAttempt, ...]:
        """Return all attempts that commands of a series made, whatever plan they belonged to, as they were measured, the oldest first."""
        return tuple(sorted(self._read(OF_SERIES, series), key=lambda attempt: attempt.started_ns))

    def of_trial(self, trial: str) -> tuple[StoredAttempt, ...]:
        """Return all attempts at a trial, the oldest first."""
        return self._read("a.trial = ?", trial)

    def of_trials(self, trials: Iterable[str], machines: Reference, moved: Mapping[str, str] | None = None) -> tuple[StoredAttempt, ...]:
        """Return all attempts at these trials, with how their machines have changed. `moved` gives new addresses of machines, by name."""
        return self._read(OF_TRIALS, json.dumps(list(trials)), machines, moved)

    def find(self, prefix: str) -> StoredAttempt:
        """Return the attempt that counts, else the last one, at the trial whose id starts with `prefix`.

        Raise InputError unless there is exactly one such trial.
        """
        with self._database.snapshot() as sql:
            ids = [trial for (trial,) in sql.execute("SELECT DISTINCT trial FROM attempts ORDER BY trial")]
        found = [trial for trial in ids if trial.startswith(prefix)]
        if prefix not in found and len(found) != 1:
            if found:
                raise InputError(f'"{prefix}" begins several trials: {", ".join(found[:5])}', hint="give more of the id")
            raise InputError(f'no trial begins with "{prefix}"', hint=did_you_mean(prefix, ids) if ids else "nothing has been measured yet")
        attempts = self._read("a.trial = ?", prefix if prefix in found else found[0], self._examinations.latest())
        return counting_attempts([attempt for attempt in attempts if not attempt.changes] or attempts)[0]

    def detached(self, series: str | None = None) -> tuple[Detached, ...]:
        """Return the attempts (of one series, or of all) that were left running, the oldest first."""
        query = (
            "SELECT a.id, a.trial, a.number, s.name, a.started_ns, json_group_object(d.machine, d.folder), "
            "json_group_object(d.machine, json(d.release)) FILTER (WHERE d.release IS NOT NULL) FROM detached d "
            "JOIN attempts a ON a.id = d.attempt JOIN invocations v ON v.id = a.invocation JOIN series s ON s.id = v.series "
            "WHERE s.name = coalesce(?, s.name) GROUP BY a.id"
        )
        with self._database.snapshot() as sql:
            rows = sql.execute(query, (series,)).fetchall()
        return tuple(
            Detached(
                Attempt(id_, trial, number, partial_folder(self._folder, trial, number)),
                name,
                started_ns,
                read_object(folders, "an attempt that was left running"),
                read_release(releases),
            )
            for id_, trial, number, name, started_ns, folders, releases in rows
        )

    def _machines_of(self, series: str) -> Reference:
        """Return what the machines are for a series; those that it never confirmed are what the latest examination found."""
        return {**self._examinations.latest(), **self._examinations.of_series(series)}

    def _in_units(self, attempts: Iterable[StoredAttempt], series: str, *, refuse: bool) -> tuple[StoredAttempt, ...]:
        """Return attempts of a series with each metric in one unit: the declared one, else that of its first stored value."""
        query = (
            f"SELECT o.metric, o.unit, min(a.id) FROM observations o JOIN attempts a ON a.id = o.attempt WHERE {OF_PLAN} GROUP BY o.metric"  # noqa: S608 - ours, no input
        )
        with self._database.snapshot() as sql:
            units: Units = {metric: unit for metric, unit, _ in sql.execute(query, (series,))}
        known = self._plans.seed(series) is not None
        declared = {metric.name: metric.unit for metric in self._plans.latest(series).rules.metrics} if known else {}
        return in_units(attempts, units, declared=declared, refuse=refuse)

    def _accepted(self, trials: Collection[str], machines: Reference) -> dict[str, StoredAttempt]:
        """Return, by trial, the attempts at other trials that count there because a user accepted them."""
        found: dict[str, StoredAttempt] = {}
        for trial, measured in self._acceptances.measured_for(trials).items():
            moved = addresses(self._inputs.of(trial))
            for attempt in self.of_trials(measured, machines, moved):
                if attempt.ok and not attempt.changes:
                    by = tuple(sorted({*attempt.accepted, measured[attempt.id]}))
                    found.setdefault(trial, replace(attempt, stands_for=trial, accepted=by))
        return found

    def _read(
        self, condition: str, value: str, machines: Reference | None = None, moved: Mapping[str, str] | None = None
    ) -> tuple[StoredAttempt, ...]:
        """Return the attempts `a` that meet an SQL condition, by trial and number; with `machines`, also how those have changed."""
        now = MachinesNow(machines, self._acceptances.facts(), moved) if machines else None
        with self._database.snapshot() as sql:
            return read_attempts(sql, self._folder, condition, value, now)
