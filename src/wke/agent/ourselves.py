"""What wke itself uses of a machine's processors: no part of the system that is measured, and no foreign load.

The agent comes with its guardian and what carries them: shells and sshd. The controller is seen where it runs on the same computer.
"""

import posix
import time

from wke.agent.kernelfiles import KernelFile
from wke.agent.meters import TICK_US

CARRIERS = (b"sh", b"bash", b"dash", b"sshd")  # the beginnings of names
MOST = 16
BOOT_DIGITS = 12  # hexadecimal ones, which a float holds exactly


class Ourselves:
    """Microseconds of processor time; and a number of this boot of this kernel, by which machines are told that share it.

    `boot` is the id of that boot, `controller` the boot and the namespace of the controller's process, and its id there. An agent that is
    `carried` counts as a part of its emulated machine.
    """

    def __init__(self, controller, boot, carried):
        self._boot = int(boot.replace("-", "")[:BOOT_DIGITS], 16)
        self._agent = None if carried else _files(_carriers())
        place, _, pid = controller.rpartition(" ")
        self._controller = _files([int(pid)]) if place == boot + " " + posix.readlink("/proc/self/ns/pid") else []
        self.columns = ["boot 1 gauge"]
        self.columns += ["cpu.agent us counter"] if self._agent is not None else []
        self.columns += ["cpu.controller us counter"] if self._controller else []

    def read(self):
        """Return the numbers."""
        agent = [] if self._agent is None else [int(time.process_time() * 1000000) + sum(map(_used_us, self._agent))]
        return [self._boot] + agent + [_used_us(file) for file in self._controller]

    def close(self):
        """Close the files."""
        for file in (self._agent or []) + self._controller:
            file.close()


def _files(pids):
    found = []
    for pid in pids:
        try:
            found.append(KernelFile("/proc/%d/stat" % pid))
        except OSError:  # it is hidden
            pass
    return found


def _carriers():
    """Return the guardian and the processes above it that are shells or sshd."""
    found = [posix.getppid()]
    while len(found) < MOST:
        parent = _above(found[-1])[1]
        if parent < 2 or not _above(parent)[0].startswith(CARRIERS):
            break
        found.append(parent)
    return found


def _above(pid):
    """Return the name of a process and the id of its parent."""
    for file in _files([pid]):
        text = file.read()
        file.close()
        return text[text.find(b"(") + 1 : text.rfind(b")")], int(text[text.rfind(b")") + 2 :].split(None, 2)[1])
    return b"", 0


def _used_us(file):
    try:
        text = file.read()
    except OSError:  # it has ended
        return 0
    fields = text[text.rfind(b")") + 2 :].split(None, 13)
    return (int(fields[11]) + int(fields[12])) * TICK_US
