"""Two revisions of a configuration, measured side by side: an additional parameter whose first value is the baseline.

So rounds, pairs and tables work as for every baseline. A trial runs the scripts of its revision's configuration; the experiment file and
the machines are the same for both.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from wke.describe.configuration.configuration import ConfigurationSpec
from wke.describe.configuration.step import PlannedStep
from wke.describe.experiment.experiment import Experiment
from wke.describe.experiment.sweep import Parameter, Point
from wke.errors import InputError

REVISION = "revision"
SHORT = 12


@dataclass(frozen=True, slots=True)
class Revision:
    """A commit; `changed` is a hash of uncommitted changes, "" if there are none."""

    commit: str
    changed: str = ""

    def __str__(self) -> str:
        return self.commit[:SHORT] + (f"+{self.changed[:SHORT]}" if self.changed else "")


@dataclass(frozen=True, slots=True)
class Revisions:
    """The baseline's revision with its configuration, and the revision that is compared with it."""

    base: Revision
    head: Revision
    base_configuration: ConfigurationSpec

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
        return replace(asked, name=f"{asked.name}@{self.base}", parameters=parameters, baseline=self.baseline)

    def configuration(self, point: Point, head: ConfigurationSpec) -> ConfigurationSpec:
        """Return the configuration of a point's revision, given that of the head."""
        return self.base_configuration if self._is_base(point) else head

    def told(self, point: Point, steps: Iterable[PlannedStep]) -> tuple[PlannedStep, ...]:
        """Return a point's steps with two environment variables: their own revision, and both compared revisions.

        Both belong to a trial's identity: results that were measured beside another revision are from another time.
        """
        own = self.base if self._is_base(point) else self.head
        variables = {"WKE_REVISION": own.commit, "WKE_COMPARED": f"{self.base}..{self.head}"}
        return tuple(_with(step, variables) for step in steps)

    def _is_base(self, point: Point) -> bool:
        return point[REVISION] == self.baseline[REVISION]


def _with(step: PlannedStep, variables: Mapping[str, str]) -> PlannedStep:
    ready = None if step.ready_step is None else _with(step.ready_step, variables)
    return replace(step, environment={**step.environment, **variables}, ready_step=ready)
