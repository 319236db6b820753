"""The machine's clock, compared with ours."""

from collections.abc import Callable, Mapping, Sequence

from wke.act.connection.link import Link
from wke.act.connection.questions import Questions
from wke.act.connection.untrusted import number_of
from wke.agent import frames
from wke.agent.protocol import Frame
from wke.errors import MachineError
from wke.judge.clocks import LOOKS, Probe, as_good, enough, reading
from wke.records import ClockReading


class Clock:
    """Reads a machine's clock over a link. `now` is our clock, in nanoseconds.

    The machine's clock is steady; at the last reading its wall clock was `wall_ahead_ns` ahead of it, so a change of this is a step.
    """

    is_ours = False  # else it needs no watching

    def __init__(self, link: Link, questions: Questions, now: Callable[[], int]) -> None:
        self._link = link
        self._questions = questions
        self._now = now
        self.wall_ahead_ns = 0
        self._best_ns = 0  # the shortest round trip of readings by many probes; another one like it need not be looked for
        self._hear: dict[int, Callable[[Frame], None]] = {}
        self.handlers: Mapping[int, Callable[[Frame], None]] = {frames.PONG: self._take}

    async def read(self, until: Callable[[Sequence[Probe]], bool] = enough) -> ClockReading:
        """Compare the clocks by probes, one after the other, `until` there are enough. Raises MachineError without contact."""
        while True:
            probes = await self._probe(lambda probes: as_good(probes[-1], self._best_ns) or until(probes))
            if len(probes) >= LOOKS[0]:
                self._best_ns = min(self._best_ns or probes[0].way_ns, *(probe.way_ns for probe in probes))
            if probes:
                return reading(probes)

    @property
    def relay(self) -> int | None:
        """What can read this clock and others for us; None if nothing can."""
        return self._link.wire.relay

    async def beside(self, relay: int, probes: int) -> Probe:
        """Have the relay compare the machine's clock with its own, or tell its own if there is to be no probe; the times are the relay's.

        Raises MachineError without contact, or when another relay answers.
        """
        head = (await self._questions.ask(frames.PROBE, {"probes": probes})).head
        if head["relay"] != relay:
            raise MachineError(f"machine {self._link.machine}: it is behind another relay now")
        at_ns = number_of(head, "at")
        if "wall" in head:
            self.wall_ahead_ns = number_of(head, "wall") - at_ns
        return Probe(number_of(head, "sent"), at_ns, number_of(head, "back"))

    async def of_relay(self, relay: int, until: Callable[[Sequence[Probe]], bool]) -> ClockReading:
        """Compare the relay's own clock with ours, by probes that go through it only. Raises as `beside` does."""
        probes: list[Probe] = []
        while not probes or not until(probes):
            sent_ns = self._now()
            at_ns = (await self.beside(relay, 0)).at_ns
            probes.append(Probe(sent_ns, at_ns, self._now()))
        return reading(probes)

    async def _probe(self, until: Callable[[Sequence[Probe]], bool]) -> list[Probe]:
        """Return the probes; none when contact was lost for a time, because then it is unknown which of two an answer is for."""
        probes: list[Probe] = []
        sent_ns, is_repeated, is_waiting = 0, False, False
        channel = self._link.new_channel()

        def send() -> None:
            nonlocal sent_ns, is_repeated, is_waiting
            is_repeated, is_waiting = is_repeated or is_waiting, True
            sent_ns = self._now()
            self._link.tell(frames.PING, channel, {})

        def hear(pong: Frame) -> None:
            nonlocal is_waiting
            is_waiting = False
            at_ns = number_of(pong.head, "at")
            probes.append(Probe(sent_ns, at_ns, self._now()))
            if "wall" in pong.head:
                self.wall_ahead_ns = number_of(pong.head, "wall") - at_ns
            if is_repeated or until(probes):
                self._questions.answer(pong)
            else:
                send()

        self._hear[channel] = hear
        try:
            await self._questions.ask_with(send, frames.PING, channel)
        finally:
            del self._hear[channel]
        return [] if is_repeated else probes

    def _take(self, frame: Frame) -> None:
        """Take the answer to a probe. That to a heartbeat needs no one: its arrival is the sign of life."""
        hear = self._hear.get(frame.channel)
        if hear is not None:
            hear(frame)
