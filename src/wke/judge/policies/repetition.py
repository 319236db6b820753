"""Repetition: a trial that turned out to be invalid runs again, at most REPEATS times in all commands together."""

from collections.abc import Collection, Mapping

from wke.keep.trials.trials import Invalid

REPEATS = 2


def tried_in_vain(attempted: Collection[str], invalid: Mapping[str, Invalid]) -> frozenset[str]:
    """Return the trials that do not run now although they have no result: attempted by this command, or invalid too often.

    A trial whose last attempt was invalid may run again, even in the same command.
    """
    over = {trial for trial, seen in invalid.items() if seen.times > REPEATS}
    again = {trial for trial, seen in invalid.items() if seen.last and trial not in over}
    return frozenset(attempted) - again | over
