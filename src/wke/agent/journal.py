"""The journal: the reports of a connection's tasks, as frames in one append-only file per task.

A file holds whole frames, but may be read from any offset and in pieces of any size: the reader puts them together (`Decoder`).
"""

import posix

from wke.agent.files import make_folder, remove_tree


class Journal:
    """The files in `folder`, each named after its task's channel."""

    def __init__(self, folder):
        self._folder = folder
        self._handles = {}
        self._sizes = {}
        self._unsynced = set()
        make_folder(folder)

    def append(self, channel, data):
        """Add whole frames, all or none; raise OSError when the disk does not take them."""
        handle, size = self._handle(channel), self.size(channel)
        left = memoryview(data)
        try:
            while left:
                left = left[posix.write(handle, left) :]
        except OSError:
            posix.ftruncate(handle, size)
            raise
        self._sizes[channel] = size + len(data)
        self._unsynced.add(channel)

    def size(self, channel):
        """Return how many bytes there are."""
        return self._sizes.get(channel, 0)

    def read(self, channel, offset, size):
        """Return at most `size` bytes from `offset` on, nothing at the end."""
        return posix.pread(self._handle(channel), size, offset)

    def sync(self):
        """Return when all that was added is on the disk; raise OSError when it cannot be."""
        while self._unsynced:
            posix.fdatasync(self._handle(self._unsynced.pop()))

    def close(self, channel):
        """Close the file of a task that has ended; it may be read again."""
        handle = self._handles.pop(channel, None)
        if handle is not None:
            posix.close(handle)

    def clear(self):
        """Forget all tasks."""
        for channel in list(self._handles):
            self.close(channel)
        self._sizes.clear()
        self._unsynced.clear()
        remove_tree(self._folder)
        make_folder(self._folder)

    def _handle(self, channel):
        if channel not in self._handles:
            path = b"%s/%d" % (self._folder, channel)
            self._handles[channel] = posix.open(path, posix.O_RDWR | posix.O_CREAT | posix.O_APPEND | posix.O_CLOEXEC, 0o600)
        return self._handles[channel]
