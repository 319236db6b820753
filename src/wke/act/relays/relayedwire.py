"""The wire of a machine that is reached through a tree of relays: no process of its own carries its frames."""

import asyncio
from collections.abc import Callable, Mapping

from wke.act.connection.untrusted import number_of, text_of
from wke.act.connection.wire import Wire
from wke.act.relays.growth import Growth
from wke.act.relays.trunk import Trunk
from wke.agent import frames
from wke.agent.protocol import Frame
from wke.errors import MachineError

WINDOW = 1 << 18  # bytes of payload on their way to a machine: with more than this a writer should wait until it has taken some
SHORT_GRACE_S = 1.0


class RelayedWire(Wire):
    """Carries the frames of the machine that is member `number` of the tree that `grow` returns."""

    def __init__(self, grow: Callable[[], Growth], number: int, receive: Callable[[Frame], None], broken: Callable[[str], None]) -> None:
        super().__init__(receive, broken)
        self.number = number
        self._grow = grow
        self._growth: Growth | None = None
        self._trunk: Trunk | None = None  # while there is an agent of ours
        self._opening: dict[str, object] = {}
        self._untaken = 0
        self._room = asyncio.Event()
        self._room.set()
        self._gone = asyncio.Event()
        self._left = False

    # -- what a link asks

    def start(self, argv: list[str], environment: Mapping[bytes, bytes] | None = None, *, with_group: bool = False) -> None:
        """Need not start anything: the tree has started a process on the machine, or does so with the first frame."""

    def send(self, data: bytes) -> None:
        """Drop the code of the agent, which is there already."""

    @property
    def words(self) -> str:
        """What the process on the machine has said that should have dialled."""
        return "" if self._growth is None or self._trunk is not None else self._growth.words(self.number)

    @property
    def input_was_taken(self) -> bool:
        """True once the machine has dialled back."""
        return self._trunk is not None

    def pause(self) -> None:
        """Read no more from the machine until `resume`, and neither from those with which it shares a socket of ours."""
        if self._paused_at is None and self._trunk is not None:
            self._paused_at = self._loop.time()
            self._trunk.pause()

    def resume(self) -> None:
        """Read on."""
        if self._paused_at is not None:
            self._paused_s, self._paused_at, self._heard_at = self.paused_s, None, self._loop.time()
            if self._trunk is not None:
                self._trunk.resume()

    def tell(self, kind: int, channel: int, head: dict[str, object], payload: bytes = b"") -> None:
        """Send a frame, or drop it when the machine has no agent; the first one waits for a way. The head must not change any more."""
        if kind == frames.OPEN and self._growth is None:
            if "outlive" in head:
                raise MachineError("what runs on machines behind relays cannot outlive this command")
            self._opening = head
            self._growth = self._grow()
            self._growth.enter(self)
        elif self._trunk is not None:
            self._trunk.tell(self.number, Frame(kind, channel, head, payload))
            if self._trunk.relays:
                self._count(len(payload))

    async def drain(self) -> None:
        """Return when nearly everything that was sent has left the last relay, and our own socket."""
        while self._trunk is not None and not self.has_room:
            await self._room.wait()
            if self._trunk is not None:
                await self._trunk.writable.wait()

    @property
    def relay(self) -> int | None:  # type: ignore[override]
        """The machine whose relay is right above ours; None if there is none."""
        return (
            self._growth.relay_above(self.number) if self._growth is not None and self._trunk is not None and self._trunk.relays else None
        )

    @property
    def has_room(self) -> bool:
        """True if `drain` would return at once."""
        return self._trunk is None or (self._room.is_set() and self._trunk.writable.is_set())

    def widen(self) -> None:
        """Need not do anything: sockets grow by themselves."""

    async def end(self, within_s: float) -> None:
        """Wait for the end of the machine's agent, which is asked to end if nobody did so; it also ends with the tree, or by its lease."""
        self._broken = None
        if self._growth is None or self._left:
            return
        self._left = True
        try:
            if self._trunk is not None:
                if not within_s:
                    self.tell(frames.BYE, 0, {"grace": SHORT_GRACE_S})
                waiting = asyncio.ensure_future(self._gone.wait())
                try:
                    await asyncio.wait([waiting], timeout=within_s)
                finally:
                    waiting.cancel()
        finally:
            self._let_go()
            await self._growth.leave(self)

    def abandon(self) -> None:
        """Stop listening and sending; the agent is asked to end."""
        self._broken = None
        self.tell(frames.BYE, 0, {"grace": SHORT_GRACE_S})

    # -- what the tree tells

    def reached(self, trunk: Trunk) -> None:
        """Have an agent made: the machine can be reached, and has none."""
        self._trunk = trunk
        self._heard_at = self._loop.time()
        self.tell(frames.OPEN, 0, self._opening)

    def hear(self, frame: Frame) -> None:
        """Take a frame; an error of ours is reported, and does not hit those that share the trunk."""
        if frame.kind == frames.ALIVE:
            self._heard_at = self._loop.time()
        elif frame.kind == frames.TAKEN:
            self._count(-number_of(frame.head, "bytes"))
        elif frame.kind == frames.GONE:
            self._let_go()
            self._gone.set()
            self._break(text_of(frame.head, "why"))
        else:
            try:
                self._hand_on((frame,))
            except Exception as error:  # noqa: BLE001
                self._loop.call_exception_handler({"message": f"a frame of machine {self.number}", "exception": error})

    def _count(self, size: int) -> None:
        self._untaken = max(0, self._untaken + size)
        if self._untaken > WINDOW:
            self._room.clear()
        else:
            self._room.set()

    def _let_go(self) -> None:
        """Send no more, and keep no one waiting."""
        self.resume()
        self._trunk = None
        self._room.set()
