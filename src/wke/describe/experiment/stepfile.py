"""The shape of the steps of an experiment file."""

from collections.abc import Mapping
from typing import Annotated, Literal

from wke.describe.cluster.clusterfile import Duration
from wke.describe.configuration.configfile import AnyScalar
from wke.describe.experiment.forms import condition, listed, number_or_template, pattern
from wke.describe.experiment.metricfile import collected
from wke.describe.expression.expression import Expression
from wke.describe.toml.shape import After, Before, Bounds, FlawError, Items, Name, NonEmpty, TableModel

Count = Annotated[str, Before(number_or_template, int | str)]
Limit = Annotated[Duration, Bounds(over=0)]
Signal = Literal["SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2"]
Collected = Annotated[str, After(collected)]


class ReadyEntry(TableModel):
    """How to tell that a background step is ready."""

    port: Count | None = None
    """A TCP port that accepts connections on each of the step's machines."""
    log: Annotated[NonEmpty, After(pattern)] | None = None
    """A regular expression that matches a line of each task's output."""
    target: NonEmpty | None = None
    """A target that succeeds on each of the step's machines; it is repeated until it does."""
    within: Limit = 20.0
    """The trial times out after this time."""

    def check(self) -> None:
        """Require exactly one way."""
        if sum(way is not None for way in (self.port, self.log, self.target)) != 1:
            raise FlawError("must have exactly one of port, log and target", 'write { port = 6379, within = "20s" }')


class StepEntry(TableModel):
    """One step of a trial."""

    target: Name
    """The target to run. `copy-data` copies the option `source`, a local path, to `destination` on the machines; a relative one
    starts at the folder in which scripts run. With `render = true`, `${wke:NAME}` in the files is filled in for each machine."""
    on: NonEmpty = "all"
    """A selector: the machines to run on."""
    when: Annotated[Expression, Before(condition, str)] | None = None
    """A condition on parameters, such as `replicas > 0`. At points where it is false the step is skipped."""
    background: bool = False
    """Start it and continue. It is stopped when the trial, or what its scope names, ends; if it ends earlier, the trial fails."""
    scope: Literal["deploy", "point", "trial"] = "trial"
    """How often it runs: `trial`: in every trial; `point`: once per visit of a point; `deploy`: only when a parameter or the machines that
    it names change, or an earlier step ran again. Its effect lasts until then. Steps that run less often come first."""
    ready: ReadyEntry | None = None
    """When the next step may start. Only with `background = true`."""
    options: Mapping[str, AnyScalar] = {}
    """The target's options; values may be templates."""
    measure: bool = False
    """Its tasks start together, and metrics are read from their output. At each point, exactly one step is measured."""
    multiply: Count = "1"
    """The number of tasks per machine."""
    timeout: Limit | None = None
    """A task that takes longer is stopped; it has timed out."""
    grace: Duration | None = None
    """How long its processes have to end after the stop signal, before they are killed; by default 5 s. What a handler of the signal starts
    may run as long."""
    stop_signal: Signal | None = None
    """The signal that asks its processes to end; by default `SIGTERM`."""
    prelude: Name | None = None
    """The prelude to use instead of the default one; `none` for none."""
    collect: Annotated[Items[Collected], Before(listed, str | list[str])] = ()
    """Files in each task's $WKE_DIR, such as `out/*.log`, to copy to the trial's folder. If one is missing, the trial fails."""
