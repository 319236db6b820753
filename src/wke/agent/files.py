"""The work folder: everything the agent puts on a machine lies in one private folder, and goes with it.

    /tmp/wke-TOKEN/scripts/KEY/NAME     scripts and preludes, byte for byte as the controller sent them
    /tmp/wke-TOKEN/tasks/CHANNEL/       a task's own folder, its $WKE_DIR

Paths are bytes: the machine's locale has no say.
"""

import posix

CANDIDATES = (b"/tmp", b"/var/tmp", b"/dev/shm")  # the folder made there is private and its name is random
DIRECTORY = 0o040000
FORMAT = 0o170000


class WorkFolder:
    """The folder of one connection, made when this is."""

    def __init__(self, token, environment):
        """Make the folder; raise OSError when nowhere can be written."""
        preferred = environment.get(b"TMPDIR")
        for base in ((preferred,) if preferred else ()) + CANDIDATES:
            self.path = base + b"/wke-" + token
            try:
                posix.mkdir(self.path, 0o700)
                break
            except OSError as error:
                problem = error
        else:
            raise problem
        posix.mkdir(self.path + b"/scripts", 0o700)
        posix.mkdir(self.path + b"/tasks", 0o700)

    def script(self, key, name):
        """Return where the script of that key and name lies, or will."""
        name = name.replace(b"/", b"_").replace(b"\0", b"_")[:200]
        return b"/".join((self.path, b"scripts", key.replace(b"/", b"_"), b"script" if name in (b"", b".", b"..") else name))

    def put(self, key, name, data, offset):
        """Write a part of a script; the part at offset 0 begins it anew."""
        path = self.script(key, name)
        if not offset:
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

    def task(self, channel):
        """Make and return a task's own folder."""
        path = b"%s/tasks/%d" % (self.path, channel)
        make_folder(path)
        return path

    def forget_tasks(self):
        """Remove the folders of all tasks."""
        remove_tree(self.path + b"/tasks")
        make_folder(self.path + b"/tasks")

    def remove(self):
        """Remove all that the agent and its tasks put there."""
        remove_tree(self.path)


def make_folder(path):
    """Make a private folder unless it is there."""
    try:
        posix.mkdir(path, 0o700)
    except FileExistsError:
        pass


def beginning(path, size=512):
    """Return the first bytes of a file."""
    handle = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC)
    try:
        return posix.read(handle, size)
    finally:
        posix.close(handle)


def parts(path, most):
    """Yield what is in a file, `most` bytes of it at the most; nothing where there is no file."""
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
    """Remove a folder and all in it as far as that is possible; what is mounted inside stays untouched."""
    try:
        device = posix.lstat(path).st_dev if device is None else device
        posix.chmod(path, 0o700)
        names = posix.listdir(path)
    except OSError:
        return
    for name in names:
        entry = path + b"/" + name
        try:
            status = posix.lstat(entry)
            if status.st_mode & FORMAT != DIRECTORY:
                posix.unlink(entry)
            elif status.st_dev == device:
                remove_tree(entry, device)
        except OSError:
            pass
    try:
        posix.rmdir(path)
    except OSError:
        pass
