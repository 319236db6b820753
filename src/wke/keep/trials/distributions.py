"""Distributions of recorded values as rows of the store, and of attempts: they are large, so only what pools them reads them."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace

from wke.describe.experiment.metrics import Metric
from wke.keep.database.checkedconnection import storable
from wke.keep.database.database import Database
from wke.keep.trials.trials import Recorded, StoredAttempt


class DistributionReader:
    """Reads how the recorded values of attempts are distributed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def added(self, attempts: Sequence[StoredAttempt], metrics: Sequence[Metric]) -> tuple[StoredAttempt, ...]:
        """Return attempts with the distributions of the values of those metrics that are quantiles of recorded values."""
        names: dict[str, list[str]] = {}
        for metric in metrics:
            if metric.source:
                names.setdefault(storable(metric.source), []).append(metric.name)
        if not names:
            return tuple(attempts)
        query = (
            "SELECT a.trial, a.number, d.source, d.unit, d.buckets FROM distributions d JOIN attempts a ON a.id = d.attempt "
            "WHERE a.trial IN (SELECT value FROM json_each(?)) AND d.source IN (SELECT value FROM json_each(?))"
        )
        found: dict[tuple[str, int], dict[str, Recorded]] = {}
        with self._database.snapshot() as sql:
            for trial, number, source, unit, buckets in sql.execute(
                query, (json.dumps([one.id for one in attempts]), json.dumps([*names]))
            ):
                found.setdefault((trial, number), {}).update(dict.fromkeys(names[source], (unit, buckets)))
        return tuple(replace(one, recorded=found.get((one.id, one.attempt), {})) for one in attempts)


def insert_distributions(sql: sqlite3.Connection, attempt: int, recorded: Mapping[str, Recorded]) -> None:
    """Add the distributions of an attempt, each with its unit, by their sources."""
    rows = [(attempt, storable(source), storable(unit), buckets) for source, (unit, buckets) in recorded.items()]
    sql.executemany("INSERT INTO distributions VALUES (?, ?, ?, ?)", rows)
