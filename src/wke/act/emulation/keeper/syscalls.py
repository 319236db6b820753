"""The system calls on namespaces and mounts that Python does not offer. Each raises OSError naming what was refused."""

import ctypes
import os
import signal

NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = 0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
RDONLY, BIND, RECURSIVE, PRIVATE = 1, 0x1000, 0x4000, 1 << 18

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
_MNT_DETACH = 2
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_SYS_MOUNT_SETATTR = 442  # the same on every architecture: it is newer than their common table


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def unshare(flags: int, what: str) -> None:
    """Move this process (for NEWPID: its children) into new namespaces; `what` names them in an error."""
    _check(_libc.unshare(flags), what)


def join_namespace(fd: int, kind: int) -> None:
    """Move this process (for NEWPID: its children) into the namespace that `fd` refers to."""
    _check(_libc.setns(fd, kind), "joining a namespace")


def mount(source: str, target: str, kind: str | None = None, flags: int = 0, data: str | None = None) -> None:
    """Mount what `source` means to a file system of `kind`, or a folder itself, as the system call of that name does."""
    words = [None if word is None else os.fsencode(word) for word in (source, target, kind, data)]
    _check(_libc.mount(*words[:3], ctypes.c_ulong(flags), words[3]), f"mounting {kind or source} on {target}")


def bind(source: str, target: str) -> None:
    """Show the folder or file `source`, with all that is mounted in it, at `target` as well."""
    mount(source, target, None, BIND | RECURSIVE)


def bind_readonly(source: str, target: str) -> None:
    """`bind`, but nothing can be written through it. Leaves nothing mounted where the kernel (before 5.12) cannot promise that."""
    bind(source, target)
    attributes = (ctypes.c_uint64 * 4)(RDONLY, 0, 0, 0)
    where = (_AT_FDCWD, os.fsencode(target), _AT_RECURSIVE)
    if _libc.syscall(_SYS_MOUNT_SETATTR, *where, attributes, ctypes.c_size_t(ctypes.sizeof(attributes))) != 0:
        number = ctypes.get_errno()
        _libc.umount2(os.fsencode(target), _MNT_DETACH)
        raise OSError(number, f"making {target} read-only: {os.strerror(number)}")


def unmount(target: str) -> None:
    """Take away what is mounted on `target`."""
    _check(_libc.umount2(os.fsencode(target), _MNT_DETACH), f"unmounting {target}")


def enter_root(folder: str) -> None:
    """Make the mount point `folder` this mount namespace's root; the old root is gone."""
    os.chdir(folder)
    _check(_libc.pivot_root(b".", b"."), f"making {folder} the root")
    _check(_libc.umount2(b".", _MNT_DETACH), "leaving the old root")
    os.chdir("/")


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends."""
    _check(_libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "asking to die with the parent")
