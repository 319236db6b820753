"""The agent's copies: each has a channel and takes small steps in turn, so that tasks and heartbeats never wait for them."""

from wke.agent import frames
from wke.agent.files import to_bytes, to_text
from wke.agent.landing import Landing
from wke.agent.order import in_home
from wke.agent.protocol import ProtocolError
from wke.agent.sender import Sender
from wke.agent.tree import ANSWER, WINDOW, CopyError, Entry

ROOM = 1 << 19  # so much may wait for the controller before copies add no more
PIPE_SIZE, F_SETPIPE_SZ = 1 << 18, 1031  # four times the usual: the two ends wake each other less often


class Transfers:
    """All copies of a connection, which comes and goes through `pipes`.

    `tell(kind, channel, head, payload)` sends, `waiting()` is how much has not left yet.
    """

    def __init__(self, loop, pipes, tell, waiting, home):
        self._pipes = pipes
        self._loop = loop
        self._tell = tell
        self._waiting = waiting
        self._home = home
        self._copies = {}

    def hear(self, frame):
        """Take a frame about a copy, which may be the first of one."""
        if frame.kind in (frames.COPY_IN, frames.COPY_OUT):
            self._begin(frame)
        elif frame.channel in self._copies:  # else it has failed, and the controller will hear so
            self._guarded(frame.channel, lambda: self._copies[frame.channel].hear(frame))

    def turn(self):
        """Give every copy that can continue a step while there is room; if some still can, the loop must not wait."""
        for channel in [channel for channel, copy in self._copies.items() if copy.ready]:
            if self._waiting() >= ROOM:
                return
            self._copies[channel] = self._copies.pop(channel)  # the copy that had a step is the last to have the next
            self._guarded(channel, self._copies[channel].step)
        if self._waiting() < ROOM and any(copy.ready for copy in self._copies.values()):
            self._loop.after(0, _nothing)

    def close(self, keep):
        """End all copies; with `keep` a later copy can continue where they stopped, without it nothing is left of them."""
        for channel, copy in list(self._copies.items()):
            copy.close(keep)
            self._failed(channel, b"", "everything is being stopped there", 0)

    def _begin(self, frame):
        def tell(kind, head, payload=b""):
            self._tell(kind, frame.channel, head, payload)

        self._widen()
        place = in_home(to_bytes(frame.head["path"]), self._home)
        if frame.kind == frames.COPY_OUT:
            only = [to_bytes(pattern) for pattern in frame.head["only"]]
            self._copies[frame.channel] = Outbound(Sender(place, tell, only=only or None))
        else:
            self._copies[frame.channel] = Inbound(Landing(place, to_bytes(frame.head["name"])), tell)

    def _widen(self):
        """Make the pipes larger before the first copy."""
        import fcntl

        while self._pipes:
            try:
                fcntl.fcntl(self._pipes.pop(), F_SETPIPE_SZ, PIPE_SIZE)
            except OSError:  # it is no pipe, or the user has too many large ones
                pass

    def _guarded(self, channel, work):
        """Do a part of a copy's work, and say so when that was the last."""
        copy = self._copies[channel]
        try:
            if work():
                del self._copies[channel]
                copy.close(False)
        except CopyError as error:
            copy.close(False)
            self._failed(channel, error.path, error.why, error.code)
        except ProtocolError as error:
            copy.close(False)
            self._failed(channel, b"", str(error), 0)
        except OSError as error:
            copy.close(False)
            self._failed(channel, b"", error.strerror, error.errno)

    def _failed(self, channel, path, why, code):
        del self._copies[channel]
        self._tell(frames.COPY_FAILED, channel, {"path": to_text(path), "why": why, "code": code}, b"")


class Outbound:
    """A copy from here."""

    def __init__(self, sender):
        self._steps = sender.run()
        self._answers = []
        self._waits = False

    @property
    def ready(self):
        """True while it could continue."""
        return not self._waits or bool(self._answers)

    def step(self):
        """Continue; tell whether it is over."""
        try:
            self._waits = self._steps.send(self._answers.pop(0) if self._waits else None) == ANSWER
        except StopIteration:
            return True
        return False

    def hear(self, frame):
        """Take an answer."""
        if frame.kind == frames.COPY_STOP:
            raise CopyError(b"", "stopped on request")
        if frame.kind != frames.HAVE or len(self._answers) >= WINDOW:
            raise ProtocolError(f"{frame!r} is not for the sender of a copy")
        self._answers.append(frame.head)

    def close(self, keep):  # noqa: ARG002 - there is nothing to keep
        """End it."""
        self._steps.close()


class Inbound:
    """A copy to here."""

    def __init__(self, landing, tell):
        self._landing = landing
        self._tell = tell
        self._offers = []
        self._steps = None

    @property
    def ready(self):
        """True while it could continue."""
        return bool(self._offers)

    def step(self):
        """Go on."""
        first, entries = self._offers[0]
        if self._steps is None:
            self._steps = self._landing.offer(first, entries)
        try:
            next(self._steps)
        except StopIteration as end:
            self._steps = None
            del self._offers[0]
            self._tell(frames.HAVE, {"first": first, "have": end.value})

    def hear(self, frame):
        """Take a frame of the sender; tell whether the copy is over."""
        if frame.kind == frames.DATA:
            self._landing.data(frame.head["parts"], frame.payload)
        elif frame.kind == frames.OFFER and len(self._offers) < WINDOW:
            self._offers.append((frame.head["first"], [Entry.read(form) for form in frame.head["entries"]]))
        elif frame.kind == frames.COMPLETE and not self._offers:
            self._landing.finish()
            self._tell(frames.COPIED, {"files": self._landing.files})
            return True
        elif frame.kind == frames.COPY_STOP:
            raise CopyError(b"", "stopped on request")
        else:
            raise ProtocolError(f"{frame!r} is not for the receiver of a copy")
        return False

    def close(self, keep):
        """End it."""
        if self._steps is not None:
            self._steps.close()
        self._landing.close(keep)


def _nothing():
    pass
