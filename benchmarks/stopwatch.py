"""Runs one command and prints its wall time, the CPU time of all its processes, its most memory and its exit status as JSON.

    stopwatch.py FILE PID COMMAND [ARGUMENT...]

The command's output goes to FILE. PID is a process that is not part of the command (0: none). What it and its descendants use until the
command ends is reported separately, for machines that work on the same cores. The stopwatch is a separate process, so that it can reap what
the command leaves behind. Daemons (a kept OpenSSH connection, the keeper of emulated machines) would otherwise not be counted. Wall time
ends when the command itself ends.
"""

import ctypes
import json
import os
import sys
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
LINGER_S = 0.3
POLL_S = 0.005


def main() -> None:
    """Time the command that the command line names."""
    output, machines, command = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        sys.exit(f"stopwatch: cannot become a reaper: {os.strerror(ctypes.get_errno())}")
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    before_s = _used_s(machines) if machines else 0.0
    started = time.perf_counter()
    pid = os.posix_spawnp(command[0], command, os.environ, file_actions=actions)
    _, status, usage = os.wait4(pid, 0)
    wall_s = time.perf_counter() - started
    machines_s = _used_s(machines) - before_s if machines else 0.0
    cpu_s = usage.ru_utime + usage.ru_stime + _left_behind_s()
    report = {
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "machines_s": machines_s,
        "peak_kib": usage.ru_maxrss,
        "status": os.waitstatus_to_exitcode(status),
    }
    print(json.dumps(report))


def _left_behind_s() -> float:
    """Return the CPU time of the processes that outlived the command: in full for those that end soon, up to now for those that stay."""
    total, deadline = 0.0, time.perf_counter() + LINGER_S
    while time.perf_counter() < deadline:
        try:
            pid, _, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return total
        if pid:
            total += usage.ru_utime + usage.ru_stime
        else:
            time.sleep(POLL_S)
    return total + sum(map(_used_s, _children(os.getpid())))


def _used_s(pid: int) -> float:
    """Return the CPU time of a living process and its descendants: its own in nanoseconds, that of ended children in clock ticks."""
    try:
        own_s = sum(int(file.read_text().split()[0]) for file in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # it ended in this moment
        return 0.0
    ended_s = (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
    return own_s + ended_s + sum(map(_used_s, _children(pid)))


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for file in Path(f"/proc/{pid}/task").glob("*/children") for word in file.read_text().split()]
    except OSError:
        return []


if __name__ == "__main__":
    main()
