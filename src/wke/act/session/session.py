"""A session: the steps of trials on machines that stay connected, and the background steps that run until it is cleared.

The connections stay open for the whole command; `clear` ends what a trial left running, so that the next one starts on quiet machines.
What steps with a scope started may stay.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from types import TracebackType
from typing import Self

from wke.act.connection.connection import Connection, PortAnswer
from wke.act.connection.task import RunningTask, TaskSpec
from wke.act.masking import forms
from wke.act.providers.place import Place
from wke.act.session.backgrounds import Backgrounds
from wke.act.session.clocks import Clocks
from wke.act.session.connections import Connections, Manner
from wke.act.session.copies import Copies
from wke.act.session.detacher import Detacher, NoDetacher
from wke.act.session.patience import Patience
from wke.act.session.readiness import LogWatch, NotReady, not_in_time, port_is_taken
from wke.act.session.tasks import task_specs
from wke.act.session.waiting import cancel_all, first_of, when_all
from wke.describe.cluster.cluster import MachineSpec
from wke.describe.configuration.secret import Secret
from wke.describe.configuration.step import PlannedStep
from wke.errors import InputError
from wke.judge.clocks import RAW_PPM
from wke.records import Record, Sink, StepReady, StepStarted, TaskEnded, TaskName

STARTS_AT_ONCE = 256
PING_PAUSE_S = 0.05  # between two runs of a `ready.target` that fails


class Session:
    """Run planned steps on the machines of a place. Use as `async with Session(place, machines, sink) as session`.

    With a `holder`, text that says who measures, it has the machines alone: each is locked until nothing of the session is left there. The
    `detacher` decides whether a trial outlives the session. `connections`, `copies` and `clocks` are its parts.
    """

    def __init__(
        self, place: Place, machines: Iterable[MachineSpec], sink: Sink, *, holder: str | None = None, detacher: Detacher | None = None
    ) -> None:
        self.place = place
        self.detacher: Detacher = detacher or NoDetacher(place.connection)
        self._sink = sink
        self.connections = Connections(place, machines, Manner(self.detacher, holder, self._emit, self._note_reopening))
        self.copies = Copies(self.connections, self.detacher, self._emit)
        self.clocks = Clocks(self.connections, place.now, self._emit, 0 if place.is_here else RAW_PPM)
        self._backgrounds = Backgrounds()
        self._patience = Patience(self._emit)
        self._watches: list[LogWatch] = []
        self._scoped: dict[int, list[RunningTask]] = {}  # the tasks of steps that may outlast their trial
        self._reopened = False  # a machine that was lost has lost what steps with a scope did there
        self._is_open = False
        self._secrets: set[bytes] = set()

    async def __aenter__(self) -> Self:
        try:
            await self.connect()
        except BaseException:
            await self._close()
            raise
        self._is_open = True
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._close()
        if kind is None:
            self.connections.check_clean()

    @property
    def machines(self) -> dict[str, MachineSpec]:
        """The machines, by their names."""
        return self.connections.machines

    async def connect(self, machines: Iterable[MachineSpec] | None = None) -> None:
        """Connect to `machines`, by default to all of the session's, as `Connections.open` does."""
        await self.connections.open(machines)

    def connection(self, machine: str) -> Connection:
        """Return the connection to a machine."""
        return self.connections[machine]

    @contextmanager
    def reporting_to(self, sink: Sink) -> Iterator[None]:
        """Send records to `sink` instead, for as long as the block lasts."""
        usual, self._sink = self._sink, sink
        try:
            yield
        finally:
            self._sink = usual

    def _emit(self, record: Record) -> None:
        for watch in self._watches:
            watch(record)
        self._sink(record)

    def _note_reopening(self) -> None:
        self._reopened = bool(self._scoped) or self._reopened

    # -- the end

    async def clear(self, keep: int = 0) -> None:
        """Stop every background step and everything that any task left running, everywhere; the connections stay open.

        The first `keep` steps, which have a scope, stay as they are, and so does what they started. A trial to outlive us is not stopped.
        """
        if self.detacher.leaves(is_open=self._is_open):
            return
        self._reopened = self._reopened and keep > 0
        await self._backgrounds.stop(keep)
        self.copies.forget(keep)
        self._scoped = {step: tasks for step, tasks in self._scoped.items() if step < keep}
        kept = [task for tasks in self._scoped.values() for task in tasks]
        await self.connections.sweep(
            lambda connection: connection.tasks.clear(keep=[task for task in kept if task.name.machine == connection.machine])
        )

    async def _close(self) -> None:
        self.connections.resume()
        if self.detacher.leaves(is_open=self._is_open):
            self._backgrounds.forget()
            await self.detacher.leave()
            return
        await self._backgrounds.stop()
        await self.connections.close()

    async def end_backgrounds(self, keep: int) -> None:
        """Stop the background steps of a trial, as at its end, so that their files are complete; the first `keep` steps stay."""
        if not self.detacher.leaves(is_open=self._is_open):
            await self._backgrounds.stop(keep)

    @property
    def broken(self) -> TaskEnded | None:
        """The first task of a background step that ended although nothing asked it to, if any did."""
        return self._backgrounds.broken

    @property
    def intact(self) -> bool:
        """True when no contact was lost and no background step ended by itself since everything was cleared."""
        return self.broken is None and not self._reopened and not any(map(self.connections.is_missing, self.machines))

    # -- steps

    async def run(self, step: PlannedStep) -> tuple[TaskEnded, ...]:
        """Run a foreground step to its end and return how each task ended, in the plan's order.

        When a task of a background step ends meanwhile, the step is stopped, because its result would not count. `broken` tells.
        """
        running = await self._start(step)
        finished = when_all([task.end for task in running])
        alarms = self._backgrounds.alarms()
        try:
            async with self._patience.waiting(step, running), self.clocks.watched(step):
                await first_of(finished, *alarms)
            if not finished.done():
                for task in running:
                    task.ask_to_stop()
            await finished
            ends = tuple(task.end.result() for task in running)
        finally:
            await cancel_all([finished, *alarms])
        await self.clocks.measured(step, ends)
        return ends

    async def start(self, step: PlannedStep) -> NotReady | None:
        """Start a background step and wait until it is ready; return why it is not. If one of its tasks ended instead, `broken` tells."""
        loop = asyncio.get_running_loop()
        if taken := await self._stranger(step, 0):
            return taken
        began = loop.time()
        lacking = {name: None for name in step.tasks() if not name.copy}
        with self._watching(step) as watch:
            background = self._backgrounds.add(step.index, await self._start(step))
            alarm = asyncio.ensure_future(background.ended.wait())
            ready = asyncio.ensure_future(self._wait_ready(step, watch, lacking))
            try:
                await first_of(alarm, ready, timeout_s=step.ready.within_s if step.ready else None)
                problem = ready.result() if ready.done() else not_in_time(step, watch.missing if watch else lacking) if step.ready else None
            finally:
                await cancel_all([alarm, ready])
        if problem is None and step.ready and not alarm.done():
            self._emit(StepReady(step.index, step.target.name, loop.time() - began))
        return problem

    async def launch(self, step: PlannedStep) -> tuple[RunningTask, ...]:
        """Start a step's tasks and return them. The caller waits for them or stops them; `run` and `broken` do not look at them."""
        return tuple(await self._start(step))

    @contextmanager
    def _watching(self, step: PlannedStep) -> Iterator[LogWatch | None]:
        """Show the step's output to a watch if the step is ready once a certain line is in it."""
        if step.ready is None or step.ready.log is None:
            yield None
            return
        watch = LogWatch(step.ready.log, step.tasks())
        self._watches.append(watch)
        try:
            yield watch
        finally:
            self._watches.remove(watch)
            watch.close()

    async def _start(self, step: PlannedStep) -> list[RunningTask]:
        names = tuple(m.name for m in step.machines)
        self._emit(StepStarted(step.index, step.target.name, names, len(step.tasks()), step.background, step.measure))
        users = {name: self._user(self.machines[name]) for name in names}
        began = asyncio.get_running_loop().time()
        self._secrets |= {form for _, value in step.options if isinstance(value, Secret) for form in forms(value.value)}
        for connection in self.connections:  # a later task, on any machine, may read what this one wrote
            connection.tasks.masking.secrets = self._secrets
        tasks = await self._order(task_specs(step, users), held=step.measure)
        if step.measure:
            await self._release(step, tasks, began)
        if step.collect:
            self.copies.expect(step, tasks)
        if step.scope != "trial":
            self._scoped[step.index] = tasks
        return tasks

    async def _order(self, specs: Iterable[TaskSpec], *, held: bool) -> list[RunningTask]:
        """Start tasks on all machines at once, in the plan's order; a machine that does not take its task yet keeps no other waiting."""
        tasks: list[RunningTask | asyncio.Task[RunningTask]] = []
        try:
            for number, spec in enumerate(specs, start=1):
                there = self.connections[spec.name.machine].tasks
                start = there.start(spec, self._emit, held=held)
                tasks.append(await start if there.takes_at_once(spec) else asyncio.create_task(start))
                if not number % STARTS_AT_ONCE:
                    await asyncio.sleep(0)  # so that these machines begin while we go on
            return [task if isinstance(task, RunningTask) else await task for task in tasks]
        finally:
            await cancel_all(task for task in tasks if isinstance(task, asyncio.Task))

    def _user(self, machine: MachineSpec) -> str:
        return machine.username or self.place.cluster.username or self.connections[machine.name].hello.user

    async def _release(self, step: PlannedStep, tasks: Sequence[RunningTask], began: float) -> None:
        """Release all tasks, whose staging began then, at one instant; each machine is told by its own clock."""
        for task in tasks:
            await task.staged.wait()
        staging_ns = int(1e9 * (asyncio.get_running_loop().time() - began))
        release = await self.detacher.agreed(partial(self.clocks.agree, step, staging_ns))
        self.clocks.note(step, release)
        for task in tasks:
            machine = task.name.machine
            self.connections[machine].tasks.release(task, release.at_ns + release.clocks[machine].offset_ns)

    async def _wait_ready(self, step: PlannedStep, watch: LogWatch | None, lacking: dict[TaskName, None]) -> NotReady | None:
        """Return when the step answers on all its machines, or why it cannot; the caller sets the deadline.

        `lacking` has a task for each machine; those of the machines that are ready are removed from it.
        """
        if watch is not None:
            await watch.seen.wait()
            if watch.problem:
                raise InputError(f'step "{step.target.name}", ready: {watch.problem}')
        elif step.ready and step.ready.port is not None:
            return await self._stranger(step, step.ready.within_s, lacking)
        elif step.ready_step is not None:
            while True:
                for end in await self.run(step.ready_step):
                    if end.outcome.ok:
                        lacking.pop(TaskName(step.index, step.target.name, end.task.machine), None)
                    else:
                        lacking[TaskName(step.index, step.target.name, end.task.machine)] = None
                if not lacking:
                    break
                await asyncio.sleep(PING_PAUSE_S)
        return None

    async def _stranger(self, step: PlannedStep, within_s: float, lacking: dict[TaskName, None] | None = None) -> NotReady | None:
        """Wait until the step's port, if it has one, answers on all machines; return that a stranger answers there, if one does.

        Without a time, nothing is to answer yet.
        """
        ready = step.ready
        if ready is None or ready.port is None:
            return None
        port, tasks = int(ready.port), [name for name in step.tasks() if not name.copy]

        async def ask(task: TaskName) -> PortAnswer:
            listener = await self.connections[task.machine].listener(port, self.machines[task.machine].internal_addr, within_s)
            if listener.answered and lacking is not None:
                lacking.pop(task, None)
            return listener

        answers = await asyncio.gather(*map(ask, tasks))
        strange = next(((task, answer.stranger) for task, answer in zip(tasks, answers, strict=True) if answer.stranger), None)
        return port_is_taken(step, *strange) if strange else not_in_time(step, lacking) if lacking else None
