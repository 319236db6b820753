"""Control groups (cgroup v1 and v2): where this process's are, and a private one for each task.

A task's group tells what the task has used since it began, processes that have ended included, and which processes belong to it. It limits
nothing. The agent itself always is in the group that the next task will have: a task is then born there, and its start costs one write
instead of two. What the group counted before is subtracted. Groups that are empty again serve other tasks, since making one costs more.
"""

import posix
import time

UNIFIED = "unified"  # stands for the one hierarchy of v2
COUNTING = "cpuacct"  # the hierarchy of v1 that counts and does nothing else
OURS = b"/wke-tasks-"
MOST_SPARE = 16
PART = 1 << 12
YOUNG_S = 60


def hierarchies(root: bytes = b"", *, own: bool = True) -> "dict[str, bytes]":
    """Return {controller: folder of this process's group}, or else of the topmost group that is seen; that of v2 is called UNIFIED.

    Empty where there are none. `root` is a made-up tree, which stands before every path.
    """
    try:
        groups, mounts = (_read(root + b"/proc/self/" + name).split(b"\n") for name in (b"cgroup", b"mountinfo"))
    except OSError:
        return {}
    paths = {}
    for line in groups:
        _, _, rest = line.partition(b":")
        controllers, _, path = rest.partition(b":")
        for name in (controllers or UNIFIED.encode()).split(b",") if path else ():
            paths[name.decode()] = path
    found = {}
    for line in mounts:
        words = line.split()
        kind = words[words.index(b"-") + 1] if b"-" in words else b""
        options = words[-1].decode().split(",") if kind == b"cgroup" else [UNIFIED] if kind == b"cgroup2" else []
        for option in options:
            if option in paths:
                found.setdefault(option, _folder(root + words[4], words[3], paths[option]) if own else root + words[4])
    return found


def _folder(mounted: bytes, root: bytes, path: bytes) -> bytes:
    """Return where the group `path` is seen if the group `root` is `mounted`; what is out of sight is that root itself.

    For a process in a task's group that is the group in which those of tasks are.
    """
    above = root.rstrip(b"/")
    below = path[len(above) :] if (path + b"/").startswith(above + b"/") else b""
    folder = (mounted + below).rstrip(b"/").partition(OURS)[0]
    return folder if posix.access(folder + b"/cgroup.procs", posix.F_OK) else mounted


def _read(path: bytes, last: int = 0) -> bytes:
    """Return what is in a file; a part of `last` bytes or less is the last one."""
    handle = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC)
    try:
        data = part = posix.read(handle, PART)
        while len(part) > last:
            part = posix.read(handle, PART)
            data += part
        return data
    finally:
        posix.close(handle)


def counting(found):
    """Return the folder, among those that `hierarchies` found, in which groups may be made that only count; None when there is none."""
    alone = found.get(COUNTING)
    if alone is not None and alone != found.get("cpu"):  # where both are one, a group would change how processors are shared
        return alone
    return found.get(UNIFIED) if alone is None else None


def processes(folder):
    """Return the ids of the processes in a group, parents mostly before their children.

    The file is opened each time: with v1, one that stays open shows what was there when it was opened.
    """
    return sorted(map(int, _read(folder + b"/cgroup.procs", PART // 2).split()))  # the kernel fills a page with short lines


class TaskGroup:
    """A task's group."""

    def __init__(self, folder, joining):
        posix.mkdir(folder)
        self.folder = folder
        self._handles = []
        self._used = 0
        try:
            self._join = self._open(joining, posix.O_WRONLY)
            self._is_v1 = joining == b"tasks"
            self._usage = self._open(b"cpuacct.usage" if self._is_v1 else b"cpu.stat", posix.O_RDONLY)
        except OSError:
            self.remove()
            raise

    def _open(self, name, flags):
        handle = posix.open(self.folder + b"/" + name, flags | posix.O_CLOEXEC)
        self._handles.append(handle)
        return handle

    def join(self):
        """Move this process there."""
        posix.write(self._join, b"0")

    def begin(self):
        """Count from now on."""
        self._used = self._total_us()

    def used_us(self):
        """Return the processor time that was used there since `begin`, in microseconds."""
        return self._total_us() - self._used

    def _total_us(self):
        data = posix.pread(self._usage, 128, 0)
        return int(data) // 1000 if self._is_v1 else int(data.split(None, 2)[1])  # v2: usage_usec comes first

    def processes(self):
        """Return the ids of the processes in it, parents mostly before their children."""
        return processes(self.folder)

    def close(self):
        """Read no more."""
        for handle in self._handles:
            posix.close(handle)
        self._handles = []

    def remove(self):
        """Remove the group unless processes are left in it."""
        self.close()
        try:
            posix.rmdir(self.folder)
        except OSError:
            pass


class TaskGroups:
    """The groups of a connection's tasks, below a folder of their own, `folder`. Raises OSError where none can be made."""

    def __init__(self, home, token):
        remove_leftovers(home)
        self._joining = b"tasks" if posix.access(home + b"/tasks", posix.F_OK) else b"cgroup.procs"  # in v1 the cheaper one
        self._home = home
        self.folder = home + OURS + token
        posix.mkdir(self.folder)
        self._made = 0
        self._spare = []
        self._next = None
        try:
            self._move_on()
        except OSError:
            remove(self.folder)
            raise

    def hand_out(self):
        """Return the group that this process is in, to be that of the task that is started now; None if there is none.

        Call `move_on` when the task's process exists.
        """
        group = self._next
        if group is not None:
            group.begin()
        return group

    def move_on(self):
        """Go to the group of the next task. If that cannot be, tasks have no groups from now on."""
        try:
            self._move_on()
        except OSError:
            self._next = None
            self.send_home(0)

    def _move_on(self):
        if self._spare:
            group = self._spare.pop()
        else:
            group = TaskGroup(self.folder + b"/%d" % self._made, self._joining)
            self._made += 1
        group.join()
        self._next = group

    def give_back(self, group, is_empty):
        """Take a group whose task has ended, to use it again if it is known to be empty; what runs in it keeps it to the end."""
        if is_empty and len(self._spare) < MOST_SPARE:
            self._spare.append(group)
        else:
            group.remove()

    def send_home(self, pid):
        """Move a process that is none of a task's out of the groups; 0 is this one."""
        try:
            handle = posix.open(self._home + b"/" + self._joining, posix.O_WRONLY | posix.O_CLOEXEC)
            try:
                posix.write(handle, b"%d" % pid)
            finally:
                posix.close(handle)
        except OSError:
            pass

    def close(self):
        """Leave the groups, which can then be removed."""
        self.send_home(0)


def remove(folder: bytes) -> bool:
    """Remove a group and those in it as far as no process is left in them; tell whether it is gone."""
    try:
        for name in posix.listdir(folder):
            if posix.access(folder + b"/" + name + b"/cgroup.procs", posix.F_OK):
                remove(folder + b"/" + name)
        posix.rmdir(folder)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def remove_leftovers(home):
    """Remove the groups of connections that are gone: a living connection's agent is in one of them, soon after it has made them."""
    try:
        for name in posix.listdir(home):
            folder = home + b"/" + name
            is_old = name.startswith(OURS[1:]) and posix.stat(folder).st_mtime < time.time() - YOUNG_S
            if is_old and not any(map(_is_populated, _groups(folder))):
                remove(folder)
    except OSError:
        pass


def _groups(folder):
    """Yield a group and all groups in it."""
    yield folder
    for name in posix.listdir(folder):
        if posix.access(folder + b"/" + name + b"/cgroup.procs", posix.F_OK):
            for group in _groups(folder + b"/" + name):
                yield group


def _is_populated(folder):
    return bool(_read(folder + b"/cgroup.procs"))
