"""Agents on all nodes of a job, started by one step: Slurm's launch tree reaches the nodes, and they dial back to this computer.

srun hands its standard input to every task, so that is how they get the program and the secret: neither is in an argument list or in the
environment, which others can read.
"""

import asyncio
import contextlib
import re
import socket
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from functools import partial

from wke.act.connection import bootstrap
from wke.act.relays.growth import Planting
from wke.act.relays.tree import Tree
from wke.act.slurm.job import Job, Node
from wke.act.slurm.steps import step
from wke.describe.cluster.cluster import ClusterSpec
from wke.errors import InputError, Location, MachineError

VARIABLE = "SLURMD_NODENAME"
END_S = 5.0
KEPT_LINES = 5
LABELLED = re.compile(rb"\s*(\d+): (.*)")


def tree(cluster: ClusterSpec, job: Job, nodes: Mapping[str, Node]) -> Tree:
    """Return the tree by which the machines of a cluster are reached. Nothing is started before its first connection."""
    places = {node.name: place for place, node in enumerate(job.nodes)}
    names = sorted((node.name for node in nodes.values()), key=places.__getitem__)
    started = _Step([*step(job, names), "--label", *bootstrap.command(_python(cluster))], names)
    members = {node.name: machine for machine, node in nodes.items()}
    addresses = (cluster.slurm.address or _own_address(next(iter(nodes.values())).address),)
    return Tree(Planting(members, VARIABLE, addresses, cluster.slurm.fan_out, started.launch, started.said))


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


class _Step:
    """One step of a job, which starts a task on each of these nodes, in Slurm's order."""

    def __init__(self, command: Sequence[str], nodes: Sequence[str]) -> None:
        self._command, self._nodes = command, nodes
        self._words: defaultdict[str, deque[str]] = defaultdict(partial(deque, maxlen=KEPT_LINES))  # by node; "" has those of srun itself

    def said(self, node: str) -> str:
        """Return the last lines that the task on a node has written."""
        return "\n".join(self._words.get(node, ()))

    async def launch(self, program: bytes) -> None:
        """Run the step with the program as its input; raise MachineError if it failed.

        A step that is cancelled has a moment to end by itself.
        """
        self._words.clear()
        process = await asyncio.create_subprocess_exec(
            *self._command,
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
            async for line in process.stderr:
                self._hear(line.rstrip())
            await process.wait()
        finally:
            await _end(process)
        if process.returncode:
            raise MachineError("\n  ".join([f"srun ended with status {process.returncode}", *self._words[""]]))

    def _hear(self, line: bytes) -> None:
        """Keep a line of the step; those of tasks have their numbers in front."""
        labelled = LABELLED.fullmatch(line)
        task = int(labelled[1]) if labelled else len(self._nodes)
        node = self._nodes[task] if task < len(self._nodes) else ""
        self._words[node].append((labelled[2] if labelled and node else line).decode("utf-8", "replace"))


async def _end(process: asyncio.subprocess.Process) -> None:
    """End srun, and with it its tasks."""
    for stop in (process.terminate, process.kill):
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                stop()
            await asyncio.wait([asyncio.ensure_future(process.wait())], timeout=END_S)
