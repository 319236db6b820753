"""The machine's clock, compared with ours."""

from collections.abc import Callable, Mapping, Sequence

from wke.act.connection.link import Link
from wke.act.connection.questions import Questions
from wke.act.connection.untrusted import number_of
from wke.agent import frames
from wke.agent.protocol import Frame
from wke.judge.clocks import Probe, enough, reading
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
        self._hear: dict[int, Callable[[Frame], None]] = {}
        self.handlers: Mapping[int, Callable[[Frame], None]] = {frames.PONG: self._take}

    async def read(self, until: Callable[[Sequence[Probe]], bool] = enough) -> ClockReading:
        """Compare the clocks by probes, one after the other, `until` there are enough. Raises MachineError without contact."""
        while True:
            probes = await self._probe(until)
            if probes:
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
