"""A measurement: a folder for all that targets write, background targets that end with it, and one timed target or several."""

import os
import shlex
import time
import weakref
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self, Unpack

from wke.api.background import BackgroundRun, Sampling, stop
from wke.api.cluster import Cluster
from wke.api.configuration import Configuration
from wke.api.running import Call, run_call, start_call
from wke.api.scripterrors import MeasurementFailedError, RunTargetError
from wke.api.scripting import Details
from wke.api.selection import Selectable, Selection
from wke.describe.configuration.secret import HIDDEN
from wke.keep.files.disk import disk_errors, private_folder
from wke.keep.output.telemetry import record_window
from wke.legacy.names import OldSessionNames, told_apart
from wke.tell.terminal.console import Printer
from wke.values import dataclass

Options = Mapping[str, object] | Configuration | None
"""The options of a target; scripts for wke 0.1 may have a configuration in this place, and options behind it."""
CURRENT, LAST = Path("current-measurement"), Path("last-measurement")


class SessionDetails(Details, total=False):
    """What else `wke.run` can be told, where a session shall not do as usual: print as it was made to, keep logs in its own folder."""

    config: str | Configuration
    verbose: bool
    debug: bool
    quiet_fail: bool
    dry_run: bool
    log_dir: str | Path | None


@dataclass(frozen=True, slots=True)
class MeasurementResult:
    """A timed target. Times are seconds since the epoch on this computer's clock, from the first start to the last end on any machine."""

    target: str
    options: Mapping[str, object]
    start_time: float
    end_time: float
    num_operations: float

    @property
    def elapsed_time(self) -> float:
        """Seconds that it took."""
        return self.end_time - self.start_time

    @property
    def throughput(self) -> float:
        """Operations a second."""
        return self.num_operations / self.elapsed_time

    def print_summary(self) -> None:
        """Print target, options, time and throughput."""
        out = Printer()
        out.data(f"{self.target} {' '.join(f'{name}={shlex.quote(str(value))}' for name, value in self.options.items())}".rstrip())
        out.data(f"  elapsed: {self.elapsed_time:.6g} s")
        out.data(f"  throughput: {self.throughput:.6g} operations/s")


class MeasurementSession(OldSessionNames):
    """Runs targets of one configuration on one cluster, their output kept in `log_dir`, a new folder below logs/.

    `current-measurement` leads there until the session is closed, then `last-measurement` does. Closing it ends what it started in the
    background: do so with `close`, by leaving its block, or by forgetting it. With `collect_statistics` (anything that is true),
    loads.csv in `log_dir` tells what machines were busy with, ten times a second. `verbose` prints what tasks write.
    """

    def __init__(
        self,
        cluster: Cluster,
        config: str | Configuration,
        collect_statistics: object = None,
        verbose: bool = False,  # noqa: FBT001, FBT002 - scripts give it in this place
    ) -> None:
        self.cluster = cluster
        self.config = Configuration(config) if isinstance(config, str) else config
        self.verbose = verbose
        self.uid, folder = _new_folder(Path("logs"))
        self.log_dir = str(folder)
        self._backgrounds: list[BackgroundRun] = []
        self._sampling = Sampling(self.cluster.selection().opened, folder) if collect_statistics else None
        place = Path.cwd()  # the links are where the session began, wherever the script goes
        _link(place / CURRENT, folder)
        self._end = weakref.finalize(self, _close, place, folder, self._backgrounds, self._sampling, os.getpid())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End what runs in the background; again is harmless."""
        self._end()

    def run(
        self, selector: str | Selectable, target: str, options: Options = None, *old: object, **details: Unpack[SessionDetails]
    ) -> bool:
        """Run a target as `wke.run` does: True when it ended well on every machine."""
        result = run_call(self._call(selector, target, (options, *old), details))
        return result is None or result.ok

    def check_run(
        self, selector: str | Selectable, target: str, options: Options = None, *old: object, **details: Unpack[SessionDetails]
    ) -> bool:
        """Run a target and return True; raise RunTargetError when it does not end well on every machine."""
        result = run_call(self._call(selector, target, (options, *old), details))
        if result is not None:
            result.checked()
        return True

    def background_run(
        self, selector: str | Selectable, target: str, options: Options = None, *old: object, **details: Unpack[SessionDetails]
    ) -> BackgroundRun:
        """Start a target as `wke.background_run` does; it ends with the session at the latest."""
        handle = start_call(self._call(selector, target, (options, *old), details))
        self._backgrounds.append(handle)
        return handle

    def measure(
        self,
        selector: str | Selectable,
        target: str,
        num_operations: float,
        options: Options = None,
        *old: object,
        **details: Unpack[SessionDetails],
    ) -> MeasurementResult:
        """Run a target whose tasks all start at one instant, and return how long `num_operations` operations took.

        Raises MeasurementFailedError when a task does not end well.
        """
        call = self._call(selector, target, (options, *old), details)
        result = run_call(call, together=True)
        if result is None:
            raise MeasurementFailedError(f"{target}: a dry run measures nothing", target=target)
        try:
            result.checked()
        except RunTargetError as error:
            raise MeasurementFailedError(*error.problems, target=target) from None
        if self._sampling is not None:
            record_window(Path(self.log_dir), int(result.start_s * 1e9), int(result.end_s * 1e9))
        hidden = {option.name for option in self.config.description.targets[target].options if option.secret}
        shown = {name: HIDDEN if name in hidden else value for name, value in (call.options or {}).items()}
        return MeasurementResult(target, shown, result.start_s, result.end_s, num_operations)

    def stop_background_tasks(self) -> None:
        """End everything that this session started in the background; when this returns nothing of it runs anywhere."""
        _stop(self._backgrounds)

    def _call(self, selector: str | Selectable, target: str, given: Iterable[object], details: SessionDetails) -> Call:
        place = Selection(self.cluster.selection().opened, selector) if isinstance(selector, str) else selector
        call = Call(place, self.config, target, verbose=self.verbose, log_dir=self.log_dir)
        return replace(call, **told_apart(given), **details)


def _new_folder(parent: Path) -> tuple[str, Path]:
    """Make a folder that is called by the time, and by a number where another session took that name in the same second."""
    private_folder(parent)
    moment = time.strftime("%y%m%d-%H%M%S")
    for name in (moment, *(f"{moment}-{number}" for number in range(2, 1000))):
        folder = parent / f"measurement-{name}"
        with disk_errors(parent):
            try:
                folder.mkdir(mode=0o700)
            except FileExistsError:
                continue
        return name, folder
    raise MeasurementFailedError("a thousand sessions began in this second")


def _link(link: Path, target: Path | None) -> None:
    """Make `link` lead to `target` (None: nowhere), unless something that is no link has its name."""
    with disk_errors(link.parent):
        if link.exists() and not link.is_symlink():
            return
        if target is None:
            link.unlink(missing_ok=True)
            return
        new = link.with_name(f".{link.name}.{os.getpid()}")
        new.unlink(missing_ok=True)
        new.symlink_to(target)
        new.replace(link)


def _stop(backgrounds: list[BackgroundRun]) -> None:
    running, backgrounds[:] = list(backgrounds), []
    stop(running)


def _close(place: Path, folder: Path, backgrounds: list[BackgroundRun], sampling: Sampling | None, pid: int) -> None:
    if pid != os.getpid():
        return  # a forked child leaves its parent's session alone
    _stop(backgrounds)
    if sampling is not None:
        sampling.stop()
    current = place / CURRENT
    if current.is_symlink() and current.readlink() == folder:
        _link(current, None)
    _link(place / LAST, folder)
