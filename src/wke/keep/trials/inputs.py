"""Reading what trials depend on: the inputs that their ids were computed from, and the scripts among them."""

from wke.keep.database.database import Database
from wke.keep.files.damage import read_object
from wke.keep.trials.trials import Inputs

AT_ONCE = 1000  # texts of some kilobytes each


class InputReader:
    """The inputs of the trials in a store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, trial: str) -> Inputs:
        """Return the inputs of a trial; empty when no attempt at it was ever begun."""
        with self._database.snapshot() as sql:
            row = sql.execute("SELECT json FROM inputs WHERE trial = ?", (trial,)).fetchone()
        return read_object(row[0], f"what trial {trial} depends on") if row else {}

    def of_trials_with_results(self) -> dict[str, Inputs]:
        """Return the inputs of each trial that has an ok attempt that no rule rejects, the trial that was tried last first."""
        return self._select("outcome = 'ok' AND id NOT IN (SELECT attempt FROM judgements WHERE level = 'invalid')")

    def of_ended_trials(self) -> dict[str, Inputs]:
        """Return the inputs of each trial that has an attempt that ended, well or badly; the trial that was tried last first."""
        return self._select("outcome <> 'interrupted'")

    def script(self, digest: str) -> str | None:
        """Return the text of a script or prelude that was planned once, None when it was not kept."""
        with self._database.snapshot() as sql:
            row = sql.execute("SELECT content FROM scripts WHERE digest = ?", (digest,)).fetchone()
        return None if row is None else row[0].decode("utf-8", "replace")

    def _select(self, condition: str) -> dict[str, Inputs]:
        """Return the inputs of the trials with attempts that meet an SQL condition."""
        tried = f"SELECT trial, max(id) AS last FROM attempts WHERE {condition} GROUP BY trial"  # noqa: S608 - ours, no input
        query = f"SELECT i.trial, i.json FROM inputs i JOIN ({tried}) a ON a.trial = i.trial ORDER BY a.last DESC"  # noqa: S608 - ours, no input
        found: dict[str, Inputs] = {}
        read: dict[str, Inputs] = {}  # all trials of a point depend on the same
        with self._database.snapshot() as sql:
            cursor = sql.execute(query)
            while rows := cursor.fetchmany(AT_ONCE):
                for trial, text in rows:
                    if text not in read:
                        read[text] = read_object(text, f"what trial {trial} depends on")
                    found[trial] = read[text]
        return found
