"""A profiler: has machines sample the processes of tasks while the measured step runs, and fetches what they recorded.

On each machine the built-in script `targets/profile` runs as a task of its own, first to try whether the machine can do it. perf is given
the processes that the tasks have when the measured step is about to begin, and the agent, so that it follows what the agent starts.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import field
from pathlib import Path

import wke.errors
from wke.act.connection.connection import Connection
from wke.act.connection.task import RunningTask, TaskSpec
from wke.act.session.session import Session
from wke.act.session.waiting import cancel_all, first_of
from wke.describe.configuration.step import PlannedStep
from wke.describe.plan.profiling import PERF, Profiling
from wke.errors import MachineError, Problem, TargetError
from wke.records import Output, Record, TaskEnded, TaskName
from wke.values import dataclass

SCRIPT = Path(wke.errors.__file__).parent / "targets" / "profile"
STEP = 1 << 20  # no step of a trial has this number
GRACE_S, STACKS_S, TRIAL_S = 60.0, 600.0, 60.0


@dataclass(frozen=True, slots=True)
class MachineRecording:
    """What a machine recorded into `folder`: of which processes ({pid: task}), and of those that the process `agent` started.

    The machine's clock was `ahead_ns` ahead of the one by which perf counts, None if that is not known.
    """

    machine: str
    folder: Path
    processes: dict[int, TaskName]
    agent: int | None
    ahead_ns: int | None


class Profiler:
    """Records what `profiling` says on the machines of a session, into a folder per machine below `folder`.

    `recorded` and `problems` tell afterwards what there is, and what went wrong on a machine.
    """

    def __init__(self, session: Session, profiling: Profiling, folder: Path) -> None:
        self.recorded: list[MachineRecording] = []
        self.problems: list[Problem] = []
        self._session = session
        self._profiling = profiling
        self._folder = folder
        self._number = 0

    async def check(self) -> None:
        """Raise MachineError, saying how to mend it, if a machine cannot sample."""
        rule = self._profiling
        tries = [self._run(name, ("try", rule.tool, str(rule.frequency_hz), rule.unwinding), TRIAL_S) for name in rule.machines]
        failed = [script for script in await asyncio.gather(*tries) if not script.end.outcome.ok]
        if failed:
            raise MachineError(*(Problem(f"machine {script.machine}: {script.words}") for script in failed))

    @asynccontextmanager
    async def around(self, step: PlannedStep) -> AsyncIterator[None]:
        """Sample while the block runs, which runs the measured step. Raises TargetError when there is nothing to sample anywhere."""
        async with contextlib.AsyncExitStack() as stop:
            running = [await self._begin(self._session.connection(name), step) for name in self._profiling.machines]
            stop.push_async_callback(self._stop_all, running)
            await asyncio.gather(*(script.attached() for script in running))
            if not any(script.is_attached for script in running):
                raise TargetError(*(self._failures(running) or [self._nothing()]))
            self.problems += self._failures(running)
            yield
            stop.pop_all()
        await self._stop_all(running)
        await asyncio.gather(*(self._fetch(script) for script in running if script.is_attached))

    def _failures(self, running: "Sequence[_Script]") -> list[Problem]:
        """Return why machines do not sample that have something to sample."""
        failed = [script for script in running if not script.is_attached and not script.says("nothing")]
        return [Problem(f"machine {script.machine}: {script.words}") for script in failed]

    def _nothing(self) -> Problem:
        targets, machines = " or ".join(sorted(self._profiling.targets)), ", ".join(self._profiling.machines)
        what = f"nothing to sample: no process of {targets} runs on {machines} when the measured step begins"
        return Problem(what, hint="choose other tasks with --task, or other machines with --on")

    async def _begin(self, connection: Connection, step: PlannedStep) -> "_Script":
        rule = self._profiling
        channels = [str(channel) for channel, name in connection.tasks.names.items() if rule.chosen(name)]
        measured = any(rule.chosen(name) for name in step.tasks() if name.machine == connection.machine)
        return await self._start(connection.machine, (rule.tool, str(rule.frequency_hz), rule.unwinding, str(int(measured)), *channels))

    async def _stop_all(self, running: "Sequence[_Script]") -> None:
        await asyncio.gather(*(script.task.stop() for script in running))

    async def _fetch(self, script: "_Script") -> None:
        """Have a machine write what it recorded as stacks, and fetch these."""
        connection, folder = self._session.connection(script.machine), self._folder / script.machine
        try:
            source = script
            if self._profiling.tool == PERF:
                source = await self._run(script.machine, ("stacks", script.place(connection)), STACKS_S)
                if not source.end.outcome.ok:
                    raise MachineError(source.words)
            await connection.files.fetch(source.task, folder, ("*.gz", "*.folded"))
        except wke.errors.WkeError as error:
            self.problems += [Problem(f"machine {script.machine}: {problem.what}") for problem in error.problems]
            return
        self.problems += [Problem(f"machine {script.machine}: {words}") for words in script.values("problem")]
        self.recorded.append(script.recorded(folder, connection))

    async def _run(self, machine: str, arguments: tuple[str, ...], within_s: float) -> "_Script":
        script = await self._start(machine, arguments, within_s)
        await script.task.wait()
        return script

    async def _start(self, machine: str, arguments: tuple[str, ...], within_s: float | None = None) -> "_Script":
        self._number += 1
        name = TaskName(STEP + self._number, SCRIPT.name, machine)
        environment = {"WKE_MACHINE": machine, "WKE_TARGET": SCRIPT.name}
        spec = TaskSpec(name, SCRIPT.read_bytes(), arguments, environment, None, None, within_s, GRACE_S, "SIGINT", kept=True)
        heard: list[Output] = []
        news = asyncio.Event()

        def hear(record: Record) -> None:
            if isinstance(record, Output):
                heard.append(record)
                news.set()

        return _Script(machine, await self._session.connection(machine).tasks.start(spec, hear), heard, news)


@dataclass(slots=True)
class _Script:
    """The script on a machine, and what it has said."""

    machine: str
    task: RunningTask
    heard: list[Output]
    news: asyncio.Event
    is_attached: bool = field(default=False)

    @property
    def end(self) -> TaskEnded:
        """How it ended."""
        return self.task.end.result()

    @property
    def words(self) -> str:
        """What it said went wrong."""
        text = b"".join(output.data for output in self.heard if output.stream == 2).decode(errors="replace")
        return " ".join(text.split()) or f"the profiler ended: {self.end.outcome}{' ' + self.end.detail if self.end.detail else ''}"

    def values(self, word: str) -> list[str]:
        """Return what follows a word at the beginnings of lines."""
        lines = b"".join(output.data for output in self.heard if output.stream == 1).decode(errors="replace").splitlines()
        return [line[len(word) + 1 :] for line in lines if line == word or line.startswith(f"{word} ")]

    def says(self, word: str) -> bool:
        return bool(self.values(word))

    async def attached(self) -> None:
        """Wait until it samples, or has ended."""
        while not self.is_attached and not self.task.end.done():
            self.news.clear()
            if self.says("attached"):
                self.is_attached = True
                return
            waits = [asyncio.ensure_future(self.news.wait()), asyncio.ensure_future(self.task.wait())]
            try:
                await first_of(*waits)
            finally:
                await cancel_all(waits)

    def place(self, connection: Connection) -> str:
        """Return its folder on the machine."""
        return f"{connection.hello.workfolder}/task-{self.task.channel}"

    def recorded(self, folder: Path, connection: Connection) -> MachineRecording:
        """Return what it said of processes and clocks."""
        pairs = [line.split() for line in self.values("process")]
        names = connection.tasks.names
        processes = {int(pid): names[int(channel)] for pid, channel in pairs if int(channel) in names}
        agents = [int(pid) for pid in self.values("agent")]
        return MachineRecording(self.machine, folder, processes, agents[0] if agents else None, self._ahead_ns())

    def _ahead_ns(self) -> int | None:
        """Return the least time between what its clock showed and when the agent heard of that, which took a moment."""
        found = [
            output.at_ns - int(line.split()[1])
            for output in self.heard
            for line in output.data.decode(errors="replace").splitlines()
            if output.stream == 1 and line.startswith("clock ") and line.split()[1].isdecimal()
        ]
        return min(found, default=None)
