"""Holds the sshd processes of a fleet: one process from which all of them, and everything that logins start, descend.

    machines.py FILE            FILE: a JSON list of command lines

It prints "started" when every command was started. Without it, what a login leaves behind (an agent's guardian, a daemon) would become a
child of init and be missing from the machines' CPU time. SIGTERM, or the end of its standard input, ends everything and then this process.
"""

import ctypes
import json
import os
import select
import signal
import sys
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
GRACE_S = 1.0
POLL_S = 0.02


def main() -> None:
    """Start the commands in the file and hold them until the end."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        sys.exit(f"machines: cannot become a reaper: {os.strerror(ctypes.get_errno())}")
    wake, woken = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    ending: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: ending.append(number))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the rig, which then ends us
    signal.signal(signal.SIGCHLD, lambda *_: None)
    null = [(os.POSIX_SPAWN_OPEN, descriptor, os.devnull, os.O_RDWR, 0) for descriptor in (0, 1)]
    for command in json.loads(Path(sys.argv[1]).read_text()):
        os.posix_spawn(command[0], command, os.environ, file_actions=null)
    print("started", flush=True)
    while not ending:
        ready, _, _ = select.select([0, wake], [], [])
        if 0 in ready and not os.read(0, 4096):
            break
        if wake in ready:
            os.read(wake, 4096)
        _reap()
    _end_all()


def _reap() -> bool:
    """Reap every child that has ended; return whether any is left."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def _end_all() -> None:
    """End all descendants: send SIGTERM, and kill those that are left after the grace."""
    deadline = time.monotonic() + GRACE_S
    _signal_all(signal.SIGTERM)
    while _reap():
        if time.monotonic() > deadline:
            _signal_all(signal.SIGKILL)
        time.sleep(POLL_S)


def _signal_all(number: int) -> None:
    """Send a signal to every descendant, parents first."""
    pids = [os.getpid()]
    for pid in pids:
        try:
            pids += [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        except OSError:
            continue
    for pid in pids[1:]:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


if __name__ == "__main__":
    main()
