"""The tasks of a connection: which processes belong to which task, and how all of them are stopped."""

import posix

from wke.agent.ladder import Ladder
from wke.agent.processes import MARKER, SLACK_S, Ownership, adopt_orphans, beneath, related, snapshot, unseen

NAMED_AT_MOST = 100


class AgentTasks:
    """The tasks by their channels, until they are forgotten, and every process that they started."""

    def __init__(self, loop, files, token):
        self.adopts = adopt_orphans()
        self.by_channel = {}
        self.count = 0  # of those that have been started
        self.own = set()  # processes of the agent itself
        self.groups = self.usages = None  # until tasks are watched: see taskusage.py
        self._loop = loop
        self._files = files
        self.token = token
        self._marker = MARKER + token
        self._by_pid = {}
        self._owners = Ownership()

    def add(self, task):
        """Take note of a new task."""
        self.by_channel[task.channel] = task

    def started(self, task):
        """Take note of a task's process."""
        self._by_pid[task.pid] = task
        self.count += 1

    def reap(self):
        """Reap every child that ended, note the tasks among them, and tell whether there are other children."""
        while True:
            try:
                pid, status = posix.waitpid(-1, posix.WNOHANG) if self.usages is None or not self.usages.reaps else self._wait_for_usage()
            except ChildProcessError:
                for task in self.forget_ended(nothing_left=self.adopts):  # they were kept only to know which task a daemon belongs to
                    if self.adopts and task.spare_folder is not None:
                        self._files.give_back(task.spare_folder)
                return False
            if not pid:
                return True
            self.own.discard(pid)
            task = self._by_pid.pop(pid, None)
            if task is not None:
                task.exited(status)

    def _wait_for_usage(self):
        pid, status, usage = posix.wait4(-1, posix.WNOHANG)
        if pid:
            self.usages.reaped(pid, usage)
        return pid, status

    def forget_ended(self, keep=(), *, nothing_left=False):
        """Forget the tasks that are over, except those on the channels `keep`, and return them."""
        ended = [self.by_channel.pop(task.channel) for task in list(self.by_channel.values()) if task.over and task.channel not in keep]
        for task in ended if self.groups is not None else ():
            if task.group is not None:
                self.groups.give_back(task.group, nothing_left)
                task.group = None  # it serves another task from now on
        return ended

    def belonging_to(self, task):
        """Return the living processes that belong to a task."""
        population, owners = self._owned()
        return [p for p in population if owners[p.pid] is task]

    def _owned(self):
        """Return all processes of this connection and {pid: the task it belongs to, or None}."""
        population = self.population()
        return population, self._owners.assign(population, [t for t in self.by_channel.values() if t.pid])

    def population(self):
        """Return all living processes of this connection."""
        processes_left = self.reap()
        if not self.adopts:
            return [p for p in related(snapshot(), posix.getpid(), self._marker) if p.pid not in self.own]
        if not processes_left:
            return []
        processes = snapshot()  # all descend from our children, for we adopt orphans
        return [p for p in beneath(processes, posix.getpid()) + unseen(processes) if p.pid not in self.own]

    def stop_one(self, channel, grace_s, then):
        """Stop one task and what it left running, then call `then(what was stopped, what survived)`; a forgotten task has left nothing."""
        task = self.by_channel.get(channel)

        def done(stopped, survivors):
            task.swept(stopped, survivors)
            task.finish()
            then(_named(stopped), _named(survivors))

        if task is None:
            then([], [])
        else:
            task.stop_with_all("cancelled")
            Ladder(self._loop, lambda: self.belonging_to(task), lambda _: (task.stop_signal, grace_s), done)

    def stop_all(self, grace_s, then, keep=(), longest_s=float("inf")):
        """Stop every task and what tasks left running, then call `then(what they had left, what survived)`.

        Those on the channels `keep` stay with all their processes. A process of no known task is theirs if it is older than the others; it
        has `grace_s` to end. Those of a task have its grace, but at most `longest_s`.
        """
        kept = [t for t in self.by_channel.values() if t.channel in keep]
        tasks = [t for t in self.by_channel.values() if t.channel not in keep]
        since = min([t.born for t in tasks if t.born is not None], default=float("inf")) - SLACK_S
        owners = {}

        def others():
            population, found = self._owned()
            owners.update(found)
            if not keep:
                return population
            return [p for p in population if owners[p.pid] not in kept and (owners[p.pid] is not None or p.started >= since)]

        def manner(process):
            owner = owners[process.pid]
            return ("SIGTERM", grace_s) if owner is None else (owner.stop_signal, min(owner.grace_s, longest_s))

        def done(stopped, survivors):
            for task in tasks:
                task.swept(*([p for p in some if owners.get(p.pid) is task] for some in (stopped, survivors)))
                task.finish()
            then(_named(leftovers), _named(survivors))

        leftovers = [p for p in others() if owners[p.pid] is None or owners[p.pid].over]
        for task in tasks:
            task.stop_with_all("cancelled")
        Ladder(self._loop, others, manner, done)


def _named(processes):
    return [p.with_user() for p in processes[:NAMED_AT_MOST]]
