"""Each tool's way to run `true` on all machines of a fleet over ssh, once or several times, as its own manual says."""

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench import PEER_SCRIPTS, WKE, Bench
from fleet import Fleet
from masters import Masters, end_left_masters
from project import CONFIG, IN_BASH, TARGET
from rig import DEADLINE_S, Absent, Contender, ContenderError, Phase, nothing

MACHINES_PYTHON = "/usr/bin/python3"
PYTHON_BY_SSH = "xargs ssh python3 -c pass"
MITOGEN = "lib/python*/site-packages/ansible_mitogen/plugins/strategy"
WIDTH = 64
RUN = (WKE, "run", CONFIG, "all", TARGET)


@dataclass(frozen=True, slots=True)
class How:
    """What a contender needs besides its command. `logins`: how many each machine must have seen afterwards; `marks`: see rig.Phase."""

    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    after: Callable[[], None] = nothing
    logins: int = 1
    marks: int = 0
    most: int | None = None
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Fanout:
    """Contenders for one fleet, each limited to WIDTH machines at a time where this can be set.

    `project` is a folder that old wke can work in; old.toml is its cluster file and cluster.toml ours. `count` is how many times contenders
    that can do so in one process run `true`; they report when each command was done. `slow` is the number of rounds for slow contenders.
    """

    bench: Bench
    fleet: Fleet
    project: Path
    count: int = 1
    slow: int | None = None

    def contender(self, name: str, program: Path | Absent, *arguments: str | Path, how: How | None = None) -> Contender | Absent:
        """Return a contender that has to log in to every machine, which is checked; Absent if its program is missing."""
        if isinstance(program, Absent):
            return Absent(name, program.why)
        how = how or How()
        return Contender(
            name,
            (Phase((program, *arguments), marks=how.marks, deadline_s=3 * DEADLINE_S),),
            environment=how.environment,
            folder=how.folder,
            before=self._forget_logins,
            check=lambda: self._check_logins(how.logins),
            after=how.after,
            ours=how.ours,
            machines=self.fleet.keeper,
            most=how.most,
        )

    def ours(self) -> Contender | Absent:
        """Return `wke run`."""
        return self.contender("wke", *RUN, how=How(folder=self.project, ours=True))

    def our_script(self) -> Contender | Absent:
        """Return a script that opens the cluster through our API and runs the target `count` times."""
        words = (PEER_SCRIPTS / "wke_true.py", str(self.count), "cluster.toml", CONFIG, TARGET)
        how = How(folder=self.project, marks=self.count, ours=True)
        return self.contender("wke", WKE.with_name("python"), *words, how=how)

    def plain_ssh(self) -> Contender | Absent:
        """Return ssh, a process and a login for every machine and command."""
        how = How(logins=self.count, marks=self.count, most=self._repeated)
        return self.contender("xargs ssh", PEER_SCRIPTS / "ssh_true.sh", *self._ssh_words(), how=how)

    def our_kept(self) -> Contender:
        """Return `wke run` with connections that its warm-up round left for it."""
        runtime = self.fleet.folder / "runtime"
        runtime.mkdir()
        environment = {"WKE_KEEP_CONNECTIONS": "1h", "XDG_RUNTIME_DIR": str(runtime)}
        return Contender("wke (open)", (Phase(RUN),), environment=environment, folder=self.project, machines=self.fleet.keeper)

    def python_by_ssh(self) -> Contender | Absent:
        """Return ssh that starts a Python, as wke does, which does nothing."""
        how = How({"COMMAND": f"{MACHINES_PYTHON} -c pass"}, marks=self.count)
        return self.contender(PYTHON_BY_SSH, PEER_SCRIPTS / "ssh_true.sh", *self._ssh_words(), how=how)

    def multiplexed_ssh(self) -> Contender | Absent:
        """Return ssh with shared connections: the first command opens them, and the last one leaves them open."""
        folder = self.fleet.folder / "multiplexed"
        folder.mkdir(exist_ok=True)
        options = ("-o", "ControlMaster=auto", "-o", "ControlPersist=60", "-o", f"ControlPath={folder}/%h")
        how = How(marks=self.count, after=lambda: end_left_masters(folder))
        return self.contender("xargs ssh, multiplexed", PEER_SCRIPTS / "ssh_true.sh", *self._ssh_words(), *options, how=how)

    def open_ssh(self, masters: Masters) -> Contender:
        """Return ssh through connections that are already open."""
        command = (PEER_SCRIPTS / "ssh_true.sh", *self._ssh_words(), *masters.options)
        return Contender("xargs ssh, multiplexed (open)", (Phase(command),), machines=self.fleet.keeper)

    def ssh_starters(self) -> Iterator[Contender | Absent]:
        """Yield the tools that start one ssh per machine and command, and run one command only."""
        hosts = ",".join(self.fleet.hosts)
        clush = self.bench.program("ClusterShell", "clush")
        yield self.contender("ClusterShell", clush, "-f", self._width, "-o", f"-F {self.fleet.config}", "-w", hosts, "true")
        how = How({"PDSH_SSH_ARGS_APPEND": f"-F {self.fleet.config}"})
        yield self.contender("pdsh", self.bench.program("pdsh", "pdsh"), "-R", "ssh", "-f", self._width, "-w", hosts, "true", how=how)

    def old_wke(self) -> Contender | Absent:
        """Return the published wke 0.1, which finds key and known_hosts in its HOME."""
        how = How({"HOME": str(self.fleet.home)}, self.project)
        return self.contender(
            "old wke", self.bench.program("old wke", "wke"), "run", "--cluster-file", "old.toml", CONFIG, "all", IN_BASH, how=how
        )

    def old_wke_script(self) -> Contender | Absent:
        """Return a session of wke 0.1, which logs in for every command."""
        folder = self.project / "old"
        folder.mkdir(exist_ok=True)
        for name, target in {"cluster.toml": "../old.toml", CONFIG: f"../{CONFIG}", "logs": "../logs"}.items():
            (folder / name).unlink(missing_ok=True)
            (folder / name).symlink_to(target)
        how = How({"HOME": str(self.fleet.home)}, folder, logins=self.count, marks=self.count, most=self._repeated)
        return self._script("old wke", "old_wke_true.py", CONFIG, IN_BASH, how=how)

    def libraries(self) -> Iterator[Contender | Absent]:
        """Yield the libraries that implement ssh themselves, each with the shortest script that follows its manual."""
        words: tuple[str | Path, ...] = (self.fleet.user, str(self.fleet.port), self.fleet.key, self.fleet.known_hosts, *self.fleet.hosts)
        for name, script in (("asyncssh", "asyncssh_true.py"), ("Fabric", "fabric_true.py"), ("parallel-ssh", "parallel_ssh_true.py")):
            yield self._script(name, script, *words, how=How(marks=self.count))

    def ssh_libraries(self) -> Iterator[Contender | Absent]:
        """Yield the libraries that start ssh: execo for every command, execnet and Mitogen once, for a Python that stays on the machine."""
        hosts, config = self.fleet.hosts, self.fleet.config
        yield self._script("execo", "execo_true.py", config, *hosts, how=How(logins=self.count, marks=self.count, most=self._repeated))
        for name, script in (("execnet", "execnet_true.py"), ("Mitogen", "mitogen_true.py")):
            yield self._script(name, script, config, MACHINES_PYTHON, *hosts, how=How(marks=self.count, most=self.slow))

    def pyinfra(self) -> Contender | Absent:
        """Return pyinfra; `count` commands are `count` operations of one deploy, which it checks and runs."""
        data = {
            "ssh_port": self.fleet.port,
            "ssh_user": self.fleet.user,
            "ssh_key": str(self.fleet.key),
            "ssh_known_hosts_file": str(self.fleet.known_hosts),
            "ssh_strict_host_key_checking": "yes",
            "ssh_allow_agent": False,
        }
        inventory, deploy = self.fleet.folder / "inventory.py", self.fleet.folder / "deploy.py"
        inventory.write_text(f"machines = ({list(self.fleet.hosts)!r}, {data!r})\n")
        shell = "from pyinfra.operations import server\n"
        deploy.write_text(shell + "".join(f'server.shell(name="{number}", commands=["true"])\n' for number in range(self.count)))
        words = ("exec", "--", "true") if self.count == 1 else (deploy,)
        program = self.bench.program("pyinfra", "pyinfra")
        return self.contender("pyinfra", program, "-y", inventory, *words, how=How(folder=self.fleet.folder))

    def ansible(self, *modules: str) -> Iterator[Contender | Absent]:
        """Yield Ansible with each of these modules, and with Mitogen in place of its connections; `count` commands are a play's tasks."""
        for module in modules:
            environment, end = self._ansible_connections(module, persist_s=60)
            words = self._ansible_words("Ansible", module)
            yield self.contender(f"Ansible {module}", *words, how=How(environment, after=end, most=self.slow))
        plugins = next((self.bench.folder_of("Mitogen") or Path("/nowhere")).glob(MITOGEN), Path("/nowhere"))
        environment = {
            "ANSIBLE_HOME": str(self.fleet.folder / "ansible"),
            "ANSIBLE_SSH_ARGS": f"-F {self.fleet.config}",
            "ANSIBLE_STRATEGY_PLUGINS": str(plugins),
            "ANSIBLE_STRATEGY": "mitogen_linear",
        }
        yield self.contender("Ansible shell with Mitogen", *self._ansible_words("Mitogen", "shell"), how=How(environment, most=self.slow))

    def open_ansible(self, *modules: str) -> Iterator[Contender | Absent]:
        """Yield Ansible with connections that an earlier command left open."""
        for module in modules:
            program, *words = self._ansible_words("Ansible", module)
            if not isinstance(program, Absent):
                environment, _ = self._ansible_connections(f"{module}-open", persist_s=3600)
                yield Contender(
                    f"Ansible {module} (open)", (Phase((program, *words)),), environment=environment, machines=self.fleet.keeper
                )

    def end_left_connections(self) -> None:
        """End the connections that contenders have left open on purpose."""
        environment = {**os.environ, "XDG_RUNTIME_DIR": str(self.fleet.folder / "runtime")}
        subprocess.run([WKE, "disconnect", "--all"], env=environment, capture_output=True, check=True)
        for folder in self.fleet.folder.glob("ansible-*"):
            end_left_masters(folder)

    def _script(self, peer: str, script: str, *words: str | Path, how: How) -> Contender | Absent:
        """Return one of peer_scripts, run by the peer's own Python."""
        return self.contender(peer, self.bench.program(peer, "python"), PEER_SCRIPTS / script, str(self.count), *words, how=how)

    def _ansible_words(self, peer: str, module: str) -> tuple[Path | Absent, *tuple[str | Path, ...]]:
        """Return the command line: ad hoc for one command, a playbook for several."""
        machine = f"ansible_port={self.fleet.port} ansible_user={self.fleet.user} ansible_python_interpreter={MACHINES_PYTHON}"
        inventory = self.fleet.folder / "inventory.ini"
        inventory.write_text("".join(f"{host} {machine}\n" for host in self.fleet.hosts))
        if self.count == 1:
            return self.bench.program(peer, "ansible"), "all", "-i", inventory, "-f", self._width, "-m", module, "-a", "true"
        playbook = self.fleet.folder / f"{module}.yaml"
        tasks = f'    - ansible.builtin.{module}: "true"\n' * self.count
        playbook.write_text(f"- hosts: all\n  gather_facts: false\n  tasks:\n{tasks}")
        return self.bench.program(peer, "ansible-playbook"), "-i", inventory, "-f", self._width, playbook

    def _ansible_connections(self, name: str, *, persist_s: int) -> tuple[Mapping[str, str], Callable[[], None]]:
        """Return the environment that makes Ansible keep its connections in a separate folder, and a function that ends them."""
        folder = self.fleet.folder / f"ansible-{name}"
        environment = {
            "ANSIBLE_HOME": str(self.fleet.folder / "ansible"),
            "ANSIBLE_SSH_ARGS": f"-F {self.fleet.config} -C -o ControlMaster=auto -o ControlPersist={persist_s}s",
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(folder),
        }
        return environment, lambda: end_left_masters(folder)

    @property
    def _repeated(self) -> int | None:
        """The number of rounds for contenders that log in for every command; with several commands they are slow."""
        return self.slow if self.count > 1 else None

    @property
    def _width(self) -> str:
        return str(min(len(self.fleet.hosts), WIDTH))

    def _ssh_words(self) -> Sequence[str | Path]:
        hosts = self.fleet.folder / "hosts"
        hosts.write_text("".join(f"{host}\n" for host in self.fleet.hosts))
        return str(self.count), hosts, self._width, "-F", self.fleet.config

    def _forget_logins(self) -> None:
        self.fleet.new_logins()

    def _check_logins(self, each: int) -> None:
        logins, wanted = self.fleet.new_logins(), each * len(self.fleet.hosts)
        if logins != wanted:
            raise ContenderError(f"{logins} logins instead of {wanted}")
