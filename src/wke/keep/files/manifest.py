"""Manifests: size and checksum of every file in an attempt's folder when the attempt ended, to find later losses and changes."""

import os
import stat
import zlib
from collections.abc import Collection, Iterable, Iterator
from functools import partial
from pathlib import Path

from wke.describe.toml.wording import counted
from wke.errors import Location, Problem
from wke.keep.files.disk import sync_folder, together
from wke.values import dataclass

PART = 1 << 20
RESTORE = "restore it from a copy; the values that the attempt observed are in the database and still count"


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file, by its path below the folder. The CRC-32 finds decay and edits, not forgery."""

    path: str
    size: int
    crc: int

    @property
    def text(self) -> str | bytes:
        """The path as SQLite takes it: text, or bytes if it is not text."""
        try:
            self.path.encode()
        except UnicodeEncodeError:
            return os.fsencode(self.path)
        return self.path


def seal(folder: Path) -> tuple[KeptFile, ...]:
    """Return the manifest of `folder` when all of it is on the disk, with its name in the folder above.

    Only the owner may then read it. Links and other things that are not files are ignored.
    """
    files: list[str] = []
    folders = [str(folder.parent)]
    for place, _, names in os.walk(folder, topdown=False):
        paths = (os.path.join(place, name) for name in names)  # noqa: PTH118 - a trial may have thousands
        files += (path for path in paths if stat.S_ISREG(os.lstat(path).st_mode))
        os.chmod(place, 0o700)  # noqa: PTH101
        folders.append(place)
    found = together([partial(_sealed, path, folder) for path in files] + [partial(_synced, Path(place)) for place in folders])
    return tuple(file for file in found if file is not None)


def _sealed(path: str, folder: Path) -> KeptFile | None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fchmod(descriptor, 0o600)  # a collected file came with the mode that it had on its machine
        os.fsync(descriptor)
        return KeptFile(os.path.relpath(path, folder), *_sums(descriptor))
    finally:
        os.close(descriptor)


def _synced(folder: Path) -> KeptFile | None:
    sync_folder(folder)
    return None


def differences(folder: Path, kept: Iterable[KeptFile], ignored: Collection[str] = ()) -> Iterator[Problem]:
    """Yield the files in `folder` that are lost, altered, unreadable or unexpected; `ignored` paths may be there."""
    expected = {file.path: file for file in kept}
    for place, _, names in os.walk(folder):
        for path in (Path(place, name) for name in sorted(names)):
            file = expected.pop(str(path.relative_to(folder)), None)
            if file is not None:
                what = _difference(path, file)
                if what:
                    yield Problem(what, Location(str(path)), RESTORE)
            elif str(path.relative_to(folder)) not in ignored and stat.S_ISREG(path.lstat().st_mode):
                yield Problem("was not there when the attempt ended", Location(str(path)), "move it away; wke did not write it")
    for lost in expected:
        yield Problem("is missing", Location(str(folder / lost)), RESTORE)


def _difference(path: Path, file: KeptFile) -> str:
    """Return what is different about a file, "" for nothing."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    try:
        size, crc = _sums(descriptor)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    finally:
        os.close(descriptor)
    if size != file.size:
        return f"had {counted(file.size, 'byte')} when the attempt ended and has {size} now"
    return "" if crc == file.crc else "has the size that it had when the attempt ended, but other bytes"


def _sums(descriptor: int) -> tuple[int, int]:
    """Return the number of bytes that can be read, and their CRC-32."""
    size = crc = 0
    while part := os.read(descriptor, PART):
        size += len(part)
        crc = zlib.crc32(part, crc)
    return size, crc
