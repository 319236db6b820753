"""The machine's lock: one series at a time. Guardian and agent hold it, so it is free when nothing of what they started is left.

It is a file that all users share, locked with `flock`; the kernel frees the lock when its last holder ends in any way. The file names the
holder in a line for people. An orderly release removes the file; a file that `kill -9` left is taken over by the next holder. Its name can
be known beforehand, so what another user puts there is not trusted: only a plain file that has no other name is written to.
"""

import fcntl
import posix
import time

from wke.agent.files import FORMAT, to_bytes, to_text

FOLDERS = (b"/tmp", b"/var/tmp", b"/dev/shm")  # the first that can be written; never $TMPDIR, which is not the same for everybody
PAUSE_S = 0.02
PLAIN_FILE = 0o100000
LONGEST_LINE = 512
OPEN = posix.O_RDWR | posix.O_CLOEXEC | posix.O_NOFOLLOW | posix.O_NONBLOCK


class NotOursError(Exception):
    """The machine is locked; the text says by whom, as far as that is known."""


class Lock:
    """Held from its creation until `release`, or until every process that has it has ended."""

    def __init__(self, claim):
        """Wait for the lock for at most `claim["wait"]` seconds; raise NotOursError after that."""
        self._path, self._handle, self._holder = b"", -1, ""
        deadline = time.monotonic() + claim["wait"]
        name = file_name(claim)
        while not self._take(name):
            if time.monotonic() > deadline:
                if self._holder == _printable(to_bytes(claim["holder"])):
                    raise NotOursError(
                        "this command itself holds it: another machine of the cluster is the same host, or its tasks have not ended"
                    )
                raise NotOursError("it is held by " + (self._holder or "an unknown process"))
            time.sleep(PAUSE_S)
        _sign(self._handle, claim)

    def release(self):
        """Free the machine."""
        try:
            posix.unlink(self._path)
        except OSError:  # the file of another user, who was killed
            pass
        posix.close(self._handle)

    def _take(self, name):
        self._path, handle = _open(name)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._holder = _printable(posix.pread(handle, LONGEST_LINE, 0))
            posix.close(handle)
            return False
        if not posix.fstat(handle).st_nlink:  # its holder removed it meanwhile: the next file counts
            posix.close(handle)
            return False
        self._handle = handle
        return True


def file_name(claim):
    """Return the lock's name. Behind an ssh server its port is part of it: machines may share a folder, but hardly a port."""
    name = b"wke-lock-" + to_bytes(claim["name"]).replace(b"/", b"_")
    served = posix.environ.get(b"SSH_CONNECTION", b"").split()
    return name + b"-" + served[-1] if served else name


def sign_again(claim):
    """Write another holder's name into the lock: another command continues the trial that has it."""
    try:
        handle = _open(file_name(claim))[1]
        _sign(handle, claim)
        posix.close(handle)
    except (NotOursError, OSError):
        pass


def _open(name):
    """Open the lock's file, made if need be; return its path and handle. Raises NotOursError when there is no place for it."""
    for folder in FOLDERS:
        path = folder + b"/" + name
        try:
            return path, _checked(path, posix.open(path, OPEN))
        except FileNotFoundError:
            pass
        except OSError as error:
            raise _unusable(path, error.strerror) from None
        before = posix.umask(0)
        try:
            return path, posix.open(path, OPEN | posix.O_CREAT | posix.O_EXCL, 0o666)
        except FileExistsError:
            return _open(name)
        except OSError as error:
            problem = error.strerror
        finally:
            posix.umask(before)
    raise _unusable(path, problem)


def _checked(path, handle):
    """Return the handle of a file if it is a plain one without another name; raise NotOursError for what may be a trap."""
    status = posix.fstat(handle)
    if status.st_mode & FORMAT == PLAIN_FILE and status.st_nlink <= 1:  # 0: its holder has just removed it
        return handle
    posix.close(handle)
    raise _unusable(path, "it is not a plain file, or has another name elsewhere, as no lock of ours does: see who made it, and remove it")


def _unusable(path, why):
    return NotOursError("cannot use its lock " + to_text(path) + ": " + why)


def _sign(handle, claim):
    try:
        posix.ftruncate(handle, 0)
        posix.pwrite(handle, to_bytes(claim["holder"]) + b"\n", 0)
    except OSError:  # a full disk: it is locked all the same
        pass


def _printable(line):
    return "".join(c if c.isprintable() else " " for c in to_text(line[:LONGEST_LINE])).strip()
