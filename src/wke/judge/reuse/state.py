"""The state of a planned trial: whether it runs, and why."""

from collections.abc import Iterable, Mapping, Sequence

from wke.describe.experiment.point import point_key
from wke.describe.toml.wording import counted
from wke.documents import Json
from wke.judge.policies.repetition import REPEATS
from wke.judge.reuse.differences import Change, changes
from wke.keep.machines.fingerprint import FactChange
from wke.keep.trials.trials import Inputs, Invalid, PlannedTrial, StoredAttempt
from wke.values import dataclass

STORED, TO_RUN, GIVEN_UP = "stored", "to run", "invalid"


@dataclass(frozen=True, slots=True)
class State:
    """The state of a trial: `word` is STORED, TO_RUN or GIVEN_UP, `why` is a clause, `by` is the attempt that it is due to."""

    word: str
    why: str = ""
    by: StoredAttempt | None = None

    def __str__(self) -> str:
        """Return `to run (script changed)`."""
        return f"{self.word} ({self.why})" if self.why else self.word


class Relatives:
    """Stored results by point and iteration: a planned trial is compared with those that share both."""

    def __init__(self, results: Mapping[str, Inputs]) -> None:
        self._results = results
        self._by_turn: dict[object, list[str]] = {}
        self._changes: dict[tuple[int, int], tuple[object, tuple[Change, ...]]] = {}
        for trial, inputs in results.items():
            self._by_turn.setdefault(_turn(trial, inputs["depends"]["point"]), []).append(trial)

    def of(self, trial: PlannedTrial) -> list[tuple[str, tuple[Change, ...]]]:
        """Return the relatives of a trial with what changed since, the one with the fewest changes first."""
        names = self._by_turn.get(_turn(trial.id, trial.point), ())
        found = [(name, self._changed(self._results[name], trial)) for name in names if name != trial.id]
        return sorted(found, key=lambda relative: len(relative[1]))

    def _changed(self, before: Inputs, trial: PlannedTrial) -> tuple[Change, ...]:
        """Return what changed since; all trials of a point depend on the same, so it is found once for them."""
        key = id(before), id(trial.source)
        if key not in self._changes:
            self._changes[key] = trial.source, changes(before, trial.inputs)  # with the source, so that no other one gets its id
        return self._changes[key][1]


def _turn(trial: str, point: Mapping[str, Json]) -> object:
    return point_key(point), trial.rpartition("-")[2]


def state(stored: StoredAttempt | None, invalid: Invalid | None, tried: Sequence[StoredAttempt], change: str) -> State:
    """Return the state of a trial, from its `stored` result, else from its attempts, else from the `change` since its relative."""
    if stored is not None:
        return State(STORED, f"accepted: {', '.join(map(str, stored.accepted))}" if stored.accepted else "", stored)
    if invalid is not None and invalid.times > REPEATS:
        return State(GIVEN_UP, counted(invalid.times, "time"))
    here = [attempt for attempt in tried if not attempt.changes]
    elsewhere = [attempt for attempt in tried if attempt.ok and attempt.changes]
    if here:
        return State(TO_RUN, here[-1].outcome)
    if elsewhere:
        return State(TO_RUN, facts_kind(elsewhere[-1].changes), elsewhere[-1])
    return State(TO_RUN, change or "new")


def kinds(found: Iterable[Change]) -> str:
    """Return what changed, as a clause."""
    return ", ".join(dict.fromkeys(change.kind for change in found))


def facts_kind(found: Iterable[FactChange]) -> str:
    """Return which facts of machines changed, as a clause."""
    return ", ".join(dict.fromkeys(f"{change.fact} changed" for change in found))


def facts_words(found: Iterable[FactChange]) -> list[str]:
    """Return the changes of machines, one line for all with the same change: `node1, node2: kernel Linux 6.1 -> Linux 6.6`."""
    machines: dict[tuple[str, str, str], list[str]] = {}
    for change in dict.fromkeys(found):
        machines.setdefault((change.fact, change.before, change.now), []).append(change.machine)
    return [str(FactChange(", ".join(names), *values)) for values, names in machines.items()]
