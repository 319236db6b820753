"""A request: one target, where it runs and with which values, as scripts ask for it. The plan turns it into a step."""

from collections.abc import Mapping
from dataclasses import field

from wke.describe.cluster.cluster import ClusterSpec
from wke.describe.configuration.configuration import ConfigurationSpec
from wke.describe.configuration.step import DEFAULT_PRELUDE, PlannedStep, plan_step
from wke.describe.expression.quantity import seconds
from wke.errors import InputError
from wke.values import dataclass

NO_PRELUDE = {None, "none", "None"}


@dataclass(frozen=True, slots=True)
class Request:
    """A target to run. `timeout` is in seconds, or text such as "5min"; a `prelude` of None, "none" or "None" means no prelude."""

    selector: str
    target: str
    options: Mapping[str, object] = field(default_factory=dict)
    multiply: int = 1
    prelude: str | None = DEFAULT_PRELUDE
    timeout: float | str | None = None
    workdir: str | None = None

    def planned(self, configuration: ConfigurationSpec, cluster: ClusterSpec, index: int = 0) -> PlannedStep:
        """Look everything up and check it; raise InputError (a ValueError) with all that is wrong. `index` numbers the step."""
        return plan_step(
            configuration,
            cluster,
            target=self.target,
            selector=self.selector,
            options=self.options,
            multiply=self.multiply,
            prelude=None if self.prelude in NO_PRELUDE else self.prelude,
            index=index,
            timeout_s=_timeout(self.timeout),
            workdir=self.workdir,
        )


def _timeout(value: float | str | None) -> float | None:
    if value is None:
        return None
    try:
        duration = seconds(value)
    except ValueError as error:
        raise InputError(f"timeout: {error}") from None
    if duration <= 0:
        raise InputError(f"timeout: must be more than 0, not {value}")
    return duration
