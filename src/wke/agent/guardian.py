"""The guardian: the process that outlives the agent and removes everything of a connection from the machine.

It is the first process of the connection and the agent's parent. The agent passes on every heartbeat of the controller. When none comes in
time, or the agent is gone for any reason, the guardian stops all processes of the connection, removes the work folder and ends. So its
end, which the controller sees through the transport, proves that the machine is clean.
"""

import posix
import select
import time

import _signal

from wke.agent.processes import adopt_orphans, reap_all, related, snapshot, sweep

GRACE_S = 1.0
REMOVALS = 200  # attempts, a millisecond apart
MARGIN_S = 3.0  # the agent sees the lease run out first and has this long to end by itself
DEAF_TO = (_signal.SIGHUP, _signal.SIGINT, _signal.SIGTERM, _signal.SIGPIPE, _signal.SIGQUIT)


def guard(agent, heartbeats, lease_s, marker, folder):
    """Wait until the process `agent` ends or `lease_s` passes without a byte on `heartbeats`; then clean up."""
    try:
        posix.setsid()
    except OSError:  # it leads a session already
        pass
    for number in DEAF_TO:
        _signal.signal(number, _signal.SIG_IGN)
    adopts = adopt_orphans()
    told = bytearray()
    status = posix.waitpid(agent, 0)[1] if watch(heartbeats, lease_s + MARGIN_S, told) else None
    survivors = clean(marker, folder, status == 0 and adopts, GRACE_S)
    remove_groups(bytes.fromhex(told.decode()))
    if status != 0:
        say(obituary(status, survivors))


def obituary(status, survivors=()):
    """Return how the agent ended, by its wait status, and what still runs of its tasks.

    None is the status of an agent that outlasted its lease. One that failed has said why itself.
    """
    how = ""
    if status is None:
        how = "the agent hung; "
    elif posix.WIFSIGNALED(status):
        number = posix.WTERMSIG(status)
        how = "the agent was killed by signal {}{}; ".format(
            number, " (perhaps by the kernel, because memory ran out)" if number == _signal.SIGKILL else ""
        )
    if survivors:
        return how + "what ran there for this connection was stopped, except {}".format(", ".join(p.with_user() for p in survivors))
    return how + "all that ran there for this connection was stopped"


def say(words):
    """Write a line for the controller to standard error, if that takes it at once."""
    poll = select.poll()
    poll.register(2, select.POLLOUT)
    try:
        if poll.poll(0):
            posix.write(2, words.encode() + b"\n")
    except OSError:
        pass


def watch(heartbeats, patience_s, told):
    """Return when the other end of `heartbeats` is closed (True) or silent for `patience_s` (False).

    What comes besides the dots is added to `told`: the folder of the tasks' control groups, in hexadecimal digits.
    """
    poll = select.poll()
    poll.register(heartbeats, select.POLLIN)
    while poll.poll(patience_s * 1000):
        heard = posix.read(heartbeats, 4096)
        if not heard:
            return True
        told += heard.replace(b".", b"")
    return False


def remove_groups(folder):
    """Remove the control groups of tasks in `folder`, and the folder; nothing to do for an empty text.

    A process that has ended stays in its group for a moment. What a task that survived keeps is removed by the next connection.
    """
    for _ in range(REMOVALS if folder else 0):
        try:
            for name in posix.listdir(folder):
                if posix.access(folder + b"/" + name + b"/cgroup.procs", posix.F_OK):
                    posix.rmdir(folder + b"/" + name)
            posix.rmdir(folder)
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.001)
        else:
            return


def clean(marker, folder, only_children, grace_s):
    """Stop every process that carries `marker` or descends from this one, then remove the work folder; return what could not be stopped.

    With `only_children`, processes that do not descend from our children are ignored, which saves looking at all processes.
    """
    itself = posix.getpid()

    def left():
        if not reap_all() and only_children:
            return []
        return related(snapshot(), itself, marker)

    survivors = sweep(left, grace_s)
    folder.remove()
    return survivors
