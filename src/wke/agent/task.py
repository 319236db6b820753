"""A task: one script's process, its output, its end, and how it is stopped.

In this order: it is staged (all but its process exists); held until its release, if ordered; spawned; its process ends or is stopped;
what must not outlive it is stopped; its output is read to the end; the end is reported. If a child holds the output open for longer, the
end is reported nevertheless, and what the child writes later is read and dropped, because a closed pipe would kill a server.
"""

import posix

from wke.agent.files import forbids_programs, parts
from wke.agent.ladder import Ladder, rung
from wke.agent import frames
from wke.agent.loop import WIDE_SIZE, widen
from wke.agent.processes import TASK_MARKER, boot_time, spawn
from wke.agent.scripts import CannotRunError, command, refuse_order_mark

PIPE_SIZE = 1 << 16  # what the kernel gives
READS_AT_END = 16  # more than a pipe can hold
LINGER_S = 0.5
ENOENT, E2BIG, EAGAIN, EACCES = 2, 7, 11, 13
NOT_FOUND, CANNOT_START = 127, 126


class Task:
    """One task of `agent`, which gives the loop, the clock and the processes that belong to a task, and takes reports.

    `order` says what to run.
    """

    def __init__(self, agent, channel, order):
        self.channel = channel
        self.marker = TASK_MARKER + order.environment[TASK_MARKER[:-1]]
        self.pid = 0
        self.group = None  # the control group in which it runs, if there are such
        self.born = self.died = None
        self.unsaid = None  # the frame that reports its start, unless it has left
        self.over = False
        self.held = order.held
        self.grace_s = order.grace_s
        self.stop_signal = order.stop_signal
        self._agent = agent
        self._order = order
        self._argv = []
        self._pipes = {}  # read end -> stream
        self._wide = set()  # read ends that were full once
        self._write_ends = []
        self._listens = False
        self._status = None
        self._started_ns = self._ended_ns = 0
        self._reason = ""  # the outcome that was decided before its process ended
        self._stopping = False
        self._swept = False  # nothing that must not outlive it is left
        self._lingers = False
        self._reported = False  # metrics, in a file
        self._rung = self._detail = ""

    # -- the beginning

    def stage(self):
        """Do everything that can be done ahead; a task that cannot be started has failed, with the code that a shell would give."""
        order = self._order
        try:
            refuse_order_mark(order.beginning, "script")
            refuse_order_mark(order.prelude_beginning, "prelude")
            self._argv = command(order.script, order.beginning, order.arguments, order.prelude, order.passed)
            for stream in (1, 2):
                read_end, write_end = posix.pipe2(posix.O_CLOEXEC)
                self._pipes[read_end] = stream
                self._write_ends.append(write_end)
                posix.set_blocking(read_end, False)
        except CannotRunError as error:
            self._refuse("failed", error.code, error.why)
        except OSError as error:
            self._refuse("failed", CANNOT_START, self._why(error))

    def spawn(self):
        """Start it, unless it failed or was stopped before."""
        if self.over:
            return
        try:
            self._spawn()
        except OSError as error:
            self._refuse("failed", NOT_FOUND if error.errno == ENOENT else CANNOT_START, self._why(error))
        except ValueError as error:
            self._refuse("failed", CANNOT_START, "its arguments or its environment cannot be handed to a program: {}".format(error))

    def _spawn(self):
        agent = self._agent
        self.born, self._started_ns = boot_time(), agent.clock()
        groups = agent.tasks.groups
        self.group = None if groups is None else groups.hand_out()
        try:
            self.pid = spawn(self._argv, self._order.environment, self._order.folder, [agent.nothing] + self._write_ends)
        finally:
            if groups is not None:
                groups.move_on()
        self._close(self._write_ends)
        agent.started(self, self._started_ns)
        self.listen()
        if self._order.timeout_s is not None:
            agent.loop.after(self._order.timeout_s, lambda: self.stop("timed-out"))

    def _why(self, error):
        if error.errno == E2BIG:
            order = self._order
            size = sum(map(len, order.arguments)) + sum(len(k) + len(v) for k, v in order.environment.items())
            return "its arguments and its environment, {} bytes in all, are longer than this machine's kernel allows".format(size)
        if error.errno == EAGAIN:
            return "no process could be started there: the limit on processes is reached (ulimit -u, or TasksMax of systemd)"
        if error.errno == EACCES and self._argv[:1] == [self._order.script] and forbids_programs(self._order.script):
            return "programs cannot run in {}, which is mounted noexec: set TMPDIR to a folder in which they can".format(
                self._agent.files.path.rpartition(b"/")[0].decode("utf-8", "replace")
            )
        name = error.filename or self._order.script
        return "{}: {}".format(name.decode("utf-8", "replace") if isinstance(name, bytes) else name, error.strerror)

    def _close(self, handles):
        for handle in handles:
            posix.close(handle)
        del self._write_ends[:]

    def _refuse(self, kind, code, why):
        for handle in self._pipes:
            self._agent.loop.forget(handle)
        self._close(list(self._pipes) + self._write_ends)
        self._pipes = {}
        self._started_ns = self._ended_ns = self._agent.clock()
        self._report(kind, code, why)

    # -- output

    def listen(self):
        """Read its output whenever there is some."""
        if not self._listens:
            self._listens = True
            for handle in self._pipes:
                self._agent.loop.watch(handle, lambda handle=handle: self._hear(handle))

    def pause(self):
        """Stop reading its output: when the pipe is full the script waits. Output that is only dropped is still read."""
        if self._listens and not self.over:
            self._listens = False
            for handle in self._pipes:
                self._agent.loop.forget(handle)

    def _hear(self, handle):
        try:
            data = posix.read(handle, WIDE_SIZE if handle in self._wide else PIPE_SIZE)
        except BlockingIOError:
            return
        if len(data) == PIPE_SIZE and handle not in self._wide:
            self._widen(handle)
        if not data:
            self._agent.loop.forget(handle)
            posix.close(handle)
            del self._pipes[handle]
            self._wide.discard(handle)
            self._settle()
        elif not self.over:
            self._agent.output(self, self._pipes[handle], data)

    def _widen(self, handle):
        """Make room for a task with much output: it and we take turns less often."""
        self._wide.add(handle)
        widen(handle)
        self._agent.expect_much()

    def _hear_the_rest(self):
        for handle, stream in self._pipes.items():
            for _ in range(READS_AT_END):
                try:
                    data = posix.read(handle, PIPE_SIZE)
                except BlockingIOError:
                    break
                if not data:
                    break
                self._agent.output(self, stream, data)

    # -- the end

    def stop(self, reason):
        """Stop all of it, unless its process has ended already; `reason` is its outcome then."""
        if self._doom(reason) and self.pid:
            self._stopping = True
            self._sweep()

    def stop_with_all(self, reason):
        """Stop it as `stop` does, where the caller climbs the ladder for every process there is, and calls `swept`."""
        self._stopping = True
        self._doom(reason)

    def exited(self, status):
        """Its process was reaped with that status."""
        self._status, self._ended_ns, self.died = status, self._agent.clock(), boot_time()
        if not self._stopping:
            if status:
                self._sweep()
            else:
                self._swept = True  # a task that succeeded may leave a server running
        self._settle()

    def swept(self, stopped, survivors):
        """Take note that all its processes are gone, `stopped` by a signal, except the survivors."""
        if not self._swept:
            self._swept, self._rung = True, rung(stopped)
            if survivors:
                self._detail = "could not be stopped: " + ", ".join(p.with_user() for p in survivors)
            elif stopped and not self._reason:
                self._detail = "it left running, and we stopped: " + ", ".join(map(repr, stopped))
            self._settle()

    def finish(self):
        """Report the end now."""
        if not self.over:
            self._hear_the_rest()
            for data in parts(self._order.metrics, frames.MOST_METRICS):
                self._reported = True
                self._agent.output(self, frames.METRICS, data)
            self.listen()
            kind, code = outcome(self._status)
            detail = self._detail
            if self._order.prelude is not None and kind != "ok" and not self._order.prelude_passed():
                detail = "its prelude failed" + ("; " + detail if detail else "")
            if self._agent.files.is_gone():
                detail = (detail and detail + "; ") + "the work folder with its $WKE_DIR was removed during the run"
            self._ended_ns = self._ended_ns or self._agent.clock()
            self._report(self._reason or kind, None if self._reason else code, detail)

    @property
    def spare_folder(self):
        """The folder that another task may have when no process of this one is left, None when it may not."""
        order = self._order
        return None if order.is_kept or order.prelude is not None or self._reported else order.own_folder

    def _doom(self, reason):
        """Take note why it is stopped; tell whether that decides its outcome."""
        if self.over or self._reason or self._status is not None:
            return False
        self._reason = reason
        if not self.pid:
            self._refuse(reason, None, "stopped before it began")
        return True

    def _sweep(self):
        Ladder(self._agent.loop, lambda: self._agent.tasks.belonging_to(self), lambda _: (self.stop_signal, self.grace_s), self.swept)

    def _settle(self):
        if self._swept and not self.over:
            if not self._pipes:
                self.finish()
            elif not self._lingers:
                self._lingers = True
                self._agent.loop.after(LINGER_S, self.finish)

    def _report(self, kind, code, detail):
        self.over = True
        self._agent.ended(self, end(kind, code, self._started_ns, self._ended_ns, self._rung, detail))


def outcome(status):
    """Return kind and code of a wait status; None is a process that could not be reaped."""
    if status is None:
        return "cancelled", None
    if posix.WIFSIGNALED(status):
        return "signalled", posix.WTERMSIG(status)
    code = posix.WEXITSTATUS(status)
    return ("failed", code) if code else ("ok", None)


def end(kind, code, started_ns, ended_ns=None, rung="", why=""):  # noqa: PLR0917 - the values of one frame, in its order
    """Return the head of the frame that reports a task's end; a task that never began ended when it was to start."""
    return {"kind": kind, "code": code, "started": started_ns, "ended": ended_ns or started_ns, "rung": rung, "detail": why}
