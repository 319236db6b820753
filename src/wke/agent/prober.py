"""The prober of a relay: compares the clocks of the machines right below it with its own, so that the controller need not probe each.

The controller asks for all of them at once, and probes only the relay's clock itself. Machines are probed one after the other: several
would wait for each other here, and their round trips would seem longer than they are. All answers leave together.
"""

from _collections import deque

from wke.agent.frames import PING, PROBED
from wke.agent.loop import steady_ns
from wke.agent.protocol import Frame, encode

PATIENCE_S = 0.01  # then the next one begins all the same


class Prober:
    """Answers PROBE frames by the loop of a relay, which is machine `number`, by `tell(machine, frame)`."""

    def __init__(self, loop, number, tell):
        self._loop = loop
        self._number = number
        self._tell = tell
        self._waiting = deque()
        self._asked = {}  # machine -> the probing that runs
        self._current = None  # the one for which others wait
        self._answers = []

    def ask(self, branch, frame):
        """Probe the machine of a branch as often as the frame says; with no probe the relay only tells its own clock, at once."""
        probing = _Probing(branch, frame.channel, frame.head["probes"])
        if not probing.left:
            now = steady_ns()
            self._tell(branch.number, self._answer(probing, now, {"at": now}, now))
            return
        self._waiting.append(probing)
        if self._current is None:
            self._next()

    def take(self, number, pong, heard_ns):
        """Take an answer of a machine, and tell whether we had asked."""
        probing = self._asked.get(number)
        if probing is None or probing.channel != pong.channel:
            return False
        way_ns = heard_ns - probing.sent_ns
        if probing.best is None or way_ns < probing.way_ns:
            probing.way_ns = way_ns
            probing.best = self._answer(probing, probing.sent_ns, pong.head, heard_ns)
        if probing.left:
            self._send(probing)
            return True
        del self._asked[number]
        self._answers.append((number, probing.best))
        if probing is self._current:
            self._next()
        elif self._current is None:
            self._report()
        return True

    def forget(self, number):
        """Probe a machine no more that is out of reach."""
        probing = self._asked.pop(number, None)
        if probing is not None and probing is self._current:
            self._next()

    def _next(self):
        """Begin with the next machine that waits, or send all answers."""
        self._current = None
        while self._waiting:
            probing = self._waiting.popleft()
            if probing.branch.is_open:
                self._current = self._asked[probing.branch.number] = probing
                self._wait_for(probing)
                self._send(probing)
                return
        self._report()

    def _wait_for(self, probing):
        """Let the next one begin as soon as a machine has not answered for a while."""
        left = probing.left - 1

        def look():
            if probing is self._current:
                if probing.left == left:
                    self._next()
                else:
                    self._wait_for(probing)

        self._loop.after(PATIENCE_S, look)

    def _report(self):
        answers, self._answers = self._answers, []
        for number, answer in answers:
            self._tell(number, answer)

    def _send(self, probing):
        probing.left -= 1
        probing.branch.out.add(encode(PING, probing.channel, {}))
        probing.sent_ns = steady_ns()
        probing.branch.out.flush()

    def _answer(self, probing, sent_ns, head, heard_ns):
        return Frame(PROBED, probing.channel, dict(head, relay=self._number, sent=sent_ns, back=heard_ns))


class _Probing:
    """What was asked about one machine: `left` are the probes that have not been sent."""

    def __init__(self, branch, channel, left):
        self.branch = branch
        self.channel = channel
        self.left = left
        self.sent_ns = self.way_ns = 0
        self.best = None
