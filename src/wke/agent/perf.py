"""A source of hardware counters: `perf stat` counts events on the whole machine, and says what it has every interval."""

import posix

import _signal

from wke.agent.files import to_bytes
from wke.agent.processes import MARKER, spawn

PROGRAM = b"perf"
SHORTEST_MS = 100  # more often, perf itself costs too much
FIELDS = 6  # time; count; unit; event; how long it was counted; in percent
READ_SIZE = 1 << 16
WHOLE = 99.0
NO_COUNT = ("<not supported>", "<not counted>")


class PerfCounters:
    """Counts `events` with the `perf` of an agent's machine. `note(text)` is told why there are no counts, or only estimates.

    An event gets its column when it has been counted for the first time. An interval that was not counted is unknown, and the counter
    begins anew.
    """

    def __init__(self, events, interval_s, agent, note):
        self.columns = []
        self._note = note
        self._noted = set()
        self._totals = {}
        self._words = ""  # what it says that is no count
        self._rest = b""
        self._has_ended = False
        program = find(agent.environment.get(b"PATH", b""))
        if program is None:
            note("perf is not installed, so nothing is counted by it")
            raise OSError("no perf")
        interval_ms = b"%d" % max(SHORTEST_MS, int(interval_s * 1000))
        environment = dict(agent.environment)
        environment[b"LC_ALL"] = b"C"
        environment[MARKER[:-1]] = agent.token  # the guardian ends it if the agent cannot
        argv = [program, b"stat", b"-a", b"-x", b";", b"-I", interval_ms, b"-e", to_bytes(",".join(events))]
        self._handle, write_end = posix.pipe2(posix.O_CLOEXEC)
        posix.set_blocking(self._handle, False)
        try:
            self._pid = spawn(argv, environment, b"/", [agent.nothing, agent.nothing, write_end])
        except OSError as error:
            posix.close(self._handle)
            note("perf cannot be started: {}".format(error.strerror))
            raise
        finally:
            posix.close(write_end)
        agent.tasks.own.add(self._pid)
        if agent.tasks.groups is not None:
            agent.tasks.groups.send_home(self._pid)

    def read(self):
        """Return the counts up to the last interval that has ended; None if none has since the last reading: a rate would seem to be 0."""
        fresh = set()
        for line in self._lines():
            fields = line.split(";")
            if len(fields) < FIELDS:
                self._words = line.strip() or self._words
            else:
                self._count(fields, fresh)
        if self._has_ended:
            self._tell("perf counts nothing more: " + (self._words or "it has ended"))
            raise OSError("perf has ended")
        return [int(total) if event in fresh else None for event, total in self._totals.items()]

    def close(self):
        """End perf; again is harmless."""
        if self._handle is not None:
            posix.close(self._handle)
            self._handle = None
            try:
                posix.kill(self._pid, _signal.SIGTERM)
            except OSError:  # it has ended
                pass

    def _lines(self):
        while True:
            try:
                data = posix.read(self._handle, READ_SIZE)
            except BlockingIOError:
                break
            if not data:
                self._has_ended = True
                break
            self._rest += data
        lines = self._rest.split(b"\n")
        self._rest = lines.pop()
        return [line.decode("utf-8", "replace") for line in lines]

    def _count(self, fields, fresh):
        _, count, unit, event, _, percent = fields[:FIELDS]
        if count in NO_COUNT:
            if count == NO_COUNT[0]:
                self._tell("perf cannot count {} here".format(event))
            if event in self._totals:
                self._totals[event] = 0
                fresh.discard(event)
            return
        if float(percent) < WHOLE:
            self._tell("perf counts {} only part of the time and scales the count: fewer events would help".format(event))
        if event not in self._totals:
            self._totals[event] = 0
            self.columns = self.columns + ["perf." + "_".join(event.split()) + " " + (unit or "1") + " counter"]
        fresh.add(event)
        self._totals[event] += float(count) if "." in count else int(count)

    def _tell(self, text):
        if text not in self._noted:
            self._noted.add(text)
            self._note(text)


def find(path):
    """Return where perf is, None if it is in none of these folders."""
    for folder in path.split(b":"):
        program = folder + b"/" + PROGRAM
        if folder and posix.access(program, posix.X_OK):
            return program
    return None
