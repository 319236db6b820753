"""The agent: takes the controller's frames, starts and stops tasks, and reports what they do. One thread, one loop.

It stops every task and ends when the controller says so, when its input is closed, when the lease runs out, when the guardian dies, and on
SIGTERM. It imports only what is cheap to import, which is nearly always built into the interpreter.
"""

import posix
import sys
import time

import _signal

from wke.agent import frames
from wke.agent.files import login, to_bytes, to_text
from wke.agent.loop import Loop, Outgoing, Punctual, steady_ns
from wke.agent.modules import bring
from wke.agent.order import Order
from wke.agent.protocol import ProtocolError, dump, prefix
from wke.agent.task import CANNOT_START, Task, end
from wke.agent.tasks import AgentTasks

READ_SIZE = 1 << 18
KEPT_MEMORY = 4 << 20
SHORT_GRACE_S = 1.0  # when no one waits for an answer any more
LAST_WORDS_S = 2.0
COMPANY_S = 0.02  # how long the report of a start waits for output or the end, to travel with it
COPYING = (frames.COPY_IN, frames.COPY_OUT, frames.OFFER, frames.HAVE, frames.DATA, frames.COMPLETE, frames.COPY_STOP)
DEAF_TO = (_signal.SIGHUP, _signal.SIGINT, _signal.SIGQUIT, _signal.SIGPIPE)


class Agent:
    """One connection's agent. `source` comes from the controller, `sink` leads there; `opening` is the head of its first frame."""

    def __init__(self, source, sink, decoder, opening, files):
        self.loop = Loop()
        self._punctual = Punctual(self.loop)
        self.files = files
        self.token = to_bytes(opening["token"])
        self.lease_s = float(opening["lease"])
        self.environment = dict(posix.environ)
        self.environment.update((to_bytes(k), to_bytes(v)) for k, v in opening["environment"].items())
        self.home = self.environment.get(b"HOME") or b"/"
        self.nothing = posix.open("/dev/null", posix.O_RDWR | posix.O_CLOEXEC)
        self.tasks = AgentTasks(self.loop, files, self.token)
        self._watches = None  # until there is one, as with copies
        self._source = source
        self._decoder = decoder
        self._out = Outgoing(self.loop, sink, self._abandoned)
        self._pipes = [source, sink]
        self._copies = None  # until there is one
        self._epoch_ns = int(time.time() * 1e9) - steady_ns()
        self._lease_until = time.monotonic() + self.lease_s
        self.guarded = True
        self.heartbeats = None
        self._disk_problem = None  # then a script is missing, and the controller will not send it again
        self._leaving = False
        self._alone = False
        self._gone = False
        self._full = False
        self._expects_much = False
        self.handlers = {
            frames.PUT: self._on_put,
            frames.START: self._on_start,
            frames.RELEASE: self._on_release,
            frames.STOP: self._on_stop,
            frames.PING: self._on_ping,
            frames.WAIT_PORT: self._on_wait_port,
            frames.CLEAR: self._on_clear,
            frames.BYE: self._on_bye,
            frames.WATCH: self._on_watch,
            frames.UNWATCH: self._on_unwatch,
            frames.EXAMINE: self._on_examine,
            frames.SCRAPE: self._on_scrape,
            frames.LOOK: self._on_look,
            frames.MODULES: self._on_modules,
        }
        self.handlers.update(dict.fromkeys(COPYING, self._on_copy))

    # -- the one thread

    def run(self, heartbeats, guardian):
        """Work until the end: `heartbeats` leads to the guardian; `guardian` is closed when it ends, and `guarded` is false then.

        An error that is not a task's fault ends the agent; it is raised after the controller was told.
        """
        try:
            self._run(heartbeats, guardian)
        except Exception as error:
            self._tell(frames.BROKEN, 0, {"why": _words(error)})
            self._out.finish(LAST_WORDS_S)
            raise
        self._out.finish(LAST_WORDS_S)

    def _run(self, heartbeats, guardian):
        self.heartbeats = heartbeats
        self._hear_signals()
        self.loop.watch(guardian, lambda: self._guardian_died(guardian))
        posix.set_blocking(self._source, False)
        self.loop.watch(self._source, self._receive)
        self.loop.at(self._lease_until, self._check_lease)
        self._tell(frames.HELLO, 0, self._introduction())
        self._handle(b"")
        while not self._gone:
            if self._copies is not None:
                self._copies.turn()
            if self._out.size:
                self._out.flush()
            self.loop.turn(self._out.patience_s() if self._out.size else None)
            if self._full != (self._out.size > 0 and self._out.full):
                self._balance()

    def clock(self):
        """Nanoseconds since the epoch, steady."""
        return self._epoch_ns + steady_ns()

    def moment(self, at_ns):
        """Return when `clock` will show that time, on the monotonic clock, by which the loop waits."""
        return time.monotonic() + (at_ns - self.clock()) / 1e9

    def _hear_signals(self):
        for number in DEAF_TO:
            _signal.signal(number, _signal.SIG_IGN)
        receive, send = posix.pipe2(posix.O_CLOEXEC | posix.O_NONBLOCK)
        _signal.signal(_signal.SIGCHLD, lambda *_: None)
        _signal.signal(_signal.SIGTERM, lambda *_: None)
        _signal.set_wakeup_fd(send)

        def woken():
            if _signal.SIGTERM in posix.read(receive, 4096):
                self._give_up("it was asked to end (SIGTERM), as when the machine shuts down")
            self.tasks.reap()

        self.loop.watch(receive, woken)

    def _introduction(self):
        uname = posix.uname()
        return {
            "python": "{}.{}.{}".format(*sys.version_info[:3]),
            "hostname": uname.nodename,
            "user": login(self.environment),
            "home": to_text(self.home),
            "cpus": len(posix.sched_getaffinity(0)),
            "uname": " ".join(uname),
            "pid": posix.getpid(),
            "workfolder": to_text(self.files.path),
            "adopts": self.tasks.adopts,
            "at": self.clock(),
        }

    # -- from the controller

    def _receive(self):
        try:
            data = posix.read(self._source, READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._handle(data)
        else:
            self.loop.forget(self._source)
            self._abandoned()

    def _handle(self, data):
        for frame in self._decoder.frames(data):
            self.handlers.get(frame.kind, _refuse)(frame)

    def _on_put(self, frame):
        head = frame.head
        try:
            self.files.put(to_bytes(head["script"]), to_bytes(head["name"]), frame.payload, head["offset"])
        except (OSError, ValueError) as error:
            self._disk_problem = self.files.problem(error)

    def _on_start(self, frame):
        problem = self._disk_problem or ("the agent is leaving" if self._leaving else None)
        try:
            task = Task(self, frame.channel, Order(frame.head, frame.channel, self))
        except OSError as error:
            problem = self.files.problem(error)
        if problem is not None:
            self._tell(frames.ENDED, frame.channel, end("failed", CANNOT_START, self.clock(), why=problem))
            return
        self.tasks.add(task)
        task.stage()
        if not task.held:
            task.spawn()
        elif not task.over:
            self._tell(frames.STAGED, frame.channel, {})

    def _on_release(self, frame):
        task = self.tasks.by_channel.get(frame.channel)
        if task is not None and task.held:
            task.held = False
            self._punctual.at(self.moment(frame.head["at"]), task.spawn)

    def _on_stop(self, frame):
        task = self.tasks.by_channel.get(frame.channel)
        if task is not None:
            task.stop("cancelled")

    def _on_ping(self, frame):
        self._out.add(prefix(frames.PONG, frame.channel, b'{"at":%d,"wall":%d}' % (self.clock(), int(time.time() * 1e9)), 0))
        if frame.channel:  # it compares clocks, and comes many times
            return
        self._lease_until = time.monotonic() + self.lease_s
        try:
            posix.write(self.heartbeats, b".")
        except OSError:  # full, or the guardian is gone, which we notice elsewhere
            pass

    def _on_modules(self, frame):
        bring(frame.payload)

    def _on_wait_port(self, frame):
        from wke.agent.ports import PortWait  # brought for this frame, as below

        head, channel = frame.head, frame.channel

        def tell(answered, stranger=""):
            self._tell(frames.PORT, channel, {"answered": answered, "stranger": stranger})

        PortWait(self.loop, (head["address"], head["port"]), head["within"], self.tasks.population, tell)

    def _on_clear(self, frame):
        head, channel = frame.head, frame.channel

        def tell(leftovers, survivors):
            self._tell(frames.CLEARED, channel, {"leftovers": leftovers, "survivors": survivors})

        def cleared(leftovers, survivors):
            self.tasks.forget_ended(keep)
            if self.tasks.by_channel.keys() <= set(keep):
                self.files.forget_tasks(keep)
                if head.get("scripts"):
                    self.files.forget_scripts()
            if self._watches is not None:  # a trial ends so, and wants its rows
                self._watches.flush()
            tell(leftovers, survivors)

        if "task" in head:
            self.tasks.stop_one(head["task"], head["grace"], tell)
        else:
            keep = head.get("keep", ())
            self._end_copies(keep=False)
            self.tasks.stop_all(head["grace"], cleared, keep)

    def _on_bye(self, frame):
        def part(leftovers, survivors):
            if self._watches is not None:
                self._watches.close()
            self._tell(frames.FAREWELL, 0, {"leftovers": leftovers, "survivors": survivors})
            self._gone = True

        self._leaving = True
        self._end_copies(keep=False)
        self.tasks.stop_all(frame.head["grace"], part)

    def _on_copy(self, frame):
        if self._copies is None:
            from wke.agent.transfer import Transfers

            self._copies = Transfers(self.loop, self._pipes, self._tell, lambda: self._out.size, self.home)
        self._copies.hear(frame)

    def _end_copies(self, keep):
        if self._copies is not None:
            self._copies.close(keep)

    def _on_watch(self, frame):
        if self._watches is None:
            from wke.agent.watch import Watches

            self._watches = Watches(self, self._tell, lambda: self._out.full)
        self._watches.begin(frame.channel, frame.head)

    def _on_unwatch(self, frame):
        if self._watches is not None:
            self._watches.end(frame.channel)
        self._tell(frames.UNWATCHED, frame.channel, {})

    def _on_examine(self, frame):
        from wke.agent.fingerprint import fingerprint

        facts = fingerprint()
        if b"WKE_EMULATED" in self.environment:
            from wke.agent.grouplimits import limit_facts

            facts.update(limit_facts())
        self._tell(frames.EXAMINED, frame.channel, {"facts": facts})

    def _on_scrape(self, frame):
        from wke.agent.scrape import PortScrape

        head, channel, at = frame.head, frame.channel, self.clock()

        def tell(answer, why):
            self._tell(frames.SCRAPED, channel, {"at": at, "why": why}, answer)

        PortScrape(self.loop, (head["address"], head["port"]), head["path"], head["within"], tell)

    def _on_look(self, frame):
        from wke.agent.looks import look

        self._tell(frames.SEEN, frame.channel, {"tasks": look(), "at": self.clock()})

    # -- to the controller

    def _tell(self, kind, channel, head, payload=b""):
        self._out.add(prefix(kind, channel, dump(head), len(payload)))
        if payload:
            self._out.add(payload)

    def started(self, task, at_ns):
        """Report soon that a task's process exists: most write something or end within that time, and one message carries both."""
        self.tasks.started(task)
        task.unsaid = prefix(frames.STARTED, task.channel, b'{"at":%d}' % at_ns, 0)
        self._out.add(task.unsaid, patience_s=COMPANY_S)

    def output(self, task, stream, data):
        """Report what a task wrote."""
        head = b'{"stream":%d,"at":%d}' % (stream, self.clock())
        self._out.add(prefix(frames.OUTPUT, task.channel, head, len(data)), data)
        if self._out.full:
            self._balance()

    def expect_much(self):
        """Get ready for a task that fills its pipe."""
        if not self._expects_much:
            self._expects_much = True
            self._out.widen()
            bytes(KEPT_MEMORY)  # after freeing that much once, the GNU C library keeps what reads need: a page fault costs more than a read

    def ended(self, task, head):
        """Report how a task ended, and that it began unless that was reported."""
        self._tell(frames.ENDED, task.channel, dict(head, began=task.unsaid is not None and self._out.retract(task.unsaid)))

    def _balance(self):
        """Stop reading the output of tasks while the controller is behind."""
        self._full = self._out.full
        for task in self.tasks.by_channel.values():
            if self._full:
                task.pause()
            else:
                task.listen()

    # -- the end

    def _abandoned(self):
        """Stop everything quickly and end: the controller is gone."""

        def leave(*_):
            self._gone = True

        if not self._alone:
            self._leaving = self._alone = True
            self._end_copies(keep=True)
            self.tasks.stop_all(SHORT_GRACE_S, leave, longest_s=SHORT_GRACE_S)

    def _check_lease(self):
        if time.monotonic() < self._lease_until:
            self.loop.at(self._lease_until, self._check_lease)
        else:
            self._give_up("it heard nothing from here for {:g} s (the lease)".format(self.lease_s))

    def _guardian_died(self, handle):
        self.loop.forget(handle)
        self.guarded = False
        self._give_up("its guardian was killed")

    def _give_up(self, why):
        """Say why before the tasks end, so that the controller does not take their end for an ordinary one."""
        if not self._leaving:
            self._tell(frames.BROKEN, 0, {"why": why})
        self._abandoned()


def _refuse(frame):
    raise ProtocolError(f"{frame!r} is not for an agent")


def _words(error):
    if isinstance(error, MemoryError):
        return "out of memory"
    return str(error) if isinstance(error, ProtocolError) else repr(error)
