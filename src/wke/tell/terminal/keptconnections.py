"""Connections that are kept for later commands, in words."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Protocol

from wke.describe.toml.wording import counted
from wke.tell.words import seconds

MOST_NAMED = 4


class Kept(Protocol):
    """A connection as the command that shows it has it."""

    @property
    def machine(self) -> str:
        """The machine's name."""

    @property
    def cluster(self) -> str:
        """The path of the cluster's file."""

    @property
    def in_use(self) -> bool:
        """Whether a command uses it."""

    @property
    def left_s(self) -> float:
        """How long else it waits, if none does."""


def kept_lines(connections: Iterable[Kept], here: Path) -> Iterator[str]:
    """Yield a line for each cluster file, whose path is shown from the folder `here`."""
    for cluster, some in groupby(sorted(connections, key=lambda one: one.cluster), lambda one: one.cluster):
        kept = list(some)
        busy, waiting = [one for one in kept if one.in_use], [one for one in kept if not one.in_use]
        words = [f"{names(one.machine for one in waiting)} kept for {seconds(max(one.left_s for one in waiting))} more"] if waiting else []
        words += [f"{names(one.machine for one in busy)} in use"] if busy else []
        path = Path(cluster)
        shown = path.relative_to(here) if path.is_relative_to(here) else path
        yield f"{counted(len(kept), 'kept connection')} ({shown}): {', '.join(words)}"


def names(machines: Iterable[str]) -> str:
    """Return some of the names, and how many more there are."""
    all_of_them: Sequence[str] = list(machines)
    more = len(all_of_them) - MOST_NAMED
    return ", ".join(all_of_them[:MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")
