"""Repetition: which trials run again because of how they ended. This is the one place that decides it.

A failure of the measurement says nothing about the system, so the trial runs again: at most REPEATS times in all commands together if a
check found it invalid, and at most REPEATS times in one command if contact with a machine was lost. What the system did is an answer: a
trial that is ok, or broken, does not run again. One that failed runs again with the next command only, because the cause may be mended.
"""

from collections.abc import Collection, Iterable, Mapping

from wke.keep.trials.trials import Invalid
from wke.records import Outcome, OutcomeKind

REPEATS = 2
WITHOUT_CONTACT = frozenset({OutcomeKind.LOST, OutcomeKind.UNREACHABLE})


def tried_in_vain(attempted: Collection[str], invalid: Mapping[str, Invalid]) -> frozenset[str]:
    """Return the trials that do not run now although they have no result: attempted by this command, or invalid too often.

    A trial whose last attempt was invalid may run again, even in the same command.
    """
    over = {trial for trial, seen in invalid.items() if seen.times > REPEATS}
    again = {trial for trial, seen in invalid.items() if seen.last and trial not in over}
    return frozenset(attempted) - again | over


def repeat_now(ends: Iterable[tuple[str, Outcome]]) -> frozenset[str]:
    """Return the trials that run again in this command because contact was lost; `ends` are its trials so far, and how each ended."""
    outcomes: dict[str, list[bool]] = {}
    for trial, outcome in ends:
        outcomes.setdefault(trial, []).append(outcome.kind in WITHOUT_CONTACT)
    return frozenset(trial for trial, lost in outcomes.items() if lost[-1] and sum(lost) <= REPEATS)
