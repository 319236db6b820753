"""What an emulated machine sees as its disk: this computer's, with everything the machine writes kept apart (copy on write).

An overlay of `/` does not cross into file systems mounted below it, and a user namespace may not take one of a folder that holds such
mounts. Hence two ways: an overlay of `/` and one of each mounted file system; or a root made of parts, where each folder that holds
mounts is made anew and what lies in it is shown piece by piece. Where there is no overlay at all, the pieces are shown read-only.
"""

import contextlib
import os
import re
import stat

from wke.act.emulation.keeper import syscalls
from wke.act.emulation.keeper.plan import KeeperPlan, MachinePlan

OWN = ("/tmp", "/var/tmp", "/run")  # every machine's own, empty at first  # noqa: S108
KERNELS = ("/proc", "/sys", "/dev")
VIRTUAL = {
    *("autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs", "efivarfs", "fusectl", "hugetlbfs"),
    *("mqueue", "nsfs", "overlay", "proc", "pstore", "ramfs", "rpc_pipefs", "securityfs", "selinuxfs", "sysfs", "tracefs"),
}
MOST_PARTS = 300  # a folder with more entries than this is shown as a whole, read-only


def within(path: str, folders: tuple[str, ...]) -> bool:
    """Tell whether `path` is one of `folders` or lies in one."""
    return any(path == folder or path.startswith(folder.rstrip("/") + "/") for folder in folders)


def mounts(mountinfo: str) -> list[tuple[str, str]]:
    """Return every mount's point and kind, given the text of /proc/self/mountinfo."""
    rows = [line.split() for line in mountinfo.splitlines()]
    return [(re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), row[4]), row[row.index("-") + 1]) for row in rows]


def file_systems(mountinfo: str) -> list[str]:
    """Return where file systems with files of people are mounted below `/`, parents first."""
    points = {point for point, kind in mounts(mountinfo) if kind not in VIRTUAL and not within(point, OWN + KERNELS)}
    return sorted(points - {"/"})


def file_system_of(path: str, mountinfo: str) -> str:
    """Return the kind of file system that `path` lies on."""
    holding = [(len(point), order, kind) for order, (point, kind) in enumerate(mounts(mountinfo)) if within(path, (point,))]
    return max(holding)[2]


class Abilities:
    """What overlays this kernel allows, with what is written kept in `folder`.

    `parts`: an overlay of a folder that holds no mounts; `whole`: one of `/`. Where overlays need `folder` in memory, it is put there;
    `in_memory` tells whether it is.
    """

    def __init__(self, folder: str, *, user: bool) -> None:
        self.options = "userxattr," if user else ""
        self.parts = self._allowed("/etc", folder)
        if not self.parts:
            syscalls.mount("tmpfs", folder, "tmpfs", 0, "mode=700")
            self.parts = self._allowed("/etc", folder)
            if not self.parts:
                syscalls.unmount(folder)
        self.in_memory = file_system_of(folder, _read("/proc/self/mountinfo")) == "tmpfs"
        self.whole = self.parts and self._allowed("/", folder)

    def _allowed(self, lower: str, folder: str) -> bool:
        trial = Overlays(os.path.join(folder, "trial" + lower.replace("/", "-")), self.options)
        os.mkdir(trial.folder)
        target = os.path.join(trial.folder, "root")
        os.mkdir(target)
        try:
            trial.add(lower, target)
        except OSError:
            return False
        syscalls.unmount(target)
        return True


class Overlays:
    """Copy-on-write views of folders. What is written goes to folders of their own below `folder`."""

    def __init__(self, folder: str, options: str) -> None:
        self.folder, self._options, self._count = folder, options, 0

    def add(self, lower: str, target: str) -> None:
        """Show the folder `lower` at `target`."""
        self._count += 1
        upper, work = (os.path.join(self.folder, f"{kind}{self._count}") for kind in ("upper", "work"))
        like = os.stat(lower)
        os.mkdir(upper)
        os.mkdir(work)
        with contextlib.suppress(OSError):  # owners that a user namespace does not know stay strangers
            os.chown(upper, like.st_uid, like.st_gid)
        os.chmod(upper, stat.S_IMODE(like.st_mode))
        below = re.sub(r"([\\:,])", r"\\\1", lower)
        syscalls.mount("overlay", target, "overlay", 0, f"{self._options}lowerdir={below},upperdir={upper},workdir={work}")


class Disk:
    """The disk of one machine while it is being put together below `root`. `missing` collects what could not be shown."""

    def __init__(self, plan: KeeperPlan, machine: MachinePlan, abilities: Abilities) -> None:
        self._plan, self._machine, self._abilities = plan, machine, abilities
        self._overlays = Overlays(machine.folder, abilities.options)
        self._mountinfo = _read("/proc/self/mountinfo")
        self.root = os.path.join(machine.folder, "root")
        self.home = f"/home/{machine.name}"
        self.missing: list[str] = []

    def enter(self) -> None:
        """Put the disk together and make it this process's root, with the machine's home as the working folder."""
        os.makedirs(self.root)
        if self._abilities.whole:
            self._overlays.add("/", self.root)
            for point in file_systems(self._mountinfo):
                self._show(point)
        else:
            syscalls.mount("tmpfs", self.root, "tmpfs", 0, "mode=755")
            self._show_parts("/")
        self._add_own_folders()
        self._add_kernel_folders()
        self._add_chosen_folders()
        self._add_names()
        syscalls.enter_root(self.root)
        os.chdir(self.home)

    def _at(self, path: str) -> str:
        return self.root + path.rstrip("/")

    def _show(self, path: str) -> None:
        """Show the folder or file `path` at its place, copied on write if possible, else read-only."""
        target = self._at(path)
        try:
            if not os.path.isdir(path):
                if not os.path.lexists(target):
                    os.close(os.open(target, os.O_CREAT | os.O_WRONLY))
                syscalls.bind_readonly(path, target)
                return
            os.makedirs(target, exist_ok=True)
            if self._abilities.parts:
                with contextlib.suppress(OSError):
                    self._overlays.add(path, target)
                    return
            syscalls.bind_readonly(path, target)
        except OSError as error:
            self.missing.append(f"{path} cannot be seen: {error.strerror or error}")
            return
        if self._abilities.parts:
            self.missing.append(f"{path} is read-only")

    def _show_parts(self, folder: str) -> None:
        """Make `folder` anew and show what lies in it, because it holds mounts."""
        for name in sorted(os.listdir(folder)):
            path = os.path.join(folder, name)
            target = self._at(path)
            if within(path, KERNELS + OWN):
                os.makedirs(target, exist_ok=True)
            elif os.path.islink(path):
                os.symlink(os.readlink(path), target)
            elif self._is_taken_apart(path):
                os.mkdir(target)
                self._show_parts(path)
            else:
                self._show(path)

    def _is_taken_apart(self, path: str) -> bool:
        """Tell whether `path` is a folder that holds mounts and can be made anew."""
        if not any(point.startswith(path + "/") for point, _ in mounts(self._mountinfo)):
            return False
        try:
            return len(os.listdir(path)) <= MOST_PARTS
        except OSError:
            return False

    def _add_own_folders(self) -> None:
        for number, path in enumerate(OWN):
            own = os.path.join(self._machine.folder, f"own{number}")
            os.mkdir(own)
            os.chmod(own, 0o755 if path == "/run" else 0o1777)
            self._place(own, os.path.realpath(path))
        home = os.path.join(self._machine.folder, "home")
        os.mkdir(home)
        try:
            self._place(home, self.home)
        except OSError:  # /home is read-only
            self.home = f"/run/home/{self._machine.name}"
            self._place(home, self.home)
        os.makedirs(self._at("/run/lock"), exist_ok=True)

    def _place(self, source: str, path: str) -> None:
        os.makedirs(self._at(path), exist_ok=True)
        syscalls.bind(source, self._at(path))

    def _add_kernel_folders(self) -> None:
        for path in KERNELS:
            os.makedirs(self._at(path), exist_ok=True)
        syscalls.mount("proc", self._at("/proc"), "proc")
        try:
            syscalls.mount("sysfs", self._at("/sys"), "sysfs", syscalls.RDONLY)
            syscalls.bind("/sys/fs/cgroup", self._at("/sys/fs/cgroup"))
        except OSError:
            syscalls.bind_readonly("/sys", self._at("/sys"))
            self.missing.append("/sys shows this computer's network links, not the machine's")
        syscalls.bind_readonly("/dev", self._at("/dev"))
        for kind, path, data in (("tmpfs", "/dev/shm", "mode=1777"), ("devpts", "/dev/pts", "newinstance,ptmxmode=0666,mode=620")):  # noqa: S108
            try:
                syscalls.mount(kind, self._at(path), kind, 0, data)
            except OSError as error:
                self.missing.append(f"{path} is this computer's: {error.strerror}")

    def _add_chosen_folders(self) -> None:
        for path in self._plan.visible:
            self._show(path)
        for path in self._plan.share:
            self._place(path, path)
        if os.path.isdir(self._at(self._plan.hidden)):
            syscalls.mount("tmpfs", self._at(self._plan.hidden), "tmpfs", syscalls.RDONLY, "size=4k,mode=500")

    def _add_names(self) -> None:
        """Let the machine's files know its name and all machines' addresses, and that there is no name server to ask for others."""
        files = {
            "/etc/hosts": self._plan.hosts,
            "/etc/hostname": self._machine.name + "\n",
            "/etc/resolv.conf": "# none: an emulated machine has no name server to ask\noptions timeout:1 attempts:1\n",
            "/etc/nsswitch.conf": _without_name_servers("/etc/nsswitch.conf"),
        }
        for path, text in files.items():
            try:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self._at(path))
                _write(self._at(path), text)
            except OSError:  # shown read-only
                own = os.path.join(self._machine.folder, os.path.basename(path))
                _write(own, text)
                with contextlib.suppress(FileNotFoundError):  # a link to a file that the machine does not have says nothing either
                    syscalls.bind(own, self._at(path))


def _without_name_servers(path: str) -> str:
    """Return the text of a nsswitch.conf in which the names of hosts are only those in /etc/hosts."""
    text = _read(path) if os.path.exists(path) else ""
    return re.sub(r"(?m)^\s*hosts:.*\n?", "", text) + "hosts: files\n"


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return file.read()


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
