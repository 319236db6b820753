"""A place: a cluster within reach."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Protocol

from wke.act.connection.claim import Claim
from wke.act.connection.openfiles import PIPED
from wke.act.kept.terms import KeepingTerms
from wke.act.pipes import Pipes
from wke.act.steadyclock import CLOCK
from wke.describe.cluster.cluster import ClusterSpec
from wke.values import dataclass

if TYPE_CHECKING:
    from wke.act.connection.connection import Connection


def _connection(machine: str, lease_s: float, claim: Claim | None) -> Connection:
    from wke.act.connection.connection import Connection  # noqa: PLC0415 - commands that only make machines do without asyncio

    return Connection(machine, lease_s, claim)


class Term(Protocol):
    """For how long machines are ours. Both methods may take seconds; they are called in a thread."""

    def ends_at(self) -> float | None:
        """Return when all machines are taken from us, in seconds since the epoch; None if that is not known."""
        ...

    def fate(self) -> str:
        """Return why all machines were taken from us, "" if they were not, or it is not known."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """A cluster with the addresses that its machines really have, and how a program is started on each of them.

    `transports` maps a machine's name to the argument list that starts a program on it, `shells` to the command that opens an interactive
    shell there, `locks` to the name of the lock that means this machine; `notes` are sentences a person should read once, such as what an
    emulation cannot do here. `connection` makes a connection to a machine, given its name, the lease and a claim; `now` is the clock of the
    times that trials are stored with, in nanoseconds since the epoch. `is_here` says that machines have this computer's kernel and clock.
    `keeping` says whether connections are kept for the next command, if that is possible there. `begun` are transports that run already, by
    their machines (see beginning.py); whoever opens a connection takes one out.
    `files_each` is how many open files a connection takes.
    `term` says until when the machines are ours, if that is limited.
    """

    cluster: ClusterSpec
    transports: Mapping[str, Sequence[str]]
    shells: Mapping[str, Sequence[str]]
    notes: tuple[str, ...] = ()
    locks: Mapping[str, str] = field(default_factory=dict)
    connection: Callable[[str, float, Claim | None], Connection] = _connection
    now: Callable[[], int] = CLOCK.now
    is_here: bool = False
    keeping: KeepingTerms | None = None
    begun: dict[str, Pipes] = field(default_factory=dict)
    files_each: int = PIPED
    term: Term | None = None

    @property
    def has_pipes(self) -> bool:
        """True if a connection is a process here that a machine's transport starts."""
        return self.connection is _connection
