"""What each task uses, as a source for the sampler: from its control group where there can be one, else from its processes.

The group tells the processor time and which processes belong to the task. All else is added up over these processes.
"""

import posix
import time

from wke.agent.cgroups import TaskGroups, counting, hierarchies
from wke.agent.machineusage import machine_sources
from wke.agent.meters import Meters, Sum, descendants
from wke.agent.processes import Ownership, boot_time

COLUMNS = ["cpu us counter", "memory B gauge", "read B counter", "written B counter", "threads 1 gauge", "descriptors 1 gauge"]
SAME_MOMENT_S = 0.004
REST = 50  # looking at processes takes at most one part in so many of one processor
BLOCK = 512
YOUNG_S = 0.03  # a task that ends before has no series: each begins new columns


class TaskUsages:
    """The sources of a connection's tasks, and of its machine if that is emulated.

    From now on every task that `tasks` starts has a group, if that can be. The guardian, to which `heartbeats` leads, removes them.
    """

    def __init__(self, tasks, environment, heartbeats):
        self._tasks = tasks
        self._environment = environment
        self._seen = {}
        self._owners = Ownership()
        self._members = {}
        self._totals = {}
        self._sums = []
        self._moment = self._touched = self._rest_until = self._began = 0.0
        self._is_fresh = False
        home = counting(hierarchies())
        try:
            self.groups = None if home is None else TaskGroups(home, tasks.token)
        except OSError:  # it is not ours to change
            self.groups = None
        self._meters = Meters(counts_cpu=self.groups is None)
        if self.groups is not None:
            posix.write(heartbeats, self.groups.folder.hex().encode())
        tasks.groups, tasks.usages = self.groups, self
        self.reaps = _can_reap_with_usage()

    @classmethod
    def of(cls, tasks, environment, heartbeats):
        """Return those of a connection."""
        return tasks.usages or cls(tasks, environment, heartbeats)

    def newcomers(self, reader):
        """Return the tasks that this `reader` has not been given yet, and that run for a while or have left something running.

        Also tells whether these are all, and none is too young yet.
        """
        seen, old = self._seen.get(reader, ()), boot_time() - YOUNG_S
        started = [task for task in self._tasks.by_channel.values() if task.pid]
        self._seen[reader] = grown = {task for task in started if task.born < old}
        return [task for task in grown if task not in seen and (not task.over or self.processes(task))], len(grown) == len(started)

    def machine_sources(self):
        """Return the sources of the machine if it is emulated; those of its files in /proc are its host's."""
        return machine_sources(self._environment, self)

    def source(self, task):
        """Return the source of a task that was started; it goes on where one before it ended, as after contact was lost for a while."""
        self._totals = {one: total for one, total in self._totals.items() if self._tasks.by_channel.get(one.channel) is one}
        if task not in self._totals:
            self._totals[task] = Sum(self._meters)
        self._sums.append(self._totals[task])
        return TaskSource(self, task, self._totals[task])

    def machine(self, pids, *, counts_cpu, whole):
        """Return a function that adds up what the processes use that `pids()` returns, and returns that sum; None when it has to rest.

        Without `whole`, what they hold is not added up.
        """
        total = Sum(self._meters, whole=whole)
        self._meters.counts_cpu |= counts_cpu

        def read():
            if not self.begin():
                return None
            total.read(pids())
            self.end()
            return total

        return read

    def begin(self):
        """Begin a reading and tell whether processes are looked at in this moment; `end` ends it."""
        now = time.monotonic()
        if now - self._touched > SAME_MOMENT_S:
            self._moment, self._is_fresh = now, now >= self._rest_until
            self._began = time.process_time()
            if self._is_fresh:
                self._meters.begin()
                self._members = None
        self._touched = now
        return self._is_fresh

    def end(self):
        """End a reading: the longer those of a moment took, the later is the next one."""
        self._touched = time.monotonic()  # a moment lasts as long as its readings take, or later tasks would never have their turn
        self._rest_until = self._moment + REST * (time.process_time() - self._began)

    def processes(self, task):
        """Return the ids of the processes that belong to a task, parents before their children."""
        if task.group is not None:
            return task.group.processes()
        if self._members is None:
            self._members = {}
            for process, owner in self._owned():
                self._members.setdefault(owner, []).append(process.pid)
        return self._members.get(task, [])

    def _owned(self):
        population = None
        if self._tasks.adopts:
            try:
                population = [m for m in map(self._meters.of, descendants(posix.getpid())) if m is not None]
            except OSError:
                pass
        if population is None:
            population = self._tasks.population()
        owners = self._owners.assign(population, [t for t in self._tasks.by_channel.values() if t.pid])
        return [(process, owners[process.pid]) for process in population]

    def reaped(self, pid, usage):
        """Take note of what a process had used that this one has reaped."""
        used = (int((usage.ru_utime + usage.ru_stime) * 1e6), usage.ru_inblock * BLOCK, usage.ru_oublock * BLOCK)
        for one in dict.fromkeys(self._sums):
            one.ended(pid, used)

    def forget(self, total):
        """Add up for this sum no more."""
        if total in self._sums:
            self._sums.remove(total)


def _can_reap_with_usage():
    try:
        import resource  # noqa: F401 - what posix.wait4 needs
    except ImportError:
        return False
    return hasattr(posix, "wait4")


class TaskSource:
    """What one task uses. `read` raises OSError when the task is over and none of its processes is left."""

    columns = COLUMNS

    def __init__(self, usages, task, total):
        self._usages = usages
        self._task = task
        self._sum = total
        self._group = task.group

    def read(self):
        """Return a value for each column, None for one that cannot be read now."""
        group, total = self._group, self._sum
        if group is not self._task.group:
            raise ProcessLookupError(3, "the task is forgotten, and its group given back")
        cpu_us = None if group is None else group.used_us()
        if not self._usages.begin():
            return [cpu_us, None, None, None, None, None]
        total.read(self._usages.processes(self._task))
        self._usages.end()
        if total.is_empty and self._task.over:
            raise ProcessLookupError(3, "the task has ended")
        own_us, read, written = total.counters
        return [own_us if cpu_us is None else cpu_us, total.memory, read, written, total.threads, total.descriptors]

    def close(self):
        """Read no more."""
        self._usages.forget(self._sum)
