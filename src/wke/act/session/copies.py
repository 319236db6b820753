"""The copies of a session: files to and from several machines at once, and what tasks leave in $WKE_DIR."""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from wke.act.connection.task import RunningTask
from wke.act.session.connections import Connections
from wke.act.session.detacher import Detacher
from wke.describe.configuration.copies import RenderedFile
from wke.describe.configuration.step import PlannedStep
from wke.describe.toml.wording import labelled
from wke.errors import InputError, MachineError, Problem
from wke.keep.output.configuration import ChangedFile, ConfigurationCheck
from wke.records import Sink, StepStarted

if TYPE_CHECKING:
    from wke.act.connection.transfer import Copied, OnProgress


class Copies:
    """Copies over the connections of a session."""

    def __init__(self, connections: Connections, detacher: Detacher, emit: Sink) -> None:
        self._connections = connections
        self._detacher = detacher
        self._emit = emit
        self._collected: dict[int, list[RunningTask]] = {}  # the tasks of steps whose files are wanted

    async def send(
        self, machines: Iterable[str], source: str | Path, destination: str, *, progress: "OnProgress | None" = None
    ) -> "tuple[Copied, ...]":
        """Copy a file or a folder to several machines at once, as `Files.send` does to one; return what each got, in that order.

        A machine that fails does not stop the others. Raises MachineError naming all that failed.
        """
        from wke.act.connection.transfer import SharedSource  # noqa: PLC0415 - takes long to import and is rarely wanted

        names = list(machines)
        shared = SharedSource(source, len(names))
        sends = [self._connections[name].files.send(source, destination, progress=progress, shared=shared) for name in names]
        return _all_or_error(await asyncio.gather(*sends, return_exceptions=True))

    async def run(self, step: PlannedStep) -> str:
        """Copy what a step says to its machines; return what is wrong, "" if nothing. Raises MachineError when contact is lost."""
        copy, names = step.copy, [m.name for m in step.machines]
        assert copy is not None
        if self._detacher.skips(step):
            return ""
        self._emit(StepStarted(step.index, step.target.name, tuple(names), len(names)))
        if copy.has_changed and not copy.renders:
            return f"{copy.source} has changed since this command began; run the same command again to use what it is now"
        try:
            if copy.renders:
                await self._send_rendered(copy.rendered)
            else:
                await self.send(names, copy.source, copy.destination)
        except MachineError as error:
            if any(self._connections[name].lost.is_set() for name in names):
                raise
            return f"{step.target.name}: {error}"
        return ""

    async def _send_rendered(self, files: Iterable[RenderedFile]) -> None:
        """Put rendered files where they belong, under their names; raise MachineError naming all machines that failed."""
        from tempfile import TemporaryDirectory  # noqa: PLC0415 - few steps render

        from wke.act.connection.transfer import SharedSource  # noqa: PLC0415

        with TemporaryDirectory(prefix="wke-") as folder:
            sends = []
            for number, file in enumerate(files):
                parent, slash, _ = file.path.rpartition("/")
                place = _write(file, Path(folder, str(number)))
                shared = SharedSource(place, len(file.machines))
                sends += [self._connections[name].files.send(place, parent + slash, shared=shared) for name in file.machines]
            _all_or_error(await asyncio.gather(*sends, return_exceptions=True))

    async def compare(self, steps: Iterable[PlannedStep]) -> ConfigurationCheck | None:
        """Return which rendered files of these steps are no longer what was deployed; None if there is none to look at.

        Of several that land in one place, the last counts. Raises MachineError when contact is lost.
        """
        files = {(name, file.path): file for step in steps if step.copy for file in step.copy.rendered for name in file.machines}
        wanted = {place: file for place, file in files.items() if self._connections[place[0]].files.keeps}
        if not wanted:
            return None
        from tempfile import TemporaryDirectory  # noqa: PLC0415 - few steps render

        with TemporaryDirectory(prefix="wke-") as folder:
            looks = [self._look(name, file, Path(folder, str(number))) for number, ((name, _), file) in enumerate(wanted.items())]
            found = await asyncio.gather(*looks)
        return ConfigurationCheck(len(wanted), tuple(change for change in found if change is not None))

    async def _look(self, machine: str, file: RenderedFile, folder: Path) -> ChangedFile | None:
        """Return how a file of a machine differs from what was deployed, None if it does not; what is the same is not carried."""
        place = _write(file, folder)
        try:
            await self.receive(machine, file.path, place)
            same = place.is_file() and place.read_bytes() == file.content
        except (MachineError, InputError) as error:
            if self._connections[machine].lost.is_set():
                raise
            return ChangedFile(machine, file.path, error.problems[0].what)
        return None if same else ChangedFile(machine, file.path)

    async def receive(self, machine: str, source: str, destination: str | Path, *, progress: "OnProgress | None" = None) -> "Copied":
        """Copy a file or a folder from a machine, as `Files.receive` does."""
        return await self._connections[machine].files.receive(source, destination, progress=progress)

    async def collect(
        self, machines: Iterable[str], source: str, folder: Path, *, progress: "OnProgress | None" = None
    ) -> "tuple[Copied, ...]":
        """Copy a file or a folder from several machines at once, each into `folder`/MACHINE/; raise MachineError naming all that failed."""
        receives = [self.receive(name, source, f"{folder / name}/", progress=progress) for name in machines]
        return _all_or_error(await asyncio.gather(*receives, return_exceptions=True))

    # -- what tasks leave

    def expect(self, step: PlannedStep, tasks: list[RunningTask]) -> None:
        """Remember the tasks of a step whose files will be fetched."""
        self._collected[step.index] = tasks

    def forget(self, keep: int) -> None:
        """Forget the tasks of all steps but those with an index below `keep`."""
        self._collected = {step: tasks for step, tasks in self._collected.items() if step < keep}

    async def fetch(self, step: PlannedStep, folder: Path) -> tuple[str, ...]:
        """Copy the files that a step's tasks were to leave into the trial's folder; return what is wrong with them.

        Whatever a machine offers can only fail its trial: the folder is new, so what does not fit there is not the user's mistake. Raises
        MachineError when contact is lost.
        """
        from wke.keep.output.logs import files_folder, not_left  # noqa: PLC0415 - wke run does not need it

        async def one(task: RunningTask) -> str:
            connection, place = self._connections[task.name.machine], files_folder(folder, task.name)
            try:
                await connection.files.fetch(task, place, step.collect)
                await asyncio.to_thread(connection.tasks.masking.hide_in, place)
            except (InputError, MachineError) as error:
                if connection.lost.is_set():
                    raise
                return f"the files of {labelled([task.name])} cannot be collected: {error}"
            return not_left(folder, task.name, step.collect)

        tasks = self._collected.get(step.index, []) if step.background else self._collected.pop(step.index, [])
        found = await asyncio.gather(*map(one, tasks))
        return tuple(filter(None, found))


def _write(file: RenderedFile, folder: Path) -> Path:
    """Write a rendered file into a new folder, under the name that it has on machines; return where it is."""
    folder.mkdir()
    place = folder / file.path.rpartition("/")[2]
    place.write_bytes(file.content)
    place.chmod(file.mode)
    return place


def _all_or_error(results: "Iterable[Copied | BaseException]") -> "tuple[Copied, ...]":
    """Return the results; raise MachineError with the problems of all machines that failed, or what else went wrong."""
    copied: list[Copied] = []
    problems: list[Problem] = []
    for result in results:
        if isinstance(result, MachineError):
            problems += result.problems
        elif isinstance(result, BaseException):
            raise result
        else:
            copied.append(result)
    if problems:
        raise MachineError(*problems)
    return tuple(copied)
