"""Processes of a machine: who descends from whom, which task they belong to, and how one is started.

Processes that a task starts stay beneath the agent: agent and guardian are "child subreapers", so a daemon whose parents ended becomes
their child, not that of init. Where the kernel or Python cannot do that, a marker in the environment finds the process in /proc.
"""

import posix
import time
from posix import _exit

import _signal

try:
    import _ctypes  # `ctypes` itself costs four times as much
except ImportError:
    _ctypes = None

MARKER = b"WKE_CONNECTION="
TASK_MARKER = b"WKE_TASK="
TICK_S = 0.01  # of the clock that /proc counts by, or less
SLACK_S = 3 * TICK_S
BOOT_CLOCK = 7  # CLOCK_BOOTTIME, which /proc/PID/stat is measured by
ENVIRON_LIMIT = 1 << 22
GIVE_UP_S = 10.0  # after the grace: a process that SIGKILL does not end hangs in the kernel
HOPELESS_S = 0.5  # after the grace: all that are left belong to others, and we may not stop them
RESTORED = [s for s in range(1, 32) if s not in (_signal.SIGKILL, _signal.SIGSTOP)]
PR_SET_CHILD_SUBREAPER = 36


class Process:
    """A living process; `started` is in seconds since boot, `rung` names the last signal that we sent it, "" for none."""

    __slots__ = ("name", "parent", "pid", "rung", "session", "started")

    def __init__(self, pid, parent, session, started, name):
        self.pid = pid
        self.parent = parent
        self.session = session
        self.started = started
        self.name = name
        self.rung = ""

    def __repr__(self):
        return "{} (pid {})".format(self.name.decode("utf-8", "replace"), self.pid)

    def with_user(self):
        """Return it as text, with its user if that is not ours."""
        try:
            user = posix.stat("/proc/%d" % self.pid).st_uid
        except OSError:  # hidden, or gone
            return repr(self)
        return repr(self) if user == posix.geteuid() else "{!r} of {}".format(self, "root" if user == 0 else "user %d" % user)


def adopt_orphans():
    """Make this process the parent of all descendants whose own parent ended; tell whether that worked."""
    if _ctypes is None:
        return False
    try:
        address = _ctypes.dlsym(_ctypes.dlopen(None, 2), "prctl")
        return _ctypes.call_function(address, (PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)) == 0
    except OSError:
        return False


def boot_time():
    """Seconds since boot, now."""
    return time.clock_gettime(BOOT_CLOCK)


def snapshot():
    """Return {pid: Process} of all processes that are not dead already."""
    tick = posix.sysconf("SC_CLK_TCK")
    found = {}
    for entry in posix.listdir("/proc"):
        if entry.isdigit():
            stat = read_proc("/proc/" + entry + "/stat", 1024)
            end = stat.rfind(b")")
            fields = stat[end + 2 :].split()
            if len(fields) > 19 and fields[0] not in b"ZX":
                pid = int(entry)
                found[pid] = Process(pid, int(fields[1]), int(fields[3]), int(fields[19]) / tick, stat[stat.find(b"(") + 1 : end])
    return found


def beneath(processes, root):
    """Return the descendants of process `root`, parents before their children."""
    children = {}
    for process in processes.values():
        children.setdefault(process.parent, []).append(process)
    found = []
    pending = [root]
    while pending:
        below = children.pop(pending.pop(), ())
        found.extend(below)
        pending.extend(p.pid for p in below)
    return found


def unseen(processes):
    """Return our own children that `processes` lacks because /proc hides those of other users (hidepid)."""
    itself = posix.getpid()
    pids = map(int, read_proc("/proc/%d/task/%d/children" % (itself, itself), ENVIRON_LIMIT).split())
    return [Process(p, itself, 0, float("inf"), b"a process that /proc hides") for p in pids if p not in processes and not _send(p, 0)]


def carrying(processes, marker):
    """Return the processes that were started with the variable `marker` (b"NAME=value") in their environment."""
    return [p for p in processes.values() if carries(p.pid, marker)]


def carries(pid, marker):
    """Tell whether a process was started with the variable `marker` in its environment."""
    return b"\0" + marker + b"\0" in b"\0" + read_proc("/proc/%d/environ" % pid, ENVIRON_LIMIT)


def related(processes, root, marker):
    """Return all that belongs to a connection: beneath `root` or marked, but not `root` itself."""
    below = beneath(processes, root)
    known = {p.pid for p in below}
    return below + [p for p in carrying(processes, marker) if p.pid not in known and p.pid != root]


class Ownership:
    """Remembers which task a process belongs to, because the evidence goes when a parent ends.

    A task here is anything with `pid`, `marker` (the variable that only its processes carry), `born` and `died` (boot times; `died` may
    be None). A process belongs to the task that its parent belongs to; if its parent has ended, to the task whose session it is in or
    whose marker it carries, or else to the only task that ran when it was started.
    """

    def __init__(self):
        self._known = {}

    def assign(self, population, tasks):
        """Return {pid: task or None} for `population`, which lists parents before their children."""
        by_pid = {t.pid: t for t in tasks}
        owners = {}
        known = {}
        for process in population:
            key = (process.pid, process.started)
            owner = self._known.get(key) or owners.get(process.parent) or by_pid.get(process.session) or self._orphan(process, tasks)
            owners[process.pid] = owner
            if owner is not None:
                known[key] = owner
        self._known = known
        return owners

    def _orphan(self, process, tasks):
        for task in tasks:
            if carries(process.pid, task.marker):
                return task
        then = [t for t in tasks if t.born - SLACK_S <= process.started <= (t.died or process.started) + SLACK_S]
        return then[0] if len(then) == 1 else None


def ask_to_end(process, name="SIGTERM"):
    """Send the signal of that name, and SIGCONT so that a stopped process hears it; tell whether we may."""
    return _send(process.pid, getattr(_signal, name, _signal.SIGTERM)) and _send(process.pid, _signal.SIGCONT)


def kill(process):
    """Send SIGKILL; tell whether we may."""
    return _send(process.pid, _signal.SIGKILL)


def _send(pid, number):
    """Send a signal; tell whether we may. A process that is gone is no obstacle."""
    try:
        posix.kill(pid, number)
    except PermissionError:
        return False
    except OSError:
        pass
    return True


def sweep(find, grace_s):
    """Stop all that `find()` returns, again and again until it returns none; return what could not be stopped. Blocks.

    SIGTERM first, to what is there now; SIGKILL to everything after `grace_s`.
    """
    pause = 0.002
    began, is_first, may = time.monotonic(), True, True
    while True:
        left = find()
        passed_s = time.monotonic() - began
        if not left or passed_s > grace_s + (GIVE_UP_S if may else HOPELESS_S):
            return left
        if passed_s >= grace_s:
            may = sum(map(kill, left)) > 0
        elif is_first:
            for process in left:
                ask_to_end(process)
        is_first = False
        time.sleep(pause)
        pause = min(0.05, pause * 2)


def reap_all():
    """Reap every child that ended; tell whether there are others."""
    try:
        while posix.waitpid(-1, posix.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def spawn(argv, environment, folder, files):
    """Start a program in `folder`, in a session of its own, with `files` as its standard input, output and error; return its pid.

    Raises OSError, or ValueError when an argument cannot be handed to a program at all.
    """
    posix.chdir(folder)
    try:
        return _posix_spawn(argv, environment, files)
    except (AttributeError, NotImplementedError, TypeError):  # Python < 3.8, or a C library without it
        return _fork_spawn(argv, environment, files)
    finally:
        posix.chdir("/")


def _posix_spawn(argv, environment, files):
    actions = [(posix.POSIX_SPAWN_DUP2, handle, number) for number, handle in enumerate(files)]
    return posix.posix_spawn(argv[0], argv, environment, file_actions=actions, setsid=True, setsigmask=(), setsigdef=RESTORED)


def _fork_spawn(argv, environment, files):
    receive, send = posix.pipe2(posix.O_CLOEXEC)
    pid = posix.fork()
    if not pid:
        try:
            posix.setsid()
            for number, handle in enumerate(files):
                posix.dup2(handle, number)
            for number in RESTORED:
                _signal.signal(number, _signal.SIG_DFL)
            _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
            posix.execve(argv[0], argv, environment)
        except OSError as error:
            posix.write(send, b"%d" % error.errno)
        except BaseException:
            posix.write(send, b"invalid")
        _exit(127)
    posix.close(send)
    answer = posix.read(receive, 16)
    posix.close(receive)
    if not answer:
        return pid
    posix.waitpid(pid, 0)
    if answer == b"invalid":
        raise ValueError("embedded null byte")
    raise OSError(int(answer), posix.strerror(int(answer)))


def read_proc(path, limit):
    """Return the beginning of a file under /proc, empty when it cannot be read."""
    try:
        handle = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC)
    except OSError:
        return b""
    try:
        data = part = posix.read(handle, 65536 if limit > 65536 else limit)
        while part and len(data) < limit and limit > 1024:
            part = posix.read(handle, 65536)
            data += part
    except OSError:
        return b""
    else:
        return data
    finally:
        posix.close(handle)
