"""How the agent starts. It arrives on the standard input of a Python (see modules.py), so nothing of it is on the machine's disk.

The process that was started becomes the guardian (see guardian.py), its child the agent (see agent.py). If tasks are to outlive the
controller, an anchor comes between these two and the transport first (see anchor.py). If the machine is claimed, both hold its lock
(see lock.py). A process may be the node of a tree first (see node.py).
"""

import posix
import sys
from posix import _exit

import _signal

from wke.agent import frames
from wke.agent.agent import READ_SIZE, SHORT_GRACE_S, Agent
from wke.agent.files import WorkFolder, to_bytes
from wke.agent.guardian import clean, guard, remove_groups
from wke.agent.processes import MARKER
from wke.agent.protocol import Decoder, ProtocolError, encode


def main(heard):
    """Read the first frame, of which some bytes may be `heard` already, become guardian and agent, and do their work. Does not return."""
    sys.setrecursionlimit(2500)  # deep enough to remove any folder that a path can name
    source, sink = posix.dup(0), posix.dup(1)
    nothing = posix.open("/dev/null", posix.O_RDWR)
    posix.dup2(nothing, 0)
    posix.dup2(nothing, 1)
    posix.close(nothing)
    try:
        source, sink, decoder, opening = _begin(source, sink, heard)
        token, lease_s = to_bytes(opening["token"]), float(opening["lease"])
        claim = opening.get("claim")
    except ProtocolError as error:
        _refuse(sink, "its first frame is not complete: {}".format(error))
    _signal.alarm(0)  # from here on the lease limits our life
    if "outlive" in opening:
        from wke.agent.anchor import drop  # which comes along only then

        source, sink, decoder = drop(source, sink, decoder, opening["outlive"], claim)
    lock = _lock(claim, sink)
    try:
        files = WorkFolder(token, posix.environ)
    except OSError as error:
        _refuse(sink, "cannot make a work folder: {}".format(error))
    posix.chdir("/")
    heartbeats, beat = posix.pipe2(posix.O_CLOEXEC | posix.O_NONBLOCK)
    guardian, guarding = posix.pipe2(posix.O_CLOEXEC)
    try:
        child = posix.fork()
    except OSError as error:
        files.remove()
        _refuse(sink, "no process could be started there: {}".format(error.strerror))
    if child:
        for handle in (source, sink, beat, guardian):
            posix.close(handle)
        guard(child, heartbeats, lease_s, MARKER + token, files)
        lock.release()
        _exit(0)
    posix.close(heartbeats)
    posix.close(guarding)
    posix.setsid()
    agent = Agent(source, sink, decoder, opening, files)
    _exit(_work(agent, beat, guardian, lock))


def _work(agent, beat, guardian, lock):
    """Let the agent do its work and return the status to exit with; clean up where the guardian cannot."""
    try:
        agent.run(beat, guardian)
        status = 0
    except Exception:  # the controller was told; the guardian cleans up
        status = 1
    if not agent.guarded:
        clean(MARKER + agent.token, agent.files, False, SHORT_GRACE_S)
        if agent.tasks.groups is not None:
            agent.tasks.groups.close()
            remove_groups(agent.tasks.groups.folder)
        lock.release()
    return status


def _refuse(sink, why):
    """Report why there will be no agent, and end."""
    posix.write(sink, encode(frames.BROKEN, 0, {"why": why}))
    _exit(0)  # else the shell before us would look for another Python


class _Unlocked:
    """Stands for the lock where none is asked for."""

    def release(self):
        """There is nothing to do."""


def _lock(claim, sink):
    """Return the machine's lock; does not return when another process keeps it."""
    if claim is None:
        return _Unlocked()
    from wke.agent.lock import Lock, NotOursError  # which come along only then

    try:
        return Lock(claim)
    except NotOursError as error:
        _refuse(sink, str(error))
    except (KeyError, TypeError, AttributeError) as error:
        _refuse(sink, "its claim is not complete: {!r}".format(error))


def _begin(source, sink, heard):
    """Return what an agent needs: source, sink, decoder, and the head of its first frame. What was read behind that is in the decoder."""
    decoder = Decoder(frames.AGENT)
    first = _first(source, decoder, heard)
    if first.kind == frames.JOIN:
        from wke.agent.node import join  # which comes along only then

        posix.close(source)
        posix.close(sink)
        return join(first.head)
    return source, sink, decoder, first.head


def _first(source, decoder, heard):
    """Return the first frame."""
    while True:
        for frame in decoder.frames(heard):
            if frame.kind not in (frames.OPEN, frames.JOIN):
                raise ProtocolError(f"{frame!r} came first")
            return frame
        heard = posix.read(source, READ_SIZE)
        if not heard:
            _exit(0)
