"""The telemetry of a connection: rows of numbers that the machine reads of itself, again and again (agent/sampler.py)."""

import asyncio
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import cast

from wke.act.connection.link import Link
from wke.act.connection.questions import Questions
from wke.act.connection.untrusted import number_of, shown, texts_of
from wke.agent import frames
from wke.agent.protocol import Frame, ProtocolError
from wke.errors import MachineError
from wke.values import dataclass

KINDS = ("counter", "gauge")
FINISH_S = 2.0
WORDS = 4  # of a column: scope, name, unit, kind


@dataclass(frozen=True, slots=True)
class WatchOrder:
    """What a machine is to read: every `interval_s`, from `at_ns` on its clock, the sources of some scopes.

    On a machine that is `shared` with others, what its kernel counts is of scope "host". `perf` are events that `perf stat` counts. A
    chunk has the rows of about `chunk_s`. `controller` is the kernel and the namespace of our process, and its id there.
    """

    interval_s: float
    at_ns: int
    scopes: tuple[str, ...] = ("machine",)
    shared: bool = False
    perf: tuple[str, ...] = ()
    chunk_s: float = 1.0
    controller: str = ""

    def head(self) -> dict[str, object]:
        """Return it as a frame's head."""
        rows = rows_of(self.chunk_s, self.interval_s)
        head: dict[str, object] = {"interval": self.interval_s, "rows": rows, "at": self.at_ns, "scopes": list(self.scopes)}
        head |= {"controller": self.controller} if self.controller else {}
        return head | ({"shared": True} if self.shared else {}) | ({"perf": list(self.perf)} if self.perf else {})


def rows_of(chunk_s: float, interval_s: float) -> int:
    """Return how many rows, one every `interval_s`, a chunk of about `chunk_s` has."""
    return max(1, round(chunk_s / interval_s))


@dataclass(frozen=True, slots=True)
class SentColumns:
    """From here on rows have these columns: (scope, name, unit, kind). `notes` are sentences for the user."""

    epoch: int
    columns: tuple[tuple[str, str, str, str], ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SentChunk:
    """Rows with the columns of `epoch`, from `first_ns` to `at_ns` on the machine's clock, packed. `now` has the latest figures."""

    epoch: int
    rows: int
    first_ns: int
    at_ns: int
    payload: bytes
    now: Mapping[str, int]


Receive = Callable[[SentColumns | SentChunk], None]


@dataclass(slots=True)
class _Watch:
    order: WatchOrder
    receive: Receive
    columns: SentColumns | None = None


class Telemetry:
    """Asks one machine for rows and hands them on."""

    def __init__(self, link: Link, questions: Questions) -> None:
        self._link = link
        self._questions = questions
        self._watches: dict[int, _Watch] = {}
        self.handlers: Mapping[int, Callable[[Frame], None]] = {frames.SERIES: self._take_columns, frames.SAMPLE: self._take_chunk}

    async def watch(self, order: WatchOrder, receive: Receive) -> Frame:
        """Have the machine read what the order says until `unwatch` of the channel.

        `receive` gets columns before the first chunk that has them, and chunks as they come. Returns the answer,
        which says whose numbers these are. Raises MachineError without contact.
        """
        channel = self._link.new_channel()
        self._watches[channel] = _Watch(order, receive)
        try:
            return await self._questions.ask(frames.WATCH, order.head(), channel=channel)
        except BaseException:
            self.unwatch(channel)
            raise

    def unwatch(self, channel: int) -> None:
        """Stop the rows of that channel, and drop those on their way."""
        if self._watches.pop(channel, None) is not None:
            self._link.tell(frames.UNWATCH, channel, {})

    async def finish(self, channel: int) -> None:
        """Stop the rows of that channel when those that the machine has already have come, or after a while."""
        try:
            if self._link.is_attached:
                async with asyncio.timeout(FINISH_S):
                    await self._questions.ask(frames.UNWATCH, {}, channel=channel)
        except (MachineError, TimeoutError):
            pass
        finally:
            self._watches.pop(channel, None)

    @property
    def is_idle(self) -> bool:
        """True if nothing is read."""
        return not self._watches

    def repeat(self) -> None:
        """Ask for everything again: the link was opened once more, and the machine reads nothing for us until then."""
        for channel, watch in self._watches.items():
            watch.columns = None
            self._link.tell(frames.WATCH, channel, watch.order.head())

    def _take_columns(self, frame: Frame) -> None:
        watch = self._watches.get(frame.channel)
        if watch is not None:  # else it was on its way when the watch ended
            columns = _columns(tuple(cast("list[str]", frame.head["columns"])))
            watch.columns = SentColumns(number_of(frame.head, "epoch"), columns, texts_of(frame.head, "notes"))
            watch.receive(watch.columns)

    def _take_chunk(self, frame: Frame) -> None:
        watch, head = self._watches.get(frame.channel), frame.head
        if watch is None or watch.columns is None:  # from before the link was opened once more
            return
        epoch, rows, first_ns, at_ns = (number_of(head, name) for name in ("epoch", "rows", "first", "at"))
        if epoch != watch.columns.epoch or not rows or first_ns > at_ns:
            raise ProtocolError(f"{frame} has rows of other columns, or none")
        watch.receive(SentChunk(epoch, rows, first_ns, at_ns, frame.payload, cast("dict[str, int]", head["now"])))


@lru_cache(maxsize=1 << 6)  # hundreds of machines have the same columns
def _columns(texts: tuple[str, ...]) -> tuple[tuple[str, str, str, str], ...]:
    """Return the words of columns; raise ProtocolError when one is none."""
    return tuple(map(_column, texts))


@lru_cache(maxsize=1 << 14)
def _column(text: str) -> tuple[str, str, str, str]:
    """Return the words of a column; raise ProtocolError when they are none."""
    words = shown(text).split()
    if len(words) != WORDS or words[-1] not in KINDS:
        raise ProtocolError(f"{shown(text)!r} is not a column")
    scope, name, unit, kind = words
    return scope, name, unit, kind
