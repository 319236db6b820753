"""The control groups of emulated machines (cgroup v1 and v2): they count what each machine uses, and limit it where the plan says so.

With v1 each machine has a group in every hierarchy that counts, and in those that its limits need, below the keeper's own groups. With v2
it has one, below the topmost group that is seen, because a group that has processes can have no limited ones in it. What a limit needs
and is not there is a problem, told in words. The folders are written down in the keeper's folder before they are made, so that they can
be removed after the keeper was killed.
"""

import os
import time
from collections.abc import Iterator

from wke.act.emulation.keeper.plan import KeeperPlan, MachinePlan
from wke.agent.cgroups import UNIFIED, hierarchies, remove

LIST = "cgroups"  # in the keeper's folder: one folder per line
PREFIX = "wke-machines-"
COUNTING = ("cpuacct", "memory", "pids")  # of v1
NEEDS = {"cpus": "cpu", "memory": "memory", "disk-rate": "blkio", "cores": "cpuset"}  # controllers, as v1 calls them
V2 = {"blkio": "io"}
LEAST_QUOTA_US, PERIOD_US = (
    1000,
    10_000,
)  # short periods: a machine that has used its share pauses for milliseconds, not for a tenth of a second
OPTIONAL = ("memory.swap.max", "memory.memsw.limit_in_bytes")  # where there is swap at all
REMOVE_WITHIN_S = 10.0
MOST_NAMES = 5
ONLY_DIRECT = "disk-rate limits direct and synced writes only: cgroup v1 does not see who wrote what the kernel writes later"


class Groups:
    """The groups of all machines of a plan.

    `entries` has, for each machine, the files through which a process joins its groups; `problems` say which limits do not hold and why,
    `notes` what those that hold do not cover.
    """

    def __init__(self, plan: KeeperPlan, root: str = "") -> None:
        """Make them. `root` is a made-up tree for tests, which stands before every path."""
        self._plan, self._root = plan, root
        self._broken: dict[tuple[str, str], list[str]] = {}  # (kind of limit, why it does not hold) -> machines
        self.entries: list[list[str]] = [[] for _ in plan.machines]
        found = hierarchies(os.fsencode(root))
        self._is_v2 = UNIFIED in found and not set(COUNTING) & set(found)
        if self._is_v2:
            found = hierarchies(os.fsencode(root), own=False)
        self._found = {name: os.fsdecode(folder) for name, folder in found.items()}
        self._kinds = [kind for kind in NEEDS if any(kind in machine.limits for machine in plan.machines)]
        self._tops: dict[str, str] = {}  # a controller -> the folder that holds the groups of machines
        self._reasons: dict[str, str] = {}  # why a controller cannot be used
        self._make()
        for number, machine in enumerate(plan.machines):
            self._limit(number, machine)

    @property
    def problems(self) -> list[str]:
        """Say which limits do not hold, and why."""
        return [f"{kind} of {_some(machines)}: {why}" for (kind, why), machines in self._broken.items()]

    @property
    def notes(self) -> list[str]:
        """Say what limits that hold do not cover."""
        return [ONLY_DIRECT] if "disk-rate" in self._kinds and not self._is_v2 and "blkio" in self._tops else []

    # -- groups

    def _make(self) -> None:
        name = f"{PREFIX}{os.getpid()}-{os.path.basename(self._plan.folder)}"
        wanted = [UNIFIED] if self._is_v2 else [*COUNTING, *(NEEDS[kind] for kind in self._kinds)]
        self._tops = {one: os.path.join(self._found[one], name) for one in wanted if one in self._found}
        with open(os.path.join(self._plan.folder, LIST), "w", encoding="utf-8") as file:
            file.writelines(f"{folder}\n" for folder in dict.fromkeys(self._tops.values()))
        for controller, folder in list(self._tops.items()):
            try:
                self._enable(self._found[controller])
                self._add(folder)
                self._enable(folder)
                for number in range(len(self._plan.machines)):
                    self._add(os.path.join(folder, str(number)))
            except OSError as error:
                del self._tops[controller]
                self._reasons[controller] = f"its control group cannot be made: {error.strerror}"
        joining = "cgroup.procs" if self._is_v2 else "tasks"
        for number, files in enumerate(self.entries):
            files += [os.path.join(folder, str(number), joining) for folder in dict.fromkeys(self._tops.values())]

    def _add(self, folder: str) -> None:
        """Make a group. In v1 a new cpuset has no cores and no memory, and nothing can join it."""
        if not os.path.isdir(folder):  # where several controllers have one hierarchy
            os.mkdir(folder)
        for name in ("cpuset.cpus", "cpuset.mems") if not self._is_v2 and os.path.exists(os.path.join(folder, "cpuset.cpus")) else ():
            with open(os.path.join(os.path.dirname(folder), name), encoding="ascii") as file:
                _write(folder, name, file.read().strip())

    def _enable(self, folder: str) -> None:
        """In v2, let the groups in `folder` have the controllers that limits need, and in one of ours those that count."""
        if not self._is_v2:
            return
        there, active = (_words(folder, name) for name in ("cgroup.controllers", "cgroup.subtree_control"))
        counting = ("memory", "pids", "io") if folder in self._tops.values() else ()
        needed = [_controller(kind, is_v2=True) for kind in self._kinds]
        for controller in dict.fromkeys((*needed, *(name for name in counting if name in there))):
            if controller not in there:
                self._reasons.setdefault(controller, f"there is no controller {controller} of cgroup v2 here")
            elif controller not in active:
                try:
                    _write(folder, "cgroup.subtree_control", f"+{controller}")
                except OSError as error:
                    self._reasons.setdefault(controller, f"the controller {controller} of cgroup v2 cannot be used here: {error.strerror}")

    # -- limits

    def _limit(self, number: int, machine: MachinePlan) -> None:
        for kind, value in machine.limits.items():
            controller = _controller(kind, is_v2=self._is_v2)
            top = self._tops.get(UNIFIED if self._is_v2 else controller)
            why = self._reasons.get(controller) or self._reasons.get(UNIFIED)
            if top is None or why:
                why = why or f"this computer has no control groups for {controller}"
            else:
                why = self._set(os.path.join(top, str(number)), kind, value)
            if why:
                self._broken.setdefault((kind, why), []).append(machine.name)

    def _set(self, folder: str, kind: str, value: object) -> str | None:
        """Set a limit; return why it does not hold, if it does not."""
        if why := _excess(kind, value):
            return why
        settings = {"cpus": self._processors, "cores": self._cores, "memory": self._memory, "disk-rate": self._disk_rate}
        try:
            for name, text in settings[kind](value):
                if name not in OPTIONAL or os.path.exists(os.path.join(folder, name)):
                    _write(folder, name, text)
        except OSError as error:
            return f"the kernel refuses {kind} = {value} ({error.strerror})"
        except ValueError as error:
            return str(error)
        return None

    def _processors(self, value: object) -> Iterator[tuple[str, str]]:
        share = float(str(value))
        period = max(PERIOD_US, int(LEAST_QUOTA_US / share))
        quota = int(period * share)
        if self._is_v2:
            yield "cpu.max", f"{quota} {period}"
        else:
            yield "cpu.cfs_period_us", f"{period}"
            yield "cpu.cfs_quota_us", f"{quota}"

    def _cores(self, value: object) -> Iterator[tuple[str, str]]:
        yield "cpuset.cpus", ",".join(map(str, value)) if isinstance(value, list) else ""

    def _memory(self, value: object) -> Iterator[tuple[str, str]]:
        """Forbid swap, too: a machine that swaps has more memory than it is given."""
        if self._is_v2:
            yield "memory.max", str(value)
            yield "memory.swap.max", "0"
        else:
            yield "memory.limit_in_bytes", str(value)
            yield "memory.memsw.limit_in_bytes", str(value)

    def _disk_rate(self, value: object) -> Iterator[tuple[str, str]]:
        for device in self._devices():
            if self._is_v2:
                yield "io.max", f"{device} rbps={value} wbps={value}"
            else:
                yield "blkio.throttle.read_bps_device", f"{device} {value}"
                yield "blkio.throttle.write_bps_device", f"{device} {value}"

    def _devices(self) -> list[str]:
        """Return the disks that machines use, MAJOR:MINOR. Raises ValueError for a folder that is on none."""
        found: dict[str, None] = {}
        for path in (self._plan.folder, "/", *self._plan.share):
            device = os.stat(path).st_dev
            name = f"{os.major(device)}:{os.minor(device)}"
            place = f"{self._root}/sys/dev/block/{name}"
            if not os.path.exists(place):
                raise ValueError(f"{path} is not on a disk whose rate can be limited")
            if os.path.exists(os.path.join(place, "partition")):  # a rate is that of a whole disk
                with open(os.path.join(os.path.dirname(os.path.realpath(place)), "dev"), encoding="ascii") as file:
                    name = file.read().strip()
            found[name] = None
        return list(found)


def _controller(kind: str, *, is_v2: bool) -> str:
    """Return the controller that a kind of limit needs."""
    return V2.get(NEEDS[kind], NEEDS[kind]) if is_v2 else NEEDS[kind]


def _excess(kind: str, value: object) -> str | None:
    """Say by what a limit exceeds this computer, if it does: it would be none."""
    cores = os.sched_getaffinity(0)
    strangers = sorted(set(value) - cores) if isinstance(value, list) else []
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGESIZE")
    if strangers:
        return f"core {strangers[0]} cannot be used: there are {', '.join(map(str, sorted(cores)))}"
    if kind == "cpus" and float(str(value)) > len(cores):
        return f"this computer has {len(cores)} processor{'' if len(cores) == 1 else 's'}, not {float(str(value)):g}"
    if kind == "memory" and int(str(value)) > total:
        return f"this computer has {total / (1 << 30):.1f} GiB"
    return None


def _some(names: list[str]) -> str:
    return ", ".join(names[:MOST_NAMES]) + (f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else "")


def join(entries: list[str]) -> None:
    """Move this process into a machine's groups."""
    for path in entries:
        with open(path, "w", encoding="ascii") as file:
            file.write("0")


def clear(folder: str) -> bool:
    """Remove the groups of the keeper whose folder that is; tell whether they are gone, which they are when its processes are."""
    try:
        with open(os.path.join(folder, LIST), encoding="utf-8") as file:
            groups = file.read().splitlines()
    except OSError:
        return True
    deadline = time.monotonic() + REMOVE_WITHIN_S
    while groups := [group for group in groups if not remove(os.fsencode(group))]:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True


def _write(folder: str, name: str, text: str) -> None:
    with open(os.path.join(folder, name), "w", encoding="ascii") as file:
        file.write(text)


def _words(folder: str, name: str) -> list[str]:
    try:
        with open(os.path.join(folder, name), encoding="ascii") as file:
            return file.read().split()
    except OSError:
        return []
