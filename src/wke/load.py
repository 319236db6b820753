"""Load for a system under test, from one file: `from wke import load`, then `load.run(request, rate=1000, seconds=30)`.

An open loop sends each request when it is due, whether or not earlier ones are answered, and counts its latency from then: a system that
stands still makes all requests late that were due meanwhile. A closed loop has a number of clients, each of which waits for its answer. At
the end the numbers are printed as wke reads them, with an audit of the generator itself: was it late or busy, and did its requests leave
as was asked?

This file is sent to machines on which there is no wke: it needs Python 3.6 and nothing else. Times are integers, nanoseconds of one clock.
"""

import array
import base64
import collections
import errno
import gc
import heapq
import marshal
import math
import os
import random
import select
import socket
import struct
import sys
import time
import zlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SECOND = 10**9
NEVER = 1 << 62
AHEAD = SECOND // 200  # clients are told so long before the start
TICK_S = 0.02  # a loop looks around at least so often,
LOOK = SECOND // 4  # and for answers that do not come so often
PAUSE = SECOND // 20  # a closed loop's client waits so long after a request that failed
MOST_EXTENDED = 10  # a window stays open for at most this many times its length
AUDITED = 1_000_000  # requests
BATCH = 10  # requests that are expected in a window of the audit
DISTANCE, DISPERSION, EVEN = 0.05, 0.2, 0.1  # by how much arrivals may differ from what was asked
BUSY, LATE = 0.8, 0.1  # from here on we distrust ourselves: share of a core, share of the median latency
SHOWN, MOST_KINDS = 10, 1000  # kinds of errors
RECEIVE = 1 << 16  # bytes; with 256 KiB the allocator returns memory after each answer, and page faults double the processor time
HOUR = 3600 * SECOND
QUANTILES = (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999))
COROUTINE = 0x80  # a flag of the code of functions
SILENT = "no answer in time"
UNSENT = "never sent: no client was free"

clock = getattr(time, "perf_counter_ns", None) or (lambda: int(time.perf_counter() * 1e9))
processor_time = getattr(time, "process_time_ns", None) or (lambda: int(time.process_time() * 1e9))


class Failed(Exception):  # noqa: N818 - what a request did
    """Raise it for a request that was answered, but not as it should be. Requests that fail with the same text are one kind of error."""


# -- when requests are due


def arrivals(pieces, law, luck, index=0, size=1):
    """Yield when requests are due, in seconds: the share `index` of `size` of a rate that changes by `pieces` (seconds, from, to).

    By the law "constant" the shares take turns. By the law "poisson" each of them is a Poisson process, and so are all together.
    """
    poisson = law == "poisson"
    left, begin = luck.expovariate(1.0) if poisson else index / size, 0.0
    for seconds, low, high in pieces:
        first, slope = low / size, (high - low) / size / seconds
        whole = seconds * (low + high) / 2 / size
        while left < whole:  # the requests from the begin of this piece to the next one
            yield begin + (2 * left / (first + math.sqrt(max(0.0, first * first + 2 * slope * left))) if left else 0.0)
            left += luck.expovariate(1.0) if poisson else 1.0
        left -= whole
        begin += seconds


def expected(pieces, at):
    """Return how many requests are due up to a moment, on average."""
    count = 0.0
    for seconds, low, high in pieces:
        part = min(at, seconds)
        count += part * (low + (high - low) * part / seconds / 2)
        if at <= seconds:
            break
        at -= seconds
    return count


def audit(sent, pieces, law, index=0, size=1):
    """Return how the moments at which requests were sent differ from what was asked: (distance, dispersion), None for too few.

    The distance is that of Kolmogorov and Smirnov between the gaps and those of a Poisson process, None for constant gaps. The dispersion
    is the variance over the mean of the number of requests in windows in which ten are expected: 1 for a Poisson process, 0 for constant
    gaps.
    """
    clocked = [expected(pieces, at) / size for at in sorted(sent)]  # on a clock by which one request is due each second
    if len(clocked) < 10 * BATCH:
        return None
    poisson = law == "poisson"
    phase = clocked[0] if poisson else index / size + math.ceil(clocked[0] - index / size - 0.5) - 0.5  # halfway between two requests
    counts = collections.Counter(int((at - phase) // BATCH) for at in clocked)
    full = [counts[window] for window in range(int((clocked[-1] - phase) // BATCH))]
    mean = sum(full) / len(full)
    dispersion = sum((count - mean) ** 2 for count in full) / (len(full) - 1) / mean if mean else 0.0
    if not poisson:
        return None, dispersion
    gaps = sorted(later - earlier for earlier, later in zip(clocked, clocked[1:]))
    laws = [1 - math.exp(-gap) for gap in gaps]
    distance = max(max((k + 1) / len(gaps) - at, at - k / len(gaps)) for k, at in enumerate(laws))
    return distance, dispersion


# -- histograms in the V2 encoding of HdrHistogram, with three significant digits


def bucket(value):
    """Return the index of the bucket of a value."""
    shift = value.bit_length() - 11
    return value if shift <= 0 else (shift << 10) + (value >> shift)


def top(index):
    """Return the highest value of a bucket."""
    shift = max((index >> 10) - 1, 0)
    return ((index - (shift << 10) + 1) << shift) - 1


def rank(counts, q):
    """Return the value that a fraction `q` of all does not exceed (nearest rank, upper end of its bucket), 0 where there is none."""
    left = math.ceil(q * sum(counts.values()) - 1e-9)
    for index in sorted(counts):
        left -= counts[index]
        if left <= 0:
            return top(index)
    return 0


def encoded(counts):
    """Return a histogram as a line of text."""
    payload, after = bytearray(), 0
    for index in sorted(counts):
        gap = index - after
        for number in ([-gap] if gap > 1 else [0] * gap) + [counts[index]]:
            rest = number << 1 if number >= 0 else (-number << 1) - 1
            while rest > 0x7F:
                payload.append(rest & 0x7F | 0x80)
                rest >>= 7
            payload.append(rest)
        after = index + 1
    highest = max([HOUR] + [top(index) for index in counts])
    data = zlib.compress(struct.pack(">iiiiqqd", 0x1C849313, len(payload), 0, 3, 1, highest, 1.0) + bytes(payload))
    return base64.b64encode(struct.pack(">ii", 0x1C849314, len(data)) + data).decode()


def added(total, counts):
    """Add counts to others."""
    for key, count in counts.items():
        total[key] = total.get(key, 0) + count


# -- what was seen


class Tally:
    """What a process saw of its requests. They count if they were due from `opens` until the window `closes`.

    Each row is a second of the load: [due, sent, over, processor time, lags, latencies], the last two as counts in buckets. `errors` maps a
    kind to [how often, the first message].
    """

    def __init__(self, start, opens, closes, enough=0):
        self.start, self.opens, self.closes, self.enough = start, opens, closes, enough
        self.latest = closes + (MOST_EXTENDED - 1) * (closes - opens)
        self.rows, self.errors, self.sent_at = [], {}, array.array("q")
        self.answered = self.counted = self.waited = self.failed = self.unfinished = self.late = self.last = 0
        self.cpu = processor_time()

    def row(self, at):
        """Return the second in which a moment lies; what is after the window is not in its last second."""
        number = (at - self.start) // SECOND + (at >= self.closes)
        while number >= len(self.rows):
            self._note_cpu()
            self.rows.append([0, 0, 0, 0, {}, {}])
        return self.rows[number]

    def _note_cpu(self):
        cpu, before = processor_time(), self.cpu
        if self.rows:
            self.rows[-1][3] += cpu - before
        self.cpu = cpu

    def add(self, due, at, free, end, problem=None):
        """Count a request that was due, was sent `at`, when its client was free since `free`, and was over at `end`."""
        if end >= self.closes and problem is None and self.answered < self.enough and end < self.latest:
            self.closes = end + 1
        self.row(due)[0] += 1
        self._sent(due, at, free)
        if end < self.closes:
            self.row(end)[2] += 1
        if due < self.opens:
            return
        self.counted += 1
        self.last = max(self.last, end)
        if problem is None:
            self.answered += end < self.closes
        else:
            self._fail(*problem)
        if problem is None or problem[0] == SILENT:
            self._latency(due, end)

    def lose(self, due, at, free, now):
        """Count a request that is not over when we stop waiting, or was never sent (`at` is None): it waited until now, at least."""
        self.row(due)[0] += 1
        if at is not None:
            self._sent(due, at, free)
        if due >= self.opens:
            self.counted += 1
            self.unfinished += 1
            self.waited += at is None
            self._fail(UNSENT if at is None else SILENT, "")
            self._latency(due, now)

    def _sent(self, due, at, free):
        lag = bucket(max(0, at - (due if due > free else free)))
        if at < self.closes:
            row = self.row(at)
            row[1] += 1
            row[4][lag] = row[4].get(lag, 0) + 1
        if due >= self.opens:
            self.waited += free > due
            if len(self.sent_at) < AUDITED:
                self.sent_at.append(at - self.start)

    def _latency(self, due, end):
        latencies, latency = self.row(end)[5], bucket(end - due)
        latencies[latency] = latencies.get(latency, 0) + 1

    def _fail(self, kind, message):
        self.failed += 1
        self.late += kind in (SILENT, UNSENT)
        kind = kind if kind in self.errors or len(self.errors) < MOST_KINDS else "other errors"
        self.errors.setdefault(kind, [0, message])[0] += 1

    def state(self):
        """Return all of it as plain values."""
        self._note_cpu()
        if self.closes == NEVER:
            self.closes = max(self.last, self.opens) + 1
        self.row(self.closes - 1)
        length = max(1, self.closes - self.start)  # what we use while we wait for the last answers says nothing
        cpu = sum(row[3] for row in self.rows[: -(-length // SECOND)]) / length
        names = "start opens closes answered counted waited failed unfinished late rows errors".split()
        return dict({name: getattr(self, name) for name in names}, cpu=cpu, sent_at=self.sent_at.tobytes())


def merged(states):
    """Return what several processes saw together; their processor times are those of the busiest."""
    whole = states[0]
    for state in states[1:]:
        for name in ("answered", "counted", "waited", "failed", "unfinished", "late", "sent_at"):
            whole[name] += state[name]
        whole["closes"], whole["cpu"] = max(whole["closes"], state["closes"]), max(whole["cpu"], state["cpu"])
        for kind, (count, message) in state["errors"].items():
            whole["errors"].setdefault(kind, [0, message])[0] += count
        whole["rows"] += [[0, 0, 0, 0, {}, {}] for _ in state["rows"][len(whole["rows"]) :]]
        for total, row in zip(whole["rows"], state["rows"]):
            total[:4] = [total[0] + row[0], total[1] + row[1], total[2] + row[2], max(total[3], row[3])]
            added(total[4], row[4])
            added(total[5], row[5])
    return whole


# -- what is to be done


class LoadPlan:
    """What all processes of this task have to do together; refuses what makes no sense."""

    def __init__(self, rate, law, seconds, count, warmup, clients, think, timeout, processes, seed, enough, share):
        numbers = {"seconds": seconds, "count": count, "warmup": warmup, "clients": clients, "timeout": timeout, "processes": processes}
        for name, value in dict(numbers, enough=enough, think=0 if callable(think) else think).items():
            _refuse(not isinstance(value, (int, float, type(None))), "%s must be a number, not %r" % (name, value))
        told = int(os.environ.get("WKE_GROUP_INDEX", "0")), int(os.environ.get("WKE_GROUP_SIZE", "1"))
        self.index, self.size = told if share is None else share
        self.law, self.count, self.warmup, self.clients, self.enough = law, count, warmup, clients, enough
        self.think = think if callable(think) else lambda: think
        self.timeout, self.processes = int(timeout * SECOND), processes
        self.seed = int.from_bytes(os.urandom(4), "big") if seed is None else seed
        self.pieces = None if rate is None else _pieces(rate, warmup)
        profile = math.inf if rate is None else sum(piece[0] for piece in self.pieces) - warmup
        self.seconds = seconds if seconds is not None else profile if profile < math.inf else None if count else 10.0
        self._check(rate, seconds, think, warmup)

    def _check(self, rate, seconds, think, warmup):
        """Refuse what makes no sense."""
        law, count, processes = self.law, self.count, self.processes
        _refuse(law not in ("poisson", "constant"), 'arrivals must be "poisson" or "constant", not %r' % (law,))
        _refuse(self.seconds is not None and self.seconds <= 0, "seconds must be more than 0, not %r" % (seconds,))
        _refuse(count is not None and seconds is not None, "give either seconds or count")
        _refuse(count is not None and count < processes, "count must be at least 1 for each process, not %r" % (count,))
        _refuse(warmup < 0 or self.timeout <= 0, "warmup must not be less than 0, and timeout must be more")
        _refuse(processes < 1 or self.clients < processes, "there must be at least one client for each process, and one process")
        _refuse(rate is not None and not (think == 0 and self.enough == 0), "think and enough are for closed loops: leave out rate")


def _pieces(rate, warmup):
    """Return a rate as pieces (seconds, from, to); one that changes begins after the warm-up."""
    if isinstance(rate, (int, float)):
        _refuse(not 0 < rate < math.inf, "rate must be more than 0, not %r" % (rate,))
        return [(math.inf, rate, rate)]
    try:
        pieces = [(seconds, rates[0], rates[-1]) for seconds, *rates in rate]
        good = all(0 < seconds < math.inf and min(low, high) >= 0 and max(low, high) < math.inf for seconds, low, high in pieces)
        good = good and all(len(piece) < 4 for piece in rate)
    except (TypeError, IndexError):  # other than numbers, or no list of lists
        pieces, good = [], False
    _refuse(not good or not pieces, "rate must be a number, or a list of (seconds, rate) and (seconds, from, to), not %r" % (rate,))
    return ([(warmup, pieces[0][1], pieces[0][1])] if warmup else []) + pieces


def _refuse(wrong, text):
    if wrong:
        raise ValueError("load.run: " + text)


class LoadWork:
    """What one process of a plan has to do: it says when each request is due, and takes note of how it went.

    `agree` returns the moment at which all processes start, when this one is ready.
    """

    def __init__(self, plan, number, agree):
        self.plan, self.number, self.agree = plan, number, agree
        self.clients = range(number, plan.clients, plan.processes)
        self.left = math.inf if plan.count is None else len(range(number, plan.count, plan.processes))
        self.luck = random.Random("%s/%d" % (plan.seed, plan.index + plan.size * number))
        self.is_closed = plan.pieces is None
        self.timeout, self.over, self.due, self.tally = plan.timeout, NEVER, iter(()), None

    def begin(self):
        """Agree on the start."""
        plan = self.plan
        self.start = start = self.agree()
        opens = start + int(plan.warmup * SECOND)
        closes = NEVER if plan.seconds is None else opens + int(plan.seconds * SECOND)
        self.tally = Tally(start, opens, closes, -(-plan.enough // plan.processes))
        if not self.is_closed:
            self.due = arrivals(plan.pieces, plan.law, self.luck, plan.index + plan.size * self.number, plan.size * plan.processes)

    def first(self):
        """Return since when a client is free that has sent nothing: clients that think do not begin all at once."""
        return self.start - int(self.luck.random() * self.plan.think() * SECOND)

    def take(self, free):
        """Return when the next request is due, for a client that is free since then; None when there is no other one."""
        if self.is_closed:
            due = free + int(self.plan.think() * SECOND)
        else:
            due = next(self.due, None)
            due = NEVER if due is None else self.start + int(due * SECOND)
        if due >= self.tally.closes or self.left <= 0:
            self.over = min(self.over, clock())
            return None
        self.left -= due >= self.tally.opens
        return due

    def deadline(self):
        """Return until when to wait for answers."""
        return min(self.tally.closes, self.over) + self.timeout

    def free(self, end, problem):
        """Return since when the client is free whose request was over at `end`."""
        return end + PAUSE if problem and self.is_closed else end

    def finish(self, flight):
        """Take note of requests in `flight`, each (due, sent, free since), and of those that were due and not sent."""
        now = clock()
        for due, at, free in flight:
            self.tally.lose(due, at, free, now)
        due = None if self.is_closed else self.take(now)
        while due is not None:
            self.tally.lose(due, None, None, now)
            due = self.take(now)
        return self.tally.state()


# -- three ways to send: blocking calls in threads, asyncio, and bytes over TCP in one loop


def _kind(error):
    """Return which kind of error it is, and its message."""
    return (str(error), "") if isinstance(error, Failed) else (type(error).__name__, str(error))


def _close(connection):
    """Close a connection, as far as that is possible."""
    for part in connection if isinstance(connection, tuple) else (connection,):
        try:
            part.close()
        except Exception:  # it has no such method, or is broken
            continue


class _Threads:
    """Blocking calls, each client in its own thread."""

    def __init__(self, work, request, connect):
        import threading

        self.work, self.request, self.connect, self.thread = work, request, connect, threading.Thread
        self.lock, self.go, self.flight, self.ready, self.broken = threading.Lock(), threading.Event(), {}, [], []

    def run(self):
        """Drive the load to its end."""
        work = self.work
        threads = [self.thread(target=self.client, args=(number,), daemon=True) for number in work.clients]
        for thread in threads:
            thread.start()
        while len(self.ready) < len(threads) and not self.broken:
            time.sleep(0.001)
        if not self.broken:
            work.begin()
        self.go.set()
        while threads and not self.broken and clock() < work.deadline():
            threads[0].join(TICK_S)
            threads = [thread for thread in threads if thread.is_alive()]
        if self.broken:
            raise self.broken[0]
        with self.lock:
            return work.finish([self.flight.pop(number) for number in list(self.flight)])

    def client(self, number):
        """Be a client; what a request does not catch, such as an error of `think`, ends the run."""
        try:
            self.serve(number)
        except BaseException as error:
            self.broken.append(error)

    def serve(self, number):
        """Send requests. All clients are alike, so each takes the next one that nobody has, and sleeps until it is due."""
        work = self.work
        try:
            connection = self.connect() if self.connect else None
        except Exception as error:
            raise SystemExit("load: cannot connect: %s" % (error or type(error).__name__))
        self.ready.append(number)
        self.go.wait()
        with self.lock:
            free = work.first()
            due = work.take(free)
        while due is not None:
            wait = due - clock()
            if wait > 0:
                time.sleep(wait / SECOND)
            at = clock()
            self.flight[number] = (due, at, free)
            problem, connection = self.ask(connection)
            end = clock()
            with self.lock:
                if self.broken or self.flight.pop(number, None) is None:
                    return  # nobody waits for it any more
                problem = (SILENT, "") if end - at > work.timeout else problem
                work.tally.add(due, at, free, end, problem)
                free = work.free(end, problem)
                due = work.take(free)
        _close(connection)

    def ask(self, connection):
        """Make a request; return what was wrong, if anything, and the connection if it is of use."""
        try:
            if self.connect is None:
                self.request()
            else:
                connection = self.connect() if connection is None else connection
                self.request(connection)
        except Failed as error:
            return _kind(error), connection
        except Exception as error:
            _close(connection)
            return _kind(error), None
        return None, connection


class _Asyncio:
    """Coroutines, each client a task of one loop."""

    def __init__(self, work, request, connect):
        import asyncio
        import selectors

        class Precise(selectors.EpollSelector):
            """Waits to the microsecond; an epoll waits for whole milliseconds, and is itself a file to wait for."""

            def select(self, timeout=None):
                if timeout is None or timeout > 0:
                    select.select([self.fileno()], [], [], timeout)
                return selectors.EpollSelector.select(self, 0)

        self.work, self.request, self.connect, self.asyncio = work, request, connect, asyncio
        self.loop = asyncio.SelectorEventLoop(Precise())
        self.flight, self.tasks, self.ready, self.broken = {}, {}, [], []

    def run(self):
        """Drive the load to its end."""
        self.asyncio.set_event_loop(self.loop)
        try:
            state = self.loop.run_until_complete(self.drive())
        finally:
            self.loop.close()
        if self.broken:
            raise SystemExit("load: cannot connect: %s" % self.broken[0])
        return state

    async def drive(self):
        work, wait, state = self.work, self.asyncio.wait, None
        self.go = self.loop.create_future()
        self.tasks.update((number, self.asyncio.ensure_future(self.client(number))) for number in work.clients)
        left = set(self.tasks.values())
        while len(self.ready) < len(self.tasks) and not self.broken:
            _, left = await wait(left, timeout=0.001)
        if not self.broken:
            work.begin()
            self.go.set_result(None)
            while left and clock() < work.deadline():
                done, left = await wait(left, timeout=TICK_S)
                [task.result() for task in done]
            unfinished = list(self.flight.values())
            self.flight.clear()
            state = work.finish(unfinished)
        [task.cancel() for task in left]
        if left:
            await wait(left, timeout=1)
        await self.asyncio.sleep(0.001)  # for connections that are being closed
        return state

    async def client(self, number):
        """Be a client."""
        work = self.work
        try:
            connection = await self.connected() if self.connect else None
        except Exception as error:
            self.broken.append(str(error) or type(error).__name__)
            return
        self.ready.append(number)
        await self.go
        free = work.first()
        due = work.take(free)
        while due is not None:
            wait = due - clock()
            if wait > 0:
                await self.asyncio.sleep(wait / SECOND)
            at = clock()
            self.flight[number] = (due, at, free)
            problem, connection = await self.ask(number, connection)
            del self.flight[number]
            end = clock()
            work.tally.add(due, at, free, end, problem)
            free = work.free(end, problem)
            due = work.take(free)
        _close(connection)

    async def ask(self, number, connection):
        """Make a request; return what was wrong, if anything, and the connection if it is of use."""
        timer = self.loop.call_later(self.work.timeout / SECOND, self.tasks[number].cancel)
        try:
            if self.connect is None:
                await self.request()
            else:
                connection = await self.connected() if connection is None else connection
                await self.request(connection)
        except Failed as error:
            return _kind(error), connection
        except self.asyncio.CancelledError:
            _close(connection)
            if number not in self.flight:
                raise
            return (SILENT, ""), None
        except Exception as error:
            _close(connection)
            return _kind(error), None
        finally:
            timer.cancel()
        return None, connection

    async def connected(self):
        made = self.connect()
        return await made if hasattr(made, "__await__") else made


def tcp(addresses, requests, answer):
    """Return what `run` takes to exchange bytes over TCP, which is the fastest: `addresses` are (host, port), which clients go around.

    `requests(client)` returns an iterator of bytes without end, one for each request of a client. `answer(data)` tells whether `data` is a
    whole answer, and raises Failed if it is whole and not as it should be.
    """
    addresses = list(addresses)
    good = addresses and all(isinstance(address, (tuple, list)) and len(address) == 2 for address in addresses)
    _refuse(not good, "the addresses of tcp must be a list of (host, port), not %r" % (addresses,))
    return _Tcp(addresses, requests, answer)


class _Tcp:
    def __init__(self, addresses, requests, answer):
        self.addresses, self.requests, self.answer = addresses, requests, answer


def http_answer(data):
    """Tell whether `data` is a whole answer of HTTP/1.1. Raise Failed with its first line if its status is 400 or higher."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return False
    head, body = data[: end + 2].lower(), end + 4
    at = head.find(b"\r\ncontent-length:")
    if at >= 0:
        whole = len(data) >= body + int(head[at + 17 : head.index(b"\r\n", at + 17)])
    else:
        whole = b"\r\ntransfer-encoding: chunked\r\n" not in head or _are_chunks(data, body)
    if whole and data[9:10] >= b"4":
        raise Failed(data[: data.index(b"\r\n")].decode("latin-1"))
    return whole


def _are_chunks(data, at):
    while True:
        line = data.find(b"\r\n", at)
        if line < 0:
            return False
        size = int(data[at:line].partition(b";")[0], 16)
        at = line + 2 + size + 2
        if len(data) < at or not size:
            return len(data) >= at


class _Connection:
    """One connection, which carries one request at a time. It is open unless `socket` is None, or not yet if it is `opening`."""

    def __init__(self, number, requests, place):
        self.number, self.requests, self.place = number, requests, place
        self.socket, self.opening, self.busy, self.is_pushing, self.out, self.got = None, False, False, False, b"", b""
        self.due = self.at = self.free = 0


def _server(address):
    """Return the family and address of a server."""
    try:
        return socket.getaddrinfo(*address, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise _unreachable(address, error) from None


def _unreachable(address, error):
    return SystemExit("load: cannot connect to %s port %s: %s" % (address[0], address[1], error.strerror or error))


class _Loop:
    """All connections of a process, driven by one epoll."""

    def __init__(self, work, wire, spin):
        self.work, self.wire, self.spin, self.poll = work, wire, spin, select.epoll()
        self.servers = [_server(address) for address in wire.addresses]
        plan = work.plan
        self.connections = [_Connection(k, iter(wire.requests(k)), (plan.index + k * plan.size) % len(self.servers)) for k in work.clients]
        self.of_file, self.coming, self.flying = {}, [], 0

    def run(self):
        """Drive the load to its end."""
        self._connect()
        work, coming = self.work, self.coming
        work.begin()
        for connection in self.connections:
            connection.free = work.first()
            self._expect(connection)
        look = work.start + LOOK
        while coming or self.flying:
            self._dispatch()
            for file, event in self._wait():
                self._handle(file, event)
                self._dispatch()
            if clock() >= look:
                look = clock() + LOOK
                if look - LOOK >= work.deadline():
                    break
                self._look()
        return work.finish([(each.due, each.at, each.free) for each in self.connections if each.busy])

    def _connect(self):
        """Open all connections before the clock runs; a server that cannot be reached ends the program."""
        left = set(self.connections)
        until = clock() + self.work.timeout
        for connection in self.connections:
            try:
                self._open(connection)
            except OSError as error:
                raise _unreachable(self.wire.addresses[connection.place], error) from None
        while left:
            for file, _ in self.poll.poll(TICK_S):
                connection = self.of_file[file]
                try:
                    self._opened(connection)
                except OSError as error:
                    raise _unreachable(self.wire.addresses[connection.place], error) from None
                left.discard(connection)
            if left and clock() > until:
                raise _unreachable(self.wire.addresses[left.pop().place], OSError(errno.ETIMEDOUT, SILENT))

    def _expect(self, connection):
        """Let a connection that is free wait for the next request."""
        due = self.work.take(connection.free)
        if due is not None:
            connection.due = due
            heapq.heappush(self.coming, (due, connection.number, connection))

    def _dispatch(self):
        """Send what is due."""
        coming = self.coming
        while coming and coming[0][0] <= clock():
            connection = heapq.heappop(coming)[2]
            connection.at, connection.busy, connection.out = clock(), True, next(connection.requests, b"")
            _refuse(not connection.out, "the requests of client %d came to an end" % connection.number)
            self.flying += 1
            try:
                if connection.socket is None:
                    self._open(connection)
                else:
                    self._send(connection)
            except OSError as error:
                self._fail(connection, error)

    def _wait(self):
        """Return the sockets that are ready, at the latest when the next request is due."""
        if not self.coming:
            return self.poll.poll(TICK_S)
        left = (self.coming[0][0] - clock()) / SECOND
        if left > 0 and not self.spin and not select.select([self.poll], [], [], min(left, TICK_S))[0]:
            return ()
        return self.poll.poll(0)

    def _handle(self, file, event):
        """Take what a socket has to say."""
        connection = self.of_file.get(file)
        if connection is None:
            return
        try:
            if connection.opening:
                self._opened(connection)
                return
            if connection.out and event & select.EPOLLOUT:
                self._send(connection)
            if event & ~select.EPOLLOUT:
                self._receive(connection)
        except BlockingIOError:
            return
        except OSError as error:
            self._fail(connection, error)

    def _receive(self, connection):
        data = connection.socket.recv(RECEIVE)
        if not data:
            raise OSError(errno.ECONNRESET, "closed by the server")
        if not connection.busy:
            raise OSError(errno.EPROTO, "it sent what was not asked for")
        connection.got = data = connection.got + data if connection.got else data
        try:
            if self.wire.answer(data):
                self._over(connection)
        except Failed as error:
            self._over(connection, (self._named(connection, error), ""))

    def _over(self, connection, problem=None):
        """The request of a connection has ended."""
        end = clock()
        self.work.tally.add(connection.due, connection.at, connection.free, end, problem)
        connection.busy, connection.out, connection.got = False, b"", b""
        connection.free = self.work.free(end, problem)
        self.flying -= 1
        self._expect(connection)

    def _open(self, connection):
        family, kind, protocol, _, address = self.servers[connection.place]
        connection.socket = one = socket.socket(family, kind, protocol)
        one.setblocking(False)
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.opening = True
        error = one.connect_ex(address)
        if error not in (0, errno.EINPROGRESS):
            raise OSError(error, os.strerror(error))
        self.of_file[one.fileno()] = connection
        self.poll.register(one, select.EPOLLOUT)

    def _opened(self, connection):
        error = connection.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, os.strerror(error))
        connection.opening = False
        self.poll.modify(connection.socket, select.EPOLLIN)
        if connection.busy:
            self._send(connection)

    def _send(self, connection):
        """Send what there is to send, as far as there is room."""
        if connection.opening:
            return
        out, whole = connection.out, len(connection.out)
        try:
            sent = connection.socket.send(out)
        except BlockingIOError:
            sent = 0
        connection.out = out[sent:]
        if connection.is_pushing != (sent < whole):
            connection.is_pushing = sent < whole
            self.poll.modify(connection.socket, select.EPOLLIN | (select.EPOLLOUT if sent < whole else 0))

    def _fail(self, connection, error):
        """A connection broke, and its request with it; it is opened again for its next request, to the next server."""
        problem = error if isinstance(error, tuple) else (self._named(connection, error.strerror or error), "")
        if connection.socket is not None:
            self.of_file.pop(connection.socket.fileno(), None)
            connection.socket.close()
        connection.socket, connection.opening, connection.is_pushing = None, False, False
        connection.place = (connection.place + 1) % len(self.servers)
        if connection.busy:
            self._over(connection, problem)

    def _named(self, connection, what):
        return "%s: %s" % (self.wire.addresses[connection.place][0], what)

    def _look(self):
        """Break connections that have been silent for too long."""
        now = clock()
        for connection in self.connections:
            if connection.busy and now - connection.at > self.work.timeout:
                self._fail(connection, (SILENT, self._named(connection, "")))


# -- several processes, and the whole


def _in_processes(plan, drive):
    """Return what the processes of a plan saw, each of which does a part of it."""
    sys.stdout.flush()
    sys.stderr.flush()
    children = []  # (process, what it tells, where it hears the start)
    try:
        for number in range(plan.processes):
            told, tell = os.pipe()
            hear, heard = os.pipe()
            child = os.fork()
            if not child:
                for handle in [handle for _, *handles in children for handle in handles]:
                    os.close(handle)
                os.close(told), os.close(heard)
                _be_child(plan, number, drive, tell, hear)
            os.close(tell), os.close(hear)
            children.append((child, told, heard))
        if not all(os.read(told, 1) for _, told, _ in children):
            raise SystemExit("load: a process could not begin")
        start = struct.pack("q", clock() + AHEAD)
        for _, _, heard in children:
            os.write(heard, start)
        return [_state_of(told) for _, told, _ in children]
    except BaseException:
        for child, _, _ in children:
            os.kill(child, 9)
        raise
    finally:
        for child, told, heard in children:
            os.close(told), os.close(heard)
            os.waitpid(child, 0)


def _state_of(told):
    data = b"".join(iter(lambda: os.read(told, 1 << 16), b""))
    if not data:
        raise SystemExit("load: a process ended before it could tell what it saw")
    return marshal.loads(data)


def _be_child(plan, number, drive, tell, hear):
    """Do the part of a process and tell what was seen. Does not return."""

    def agree():
        os.write(tell, b"r")
        return struct.unpack("q", os.read(hear, 8))[0]

    try:
        random.seed("%s/%d" % (plan.seed, number))  # or all processes draw the same
        state = marshal.dumps(drive(LoadWork(plan, number, agree)))
        with os.fdopen(tell, "wb") as file:  # once it is closed without that, we are killed: not before we have said why
            file.write(state)
    except BaseException as error:
        if isinstance(error, SystemExit):
            sys.stderr.write("%s\n" % error)
        else:
            sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def began():
    """Return when this process was started, which is when wke released the step, as far as the kernel tells it."""
    try:
        with open("/proc/self/stat", "rb") as file:
            ticks = int(file.read().rpartition(b")")[2].split()[19])
        age = time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", 7)) - (ticks + 0.5) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        age = 0.0
    return clock() - int(max(0.0, age) * SECOND)


def _counted(count, noun):
    return "%d %s%s" % (count, noun, "" if count == 1 else "s")


class LoadResult:
    """What a run saw of the requests of its window; latencies are from when a request was due, in seconds.

    `counted` requests were due, `answered` succeeded inside the window of `seconds`, `errors` maps kinds of failures to (how often, first
    message), and `unfinished` are those among them that were not over when the run ended. `lag` is the 99th percentile of how late
    the generator sent, `cpu` the share of a processor that its busiest process used. `audit` is (distance, dispersion), or None.
    """

    def __init__(self, plan, state):
        self._plan, self._state = plan, state
        self._latencies, self._lags = {}, {}
        for row in state["rows"]:
            added(self._lags, row[4])
            added(self._latencies, row[5])
        self.seed, self.counted, self.answered, self.unfinished = plan.seed, state["counted"], state["answered"], state["unfinished"]
        self.errors = {kind: tuple(seen) for kind, seen in state["errors"].items()}
        self.failed, self.cpu, self.seconds = state["failed"], state["cpu"], (state["closes"] - state["opens"]) / SECOND
        self.throughput = self.answered / self.seconds
        self.lag = rank(self._lags, 0.99) / SECOND
        sent = array.array("q")
        sent.frombytes(state["sent_at"])
        each = (at / SECOND for at in sent)
        self.audit = None if plan.pieces is None else audit(each, plan.pieces, plan.law, plan.index, plan.size)

    def quantile(self, q):
        """Return the latency that a fraction `q` of the requests did not exceed; None if there are too few to tell (for p99: 368)."""
        count = sum(self._latencies.values())
        return rank(self._latencies, q) / SECOND if count >= math.log(0.025) / math.log(max(q, 1 - q)) else None

    @property
    def mean(self):
        """The mean latency; None without requests."""
        count = sum(self._latencies.values())
        return sum((top(index) + 1) * seen for index, seen in self._latencies.items()) / count / SECOND if count else None

    def lines(self):
        """Yield what wke reads: for each second what was due, sent and over, then the metrics."""
        state = self._state
        origin = began() if "WKE_DIR" in os.environ else state["start"]
        seconds = -(-(state["closes"] - state["start"]) // SECOND)
        for number, (due, sent, over, cpu, lags, _) in enumerate(state["rows"][:seconds]):
            begin = state["start"] + number * SECOND
            end = min(begin + SECOND, state["closes"])
            open_loop = "due=%d " % due if self._plan.pieces else ""
            lag = " lag=%.4f ms" % (rank(lags, 0.99) / 1e6) if lags else ""
            busy = 100 * cpu / (end - begin)
            yield "@%.3f %ssent=%d done=%d%s load-cpu=%.1f %%" % ((end - origin) / SECOND, open_loop, sent, over, lag, busy)
        yield "throughput=%.1f 1/s" % self.throughput
        if self._latencies:
            yield "mean=%.4f ms" % (1000 * self.mean)
        known = ((name, self.quantile(q)) for name, q in QUANTILES)
        for name, latency in known:
            if latency is not None:
                yield "%s=%.4f ms" % (name, 1000 * latency)
        yield "errors=%d" % self.failed
        yield "unfinished=%d" % self.unfinished
        yield "load-cpu=%.1f %%" % (100 * self.cpu)
        yield "load-lag=%.4f ms" % (1000 * self.lag)
        if self.audit is not None:
            if self.audit[0] is not None:
                yield "arrivals-distance=%.2f %%" % (100 * self.audit[0])
            yield "arrivals-dispersion=%.3f" % self.audit[1]

    def words(self):
        """Yield what a person should know, one sentence each."""
        shown = sorted(self.errors.items(), key=lambda error: -error[1][0])[:SHOWN]
        for kind, (count, message) in shown:
            yield "%d x %s%s" % (count, kind, ": " + message if message else "")
        for name, q in QUANTILES[:3]:
            if self.quantile(q) is None:
                yield "only %s: too few for %s" % (_counted(sum(self._latencies.values()), "answer"), name)
        late = self._state["late"]
        if late:
            yield "the latency of %s is the time until we gave up: in truth it is longer" % _counted(late, "request")
        if self.cpu > BUSY:
            yield "saturated: it used %.0f %% of a processor; the system may be faster than this" % (100 * self.cpu)
        median = self.quantile(0.5)
        if median and self.lag > LATE * median:
            yield "saturated: it sent requests up to %.3f ms late (p99), where half of the latencies are below %.3f ms" % (
                1000 * self.lag,
                1000 * median,
            )
        if self._plan.pieces:
            yield "seed %d; arrivals: %s" % (self.seed, self.arrivals())

    def arrivals(self):
        """Return what the audit says of when requests were sent."""
        plan = self._plan
        if self.audit is None:
            return "%s, too few to audit" % plan.law
        distance, dispersion = self.audit
        chance = math.sqrt(2 * BATCH / max(self.counted, 1))
        if distance is None:
            good = dispersion <= EVEN
            seen = "counts vary by %.2f of what chance would do, and by %.2f at most if gaps are constant" % (dispersion, EVEN)
        else:
            allowed = max(DISTANCE, 1.63 / math.sqrt(self.counted)), max(DISPERSION, 3 * chance)
            good = distance <= allowed[0] and abs(dispersion - 1) <= allowed[1]
            seen = "gaps differ from the law by %.1f %% (up to %.1f %% is allowed), counts vary %.2f times as they should (1 +- %.2f)" % (
                100 * distance,
                100 * allowed[0],
                dispersion,
                allowed[1],
            )
        if good:
            return "%s, as asked: %s" % (plan.law, seen)
        waited = self._state["waited"] / max(1, self.counted)
        why = "%.0f %% of the requests waited for one of %d clients" % (100 * waited, plan.clients)
        return "NOT %s, as was asked: %s; %s" % (plan.law, seen, why if waited > 0.01 else "the generator was late")

    def log(self):
        """Return the latencies of each second as an interval log of HdrHistogram, in nanoseconds."""
        state = self._state
        base = time.time() - (clock() - state["start"]) / SECOND
        head = "#[Histogram log format version 1.3]\n#[StartTime: %.3f (seconds since epoch)]\n#[BaseTime: %.3f (seconds since epoch)]\n"
        lines = [head % (base, base), '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"\n']
        for number, row in enumerate(state["rows"]):
            if row[5]:
                begin = number - (state["start"] + number * SECOND >= state["closes"])  # see Tally.row
                lines.append("%d.000,1.000,%.6f,%s\n" % (begin, top(max(row[5])) / 1e6, encoded(row[5])))
        return "".join(lines)

    def write(self, histogram):
        """Write the interval log: to a path in $WKE_DIR, or seen from the current folder; the default only in $WKE_DIR."""
        folder = os.environ.get("WKE_DIR")
        if histogram or (folder and histogram is None):
            path = os.path.join(folder or "", histogram or "latency.hlog")
            if os.path.dirname(path):
                os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as file:
                file.write(self.log())


def run(
    request: "Callable[..., object]",
    connect: "Callable[[], object] | None" = None,
    *,
    rate: "float | Sequence[tuple[float, ...]] | None" = None,
    arrivals: str = "poisson",
    seconds: "float | None" = None,
    count: "int | None" = None,
    warmup: float = 0.0,
    clients: int = 64,
    think: "float | Callable[[], float]" = 0.0,
    timeout: float = 10.0,
    processes: int = 1,
    seed: "int | None" = None,
    enough: int = 0,
    share: "tuple[int, int] | None" = None,
    histogram: "str | None" = None,
    spin: bool = False,
) -> LoadResult:
    """Put load on a system, print what wke reads, and return it.

    `request` makes one request and raises an exception if it failed: a function, an `async def`, or what `tcp` returns. With `connect` it
    takes what that returns for each client. `rate` is in requests per second of all tasks of the step together, or a list of (seconds,
    rate) and (seconds, from, to); without it, each client waits for its answer and `think` seconds. Requests count if they are due in the
    `seconds` (10) after the `warmup`, or are the first `count` ones after it. The page "put load on a system" explains all arguments.
    Raises ValueError for what makes no sense; SystemExit if a client cannot connect at the start.
    """
    plan = LoadPlan(rate, arrivals, seconds, count, warmup, clients, think, timeout, processes, seed, enough, share)
    _refuse(spin and not isinstance(request, _Tcp), "spin is for load.tcp")
    is_coroutine = getattr(getattr(request, "__code__", None), "co_flags", 0) & COROUTINE
    way, how = (_Loop, spin) if isinstance(request, _Tcp) else (_Asyncio if is_coroutine else _Threads, connect)
    _be_punctual()
    if processes == 1:
        states = [way(LoadWork(plan, 0, lambda: clock() + AHEAD), request, how).run()]
    else:
        states = _in_processes(plan, lambda work: way(work, request, how).run())
    result = LoadResult(plan, merged(states))
    sys.stdout.write("".join("wke: %s\n" % line for line in result.lines()))
    sys.stdout.flush()
    sys.stderr.write("".join("load: %s\n" % sentence for sentence in result.words()))
    result.write(histogram)
    return result


def _be_punctual():
    """Let the kernel wake us when a sleep is over, not up to 50 us later; let a collection not look at all that was there before."""
    try:
        with open("/proc/self/timerslack_ns", "w") as file:
            file.write("1")
    except OSError:
        sys.stderr.write("load: the kernel may wake it up to 50 us late\n")
    gc.collect()
    if hasattr(gc, "freeze"):
        gc.freeze()
    sys.setswitchinterval(0.0005)


if __name__ == "wke":  # it was sent to a machine beside a script, as the whole package
    load = sys.modules["wke.load"] = sys.modules[__name__]
