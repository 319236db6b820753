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
from wke.keep.trials.history import History, SeriesUnits, counting
from wke.keep.trials.identity import addresses
from wke.keep.trials.inputs import InputReader
from wke.keep.trials.plans import PlanReader
from wke.keep.trials.rows import read_release
from wke.keep.trials.stored import read_attempts
from wke.keep.trials.trials import Attempt, Detached, Invalid, StoredAttempt, counting_attempts
from wke.keep.trials.units import Units

OF_TRIALS = "a.trial IN (SELECT value FROM json_each(?))"
OF_PLAN = "a.trial IN (SELECT p.trial FROM planned p JOIN series o ON o.id = p.series WHERE o.name = ?)"
OF_SERIES = "a.invocation IN (SELECT i.id FROM invocations i JOIN series o ON o.id = i.series WHERE o.name = ?1)"
ALL = ""
UNFINISHED = " AND a.outcome IS NULL"
ENDED_LAST = (
    " AND a.id IN (SELECT e.id FROM attempts e JOIN invocations i ON i.id = e.invocation JOIN series o ON o.id = i.series "
    "WHERE o.name = ?1 AND e.outcome IS NOT NULL ORDER BY coalesce(e.ended_ns, e.started_ns) DESC LIMIT 5)"
)
"""Which attempts of a series: all, those that run, the five that ended last."""


def begun_since(at_ns: int) -> str:
    """Return which attempts of a series: those that began then or later."""
    return f" AND a.started_ns >= {at_ns:d}"


class AttemptReader:
    """The attempts in the store in `folder`."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder
        self._plans = PlanReader(database, folder)
        self._inputs = InputReader(database)
        self._examinations = Examinations(database)
        self._acceptances = Acceptances(database)

    def history(self, trials: Iterable[str], machines: Reference | None = None, rules: Collection[str] | None = None) -> History:
        """Return all that the store has of these trials on such machines, by default as they were last examined.

        With `rules`, the attempts have not all judgements, of which there may be a million: only those that suspect or reject an attempt,
        findings, and numbers of these rules. Then a `verdict` that is neither suspect nor invalid is unknown.
        """
        wanted = set(trials)
        now = self._examinations.latest() if machines is None else machines
        attempts = self._read(OF_TRIALS, json.dumps(list(wanted)), now, rules=rules)
        counts = counting(attempts)
        return History(attempts, counts, self._accepted(wanted - {trial for trial, one in counts.items() if one.ok}, now))

    def units(self, series: str) -> SeriesUnits:
        """Return the unit of each metric of a series."""
        query = (
            f"SELECT o.metric, o.unit, min(a.id) FROM observations o JOIN attempts a ON a.id = o.attempt WHERE {OF_PLAN} GROUP BY o.metric"  # noqa: S608 - ours, no input
        )
        with self._database.snapshot() as sql:
            first: Units = {metric: unit for metric, unit, _ in sql.execute(query, (series,))}
        known = self._plans.seed(series) is not None
        return SeriesUnits(first, {metric.name: metric.unit for metric in self._plans.latest(series).rules.metrics} if known else {})

    def results(self, trials: Iterable[str], machines: Reference | None = None, series: str = "") -> dict[str, StoredAttempt]:
        """Return the attempt that counts at each trial that has one, by the trial's id: it is ok, and its machines are what they were.

        An attempt at another trial counts where a user accepted that; it then `stands_for` this trial. With a `series` the values are in
        its units; those that cannot be converted are left out here, and refused where the series is shown.
        """
        known = self.history(trials, machines).results
        return dict(zip(known, self.units(series).of(tuple(known.values()), refuse=False), strict=True)) if series else known

    def invalid(self, trials: Iterable[str], machines: Reference | None = None) -> dict[str, Invalid]:
        """Return which of these trials were invalid on these machines and have no ok attempt there, by their ids."""
        return self.history(trials, machines).invalid

    def one_per_trial(self, series: str, *, refuse: bool = True) -> tuple[StoredAttempt, ...]:
        """Return one attempt for each trial of the latest plan of a series that was begun, in running order: the ok one, else the last.

        An attempt that another series made counts here too. Attempts on machines that have changed for this series do not count.
        Raise InputError when there is no such series, and, if they are to `refuse`, when values of a metric cannot have one unit.
        """
        if self._plans.seed(series) is None:
            raise self._plans.unknown(series)
        planned = self._plans.trials(series)
        found = self.history((entry.id for entry in planned), self.machines_of(series)).one_per_trial(series, planned)
        return self.units(series).of(found, refuse=refuse)

    def of_plan(self, series: str) -> tuple[StoredAttempt, ...]:
        """Return all attempts at the trials of the latest plan of a series, in running order, whatever their outcome."""
        planned = self._plans.trials(series)
        found = self.history((entry.id for entry in planned), self.machines_of(series)).of_plan(series, planned)
        return self.units(series).of(found, refuse=True) if planned else ()

    def of_series(self, series: str, which: str = ALL) -> tuple[StoredAttempt, ...]:
        """Return the attempts that commands of a series made, whatever plan they belonged to, as they were measured, the oldest first.

        `which` is ALL, ENDED_LAST, UNFINISHED, or what `begun_since` returns.
        """
        return tuple(sorted(self._read(f"{OF_SERIES}{which}", series), key=lambda attempt: attempt.started_ns))

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

    def machines_of(self, series: str) -> Reference:
        """Return what the machines are for a series; those that it never confirmed are what the latest examination found."""
        return {**self._examinations.latest(), **self._examinations.of_series(series)}

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
        self,
        condition: str,
        value: str,
        machines: Reference | None = None,
        moved: Mapping[str, str] | None = None,
        *,
        rules: Collection[str] | None = None,
    ) -> tuple[StoredAttempt, ...]:
        """Return the attempts `a` that meet an SQL condition, by trial and number; with `machines`, also how those have changed."""
        now = MachinesNow(machines, self._acceptances.facts(), moved) if machines else None
        with self._database.snapshot() as sql:
            return read_attempts(sql, self._folder, condition, value, now, rules=rules)
