"""How long a command takes to print its help, which is the cost of every command before its work begins."""

from collections.abc import Iterator

from bench import WKE, Bench
from rig import Absent, Contender, Phase
from table import Goal, Table, measured

PEERS = {  # peer -> program, the argument that makes it print its help, its exit status then
    "old wke": ("wke", "--help", 0),
    "Ansible": ("ansible", "--help", 0),
    "ClusterShell": ("clush", "--help", 0),
    "Fabric": ("fab", "--help", 0),
    "pdsh": ("pdsh", "-h", 1),
    "pyinfra": ("pyinfra", "--help", 0),
    "ReFrame": ("reframe", "--help", 0),
}
ABOUT = "The whole process, with output to a file. pdsh is a C program; the others are Python, each in its own environment."


def tables(bench: Bench) -> Iterator[Table]:
    """Yield the table of `--help`."""
    entries: list[Contender | Absent] = [Contender("wke", (Phase((WKE, "--help")),), ours=True)]
    for peer, (name, argument, status) in PEERS.items():
        program = bench.program(peer, name)
        entries.append(program if isinstance(program, Absent) else Contender(peer, (Phase((program, argument), status=status),)))
    yield measured("`--help`", ABOUT, entries, runs=bench.times(15), goals=(Goal("wke", 0.1),))
