"""What a copy consists of: files, folders and links below one root, as values; and the walk that finds them.

Both ends use this module, `sender` and `landing`: a copy is the same work in either direction. They run on the machines: Python >= 3.6 and
cheap imports. Paths are bytes, whatever the locale.
"""

import posix

from wke.agent.files import to_bytes, to_text
from wke.agent.protocol import ProtocolError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

FORMAT, IS_FILE, IS_FOLDER, IS_LINK = 0o170000, 0o100000, 0o040000, 0o120000
PERMISSIONS = 0o777  # set-user-id and its like stay behind
FILE, FOLDER, LINK, STREAM = "f", "d", "l", "s"  # a stream is a file whose size does not tell its content, such as one in /proc
PART = b".wke-part-"  # how the names of files begin that are not complete yet
LONGEST_NAME = 255
LONGEST_PATH = 4096
MOST_FOLDERS = 100_000  # of one copy
MOST_ENTRIES = 10_000_000
MOST_STREAMED = 1 << 30
PSEUDO_SIZE = 4096  # what files in /sys claim to have
LATEST_NS = 1 << 62
LARGEST = 1 << 62
LEFT_OUT_NAMED = 100

CHUNK = 1 << 18  # the most that one frame carries
BATCH = 256  # the most entries that one frame offers
BATCH_SIZE = 1 << 16  # and about as many bytes
WINDOW = 8  # the most offers without an answer

ROOM, ANSWER = "room", "answer"  # what a step may wait for: room to send more, or the next answer

HASHED_AT_ONCE = 1 << 20


class CopyError(Exception):
    """A copy cannot go on: `path` (bytes, as seen here), `why` says the reason, `code` is the errno or 0."""

    def __init__(self, path: bytes, why: str, code: int = 0) -> None:
        super().__init__(path, why, code)
        self.path = path
        self.why = why
        self.code = code


class Entry:
    """One thing to copy, `path` being relative to the root, which itself is b"". Only a file has a `size`, only a link a `target`."""

    __slots__ = ("kind", "mode", "mtime_ns", "path", "size", "target")

    def __init__(self, path: bytes, kind: str, mode: int, mtime_ns: int, *, size: int = 0, target: bytes = b"") -> None:
        self.path = path
        self.kind = kind
        self.mode = mode & PERMISSIONS
        self.mtime_ns = mtime_ns
        self.size = size
        self.target = target

    def form(self) -> "list[object]":
        """Return it as JSON can hold it."""
        return [to_text(self.path), self.kind, self.mode, self.mtime_ns, self.size, to_text(self.target)]

    @staticmethod
    def read(form: object) -> "Entry":
        """Return the entry of that form; raise ProtocolError for anything else, above all for a path that leads out of the root."""
        try:
            path, kind, mode, mtime_ns, size, target = form  # type: ignore[misc]
            path, target = to_bytes(path), to_bytes(target)
        except (TypeError, ValueError, AttributeError):
            raise ProtocolError(f"not an entry of a copy: {form!r:.200}") from None
        numbers = natural(mode) and natural(size) and type(mtime_ns) is int and abs(mtime_ns) < LATEST_NS
        if kind not in (FILE, FOLDER, LINK, STREAM) or not numbers or b"\0" in target or (kind == LINK and not target):
            raise ProtocolError(f"not an entry of a copy: {form!r:.200}")
        if path and (len(path) > LONGEST_PATH or not all(map(is_name, path.split(b"/")))):
            raise ProtocolError(f"a path that leads out of the copy: {path!r:.200}")
        return Entry(path, kind, mode, mtime_ns, size=size if kind == FILE else 0, target=target)


def is_name(name: bytes) -> bool:
    """Tell whether that names something in a folder, and nothing else."""
    return name not in (b"", b".", b"..") and b"/" not in name and b"\0" not in name and len(name) <= LONGEST_NAME


def natural(value: object) -> bool:
    """Tell whether that is a number that can count bytes."""
    return type(value) is int and 0 <= value < LARGEST


def no_link(path: bytes) -> bool:  # noqa: ARG001 - whatever it is
    """Follow no link."""
    return False


def walk(root: bytes, left_out: "list[bytes]", follows: "Callable[[bytes], bool]" = no_link) -> "Iterator[Entry]":
    """Yield the root and all below it, folders before what is in them; raise CopyError for what cannot be read.

    A root that is a link is followed; of links below it, those whose path `follows` accepts, unless they lead nowhere. Anything but files,
    folders and links is added to `left_out`. Raises CopyError for more folders or entries than a copy may have, too.
    """
    status = _of_root(root)
    form = status.st_mode & FORMAT
    if form == IS_FILE:
        yield _file(b"", status)
        return
    if form != IS_FOLDER:
        raise CopyError(root, "neither a file nor a folder")
    yield Entry(b"", FOLDER, status.st_mode, status.st_mtime_ns)
    folders = [b""]
    seen = entries = 1
    while folders:
        below = []
        for entry in _within(root, folders.pop(), left_out, follows):
            yield entry
            entries += 1
            if entry.kind == FOLDER:
                below.append(entry.path)
        folders += reversed(below)
        seen += len(below)
        if seen >= MOST_FOLDERS or entries >= MOST_ENTRIES:
            raise CopyError(root, "has more than {:,} folders or {:,} files; copy an archive of it".format(MOST_FOLDERS, MOST_ENTRIES))


def _file(path: bytes, status: "posix.stat_result") -> Entry:
    """Return a file, or a stream if its size may not be that of its content: then it is read to its end."""
    is_stream = not status.st_size or (not status.st_blocks and status.st_size <= PSEUDO_SIZE)
    size = 0 if is_stream else status.st_size
    return Entry(path, STREAM if is_stream else FILE, status.st_mode, status.st_mtime_ns, size=size)


def _of_root(root: bytes) -> "posix.stat_result":
    try:
        return posix.stat(root)
    except OSError as error:
        why = "there is no such file or folder" if isinstance(error, FileNotFoundError) else error.strerror
        raise CopyError(root, why, error.errno) from None


def _within(root: bytes, folder: bytes, left_out: "list[bytes]", follows: "Callable[[bytes], bool]") -> "Iterator[Entry]":
    """Yield what lies directly in a folder."""
    above = joined(root, folder)
    try:
        names = sorted(posix.listdir(above))
    except OSError as error:
        raise CopyError(above, error.strerror, error.errno) from None
    for name in names:
        path, place = (folder + b"/" + name if folder else name), joined(above, name)
        try:
            status = posix.lstat(place)
            form = status.st_mode & FORMAT
            target = posix.readlink(place) if form == IS_LINK else b""
            if target and follows(path) and _leads_somewhere(place):
                status = posix.stat(place)
                form = status.st_mode & FORMAT
        except FileNotFoundError:  # it went away in this moment
            continue
        except OSError as error:
            raise CopyError(place, error.strerror, error.errno) from None
        if form == IS_FILE and not name.startswith(PART):
            yield _file(path, status)
        elif form in (IS_FOLDER, IS_LINK):
            is_folder = form == IS_FOLDER
            kind, target = (FOLDER, b"") if is_folder else (LINK, target)
            yield Entry(path, kind, status.st_mode, status.st_mtime_ns, target=target)
        elif len(left_out) < LEFT_OUT_NAMED:
            left_out.append(path)


def _leads_somewhere(place: bytes) -> bool:
    try:
        posix.stat(place)
    except OSError:
        return False
    return True


def joined(folder: bytes, path: bytes) -> bytes:
    """Return `path` as seen from where `folder` is seen from."""
    return folder.rstrip(b"/") + b"/" + path if path else folder


def base_name(path: bytes) -> bytes:
    """Return the name under which a copy of `path` lands in a folder; nothing if its content is to land there: "data/.", "~", "/"."""
    name = path.rstrip(b"/").rpartition(b"/")[2]
    return name if is_name(name) and path != b"~" else b""


def digest(handle: int, length: int) -> "Generator[str, None, str]":
    """Return the SHA-256 of the first bytes of a file in steps, that is, yield ROOM between large parts; nothing when it is shorter."""
    import hashlib  # not cheap, and seldom needed

    state, at = hashlib.sha256(), 0
    while at < length:
        data = posix.pread(handle, min(HASHED_AT_ONCE, length - at), at)
        if not data:
            return ""
        state.update(data)
        at += len(data)
        if at < length:
            yield ROOM
    return state.hexdigest()
