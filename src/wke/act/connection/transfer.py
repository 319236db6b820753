"""The controller's end of a copy, in either direction, over a connection that is open.

The work of a copy is in `agent.sender` and `agent.landing`, which both ends run. Here their steps wait on the event loop: for room in the
machine's input, for answers, for digests. What comes from a machine is written as it is read, so a slow disk slows the machine down.
Nothing piles up in either direction, and the output of tasks on the same connection passes in between.

A copy goes where `cp -r SOURCE DESTINATION` would put it: into the destination (under the source's name) if that is an existing folder or
ends with a slash, else it becomes the destination; missing folders above it are made. A source that ends with "/." or "/.." stands for its
content. On machines, relative paths and paths that begin with "~/" are in the login's home folder; an empty path is that folder.

Files replace files, folders are merged into folders, and neither replaces the other. Permissions and times are kept, owners are not. A link
stays a link, but a source that is a link is followed. Pipes, sockets and devices are left out.
"""

import asyncio
import errno
import os
from collections.abc import Awaitable, Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from itertools import tee
from pathlib import Path
from typing import Any, cast

from wke.act.connection.untrusted import number_of, shown, text_of, texts_of
from wke.agent import frames
from wke.agent.files import to_text
from wke.agent.landing import Landing
from wke.agent.protocol import Frame, ProtocolError
from wke.agent.sender import READ_FILE, Sender
from wke.agent.tree import ANSWER, CHUNK, ROOM, WINDOW, CopyError, Entry, base_name, digest, joined, walk
from wke.errors import InputError, MachineError, WkeError
from wke.values import dataclass

HASHED_AT_ONCE = 8 << 20
Batch = tuple[int, list[Entry], list[list[object]]]
LAST = (frames.COMPLETE, frames.COPIED, frames.COPY_FAILED)
HINTS = {
    errno.ENOSPC: "make room there; what has arrived is not sent again",
    errno.EDQUOT: "make room there; what has arrived is not sent again",
    errno.EACCES: "the login needs the right to do that; copy to where it may write, or change the permissions",
    errno.EPERM: "the login needs the right to do that; copy to where it may write, or change the permissions",
    errno.EROFS: "copy to a disk that can be written to",
}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a copy is: files that are complete, and bytes that were carried so far."""

    machine: str
    files: int
    size_bytes: int


OnProgress = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy did: `files` are in place, of which `unchanged` were there before; `size_bytes` were carried.

    `left_out` names, below the source, what is neither file, folder nor link (the first hundred).
    """

    machine: str
    files: int
    unchanged: int
    size_bytes: int
    left_out: tuple[str, ...] = ()


class Digests:
    """SHA-256 of the beginnings of files, each computed once however many machines ask for it at the same time."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, ...], str] = {}
        self._computing: dict[tuple[int, ...], asyncio.Lock] = {}

    def steps(self, handle: int, length: int) -> Generator[object, object, str]:
        """Return the digest of the first bytes of an open file, as `tree.digest` does; for a large one yield something to await."""
        status = os.fstat(handle)
        key = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, length)
        if key not in self._known:
            if length > CHUNK:
                yield self._compute(key, handle)
            else:
                self._known[key] = yield from digest(handle, length)
        return self._known[key]

    async def _compute(self, key: tuple[int, ...], handle: int) -> None:
        async with self._computing.setdefault(key, asyncio.Lock()):
            if key not in self._known:
                self._known[key] = await _digest(handle, key[-1])


async def _digest(handle: int, length: int) -> str:
    import hashlib  # noqa: PLC0415 - needed only when something is there already

    state, at = hashlib.sha256(), 0
    own = os.dup(handle)  # the thread outlives a cancellation by one step
    try:
        while at < length:
            data = await asyncio.to_thread(os.pread, own, min(HASHED_AT_ONCE, length - at), at)
            if not data:
                return ""
            await asyncio.to_thread(state.update, data)
            at += len(data)
    finally:
        os.close(own)
    return state.hexdigest()


class SharedSource:
    """What is copied from here to several machines at once: walked once, each file hashed once. Where nothing is sent, no file is opened.

    Each of the machines takes its `batches` once, as many as were announced. What lies between the first and the last of them is kept.
    """

    def __init__(self, path: str | Path, machines: int = 1) -> None:
        self.root = os.fsencode(path)
        self.left_out: list[bytes] = []
        self.digests = Digests()
        self._known: dict[tuple[bytes, int, int], str] = {}
        self._walks = list(tee(self._walk(), machines))

    def batches(self) -> Iterator[Batch]:
        """Yield what is there, as `Sender.batches` does, for one more machine."""
        for batch in self._walks.pop():
            if isinstance(batch, CopyError):
                raise CopyError(batch.path, batch.why, batch.code)
            yield batch

    def digest(self, path: bytes, entry: Entry) -> Generator[object, object, str]:
        """Return the digest of a file as it was found, nothing if it has changed since; for a large one yield something to await."""
        key = (path, entry.size, entry.mtime_ns)
        if key not in self._known:
            handle = os.open(path, READ_FILE if entry.path else READ_FILE & ~os.O_NOFOLLOW)
            try:
                status = os.fstat(handle)
                if (status.st_size, status.st_mtime_ns) != (entry.size, entry.mtime_ns):
                    return ""
                self._known[key] = yield from self.digests.steps(handle, entry.size)
            finally:
                os.close(handle)
        return self._known[key]

    def _walk(self) -> Iterator[Batch | CopyError]:
        walker = Sender(self.root, _tell_nobody)
        walker.left_out = self.left_out
        try:
            yield from walker.batches()
        except CopyError as error:  # to all machines, not only to the one that is ahead
            yield error


def _tell_nobody(kind: int, head: dict[str, object], payload: bytes) -> None:
    raise AssertionError(kind, head, payload)


class OneOfMany(Sender):
    """Sends a source to one of several machines."""

    def __init__(self, source: SharedSource, tell: Callable[..., None]) -> None:
        super().__init__(source.root, tell, source.digests.steps)
        self.left_out = source.left_out
        self._source = source

    def batches(self) -> Iterator[Batch]:
        """Yield what the source has."""
        return self._source.batches()

    def _file(self, index: int, entry: Entry, have: tuple[int, str] | None) -> Generator[object, object, None]:
        if have is not None and have[0] == entry.size:
            path = joined(self.root, entry.path)
            try:
                ours = yield from self._source.digest(path, entry)
            except OSError as error:
                raise CopyError(path, error.strerror or "", error.errno or 0) from None
            if ours == have[1]:
                yield from self.confirm(index, entry)
                return
        yield from super()._file(index, entry, have)


class Channel:
    """One copy's talk with its machine. `tell(kind, head, payload)` sends a frame, `drain()` waits until the machine has taken nearly all.

    `landing` is where what comes from the machine is put, None when the copy goes there; `report` is called whenever something was carried.
    """

    def __init__(self, machine: str, tell: Callable[..., None], drain: Callable[[], Awaitable[None]]) -> None:
        self.machine = machine
        self.tell = tell
        self.landing: Landing | None = None
        self.report: Callable[[], None] = lambda: None
        self._drain = drain
        self._inbox: asyncio.Queue[Frame] = asyncio.Queue()
        self._failure: Exception | None = None
        self._over = False  # the machine sends nothing more
        self._given_up = False  # we do not listen any more
        self._lost = False

    # -- what the connection hands on

    def take(self, frame: Frame) -> bool:
        """Take a frame and tell whether it is the last one; raise ProtocolError when an honest agent would not send it now."""
        self._over = frame.kind in LAST
        if self._given_up:
            return self._over
        if frame.kind == frames.COPY_FAILED:
            self._fail(self._refusal(frame.head))
        elif frame.kind == frames.DATA and self.landing is not None:
            self._land(self.landing, frame)
        elif self._inbox.qsize() > WINDOW or frame.kind not in self._expected_kinds():
            raise ProtocolError(f"{frame} does not come in order")
        else:
            self._inbox.put_nowait(frame)
        return self._over

    def lose(self, why: str) -> None:
        """Contact is lost."""
        self._over = self._lost = True
        self._fail(
            MachineError(f"machine {self.machine}: {why}", hint="copy again when it is back: the copy continues where this one stopped")
        )

    def _expected_kinds(self) -> tuple[int, ...]:
        return (frames.HAVE, frames.COPIED) if self.landing is None else (frames.OFFER, frames.COMPLETE)

    def _land(self, landing: Landing, frame: Frame) -> None:
        try:
            landing.data(frame.head.get("parts"), frame.payload)
        except CopyError as error:
            self._fail(here(error))
        try:
            self.report()
        except Exception as error:  # noqa: BLE001 - whatever it is, it goes to the caller who asked for reports
            self._fail(error)

    def _refusal(self, head: dict[str, object]) -> WkeError:
        words = [f"machine {self.machine}", *(text for name in ("path", "why") if (text := text_of(head, name)))]
        return MachineError(": ".join(words), hint=HINTS.get(number_of(head, "code")))

    def _fail(self, error: Exception) -> None:
        self._failure = self._failure or error
        self._inbox.put_nowait(Frame(frames.COPY_FAILED, 0, {}))  # wakes the waiting copy

    # -- what a copy waits for

    async def heard(self, *kinds: int) -> Frame:
        """Return the next frame, or raise what went wrong."""
        frame = await self._inbox.get()
        self._check()
        if frame.kind not in kinds:
            raise ProtocolError(f"{frame} does not come in order")
        return frame

    async def drive(self, steps: Generator[object, Any, Any]) -> Any:
        """Let the steps run to their end and return their result, giving them what they wait for."""
        value: object = None
        try:
            while True:
                try:
                    request = steps.send(value)
                except StopIteration as end:
                    return end.value
                self.report()
                value = await self._given(request)
        finally:
            steps.close()

    async def _given(self, request: object) -> object:
        if request == ANSWER:
            return (await self.heard(frames.HAVE)).head
        if request == ROOM:
            await asyncio.sleep(0)  # let others have a turn, however fast this machine is
            await self._drain()
            self._check()
            return None
        assert isinstance(request, Awaitable)
        return await request

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure

    @contextmanager
    def ending(self) -> Iterator[None]:
        """Leave nothing over at either end when the block is left early; translate errors of this end."""
        try:
            yield
        except CopyError as error:
            raise here(error) from None
        except ProtocolError as error:
            raise MachineError(f"machine {self.machine}: the machine sent something that makes no sense: {error}") from None
        finally:
            if not self._over:
                self.tell(frames.COPY_STOP, {})
            self._given_up = True
            if self.landing is not None:
                self.landing.close(keep=self._lost)


def here(error: CopyError) -> WkeError:
    """Return the error that people read about a copy that failed for a reason on the controller."""
    return InputError(f"{shown(os.fsdecode(error.path))}: {error.why}", hint=HINTS.get(error.code))


def _offered(frame: Frame) -> tuple[int, list[Entry]]:
    """Return the number of the first entry that is offered, and all of them; raise ProtocolError when one is not an entry."""
    return number_of(frame.head, "first"), [Entry.read(form) for form in cast("list[object]", frame.head["entries"])]


def size_of(source: str | Path) -> int:
    """Return how many bytes the files of a file or folder here hold; raise InputError when it cannot be read."""
    try:
        return sum(entry.size for entry in walk(os.fsencode(source), []))
    except CopyError as error:
        raise here(error) from None


async def send(channel: Channel, source: SharedSource, destination: str, on_progress: OnProgress | None) -> Copied:
    """Copy `source` to the channel's machine. Raises InputError for what is wrong here, MachineError for what is wrong there."""
    sender = OneOfMany(source, channel.tell)
    channel.report = _reporter(channel.machine, sender, on_progress)
    with channel.ending():
        channel.tell(frames.COPY_IN, {"path": to_text(os.fsencode(destination)), "name": to_text(base_name(source.root))})
        await channel.drive(sender.run())
        await channel.heard(frames.COPIED)
    left_out = tuple(shown(os.fsdecode(path)) for path in sender.left_out)
    return Copied(channel.machine, sender.files, sender.unchanged, sender.size, left_out)


async def receive(
    channel: Channel,
    source: str,
    destination: str | Path,
    on_progress: OnProgress | None = None,
    digests: Digests | None = None,
    *,
    only: Sequence[str] = (),
) -> Copied:
    """Copy `source` from the channel's machine, of a folder `only` what matches such patterns.

    Raises InputError for what is wrong here, MachineError for what is wrong there.
    """
    root = os.fsencode(source)
    landing = channel.landing = Landing(os.fsencode(destination), base_name(root), (digests or Digests()).steps)
    channel.report = _reporter(channel.machine, landing, on_progress)
    with channel.ending():
        channel.tell(frames.COPY_OUT, {"path": to_text(root), "only": list(only)})
        while (frame := await channel.heard(frames.OFFER, frames.COMPLETE)).kind == frames.OFFER:
            have = await channel.drive(landing.offer(*_offered(frame)))
            channel.tell(frames.HAVE, {"first": frame.head["first"], "have": have})
        landing.finish()
    return Copied(channel.machine, landing.files, landing.unchanged, landing.size, texts_of(frame.head, "left-out"))


def _reporter(machine: str, end: Sender | Landing, on_progress: OnProgress | None) -> Callable[[], None]:
    """Return a function that reports how far this end of the copy is, whenever that has changed."""
    told = (-1, -1)

    def report() -> None:
        nonlocal told
        if on_progress is not None and told != (end.files, end.size):
            told = (end.files, end.size)
            on_progress(Progress(machine, *told))

    return report
