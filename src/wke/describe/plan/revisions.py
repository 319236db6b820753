"""Two revisions of a project, measured side by side: an additional parameter whose first value is the baseline.

So rounds, pairs and tables work as for every baseline. What a trial depends on is that of its revision: steps, sizes of classes, scripts,
preludes, copied and listed files. What is asked (points, iterations, metrics, checks) and the machines are the same for both.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from wke.describe.configuration.configuration import ConfigurationSpec
from wke.describe.configuration.step import PlannedStep
from wke.describe.experiment.experiment import Experiment
from wke.describe.experiment.sweep import Parameter, Point
from wke.errors import InputError
from wke.values import dataclass

REVISION = "revision"
SHORT = 12


@dataclass(frozen=True, slots=True)
class Revision:
    """A commit; `changed` is a hash of uncommitted changes, "" if there are none."""

    commit: str
    changed: str = ""

    def __str__(self) -> str:
        return self.commit[:SHORT]


@dataclass(frozen=True, slots=True)
class Side:
    """One revision of a project: its experiment, its configuration (not known in a draft), and the folder in which its files are."""

    experiment: Experiment
    configuration: ConfigurationSpec | None
    folder: Path = Path()


@dataclass(frozen=True, slots=True)
class Revisions:
    """The baseline's revision with its project, and the revision that is compared with it.

    The baseline has `borrowed` the other's steps if its own project does not have the experiment's file.
    """

    base: Revision
    head: Revision
    base_side: Side
    borrowed: bool = False

    @property
    def baseline(self) -> Mapping[str, str]:
        """The value of the parameter at the baseline."""
        return {REVISION: f"base:{self.base}"}

    def experiment(self, asked: Experiment) -> Experiment:
        """Return the experiment with every point in both revisions; its name includes the baseline."""
        if REVISION in asked.parameters.names:
            raise InputError(
                f'the name "{REVISION}" is reserved for the compared revisions', where=asked.at("parameters", REVISION), hint="rename it"
            )
        both = Parameter(REVISION, (f"base:{self.base}", f"head:{self.head}"))
        parameters = replace(asked.parameters, loops=(both, *asked.parameters.loops))
        return replace(asked, name=f"{asked.name}@{self.base}", parameters=parameters, baseline=self.baseline, fresh_rounds=0)

    def side(self, point: Point, head: Side) -> Side:
        """Return what of the project belongs to a point's revision, given that of the head; the questions are the head's."""
        if not self.is_base(point):
            return head
        own = self.base_side
        asked = replace(head.experiment, steps=own.experiment.steps, classes=own.experiment.classes, files=own.experiment.files)
        return replace(own, experiment=replace(asked, at=own.experiment.at))

    def is_base(self, point: Point) -> bool:
        """Return whether a point belongs to the baseline."""
        return point[REVISION] == self.baseline[REVISION]

    def told(self, point: Point, steps: Iterable[PlannedStep]) -> tuple[PlannedStep, ...]:
        """Return a point's steps with two environment variables: the commit of their own revision, and both compared commits."""
        own = self.base if self.is_base(point) else self.head
        variables = {"WKE_REVISION": own.commit, "WKE_COMPARED": f"{self.base}..{self.head}"}
        return tuple(_with(step, variables) for step in steps)


def _with(step: PlannedStep, variables: Mapping[str, str]) -> PlannedStep:
    ready = None if step.ready_step is None else _with(step.ready_step, variables)
    return replace(step, environment={**step.environment, **variables}, ready_step=ready)
