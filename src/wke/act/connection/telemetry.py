"""The telemetry of a connection: samples that the machine takes of itself, again and again."""

from collections.abc import Callable, Mapping

from wke.act.connection.link import Link
from wke.act.connection.questions import Questions
from wke.agent import frames
from wke.agent.protocol import Frame


class Telemetry:
    """Asks one machine for samples and hands them on."""

    def __init__(self, link: Link, questions: Questions) -> None:
        self._link = link
        self._questions = questions
        self._receivers: dict[int, Callable[[Frame], None]] = {}
        self.handlers: Mapping[int, Callable[[Frame], None]] = {frames.SAMPLE: self._take}

    async def watch(self, interval_s: float, at_ns: int, receive: Callable[[Frame], None]) -> Frame:
        """Have the machine sample its probes at `at_ns` on its clock and every `interval_s` after it, until `unwatch` of the channel.

        `receive` gets the frame of each sample as it comes; it raises ProtocolError for a frame that is not a sample. Returns the answer,
        which says whose numbers these are. Raises MachineError without contact.
        """
        channel = self._link.new_channel()
        self._receivers[channel] = receive
        try:
            return await self._questions.ask(frames.WATCH, {"interval": interval_s, "at": at_ns}, channel=channel)
        except BaseException:
            self.unwatch(channel)
            raise

    def unwatch(self, channel: int) -> None:
        """Stop the samples of that channel, and drop those on their way."""
        if self._receivers.pop(channel, None) is not None:
            self._link.tell(frames.UNWATCH, channel, {})

    def _take(self, frame: Frame) -> None:
        receive = self._receivers.get(frame.channel)
        if receive is not None:  # else it was on its way when the watch ended
            receive(frame)
