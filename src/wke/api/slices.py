"""Parts of a cluster for scripts written for wke 0.1: slices, which hand out the next machines, and sets. New scripts use selectors.

This stands here and not in `legacy/`, which imports nothing of the API, because parts are made of the API's machines.
"""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Protocol

from wke.api.scripterrors import ClusterError, RemoteExecutionError
from wke.api.selection import Machine, Selection
from wke.describe.toml.wording import counted
from wke.errors import did_you_mean

AT_ONCE = 16  # copies from as many machines


class WholeCluster(Protocol):
    """What parts need of the cluster that they are parts of."""

    @property
    def workdir(self) -> str:
        """Where scripts run."""
        ...

    def get_all_machines(self) -> list[Machine]:
        """Return every machine, in order."""
        ...

    def selection(self) -> Selection:
        """Return all machines as a selection."""
        ...

    def copy_to(self, machine: str, source: str | Path, destination: str, username: str | None = None) -> None:
        """Copy a file or folder to the machines that a selector names."""

    def copy_from(self, machine: str, source: str, destination: str | Path, username: str | None = None) -> None:
        """Copy a file or folder from a machine."""


class MachineSet:
    """Some machines of a cluster, in an order of their own. Targets run on them in the cluster's order."""

    def __init__(self, cluster: WholeCluster, machines: Iterable[Machine]) -> None:
        self.cluster = cluster
        self._machines = tuple(machines)

    def selection(self) -> Selection:
        """Return these machines as a selection."""
        return Selection(self.cluster.selection().opened, ",".join(self.machine_names))

    @property
    def workdir(self) -> str:
        """Where scripts run on the machines."""
        return self.cluster.workdir

    @property
    def num_machines(self) -> int:
        """How many machines there are."""
        return len(self._machines)

    @property
    def machine_names(self) -> list[str]:
        """The names of all machines."""
        return [machine.name for machine in self._machines]

    def get_all_machines(self) -> list[Machine]:
        """Return all machines."""
        return list(self._machines)

    def get_machine(self, name: str) -> Machine:
        """Return a machine by its name; raise ClusterError when it is not among these."""
        for machine in self._machines:
            if machine.name == name:
                return machine
        raise ClusterError(f'no machine is named "{name}" here', hint=did_you_mean(name, self.machine_names))

    def get_machine_by_index(self, index: int) -> Machine:
        """Return a machine by its place among these, from 0; raise ClusterError when there are fewer."""
        if not 0 <= index < len(self._machines):
            raise ClusterError(f"there is no machine at index {index}: {len(self._machines)} are here")
        return self._machines[index]

    def get_external_addrs(self) -> list[str]:
        """Return the addresses by which we reach the machines."""
        return [machine.external_addr for machine in self._machines]

    def get_internal_addrs(self) -> list[str]:
        """Return the addresses by which the machines reach each other."""
        return [machine.internal_addr for machine in self._machines]

    def copy_file_to(self, source: str | Path, destination: str, username: str | None = None) -> None:
        """Copy a file or folder to every machine, to all at once."""
        self.cluster.copy_to(self.selection().selector, source, destination, username)

    def copy_files_from(self, source: str, destination: str | Path, username: str | None = None) -> list[Path]:
        """Copy a file or folder from every machine; return where each copy is.

        From several machines, each copy goes into the folder `destination`/MACHINE. From one machine it becomes `destination`, or goes
        into it if that is a folder.
        """
        one, name = self.num_machines == 1, Path(source).name

        def copied(machine: Machine) -> Path:
            copy = Path(destination) / machine.name / name if not one else Path(destination)
            copy = copy / name if one and copy.is_dir() else copy
            self.cluster.copy_from(machine.name, source, copy, username)
            return copy

        with ThreadPoolExecutor(AT_ONCE) as threads:
            return list(threads.map(copied, self._machines))

    def open_remote(self, file: str, skip_missing: bool = False, num_machines: int | None = None) -> list[IO[str]]:  # noqa: FBT001, FBT002 - scripts give it in this place
        """Return a file of every machine (of the first `num_machines`), copied here and open for reading.

        Raises RemoteExecutionError where a machine does not have it, unless `skip_missing`.
        """
        return list(self._opened_copies(file, self._machines[:num_machines], skip_missing=skip_missing))

    def _opened_copies(self, file: str, machines: Sequence[Machine], *, skip_missing: bool) -> Iterator[IO[str]]:
        with tempfile.TemporaryDirectory(prefix="wke-") as folder:
            for machine in machines:
                copy = Path(folder) / machine.name
                try:
                    self.cluster.copy_from(machine.name, file, copy)
                except RemoteExecutionError:
                    if not skip_missing:
                        raise
                else:
                    yield copy.open(errors="replace")


class Slice(MachineSet):
    """Machines that are handed out in order: every part is of the machines after the last one's, so parts never overlap."""

    def __init__(self, cluster: WholeCluster, machines: Iterable[Machine]) -> None:
        super().__init__(cluster, machines)
        self._cursor = 0

    @property
    def remaining_size(self) -> int:
        """How many machines are not handed out yet."""
        return len(self._machines) - self._cursor

    def advance_cursor(self, number: int) -> None:
        """Skip the next machines; raise ClusterError when fewer are left."""
        if not 0 <= number <= self.remaining_size:
            raise ClusterError(f"cannot hand out {counted(number, 'machine')}: {self.remaining_size} of {self.num_machines} are left")
        self._cursor += number

    def create_subslice(self, size: int) -> "Slice":
        """Hand out the next `size` machines; raise ClusterError when fewer are left."""
        start = self._cursor
        self.advance_cursor(size)
        return Slice(self.cluster, self._machines[start : self._cursor])

    def create_subslice_from_remaining(self) -> "Slice":
        """Hand out all machines that are left; raise ClusterError when none is."""
        if not self.remaining_size:
            raise ClusterError(f"no machine is left of {self.num_machines}")
        return self.create_subslice(self.remaining_size)


class OldClusterNames:
    """What a cluster could do in wke 0.1: give parts of itself, and open files of its machines."""

    def create_slice(self: WholeCluster) -> Slice:
        """Return all machines as a slice."""
        return Slice(self, self.get_all_machines())

    def create_subslice(self: WholeCluster, offset: int | None = None, size: int | None = None) -> Slice:
        """Return `size` machines (all, if None) from the place `offset` on; raise ClusterError when there are fewer."""
        whole = Slice(self, self.get_all_machines())
        whole.advance_cursor(offset or 0)
        return whole.create_subslice_from_remaining() if size is None else whole.create_subslice(size)

    def get_machine(self: WholeCluster, name: str) -> Machine:
        """Return a machine by its name; raise ClusterError when there is none."""
        return MachineSet(self, self.get_all_machines()).get_machine(name)

    def get_machine_by_index(self: WholeCluster, index: int) -> Machine:
        """Return a machine by its place in the file, from 0; raise ClusterError when there are not so many."""
        return MachineSet(self, self.get_all_machines()).get_machine_by_index(index)

    def get_machines_by_indices(self: WholeCluster, indices: Sequence[int]) -> MachineSet:
        """Return the machines at these places; raise ClusterError when there are fewer."""
        everything = MachineSet(self, self.get_all_machines())
        return MachineSet(self, [everything.get_machine_by_index(index) for index in indices])

    def open_remote(
        self: WholeCluster,
        file: str,
        offset: int = 0,
        skip_missing: bool = False,  # noqa: FBT001, FBT002 - scripts give it in this place
        num_machines: int | None = None,
    ) -> list[IO[str]]:
        """Return a file of `num_machines` machines (all, if None) from the place `offset` on, copied here and open for reading."""
        machines = MachineSet(self, self.get_all_machines()[offset:])
        return machines.open_remote(file, skip_missing=skip_missing, num_machines=num_machines)
