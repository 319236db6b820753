"""Clusters emulated on this computer, seen from the controller: bring one up, find one that is kept, take it down.

A keeper process (act/keeper) makes the machines and holds them. What they write is kept in its folder, on disk, so that an fsync costs what
it costs; nothing of it is left when the keeper has ended, whichever way.
"""

import json
import os
import signal
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from getpass import getuser
from hashlib import sha256
from pathlib import Path
from typing import Self

from wke.act.emulation.emulationplan import ONLY_ROOT, addresses, check, make_plan, search_path, shape, unlimited
from wke.act.emulation.keeper.machine import IMPOSSIBLE, REFUSAL, UNLIMITED, started
from wke.act.emulation.keeper.plan import NAMESPACES, PROCESSES, USER_NAMESPACES
from wke.act.emulation.keeper_client import Keeper, alone, end_keeper
from wke.describe.cluster.cluster import ClusterSpec
from wke.documents import Json
from wke.errors import InputError, MachineError, did_you_mean
from wke.values import dataclass

MODES = (NAMESPACES, USER_NAMESPACES, PROCESSES)
PASSED_ON = ("LANG", "LC_ALL", "TERM", "TZ")
STATE = "state.json"
OWN = "own-"
JOIN = 'while [ "$1" != -- ]; do echo 0 > "$1" || exit 125; shift; done; shift; exec "$@"'
"""Enters control groups, which nsenter does not."""


@dataclass(frozen=True, slots=True)
class EmulatedMachine:
    """A machine as it was made: `pid` is the process, as seen from here, that it lives and dies with (0 in mode `processes`).

    `groups` are the files through which a process joins its control groups.
    """

    name: str
    address: str
    pid: int
    started: int
    home: str
    groups: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Emulation:
    """A cluster that is up. `cluster` has the addresses as they really are; `missing` says what this way of emulating lacks.

    It ends with `close` or with this process, unless it is kept: then `down` ends it.
    """

    mode: str
    cluster: ClusterSpec
    machines: Mapping[str, EmulatedMachine]
    missing: tuple[str, ...] = ()
    keeper: Keeper | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the machines and wait until nothing of them is left; a kept cluster stays up."""
        if self.keeper is not None:
            self.keeper.close()

    def transport(self, name: str) -> list[str]:
        """Return the argument list that starts a program on a machine, in its home folder and with its `environment` only."""
        machine = self._machine(name)
        clean = ["/usr/bin/env", "-i", *(f"{key}={value}" for key, value in self.environment(name).items())]
        if self.mode == PROCESSES:
            return ["/bin/sh", "-c", 'cd "$0" && exec "$@"', machine.home, *clean]
        user = ["-U", "--preserve-credentials"] if self.mode == USER_NAMESPACES else []
        joining = ["/bin/sh", "-c", JOIN, "sh", *machine.groups, "--"] if machine.groups else []
        return [*joining, "nsenter", "-t", str(machine.pid), *user, "-m", "-u", "-i", "-n", "-p", "-r", "-w", "--", *clean]

    def environment(self, name: str) -> dict[str, str]:
        """Return the variables of a login on a machine. Programs installed beside wke, in its virtual environment, are found first.

        One more tells how the machine is made, by which the agent knows what it uses.
        """
        machine = self._machine(name)
        user = _user() if self.mode == PROCESSES else "root"
        variables = {"HOME": machine.home, "USER": user, "LOGNAME": user, "SHELL": "/bin/sh", "HOSTNAME": name, "PATH": search_path()}
        if self.mode == PROCESSES:
            variables["TMPDIR"] = str(Path(machine.home).parent / "tmp")
        return variables | {key: os.environ[key] for key in PASSED_ON if key in os.environ} | {"WKE_EMULATED": self.mode}

    def kill(self, name: str) -> None:
        """Cut a machine's power: everything on it dies at once, and its link and address are gone. It does not come back."""
        machine = self._machine(name)
        if self.mode == PROCESSES:
            raise MachineError(f"{name} cannot be killed: it is a plain process of this computer", hint="emulate as root to have machines")
        with suppress(ProcessLookupError, FileNotFoundError):
            process = os.pidfd_open(machine.pid)
            try:
                if started(str(machine.pid)) == machine.started:
                    signal.pidfd_send_signal(process, signal.SIGKILL)
            finally:
                os.close(process)

    def _machine(self, name: str) -> EmulatedMachine:
        if name not in self.machines:
            raise InputError(f'no machine is named "{name}"', hint=did_you_mean(name, self.machines))
        return self.machines[name]


def up(cluster: ClusterSpec, *, keep: bool, mode: str | None = None) -> Emulation:
    """Make the machines of `cluster` and return when they are reachable.

    With `keep` they stay until `down`, else they end with this process at the latest. `mode` (or WKE_EMULATION) forbids all but one kind of
    emulation. Raises InputError when what the file asks for cannot be emulated or is up already, MachineError when this computer refuses.
    """
    wanted = mode or os.environ.get("WKE_EMULATION")
    if wanted and wanted not in MODES:
        raise InputError(f'there is no emulation "{wanted}"', hint=did_you_mean(wanted, MODES))
    refusals: list[str] = []
    for candidate in [wanted] if wanted else [m for m in MODES if m != NAMESPACES or os.geteuid() == 0]:
        check(cluster, candidate)
        emulation = _try(cluster, candidate, keep=keep, refusals=refusals)
        if emulation is not None:
            return emulation
    raise MachineError(f"this computer refuses to emulate machines ({'; '.join(refusals)})", hint="use another computer, or provider ssh")


def find(cluster: ClusterSpec) -> Emulation | None:
    """Return the emulation of this cluster.toml that `up` kept, if it is up; raise InputError when the file has changed since."""
    if cluster.path is None:
        return None
    with alone() as base:
        state = _read_state(base / _kept_name(cluster))
    if state is None:
        return None
    if not _describes(state, cluster):
        raise InputError(
            f"{cluster.path} has changed since its machines were brought up",
            hint="run `wke cluster down`, and `wke cluster up` again if they are to stay up",
        )
    return _restored(state, cluster)


def find_own(cluster: ClusterSpec) -> Emulation | None:
    """Return the emulation of this cluster.toml that a running command made for itself last, None if there is none."""
    if cluster.path is None:
        return None
    found: list[tuple[float, dict[str, Json]]] = []
    with alone() as base:
        for path in base.glob(f"{OWN}*/{STATE}"):
            with suppress(FileNotFoundError):  # it ends at this moment
                found.append((path.stat().st_mtime, dict(json.loads(path.read_text()))))
    for _, state in sorted(found, key=lambda item: -item[0]):
        here = replace(cluster, machines=tuple(m for m in cluster.machines if m.name in state["machines"]))
        if state["file"] == str(cluster.path.resolve()) and here.machines and _describes(state, here):
            return _restored(state, here)
    return None


def _describes(state: Mapping[str, Json], cluster: ClusterSpec) -> bool:
    """Tell whether machines are as the file now says."""
    return bool(state["shape"] == shape(cluster)) and addresses(cluster, NAMESPACES).items() <= state["described"].items()


def _restored(state: Mapping[str, Json], cluster: ClusterSpec) -> Emulation:
    machines = {machine.name: EmulatedMachine(**state["machines"][machine.name]) for machine in cluster.machines}
    return Emulation(state["mode"], _with_addresses(cluster, machines), machines, tuple(state["missing"]))


def down(cluster: ClusterSpec) -> bool:
    """End the kept emulation of this cluster.toml and wait until nothing of it is left; False when there is none."""
    if cluster.path is None:
        return False
    with alone() as base:
        path = base / _kept_name(cluster)
        state = _read_state(path)
        if state is None:
            return False
        end_keeper(path, state["keeper"])
    return True


def _try(cluster: ClusterSpec, mode: str, *, keep: bool, refusals: list[str]) -> Emulation | None:
    """Make the machines in one way; None, and one more of `refusals`, when the kernel does not allow it."""
    with alone() as base:
        path = base / (_kept_name(cluster) if keep else f"{OWN}{os.getpid()}-{os.urandom(4).hex()}")
        if path.exists():
            raise InputError(f"the machines of {cluster.path} are up already", hint="`wke cluster down` ends them")
        keeper = Keeper(path)
    try:
        answer = keeper.make(make_plan(cluster, mode, path))
        emulation = _emulation(cluster, mode, answer, refusals) if "machines" in answer else None
        if emulation is not None and cluster.path is not None:
            _write_state(path, cluster, emulation, keeper.pid)
        if emulation is not None and keep:
            keeper.stay()
    except BaseException:
        keeper.close()
        raise
    if emulation is not None:
        return emulation if keep else replace(emulation, keeper=keeper)
    keeper.close()
    if REFUSAL not in answer and answer.get(UNLIMITED):
        raise unlimited(cluster, answer[UNLIMITED])
    if IMPOSSIBLE in answer:
        raise MachineError(f"the machines cannot be emulated: {answer[IMPOSSIBLE]}")
    refusals.append(f"{mode}: {answer[REFUSAL]}")
    return None


def _emulation(cluster: ClusterSpec, mode: str, answer: Mapping[str, Json], refusals: Sequence[str]) -> Emulation:
    told = {machine["name"]: machine for machine in answer["machines"]}
    machines = {name: EmulatedMachine(address=address, **told[name]) for name, address in addresses(cluster, mode).items()}
    return Emulation(mode, _with_addresses(cluster, machines), machines, tuple(_missing(cluster, mode, answer, refusals)))


def _user() -> str:
    try:
        return getuser()
    except (KeyError, OSError):  # containers may run under a number without a user
        return str(os.geteuid())


def _with_addresses(cluster: ClusterSpec, machines: Mapping[str, EmulatedMachine]) -> ClusterSpec:
    return replace(cluster, machines=tuple(replace(m, internal_addr=machines[m.name].address) for m in cluster.machines))


def _missing(cluster: ClusterSpec, mode: str, answer: Mapping[str, Json], refusals: Sequence[str]) -> Iterable[str]:
    why = f" ({'; '.join(refusals)})" if refusals else ""
    broken = [*answer.get(UNLIMITED, ())] if mode == NAMESPACES else [ONLY_ROOT] if cluster.limits else []
    yield from (f"these limits do not hold: {problem}" for problem in broken)
    if mode == PROCESSES:
        yield (
            f"the machines are plain processes of this computer{why}: they share its disk, host name, /tmp and process table, are called by"
            " address and not by name, and cannot be killed"
        )
        return
    if mode == USER_NAMESPACES:
        yield f"the machines have no user but root, and cannot change files of this computer's other users{why}"
    if not answer["overlay"]:
        yield "there are no overlays here: of this computer's disk the machines see all but can write nothing, only to their home and /tmp"
    if answer["in-memory"]:
        yield "the machines' disks are in memory: an fsync costs nothing"
    yield from answer["missing"]


# -- kept ones


def _kept_name(cluster: ClusterSpec) -> str:
    if cluster.path is None:
        raise InputError("a cluster without a file cannot be kept", hint="write it to a cluster.toml")
    return "kept-" + sha256(os.fsencode(cluster.path.resolve())).hexdigest()[:16]


def _write_state(path: Path, cluster: ClusterSpec, emulation: Emulation, keeper: int) -> None:
    state = {
        "keeper": keeper,
        "file": str(cluster.path and cluster.path.resolve()),
        "mode": emulation.mode,
        "missing": emulation.missing,
        "machines": {name: asdict(machine) for name, machine in emulation.machines.items()},
        "described": addresses(cluster, NAMESPACES),
        "shape": shape(cluster),
    }
    part = path / f"{STATE}.part"
    part.write_text(json.dumps(state))
    part.rename(path / STATE)


def _read_state(path: Path) -> dict[str, Json] | None:
    """Return what is known of the kept emulation whose folder is `path`, or None when there is none; call it `alone`."""
    try:
        return dict(json.loads((path / STATE).read_text()))
    except FileNotFoundError:
        if path.exists():
            raise MachineError("another command is bringing these machines up right now", hint="try again in a second") from None
        return None
