"""The receiving end of a copy: reports what is there already, writes the rest, and never leaves half a file under its final name.

A file is written under a temporary name (PART...) in its folder and renamed when it is complete. For a large file this name follows from
the final one, so that a copy after a broken connection finds the part and continues it. The content of a part is compared first (SHA-256),
and so is that of a file that seems to be there already.

The sender is not trusted. Nothing is written outside the root: names are checked (`Entry.read`), and every folder below the root is entered
without following links, whether a link came with the copy or was there before. Entries must come as `walk` yields them, and only so many.
"""

import posix

from wke.agent.partial import PartialFile, lasting_part
from wke.agent.places import is_folder, make_folders
from wke.agent.protocol import ProtocolError
from wke.agent.tree import CHUNK, FOLDER, FORMAT, IS_FILE, IS_FOLDER, IS_LINK, LINK, MOST_ENTRIES, MOST_FOLDERS, MOST_STREAMED, PART
from wke.agent.tree import ROOM, STREAM, CopyError, digest, is_name, joined, natural

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from wke.agent.sender import Digest
    from wke.agent.tree import Entry

READ_FOLDER = posix.O_RDONLY | posix.O_CLOEXEC | posix.O_DIRECTORY
READ_FILE = posix.O_RDONLY | posix.O_CLOEXEC | posix.O_NOFOLLOW | posix.O_NONBLOCK
WRITE_FILE = posix.O_RDWR | posix.O_CLOEXEC | posix.O_NOFOLLOW | posix.O_CREAT | posix.O_NONBLOCK
OPEN_FOLDERS = 16
WORTH_KEEPING = 1 << 16
ENOTDIR, ELOOP = 20, 40
IS_NO_FOLDER_THERE = "is no folder there, and a folder here; remove one of them"
IS_LINK_THERE = "is a link there, and a folder here; links are not followed: copy to the folder that it leads to, or remove the link"


class Expected:
    """A file that was offered, of which we `have` some bytes, whole or in `part`; a whole one `fits` if it has its mode and time."""

    __slots__ = ("entry", "fits", "have", "index", "part")

    def __init__(self, index: int, entry: "Entry", have: int, part: "PartialFile | None") -> None:
        self.index = index
        self.entry = entry
        self.have = have
        self.part = part
        self.fits = False


class Landing:
    """Where a copy arrives; `files`, `size` and `unchanged` count what has been done.

    With a `name` the copy goes into `destination` if that is a folder or ends with a slash, and becomes `destination` otherwise. Without a
    name the content of the copy's root goes into the folder `destination`.
    """

    def __init__(self, destination: bytes, name: bytes, digest: "Digest" = digest) -> None:
        if name and not is_name(name):
            raise ProtocolError(f"not a name: {name!r:.200}")
        self.files = self.size = self.unchanged = 0
        self._destination = destination or b"."
        self._name = name
        self._digest = digest
        self._shown = self._destination  # where the root is, for messages
        self._container = self._root = -1
        self._folders = {}  # type: dict[bytes, int]
        self._offered = 0
        self._last_names = {}  # type: dict[bytes, bytes]  # of what came in each folder
        self._expected = []  # type: list[Expected]
        self._current = None  # type: Expected | None
        self._finished = []  # type: list[Entry]
        self._token = posix.urandom(6).hex().encode()
        self._own_names = 0

    # -- from the sender

    def offer(self, first: int, entries: "Sequence[Entry]") -> "Generator[object, object, list[list[object]]]":
        """Make the folders and links among the entries; return what we have of the files, in steps as `tree.digest`. Raises CopyError."""
        if first != self._offered:
            raise ProtocolError(f"an offer that begins with {first}, not {self._offered}")
        have = []
        hashed = 0  # since others had a turn
        for index, entry in enumerate(entries, first):
            if not index:
                self._arrive(entry)
            elif not entry.path or self._root < 0:
                raise ProtocolError("a copy with two roots")
            self._take_note(entry)
            try:
                known = yield from self._take(index, entry)
            except OSError as error:
                raise self._problem(entry.path, error) from None
            if known is not None:
                have.append([index, *known])
                hashed += known[0]
                if hashed > CHUNK:
                    hashed = 0
                    yield ROOM
        return have

    def data(self, parts: object, payload: bytes) -> None:
        """Write the parts, whose bytes follow each other in `payload`. Raises CopyError."""
        at = 0
        if not isinstance(parts, list):
            raise ProtocolError("data without a list of parts")
        for part in parts:
            if not isinstance(part, list) or len(part) != 3 or not all(map(natural, part)) or at + part[2] > len(payload):
                raise ProtocolError(f"not a part of the data: {part!r:.200}")
            index, offset, length = part
            item = self._begun(index, offset)
            try:
                self._write(item, offset, payload[at : at + length] if length < len(payload) else payload)
            except OSError as error:
                raise self._problem(item.entry.path, error) from None
            at += length

    def finish(self) -> None:
        """Give the folders their modes and times: all has come. Raises CopyError."""
        if self._expected or self._current is not None or not self._offered:
            raise ProtocolError("a copy that ends before its end")
        while self._finished:
            entry = self._finished.pop()  # a folder's content before the folder itself
            try:
                handle = self._folder(entry.path)
                posix.utime(handle, ns=(entry.mtime_ns, entry.mtime_ns))
                posix.fchmod(handle, entry.mode)
            except OSError as error:
                raise self._problem(entry.path, error) from None
        self.close(keep=False)

    def close(self, keep: bool) -> None:  # noqa: FBT001 - named by every caller
        """End, whether it is complete or not; a large file that is not remains as a part if `keep` is true, nothing else does."""
        items = [item for item in [self._current, *self._expected] if item is not None and item.part is not None]
        for item in items:
            try:
                folder = self._place(item.entry.path)[0]
                if not (keep and item.part.lasting and item.part.written >= WORTH_KEEPING):
                    posix.unlink(item.part.name, dir_fd=folder)
            except (OSError, CopyError):  # the folder went away, and the part with it
                pass
            posix.close(item.part.handle)
        self._current, self._expected = None, []
        for handle in [*self._folders.values(), self._root, self._container]:
            if handle >= 0:
                posix.close(handle)
        self._folders, self._root, self._container = {}, -1, -1

    # -- places

    def _arrive(self, entry: "Entry") -> None:
        """Find out where the root goes, which depends on what is there, and make the folders above it."""
        if entry.path or entry.kind == LINK:
            raise ProtocolError("a copy without a root")
        destination, name = self._destination, self._name
        above = destination
        try:
            if name and not (destination.endswith(b"/") or is_folder(destination)):
                above, _, name = destination.rpartition(b"/")
                above = above or (b"/" if destination.startswith(b"/") else b".")
            self._shown = joined(above, name)
            if not name and entry.kind != FOLDER:
                raise ProtocolError("a file without a name")
            make_folders(above)
            self._container = posix.open(above, READ_FOLDER)
        except OSError as error:
            raise CopyError(above, error.strerror, error.errno) from None
        self._name = name

    def _place(self, path: bytes) -> "tuple[int, bytes]":
        """Return the open folder in which `path` is, and its name there."""
        if not path:
            return self._container, self._name
        folder, _, name = path.rpartition(b"/")
        return self._folder(folder), name

    def _folder(self, path: bytes) -> int:
        """Return a folder of the copy, open; no link on the way is followed."""
        if not path:
            return self._root
        handle = self._folders.get(path)
        if handle is None:
            handle = self._root
            for name in path.split(b"/"):
                above = handle
                try:
                    handle = posix.open(name, READ_FOLDER | posix.O_NOFOLLOW, dir_fd=above)
                finally:
                    if above != self._root:
                        posix.close(above)
            while len(self._folders) >= OPEN_FOLDERS:
                posix.close(self._folders.pop(next(iter(self._folders))))
            self._folders[path] = handle
        return handle

    def _problem(self, path: bytes, error: OSError) -> CopyError:
        place = joined(self._shown, path)
        if error.errno in (ENOTDIR, ELOOP):
            return CopyError(place, "a part of its path is not a folder (links are not followed)", error.errno)
        return CopyError(place, error.strerror, error.errno)

    # -- entries

    def _take_note(self, entry: "Entry") -> None:
        """Check that an honest sender could have offered this entry after the others: its folder came before, and it comes once."""
        folder, _, name = entry.path.rpartition(b"/")
        if name:
            if not self._last_names.get(folder, name) < name:
                raise ProtocolError(f"{entry.path!r:.200} is not in a folder of the copy, or comes twice")
            self._last_names[folder] = name
        if entry.kind == FOLDER:
            self._last_names[entry.path] = b""
        self._offered += 1
        if self._offered > MOST_ENTRIES or len(self._finished) >= MOST_FOLDERS:
            raise ProtocolError("a copy with too many entries")

    def _take(self, index: int, entry: "Entry") -> "Generator[object, object, tuple[int, str] | None]":
        """Make a folder or link; of a file, return how much of it we have and the digest of that, None if we have nothing."""
        if entry.kind == FOLDER:
            self._make_folder(entry)
            return None
        folder, name = self._place(entry.path)
        try:
            status = posix.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            status = None
        if status is not None and status.st_mode & FORMAT == IS_FOLDER:
            raise CopyError(joined(self._shown, entry.path), "is a folder there and none here; remove one of them")
        if entry.kind == LINK:
            self._make_link(entry, folder, name)
            return None
        item = Expected(index, entry, 0, None)
        self._expected.append(item)
        if not entry.size:
            return None
        if status is not None and status.st_mode & FORMAT == IS_FILE and status.st_size == entry.size:
            known = yield from self._whole(item, folder, name, status)
            if known:
                return entry.size, known
        if entry.size > CHUNK and not any(other.part for other in self._expected):  # a copy that broke off left one part
            item.part = lasting_part(folder, name, posix.O_RDWR)
            if item.part is not None:
                item.have = min(item.part.written, entry.size)
                known = yield from self._digest(item.part.handle, item.have)
                return item.have, known
        return None

    def _whole(self, item: Expected, folder: int, name: bytes, status: "posix.stat_result") -> "Generator[object, object, str]":
        """Return the digest of the file that is there, nothing when it cannot be read."""
        try:
            handle = posix.open(name, READ_FILE, dir_fd=folder)
        except OSError:
            return ""
        try:
            item.have = item.entry.size
            item.fits = status.st_mode & 0o7777 == item.entry.mode and status.st_mtime_ns == item.entry.mtime_ns
            return (yield from self._digest(handle, item.have))
        finally:
            posix.close(handle)

    def _make_folder(self, entry: "Entry") -> None:
        """Make a folder that we can write to, unless it is there; `finish` gives it its final mode."""
        if entry.path or self._name:
            folder, name = self._place(entry.path)
            try:
                posix.mkdir(name, entry.mode | 0o700, dir_fd=folder)
            except FileExistsError:
                status = posix.stat(name, dir_fd=folder, follow_symlinks=False)
                if status.st_mode & FORMAT != IS_FOLDER:
                    is_link = status.st_mode & FORMAT == IS_LINK
                    raise CopyError(joined(self._shown, entry.path), IS_LINK_THERE if is_link else IS_NO_FOLDER_THERE) from None
                if status.st_mode & 0o700 != 0o700 and status.st_uid == posix.geteuid():
                    posix.chmod(name, status.st_mode & 0o777 | 0o700, dir_fd=folder)
            self._finished.append(entry)
            if not entry.path:
                self._root = posix.open(name, READ_FOLDER | posix.O_NOFOLLOW, dir_fd=folder)
        else:
            self._root = posix.dup(self._container)

    def _make_link(self, entry: "Entry", folder: int, name: bytes) -> None:
        meanwhile = self._own_name()
        posix.symlink(entry.target, meanwhile, dir_fd=folder)
        try:
            posix.utime(meanwhile, ns=(entry.mtime_ns, entry.mtime_ns), dir_fd=folder, follow_symlinks=False)
            posix.rename(meanwhile, name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            posix.unlink(meanwhile, dir_fd=folder)
            raise

    # -- data

    def _begun(self, index: int, offset: int) -> Expected:
        """Return the file that the part belongs to; they come in the order of the offers."""
        item = self._current
        if item is None:
            if not self._expected or self._expected[0].index != index or offset not in (0, self._expected[0].have):
                raise ProtocolError(f"data of file {index} from {offset} on was not expected")
            item = self._current = self._expected.pop(0)
        elif item.index != index or item.part is None or item.part.written > offset:
            raise ProtocolError(f"data of file {index} from {offset} on came out of order")
        return item

    def _write(self, item: Expected, offset: int, data: bytes) -> None:
        entry = item.entry
        folder, name = self._place(entry.path)
        end = offset + len(data)
        if end > (MOST_STREAMED if entry.kind == STREAM else entry.size):
            raise ProtocolError(f"data of {end} bytes for a file of {entry.size}")
        is_last = not data if entry.kind == STREAM else end == entry.size
        if item.part is None and offset:  # the file that is there is the one that was offered
            self._current = None
            self.unchanged += 1
            if not item.fits:
                self._adjust(entry, folder, name)
        else:
            part = item.part = item.part or self._new_part(folder, name, entry.size > CHUNK)
            if part.written != offset:  # a part is begun anew, or there is a hole
                posix.ftruncate(part.handle, offset)
            at = 0
            while at < len(data):
                written = posix.pwrite(part.handle, data[at:] if at else data, offset + at)
                at += written
                part.written = offset + at
            part.written = end
            if is_last:
                self._complete(item, folder, name)
        self.size += len(data)
        self.files += is_last

    def _adjust(self, entry: "Entry", folder: int, name: bytes) -> None:
        handle = posix.open(name, READ_FILE, dir_fd=folder)
        try:
            _attribute(handle, entry)
        finally:
            posix.close(handle)

    def _complete(self, item: Expected, folder: int, name: bytes) -> None:
        """Give a file its final name."""
        part = item.part
        _attribute(part.handle, item.entry)
        posix.rename(part.name, name, src_dir_fd=folder, dst_dir_fd=folder)
        self._current = item.part = None
        posix.close(part.handle)

    def _new_part(self, folder: int, name: bytes, large: bool) -> PartialFile:  # noqa: FBT001 - private
        """Open an empty file to write to; a later copy can find that of a large one, unless another copy is writing there."""
        part = lasting_part(folder, name, WRITE_FILE) if large else None
        if part is None:
            own = self._own_name()
            part = PartialFile(posix.open(own, WRITE_FILE | posix.O_EXCL, 0o600, dir_fd=folder), own, 0, lasting=False)
        elif part.written:
            posix.ftruncate(part.handle, 0)
        return part

    def _own_name(self) -> bytes:
        self._own_names += 1
        return b"%s%s-%d" % (PART, self._token, self._own_names)


def _attribute(handle: int, entry: "Entry") -> None:
    """Give a file its mode and time if they differ."""
    status = posix.fstat(handle)
    if status.st_mode & 0o7777 != entry.mode:
        posix.fchmod(handle, entry.mode)
    if status.st_mtime_ns != entry.mtime_ns:
        posix.utime(handle, ns=(entry.mtime_ns, entry.mtime_ns))
