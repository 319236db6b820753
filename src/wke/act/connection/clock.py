"""The machine's clock, compared with ours."""

from collections.abc import Callable, Mapping

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

    def __init__(self, link: Link, questions: Questions, now: Callable[[], int]) -> None:
        self._link = link
        self._questions = questions
        self._now = now
        self.wall_ahead_ns = 0
        self._hear: dict[int, Callable[[Frame], None]] = {}
        self.handlers: Mapping[int, Callable[[Frame], None]] = {frames.PONG: self._take}

    async def read(self) -> ClockReading:
        """Compare the clocks by many probes, one after the other: this takes as many round trips. Raises MachineError without contact."""
        probes: list[Probe] = []
        sent_ns = 0
        channel = self._link.new_channel()

        def send() -> None:
            nonlocal sent_ns
            sent_ns = self._now()
            self._link.tell(frames.PING, channel, {})

        def hear(pong: Frame) -> None:
            at_ns = number_of(pong.head, "at")
            probes.append(Probe(sent_ns, at_ns, self._now()))
            if "wall" in pong.head:
                self.wall_ahead_ns = number_of(pong.head, "wall") - at_ns
            if enough(probes):
                self._questions.answer(pong)
            else:
                send()

        self._hear[channel] = hear
        try:
            await self._questions.ask_with(send, frames.PING, channel)
        finally:
            del self._hear[channel]
        return reading(probes)

    def _take(self, frame: Frame) -> None:
        """Take the answer to a probe. That to a heartbeat needs no one: its arrival is the sign of life."""
        hear = self._hear.get(frame.channel)
        if hear is not None:
            hear(frame)
