"""Files and folders that users name: no exception of the operating system escapes from here, whatever the name is."""

import hashlib
import os
import stat
from pathlib import Path

from wke.errors import InputError, Location


def is_folder(path: Path) -> bool:
    """Return whether there is such a folder; names that no file can have name none."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def is_file(path: Path) -> bool:
    """Return whether there is such a file; names that no file can have name none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def content(path: Path, *, where: Location | None = None, hint: str | None = None) -> bytes:
    """Return what is in a file; raise InputError if it cannot be read or is no file but, for example, a device."""
    try:
        with open(path, "rb", opener=_open) as file:
            return file.read()
    except (OSError, ValueError) as error:
        raise _unreadable(path, error, where, hint) from None


def content_digest(path: Path, *, where: Location | None = None, hint: str | None = None) -> str:
    """Return the SHA-256 of what is in a file; raise InputError as `content` does."""
    try:
        with open(path, "rb", opener=_open) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        raise _unreadable(path, error, where, hint) from None


def _open(path: str, flags: int) -> int:
    """Open a regular file; a pipe would wait, a device might never end."""
    descriptor = os.open(path, flags | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ValueError("it is not a file")
    return descriptor


def _unreadable(path: Path, error: OSError | ValueError, where: Location | None, hint: str | None) -> InputError:
    reason = error.strerror if isinstance(error, OSError) else str(error)
    name = f"{path} " if where is not None else ""
    return InputError(f"{name}cannot be read: {reason}", where=where or Location(str(path)), hint=hint or "check its owner and mode")
