"""A cluster as synchronous scripts see it: its machines, files to and from them, single commands on them."""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Self

from wke.act.providers.provide import provider_of
from wke.api.engine import engine
from wke.api.opened import Opened, opened
from wke.api.scripterrors import ClusterError, RemoteExecutionError, RunTargetError
from wke.api.selection import Machine, Selection
from wke.api.slices import OldClusterNames
from wke.describe.cluster.cluster import read_cluster
from wke.describe.cluster.clusterfile import MACHINES_ARE
from wke.errors import InputError, MachineError


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
        self._opened = opened(self.description)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Cluster({str(self.description.path)!r})"

    def close(self) -> None:
        """Stop all that runs on the machines, close the connections and end emulated machines, unless another Cluster uses them.

        Clusters of one file share their machines. The next use of this one opens it again.
        """
        self._opened.leave(self)

    @property
    def opened(self) -> Opened:
        """The machines; whoever asks for them uses them through this cluster."""
        self._opened.users.add(self)
        return self._opened

    def selection(self) -> Selection:
        """Return all machines as a selection."""
        return Selection(self.opened, "all")

    @property
    def username(self) -> str | None:
        """The login on the machines; None for the one that ssh chooses."""
        return self.description.username

    @cached_property
    def workdir(self) -> str:
        """Where scripts run on the machines: by default the login's home folder, which the first machine is asked for."""
        return self.description.workdir or self.execute_on(self.machine_names[0], 'printf %s "$HOME"')

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

    def copy_to(self, machine: str | Machine, source: str | Path, destination: str, username: str | None = None) -> None:
        """Copy a file or folder to a machine, or to all machines of a selector at once; raise RemoteExecutionError when that fails.

        `username` is another login than that of the cluster file; emulated machines have only one.
        """
        with _remote_errors(machine, f"copy {source} to {destination}") as name:
            engine().call(self._opened_as(username).machines().send(source, name, destination))

    def copy_from(self, machine: str | Machine, source: str, destination: str | Path, username: str | None = None) -> None:
        """Copy a file or folder from a machine, as `copy_to` does; raise RemoteExecutionError when that fails."""
        with _remote_errors(machine, f"copy {source} to {destination}") as name:
            engine().call(self._opened_as(username).machines().receive(source, name, destination))

    def execute_on(self, machine: str | Machine, command: str | Sequence[str]) -> str:
        """Run a shell command on a machine and return what it wrote to its standard output.

        A list of words is one command with its arguments, whatever they contain. Raises RemoteExecutionError when it does not succeed.
        """
        text = command if isinstance(command, str) else shlex.join(command)
        with _remote_errors(machine, text) as name:
            result = engine().call(self.opened.machines().execute(name, text))
            return b"".join(result.checked().output.values()).decode(errors="replace")

    def _opened_as(self, username: str | None) -> Opened:
        """Return the machines, with another login if one is given and they have logins."""
        if username is None or MACHINES_ARE[self.description.provider] == "emulated":
            return self.opened
        machines = tuple(replace(machine, username=username) for machine in self.description.machines)
        return Opened(replace(self.description, username=username, machines=machines))


@contextmanager
def _remote_errors(machine: str | Machine, command: str) -> Iterator[str]:
    """Yield the name of a machine; raise RemoteExecutionError for what fails there."""
    name = machine if isinstance(machine, str) else machine.name
    try:
        yield name
    except (MachineError, RunTargetError) as error:
        raise RemoteExecutionError(*error.problems, machine=name, command=command) from error
