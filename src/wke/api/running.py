"""Running a target from a synchronous script: to its end (`run`, `check_run`) or in the background (`background_run`)."""

import functools
import inspect
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import ParamSpec, TypeVar

from wke.api.background import BackgroundRun
from wke.api.cluster import Cluster
from wke.api.configuration import Configuration
from wke.api.engine import engine
from wke.api.request import Request
from wke.api.scripting import RunningStep, RunResult
from wke.api.selection import Selectable, Selection
from wke.describe.configuration.step import DEFAULT_PRELUDE, PlannedStep
from wke.keep.output.logs import LogWriter
from wke.legacy.machinelogs import MachineLogs
from wke.records import OutcomeKind, Record, Sink, TaskEnded
from wke.tell.terminal.console import TaskLines
from wke.values import dataclass

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call:
    """The parameters of `run`, `check_run` and `background_run`: these names, in this order.

    `selector` is a cluster, a machine, a part of a cluster, or a selector's text, which is about the cluster.toml of the current folder;
    `config` a configuration or the name of its folder; `options` what the target is given. `multiply` is the number of tasks on each
    machine, `prelude` runs another prelude than the configuration's default (None: none), `timeout` (seconds, or text such as "5min")
    makes a task that takes longer a failure, `workdir` is where scripts run. With `verbose` the output of tasks is printed, with
    `debug` also every event; without both, the last lines of a failed task, unless `quiet_fail`. `log_dir` keeps all output.
    `dry_run` checks everything and starts nothing.
    """

    selector: str | Selectable
    config: str | Configuration
    target_name: str
    options: Mapping[str, object] | None = None
    verbose: bool = False
    multiply: int = 1
    prelude: str | None = DEFAULT_PRELUDE
    dry_run: bool = False
    log_dir: str | Path | None = None
    timeout: float | str | None = None
    debug: bool = False
    workdir: str | None = None
    quiet_fail: bool = False

    def request(self, selector: str) -> Request:
        """Return the request for the machines of `selector`."""
        options = dict(self.options or {})
        return Request(selector, self.target_name, options, self.multiply, self.prelude, self.timeout, self.workdir)

    @property
    def configuration(self) -> Configuration:
        """The configuration, read if it was named."""
        return Configuration(self.config) if isinstance(self.config, str) else self.config


def _called_as(model: Callable[P, Call]) -> Callable[[Callable[[Call], T]], Callable[P, T]]:
    """Let a function of a Call be called with a Call's fields: three functions, one list of parameters."""

    def decorate(function: Callable[[Call], T]) -> Callable[P, T]:
        @functools.wraps(function)
        def called(*args: P.args, **kwargs: P.kwargs) -> T:
            return function(model(*args, **kwargs))

        result = function.__annotations__["return"]
        called.__annotations__ = model.__annotations__ | {"return": result}
        called.__signature__ = inspect.signature(model).replace(return_annotation=result)  # type: ignore[attr-defined]
        return called

    return decorate


@_called_as(Call)
def run(call: Call) -> bool:
    """Run a target and return whether it ended well on every machine; the parameters are those of `Call`.

    Raises ValueError, before anything starts and without changing anything, when an option is unknown, missing or wrong, or something
    else does not fit the files; MachineError when a machine cannot be reached. Of a task that fails, is interrupted or runs into its
    timeout nothing is left running; what a task that succeeds leaves running stays until the cluster is closed.
    """
    result = run_call(call)
    return result is None or result.ok


@_called_as(Call)
def check_run(call: Call) -> bool:
    """Run a target as `run` does and return True; raise RunTargetError, a line for each task, when it does not end well everywhere."""
    result = run_call(call)
    if result is not None:
        result.checked()
    return True


@_called_as(Call)
def background_run(call: Call) -> BackgroundRun:
    """Check as `run` does, start the target and return a handle on it at once. The handle of a dry run has already ended well."""
    return start_call(call)


def run_call(call: Call, *, together: bool = False) -> RunResult | None:
    """Run what a call asks for to its end, its tasks released at one instant if `together`; None for a dry run."""
    place = _checked(call)
    if call.dry_run:
        return None
    machines = place.opened.machines()
    step = replace(machines.planned(call.request(place.selector), call.configuration), measure=together)
    with _telling(call, step) as sink:
        return engine().call(machines.run_step(step, sink))


def start_call(call: Call) -> BackgroundRun:
    """Start what a call asks for."""
    place = _checked(call)
    if call.dry_run:
        return BackgroundRun(None)
    machines = place.opened.machines()
    step = machines.planned(call.request(place.selector), call.configuration)

    def launch(sink: Sink) -> Coroutine[object, object, RunningStep]:
        return place.opened.machines().launch(step, sink)  # so the machines stay open while it runs

    return BackgroundRun(launch, _telling(call, step))


def _checked(call: Call) -> Selection:
    """Return the machines that a call is about; raise InputError with all that is wrong, before any machine is needed."""
    place = Selection(default_cluster().opened, call.selector) if isinstance(call.selector, str) else call.selector.selection()
    call.request(place.selector).planned(call.configuration.description, place.opened.description)
    return place


def default_cluster() -> Cluster:
    """Return the cluster of the current folder; it stays open until the end of the script or until another folder's is asked for."""
    return _default_cluster(Path("cluster.toml").resolve())


@functools.lru_cache(maxsize=1)
def _default_cluster(path: Path) -> Cluster:
    return Cluster(path)


def _is_wanted_end(record: Record) -> bool:
    """Tell whether a task ended because the script asked for it: that is not a failure."""
    return isinstance(record, TaskEnded) and record.outcome.kind is OutcomeKind.CANCELLED


@contextmanager
def _telling(call: Call, step: PlannedStep) -> Iterator[Sink]:
    """Yield the sink that writes to the terminal and the log folder what the call asks for."""
    sinks: list[Sink] = []
    printed = call.verbose or call.debug
    with ExitStack() as stack:
        if printed or not call.quiet_fail:
            lines = TaskLines(tuple(m.name for m in step.machines), quiet=not printed, verbose=call.debug)
            stack.callback(lines.summary)
            sinks.append(lambda record: None if _is_wanted_end(record) else lines(record))
        if call.log_dir is not None:
            sinks += [stack.enter_context(LogWriter(Path(call.log_dir))), stack.enter_context(MachineLogs(Path(call.log_dir)))]

        def tell(record: Record) -> None:
            for sink in sinks:
                sink(record)

        yield tell
