"""The steps that ask the machines of a trial for the versions of their software."""

from collections.abc import Iterator, Sequence

from wke.describe.configuration.configuration import ConfigurationSpec, TargetSpec
from wke.describe.configuration.step import PlannedStep

FIRST_INDEX = 10**6  # no step of an experiment has such a number
ASKED_FOR_S, GRACE_S = 5.0, 1.0


def version_steps(configuration: ConfigurationSpec | None, steps: Sequence[PlannedStep]) -> Iterator[PlannedStep]:
    """Yield a step for each version, on all machines that take part, in the environment that scripts have."""
    if configuration is None or not configuration.versions:
        return
    machines = tuple({machine.name: machine for step in steps for machine in step.machines}.values())
    workdir = next((step.workdir for step in steps if step.workdir), None)
    prelude = configuration.preludes[configuration.default_prelude] if configuration.default_prelude else None
    for index, (name, command) in enumerate(configuration.versions.items(), FIRST_INDEX):
        target = TargetSpec(name, command, content=f"#!/bin/sh\n{command}\n".encode())
        yield PlannedStep(index, target, machines, prelude=prelude, timeout_s=ASKED_FOR_S, grace_s=GRACE_S, workdir=workdir)
