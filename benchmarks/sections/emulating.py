"""How long it takes to create emulated machines, and to remove them."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

from bench import PEER_SCRIPTS, WKE, Bench
from project import emulated_cluster, write_project
from rig import Absent, Contender, Phase
from sections.shellscript import WAYS, Prefix, step
from table import Goal, Table, measured

COUNTS = {8: 10, 64: 5}  # machines -> runs
SYSTEM_PYTHON = "/usr/bin/python3"
ABOUT = """\
`up` and `down` are two processes. A wke machine has network, process, hostname, mount and IPC namespaces, its own /tmp and home folder,
and a copy-on-write disk. A machine of the shell script (`ip netns`, veth, bridge) has only a network namespace. A mininet machine has
network and mount namespaces and a shell. mininet starts and stops its machines in one process. The keeper that holds our machines works
during `up`; its CPU is counted until `up` ends. The kernel removes namespaces in the background for all tools; these figures exclude
that."""


def tables(bench: Bench) -> Iterator[Table]:
    """Yield a table for each number of machines."""
    for count, runs in COUNTS.items():
        folder = write_project(bench.folder / f"emulating-{count}", cluster=emulated_cluster(count))
        entries = [_ours(folder), *_scripts(bench, count), mininet(bench, count)]
        first = count == min(COUNTS)
        goals = (Goal("wke", 0.5, "up"),) if first else ()
        yield measured(f"{count} emulated machines, up and down", ABOUT if first else "", entries, runs=bench.times(runs), goals=goals)


def _ours(folder: Path) -> Contender:
    def remove_all() -> None:
        subprocess.run([WKE, "cluster", "down"], cwd=folder, capture_output=True, check=False)

    phases = (Phase((WKE, "cluster", "up"), "up"), Phase((WKE, "cluster", "down"), "down"))
    return Contender("wke", phases, folder=folder, after=remove_all, ours=True)


def _scripts(bench: Bench, count: int) -> list[Contender]:
    prefix = Prefix(bench.folder / "prefix")
    return [
        Contender(
            name,
            tuple(Phase(step(verb, count, prefix, way), verb) for verb in ("up", "down")),
            before=prefix.renew,
            after=prefix.remove_all,
        )
        for way, name in WAYS.items()
    ]


def mininet(bench: Bench, count: int, *command: str) -> Contender | Absent:
    """Return mininet with machines on a Linux bridge, which run `command`, if any, between start and stop."""
    here = bench.program("mininet", "mn")
    if isinstance(here, Absent):
        return here
    prefix = Prefix(bench.folder / "prefix")
    words: tuple[str | Path, ...] = (SYSTEM_PYTHON, PEER_SCRIPTS / "mininet_machines.py", str(count), prefix.file, *command)
    return Contender("mininet", (Phase(words, "up and down"),), before=prefix.renew, after=prefix.remove_all)
