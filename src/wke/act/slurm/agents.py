"""Agents on all nodes of a job, started by one step: Slurm's launch tree reaches the nodes, and they dial back to this computer.

srun hands its standard input to every task, so that is how they get the program and the secret: neither is in an argument list or in the
environment, which others can read.
"""

import asyncio
import contextlib
import socket
from collections.abc import Mapping, Sequence

from wke.act.connection import bootstrap
from wke.act.relays.growth import Planting
from wke.act.relays.tree import Tree
from wke.act.slurm.job import Job, Node
from wke.act.slurm.steps import step
from wke.describe.cluster.cluster import ClusterSpec
from wke.errors import InputError, Location, MachineError

VARIABLE = "SLURMD_NODENAME"
END_S = 5.0
KEPT_BYTES = 1 << 13
KEPT_LINES = 5
READ_SIZE = 1 << 12
UNREACHED = b"cannot take its place in the tree"
"""What a task says that cannot dial us, or does not find us there."""


def tree(cluster: ClusterSpec, job: Job, nodes: Mapping[str, Node]) -> Tree:
    """Return the tree by which the machines of a cluster are reached. Nothing is started before its first connection."""
    names = [node.name for node in nodes.values()]
    command = [*step(job, names), *bootstrap.command(_python(cluster))]

    async def launch(program: bytes) -> None:
        await _launch(command, program)

    members = {node.name: machine for machine, node in nodes.items()}
    addresses = (cluster.slurm.address or _own_address(next(iter(nodes.values())).address),)
    return Tree(Planting(members, VARIABLE, addresses, cluster.slurm.fan_out, launch))


def _python(cluster: ClusterSpec) -> str | None:
    """Return the Python of all machines; raise InputError if they differ."""
    pythons = {machine.python for machine in cluster.machines}
    if len(pythons) > 1:
        what = "nodes that dial back are started by one command, so python must be the same for all machines"
        raise InputError(what, where=Location(str(cluster.path)), hint='or write connect = "stdio" in [slurm]')
    return next(iter(pythons), None)


def _own_address(node: str) -> str:
    """Return the address of this computer from which it reaches a node."""
    try:
        family, kind, protocol, _, peer = socket.getaddrinfo(node, 9, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.connect(peer)  # sends nothing
            return str(probe.getsockname()[0])
    except OSError as error:
        hint = "write the address of this computer that nodes can reach as address in [slurm]"
        raise MachineError(f"node {node} has no route from here: {error.strerror}", hint=hint) from error


async def _launch(command: Sequence[str], program: bytes) -> None:
    """Start the step with the program as its input, and return when it has ended; raise MachineError if it, or a task, had anything to say.

    A step that is cancelled has a moment to end by itself.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stderr is not None
    try:
        process.stdin.write(program)
        with contextlib.suppress(ConnectionError):
            await process.stdin.drain()
        process.stdin.close()
        words = b""
        while data := await process.stderr.read(READ_SIZE):
            words = (words + data)[-KEPT_BYTES:]
        await process.wait()
    finally:
        await _end(process)
    if process.returncode or words.strip():
        raise MachineError(f"srun ended with status {process.returncode}{_shown(words)}")


def _shown(words: bytes) -> str:
    """Return the end of what srun and its tasks have said, as further lines of a message."""
    lines = [line for line in words.decode("utf-8", "replace").splitlines() if line.strip()][-KEPT_LINES:]
    if UNREACHED in words:
        lines.append('hint: write connect = "stdio" in [slurm] if nodes cannot connect to this computer, or as address one that they reach')
    return "".join(f"\n  {line}" for line in lines)


async def _end(process: asyncio.subprocess.Process) -> None:
    """End srun, and with it its tasks."""
    for stop in (process.terminate, process.kill):
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                stop()
            await asyncio.wait([asyncio.ensure_future(process.wait())], timeout=END_S)
