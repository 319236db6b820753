"""The limits of an emulated machine as its control groups have them: what holds, whatever a file asks for."""

import posix

from wke.agent.cgroups import UNIFIED, hierarchies

MACHINES = b"/wke-machines-"  # in the path of a machine's group


def machine_groups():
    """Return {controller: folder of the group} of the emulated machine on which this process runs."""
    return {name: folder for name, folder in hierarchies().items() if MACHINES in folder}


def processors(groups):
    """Return how many processors the machine may use, None for no limit."""
    try:
        if UNIFIED in groups:
            quota, period = once(groups[UNIFIED] + b"/cpu.max").split()
            return None if quota == b"max" else int(quota) / int(period)
        quota = int(once(groups["cpu"] + b"/cpu.cfs_quota_us"))
        return None if quota < 0 else quota / int(once(groups["cpu"] + b"/cpu.cfs_period_us"))
    except (OSError, KeyError, ValueError):
        return None


def memory(groups):
    """Return how many bytes of memory the machine may use, None for no limit."""
    try:
        path = groups[UNIFIED] + b"/memory.max" if UNIFIED in groups else groups["memory"] + b"/memory.limit_in_bytes"
        size = int(once(path))
    except (OSError, KeyError, ValueError):  # "max" is no number
        return None
    return size if size < 1 << 62 else None


def disk_rate(groups):
    """Return how many bytes per second the machine may write, None for no limit."""
    try:
        if UNIFIED in groups:
            words = once(groups[UNIFIED] + b"/io.max").split()
            rates = [int(word[5:]) for word in words if word.startswith(b"wbps=") and word != b"wbps=max"]
        else:
            rates = [int(rate) for rate in once(groups["blkio"] + b"/blkio.throttle.write_bps_device").split()[1::2]]
    except (OSError, KeyError, ValueError):
        return None
    return min(rates, default=None)


def limit_facts():
    """Yield the facts of a fingerprint about an emulated machine's limits: which of them hold decides what a result says."""
    groups = machine_groups()
    for name, value, unit in (
        ("limit of processors", processors(groups), ""),
        ("limit of memory", memory(groups), " B"),
        ("limit of disk rate", disk_rate(groups), " B/s"),
    ):
        yield name, "none" if value is None else "{:.10g}{}".format(value, unit)


def once(path):
    """Return what a file holds now."""
    handle = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC)
    try:
        return posix.read(handle, 4096)
    finally:
        posix.close(handle)
