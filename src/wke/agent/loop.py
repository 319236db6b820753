"""The agent's event loop: waits for files and moments, and calls the functions registered for them."""

import posix
import select
import time

import _heapq

READ = select.EPOLLIN
WRITE = select.EPOLLOUT
WIDE_SIZE = 1 << 18
F_SETPIPE_SZ = 1031  # Python < 3.10 has no name for it
LAST_STRETCH_S = 0.002  # epoll counts in milliseconds; the rest of a wait is slept
AHEAD_OF_ALL = getattr(posix, "SCHED_FIFO", 1) | getattr(posix, "SCHED_RESET_ON_FORK", 0x40000000)


class Loop:
    """Calls a function when a file is ready (`watch`) or a moment has come (`at`, on the monotonic clock)."""

    def __init__(self):
        self._epoll = select.epoll()
        self._watched = {}
        self._moments = []
        self._count = 0

    def watch(self, handle, function, events=READ):
        """Call `function()` whenever `handle` can be read (or has been closed at the other end)."""
        self._epoll.register(handle, events)
        self._watched[handle] = function

    def forget(self, handle):
        """Watch `handle` no more; nothing happens when it was not watched."""
        if self._watched.pop(handle, None) is not None:
            self._epoll.unregister(handle)

    def at(self, moment, function, *, roughly=False):
        """Call `function()` once at that moment, or `roughly` up to a millisecond later, which saves waking up twice.

        It cannot be cancelled: the function must check whether it is still wanted.
        """
        self._count += 1
        _heapq.heappush(self._moments, (moment, self._count, function, roughly))

    def after(self, seconds, function):
        """Call `function()` once after that many seconds."""
        self.at(time.monotonic() + seconds, function)

    def turn(self, longest_s=None):
        """Wait for something to happen, no longer than `longest_s`, and handle it."""
        patience_s = self._patience()
        if longest_s is not None and not 0 <= patience_s < longest_s:
            patience_s = longest_s
        for handle, _ in self._epoll.poll(patience_s, 64):
            function = self._watched.get(handle)
            if function is not None:
                function()
        now = time.monotonic()  # moments that are added now wait for the next turn, after the files
        while self._moments and self._moments[0][0] <= now:
            _heapq.heappop(self._moments)[2]()

    def _patience(self):
        if not self._moments:
            return -1
        patience = self._moments[0][0] - time.monotonic()
        if self._moments[0][3]:
            return max(0, patience)
        if patience > LAST_STRETCH_S:
            return patience - LAST_STRETCH_S / 2
        if patience > 0:
            time.sleep(patience)
        return 0


class Punctual:
    """Calls functions at near moments, even on a busy machine: until then this process has real-time priority, if it may.

    Processes that a function starts do not inherit it. Functions that are due at the same moment are called one after the other.
    """

    def __init__(self, loop):
        self._loop = loop
        self._waiting = 0

    def at(self, moment, function):
        """Call `function()` once at that moment, on the monotonic clock."""
        self._waiting += 1
        _schedule(AHEAD_OF_ALL, 1)
        self._loop.at(moment, lambda: self._call(function))

    def _call(self, function):
        self._waiting -= 1
        try:
            function()
        finally:
            if not self._waiting:
                _schedule(0, 0)


def _schedule(policy, priority):
    try:
        posix.sched_setscheduler(0, policy, posix.sched_param(priority))
    except (OSError, AttributeError):  # only root may, and not in every container
        pass


class Outgoing:
    """Bytes on their way to the controller, sent as fast as it takes them; `full` says that it is behind.

    Bytes added with `patience_s` may wait that long for others: fewer, larger messages wake fewer processes on the way.
    """

    LIMIT = 1 << 20
    PARTS = 256

    def __init__(self, loop, handle, on_closed):
        posix.set_blocking(handle, False)
        self._loop = loop
        self._handle = handle
        self._on_closed = on_closed
        self._parts = []
        self._waiting = False
        self._until = None  # the moment up to which all that is here may wait
        self.size = 0

    @property
    def full(self):
        """True while more waits than should be kept."""
        return self.size > self.LIMIT

    def widen(self):
        """Let more fit into the pipe to the controller, if it is one."""
        widen(self._handle)

    def add(self, *parts, patience_s=0):
        """Add bytes; they leave with the next `flush`, but no earlier than they have to."""
        if not patience_s:
            self._until = None
        elif not self._parts:
            self._until = time.monotonic() + patience_s
        self._parts.extend(parts)
        self.size += sum(map(len, parts))

    def retract(self, part):
        """Take back the last part if it is `part` and has not left; tell whether that worked."""
        if not self._parts or self._parts[-1] is not part:
            return False
        self.size -= len(self._parts.pop())
        return True

    def patience_s(self):
        """Seconds until something has to be sent; None when nothing waits."""
        return None if self._until is None else max(0, self._until - time.monotonic())

    def flush(self):
        """Send what can be sent now, unless all of it may still wait."""
        if self._until is not None:
            if time.monotonic() < self._until:
                return
            self._until = None
        start = 0
        try:
            while start < len(self._parts):
                sent = posix.writev(self._handle, self._parts[start : start + self.PARTS])
                self.size -= sent
                while start < len(self._parts) and sent >= len(self._parts[start]):
                    sent -= len(self._parts[start])
                    start += 1
                if sent:
                    self._parts[start] = memoryview(self._parts[start])[sent:]
        except BlockingIOError:
            pass
        except OSError:
            self.size = 0
            del self._parts[:]
            self._on_closed()
            return
        del self._parts[:start]
        if self._waiting != bool(self._parts):
            self._waiting = not self._waiting
            if self._waiting:
                self._loop.watch(self._handle, self.flush, WRITE)
            else:
                self._loop.forget(self._handle)

    def finish(self, within_s):
        """Send the rest, within that many seconds in all."""
        deadline = time.monotonic() + within_s
        self._until = None
        posix.set_blocking(self._handle, False)
        poll = select.poll()
        poll.register(self._handle, select.POLLOUT)
        self.flush()
        while self._parts and time.monotonic() < deadline:
            poll.poll(100)
            self.flush()


def widen(handle):
    """Make a pipe larger, so that its ends take turns less often; other files stay as they are, and so do pipes of a user who has many."""
    import fcntl  # needed for much output only

    try:
        fcntl.fcntl(handle, F_SETPIPE_SZ, WIDE_SIZE)
    except OSError:
        pass


def steady_ns():
    """Return nanoseconds by a clock that is neither set nor, as the monotonic one is, made faster or slower by time daemons."""
    try:
        return time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
    except AttributeError:  # Python 3.6
        return int(time.clock_gettime(time.CLOCK_MONOTONIC_RAW) * 1e9)
