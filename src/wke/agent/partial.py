"""A file of a copy that is not complete yet: it has a temporary name (PART...) in its folder, and a later copy may continue it.

Runs on the machines too: Python >= 3.6 and cheap imports.
"""

import posix
import zlib

from wke.agent.tree import FORMAT, IS_FILE, PART

EEXIST, ELOOP = 17, 40


class PartialFile:
    """A file that is being written: its `name` in the meantime, how much is `written`; `lasting` when a later copy can find it."""

    __slots__ = ("handle", "lasting", "name", "written")

    def __init__(self, handle: int, name: bytes, written: int, lasting: bool) -> None:  # noqa: FBT001 - the fields of a value
        self.handle = handle
        self.name = name
        self.written = written
        self.lasting = lasting


def lasting_part(folder: int, name: bytes, flags: int) -> "PartialFile | None":
    """Open the part of the file of that name; None if there is none, or if it is not ours alone."""
    import fcntl  # needed for large files only

    meanwhile = PART + b"%08x" % zlib.crc32(name)
    try:
        handle = posix.open(meanwhile, flags | posix.O_CLOEXEC | posix.O_NOFOLLOW | posix.O_NONBLOCK, 0o600, dir_fd=folder)
    except OSError as error:
        if flags & posix.O_CREAT and error.errno not in (EEXIST, ELOOP):
            raise
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        status, there = posix.fstat(handle), posix.stat(meanwhile, dir_fd=folder, follow_symlinks=False)
        ours = status.st_mode & FORMAT == IS_FILE and status.st_nlink == 1 and status.st_uid == posix.geteuid()
        if ours and (status.st_dev, status.st_ino) == (there.st_dev, there.st_ino):  # it may have been renamed before the lock was ours
            return PartialFile(handle, meanwhile, status.st_size, lasting=True)
    except OSError:  # another process has the lock, or the file system has no locks
        pass
    posix.close(handle)
    return None
