"""A cluster as synchronous scripts see it: its machines, files to and from them, single commands on them."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from wke.act.providers.provide import provider_of
from wke.api.engine import engine
from wke.api.opened import opened
from wke.api.scripterrors import ClusterError, RemoteExecutionError, RunTargetError
from wke.api.selection import Machine, Selection
from wke.api.slices import OldClusterNames
from wke.describe.cluster.cluster import read_cluster
from wke.errors import InputError, MachineError, did_you_mean


class Cluster(OldClusterNames):
    """The machines of a cluster.toml.

    They are connected (and made, if emulated) once, when they are first needed, and stay connected while this object or another one
    of the same file is referenced; use it as a context manager to end it sooner. Raises ClusterError when the file is wrong.
    """

    def __init__(self, path: str | Path = "cluster.toml") -> None:
        try:
            self.description = read_cluster(Path(path))
        except InputError as error:
            raise ClusterError(*error.problems) from error
        self.opened = opened(self.description)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Cluster({str(self.description.path)!r})"

    def close(self) -> None:
        """Stop all that was started through this cluster and close the connections; emulated machines are gone."""
        self.opened.close()

    def selection(self) -> Selection:
        """Return all machines as a selection."""
        return Selection(self.opened, "all")

    @property
    def username(self) -> str | None:
        """The login on the machines; None for the one that ssh chooses."""
        return self.description.username

    @property
    def workdir(self) -> str | None:
        """Where scripts run on the machines; None for the login's home folder."""
        return self.description.workdir

    @property
    def ssh_port(self) -> int:
        """The port of the machines' ssh servers, where they do not set their own."""
        return self.description.ssh_port or 22

    @property
    def num_machines(self) -> int:
        """How many machines there are."""
        return len(self.description.machines)

    @property
    def machine_names(self) -> list[str]:
        """The names of all machines, in the file's order."""
        return [machine.name for machine in self.description.machines]

    def get_all_machines(self) -> list[Machine]:
        """Return every machine. Emulated ones are made by the first call: before, their addresses are not certain."""
        makes_machines = provider_of(self.description).makes_machines
        machines = self.opened.machines().cluster.machines if makes_machines else self.description.machines
        return [Machine(m.name, m.index, m.external_addr or m.internal_addr, m.internal_addr, self.opened, m.classes) for m in machines]

    def get_machine(self, name: str) -> Machine:
        """Return a machine by its name; raise ClusterError when there is none."""
        for machine in self.get_all_machines():
            if machine.name == name:
                return machine
        raise ClusterError(f'no machine is named "{name}"', hint=did_you_mean(name, self.machine_names))

    def get_machine_by_index(self, index: int) -> Machine:
        """Return a machine by its place in the file, from 0; raise ClusterError when there are fewer."""
        if not 0 <= index < self.num_machines:
            raise ClusterError(f"there is no machine at index {index}: the cluster has {self.num_machines}")
        return self.get_all_machines()[index]

    def copy_to(self, machine: str | Machine, source: str | Path, destination: str) -> None:
        """Copy a file or folder to a machine, or to all that a selector names at once; raise RemoteExecutionError when that fails."""
        try:
            engine().call(self.opened.machines().send(source, _name(machine), destination))
        except MachineError as error:
            raise RemoteExecutionError(*error.problems) from error

    def copy_from(self, machine: str | Machine, source: str, destination: str | Path) -> None:
        """Copy a file or folder from a machine; raise RemoteExecutionError when that fails."""
        try:
            engine().call(self.opened.machines().receive(source, _name(machine), destination))
        except MachineError as error:
            raise RemoteExecutionError(*error.problems) from error

    def execute_on(self, machine: str | Machine, command: str | Sequence[str]) -> str:
        """Run a shell command on a machine and return what it wrote to its standard output.

        A list of words is one command with its arguments, whatever they contain. Raises RemoteExecutionError when it does not succeed.
        """
        text = command if isinstance(command, str) else shlex.join(command)
        try:
            result = engine().call(self.opened.machines().execute(_name(machine), text))
            return b"".join(result.checked().output.values()).decode(errors="replace")
        except (MachineError, RunTargetError) as error:
            raise RemoteExecutionError(*error.problems) from error


def _name(machine: str | Machine) -> str:
    return machine if isinstance(machine, str) else machine.name
