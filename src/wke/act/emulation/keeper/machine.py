"""One emulated machine: a process that is pid 1 in namespaces of its own. When it dies, everything that runs there dies too."""

import errno
import json
import os
import signal
import socket
from contextlib import suppress

from wke.act.emulation.keeper import cgroups, network, syscalls
from wke.act.emulation.keeper.disk import Abilities, Disk
from wke.act.emulation.keeper.plan import KeeperPlan

REFUSAL, IMPOSSIBLE, UNLIMITED = "refused", "impossible", "unlimited"
REFUSING = (errno.EPERM, errno.EACCES, errno.ENOSYS, errno.ENOSPC, errno.EUSERS, errno.EINVAL, errno.EROFS)


def failure(error: BaseException) -> dict[str, str]:
    """Return the answer about `error`: the kernel refuses (another kind of emulation may work), or the plan is impossible."""
    if isinstance(error, network.UnsupportedError):
        return {IMPOSSIBLE: str(error)}
    if isinstance(error, OSError) and error.errno in REFUSING:
        return {REFUSAL: f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror)}
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f" ({place.tb_frame.f_code.co_filename}:{place.tb_lineno})" if place else ""
    return {IMPOSSIBLE: f"{type(error).__name__}: {error}{where}"}


def started(pid: str) -> int:
    """Return when a process started, in the kernel's own unit: with the pid, its identity."""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        return int(file.read().rpartition(")")[2].split()[19])


def be_machine(plan: KeeperPlan, number: int, *, abilities: Abilities, router: network.Network, report: socket.socket) -> None:
    """Make this process, the first of its pid namespace, machine `number` of the plan. Reports once and never returns."""
    machine = plan.machines[number]
    try:
        pid = os.readlink("/proc/self")  # /proc is still the host's: this is the number that the controller knows us by
        began = started(pid)
        cgroups.join(machine.groups)
        syscalls.unshare(syscalls.NEWNET | syscalls.NEWUTS | syscalls.NEWIPC | syscalls.NEWNS, "making a machine's namespaces")
        socket.sethostname(machine.name)
        inside = network.Network()
        network.connect(machine, number, inside=inside, router=router, gateway=plan.gateway, link=plan.link)
        inside.close()
        router.close()
        disk = Disk(plan, machine, abilities)
        disk.enter()
        answer: dict[str, object] = {"name": machine.name, "pid": int(pid), "started": began, "home": disk.home, "missing": disk.missing}
        answer["groups"] = machine.groups
    except BaseException as error:  # noqa: BLE001 - whatever it is, the keeper has to hear of it
        answer = {**failure(error)}
    with suppress(OSError):  # the router has heard of another machine's failure and is gone: one is enough
        report.send(json.dumps(answer).encode())
    report.close()
    if "pid" not in answer:
        os._exit(1)
    while True:
        signal.pause()
