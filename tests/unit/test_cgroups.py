"""Control groups on made-up trees of cgroup v1 and v2: where they are found, how machines are limited, and what is read of them."""

import os
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest

from wke.act.emulation.keeper import cgroups as keeping
from wke.act.emulation.keeper.plan import KeeperPlan, MachinePlan
from wke.agent import grouplimits, machineusage, taskusage
from wke.agent.cgroups import counting, hierarchies, remove_leftovers
from wke.agent.meters import Meters, Sum
from wke.agent.tasks import AgentTasks
from wke.agent.taskusage import TaskSource

V2 = "30 1 0:25 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate"
V1 = """\
32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu
33 31 0:30 / /sys/fs/cgroup/cpuacct rw - cgroup cgroup rw,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
36 31 0:34 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd"""
COMBINED = "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct"
MISSING = [("cores", "cpuset"), ("disk-rate", "io")]
CONTAINER = "32 31 0:29 /docker/1 /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory"


def tree(root: Path, mountinfo: str, groups: str, *folders: str) -> Path:
    """Make a tree with these mounts, this /proc/self/cgroup, and these groups."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/mountinfo").write_text(mountinfo + "\n")
    (root / "proc/self/cgroup").write_text(groups + "\n")
    for folder in folders:
        (root / "sys/fs/cgroup" / folder).mkdir(parents=True, exist_ok=True)
        (root / "sys/fs/cgroup" / folder / "cgroup.procs").write_text("")
    return root


@pytest.mark.parametrize(
    ("mountinfo", "groups", "folders", "expected"),
    [
        (V2, "0::/user.slice/a.scope", ("", "user.slice/a.scope"), {"unified": "user.slice/a.scope"}),
        (V2, "0::/../other", ("",), {"unified": ""}),
        (V1, "2:cpuacct:/\n1:cpu:/x\n3:name=systemd:/y\n0::/", ("cpu/x", "cpuacct"), {"cpu": "cpu/x", "cpuacct": "cpuacct"}),
        (COMBINED, "2:cpu,cpuacct:/x", ("cpu,cpuacct/x",), {"cpu": "cpu,cpuacct/x", "cpuacct": "cpu,cpuacct/x"}),
        (CONTAINER, "4:memory:/docker/1/in", ("memory", "memory/in"), {"memory": "memory/in"}),
        (CONTAINER, "4:memory:/elsewhere", ("memory",), {"memory": "memory"}),
        (V2, "0::/a/wke-tasks-1/0", ("a",), {"unified": "a"}),
        ("", "0::/", (), {}),
    ],
)
def test_groups_are_found_where_they_are_seen(
    tmp_path: Path, mountinfo: str, groups: str, folders: tuple[str, ...], expected: Mapping[str, str]
) -> None:
    """In both versions, in containers that see a part, and from a task's group; what is out of sight is the topmost group that is seen."""
    found = hierarchies(os.fsencode(tree(tmp_path, mountinfo, groups, *folders)))
    base = tmp_path / "sys/fs/cgroup"
    assert {name: os.fsdecode(folder) for name, folder in found.items() if name in expected} == {
        name: str(base / folder) for name, folder in expected.items()
    }
    assert set(found) <= {"cpu", "cpuacct", "memory", "name=systemd", "unified"}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"unified": b"/u"}, b"/u"),
        ({"cpuacct": b"/a", "cpu": b"/c", "unified": b"/u"}, b"/a"),
        ({"cpuacct": b"/ac", "cpu": b"/ac"}, None),
        ({}, None),
    ],
)
def test_tasks_get_groups_only_where_these_change_nothing(found: dict[str, bytes], expected: bytes | None) -> None:
    """A group in a hierarchy that shares processors out would change what is measured."""
    assert counting(found) == expected


def test_leftover_groups_of_tasks_are_removed(tmp_path: Path) -> None:
    """Only those that nobody is in, and that are not just being made."""
    for name, inside in (("wke-tasks-dead", ""), ("wke-tasks-lives", "12\n"), ("wke-tasks-young", ""), ("wke-machines-1", "")):
        (tmp_path / name / "0").mkdir(parents=True)
        for folder in (tmp_path / name, tmp_path / name / "0"):
            (folder / "cgroup.procs").write_text(inside if folder.name == "0" else "")
            if "young" not in name:
                os.utime(folder, (1, 1))
    removed: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wke.agent.cgroups.remove", lambda folder: removed.append(Path(os.fsdecode(folder)).name))
        remove_leftovers(os.fsencode(tmp_path))
    assert removed == ["wke-tasks-dead"]


def limited(tmp_path: Path, controllers: str, **limits: object) -> tuple[keeping.Groups, Path]:
    """Return the groups of a plan of two machines, of which the first is limited, with cgroup v2, and the folder of the first one."""
    root = tree(tmp_path / "root", V2, "0::/", "")
    (root / "sys/fs/cgroup/cgroup.controllers").write_text(controllers)
    (tmp_path / "keeper").mkdir()
    top = root / f"sys/fs/cgroup/wke-machines-{os.getpid()}-keeper"
    top.mkdir()  # a real one has its files from the kernel
    (top / "cgroup.controllers").write_text(controllers)
    device = (tmp_path / "keeper").stat().st_dev
    (root / f"sys/dev/block/{os.major(device)}:{os.minor(device)}").mkdir(parents=True)
    machines = [MachinePlan("m0", "", "", {name.replace("_", "-"): value for name, value in limits.items()}), MachinePlan("m1", "", "")]
    settings = {"mode": "namespaces", "hidden": "", "gateway": "", "visible": [], "share": [], "link": None}
    return keeping.Groups(KeeperPlan(folder=str(tmp_path / "keeper"), machines=machines, **settings), str(root)), top / "0"


def test_limits_in_version_2(tmp_path: Path) -> None:
    """The files say what is written there: quota and period, bytes, no swap only where there is swap, rates of the machines' disk."""
    made, first = limited(tmp_path, "cpu memory pids", cpus=0.05, memory=1 << 30, cores=[0], disk_rate=1000)
    assert sorted(made.problems) == [f"{name} of m0: there is no controller {controller} of cgroup v2 here" for name, controller in MISSING]
    assert (first / "cpu.max").read_text() == "1000 20000"
    assert (first / "memory.max").read_text() == str(1 << 30)
    assert not (first / "memory.swap.max").exists()
    assert (first.parent / "cgroup.subtree_control").read_text() == "+pids"  # the last one that was written
    assert made.entries == [[str(first / "cgroup.procs")], [str(first.parent / "1/cgroup.procs")]]
    assert (tmp_path / "keeper" / keeping.LIST).read_text() == f"{first.parent}\n"
    assert made.notes == []


def test_disk_rates_in_version_2(tmp_path: Path) -> None:
    """A rate is that of each disk that machines use; a folder on no disk cannot have one."""
    made, first = limited(tmp_path, "io memory", disk_rate=50_000_000)
    if made.problems:  # / and the keeper's folder are on two file systems here
        assert made.problems[0].endswith("is not on a disk whose rate can be limited")
    else:
        assert (first / "io.max").read_text().endswith(" rbps=50000000 wbps=50000000")


def test_an_emulated_machine_is_read_from_version_2(tmp_path: Path) -> None:
    """Processor times, throttling, memory without the cache of files, disks together, processes; and its limits."""
    group = tmp_path / "wke-machines-1" / "0"
    group.mkdir(parents=True)
    files = {
        "cpu.stat": "usage_usec 30\nuser_usec 20\nsystem_usec 10\nnr_throttled 2\nthrottled_usec 7\n",
        "memory.stat": "anon 100\nfile 50\nkernel 9\nshmem 20\n",
        "memory.swap.current": "3\n",
        "io.stat": "8:0 rbytes=1 wbytes=2 rios=9 wios=9 dbytes=0 dios=0\n8:16 rbytes=10 wbytes=20 rios=1 wios=1\n",
        "pids.current": "4\n",
        "cpu.max": "5000 10000\n",
        "memory.max": "1048576\n",
        "io.max": "8:0 rbps=max wbps=1000 riops=max wiops=max\n",
    }
    for name, text in files.items():
        (group / name).write_text(text)
    groups = {"unified": os.fsencode(group)}
    sources = [source for opener in machineusage.OPENERS for source in machineusage._open(opener, groups)]
    read = {column: value for source in sources for column, value in zip(source.columns, source.read(), strict=True)}
    assert read == {
        "cpu.busy us counter": 30,
        "cpu.user us counter": 20,
        "cpu.system us counter": 10,
        "cpu.throttled us counter": 7,
        "memory.used B gauge": 120,
        "memory.cached B gauge": 30,
        "swap.used B gauge": 3,
        "disk.read B counter": 11,
        "disk.written B counter": 22,
        "threads 1 gauge": 4,
    }
    for source in sources:
        source.close()
    assert (grouplimits.processors(groups), grouplimits.memory(groups), grouplimits.disk_rate(groups)) == (0.5, 1 << 20, 1000)
    (group / "cpu.max").write_text("max 10000\n")
    (group / "memory.max").write_text("max\n")
    assert (grouplimits.processors(groups), grouplimits.memory(groups), grouplimits.disk_rate({})) == (None, None, None)


class Process:
    """A made-up meter."""

    threads, anonymous, shared, descriptors = 2, 1000, 500, 3

    def __init__(self, pid: int, *counters: int | None) -> None:
        self.pid, self.counters = pid, counters


class Processes:
    """Made-up meters: the processes at one moment, and what they are when they are read again."""

    def __init__(self) -> None:
        self.now: dict[int, Process] = {}
        self.then: dict[int, Process] = {}

    def of(self, pid: int, _: object) -> Process | None:
        """Return a process."""
        return self.now.get(pid)

    def again(self, pid: int, _: object) -> Process | None:
        """Return it as it is a moment later."""
        return self.then.get(pid, self.now.get(pid))


def test_what_processes_used_is_kept_when_they_end() -> None:
    """With their parent, once; when nobody waited for them; when we reaped them. A counter that may not be read is unknown from then on."""
    meters = Processes()
    total = Sum(meters)

    def read(*processes: Process, later: tuple[Process, ...] = ()) -> list[int | None]:
        meters.now, meters.then = ({p.pid: p for p in some} for some in (processes, later))
        total.read([p.pid for p in processes])
        return list(total.counters)

    assert read(Process(1, 1_000_000, 10, 10), Process(2, 500_000, 5, 5)) == [1_500_000, 15, 15]
    assert (total.memory, total.threads, total.descriptors) == (2500, 4, 6)
    parent = Process(1, 1_600_000, 16, 15)
    assert read(parent) == [1_600_000, 16, 15]  # its child ended and was waited for
    assert read(parent, Process(3, 300_000, 0, 7)) == [1_900_000, 16, 22]
    assert read(parent, later=(Process(1, 1_900_000, 16, 22),)) == [1_900_000, 16, 22]  # it ended while we read
    parent = Process(1, 1_900_000, 16, 22)
    assert read(parent, Process(4, 400_000, 4, 0)) == [2_300_000, 20, 22]
    assert read(parent) == [2_300_000, 20, 22]  # nobody waited for it
    assert read(Process(1, 2_000_000, 16, 22)) == [2_400_000, 20, 22]
    total.ended(1, (2_100_000, 16, 30))
    total.ended(99, (5, 5, 5))  # a stranger
    assert read() == [2_500_000, 20, 30]
    assert total.is_empty
    assert read(Process(5, 7, None, None)) == [2_500_007, None, None]
    assert read(Process(6, 9, 1, 1))[1:] == [None, None]


def test_a_forgotten_task_is_not_read_from_the_group_of_the_next_one() -> None:
    """Its series ends when its group is given back, even if another task runs there before the next sample."""
    task = SimpleNamespace(channel=3, over=True, group=SimpleNamespace(used_us=lambda: 5))
    tasks = SimpleNamespace(by_channel={3: task}, groups=SimpleNamespace(give_back=lambda *_: None))
    source = TaskSource(SimpleNamespace(begin=lambda: False), task, None)
    assert source.read()[0] == 5
    assert AgentTasks.forget_ended(tasks, nothing_left=True) == [task]
    with pytest.raises(ProcessLookupError):
        source.read()


def test_reading_the_first_tasks_keeps_no_later_one_from_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A moment lasts until all tasks are read, however long that takes; then there is a rest, as long as it took many times over."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(taskusage, "hierarchies", dict)
    monkeypatch.setattr(taskusage, "time", SimpleNamespace(monotonic=lambda: clock.now, process_time=lambda: clock.now))
    usages = taskusage.TaskUsages(SimpleNamespace(token=b""), {}, 0)
    seen = []
    for begins in (100.0, 100.01, 100.02, 100.1, 101.4, 101.6):
        clock.now = max(clock.now, begins)
        seen.append(usages.begin())
        if seen[-1]:
            clock.now += 0.01
            usages.end()
    assert seen == [True, True, True, False, False, True]


def test_devices_that_are_made_of_others_count_no_bytes_again(tmp_path: Path) -> None:
    """The bytes of a volume are those of the disk below it."""
    (tmp_path / "io.stat").write_text("253:0 rbytes=10 wbytes=20 rios=1\n8:0 rbytes=11 wbytes=22 rios=1\n")
    (tmp_path / "253:0/slaves/sda").mkdir(parents=True)
    (tmp_path / "8:0/slaves").mkdir(parents=True)
    (source,) = machineusage._disk({"unified": os.fsencode(tmp_path)}, os.fsencode(f"{tmp_path}/"))
    assert source.read() == [11, 22]
    source.close()


class Task:
    """A made-up task without a group."""

    channel, group, over = 3, None, False


def test_a_task_that_is_read_anew_has_still_used_what_its_ended_processes_did(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a reconnection its counters do not begin again."""
    monkeypatch.setattr(taskusage, "hierarchies", dict)
    task = Task()
    usages = taskusage.TaskUsages(SimpleNamespace(token=b"", by_channel={3: task}), {}, 0)
    meters = usages._meters = Processes()
    monkeypatch.setattr(usages, "begin", lambda: True)
    monkeypatch.setattr(usages, "end", lambda: None)
    monkeypatch.setattr(usages, "processes", lambda _: list(meters.now))
    meters.now = {1: Process(1, 2_000_000, 0, 0), 2: Process(2, 5_000_000, 0, 0)}
    first = usages.source(task)
    assert first.read()[0] == 7_000_000
    del meters.now[1]
    assert first.read()[0] == 7_000_000
    first.close()
    assert usages.source(task).read()[0] == 7_000_000


def test_of_a_process_only_what_is_asked_for_is_read() -> None:
    """What it has used is there at once; what it holds when somebody asks for it at the same moment. One that is gone is none."""
    meters = Meters(counts_cpu=False)
    meters.begin()
    used = meters.of(os.getpid(), whole=False)
    assert (used.is_whole, used.anonymous) == (False, 0)
    assert used.counters[1:] == meters.of(os.getpid(), whole=False).counters[1:]
    assert meters.of(os.getpid()) is used
    assert (used.is_whole, used.anonymous > 0, used.threads > 0, used.descriptors > 0) == (True, True, True, True)
    meters.begin()
    assert not meters.of(os.getpid(), whole=False).is_whole
    assert [meters.of(1 << 30, whole=whole) for whole in (False, True)] == [None, None]
    meters.close()
