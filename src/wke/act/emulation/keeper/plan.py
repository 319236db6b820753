"""The keeper's plan and its answers: plain values that travel as JSON."""

import json
import os
from collections.abc import Mapping

NAMESPACES, USER_NAMESPACES, PROCESSES = "namespaces", "user-namespaces", "processes"


class MachinePlan:
    """One machine to be made; `folder` is where all that it writes is kept, `limits` has what it may use, by the names in cluster.toml.

    The keeper sets `groups`: the files through which a process joins the machine's control groups.
    """

    def __init__(
        self, name: str, address: str, folder: str, limits: Mapping[str, object] | None = None, groups: tuple[str, ...] = ()
    ) -> None:
        self.name, self.address, self.folder, self.limits = name, address, folder, limits or {}
        self.groups = list(groups)


class LinkPlan:
    """What every machine's link is like: bits per second in each direction, and what the way out adds."""

    def __init__(self, rate_bits: float | None, delay_s: float, jitter_s: float, loss: float) -> None:
        self.rate_bits, self.delay_s, self.jitter_s, self.loss = rate_bits, delay_s, jitter_s, loss


class KeeperPlan:
    """The machines to be made, in `folder`, which is the keeper's alone.

    `gateway` is the router's address; `visible` and `share` are folders of this computer that the machines see although they lie where
    machines have folders of their own: copied on write, and written through. `hidden` is the folder that machines must not see. If it
    `tries_limits`, machines are made although some limits do not hold.
    """

    def __init__(
        self,
        *,
        mode: str,
        folder: str,
        hidden: str,
        gateway: str,
        machines: list[MachinePlan],
        visible: list[str],
        share: list[str],
        link: LinkPlan | None,
        tries_limits: bool = False,
    ) -> None:
        self.mode, self.folder, self.hidden, self.gateway = mode, folder, hidden, gateway
        self.machines, self.visible, self.share, self.link = machines, visible, share, link
        self.tries_limits = tries_limits

    @property
    def disks(self) -> str:
        """The folder that holds the folder of every machine."""
        return os.path.join(self.folder, "machines")

    @property
    def hosts(self) -> str:
        """The text of the machines' /etc/hosts."""
        names = [f"{m.address} {m.name}" for m in self.machines]
        return "\n".join(["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback", *names, ""])


def encode(plan: KeeperPlan) -> bytes:
    """Return `plan` as the line that the keeper reads."""
    return json.dumps(vars(plan), default=vars).encode() + b"\n"


def decode(line: bytes) -> KeeperPlan:
    """Return the plan in `line`."""
    values = json.loads(line)
    machines = [MachinePlan(**machine) for machine in values.pop("machines")]
    link = values.pop("link")
    return KeeperPlan(machines=machines, link=LinkPlan(**link) if link else None, **values)
