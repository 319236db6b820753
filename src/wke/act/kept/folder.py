"""The connection keeper's folder: private to its user, made when a keeper is started and removed when it ends.

A keeper holds the lock in it as long as it lives, and listens on the socket.
"""

import fcntl
import os
import socket
import stat
import time
from contextlib import suppress
from pathlib import Path

from wke.act.kept.messages import is_ours

SOCKET, LOCK = "socket", "lock"
NOT_OURS = "{} is not a folder that only you may enter"
BEGIN_S = 1.0
PAUSE_S = 0.005


def folder_path() -> Path:
    """Return where it is: it goes away with the login session, if the system has a place for such things."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return Path(runtime, "wke") if runtime else Path(f"/tmp/wke-connections-{os.geteuid()}")  # noqa: S108 - checked when it is opened


def open_folder(path: Path) -> int:
    """Return a descriptor of the folder; raise FileNotFoundError if there is none, PermissionError if it is not ours alone."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except NotADirectoryError:
        raise PermissionError(NOT_OURS.format(path)) from None
    status = os.fstat(handle)
    if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077:
        os.close(handle)
        raise PermissionError(NOT_OURS.format(path))
    return handle


def claim(path: Path) -> tuple[int, ...]:
    """Make the folder if need be and lock it; return descriptors of both, which hold the lock. Nothing if a keeper has it."""
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
    handles = [open_folder(path)]
    with suppress(BlockingIOError, FileNotFoundError):  # a keeper has it, or has just removed it all
        handles.append(os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600, dir_fd=handles[0]))
        fcntl.flock(handles[1], fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(handles[1]), os.stat(LOCK, dir_fd=handles[0])):
            return tuple(handles)
    release(handles)
    return ()


def release(handles: tuple[int, ...] | list[int]) -> None:
    """Close descriptors, and give up the lock that they hold."""
    for handle in handles:
        os.close(handle)


def prepare(path: Path) -> None:
    """Make the folder ready for a keeper that is about to begin, so that the next command waits for it; a living one is not disturbed."""
    handles = claim(path)
    if handles:
        with suppress(FileNotFoundError):
            os.unlink(SOCKET, dir_fd=handles[0])
        release(handles)


def connected(path: Path) -> socket.socket | None:
    """Return a socket to the keeper in that folder, None if there is none. Raises PermissionError as `open_folder` does.

    A folder that has just lost its socket means that a keeper is about to begin, which is waited for, or to end.
    """
    is_beginning = True
    while is_beginning:
        try:
            folder = open_folder(path)
        except FileNotFoundError:
            return None
        channel = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        is_beginning = False
        try:
            channel.connect(address(folder))
            if is_ours(channel):
                return channel
        except FileNotFoundError:
            is_beginning = time.time() - os.fstat(folder).st_mtime < BEGIN_S
            time.sleep(PAUSE_S)
        except OSError:  # it was killed
            pass
        finally:
            os.close(folder)
        channel.close()
    return None


def address(folder: int) -> str:
    """Return the address of the socket in a folder that is open; the path of the folder itself may be too long for one."""
    return f"/proc/self/fd/{folder}/{SOCKET}"
