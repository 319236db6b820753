"""The work folder: everything the agent puts on a machine lies in one private folder, which is removed at the end.

    /tmp/wke-TOKEN/script-KEY/NAME  scripts and preludes, byte for byte as the controller sent them
    /tmp/wke-TOKEN/task-CHANNEL/    a task's own folder, its $WKE_DIR

Paths are bytes, so the machine's locale does not matter.
"""

import posix

CANDIDATES = (b"/tmp", b"/var/tmp", b"/dev/shm")  # the folder made there is private and its name is random
DIRECTORY = 0o040000
FORMAT = 0o170000
SCRIPT, TASK = b"script-", b"task-"
NOEXEC = 8
FIRST_LINE = 512  # bytes of a script that hold it


class WorkFolder:
    """The folder of one connection, made when this is."""

    def __init__(self, token, environment):
        """Make the folder, where compiled programs can run if possible; raise OSError when nowhere can be written."""
        preferred = environment.get(b"TMPDIR")
        for base in sorted(((preferred,) if preferred else ()) + CANDIDATES, key=forbids_programs):
            self.path = base + b"/wke-" + token
            try:
                posix.mkdir(self.path, 0o700)
                break
            except OSError as error:
                problem = error
        else:
            raise problem
        self.beginnings = {}  # path of a script -> its first bytes
        self._spare = []

    def script(self, key, name):
        """Return where the script of that key and name lies, or will."""
        name = name.replace(b"/", b"_").replace(b"\0", b"_")[:200]
        return b"/".join((self.path, SCRIPT + key.replace(b"/", b"_"), b"script" if name in (b"", b".", b"..") else name))

    def put(self, key, name, data, offset):
        """Write a part of a script; the part at offset 0 begins it anew."""
        path = self.script(key, name)
        if not offset:
            self.beginnings[path] = data[:FIRST_LINE]
            make_folder(path.rpartition(b"/")[0])
        handle = posix.open(path, posix.O_WRONLY | posix.O_CREAT | posix.O_CLOEXEC | (0 if offset else posix.O_TRUNC), 0o700)
        try:
            if posix.fstat(handle).st_size != offset:
                raise ValueError("a script's parts came out of order")
            posix.lseek(handle, offset, 0)
            while data:
                data = data[posix.write(handle, data) :]
        finally:
            posix.close(handle)

    def task(self, channel, is_kept):
        """Return an empty folder for a task; one that is kept for the controller is named after its channel."""
        path = self._spare.pop() if self._spare and not is_kept else b"%s/%s%d" % (self.path, TASK, channel)
        make_folder(path)
        return path

    def give_back(self, folder):
        """Reuse the folder of a task that has ended and left nothing there: making a folder is one of the dearest steps of a start."""
        try:
            if not posix.listdir(folder):
                self._spare.append(folder)
        except OSError:  # the task has removed it
            pass

    def forget_tasks(self, keep=()):
        """Remove the folders of all tasks and what lies beside them, except spare folders and those of the channels `keep`."""
        spare = {folder.rpartition(b"/")[2] for folder in self._spare}
        kept = {b"%s%d" % (TASK, channel) for channel in keep}
        for name in posix.listdir(self.path):
            if name.startswith(TASK) and name not in spare and name.partition(b".")[0] not in kept:
                remove(self.path + b"/" + name)

    def forget_scripts(self):
        """Remove all scripts: the controller sends again what it needs."""
        self.beginnings.clear()
        for name in posix.listdir(self.path):
            if name.startswith(SCRIPT):
                remove_tree(self.path + b"/" + name)

    def problem(self, error):
        """Return why nothing can be written: the folder may be gone, because something empties the folder above it."""
        path = to_text(self.path)
        if self.is_gone():
            return (
                "its work folder {} was removed during the run; what empties that place should spare it, or set TMPDIR to another".format(
                    path
                )
            )
        return "cannot write {}: {}".format(path, error.strerror if isinstance(error, OSError) else error)

    def is_gone(self):
        """Tell whether someone removed the folder."""
        return not posix.access(self.path, posix.F_OK)

    def remove(self):
        """Remove all that the agent and its tasks put there."""
        remove_tree(self.path)


def make_folder(path):
    """Make a private folder unless it is there."""
    try:
        posix.mkdir(path, 0o700)
    except FileExistsError:
        pass


def forbids_programs(path):
    """Tell whether what lies there cannot be run, because its file system is mounted noexec."""
    try:
        return bool(posix.statvfs(path).f_flag & NOEXEC)
    except OSError:
        return False


def parts(path, most):
    """Yield at most `most` bytes of a file; nothing if there is no such file."""
    try:
        handle = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC | posix.O_NONBLOCK | posix.O_NOFOLLOW)
    except OSError:
        return
    try:
        while most:
            data = posix.read(handle, min(most, 1 << 16))
            if not data:
                return
            most -= len(data)
            yield data
    except OSError:  # it is a folder, or a pipe
        pass
    finally:
        posix.close(handle)


def remove_tree(path, device=None):
    """Remove a folder and everything in it as far as possible; what is mounted inside stays."""
    try:
        device = posix.lstat(path).st_dev if device is None else device
        posix.chmod(path, 0o700)
        names = posix.listdir(path)
    except OSError:
        return
    for name in names:
        remove(path + b"/" + name, device)
    try:
        posix.rmdir(path)
    except OSError:
        pass


def remove(path, device=None):
    """Remove a file, or a folder as `remove_tree` does; with a `device` only what is on it."""
    try:
        status = posix.lstat(path)
        if status.st_mode & FORMAT != DIRECTORY:
            posix.unlink(path)
        elif device in (None, status.st_dev):
            remove_tree(path, device)
    except OSError:
        pass


def to_bytes(text: str) -> bytes:
    """Return the bytes that `text` stands for; what is not UTF-8 travels as surrogate escapes."""
    return text.encode("utf-8", "surrogateescape")


def to_text(data: bytes) -> str:
    """Return bytes as text that `to_bytes` turns back."""
    return data.decode("utf-8", "surrogateescape")


def login(environment):
    """Return the name of the user that we are."""
    name = environment.get(b"USER") or environment.get(b"LOGNAME")
    if name:
        return to_text(name)
    import pwd

    try:
        return pwd.getpwuid(posix.getuid()).pw_name
    except KeyError:
        return str(posix.getuid())
