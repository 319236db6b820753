"""A step as it will run: one target on its machines, with everything that it names looked up and checked."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import field, replace
from functools import partial
from types import TracebackType
from typing import Any

from wke.describe.cluster.cluster import ClusterSpec, MachineSpec
from wke.describe.cluster.selector import select
from wke.describe.configuration.configuration import ConfigurationSpec, Prelude, TargetSpec, bind_options
from wke.describe.configuration.copies import Copy
from wke.describe.configuration.macros import check_addresses
from wke.describe.configuration.secret import Secret
from wke.describe.toml.limits import MOST_COPIES
from wke.describe.toml.wording import quoted
from wke.errors import InputError, Location, Problem, did_you_mean
from wke.records import TaskName
from wke.values import dataclass

DEFAULT_PRELUDE = "<default>"
"""The configuration's default prelude; no prelude can have this name."""

SCOPES = ("deploy", "point", "trial")
"""How often a step runs, the rarest first."""

At = Callable[..., Location | None]


@dataclass(frozen=True, slots=True)
class Ready:
    """How to tell that a background step is ready: a port accepts, each task writes a line that matches `log`, or a target succeeds."""

    port: str | None = None
    log: str | None = None
    target: str | None = None
    within_s: float = 20.0


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step with everything looked up. Macros in `options` are not yet replaced: they differ between tasks.

    `ready_step` runs the target that tells whether a background step is ready, on the same machines. With a `scope` other than "trial" the
    step's effect lasts for the trials that follow (deployment.py). A step with a `copy` has no tasks. A task may take `limit_s`; the
    `usual_timeout_s` of the experiment does not change what a step does, so results do not depend on it.
    """

    index: int
    target: TargetSpec
    machines: tuple[MachineSpec, ...]
    options: tuple[tuple[str, str | Secret], ...] = ()
    multiply: int = 1
    prelude: Prelude | None = None
    background: bool = False
    measure: bool = False
    ready: Ready | None = None
    ready_step: "PlannedStep | None" = None
    timeout_s: float | None = None
    usual_timeout_s: float | None = None
    grace_s: float | None = None
    stop_signal: str | None = None
    workdir: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    collect: tuple[str, ...] = ()
    scope: str = "trial"
    copy: Copy | None = None

    def key(self) -> Hashable:
        """Return a value that is equal for planned steps that do the same."""
        return (
            (self.index, self.target.name, self.target.content, self.options, self.multiply, tuple(m.name for m in self.machines)),
            (self.prelude.content if self.prelude else None, self.background, self.ready, self.ready_step and self.ready_step.key()),
            (self.timeout_s, self.workdir, tuple(sorted(self.environment.items())), self.collect, self.scope, self.copy),
            (self.grace_s, self.stop_signal),
        )

    @property
    def limit_s(self) -> float | None:
        """How long a task may take; None for any time."""
        return self.usual_timeout_s if self.timeout_s is None else self.timeout_s

    @property
    def is_skipped(self) -> bool:
        """Whether the step does not run: a condition forbids it, or its class has no machine."""
        return not self.machines

    def tasks(self) -> tuple[TaskName, ...]:
        """Return the step's tasks in the cluster's order, those of one machine next to each other."""
        copies = range(0 if self.copy else self.multiply)
        return tuple(TaskName(self.index, self.target.name, machine.name, copy) for machine in self.machines for copy in copies)


def plan_step(
    configuration: ConfigurationSpec,
    cluster: ClusterSpec | None,
    *,
    target: str,
    options: Mapping[str, object],
    selector: str = "",
    machines: tuple[MachineSpec, ...] | None = None,
    multiply: int = 1,
    prelude: str | None = DEFAULT_PRELUDE,
    index: int = 0,
    timeout_s: float | None = None,
    workdir: str | None = None,
    at: At = lambda *_: None,
    **more: Any,
) -> PlannedStep:
    """Look up everything that a step names; raise InputError with all mistakes. A prelude of None means none.

    It runs on `machines`, if they are known already, else on those of the selector. `at` returns where a key of the step is. `more` are
    further fields of the planned step.
    """
    problems: list[Problem] = []
    bound: tuple[tuple[str, str | Secret], ...] = ()
    with collecting(problems, at, "on"):
        machines = select(cluster, selector) if machines is None and cluster is not None else machines
    found_target, found_prelude = _find_both(configuration, target, prelude, problems, at)
    if found_target is not None:
        bound = _bound(found_target, options, machines or (), problems, at)
    if not 1 <= multiply <= MOST_COPIES:
        what = f"must be between 1 and {MOST_COPIES}, not {multiply}"
        problems.append(Problem(what, at("multiply"), "it is the number of tasks per machine"))
    if problems or found_target is None:
        raise InputError(*problems)
    return PlannedStep(
        index=index,
        target=found_target,
        machines=machines or (),
        options=bound,
        multiply=multiply,
        prelude=found_prelude,
        timeout_s=timeout_s,
        workdir=workdir or (cluster.workdir if cluster else None),
        environment=_environment(configuration, found_target),
        **more,
    )


class collecting:  # noqa: N801 - reads as a verb, like contextlib.suppress
    """Append the problems of an InputError raised inside; those without a place get `at(*key)`, which is not called otherwise.

    To look up places takes most of the time of a large plan, and a plan without mistakes needs none.
    """

    __slots__ = ("_at", "_key", "_problems")

    def __init__(self, problems: list[Problem], at: At | None = None, *key: str | int) -> None:
        self._problems = problems
        self._at = at
        self._key = key

    def __enter__(self) -> None:
        """Begin to collect."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        """Take the problems of an InputError."""
        if not isinstance(error, InputError):
            return False
        where = self._at(*self._key) if self._at is not None else None
        self._problems += [problem if problem.where else replace(problem, where=where) for problem in error.problems]
        return True


def _find_both(
    configuration: ConfigurationSpec, target: str, prelude: str | None, problems: list[Problem], at: At
) -> tuple[TargetSpec | None, Prelude | None]:
    """Return the target and the prelude; add to `problems` why one is not found."""
    found_target: TargetSpec | None = None
    found_prelude: Prelude | None = None
    with collecting(problems, at, "target"):
        found_target = find_target(configuration, target)
    with collecting(problems, at, "prelude"):
        found_prelude = _find_prelude(configuration, _prelude_of(found_target, prelude))
    return found_target, found_prelude


def find_target(configuration: ConfigurationSpec, name: str) -> TargetSpec:
    """Return a target; raise InputError if there is none of that name, or it has no script."""
    target = configuration.targets.get(name)
    if target is None:
        raise InputError(f"configuration {configuration.name} has no target {quoted(name)}", hint=did_you_mean(name, configuration.targets))
    if target.content is None:
        raise InputError(f"target {quoted(name)} has no script", hint=f"write it to {configuration.path.parent / 'targets' / name}")
    return target


def _prelude_of(target: TargetSpec | None, prelude: str | None) -> str | None:
    """Return the prelude asked for. Built-in targets have no default: it may need packages that are not installed yet."""
    return None if target is not None and target.builtin and prelude == DEFAULT_PRELUDE else prelude


def _find_prelude(configuration: ConfigurationSpec, name: str | None) -> Prelude | None:
    wanted = configuration.default_prelude if name == DEFAULT_PRELUDE else name
    if wanted is None:
        return None
    if wanted not in configuration.preludes:
        what = f"configuration {configuration.name} has no prelude {quoted(wanted)}"
        raise InputError(what, hint=did_you_mean(wanted, [*configuration.preludes, "none"]))
    return configuration.preludes[wanted]


def _bound(
    target: TargetSpec, values: Mapping[str, object], machines: Sequence[MachineSpec], problems: list[Problem], at: At
) -> tuple[tuple[str, str | Secret], ...]:
    with collecting(problems, at, "options"):
        bound = bind_options(target, values, partial(at, "options"))
        check_addresses((value for _, value in bound), machines)
        return bound
    return ()


def _environment(configuration: ConfigurationSpec, target: TargetSpec) -> dict[str, str]:
    """Return what a built-in target must know about the configuration that it is run for."""
    if not target.builtin:
        return {}
    return {
        "WKE_PACKAGES": "\n".join(configuration.required_packages),
        "WKE_REPOSITORIES": "\n".join(configuration.required_repositories),
    }
