"""The asynchronous API: machines that a script opens once and then runs targets on.

    async with wke.open("cluster.toml") as machines:
        await machines.run("kv", "all", "install")
        async with machines.background("kv", "servers", "start-server"):
            result = await machines.measure("kv", "clients", "load", {"operations": 1000}, capture=True)
            print(result.elapsed_s, result.output)

Everything here drives one session (`act/session/session.py`); the synchronous functions of `wke` drive the same class from another thread.
"""

import asyncio
import itertools
from collections import defaultdict
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import field, replace
from pathlib import Path
from typing import Any, Self, TypedDict, TypeVar, Unpack

from wke.act.connection.connection import Connection
from wke.act.connection.task import GRACE_S, RunningTask
from wke.act.providers.place import Place
from wke.act.providers.provide import provide
from wke.act.session.session import Session
from wke.act.telemetry.loads import sampling
from wke.api.configuration import Configuration
from wke.api.request import Request
from wke.api.scripterrors import RunTargetError
from wke.describe.cluster.cluster import ClusterSpec, MachineSpec, read_cluster
from wke.describe.cluster.selector import select
from wke.describe.configuration.configuration import TargetSpec
from wke.describe.configuration.step import PlannedStep
from wke.errors import InputError
from wke.judge.clocks import Placed, one_way, placed
from wke.keep.output.logs import LogWriter
from wke.records import MachineClock, Output, Record, Sink, StepReady, StepStarted, TaskEnded, TaskName, TaskStarted
from wke.values import dataclass

T = TypeVar("T")


class Details(TypedDict, total=False):
    """How a target runs, where that differs from the default.

    `multiply`: the number of tasks on each machine (1). `prelude`: its name, or None for none (the configuration's default). `timeout`: in
    seconds or as text such as "5min" (none); a task that runs into it has failed. `workdir`: a folder on the machines (the cluster's).
    """

    multiply: int
    prelude: str | None
    timeout: float | str | None
    workdir: str | None


class Keeping(Details, total=False):
    """What is kept of a run, besides `Details`: `log_dir`, a folder for raw logs; `capture`, whether the result holds what tasks wrote."""

    log_dir: str | Path | None
    capture: bool


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a target's tasks ended, in the order of the plan.

    `start_s` and `end_s` are seconds since the epoch, from the first start to the last end, as measured on the machines; where tasks ran
    on several machines, only `measure` compares their clocks. If those of the first and the last are not known to a tenth of the time in
    between, the two are of the machine that took longest. `output` maps a task to the bytes of its standard output if captured.
    """

    target: str
    tasks: tuple[TaskEnded, ...]
    start_s: float
    end_s: float
    output: Mapping[TaskName, bytes] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """True when every task ended with status 0."""
        return all(end.outcome.ok for end in self.tasks)

    @property
    def elapsed_s(self) -> float:
        """Seconds from the first start to the last end."""
        return self.end_s - self.start_s

    def checked(self) -> Self:
        """Return this result if all is well; raise RunTargetError, a line for each task that did not end well."""
        failures = [end for end in self.tasks if not end.outcome.ok]
        if failures:
            raise RunTargetError(*map(_complaint, failures), target=self.target)
        return self


class RunningStep:
    """The tasks of a step that were started. Made by `Machines.launch`."""

    def __init__(self, tasks: Mapping[RunningTask, Connection]) -> None:
        self._tasks = tasks

    async def wait(self) -> tuple[TaskEnded, ...]:
        """Return how each task ended, when all have."""
        return tuple(await asyncio.gather(*(task.wait() for task in self._tasks)))

    async def finish(self) -> tuple[TaskEnded, ...]:
        """Wait as `wait` does; cancelled, stop them all first."""
        try:
            return await self.wait()
        except BaseException:
            await _to_its_end(self.stop())
            raise

    async def stop(self, grace_s: float = GRACE_S) -> tuple[TaskEnded, ...]:
        """Stop all tasks and everything that they started, daemons of tasks that have ended included; return how each task ended.

        Processes are asked with SIGTERM and have `grace_s` seconds before SIGKILL.
        """
        await asyncio.gather(*(connection.tasks.clear(grace_s, task=task) for task, connection in self._tasks.items()))
        return await self.wait()


class Machines:
    """The machines of a cluster, within reach: connected when they are first needed, then connected until the end.

    Records go to `sink`, those of a step also to the sink that it is launched with.
    """

    def __init__(self, place: Place, sink: Sink | None = None, base: Path = Path()) -> None:
        self.cluster: ClusterSpec = place.cluster
        self._base = base
        self._session = Session(place, (), self._take)
        self._sink = sink or _ignore
        self._sinks: dict[int, Sink] = {}
        self._left: dict[int, int] = {}
        self._numbers = itertools.count()
        self._connecting = asyncio.Lock()

    async def __aenter__(self) -> Self:
        await self._session.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._session.__aexit__(None, None, None)

    def select(self, selector: str) -> tuple[MachineSpec, ...]:
        """Return the machines that a selector names, with the addresses they really have; raise InputError when it names none."""
        return select(self.cluster, selector)

    async def run(
        self,
        config: str | Configuration,
        selector: str,
        target: str,
        options: Mapping[str, object] | None = None,
        **details: Unpack[Keeping],
    ) -> RunResult:
        """Run a target to its end and return how it went.

        Raises InputError before anything starts when the words do not fit the files, MachineError when a machine cannot be reached. A
        task that fails raises nothing: ask `result.ok`, or call `result.checked()`. Cancelled, it stops the tasks first.
        """
        return await self._run(self.planned(_request(selector, target, options, details), config), details)

    async def measure(
        self,
        config: str | Configuration,
        selector: str,
        target: str,
        options: Mapping[str, object] | None = None,
        **details: Unpack[Keeping],
    ) -> RunResult:
        """Run a target as `run` does, its tasks released at one instant; clocks are compared, so the times hold across machines."""
        step = self.planned(_request(selector, target, options, details), config)
        return await self._run(replace(step, measure=True), details)

    @asynccontextmanager
    async def background(
        self,
        config: str | Configuration,
        selector: str,
        target: str,
        options: Mapping[str, object] | None = None,
        **details: Unpack[Keeping],
    ) -> AsyncIterator[RunningStep]:
        """Run a target for as long as the block lasts; everything it started is stopped when the block is left, whichever way."""
        with _Kept(details.get("log_dir"), capture=False) as kept:
            running = await self.launch(self.planned(_request(selector, target, options, details), config), kept)
            try:
                yield running
            finally:
                await _to_its_end(running.stop())

    async def wait_port(self, selector: str, port: int, within_s: float = 20.0) -> bool:
        """Tell whether something listens on `port` of every selected machine within that time, as seen from the machine itself."""
        machines = self.select(selector)
        await self._connect(machines)
        asked = [self._session.connection(m.name).wait_port(port, m.internal_addr, within_s) for m in machines]
        return all(await asyncio.gather(*asked))

    @asynccontextmanager
    async def sampling(self, folder: str | Path) -> AsyncIterator[None]:
        """Record in `folder`/loads.csv what every machine is busy with, ten times a second, for as long as the block lasts."""
        await self._connect(self.cluster.machines)
        async with sampling(self._session, Path(folder)):
            yield

    async def execute(self, selector: str, command: str) -> RunResult:
        """Run a shell command on the selected machines as if it were a target's script; the result has its output."""
        script = TargetSpec("command", command, content=f"#!/bin/sh\n{command}\n".encode())
        step = PlannedStep(next(self._numbers), script, self.select(selector), workdir=self.cluster.workdir)
        return await self._run(step, {"capture": True})

    async def send(self, source: str | Path, selector: str, destination: str) -> None:
        """Copy a file or a folder of this computer to `destination` on every selected machine, on all at once.

        Raises MachineError naming every machine that did not get it.
        """
        machines = self.select(selector)
        await self._connect(machines)
        await self._session.copies.send([machine.name for machine in machines], source, destination)

    async def receive(self, source: str, machine: str, destination: str | Path) -> None:
        """Copy a file or a folder from one machine to `destination` on this computer; raise MachineError when that fails."""
        chosen = self.select(machine)
        if len(chosen) > 1:
            raise InputError(f'files come from one machine at a time, and "{machine}" selects {len(chosen)}')
        await self._connect(chosen)
        await self._session.copies.receive(chosen[0].name, source, destination)

    # -- what the synchronous faces are made of

    def planned(self, request: Request, config: str | Configuration) -> PlannedStep:
        """Return a request as a step with a new number; raise InputError with everything that is wrong."""
        configuration = Configuration(config, self._base) if isinstance(config, str) else config
        return request.planned(configuration.description, self.cluster, next(self._numbers))

    async def launch(self, step: PlannedStep, sink: Sink) -> RunningStep:
        """Start a planned step and return when its tasks were handed over; `sink` gets its records until all tasks have ended."""
        await self._connect(step.machines)
        self._sinks[step.index], self._left[step.index] = sink, len(step.tasks())
        starting = asyncio.ensure_future(self._session.launch(step))
        try:
            tasks = await asyncio.shield(starting)
        except asyncio.CancelledError:
            await self._running(await starting).stop()
            raise
        return self._running(tasks)

    async def run_step(self, step: PlannedStep, sink: Sink) -> RunResult:
        """Run a planned step to its end and return its result, without output. Clocks are compared if it is measured."""
        ends = await (await self.launch(step, sink)).finish()
        clocks = await self._session.clocks.measured(step, ends)
        start_ns, end_ns = _from_first_to_last(ends, clocks)
        return RunResult(step.target.name, ends, start_ns / 1e9, end_ns / 1e9)

    async def _run(self, step: PlannedStep, keeping: Keeping) -> RunResult:
        with _Kept(keeping.get("log_dir"), capture=keeping.get("capture", False)) as kept:
            result = await self.run_step(step, kept)
        return replace(result, output=kept.output)

    async def _connect(self, machines: Sequence[MachineSpec]) -> None:
        async with self._connecting:  # two at once would both connect to the same machine
            await self._session.connect(machines)

    def _running(self, tasks: Sequence[RunningTask]) -> RunningStep:
        return RunningStep({task: self._session.connection(task.name.machine) for task in tasks})

    def _take(self, record: Record) -> None:
        """Pass a record to the sink of its step, if it belongs to one, and to the general one."""
        if isinstance(record, TaskStarted | TaskEnded | Output):
            self._sinks.get(record.task.step, _ignore)(record)
            self._count(record)
        elif isinstance(record, StepStarted | StepReady):
            self._sinks.get(record.step, _ignore)(record)
        self._sink(record)

    def _count(self, record: TaskStarted | TaskEnded | Output) -> None:
        """Forget the sink of a step whose last task has ended."""
        step = record.task.step
        if isinstance(record, TaskEnded) and step in self._left:
            self._left[step] -= 1
            if not self._left[step]:
                del self._left[step], self._sinks[step]


@asynccontextmanager
async def open_cluster(
    cluster: str | Path | ClusterSpec = "cluster.toml", *, sink: Sink | None = None, base: str | Path = "."
) -> AsyncIterator[Machines]:
    """Open a cluster: read the file and make machines that are emulated; when the block is left, nothing of it remains.

    Configurations are looked for in the folder `base`. `sink` gets a record (`wke.records`) of everything that happens, from the
    event loop. Raises InputError when the file is wrong, MachineError when machines cannot be made.
    """
    described = cluster if isinstance(cluster, ClusterSpec) else read_cluster(Path(cluster))
    with ExitStack() as stack:
        place = await _to_its_end(asyncio.to_thread(stack.enter_context, provide(described)))
        async with Machines(place, sink, Path(base)) as machines:
            yield machines


def _from_first_to_last(ends: Sequence[TaskEnded], clocks: Mapping[str, MachineClock]) -> tuple[int, int]:
    """Return when the first task started and the last one ended, on our clock as far as clocks were read."""
    spans: dict[str, tuple[Placed, Placed]] = {}
    for machine in dict.fromkeys(end.task.machine for end in ends):
        times = [at_ns for end in ends if end.task.machine == machine for at_ns in (end.started_ns, end.ended_ns)]
        at = [(placed(clocks[machine], at_ns) if machine in clocks else None) or Placed(at_ns, 0) for at_ns in (min(times), max(times))]
        spans[machine] = at[0], at[1]
    first, last = min(spans, key=lambda m: spans[m][0].at_ns), max(spans, key=lambda m: spans[m][1].at_ns)
    if first != last and one_way(spans[first][0], spans[last][1]) is None:
        first = last = max(spans, key=lambda m: spans[m][1].at_ns - spans[m][0].at_ns)
    return spans[first][0].at_ns, spans[last][1].at_ns


class _Kept:
    """A sink that keeps what a run is asked to keep: raw logs in a folder, what tasks wrote to their standard output."""

    def __init__(self, log_dir: str | Path | None, *, capture: bool) -> None:
        self._logs = LogWriter(Path(log_dir)) if log_dir is not None else None
        self._capture = capture
        self._captured: defaultdict[TaskName, bytearray] = defaultdict(bytearray)

    def __call__(self, record: Record) -> None:
        if self._logs is not None:
            self._logs(record)
        if self._capture and isinstance(record, Output) and record.stream == 1:
            self._captured[record.task] += record.data

    @property
    def output(self) -> dict[TaskName, bytes]:
        """What was captured."""
        return {task: bytes(data) for task, data in self._captured.items()}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._logs is not None:
            self._logs.close()


def _request(selector: str, target: str, options: Mapping[str, object] | None, details: Keeping) -> Request:
    values: Any = {name: value for name, value in details.items() if name in Details.__annotations__}
    return Request(selector, target, dict(options or {}), **values)


def _ignore(_: Record) -> None:
    """Let a record pass."""


def _complaint(end: TaskEnded) -> str:
    """Say how a task ended: `load on m0: failed(3), no such interpreter`."""
    detail = f", {end.detail}" if end.detail else ""
    return f"{end.task.target} on {end.task.machine}: {end.outcome}{detail}"


async def _to_its_end(work: Coroutine[object, object, T]) -> T:
    """Return the result of `work`; a caller that is cancelled meanwhile still waits for its end."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
