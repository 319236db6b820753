"""The anchor: holds an agent's pipes on the machine, so that controllers may come and go while tasks run on.

    controller == transport == carrier == socket == anchor == pipes == guardian, agent

The output of tasks goes into the journal first, and from there to the controller as fast as the controller reads. So every byte has an
offset, and nothing piles up here. A task has a key that its controller gave it; a known key is not started again. Everything else passes
through. The socket is in the work folder, which only its owner may enter; a new controller takes the place of the old one.

Without a controller the anchor waits as long as it holds an attempt; the agent's lease is the limit. When the anchor dies in any way, the
agent's input is closed, and that ends the agent as it does without an anchor.
"""

import posix
import time
from posix import _exit

import _signal
import _socket

from wke.agent import frames
from wke.agent.carrier import carry
from wke.agent.files import remove_tree, to_bytes
from wke.agent.guardian import DEAF_TO
from wke.agent.journal import Journal
from wke.agent.loop import Loop, Outgoing, steady_ns
from wke.agent.protocol import Decoder, Frame, ProtocolError, dump, encode, prefix

SOCKET = b"attach"
READ_SIZE = CHUNK = 1 << 18
SYNC_S = 1.0
LAST_WORDS_S = 2.0
TELEMETRY = (frames.WATCHED, frames.SERIES, frames.SAMPLE, frames.UNWATCHED)  # for the controller that asked


def drop(source, sink, decoder, folder, claim):
    """Separate the process that the transport started from those that are to outlive it.

    That process becomes a carrier: to the anchor in the work folder `folder` if there is one, to a new anchor otherwise. Returns only in a
    third process, which becomes guardian and agent: their source, their sink, and a decoder. An existing anchor has the machine's lock
    already; then `claim` only names its new holder.
    """
    found = _connect(folder)
    if found is not None:
        if claim is not None:
            from wke.agent.lock import sign_again

            sign_again(claim)
        carry(source, sink, found)
    near, far = _socket.socketpair()
    if posix.fork():
        far.close()
        carry(source, sink, near.detach())
    posix.setsid()
    near.close()
    nothing = posix.open("/dev/null", posix.O_RDWR)
    posix.dup2(nothing, 2)  # else the transport would wait until we end
    for handle in (nothing, source, sink):
        posix.close(handle)
    from_anchor, to_agent = posix.pipe2(posix.O_CLOEXEC)
    from_agent, to_anchor = posix.pipe2(posix.O_CLOEXEC)
    guardian = posix.fork()
    if not guardian:
        far.close()
        posix.close(to_agent)
        posix.close(from_agent)
        return from_anchor, to_anchor, Decoder(frames.AGENT)
    posix.close(from_anchor)
    posix.close(to_anchor)
    for number in DEAF_TO:
        _signal.signal(number, _signal.SIG_IGN)
    posix.chdir("/")
    anchor = Anchor(from_agent, to_agent, far.detach(), decoder)
    anchor.run()
    posix.waitpid(guardian, 0)  # so that the carrier's end proves that the machine is clean
    anchor.clean()
    _exit(0)


def _connect(folder):
    """Return a socket to the anchor in that work folder, None when there is none."""
    if not folder:
        return None
    channel = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        posix.chdir(to_bytes(folder))  # the path of a socket must be short
        channel.connect(SOCKET)
    except OSError:
        channel.close()
        return None
    return channel.detach()


class Anchor:
    """Between an agent, which talks through `source` and `sink`, and one controller at a time, the first through `handle`."""

    def __init__(self, source, sink, handle, decoder):
        self._loop = Loop()
        self._source = source
        self._sink = sink
        self._from_agent = Decoder(frames.CONTROLLER)
        self._agent = Outgoing(self._loop, sink, self._dismiss)
        self._listener = None
        self._journal = None
        self._hello = None
        self._hello_at = 0
        self._attempt = ""
        self._cleared = False  # every task was stopped since the attempt began
        self._known = {}  # key -> channel
        self._scripts = []  # those that the agent has for sure: [key, name]
        self._begun = set()
        self._ended = set()
        self._watches = set()  # the controller's, which end with it
        self._sync_is_due = False
        self._over = False
        self.handlers = {  # the agent gets all other frames of a controller
            frames.HOLD: self._hold,
            frames.FOLLOW: self._follow,
            frames.START: self._start,
            frames.CLEAR: self._clear,
            frames.WATCH: self._watch,
        }
        self._attach(handle, decoder)

    def run(self):
        """Work until the agent has gone and its controller has heard all of it."""
        posix.set_blocking(self._source, False)
        self._loop.watch(self._source, self._hear_agent)
        while not self._over:
            self._pump()
            if self._controller is not None:
                self._out.flush()
            if self._sink is not None:
                self._agent.flush()
            self._loop.turn()
        deadline = time.monotonic() + LAST_WORDS_S
        while not self._pump() and time.monotonic() < deadline:
            self._out.finish(deadline - time.monotonic())
        if self._controller is not None:
            self._out.finish(LAST_WORDS_S)

    def clean(self):
        """Remove the work folder once more: what came into the journal while the guardian removed it may have kept it there."""
        if self._hello is not None:
            remove_tree(to_bytes(self._hello["workfolder"]))

    # -- the controller

    def _attach(self, handle, decoder):
        self._controller, self._decoder = handle, decoder
        decoder.admit(frames.AGENT + frames.ANCHOR)
        posix.set_blocking(handle, False)
        self._out_handle = posix.dup(handle)  # a loop watches a handle for one event only
        self._out = Outgoing(self._loop, self._out_handle, _nothing)  # a controller that has gone is lost once its last words are read
        self._follows = {}  # channel -> the offset that the controller has the journal to
        self._answers = []  # which must not overtake the journal
        self._loop.watch(handle, self._hear)
        if self._hello is not None:
            self._greet()

    def _detach(self):
        if self._controller is not None:
            for handle in (self._controller, self._out_handle):
                self._loop.forget(handle)
                posix.close(handle)
            self._controller = None

        for channel in self._watches:
            self._order(Frame(frames.UNWATCH, channel, {}))
        self._watches.clear()

    def _lose(self):
        """Go on without a controller, or end if no attempt is held."""
        self._detach()
        if not self._attempt:
            self._dismiss()

    def _accept(self):
        try:
            handle, _ = self._listener._accept()  # noqa: SLF001 - `socket`, which has the public one, costs too much
        except OSError:
            return
        self._detach()
        self._attach(handle, Decoder())

    def _greet(self):
        state = {
            "attempt": self._attempt,
            "cleared": self._cleared,
            "tasks": self._known,
            "begun": list(self._begun),
            "scripts": self._scripts,
        }
        at = self._hello["at"] + steady_ns() - self._hello_at
        self._tell(frames.HELLO, 0, dict(self._hello, at=at, **state))

    def _tell(self, kind, channel, head, payload=b""):
        if self._controller is not None:
            self._out.add(prefix(kind, channel, dump(head), len(payload)), payload)

    def _hear(self):
        data = _read(self._controller)
        if data is None:
            return
        if not data:
            self._lose()
            return
        try:
            for frame in self._decoder.frames(data):
                self.handlers.get(frame.kind, self._order)(frame)
        except (ProtocolError, KeyError) as error:
            self._tell(frames.BROKEN, 0, {"why": "{}: {}".format(type(error).__name__, error)})
            self._out.finish(LAST_WORDS_S)
            self._lose()

    def _follow(self, frame):
        self._follows[frame.channel] = frame.head["from"]

    def _start(self, frame):
        """Pass a task's order on, unless its key is known."""
        head = frame.head
        if head["key"] not in self._known:
            self._known[head["key"]] = frame.channel
            self._follows[frame.channel] = 0
            used = [[head["script"], head["name"]], [head["prelude"], "prelude"]]
            self._scripts += [script for script in used if script[0] is not None and script not in self._scripts]
            self._order(frame)

    def _clear(self, frame):
        self._cleared = self._cleared or "task" not in frame.head
        self._order(frame)

    def _watch(self, frame):
        self._watches.add(frame.channel)
        self._order(frame)

    def _order(self, frame):
        if self._sink is not None:
            self._agent.add(encode(frame.kind, frame.channel, frame.head, frame.payload))

    def _hold(self, frame):
        """Begin to hold an attempt and forget the one before."""
        attempt = frame.head["attempt"]
        if attempt != self._attempt:
            self._attempt = attempt
            self._cleared = False
            self._known.clear()
            self._follows.clear()
            self._begun.clear()
            self._ended.clear()
            self._journal.clear()

    def _pump(self):
        """Send as much of the journal as there is room for; tell whether the controller has all of it."""
        if self._controller is None:
            return True
        behind = True
        while behind:
            if self._out.full:
                return False
            behind = False
            for channel, offset in list(self._follows.items()):
                if offset < self._journal.size(channel):
                    data = self._journal.read(channel, offset, CHUNK)
                    self._tell(frames.JOURNAL, channel, {"at": offset}, data)
                    self._follows[channel] = offset + len(data)
                    behind = True
                elif channel in self._ended:
                    del self._follows[channel]
                    self._journal.close(channel)
        for frame in self._answers:
            self._tell(frame.kind, frame.channel, frame.head, frame.payload)
        del self._answers[:]
        return True

    # -- the agent

    def _hear_agent(self):
        data = _read(self._source)
        if data is None:
            return
        if not data:
            self._loop.forget(self._source)
            self._over = True
            return
        try:
            for frame in self._from_agent.frames(data):
                self._take_from_agent(frame)
        except OSError as error:
            self._fail(error)

    def _take_from_agent(self, frame):
        if frame.kind in (frames.STAGED, frames.STARTED, frames.OUTPUT, frames.ENDED):
            self._keep(frame)
        elif frame.kind == frames.HELLO:
            self._open(frame.head)
        elif frame.kind in (frames.CLEARED, frames.FAREWELL):
            self._answers.append(frame)
        elif self._is_wanted(frame):
            self._tell(frame.kind, frame.channel, frame.head, frame.payload)

    def _is_wanted(self, frame):
        """Tell whether a frame goes to the controller: telemetry only to one that asked for it, and samples only while it keeps up."""
        if frame.kind in TELEMETRY and frame.channel not in self._watches:
            return False
        return frame.kind != frames.SAMPLE or not self._out.full

    def _open(self, hello):
        """Open the journal and the socket in the work folder."""
        self._hello, self._hello_at = hello, steady_ns()
        folder = to_bytes(hello["workfolder"])
        self._journal = Journal(folder + b"/journal")
        self._listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        posix.chdir(folder)
        self._listener.bind(SOCKET)
        posix.chdir("/")
        self._listener.listen(4)
        self._listener.setblocking(False)
        self._loop.watch(self._listener.fileno(), self._accept)
        if self._controller is not None:
            self._greet()

    def _keep(self, frame):
        self._journal.append(frame.channel, encode(frame.kind, frame.channel, frame.head, frame.payload))
        if frame.kind in (frames.STARTED, frames.ENDED):
            if frame.kind == frames.ENDED:
                self._ended.add(frame.channel)
            if frame.kind == frames.STARTED or frame.head.get("began"):
                self._begun.add(frame.channel)
            self._journal.sync()
        elif not self._sync_is_due:
            self._sync_is_due = True
            self._loop.after(SYNC_S, self._sync)

    def _sync(self):
        self._sync_is_due = False
        try:
            self._journal.sync()
        except OSError as error:
            self._fail(error)

    def _fail(self, error):
        """Report why the journal cannot be kept, and end: tasks must not go on without it."""
        self._tell(frames.BROKEN, 0, {"why": "cannot keep the journal of its tasks: {}".format(error.strerror)})
        self._dismiss()

    def _dismiss(self):
        """Close the agent's input: it stops everything and ends, and then we do."""
        if self._sink is not None:
            self._loop.forget(self._sink)
            posix.close(self._sink)
            self._sink = None


def _nothing():
    """Leave it to others."""


def _read(handle):
    """Return what can be read now, None when there is nothing, b"" at the end."""
    try:
        return posix.read(handle, READ_SIZE)
    except BlockingIOError:
        return None
    except OSError:
        return b""
