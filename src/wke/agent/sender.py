"""The sending end of a copy: offers entries, learns what the other end has already, and sends the rest.

It waits for an answer only when it needs one: up to WINDOW offers are under way, their files are sent one after the other in the order of
the offers, and many small files share a frame.

    offer     {"first": number of the first entry, "entries": [...]}
    have      {"first": as offered, "have": [[number, length, SHA-256 of that many bytes], ...]}      the answer
    data      {"parts": [[number, offset, length], ...]} and the bytes; a part at the end of its file completes it, and an empty part
              completes a stream; what lies between two parts of a file is a hole
    complete  {}
"""

import posix

from wke.agent import frames
from wke.agent.protocol import ProtocolError
from wke.agent.tree import ANSWER, BATCH, BATCH_SIZE, CHUNK, FILE, FOLDER, MOST_STREAMED, ROOM, STREAM, WINDOW, CopyError, digest
from wke.agent.tree import joined, natural, walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from wke.agent.tree import Entry

    Tell = Callable[[int, dict[str, object], bytes], None]
    Digest = Callable[[int, int], Generator[object, object, str]]
    Batch = tuple[int, list[Entry], list[list[object]]]

ENXIO = 6
READ_FILE = posix.O_RDONLY | posix.O_CLOEXEC | posix.O_NOFOLLOW | posix.O_NONBLOCK  # it may have become a link or a pipe


class Sender:
    """Sends what is at `root` through `tell(kind, head, payload)`; `files`, `size` and `unchanged` count what has been done.

    With `only`, patterns of paths below a folder, nothing else is sent; a folder that matches is sent with everything in it.
    """

    def __init__(self, root: bytes, tell: "Tell", digest: "Digest" = digest, only: "list[bytes] | None" = None) -> None:
        self.files = self.size = self.unchanged = 0
        self.left_out = []  # type: list[bytes]
        self.root = root
        self._only = None if only is None else [pattern.strip(b"/").split(b"/") for pattern in only]
        self._tell = tell
        self._digest = digest
        self._parts = []  # type: list[list[int]]
        self._payload = []  # type: list[bytes]
        self._room = CHUNK

    def run(self) -> "Generator[object, object, None]":
        """Do it in steps: each yields what it waits for, ROOM or ANSWER, and is then sent the answer's head. Raises CopyError."""
        batches = self.batches()
        unanswered = []  # type: list[Batch]
        while True:
            while len(unanswered) < WINDOW:
                batch = next(batches, None)
                if batch is None:
                    break
                self._tell(frames.OFFER, {"first": batch[0], "entries": batch[2]}, b"")
                unanswered.append(batch)
                yield ROOM
            if not unanswered:
                break
            answer = yield ANSWER
            yield from self._deliver(unanswered.pop(0), answer)
        self._tell(frames.COMPLETE, {"left-out": [path.decode("utf-8", "replace") for path in self.left_out]}, b"")

    def batches(self) -> "Iterator[Batch]":
        """Yield for each offer the number of its first entry, the entries, and their forms."""
        first, size = 0, 0
        entries = []  # type: list[Entry]
        for entry in walk(self.root, self.left_out, self._follows):
            if self._only is not None and entry.path and not wanted(entry, self._only):
                continue
            entries.append(entry)
            size += len(entry.path) + len(entry.target)
            if len(entries) == BATCH or size > BATCH_SIZE or not first:  # the root goes alone: it decides whether there is a copy at all
                yield first, entries, [one.form() for one in entries]
                first, entries, size = first + len(entries), [], 0
        if entries:
            yield first, entries, [one.form() for one in entries]

    def _follows(self, path: bytes) -> bool:
        """Tell whether a link is followed: if a pattern matches it, or something in it. So links cannot lead deeper than patterns do."""
        parts = path.split(b"/")
        return self._only is not None and any(len(parts) <= len(pattern) and matches(parts, pattern) for pattern in self._only)

    def _deliver(self, batch: "Batch", answer: object) -> "Generator[object, object, None]":
        """Send the files of a batch, except for what the other end has."""
        first, entries, _ = batch
        have = _have(answer, first, len(entries))
        for index, entry in enumerate(entries, first):
            if entry.kind in (FILE, STREAM):
                yield from self._file(index, entry, have.get(index))
        self._flush()

    def _file(self, index: int, entry: "Entry", have: "tuple[int, str] | None") -> "Generator[object, object, None]":
        path = joined(self.root, entry.path)
        try:
            handle = posix.open(path, READ_FILE if entry.path and not self._follows(entry.path) else READ_FILE & ~posix.O_NOFOLLOW)
        except OSError as error:
            raise CopyError(path, error.strerror, error.errno) from None
        try:
            offset = 0
            if have is not None and 0 < have[0] <= entry.size and (yield from self._digest(handle, have[0])) == have[1]:
                offset = have[0]
            self.unchanged += bool(entry.size) and offset == entry.size
            for at, data in self._pieces(path, handle, entry, offset):
                self._add([index, at, len(data)], data)
                if not self._room or len(self._parts) == BATCH:
                    self._flush()
                    yield ROOM
        except OSError as error:
            raise CopyError(path, error.strerror, error.errno) from None
        finally:
            posix.close(handle)
        self.files += 1

    def confirm(self, index: int, entry: "Entry") -> "Generator[object, object, None]":
        """Say of a file that the other end has it as it is here."""
        self._add([index, entry.size, 0], b"")
        self.unchanged += 1
        self.files += 1
        if len(self._parts) == BATCH:
            self._flush()
            yield ROOM

    def _pieces(self, path: bytes, handle: int, entry: "Entry", offset: int) -> "Iterator[tuple[int, bytes]]":
        """Yield the content from `offset` on, as far as there is room each time, with the place of each piece; holes lie between pieces."""
        data = b"?"
        while entry.kind == STREAM and data:
            data = posix.read(handle, self._room)
            if offset + len(data) > MOST_STREAMED:
                raise CopyError(path, "has no known size, and more than {} MiB are in it".format(MOST_STREAMED >> 20))
            yield offset, data
            offset += len(data)
        until = offset if posix.fstat(handle).st_blocks * 512 < entry.size else entry.size
        while entry.kind == FILE:
            data = posix.pread(handle, min(self._room, until - offset), offset)
            if not data and offset < until:
                raise CopyError(path, "became shorter while it was copied")
            yield offset, data
            offset += len(data)
            if offset == entry.size:
                return
            if offset == until:
                offset, until = _extent(handle, offset, entry.size)

    def _add(self, part: "list[int]", data: bytes) -> None:
        self._parts.append(part)
        self._payload.append(data)
        self._room -= len(data)
        self.size += len(data)

    def _flush(self) -> None:
        if self._parts:
            payload = self._payload[0] if len(self._payload) == 1 else b"".join(self._payload)
            self._tell(frames.DATA, {"parts": self._parts}, payload)
            self._parts, self._payload, self._room = [], [], CHUNK


def _extent(handle: int, offset: int, size: int) -> "tuple[int, int]":
    """Return where the next data from `offset` on begin and end; both are `size` when only a hole is left."""
    try:
        start = posix.lseek(handle, offset, posix.SEEK_DATA)
        return min(start, size), min(posix.lseek(handle, start, posix.SEEK_HOLE), size)
    except OSError as error:  # of a file system that knows no holes all is data
        return (size if error.errno == ENXIO else offset), size


def wanted(entry: "Entry", patterns: "list[list[bytes]]") -> bool:
    """Tell whether an entry matches one of the patterns part by part, or may contain a match, or lies in one."""
    parts = entry.path.split(b"/")
    return any((entry.kind == FOLDER or len(parts) >= len(pattern)) and matches(parts, pattern) for pattern in patterns)


def matches(parts: "list[bytes]", pattern: "list[bytes]") -> bool:
    """Tell whether the parts of a path match those of a pattern, as far as there are both."""
    import fnmatch

    return all(map(fnmatch.fnmatchcase, parts, pattern))


def _have(answer: object, first: int, count: int) -> "dict[int, tuple[int, str]]":
    """Return how much of each entry the other end has, from the answer to the offer of `count` entries from `first` on."""
    if not isinstance(answer, dict) or answer.get("first") != first or not isinstance(answer.get("have"), list):
        raise ProtocolError(f"not the answer to an offer: {answer!r:.200}")
    have = {}
    for item in answer["have"]:
        if not isinstance(item, list) or len(item) != 3 or not natural(item[0]) or not natural(item[1]) or not isinstance(item[2], str):
            raise ProtocolError(f"not the answer to an offer: {item!r:.200}")
        if first <= item[0] < first + count:
            have[item[0]] = (item[1], item[2])
    return have
