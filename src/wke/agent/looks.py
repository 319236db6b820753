"""A look at the tasks of a machine, those of other connections too: what each uses now. Nothing is claimed and nothing is touched.

A process belongs to the task whose marker it carries in its environment, or else to the task of its parent. Processes of other users
cannot be recognized unless this agent is root's.
"""

import posix

from wke.agent.files import to_text
from wke.agent.processes import ENVIRON_LIMIT, TASK_MARKER, boot_time, read_proc

NAMES = (b"WKE_TARGET", b"WKE_MACHINE", b"WKE_COPY")
STAT_SIZE = 1024
SETTLED_S = 2.0  # a process this old has executed its program, which set its environment
TURNS = 8  # a process that belongs to no task is looked at again in every eighth look: its number may be another process's by then
MOST = 200


class Looks:
    """Each `look` returns the tasks with what their processes used so far.

    A task is a list: its target, machine, copy, marker, processor time in milliseconds (user and system, of living processes and of
    children that they waited for), resident memory in bytes, threads, processes. Memory that processes share counts for each of them.
    """

    def __init__(self, proc="/proc"):
        self._proc = proc
        self._ticks = posix.sysconf("SC_CLK_TCK")
        self._page = posix.sysconf("SC_PAGE_SIZE")
        self._known = {}  # (pid, start) -> the names of its task
        self._strangers = set()  # the pids of processes that belong to no task
        self._turn = 0

    def look(self):
        """Return the MOST tasks that used most, as lists."""
        self._turn = (self._turn + 1) % TURNS
        self._strangers = {pid for pid in self._strangers if pid % TURNS != self._turn}
        seen = {}
        for entry in posix.listdir(self._proc):
            if entry.isdigit() and int(entry) not in self._strangers:
                self._read(int(entry), seen)
        settled = int((boot_time() - SETTLED_S) * self._ticks)
        tasks, known = {}, {}
        for pid, process in seen.items():
            names = self._names(pid, seen)
            if names is not None:
                known[pid, process[1]] = names
                sums = tasks.setdefault(names, [0, 0, 0, 0])
                for i, number in enumerate(process[2:]):
                    sums[i] += number
            elif process[1] < settled:
                self._strangers.add(pid)
        self._known = known
        most = sorted(tasks.items(), key=lambda item: -item[1][0])[:MOST]
        return [[to_text(name) for name in names] + [sums[0] * 1000 // self._ticks] + sums[1:] for names, sums in most]

    def _read(self, pid, seen):
        """Take note of a process: its parent, start, time, memory, threads, and that it is one."""
        stat = read_proc("%s/%d/stat" % (self._proc, pid), STAT_SIZE)
        fields = stat[stat.rfind(b")") + 2 :].split()
        if len(fields) > 21 and fields[0] not in b"ZX":
            memory = max(0, int(fields[21])) * self._page
            seen[pid] = (int(fields[1]), int(fields[19]), sum(map(int, fields[11:15])), memory, int(fields[17]), 1)

    def _names(self, pid, seen):
        """Return the names of the task that a process belongs to, None for a process of no task."""
        above = set()
        while pid in seen and pid not in above:
            above.add(pid)
            parent, start = seen[pid][:2]
            names = self._known.get((pid, start)) or self._marked(pid)
            if names is not None:
                return names
            pid = parent
        return None

    def _marked(self, pid):
        """Return what the environment of a process says about its task."""
        environ = read_proc("%s/%d/environ" % (self._proc, pid), ENVIRON_LIMIT)
        if TASK_MARKER not in environ:
            return None
        found = dict(line.split(b"=", 1) for line in environ.split(b"\0") if b"=" in line)
        marker = found.get(TASK_MARKER[:-1])
        return None if marker is None else tuple(found.get(name, b"") for name in NAMES) + (marker,)


look = Looks().look  # of this agent
