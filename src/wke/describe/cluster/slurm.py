"""What a cluster asks Slurm for, and the options of `salloc` and `sbatch` that say so."""

import math
from collections.abc import Iterator, Sequence

from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class SlurmSpec:
    """What [slurm] says. `nodes` is "any", or "named" if each machine has the name of its node; `time_s` is None for Slurm's default.

    `connect` is "dial-back" or "stdio". Nodes dial `address`, None being the one from which we reach them; to `fan_out` of them we, and
    each relay, have sockets.
    """

    nodes: str = "any"
    partition: str | None = None
    time_s: float | None = None
    account: str | None = None
    constraint: str | None = None
    exclusive: bool = True
    options: tuple[str, ...] = ()
    connect: str = "dial-back"
    address: str | None = None
    fan_out: int = 32

    def request(self, machines: Sequence[str], *, others: int = 0) -> list[str]:
        """Return the options of `salloc` and `sbatch` that ask for nodes for these machines, and `others`. The user's come last."""
        return [*self._asked(machines, others), *self.options]

    def _asked(self, machines: Sequence[str], others: int) -> Iterator[str]:
        yield f"--nodes={len(machines) + others}"
        yield "--ntasks-per-node=1"
        yield "--no-kill"  # a node that fails is the loss of one machine
        yield "--wait-all-nodes=1"
        if self.nodes == "named":
            yield f"--nodelist={','.join(machines)}"
        if self.exclusive:
            yield from ("--exclusive", "--mem=0")
        if self.time_s is not None:
            yield f"--time={math.ceil(self.time_s / 60)}"
        for name, value in (("partition", self.partition), ("account", self.account), ("constraint", self.constraint)):
            if value is not None:
                yield f"--{name}={value}"
