"""Everybody's way to run `true` on all machines of a fleet over ssh, each as its own manual says."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import PEER_SCRIPTS, Bench
from fleet import Fleet
from masters import Masters, end_left_masters
from project import CONFIG, TARGET
from rig import Absent, Contender, ContenderError, Phase, nothing

MACHINES_PYTHON = "/usr/bin/python3"


@dataclass(frozen=True, slots=True)
class Fanout:
    """Contenders for one fleet; `project` is a folder that old wke can work in, its cluster file old.toml."""

    bench: Bench
    fleet: Fleet
    project: Path

    def cold(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        after: Callable[[], None] = nothing,
        ours: bool = False,
    ) -> Contender:
        """Return a contender that has to log in to every machine, and is caught when it does not."""
        return Contender(
            name,
            (Phase(command),),
            environment=environment or {},
            folder=folder,
            before=self._forget_logins,
            check=self._check_logins,
            after=after,
            ours=ours,
        )

    def openssh(self, masters: Masters) -> Iterator[Contender | Absent]:
        """Yield plain ssh, ssh through connections that are open, and the two tools that start an ssh a machine."""
        hosts = ",".join(self.fleet.hosts)
        parallel = ("xargs", "-a", self._host_list(), "-P", str(len(self.fleet.hosts)), "-I", "{}", "ssh", "-F", self.fleet.config)
        yield self.cold("xargs ssh", (*parallel, "{}", "true"))
        yield Contender("xargs ssh, multiplexed (open)", (Phase((*parallel, *masters.options, "{}", "true")),))
        clush = self.bench.program("ClusterShell", "clush")
        yield self._cold_or_absent("ClusterShell", clush, "-f", self._width, "-o", f"-F {self.fleet.config}", "-w", hosts, "true")
        pdsh = self.bench.program("pdsh", "pdsh")
        environment = {"PDSH_SSH_ARGS_APPEND": f"-F {self.fleet.config}"}
        yield self._cold_or_absent("pdsh", pdsh, "-R", "ssh", "-f", self._width, "-w", hosts, "true", environment=environment)

    def old_wke(self) -> Iterator[Contender | Absent]:
        """Yield the published wke 0.1, which finds key and known_hosts in its HOME."""
        words = ("run", "--cluster-file", "old.toml", CONFIG, "all", TARGET)
        wke = self.bench.program("old wke", "wke")
        yield self._cold_or_absent("old wke", wke, *words, environment={"HOME": str(self.fleet.home)}, folder=self.project)

    def libraries(self) -> Iterator[Contender | Absent]:
        """Yield the libraries, each with the shortest script its manual leads to."""
        words: tuple[str | Path, ...] = (self.fleet.user, str(self.fleet.port), self.fleet.key, self.fleet.known_hosts, *self.fleet.hosts)
        for name, script in (("asyncssh", "asyncssh_true.py"), ("Fabric", "fabric_true.py"), ("parallel-ssh", "parallel_ssh_true.py")):
            yield self._cold_or_absent(name, self.bench.program(name, "python"), PEER_SCRIPTS / script, *words)

    def tools(self) -> Iterator[Contender | Absent]:
        """Yield pyinfra."""
        data = {
            "ssh_port": self.fleet.port,
            "ssh_user": self.fleet.user,
            "ssh_key": str(self.fleet.key),
            "ssh_known_hosts_file": str(self.fleet.known_hosts),
            "ssh_strict_host_key_checking": "yes",
            "ssh_allow_agent": False,
        }
        inventory = self.fleet.folder / "inventory.py"
        inventory.write_text(f"machines = ({list(self.fleet.hosts)!r}, {data!r})\n")
        program = self.bench.program("pyinfra", "pyinfra")
        yield self._cold_or_absent("pyinfra", program, "-y", inventory, "exec", "--", "true", folder=self.fleet.folder)

    def ansible(self) -> Iterator[Contender | Absent]:
        """Yield Ansible's modules raw and command, each with connections it has to open and with those an earlier command left open."""
        program = self.bench.program("Ansible", "ansible")
        machine = f"ansible_port={self.fleet.port} ansible_user={self.fleet.user} ansible_python_interpreter={MACHINES_PYTHON}"
        inventory = self.fleet.folder / "inventory.ini"
        inventory.write_text("".join(f"{host} {machine}\n" for host in self.fleet.hosts))
        for module in ("raw", "command"):
            words = ("all", "-i", inventory, "-f", self._width, "-m", module, "-a", "true")
            environment, end = self._ansible_connections(module, persist_s=60)
            yield self._cold_or_absent(f"Ansible {module}", program, *words, environment=environment, after=end)
            if not isinstance(program, Absent):
                environment, _ = self._ansible_connections(f"{module}-open", persist_s=3600)
                yield Contender(f"Ansible {module} (open)", (Phase((program, *words)),), environment=environment)

    def end_left_connections(self) -> None:
        """End the connections that contenders have left open on purpose."""
        for folder in self.fleet.folder.glob("ansible-*"):
            end_left_masters(folder)

    def _ansible_connections(self, name: str, *, persist_s: int) -> tuple[Mapping[str, str], Callable[[], None]]:
        """Return the environment that makes Ansible keep its connections in a folder of their own, and what ends them."""
        folder = self.fleet.folder / f"ansible-{name}"
        environment = {
            "ANSIBLE_HOME": str(self.fleet.folder / "ansible"),
            "ANSIBLE_SSH_ARGS": f"-F {self.fleet.config} -C -o ControlMaster=auto -o ControlPersist={persist_s}s",
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(folder),
        }
        return environment, lambda: end_left_masters(folder)

    def _cold_or_absent(
        self,
        name: str,
        program: Path | Absent,
        *arguments: str | Path,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        after: Callable[[], None] = nothing,
    ) -> Contender | Absent:
        if isinstance(program, Absent):
            return Absent(name, program.why)
        return self.cold(name, (program, *arguments), environment=environment, folder=folder, after=after)

    @property
    def _width(self) -> str:
        return str(len(self.fleet.hosts))

    def _host_list(self) -> Path:
        path = self.fleet.folder / "hosts"
        path.write_text("".join(f"{host}\n" for host in self.fleet.hosts))
        return path

    def _forget_logins(self) -> None:
        self.fleet.new_logins()

    def _check_logins(self) -> None:
        logins, wanted = self.fleet.new_logins(), len(self.fleet.hosts)
        if logins != wanted:
            raise ContenderError(f"{logins} logins instead of {wanted}")
