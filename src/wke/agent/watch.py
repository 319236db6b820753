"""Watches: rows of all sources at moments that are agreed on, again and again."""

import time

from wke.agent import frames
from wke.agent.kernelfiles import slowly
from wke.agent.machineusage import EMULATED, PROCESSES
from wke.agent.ourselves import Ourselves
from wke.agent.sampler import Sampler
from wke.agent.sensors import sensor_sources
from wke.agent.sources import kernel_sources, network_sources, whereabouts
from wke.agent.taskusage import TaskUsages

SHORTEST_S = 0.005
FEWEST = 2  # rows that are sent when a trial ends: a single one tells no rate, and to send it makes trials that do nothing dearer
KEPT_MEMORY = 1 << 20


class Watches:
    """The watches of an agent's controller, by their channels. `tell(kind, channel, head, payload)` sends a frame."""

    def __init__(self, agent, tell, is_behind):
        self._agent = agent
        self._tell = tell
        self._is_behind = is_behind
        self._open = {}
        bytes(KEPT_MEMORY)  # after freeing that much once, the GNU C library keeps what chunks need: a new page costs a page fault

    def begin(self, channel, order):
        """Begin a watch; one on the same channel ends."""

        def tell(kind, head, payload):
            self._tell(kind, channel, head, payload)

        agent = self._agent
        self.end(channel)
        self._tell(frames.WATCHED, channel, whereabouts())
        sampler = Sampler(tell, self._is_behind)
        of_tasks = "task" in order["scopes"]
        usages = TaskUsages.of(agent.tasks, agent.environment, agent.heartbeats) if of_tasks or _is_whole(agent.environment) else None
        fill(sampler, order, agent, usages)
        usages = usages if of_tasks else None
        self._open[channel] = Watch(agent, order, sampler, usages=usages)

    def end(self, channel):
        """End a watch after sending its last rows; nothing happens when there is none."""
        watch = self._open.pop(channel, None)
        if watch is not None:
            watch.stop()

    def flush(self):
        """Send the rows that wait: a trial ends."""
        for watch in self._open.values():
            watch.flush()

    def close(self):
        """End all watches."""
        for channel in list(self._open):
            self.end(channel)


class Watch:
    """Has `sampler` take a row at the moment and the intervals that the head of a WATCH frame says, until `stop`.

    A chunk ends after every `rows` moments. Moments that were missed are left out and the others do not move. So machines that were told
    the same first moment stay in step, and send at the same time. `usages` gives the sources of tasks, if they are asked for.
    """

    def __init__(self, agent, order, sampler, *, usages=None):
        self.sampler = sampler
        self._usages = usages
        self._loop = agent.loop
        self._clock = agent.clock
        self._first = agent.moment(order["at"])
        self._interval_s = max(SHORTEST_S, order["interval"])
        self._chunk = max(1, order["rows"])
        self._tasks = agent.tasks
        self._known = 0  # how many had been started when all of them were known here
        self._fresh = 0  # rows that were taken since the last `flush`
        self._turns = -1
        self._over = False
        self._wait()

    def flush(self):
        """Send the rows that wait; if fewer than FEWEST were taken since the last call, forget them."""
        if self._fresh < FEWEST:
            self.sampler.forget()
        else:
            self.sampler.flush()
        self._fresh = 0

    def stop(self):
        """Send the last rows, and take no more."""
        self._over = True
        self.sampler.close()

    def _wait(self):
        before = self._turns
        self._turns = turns = before + 1
        due = self._first + turns * self._interval_s
        now = time.monotonic()
        if due < now:  # it is late
            self._turns = turns = int((now - self._first) / self._interval_s) + 1
            due = self._first + turns * self._interval_s
        if before // self._chunk != turns // self._chunk:
            self.sampler.flush()
        self._loop.at(due, self._turn, roughly=True)

    def _turn(self):
        if not self._over:
            if self._tasks.count != self._known:
                self._add_tasks()
            self.sampler.take(self._clock())
            self._fresh += 1
            self._wait()

    def _add_tasks(self):
        """Read the tasks, too, that have begun; a source ends by itself when its task has left nothing."""
        self._known = self._tasks.count
        if self._usages is not None:
            newcomers, is_complete = self._usages.newcomers(self)
            for task in newcomers:
                self.sampler.add("task.%d" % task.channel, self._usages.source(task))
            if not is_complete:
                self._known = -1


def _is_whole(environment):
    """Tell whether this is an emulated machine of which all processes are known: of plain processes, those of other agents are not."""
    return environment.get(EMULATED, PROCESSES) != PROCESSES


def fill(sampler, order, agent, usages):
    """Give a sampler the sources that the head of a WATCH frame asks for; what a kernel counts is the host's where machines share it."""
    scopes, interval_s = order["scopes"], order["interval"]
    kernel = "host" if order.get("shared") else "machine"
    network = kernel if agent.environment.get(EMULATED) == PROCESSES else "machine"
    for scope, make in ((kernel, kernel_sources), (kernel, sensor_sources), (network, network_sources)):
        for source in make(interval_s) if scope in scopes else ():
            sampler.add(scope, source)
    for source in usages.machine_sources() if usages is not None and order.get("shared") and "machine" in scopes else ():
        sampler.add("machine", source)
    if kernel in scopes:
        ours = (order.get("controller", ""), whereabouts()["kernel"], bool(order.get("shared")))
        for source in slowly(interval_s, 1, [(Ourselves, ours)]):
            sampler.add(kernel, source)
    if order.get("perf") and kernel in scopes:
        from wke.agent.perf import PerfCounters

        try:
            sampler.add(kernel, PerfCounters(order["perf"], interval_s, agent, sampler.note))
        except OSError:  # which is told
            pass
