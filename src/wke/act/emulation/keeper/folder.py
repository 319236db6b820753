"""A folder that belongs to a living keeper.

Its lock is held for as long as any of the keeper's processes lives, and the kernel frees it however they end. A folder whose lock is
free can be removed.
"""

import contextlib
import fcntl
import os

LOCK = "lock"


def claim(path: str) -> int | None:
    """Lock the folder `path` and return the descriptor that holds the lock, or None when a living keeper has it."""
    fd = os.open(os.path.join(path, LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd


def remove(path: str) -> None:
    """Remove a folder and all that is in it, whatever its modes are. What is gone meanwhile is gone."""
    with contextlib.suppress(FileNotFoundError):
        os.chmod(path, 0o700)
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    remove(entry.path)
                else:
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(entry.path)
        os.rmdir(path)
