"""The agent's one thread: waits for files and for moments, and calls who asked for them."""

import posix
import select
import time

import _heapq

READ = select.EPOLLIN
WRITE = select.EPOLLOUT
LAST_STRETCH_S = 0.002  # epoll counts in milliseconds; the rest of a wait is slept


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

    def at(self, moment, function):
        """Call `function()` once at that moment. It cannot be taken back: the function must know whether it is still wanted."""
        self._count += 1
        _heapq.heappush(self._moments, (moment, self._count, function))

    def after(self, seconds, function):
        """Call `function()` once after so many seconds."""
        self.at(time.monotonic() + seconds, function)

    def turn(self):
        """Wait for something to happen and handle it."""
        for handle, _ in self._epoll.poll(self._patience(), 64):
            function = self._watched.get(handle)
            if function is not None:
                function()
        now = time.monotonic()  # what is asked for meanwhile waits for the next turn, after the files
        while self._moments and self._moments[0][0] <= now:
            _heapq.heappop(self._moments)[2]()

    def _patience(self):
        if not self._moments:
            return -1
        patience = self._moments[0][0] - time.monotonic()
        if patience > LAST_STRETCH_S:
            return patience - LAST_STRETCH_S / 2
        if patience > 0:
            time.sleep(patience)
        return 0


class Outgoing:
    """Bytes on their way to the controller, sent as fast as it takes them; `full` says that it is behind."""

    LIMIT = 4 << 20
    PARTS = 64

    def __init__(self, loop, handle, on_closed):
        posix.set_blocking(handle, False)
        self._loop = loop
        self._handle = handle
        self._on_closed = on_closed
        self._parts = []
        self._waiting = False
        self.size = 0

    @property
    def full(self):
        """True while more waits than should be kept."""
        return self.size > self.LIMIT

    def add(self, *parts):
        """Add bytes; they leave with the next `flush`."""
        self._parts.extend(parts)
        self.size += sum(map(len, parts))

    def flush(self):
        """Send what can be sent now."""
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
        """Send the rest, but wait no longer than so many seconds in all."""
        deadline = time.monotonic() + within_s
        posix.set_blocking(self._handle, False)
        poll = select.poll()
        poll.register(self._handle, select.POLLOUT)
        self.flush()
        while self._parts and time.monotonic() < deadline:
            poll.poll(100)
            self.flush()
