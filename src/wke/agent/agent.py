"""The agent: takes the controller's frames, starts tasks and stops them, and tells what becomes of them. One thread, one loop.

It stops every task and ends when the controller says so, when its input is closed, when the lease runs out, when the guardian dies, and on
SIGTERM. Modules are chosen for the time it takes to import them: nearly all are built into the interpreter.
"""

import posix
import sys
import time

import _signal

from wke.agent import protocol
from wke.agent.files import to_bytes, to_text
from wke.agent.ladder import Ladder
from wke.agent.loop import Loop, Outgoing, Punctual
from wke.agent.modules import bring
from wke.agent.order import Order
from wke.agent.processes import MARKER, SLACK_S, Ownership, adopt_orphans, beneath, related, snapshot
from wke.agent.protocol import ProtocolError, dump
from wke.agent.task import CANNOT_START, Task, end

READ_SIZE = 1 << 18
KEPT_MEMORY = 4 << 20
SHORT_GRACE_S = 1.0  # when nobody waits for an answer any more
LAST_WORDS_S = 2.0
COMPANY_S = 0.02  # so long a task's start waits for what the task says: most tell both, or the end, within it
NAMED_AT_MOST = 100
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
        self.adopts = adopt_orphans()
        self.tasks = {}
        self._by_pid = {}
        self._watches = {}
        self._source = source
        self._decoder = decoder
        self._out = Outgoing(self.loop, sink, self._abandoned)
        self._pipes = [source, sink]
        self._copies = None  # until there is one
        self._owners = Ownership()
        self._epoch_ns = int(time.time() * 1e9) - _monotonic_ns()
        self._lease_until = time.monotonic() + self.lease_s
        self.guarded = True
        self._heartbeats = None
        self._disk_problem = None  # a script is missing then, and the controller will not send it again
        self._leaving = False
        self._alone = False
        self._gone = False
        self._full = False
        self._expects_much = False
        self._handlers = {
            protocol.PUT: self._on_put,
            protocol.START: self._on_start,
            protocol.RELEASE: self._on_release,
            protocol.STOP: self._on_stop,
            protocol.PING: self._on_ping,
            protocol.WAIT_PORT: self._on_wait_port,
            protocol.CLEAR: self._on_clear,
            protocol.BYE: self._on_bye,
            protocol.WATCH: self._on_watch,
            protocol.UNWATCH: self._on_unwatch,
            protocol.EXAMINE: self._on_examine,
            protocol.MODULES: self._on_modules,
        }
        self._handlers.update(dict.fromkeys(protocol.COPYING, self._on_copy))

    # -- the one thread

    def run(self, heartbeats, guardian):
        """Work until it is over: `heartbeats` leads to the guardian, `guardian` is closed when it ends (`guarded` is false then).

        What goes wrong here and is not a task's fault ends the agent, and is raised once the controller was told.
        """
        try:
            self._run(heartbeats, guardian)
        except Exception as error:
            self._tell(protocol.BROKEN, 0, {"why": _words(error)})
            self._out.finish(LAST_WORDS_S)
            raise
        self._out.finish(LAST_WORDS_S)

    def _run(self, heartbeats, guardian):
        self._heartbeats = heartbeats
        self._hear_signals()
        self.loop.watch(guardian, lambda: self._guardian_died(guardian))
        posix.set_blocking(self._source, False)
        self.loop.watch(self._source, self._receive)
        self.loop.at(self._lease_until, self._check_lease)
        self._tell(protocol.HELLO, 0, self._introduction())
        self._handle(b"")
        while not self._gone:
            if self._copies is not None:
                self._copies.turn()
            self._out.flush()
            self.loop.turn(self._out.patience_s())
            if self._full != self._out.full:
                self._balance()

    def clock(self):
        """Nanoseconds since the epoch, steady."""
        return self._epoch_ns + _monotonic_ns()

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
            self.reap()

        self.loop.watch(receive, woken)

    def _introduction(self):
        uname = posix.uname()
        return {
            "python": "{}.{}.{}".format(*sys.version_info[:3]),
            "hostname": uname.nodename,
            "user": self._user(),
            "home": to_text(self.home),
            "cpus": len(posix.sched_getaffinity(0)),
            "uname": " ".join(uname),
            "pid": posix.getpid(),
            "workfolder": to_text(self.files.path),
            "adopts": self.adopts,
            "at": self.clock(),
        }

    def _user(self):
        name = self.environment.get(b"USER") or self.environment.get(b"LOGNAME")
        if name:
            return to_text(name)
        import pwd

        try:
            return pwd.getpwuid(posix.getuid()).pw_name
        except KeyError:
            return str(posix.getuid())

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
            self._handlers.get(frame.kind, _refuse)(frame)

    def _on_put(self, frame):
        head = frame.head
        try:
            self.files.put(to_bytes(head["script"]), to_bytes(head["name"]), frame.payload, head["offset"])
        except (OSError, ValueError) as error:
            self._disk_problem = "cannot write {}: {}".format(to_text(self.files.path), error)

    def _on_start(self, frame):
        problem = self._disk_problem or ("the agent is leaving" if self._leaving else None)
        try:
            task = Task(self, frame.channel, Order(frame.head, frame.channel, self))
        except OSError as error:
            problem = "cannot write {}: {}".format(to_text(self.files.path), error.strerror)
        if problem is not None:
            self._tell(protocol.ENDED, frame.channel, end("failed", CANNOT_START, self.clock(), why=problem))
            return
        self.tasks[frame.channel] = task
        task.stage()
        if not task.held:
            task.spawn()
        elif not task.over:
            self._tell(protocol.STAGED, frame.channel, {})

    def _on_release(self, frame):
        task = self.tasks.get(frame.channel)
        if task is not None and task.held:
            task.held = False
            self._punctual.at((frame.head["at"] - self._epoch_ns) / 1e9, task.spawn)

    def _on_stop(self, frame):
        task = self.tasks.get(frame.channel)
        if task is not None:
            task.stop("cancelled")

    def _on_ping(self, frame):
        self._out.add(protocol.prefix(protocol.PONG, frame.channel, b'{"at":%d}' % self.clock(), 0))
        if frame.channel:  # it compares clocks, and comes many times
            return
        self._lease_until = time.monotonic() + self.lease_s
        try:
            posix.write(self._heartbeats, b".")
        except OSError:  # full, or the guardian is gone and we shall hear of it
            pass

    def _on_modules(self, frame):
        bring(frame.payload)

    def _on_wait_port(self, frame):
        from wke.agent.ports import PortWait  # which was brought for it, as below

        head, channel = frame.head, frame.channel
        PortWait(
            self.loop,
            head["address"],
            head["port"],
            head["within"],
            lambda answered: self._tell(protocol.PORT, channel, {"answered": answered}),
        )

    def _on_clear(self, frame):
        if "task" in frame.head:
            self._clear_task(frame)
        else:
            keep = frame.head.get("keep", ())
            self._end_copies(keep=False)
            self._stop_all(frame.head["grace"], lambda names: self._cleared(frame.channel, names, keep), keep)

    def _clear_task(self, frame):
        """Stop one task and what it left running; a task that is forgotten has left nothing."""
        task = self.tasks.get(frame.head["task"])

        def done(stopped, survivors):
            if task is not None:
                task.swept(stopped, survivors)
                task.finish()
            self._tell(protocol.CLEARED, frame.channel, {"leftovers": [repr(p) for p in stopped][:NAMED_AT_MOST]})

        if task is None:
            done([], [])
        else:
            task.stop_with_all("cancelled")
            Ladder(self.loop, lambda: self.belonging_to(task), frame.head["grace"], done)

    def _cleared(self, channel, names, keep):
        self._forget_ended(keep)
        if self.tasks.keys() <= set(keep):
            self.files.forget_tasks(keep)
        self._tell(protocol.CLEARED, channel, {"leftovers": names})

    def _on_bye(self, frame):
        def part(names):
            self._tell(protocol.FAREWELL, 0, {"leftovers": names})
            self._gone = True

        self._leaving = True
        self._end_copies(keep=False)
        self._stop_all(frame.head["grace"], part)

    def _on_copy(self, frame):
        if self._copies is None:
            from wke.agent.transfer import Transfers

            self._copies = Transfers(self.loop, self._pipes, self._tell, lambda: self._out.size, self.home)
        self._copies.hear(frame)

    def _end_copies(self, keep):
        if self._copies is not None:
            self._copies.close(keep)

    def _on_watch(self, frame):
        from wke.agent.probes import whereabouts
        from wke.agent.watch import Watch

        channel, first = frame.channel, (frame.head["at"] - self._epoch_ns) / 1e9

        def report(numbers):
            if not self._out.full:  # the controller is behind: it can miss samples, not what tasks say
                self._tell(protocol.SAMPLE, channel, dict(numbers, at=self.clock()))

        self._tell(protocol.WATCHED, channel, whereabouts())
        self._watches[channel] = Watch(self.loop, first, frame.head["interval"], report)

    def _on_unwatch(self, frame):
        watch = self._watches.pop(frame.channel, None)
        if watch is not None:
            watch.stop()

    def _on_examine(self, frame):
        from wke.agent.fingerprint import fingerprint

        self._tell(protocol.EXAMINED, frame.channel, {"facts": fingerprint()})

    # -- to the controller

    def _tell(self, kind, channel, head, payload=b""):
        self._out.add(protocol.prefix(kind, channel, dump(head), len(payload)))
        if payload:
            self._out.add(payload)

    def started(self, task, at_ns):
        """Report that a task's process exists, in a moment: most have said something by then, or ended, and one message tells both."""
        self._by_pid[task.pid] = task
        task.unsaid = protocol.prefix(protocol.STARTED, task.channel, b'{"at":%d}' % at_ns, 0)
        self._out.add(task.unsaid, patience_s=COMPANY_S)

    def output(self, task, stream, data):
        """Report what a task wrote."""
        head = b'{"stream":%d,"at":%d}' % (stream, self.clock())
        self._out.add(protocol.prefix(protocol.OUTPUT, task.channel, head, len(data)), data)
        if self._out.full:
            self._balance()

    def expect_much(self):
        """Get ready to hand on what a task says that fills its pipe."""
        if not self._expects_much:
            self._expects_much = True
            self._out.widen()
            bytes(KEPT_MEMORY)  # having freed so much once, the GNU C library keeps what reads need: page faults cost more than the reads

    def ended(self, task, head):
        """Report how a task ended, and with it that it began, unless that was said."""
        self._tell(protocol.ENDED, task.channel, dict(head, began=task.unsaid is not None and self._out.retract(task.unsaid)))

    def _balance(self):
        """Stop reading what tasks say while the controller is behind."""
        self._full = self._out.full
        for task in self.tasks.values():
            if self._full:
                task.pause()
            else:
                task.listen()

    # -- processes

    def reap(self):
        """Reap every child that ended, note the tasks among them, and tell whether there are other children."""
        while True:
            try:
                pid, status = posix.waitpid(-1, posix.WNOHANG)
            except ChildProcessError:
                for task in self._forget_ended():  # they were kept only to know whose daemons there are
                    if self.adopts and task.spare_folder is not None:
                        self.files.give_back(task.spare_folder)
                return False
            if not pid:
                return True
            task = self._by_pid.pop(pid, None)
            if task is not None:
                task.exited(status)

    def _forget_ended(self, keep=()):
        """Forget the tasks that are over, but for those on the channels `keep`, and return them."""
        return [self.tasks.pop(task.channel) for task in list(self.tasks.values()) if task.over and task.channel not in keep]

    def belonging_to(self, task):
        """Return the living processes that belong to a task."""
        population, owners = self._owned()
        return [p for p in population if owners[p.pid] is task]

    def _owned(self):
        """Return all processes of this connection and {pid: the task it belongs to, or None}."""
        population = self._population()
        return population, self._owners.assign(population, [t for t in self.tasks.values() if t.pid])

    def _population(self):
        processes_left = self.reap()
        if not self.adopts:
            return related(snapshot(), posix.getpid(), MARKER + self.token)
        return beneath(snapshot(), posix.getpid()) if processes_left else []  # all descend from our children, for we adopt orphans

    def _stop_all(self, grace_s, then, keep=()):
        """Stop every task and all that tasks left running, then call `then(names of what they had left)`.

        Those on the channels `keep` stay with all that is theirs. What nobody owns is theirs when it is older than all other tasks.
        """
        kept = [t for t in self.tasks.values() if t.channel in keep]
        tasks = [t for t in self.tasks.values() if t.channel not in keep]
        since = min([t.born for t in tasks if t.born is not None], default=float("inf")) - SLACK_S

        def others(population, owners):
            return [p for p in population if owners[p.pid] not in kept and (owners[p.pid] is not None or p.started >= since)]

        population, owners = self._owned()
        if keep:
            population = others(population, owners)
        leftovers = [repr(p) for p in population if owners[p.pid] is None or owners[p.pid].over]

        def done(stopped, survivors):
            for task in tasks:
                task.swept(*([p for p in some if owners.get(p.pid) is task] for some in (stopped, survivors)))
                task.finish()
            then(leftovers[:NAMED_AT_MOST])

        for task in tasks:
            task.stop_with_all("cancelled")
        Ladder(self.loop, (lambda: others(*self._owned())) if keep else self._population, grace_s, done)

    # -- the end

    def _abandoned(self):
        """Nobody listens any more: stop everything, quickly, and go."""

        def leave(_):
            self._gone = True

        if not self._alone:
            self._leaving = self._alone = True
            self._end_copies(keep=True)
            self._stop_all(SHORT_GRACE_S, leave)

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
        """Say why, in case somebody listens, before the tasks end: the controller shall not take their end for an answer to it."""
        if not self._leaving:
            self._tell(protocol.BROKEN, 0, {"why": why})
        self._abandoned()


def _refuse(frame):
    raise ProtocolError(f"{frame!r} is not for an agent")


def _words(error):
    if isinstance(error, MemoryError):
        return "out of memory"
    return str(error) if isinstance(error, ProtocolError) else repr(error)


def _monotonic_ns():
    try:
        return time.monotonic_ns()
    except AttributeError:  # Python 3.6
        return int(time.monotonic() * 1e9)
