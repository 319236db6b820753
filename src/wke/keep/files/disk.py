"""The disk under the store: writing that survives a crash, errors with hints, file systems that need care."""

import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from wke.errors import StoreError

NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb2", "smb3", "smbfs", "afs", "coda", "9p", "lustre", "gpfs", "beegfs", "ceph", "panfs"})
NETWORK |= {"wekafs", "pvfs2", "orangefs", "ocfs2", "gfs2", "fuse.sshfs", "fuse.glusterfs", "fuse.ceph-fuse", "fuse.juicefs", "fuse.rclone"}
MOST_AT_ONCE = 8
Returned = TypeVar("Returned")
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def private_folder(path: Path) -> None:
    """Make `path` and missing folders above it; only their owner may enter them."""
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        pass
    except FileNotFoundError:
        private_folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)


def together(waits: Sequence[Callable[[], Returned]]) -> list[Returned]:
    """Return what each of these functions returns, which wait for the disk: it takes hardly longer for several syncs than for one.

    Raises what the first of them raises, when all have ended.
    """
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - few commands store something

    with ThreadPoolExecutor(min(len(waits), MOST_AT_ONCE)) as threads:
        return [wait.result() for wait in [threads.submit(wait) for wait in waits]]


def sync_folder(path: Path) -> None:
    """Return when the names in the folder `path` are on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomically(path: Path, data: bytes | Iterable[bytes], *, private: bool = False) -> None:
    """Write `data`, or its pieces, to `path` so that readers, and a crash, find the old or the new content, never a part.

    If it is `private`, only the owner may read it, whatever the umask.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with disk_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600 if private else 0o666), "wb") as file:  # noqa: PTH123
                file.writelines((data,) if isinstance(data, bytes) else data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(path.parent)


def write_if_new(path: Path, data: bytes, *, private: bool = False) -> None:
    """Write `data` to `path` as `write_atomically` does, unless the file holds it already: then nothing waits for the disk."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if status.st_size == len(data) and not (private and status.st_mode & 0o077) and file.read() == data:
                return
    except OSError:
        pass
    write_atomically(path, data, private=private)


@contextlib.contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn errors of the disk about `folder` into a StoreError that says what happened and what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise full(folder) from error
        raise StoreError(f"cannot write to {folder}: {error.strerror or error}", hint="check its permissions and the disk") from error


def full(folder: Path) -> StoreError:
    """Return the error for a full disk under `folder`."""
    free = shutil.disk_usage(folder if folder.exists() else folder.parent).free
    return StoreError(
        f"the disk that holds {folder} is full: {free / 1e6:.1f} MB are free (or your quota is used up)",
        hint="nothing that was stored is lost; make space (the folders in partial/ are only kept for diagnosis) and give the same command "
        "again: the series continues where it stopped",
    )


def is_network(kind: str) -> bool:
    """Tell whether a file system of this kind (the kernel's name for it) is shared over a network."""
    return kind in NETWORK


def file_system(path: Path, mountinfo: str | None = None) -> str:
    """Return the kind of file system that `path` is on, from the kernel's `mountinfo` (read if not given); "" if it is unknown."""
    if mountinfo is None:
        try:
            mountinfo = Path("/proc/self/mountinfo").read_text(errors="replace")
        except OSError:
            return ""
    kind, longest = "", -1
    resolved = path.resolve()
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        point = Path(_unescaped(before.split()[4]))
        if resolved.is_relative_to(point) and len(point.parts) >= longest:  # a later mount on the same point hides the earlier
            kind, longest = after.split()[0], len(point.parts)
    return kind


def _unescaped(text: str) -> str:
    """Return a mount point without the kernel's escapes: it writes blanks and backslashes as octal numbers."""
    for sign in " \t\n\\":
        text = text.replace(f"\\{ord(sign):03o}", sign)
    return text
