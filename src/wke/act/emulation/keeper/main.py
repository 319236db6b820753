"""The keeper's own process: it starts the router, and stays outside to clear away what the kernel does not.

It reads its plan, a line, from standard input and writes one line to standard output: the machines, or what went wrong. Then it lives
until the router dies or standard input ends, which is when the controller is gone. A byte on standard input makes it stay for good.
"""

import json
import os
import select
import signal

from wke.act.emulation.keeper import cgroups, folder, syscalls
from wke.act.emulation.keeper.machine import UNLIMITED, failure
from wke.act.emulation.keeper.plan import NAMESPACES, PROCESSES, USER_NAMESPACES, KeeperPlan, decode
from wke.act.emulation.keeper.router import be_router

STAY = b"s"


def main() -> None:
    """Keep the machines that standard input asks for."""
    plan = decode(_read_line())
    router = None
    try:
        if plan.mode == PROCESSES:
            _make_homes(plan)
        else:
            told = _make_groups(plan)
            if not told[UNLIMITED] or plan.tries_limits:
                router = _start_router(plan, told)
            else:
                os.write(1, json.dumps(told).encode() + b"\n")
        _redirect(1)
        _wait(router)
    except OSError as error:
        os.write(1, json.dumps(failure(error)).encode() + b"\n")
    finally:
        if router is not None:
            os.kill(router, signal.SIGKILL)
            os.waitpid(router, 0)  # returns when everything in its pid namespace is gone
        if cgroups.clear(plan.folder):
            folder.remove(plan.folder)


def _read_line() -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        part = os.read(0, 1 << 16)
        if not part:
            raise SystemExit(0)
        line += part
    return line


def _make_groups(plan: KeeperPlan) -> dict[str, list[str]]:
    """Make the machines' control groups where only root can; return what to tell of them."""
    if plan.mode != NAMESPACES:
        return {UNLIMITED: [], "missing": []}
    groups = cgroups.Groups(plan)
    for machine, entries in zip(plan.machines, groups.entries, strict=True):
        machine.groups = entries
    return {UNLIMITED: groups.problems, "missing": groups.notes}


def _start_router(plan: KeeperPlan, told: dict[str, list[str]]) -> int:
    if plan.mode == USER_NAMESPACES:
        _enter_user_namespace()
    syscalls.unshare(syscalls.NEWPID, "making a pid namespace")
    pid = os.fork()
    if pid == 0:
        _redirect(0)
        answer = os.dup(1)
        _redirect(1)
        be_router(plan, answer, told)
    return pid


def _enter_user_namespace() -> None:
    """Become root of a user namespace in which only this user exists."""
    user, group = os.geteuid(), os.getegid()
    syscalls.unshare(syscalls.NEWUSER, "making a user namespace")
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)


def _make_homes(plan: KeeperPlan) -> None:
    for machine in plan.machines:
        os.makedirs(os.path.join(machine.folder, "home"))
        os.mkdir(os.path.join(machine.folder, "tmp"))
    homes = [{"name": m.name, "pid": 0, "started": 0, "home": os.path.join(m.folder, "home"), "groups": []} for m in plan.machines]
    os.write(1, json.dumps({"machines": homes, "missing": []}).encode() + b"\n")


def _redirect(fd: int) -> None:
    """Point a standard stream at nothing."""
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, fd)
    os.close(null)


def _wait(router: int | None) -> None:
    """Return when the router is dead or the controller gone."""
    poll = select.poll()
    poll.register(0, select.POLLIN)
    if router is not None:
        poll.register(os.pidfd_open(router), select.POLLIN)
    while True:
        for fd, _ in poll.poll():
            if fd != 0 or os.read(0, 1) != STAY:
                return
            poll.unregister(0)
            _redirect(0)


if __name__ == "__main__":
    main()
