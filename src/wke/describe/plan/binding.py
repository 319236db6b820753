"""Binding: the addresses that lent machines have now, put into a trial that was planned without them.

A plan names the addresses of lent machines by a text (`later_addr`), so a trial's identity does not depend on which machines one happens
to get.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from wke.describe.cluster.cluster import ClusterSpec, MachineSpec
from wke.describe.configuration.copies import Copy, RenderedFile
from wke.describe.configuration.secret import Secret
from wke.describe.configuration.step import PlannedStep
from wke.describe.plan.plan import Trial
from wke.values import dataclass

_LATER = re.compile(r"<([^<>\s]+)\.(external|internal)-addr>")


def bound(trial: Trial, cluster: ClusterSpec) -> Trial:
    """Return a trial for the machines of `cluster`, whose addresses are known; one without lent machines is returned as it is."""
    lent = {machine.name: machine for machine in cluster.machines if machine.is_lent}
    if not lent:
        return trial
    now = _Now(lent)
    machines = tuple(map(now.machine, trial.cluster.machines))
    return replace(
        trial,
        cluster=replace(trial.cluster, machines=machines),
        steps=tuple(map(now.step, trial.steps)),
        versions=tuple(map(now.step, trial.versions)),
    )


@dataclass(frozen=True, slots=True)
class _Now:
    """The machines as they are now, by name."""

    machines: Mapping[str, MachineSpec]

    def machine(self, planned: MachineSpec) -> MachineSpec:
        """Return a machine with its addresses, its login and the classes that it has in the trial."""
        return replace(self.machines.get(planned.name, planned), classes=planned.classes)

    def step(self, planned: PlannedStep) -> PlannedStep:
        return replace(
            planned,
            machines=tuple(map(self.machine, planned.machines)),
            options=tuple(
                (name, value if isinstance(value, Secret) else _LATER.sub(self._address, value)) for name, value in planned.options
            ),
            ready_step=planned.ready_step and self.step(planned.ready_step),
            copy=planned.copy and self.copy(planned.copy),
        )

    def copy(self, planned: Copy) -> Copy:
        """Return a copy whose rendered files have the addresses of now; their digests stay those of the plan."""
        return replace(planned, rendered=tuple(map(self._file, planned.rendered)))

    def _file(self, planned: RenderedFile) -> RenderedFile:
        text = _LATER.sub(self._address, planned.content.decode(errors="surrogateescape"))
        return replace(planned, content=text.encode(errors="surrogateescape"))

    def _address(self, found: "re.Match[str]") -> str:
        machine = self.machines.get(found[1])
        if machine is None:
            return found[0]
        return machine.internal_addr if found[2] == "internal" else machine.external_addr or machine.internal_addr
