"""The machine's fingerprint: what a measurement may depend on. It is read on request, from /proc and /sys.

Nothing in it changes by itself or when the same system boots again. What cannot be read is left out; an emulated machine has its host's.
"""

import posix

CPUS = b"/sys/devices/system/cpu/"
CLOCK = b"/sys/devices/system/clocksource/clocksource0/current_clocksource"
DMI = b"/sys/class/dmi/id/"
DMI_TABLE = b"/sys/firmware/dmi/tables/DMI"
MEMORY_DEVICE, SPEED = 17, 0x15  # an SMBIOS structure, and where in it the speed stands
NOT_DISKS = (b"loop", b"ram", b"zram", b"dm-", b"md", b"nbd", b"sr", b"fd")
MOST_DEVICES = 64


def fingerprint(root=b""):
    """Return {fact: its value}, all of them texts; `root` stands before every path."""
    uname = posix.uname()
    facts = {"kernel": uname.sysname + " " + uname.release, "architecture": uname.machine}
    facts.update(_processors(_read(root + b"/proc/cpuinfo", 1 << 22)))
    facts["usable processors"] = str(len(posix.sched_getaffinity(0)))
    facts["SMT"] = {b"0": "off", b"1": "on"}.get(_read(root + CPUS + b"smt/active"), "")
    facts["governor"] = _governors(root + CPUS)
    facts["memory"] = _memory(_read(root + b"/proc/meminfo"))
    facts["memory speed"] = memory_speed(_read(root + DMI_TABLE, 1 << 20))
    facts["clock source"] = _text(_read(root + CLOCK))
    facts["product"] = _text(b" ".join(_read(root + DMI + name) for name in (b"sys_vendor", b"product_name")).strip())
    weaknesses = root + CPUS + b"vulnerabilities/"
    facts.update(("weakness " + _text(name), _text(_read(weaknesses + name))) for name in _names(weaknesses))
    facts.update(_disks(root + b"/sys/block/"))
    facts.update(_interfaces(root + b"/sys/class/net/"))
    return {name: value for name, value in facts.items() if value}


def memory_speed(table):
    """Return the distinct speeds of the memory devices in an SMBIOS table, which only root may read."""
    found, at = set(), 0
    while at + 4 <= len(table):
        kind, length = table[at], table[at + 1]
        if kind == MEMORY_DEVICE and length >= SPEED + 2:
            found.add(table[at + SPEED] + 256 * table[at + SPEED + 1])
        end = table.find(b"\0\0", at + length)
        if length < 4 or end < 0:
            break
        at = end + 2
    return ", ".join("{} MT/s".format(speed) for speed in sorted(found - {0, 0xFFFF}))


def _processors(text):
    lines = [line.partition(b":") for line in text.split(b"\n")]
    fields = [(name.strip(), value.strip()) for name, _, value in lines]
    models = sorted({_text(value) for name, value in fields if name in (b"model name", b"CPU part", b"cpu", b"uarch")})
    cores = {value for name, value in fields if name == b"cpu cores"}
    flags = next((value for name, value in fields if name == b"flags"), b"").split()
    yield "processor", ", ".join(models)
    yield "processors", str(sum(name == b"processor" for name, _ in fields) or "")
    yield "cores a socket", ", ".join(sorted(map(_text, cores)))
    yield "virtual", ("yes" if b"hypervisor" in flags else "no") if flags else ""


def _governors(folder):
    found = {_read(folder + name + b"/cpufreq/scaling_governor") for name in _names(folder) if name[:3] == b"cpu" and name[3:].isdigit()}
    return ", ".join(sorted(_text(name) for name in found if name))


def _memory(text):
    """Return the size in steps of 1/8 GiB: a kernel that keeps a little more for itself is no other memory."""
    for line in text.split(b"\n"):
        if line.startswith(b"MemTotal:"):
            return "{:g} GiB".format(round(int(line.split()[1]) / (1 << 17)) / 8)
    return ""


def _disks(folder):
    for name in _names(folder)[:MOST_DEVICES]:
        if not name.startswith(NOT_DISKS) and _read(folder + name + b"/removable") != b"1":
            sectors = int(_read(folder + name + b"/size") or 0)
            model = _text(_read(folder + name + b"/device/model"))
            yield "disk " + _text(name), (model + " {:.1f} GB".format(sectors * 512 / 1e9)).strip()


def _interfaces(folder):
    """Yield the real ones: a virtual interface has no device behind it."""
    for name in _names(folder)[:MOST_DEVICES]:
        device = folder + name + b"/device/"
        ids = b":".join(filter(None, (_read(device + each) for each in (b"vendor", b"device"))))
        speed = _read(folder + name + b"/speed")
        if ids:
            yield "interface " + _text(name), _text(ids) + (" at " + _text(speed) + " Mbit/s" if speed.isdigit() else "")


def _names(folder):
    try:
        return sorted(posix.listdir(folder))
    except OSError:
        return []


def _read(path, size=8192):
    try:
        handle = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC)
    except OSError:
        return b""
    data = b""
    try:
        part = posix.read(handle, size)
        while part and len(data) < size:
            data += part
            part = posix.read(handle, size)
    except OSError:  # such as the speed of an interface that is down
        pass
    finally:
        posix.close(handle)
    return data if path.endswith(b"DMI") else data.strip()


def _text(data):
    return data.decode("utf-8", "replace")
