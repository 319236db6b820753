"""Why a trial of a plan is to run, or is not: in a word or a clause."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wke.judge.policies.due import REPEATS
from wke.judge.reuse.differences import Change, Inputs, changes
from wke.judge.statistics.summaries import point_key
from wke.keep.machines.fingerprint import FactChange
from wke.keep.trials.trials import Invalid, PlannedTrial, StoredAttempt

STORED, TO_RUN, GIVEN_UP = "stored", "to run", "invalid"


@dataclass(frozen=True, slots=True)
class State:
    """What is planned with a trial: its `word` is one of STORED, TO_RUN and GIVEN_UP."""

    word: str
    why: str = ""
    by: StoredAttempt | None = None

    def __str__(self) -> str:
        """Say it as `to run (script changed)`."""
        return f"{self.word} ({self.why})" if self.why else self.word


class Relatives:
    """Results of trials that differ from one of a plan in nothing but what changed: those of its point and its iteration."""

    def __init__(self, results: Mapping[str, Inputs]) -> None:
        self._results = results
        self._by_turn: dict[object, list[str]] = {}
        for trial, inputs in results.items():
            if "point" in inputs.get("depends", {}):
                self._by_turn.setdefault(_turn(trial, inputs["depends"]["point"]), []).append(trial)

    def of(self, trial: PlannedTrial) -> list[tuple[str, tuple[Change, ...]]]:
        """Return the relatives of a trial and what changed since, those with the fewest changes first."""
        names = self._by_turn.get(_turn(trial.id, trial.point), ())
        inputs = json.loads(trial.inputs_json) if names else {}
        found = [(name, changes(self._results[name], inputs)) for name in names if name != trial.id]
        return sorted(found, key=lambda relative: len(relative[1]))


def _turn(trial: str, point: Mapping[str, Any]) -> object:
    return point_key(point), trial.rpartition("-")[2]


def state(stored: StoredAttempt | None, invalid: Invalid | None, tried: Sequence[StoredAttempt], change: str) -> State:
    """Return the state of a trial: with its `stored` result, else by its attempts, else by what `change` there was since its relative."""
    if stored is not None:
        return State(STORED, f"accepted: {', '.join(map(str, stored.accepted))}" if stored.accepted else "", stored)
    if invalid is not None and invalid.times > REPEATS:
        return State(GIVEN_UP, f"{invalid.times} times")
    here = [attempt for attempt in tried if not attempt.changes]
    elsewhere = [attempt for attempt in tried if attempt.ok and attempt.changes]
    if here:
        return State(TO_RUN, here[-1].outcome)
    if elsewhere:
        return State(TO_RUN, facts_kind(elsewhere[-1].changes), elsewhere[-1])
    return State(TO_RUN, change or "new")


def kinds(found: Iterable[Change]) -> str:
    """Say in a clause what changed."""
    return ", ".join(dict.fromkeys(change.kind for change in found))


def facts_kind(found: Iterable[FactChange]) -> str:
    """Say in a clause what changed of machines."""
    return ", ".join(dict.fromkeys(f"{change.fact} changed" for change in found))


def facts_words(found: Iterable[FactChange]) -> list[str]:
    """Say what changed of machines, at once where it is the same of several: `node1, node2: kernel Linux 6.1 -> Linux 6.6`."""
    machines: dict[tuple[str, str, str], list[str]] = {}
    for change in dict.fromkeys(found):
        machines.setdefault((change.fact, change.before, change.now), []).append(change.machine)
    return [str(FactChange(", ".join(names), *values)) for values, names in machines.items()]
