"""Questions to a machine's agent: each has a channel, one answer and a deadline."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial

from wke.act.connection.link import Link
from wke.agent import frames
from wke.agent.protocol import Frame, ProtocolError
from wke.errors import MachineError
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class _Question:
    answer_kind: int
    send: Callable[[], None]
    answer: asyncio.Future[Frame]


class Questions:
    """Asks over a link and hands each answer to whoever waits for it."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._open: dict[int, _Question] = {}
        kinds = set(frames.ANSWERS.values()) - {frames.PONG}
        self.handlers: Mapping[int, Callable[[Frame], None]] = dict.fromkeys(kinds, self.answer)

    async def ask(self, kind: int, head: dict[str, object], *, channel: int | None = None, within_s: float = 0) -> Frame:
        """Send a question and return the answer, which an honest agent gives within `within_s`.

        Raises MachineError when contact is lost meanwhile or no answer comes, which loses contact too.
        """
        channel = self._link.new_channel() if channel is None else channel
        return await self.ask_with(partial(self._link.tell, kind, channel, head), kind, channel, within_s)

    async def ask_with(self, send: Callable[[], None], kind: int, channel: int, within_s: float = 0) -> Frame:
        """Ask as `ask` does, where `send` sends the question."""
        link = self._link
        if link.lost.is_set():
            raise MachineError(f"machine {link.machine}: {link.why}")
        question = _Question(frames.ANSWERS[kind], send, asyncio.get_running_loop().create_future())
        self._open[channel] = question
        send()
        try:
            async with asyncio.timeout(link.patience_s(within_s)):
                return await question.answer
        except TimeoutError:
            link.give_up(f"it did not answer ({frames.name_of(kind)}) in time")
            raise MachineError(f"machine {link.machine}: {link.why}") from None
        finally:
            if self._open.get(channel) is question:
                del self._open[channel]

    def answer(self, frame: Frame) -> None:
        """Hand over an answer; one that is no longer waited for is dropped. Raises ProtocolError when the question was another one."""
        question = self._open.get(frame.channel)
        if question is None:
            return
        if frame.kind != question.answer_kind:
            raise ProtocolError(f"{frame} does not answer what was asked")
        if not question.answer.done():
            question.answer.set_result(frame)

    @property
    def is_idle(self) -> bool:
        """True if no answer is waited for."""
        return not self._open

    def repeat(self) -> None:
        """Ask everything again that has no answer yet."""
        for question in list(self._open.values()):
            question.send()

    def lose(self, why: str) -> None:
        """End all waits: contact is lost."""
        questions, self._open = self._open, {}
        for question in questions.values():
            if not question.answer.done():
                question.answer.set_exception(MachineError(f"machine {self._link.machine}: {why}"))
