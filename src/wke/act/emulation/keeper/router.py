"""The router: the process that all machines descend from.

It is pid 1 of a pid namespace that holds theirs, and its network namespace holds the other end of every link. When it dies, however it
dies, the kernel removes all of it.
"""

import json
import os
import signal
import socket

from wke.act.emulation.keeper import machine, syscalls
from wke.act.emulation.keeper.disk import Abilities
from wke.act.emulation.keeper.network import Network
from wke.act.emulation.keeper.plan import KeeperPlan


def be_router(plan: KeeperPlan, answer_fd: int, told: dict[str, list[str]]) -> None:
    """Make this process, the first of its pid namespace, the router of the plan's machines. Writes one line and never returns.

    `told` is added to what it writes.
    """
    try:
        syscalls.die_with_parent()
        answer = _make_machines(plan, told)
    except BaseException as error:  # noqa: BLE001 - whatever it is, the controller has to hear of it
        os.write(answer_fd, json.dumps(machine.failure(error)).encode() + b"\n")
        os._exit(1)
    _write_all(answer_fd, json.dumps(answer).encode() + b"\n")
    os.close(answer_fd)
    while True:
        signal.pause()


def _make_machines(plan: KeeperPlan, told: dict[str, list[str]]) -> dict[str, object]:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps, for the router and for every machine
    syscalls.unshare(syscalls.NEWNS | syscalls.NEWNET | syscalls.NEWIPC | syscalls.NEWUTS, "making the router's namespaces")
    syscalls.mount("none", "/", None, syscalls.RECURSIVE | syscalls.PRIVATE)
    os.mkdir(plan.disks, 0o700)
    abilities = Abilities(plan.disks, user=_is_user_namespace())
    router = Network()
    router.set_loopback_up()
    with open("/proc/sys/net/ipv4/ip_forward", "w", encoding="ascii") as file:
        file.write("1")
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    for number, one in enumerate(plan.machines):
        os.mkdir(one.folder)
        syscalls.unshare(syscalls.NEWPID, "making a machine's pid namespace")
        if os.fork() == 0:
            ours.close()
            machine.be_machine(plan, number, abilities=abilities, router=router, report=theirs)
        syscalls.join_namespace(own, syscalls.NEWPID)
    theirs.close()
    return told | _gather(ours, len(plan.machines), told["missing"]) | {"overlay": abilities.parts, "in-memory": abilities.in_memory}


def _is_user_namespace() -> bool:
    """Tell whether we are root of a part of this computer's users only: made so by ourselves, or by a container."""
    with open("/proc/self/uid_map", encoding="ascii") as file:
        return file.read().split() != ["0", "0", "4294967295"]


def _gather(reports: socket.socket, count: int, missing_already: list[str]) -> dict[str, object]:
    """Return what the machines report, or the first failure."""
    machines: list[object] = []
    missing = dict.fromkeys(missing_already)
    while len(machines) < count:
        report = json.loads(reports.recv(1 << 20) or b'{"impossible": "a machine died while it was being made"}')
        if "pid" not in report:
            return dict(report)
        missing.update(dict.fromkeys(report.pop("missing")))
        machines.append(report)
    return {"machines": machines, "missing": list(missing)}


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]
