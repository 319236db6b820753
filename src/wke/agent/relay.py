"""The relay: a process on a machine that carries the frames of many machines between them and the controller, or a relay above it.

Below it are nodes, each with the frames of one machine, and relays, with batches (see batch.py); above it is one socket, with batches. What
machines say within MERGE_S shares a batch. A relay learns from HERE which machine is behind which socket, and reports GONE for each that is
lost. It keeps at most LIMIT of what waits for the way up, and then reads no more; for each machine it reports with TAKEN how much has left
for it, so that the controller does not send more to a slow one than a little, and others need not wait for it.
"""

import posix
import time
from posix import _exit

import _signal
import _socket

from wke.agent import frames
from wke.agent.batch import SMALL, batched, unbatched
from wke.agent.guardian import DEAF_TO
from wke.agent.handshake import Admission, prepare
from wke.agent.loop import Loop, Outgoing, steady_ns
from wke.agent.prober import Prober
from wke.agent.protocol import Decoder, Frame, ProtocolError, encode

READ_SIZE = 1 << 16
MERGE_S = 0.002
GUEST_S = 20.0
TELL_TAKEN = 1 << 16
MOST_WAITING = 16 << 20  # for a machine that reads nothing: an honest controller sends less
ALIVE = Frame(frames.ALIVE, 0, {})
HERE = Frame(frames.HERE, 0, {})
BY_NODES = frames.CONTROLLER + frames.TREE
BY_RELAYS = frames.CONTROLLER + frames.TREE
DOWNWARD = frames.AGENT + frames.TREE


class Branch:
    """A socket to what is below: the node of machine `number`, or, with None, a relay. `machines` are behind it."""

    def __init__(self, loop, handle, decoder, number, lose):
        self.handle = handle
        self.writer = posix.dup(handle)  # a loop watches a handle for one event only
        self.out = Outgoing(loop, self.writer, lambda: lose(self))
        self.decoder = decoder
        self.number = number
        self.machines = set() if number is None else {number}
        self.untold = 0  # bytes of payload that came for the machine since TAKEN was sent
        self.is_open = True


class Guest:
    """A socket whose other end is not known yet."""

    def __init__(self, handle, secret):
        self.handle = handle
        self.admission = Admission(secret)
        self.decoder = Decoder(frames.TREE)


class Relay:
    """The relay below the socket `parent`; others dial `listener`."""

    def __init__(self, parent, listener, secret):
        self._loop = Loop()
        self._parent = parent
        self._listener = listener
        self._secret = secret
        self._decoder = Decoder(frames.TREE)
        self._out = Outgoing(self._loop, posix.dup(parent), _end)
        self._branches = set()
        self._busy = set()  # branches to which something is to be sent
        self._routes = {}  # machine -> branch
        self._pending = []  # what goes up, and
        self._until = None  # when
        self._deaf_below = self._deaf_above = False
        self._heard_ns = 0

    def run(self, number, own):
        """Work until the socket above is closed; `own` leads to the node of our own machine, which has that number. Does not return."""
        for each in DEAF_TO:
            if each != _signal.SIGTERM:
                _signal.signal(each, _signal.SIG_IGN)
        _signal.signal(_signal.SIGCHLD, _signal.SIG_IGN)
        posix.chdir("/")
        posix.set_blocking(self._parent, False)
        self._listener.setblocking(False)
        self._prober = Prober(self._loop, number, self._say)
        self._loop.watch(self._parent, self._hear_above)
        self._loop.watch(self._listener.fileno(), self._accept)
        self._add(own, Decoder(BY_NODES), number)
        while True:
            self._send()
            self._balance()
            self._loop.turn(None if self._until is None else max(0, self._until - time.monotonic()))

    # -- those below

    def _accept(self):
        try:
            handle, _ = self._listener._accept()  # noqa: SLF001 - `socket`, which has the public one, costs too much
        except OSError:
            return
        guest = Guest(handle, self._secret)
        posix.set_blocking(handle, False)
        channel = _socket.socket(fileno=handle)
        try:
            prepare(channel)
            posix.write(handle, guest.admission.challenge)
        except OSError:  # it has gone already
            return
        channel.detach()
        self._loop.watch(guest.handle, lambda: self._hear_guest(guest))
        self._loop.after(GUEST_S, lambda: self._dismiss(guest))

    def _hear_guest(self, guest):
        data = _read(guest.handle)
        if data is None:
            return
        try:
            if not data:
                raise ProtocolError("it has gone")  # noqa: TRY301
            if not guest.admission.done:
                posix.write(guest.handle, guest.admission.take(data))
                data = guest.admission.rest
            for frame in guest.decoder.frames(data if guest.admission.done else b""):
                self._admit(guest, frame)
                return
        except (ProtocolError, OSError, KeyError):
            self._dismiss(guest)

    def _admit(self, guest, frame):
        """Take what has introduced itself for one of those below."""
        if frame.kind != frames.NODE:
            raise ProtocolError(f"{frame!r} is no introduction")
        number, relays = frame.head["number"], frame.head["relays"]
        handle, guest.handle = guest.handle, None
        self._loop.forget(handle)
        guest.decoder.admit(BY_NODES)
        self._add(handle, guest.decoder, None if relays else number)

    def _dismiss(self, guest):
        """Close the socket of a guest that is still one."""
        if guest.handle is not None:
            self._loop.forget(guest.handle)
            posix.close(guest.handle)
            guest.handle = None

    def _add(self, handle, decoder, number):
        posix.set_blocking(handle, False)
        branch = Branch(self._loop, handle, decoder, number, self._lose)
        self._branches.add(branch)
        if not self._deaf_below:
            self._loop.watch(handle, lambda: self._hear(branch))
        if number is not None:
            self._place(branch, number)
            self._say(number, HERE)
        self._take(branch, b"")

    def _place(self, branch, number):
        """Note that a machine is behind a branch, no longer behind another one."""
        before = self._routes.get(number)
        if before is not None and before is not branch:
            before.machines.discard(number)
        self._routes[number] = branch
        branch.machines.add(number)

    def _hear(self, branch):
        data = _read(branch.handle)
        self._heard_ns = steady_ns()
        if data:
            self._take(branch, data)
        elif data is not None:
            self._lose(branch)

    def _take(self, branch, data):
        try:
            for frame in branch.decoder.frames(data):
                if branch.number is not None:
                    self._take_of_node(branch.number, frame)
                elif frame.kind != frames.BATCH:
                    raise ProtocolError(f"{frame!r} does not come from a relay")  # noqa: TRY301
                else:
                    self._take_of_relay(branch, frame)
        except ProtocolError as error:
            self._lose(branch, "it sent something that makes no sense: {}".format(error))

    def _take_of_node(self, number, frame):
        if frame.kind == frames.PONG and not frame.channel:
            frame = ALIVE
        elif frame.kind == frames.PONG and self._prober.take(number, frame, self._heard_ns):
            return
        elif frame.kind != frames.GONE and not frames.is_for(frame.kind, frames.CONTROLLER):
            raise ProtocolError(f"{frame!r} does not come from a node")
        self._say(number, frame)

    def _take_of_relay(self, branch, batch):
        for number, frame in unbatched(batch, BY_RELAYS):
            if frame.kind == frames.HERE:
                self._place(branch, number)
            if number in branch.machines:  # else it has dialled again, and is elsewhere
                self._say(number, frame)

    def _lose(self, branch, why=None):
        """Forget a branch, and report that all machines behind it are out of reach."""
        if branch not in self._branches:
            return
        branch.is_open = False
        self._branches.discard(branch)
        self._busy.discard(branch)
        if branch.number is not None:
            self._prober.forget(branch.number)
        for handle in (branch.handle, branch.writer):
            self._loop.forget(handle)
            posix.close(handle)
        if why is None:
            what = "its relay" if branch.number is None else "it"
            why = "the connection between {} and the relay on {} has ended".format(what, posix.uname().nodename)
        gone = Frame(frames.GONE, 0, {"why": why, "lasting": True})
        for number in branch.machines:
            del self._routes[number]
            self._say(number, gone)

    # -- the one above

    def _say(self, number, frame):
        """Send a frame of a machine up, soon, or at once if it is about its clock or large."""
        self._pending.append((number, frame))
        if frame.kind in (frames.PONG, frames.PROBED) or len(frame.payload) > SMALL:
            self._until = 0
        elif self._until is None:
            self._until = time.monotonic() + MERGE_S

    def _hear_above(self):
        data = _read(self._parent)
        if data is None:
            return
        if not data:
            _end()
        relayed = {}
        for batch in self._decoder.frames(data):
            encoded = {}
            for number, frame in unbatched(batch, DOWNWARD):
                branch = self._routes.get(number)
                if branch is None:  # GONE is on its way up
                    continue
                if branch.number is None:
                    relayed.setdefault(branch, []).append((number, frame))
                    continue
                if frame.kind == frames.PROBE:
                    self._prober.ask(branch, frame)
                    continue
                if id(frame) not in encoded:
                    encoded[id(frame)] = encode(frame.kind, frame.channel, frame.head, frame.payload)
                branch.out.add(encoded[id(frame)])
                branch.untold += len(frame.payload)
                self._busy.add(branch)
        for branch, pending in relayed.items():
            branch.out.add(*batched(pending))
            self._busy.add(branch)

    # -- sending

    def _send(self):
        if self._until is not None and self._until <= time.monotonic():
            pending, self._pending, self._until = self._pending, [], None
            self._out.add(*batched(pending))
        if self._out.size:
            self._out.flush()
        for branch in list(self._busy):
            branch.out.flush()
            if branch not in self._branches:
                continue
            if branch.number is not None and branch.untold >= TELL_TAKEN > branch.out.size:
                self._say(branch.number, Frame(frames.TAKEN, 0, {"bytes": branch.untold}))
                branch.untold = 0
            if not branch.out.size:
                self._busy.discard(branch)
            elif branch.number is not None and branch.out.size > MOST_WAITING:
                self._lose(branch, "it reads nothing")

    def _balance(self):
        """Read from below only while there is room for the way up, and from above only while all relays below take it."""
        if self._deaf_below != self._out.full:
            self._deaf_below = self._out.full
            for branch in self._branches:
                self._listen(branch.handle, self._deaf_below, lambda branch=branch: self._hear(branch))
        full = any(branch.number is None and branch.out.full for branch in self._busy)
        if self._deaf_above != full:
            self._deaf_above = full
            self._listen(self._parent, full, self._hear_above)

    def _listen(self, handle, deaf, hear):
        if deaf:
            self._loop.forget(handle)
        else:
            self._loop.watch(handle, hear)


def _read(handle):
    """Return what can be read now, None when there is nothing, b"" at the end."""
    try:
        return posix.read(handle, READ_SIZE)
    except BlockingIOError:
        return None
    except OSError:
        return b""


def _end():
    """End; those below see it by their sockets."""
    _exit(0)
