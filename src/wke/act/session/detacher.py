"""Whether the trial of a session outlives it. By default it does not; detached.py has the other case."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from wke.act.connection.claim import Claim
from wke.act.connection.connection import Connection
from wke.describe.configuration.step import PlannedStep
from wke.records import Release

Connect = Callable[[str, float, Claim | None], Connection]
"""Makes a connection, not yet open, from a machine's name, the lease and a claim."""
Notify = Callable[[str], None]
Agree = Callable[[], Awaitable[Release]]


class Detacher(Protocol):
    """Decides what of a session's trial stays on the machines when the session ends."""

    def connection(self, machine: str, lease_s: float, claim: Claim | None, notify: Notify) -> Connection:
        """Return a connection that is to be opened; `notify` is called with a sentence when its contact is lost for a time, and is back."""
        ...

    async def hold(self, attempt: str, detach: Callable[[Mapping[str, str]], None], agree: Callable[[Release], None]) -> None:
        """Begin an attempt on all machines, or continue the one that was attached to.

        So that another command can attach to it, `detach` gets the machines' work folders before that, and `agree` the common start of the
        measured step before it begins: clocks cannot be read afterwards.
        """

    async def let_go(self) -> None:
        """End the attempt: its result is stored, and nothing outlives us."""

    def skips(self, step: PlannedStep) -> bool:
        """Tell whether a step's files must not be copied because the machines are beyond that step."""
        ...

    async def agreed(self, agree: Agree) -> Release:
        """Return the common start of the measured step: what was agreed on before, or what `agree` returns now."""
        ...

    def leaves(self, *, is_open: bool) -> bool:
        """Tell, when everything is about to be stopped, whether the trial is left running instead; once that is refused it is over."""
        ...

    async def leave(self) -> None:
        """Close all connections and leave the machines as they are."""


class NoDetacher:
    """The ordinary case: a trial ends with its session. `connect` makes the connections."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect

    def connection(self, machine: str, lease_s: float, claim: Claim | None, notify: Notify) -> Connection:  # noqa: ARG002 - lost is lost
        """Return a connection that is to be opened."""
        return self._connect(machine, lease_s, claim)

    async def hold(self, attempt: str, detach: Callable[[Mapping[str, str]], None], agree: Callable[[Release], None]) -> None:
        """Need to do nothing: the attempt ends with this command, so no other command has to find it."""

    async def let_go(self) -> None:
        """Need to do nothing."""

    def skips(self, step: PlannedStep) -> bool:  # noqa: ARG002 - every step is done once
        """Skip nothing."""
        return False

    async def agreed(self, agree: Agree) -> Release:
        """Agree now."""
        return await agree()

    def leaves(self, *, is_open: bool) -> bool:  # noqa: ARG002
        """Leave nothing."""
        return False

    async def leave(self) -> None:
        """Leave nothing."""
