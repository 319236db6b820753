"""The steps of an experiment's file at one point: templates filled in, everything that they name looked up.

What is wrong does not hide what else is wrong: each part is checked as far as what it needs is known.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from wke.describe.cluster.cluster import ClusterSpec, MachineSpec
from wke.describe.configuration.configuration import ConfigurationSpec, TargetSpec
from wke.describe.configuration.copies import ABOUT, COPY_DATA, read_copy
from wke.describe.configuration.secret import Secret, secret_variable
from wke.describe.configuration.step import DEFAULT_PRELUDE, PlannedStep, Ready, collecting, find_target, plan_step
from wke.describe.experiment.experiment import Step
from wke.describe.experiment.sweep import Point, Value
from wke.describe.experiment.template import fill, parameters_of
from wke.describe.expression.evaluation import ExpressionError, holds
from wke.describe.plan.rendering import rendered
from wke.describe.plan.revisions import Side
from wke.describe.toml.shape import Key
from wke.describe.toml.wording import shown
from wke.errors import InputError, Location, Problem
from wke.values import dataclass

UNKNOWN = "@NAME"
"""Stands for an option's value that is not known: a macro fits every option."""


@dataclass(frozen=True, slots=True)
class StepPlanner:
    """One step of the file at one point. In a draft, the configuration, the cluster and the values of the point may not be known.

    `select` returns the machines that a selector names, perhaps none, or raises InputError.
    """

    side: Side
    cluster: ClusterSpec | None
    point: Point | None
    step: Step
    index: int
    scope: str
    usual_timeout_s: float | None
    select: Callable[[ClusterSpec, str], tuple[MachineSpec, ...]]

    @property
    def configuration(self) -> ConfigurationSpec | None:
        """The configuration, if it is known."""
        return self.side.configuration

    def at(self, *key: str | int) -> Location:
        """Return where a key of the step is."""
        return self.side.experiment.at("steps", self.index, *key)

    def place(self) -> Location | None:
        """Return where the step is."""
        return self.step.where

    def plan(self) -> PlannedStep:
        """Return the planned step; raise InputError with all that is wrong, without problems if something is not known."""
        problems: list[Problem] = []
        with collecting(problems, self.at, "when"):
            if not self._is_wanted():
                return self._skipped()
        filled = self._filled(problems)
        machines = self._machines(filled, problems)
        options = {
            name: filled.get(("options", name), UNKNOWN if isinstance(value, str) else value) for name, value in self.step.options.items()
        }
        if machines == () and not problems:
            return self._skipped()
        if filled.get(("target",)) == COPY_DATA:
            return self._copy(machines, options, problems)
        planned = self._planned(filled, machines, options, problems)
        problems += self._exposed(planned)
        ready, ready_step = self._ready(filled, machines, problems)
        if problems or planned is None:
            raise InputError(*problems)
        return planned if ready is None else replace(planned, ready=ready, ready_step=ready_step)

    def _exposed(self, planned: PlannedStep | None) -> Iterator[Problem]:
        """Yield the secrets that would come from parameters."""
        for name, value in planned.options if planned else ():
            if isinstance(value, Secret) and parameters_of(str(self.step.options.get(name, ""))):
                what = "is secret, so its value must not come from a parameter: these are stored and shown"
                yield Problem(what, self.at("options", name), f"set {secret_variable(name)}")

    def _is_wanted(self) -> bool:
        """Return whether the step runs at the point."""
        condition = self.step.when
        if condition is None or self.point is None:
            return True
        try:
            return holds(condition, self.point)
        except ExpressionError as error:
            raise InputError(str(error)) from None

    def _skipped(self) -> PlannedStep:
        return PlannedStep(self.index, TargetSpec(self.step.target, ""), (), background=self.step.background, scope=self.scope)

    def _filled(self, problems: list[Problem]) -> Mapping[Key, Value]:
        """Return the values of the step's templates, as far as they are known."""
        filled: dict[Key, Value] = {}
        for key, template in self.step.templates():
            with collecting(problems, self.at, *key):
                if self.cluster is not None and (self.point is not None or not parameters_of(template)):
                    filled[key] = fill(template, self.point or {}, self.cluster)
                elif "{" not in template:
                    filled[key] = template
        return filled

    def _machines(self, filled: Mapping[Key, Value], problems: list[Problem]) -> tuple[MachineSpec, ...] | None:
        """Return the machines of the step, None if they are not known."""
        with collecting(problems, self.at, "on"):
            if self.cluster is not None and ("on",) in filled:
                return self.select(self.cluster, str(filled["on",]))
        return None

    def _planned(
        self,
        filled: Mapping[Key, Value],
        machines: tuple[MachineSpec, ...] | None,
        options: Mapping[str, Value],
        problems: list[Problem],
    ) -> PlannedStep | None:
        """Return the step with its target and options, None if something is not known."""
        multiply = 1
        with collecting(problems, self.at, "multiply"):
            multiply = whole(filled.get(("multiply",), 1))
        if self.configuration is None or ("target",) not in filled:
            return None
        with collecting(problems, self.place):
            planned = plan_step(
                self.configuration,
                self.cluster,
                target=str(filled["target",]),
                machines=machines or (),
                options=options,
                multiply=multiply,
                prelude=self._prelude,
                index=self.index,
                timeout_s=self.step.timeout_s,
                at=self.at,
                background=self.step.background,
                measure=self.step.measure,
                usual_timeout_s=None if self.step.background else self.usual_timeout_s,
                grace_s=self.step.grace_s,
                stop_signal=self.step.stop_signal,
                collect=self.step.collect,
                scope=self.scope,
            )
            return planned if machines else None
        return None

    @property
    def _prelude(self) -> str | None:
        prelude = self.step.prelude
        return DEFAULT_PRELUDE if prelude is None else None if prelude == "none" else prelude

    def _copy(self, machines: tuple[MachineSpec, ...] | None, options: Mapping[str, Value], problems: list[Problem]) -> PlannedStep:
        """Plan a step that copies from here to the machines; such a step has only machines and options."""
        for key, usual in (
            ("background", False),
            ("measure", False),
            ("multiply", "1"),
            ("timeout_s", None),
            ("grace_s", None),
            ("stop_signal", None),
            ("prelude", None),
            ("collect", ()),
        ):
            if getattr(self.step, key) != usual:
                name = key.removesuffix("_s").replace("_", "-")
                problems.append(Problem(f'is not for "{COPY_DATA}", which runs no task', self.at(name), "remove it"))
        copy = None
        if UNKNOWN not in options.values():
            with collecting(problems, self.at, "options"):
                copy = read_copy(options, self.cluster.workdir if self.cluster else None, self.side.folder)
                if copy.renders and machines and self.cluster is not None and self.point is not None:
                    copy = rendered(copy, machines, self.point, self.cluster)
        if problems or copy is None or not machines:
            raise InputError(*problems)
        bound = (("source", str(options["source"])), ("destination", copy.destination), *([("render", "true")] if copy.renders else []))
        return PlannedStep(self.index, TargetSpec(COPY_DATA, ABOUT, builtin=True), machines, bound, scope=self.scope, copy=copy)

    def _ready(
        self, filled: Mapping[Key, Value], machines: tuple[MachineSpec, ...] | None, problems: list[Problem]
    ) -> tuple[Ready | None, PlannedStep | None]:
        """Return how to tell that the step is ready, and the step that tells it if a target does."""
        ready, ready_step = self.step.ready, None
        if ready is None:
            return None, None
        if ("ready", "port") in filled:
            with collecting(problems, self.at, "ready", "port"):
                ready = replace(ready, port=str(_port(filled["ready", "port"])))
        if ready.target is not None and self.configuration is not None:
            with collecting(problems, self.at, "ready", "target"):
                find_target(self.configuration, ready.target)
                ready_step = plan_step(
                    self.configuration,
                    self.cluster,
                    target=ready.target,
                    machines=machines or (),
                    options={},
                    prelude=self._prelude,
                    index=self.index,
                    at=lambda *_: self.at("ready", "target"),
                )
        return ready, ready_step


def whole(value: Value) -> int:
    """Return a whole number given by a parameter or by text; raise InputError for other values."""
    try:
        number = int(value) if isinstance(value, str) else value
    except ValueError:
        number = 0.5
    if isinstance(number, bool) or number != int(number):
        raise InputError(f"must be a whole number, not {shown(value)}")
    return int(number)


def _port(value: Value) -> int:
    port = whole(value)
    if not 1 <= port <= 65535:
        raise InputError(f"must be a port between 1 and 65535, not {port}")
    return port
