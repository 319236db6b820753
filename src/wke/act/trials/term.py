"""Machines that are ours for a time only: whether another trial ends before they are taken from us, and what is said when they were.

Nothing here applies to machines that stay, such as those behind ssh.
"""

import asyncio
import math
import time
from dataclasses import replace

from wke.act.providers.place import Place
from wke.act.trials.trial import LOST, TrialResult
from wke.errors import MachineError

ASK_EVERY_S = 30.0  # while there is enough: it may be changed
MARGIN_S = 5.0  # to stop what runs, and to bring back files
AGAIN = "run the same command again to continue; what was measured is stored"


class Remaining:
    """Compares the time that is left on a place with the time that trials have taken in this command."""

    def __init__(self, place: Place) -> None:
        self._term = place.term
        self._longest_s = 0.0
        self._ends_at: float | None = None
        self._asked_at = -math.inf

    def took(self, seconds: float) -> None:
        """Note how long a trial took, from its beginning until all is stored and quiet."""
        self._longest_s = max(self._longest_s, seconds)

    async def check(self) -> None:
        """Raise MachineError if another trial would not end in time. The first one always may begin: how long it takes is not known."""
        if self._term is None or not self._longest_s:
            return
        is_fresh = time.monotonic() - self._asked_at < ASK_EVERY_S
        if is_fresh and not too_late(time.time(), self._ends_at, self._longest_s):
            return
        self._ends_at, self._asked_at = await asyncio.to_thread(self._term.ends_at), time.monotonic()
        if why := too_late(time.time(), self._ends_at, self._longest_s):
            raise MachineError(f"the series stops: {why}", hint=AGAIN)


def too_late(now: float, ends_at: float | None, longest_s: float) -> str:
    """Return why a trial that takes `longest_s` cannot end in time, "" if it can; times are seconds since the epoch."""
    if ends_at is None or now + longest_s + MARGIN_S <= ends_at:
        return ""
    at = time.strftime("%H:%M:%S", time.localtime(ends_at))
    left_s = max(0.0, ends_at - now)
    return f"the machines are ours until {at}, for {left_s:.0f} s more, and the longest trial so far took {longest_s:.0f} s"


async def with_fate(place: Place, result: TrialResult) -> TrialResult:
    """Return a trial's result; if it went wrong because all machines were taken from us, it is lost and says so.

    What its tasks died of then says nothing about them: they may have been killed before contact was lost.
    """
    if place.term is None or result.outcome.ok:
        return result
    fate = await asyncio.to_thread(place.term.fate)
    return replace(result, outcome=LOST, why=f"{fate} ({result.why})" if result.why else fate) if fate else result


async def check_term(place: Place) -> None:
    """Raise MachineError when all machines were taken from us."""
    fate = await asyncio.to_thread(place.term.fate) if place.term is not None else ""
    if fate:
        raise MachineError(f"{fate}; the series stops here", hint=AGAIN)
