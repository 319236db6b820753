"""Our ends of a process's standard streams: how a process gets them. What comes through them is for others (connection/pipedprocess.py).

Nothing here needs an event loop, so a process can be started before there is one.
"""

import os
import signal
import socket
from collections.abc import Mapping

from wke.values import dataclass

RESTORED = (signal.SIGPIPE, signal.SIGXFSZ)  # which Python ignores
_released: list[int] = []  # children that serve others now; we reap them when we start the next one


@dataclass(frozen=True, slots=True)
class Pipes:
    """A process, and the descriptors that lead to its input (a socket) and from its output and error; whoever has this closes them.

    `handle` is a descriptor of the process itself, None on kernels before 5.3. Only the parent of a process, if it `is_child`, reaps it.
    """

    pid: int
    input: int
    output: int
    complaints: int
    handle: int | None
    is_child: bool = True

    def close(self) -> None:
        """Close all: the process finds its input ended."""
        for each in (self.input, self.output, self.complaints, self.handle):
            if each is not None:
                os.close(each)

    def release(self) -> None:
        """Close all and leave the process to someone who has the same descriptors."""
        if self.is_child:
            _released.append(self.pid)
        self.close()


def spawn(argv: list[str], environment: Mapping[bytes, bytes]) -> Pipes:
    """Start a process in a session of its own, out of reach of the terminal's signals. Raises OSError.

    A tenth of what subprocess.Popen takes. Nothing else of ours is inheritable, so there is nothing to close.
    """
    _released[:] = [pid for pid in _released if not _has_ended(pid)]
    ours, theirs = socket.socketpair()
    output, their_output = os.pipe2(os.O_CLOEXEC)
    complaints, their_complaints = os.pipe2(os.O_CLOEXEC)
    handles = (theirs.fileno(), their_output, their_complaints)
    actions = [(os.POSIX_SPAWN_DUP2, handle, number) for number, handle in enumerate(handles)]
    try:
        pid = os.posix_spawnp(argv[0], argv, environment, file_actions=actions, setsid=True, setsigdef=RESTORED)
    except BaseException:
        ours.close()
        os.close(output)
        os.close(complaints)
        raise
    finally:
        theirs.close()
        os.close(their_output)
        os.close(their_complaints)
    for each in (ours.fileno(), output, complaints):
        os.set_blocking(each, False)
    return Pipes(pid, ours.detach(), output, complaints, _handle(pid))


def _handle(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except (OSError, AttributeError):  # a kernel before 5.3
        return None


def _has_ended(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True
