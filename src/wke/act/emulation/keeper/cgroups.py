"""The control groups of emulated machines (cgroup v1 and v2): they count what each machine uses, and limit it where the plan says so.

With v1 each machine has a group in every hierarchy that counts, and in those that its limits need, below the keeper's own groups. With v2
it has one, below the topmost group that is seen, because a group that has processes can have no limited ones in it. What a limit needs
and is not there is a problem, told in words. The folders are written down in the keeper's folder before they are made, so that they can
be removed after the keeper was killed.
"""

import os
import time

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
REMOVE_WITHIN_S = 10.0
ONLY_DIRECT = "disk-rate limits direct and synced writes only: cgroup v1 does not see who wrote what the kernel writes later"


class Groups:
    """The groups of all machines of a plan.

    `entries` has, for each machine, the files through which a process joins its groups; `problems` say which limits do not hold and why,
    `notes` what those that hold do not cover.
    """

    def __init__(self, plan: KeeperPlan, root: str = "") -> None:
        """Make them. `root` is a made-up tree for tests, which stands before every path."""
        self._plan, self._root = plan, root
        self._why: dict[str, str] = {}  # why a kind of limit does not hold
        self.entries: list[list[str]] = [[] for _ in plan.machines]
        found = hierarchies(os.fsencode(root))
        self._is_v2 = UNIFIED in found and not set(COUNTING) & set(found)
        if self._is_v2:
            found = hierarchies(os.fsencode(root), own=False)
        self._found = {name: os.fsdecode(folder) for name, folder in found.items()}
        self._kinds = [kind for kind in NEEDS if any(kind in machine.limits for machine in plan.machines)]
        self._tops: dict[str, str] = {}  # a controller -> the folder that holds the groups of machines
        self._make()

    @property
    def problems(self) -> list[str]:
        """Say which limits do not hold, and why."""
        return [f"{kind}: {why}" for kind, why in self._why.items()]

    @property
    def notes(self) -> list[str]:
        """Say what limits that hold do not cover."""
        return [ONLY_DIRECT] if "disk-rate" in self._kinds and "disk-rate" not in self._why and not self._is_v2 else []

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
                self._fail(controller, f"a control group for {controller} cannot be made: {error.strerror}")
        for number, machine in enumerate(self._plan.machines):
            self._limit(number, machine)
        joining = "cgroup.procs" if self._is_v2 else "tasks"
        for number, files in enumerate(self.entries):
            files += [os.path.join(folder, str(number), joining) for folder in dict.fromkeys(self._tops.values())]

    def _fail(self, controller: str, why: str) -> None:
        for kind in self._kinds:
            if controller in {NEEDS[kind], UNIFIED}:
                self._why.setdefault(kind, why)

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
        needing = {V2.get(NEEDS[kind], NEEDS[kind]): kind for kind in self._kinds}
        for controller in dict.fromkeys((*needing, *(name for name in counting if name in there))):
            why = None if controller in there else "it is not there"
            try:
                if not why and controller not in active:
                    _write(folder, "cgroup.subtree_control", f"+{controller}")
            except OSError as error:
                why = str(error.strerror)
            if why and controller in needing:
                self._why.setdefault(needing[controller], f"the controller {controller} of cgroup v2 cannot be used here: {why}")

    # -- limits

    def _limit(self, number: int, machine: MachinePlan) -> None:
        for kind, value in machine.limits.items():
            top = self._tops.get(UNIFIED if self._is_v2 else NEEDS[kind])
            if kind in self._why:
                continue
            if top is None:
                self._why[kind] = f"this computer has no control groups for {NEEDS[kind]}"
                continue
            try:
                self._refuse_more_than_there_is(kind, value)
                for name, text in self._settings(kind, value):
                    _write(os.path.join(top, str(number)), name, text)
            except OSError as error:
                self._why[kind] = f"the kernel refuses {kind} = {value} ({error.strerror})"
            except ValueError as error:
                self._why[kind] = str(error)

    def _refuse_more_than_there_is(self, kind: str, value: object) -> None:
        cores = os.sched_getaffinity(0)
        if kind == "cpus" and float(str(value)) > len(cores):
            raise ValueError(f"this computer has {len(cores)} processors, not {float(str(value)):g}")
        if kind == "cores" and isinstance(value, list) and (strangers := sorted(set(value) - cores)):
            raise ValueError(f"core {strangers[0]} cannot be used: there are {', '.join(map(str, sorted(cores)))}")
        if kind == "memory" and int(str(value)) > (total := os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGESIZE")):
            raise ValueError(f"this computer has {total / (1 << 30):.1f} GiB")

    def _settings(self, kind: str, value: object) -> list[tuple[str, str]]:
        """Return the files that set a limit, and what is written to them."""
        if kind == "cpus":
            period = max(PERIOD_US, int(LEAST_QUOTA_US / float(str(value))))
            quota = int(period * float(str(value)))
            return (
                [("cpu.max", f"{quota} {period}")]
                if self._is_v2
                else [("cpu.cfs_period_us", f"{period}"), ("cpu.cfs_quota_us", f"{quota}")]
            )
        if kind == "cores":
            return [("cpuset.cpus", ",".join(map(str, value if isinstance(value, list) else [])))]
        if kind == "memory":
            swap = "memory.swap.max" if self._is_v2 else "memory.memsw.limit_in_bytes"
            top = self._tops[UNIFIED if self._is_v2 else "memory"]
            first = ("memory.max" if self._is_v2 else "memory.limit_in_bytes", str(value))
            return [first, (swap, "0" if self._is_v2 else str(value))] if os.path.exists(os.path.join(top, "0", swap)) else [first]
        rates = [(device, value) for device in self._devices()]
        if self._is_v2:
            return [("io.max", f"{device} rbps={rate} wbps={rate}") for device, rate in rates]
        return [(f"blkio.throttle.{way}_bps_device", f"{device} {rate}") for device, rate in rates for way in ("read", "write")]

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
