"""Trees of relays on this computer: every machine is a process that dials back over loopback."""

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from support import limit
from talk import Talk

from wke.act.connection import bootstrap
from wke.act.connection.opening import open_connection
from wke.act.connection.untrusted import Left
from wke.act.relays.growth import Planting
from wke.act.relays.tree import Tree
from wke.agent import frames
from wke.agent.protocol import MAGIC, Decoder


def children(pid: int) -> Iterator[int]:
    """Yield the pids of a process's children."""
    yield from map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())


@dataclass(slots=True)
class Grove:
    """A tree of machines m0, m1, ...; those of `absent` have no process. `program` is what processes are started with."""

    count: int
    fan_out: int
    lease_s: float = 20.0
    absent: Collection[int] = ()
    program: bytes = b""
    talks: dict[str, Talk] = field(default_factory=dict)
    left: dict[str, Left] = field(default_factory=dict)
    processes: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)
    were_killed: bool = False

    def tree(self) -> Tree:
        members = {str(number): f"m{number}" for number in range(self.count)}
        return Tree(Planting(members, "NODE", ("127.0.0.1",), self.fan_out, self.launch))

    async def launch(self, program: bytes) -> None:
        """Start the machines and wait for their end; what lives when we are cancelled is killed."""
        self.program = program
        with tempfile.TemporaryFile() as file:
            file.write(program)
            file.flush()
            for number in set(range(self.count)) - set(self.absent):
                path = os.open(f"/proc/self/fd/{file.fileno()}", os.O_RDONLY)
                environment = os.environ | {"NODE": str(number)}
                command = bootstrap.command(sys.executable)
                self.processes[number] = subprocess.Popen(command, stdin=path, stdout=subprocess.DEVNULL, env=environment)  # noqa: ASYNC220
                os.close(path)
        try:
            await asyncio.to_thread(lambda: [process.wait() for process in self.processes.values()])
        except asyncio.CancelledError:
            self.were_killed = True
            for process in self.processes.values():
                process.kill()
            raise

    def first_process(self, number: int) -> int:
        """Return the process that was started on a machine: its relay, if it has one."""
        return next(children(self.processes[number].pid))

    def order(self) -> dict[str, object]:
        """Return what processes are told: where to dial, and the secret."""
        (join,) = Decoder(frames.AGENT).frames(self.program[self.program.rindex(MAGIC) :])
        return join.head

    async def open(self, tree: Tree, number: int) -> Talk:
        name = f"m{number}"
        opening = open_connection(name, ("no", "transport"), deadline_s=limit(20), lease_s=self.lease_s, made=tree.connection)
        self.talks[name] = Talk(await opening)
        return self.talks[name]


@asynccontextmanager
async def standing(grove: Grove) -> AsyncIterator[Tree]:
    """Open a connection to every machine of a tree that has a process, and close all of them again."""
    tree = grove.tree()
    await asyncio.gather(*(grove.open(tree, number) for number in range(grove.count) if number not in grove.absent))
    try:
        yield tree
    finally:
        left = await asyncio.gather(*(talk.connection.close() for talk in grove.talks.values()))
        grove.left.update(zip(grove.talks, left, strict=True))
