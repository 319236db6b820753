"""Emulated machines, made for real: what they see, what they share, and that nothing of them is ever left."""

import contextlib
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support import alive, eventually, limit

from wke.act.emulation import emulation
from wke.act.emulation import keeper_client as keeping
from wke.act.emulation.emulation import Emulation
from wke.act.emulation.emulationplan import make_plan
from wke.act.emulation.keeper import folder
from wke.describe.cluster.cluster import LOCAL_NETWORK, ClusterSpec, LinkSpec, MachineSpec
from wke.errors import InputError, MachineError

pytestmark = pytest.mark.netns

ROOT = os.geteuid() == 0
REAL = ["namespaces", "user-namespaces"] if ROOT else ["user-namespaces"]
BEST = REAL[0]
NOBODY = 65534

SERVER = """
import socket, sys
server = socket.create_server((sys.argv[1], 0))
print(server.getsockname()[1], flush=True)
peer, _ = server.accept()
peer.sendall(b"from " + socket.gethostname().encode() + b" to " + peer.getpeername()[0].encode())
"""
CLIENT = "import socket, sys; print(socket.create_connection((sys.argv[1], int(sys.argv[2])), 10).recv(100).decode())"
CONTROLLER = """
import json, sys
from pathlib import Path
from wke.act.emulation import emulation
from wke.describe.cluster.cluster import ClusterSpec, MachineSpec
keep, path = sys.argv[1] == "keep", Path(sys.argv[2])
machines = tuple(MachineSpec(f"m{n}", n, None, f"10.181.0.{n + 2}") for n in range(2))
made = emulation.up(ClusterSpec(path=path, provider="local", machines=machines), keep=keep)
print(json.dumps([m.pid for m in made.machines.values()]), flush=True)
sys.stdin.read()
"""


def local_cluster(count: int = 2, path: Path | None = None, share: tuple[str, ...] = (), link: LinkSpec | None = None) -> ClusterSpec:
    """Return a cluster of emulated machines m0, m1, ..."""
    machines = tuple(MachineSpec(f"m{n}", n, None, str(LOCAL_NETWORK[n + 2])) for n in range(count))
    return ClusterSpec(path=path, provider="local", machines=machines, share=share, links={"default": link} if link else {})


def run(emulated: Emulation, machine: str, *command: str) -> str:
    """Return what a command prints on a machine; fail the test when it fails."""
    done = subprocess.run([*emulated.transport(machine), *command], capture_output=True, text=True, timeout=limit(60), check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def talk(emulated: Emulation, server: str, client: str, name: str) -> str:
    """Return what a server on one machine, listening on all its addresses, tells a client on another that calls it `name`."""
    address = emulated.machines[server].address
    with subprocess.Popen([*emulated.transport(server), "python3", "-c", SERVER, address], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        return run(emulated, client, "python3", "-c", CLIENT, name, port)


def rubbish(base: Path) -> list[str]:
    """Return what keepers have left in their folder."""
    return [p.name for p in base.iterdir() if p.name != "lock"]


@pytest.fixture
def keepers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a folder for this test's keepers, on a real disk, that is empty again in the end."""
    path = Path(tempfile.mkdtemp(dir="/var/tmp", prefix="wke-test-"))
    monkeypatch.setenv("WKE_EMULATION_FOLDER", str(path))
    monkeypatch.delenv("WKE_EMULATION", raising=False)
    yield path
    left = rubbish(path)
    folder.remove(str(path))
    assert left == []


@pytest.fixture(params=REAL)
def up(request: pytest.FixtureRequest, keepers: Path) -> Iterator[Callable[..., Emulation]]:
    """Return a function that makes machines, in each way that this user may; they are gone when the test ends."""
    made: list[Emulation] = []

    def make(cluster: ClusterSpec) -> Emulation:
        try:
            made.append(emulation.up(cluster, keep=False, mode=request.param))
        except MachineError as error:
            if "refuses" in str(error):
                pytest.skip(f"kernel: {error}")
            raise
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_each_machine_is_one_of_its_own(up: Callable[..., Emulation]) -> None:
    """Host name, process tree, addresses, links, home and /tmp are the machine's, and its name is in its files."""
    made = up(local_cluster())
    assert made.missing == () or made.mode == "user-namespaces"
    assert run(made, "m1", "hostname") == "m1"
    assert run(made, "m1", "cat", "/etc/hostname") == "m1"
    assert run(made, "m1", "sh", "-c", "echo $HOME; pwd; echo ~").split() == ["/home/m1"] * 3
    for kind in ("net", "pid", "mnt", "uts", "ipc"):
        ours = Path(f"/proc/self/ns/{kind}").readlink()
        assert len({str(ours), *(run(made, name, "readlink", f"/proc/self/ns/{kind}") for name in made.machines)}) == 3, kind
    assert run(made, "m1", "sh", "-c", "cd /proc && echo [0-9]*").split()[0] == "1"
    assert len(run(made, "m1", "sh", "-c", "cd /proc && echo [0-9]*").split()) == 2  # pid 1 and the shell
    assert sorted(run(made, "m1", "ls", "/sys/class/net").split())[:2] == ["eth0", "lo"]
    for place in ("/tmp", "/var/tmp", "/dev/shm"):
        with tempfile.NamedTemporaryFile(dir=place) as ours:
            assert run(made, "m1", "sh", "-c", f"test -e {ours.name} || echo absent") == "absent"
    assert run(made, "m1", "sh", "-c", "head -c4 /dev/zero | wc -c; test -w /dev/null && tty < /dev/null || true").split()[0] == "4"


def test_machines_reach_each_other_by_name_and_by_address(up: Callable[..., Emulation]) -> None:
    """TCP connections come and go under the addresses that the cluster value tells, and loopback works."""
    made = up(local_cluster(3))
    addresses = {m.name: m.internal_addr for m in made.cluster.machines}
    assert addresses == {"m0": "10.181.0.2", "m1": "10.181.0.3", "m2": "10.181.0.4"}
    assert talk(made, "m0", "m2", "m0") == "from m0 to 10.181.0.4"
    assert talk(made, "m2", "m1", addresses["m2"]) == "from m2 to 10.181.0.3"
    assert talk(made, "m1", "m1", "m1") == "from m1 to 10.181.0.3"
    began = time.monotonic()
    assert run(made, "m0", "sh", "-c", "getent hosts no-such-name.example.org || echo none") == "none"
    assert (
        run(made, "m0", "python3", "-c", "import socket\ntry: socket.getaddrinfo('no-such-name', 80)\nexcept OSError: print('none')")
        == "none"
    )
    assert time.monotonic() - began < limit(2.0)  # a name server that does not answer takes 5 s and more


def test_a_pseudo_terminal_works(up: Callable[..., Emulation]) -> None:
    """Programs that want a terminal of their own, as test rigs and shells do, get one of the machine's."""
    made = up(local_cluster(1))
    assert run(made, "m0", "python3", "-c", "import os; print(os.ttyname(os.openpty()[1]))") == "/dev/pts/0"


def test_writes_stay_on_their_machine(up: Callable[..., Emulation], keepers: Path) -> None:
    """What a machine writes, changes and removes anywhere on the disk, neither this computer nor another machine sees."""
    made = up(local_cluster(2))
    mark = f"wke-{os.getpid()}"
    run(
        made,
        "m0",
        "sh",
        "-c",
        f"for d in ~ / /tmp /var/tmp /run /dev/shm /etc /opt /usr; do echo 0 > $d/{mark} || exit 1; done; rm /etc/hosts",
    )
    run(
        made,
        "m1",
        "sh",
        "-c",
        f"for d in ~ / /tmp /var/tmp /run /dev/shm /etc /opt /usr; do test ! -e $d/{mark} || exit 1; done; test -s /etc/hosts",
    )
    assert not [d for d in ("/", "/tmp", "/var/tmp", "/run", "/dev/shm", "/etc", "/opt", "/usr", "/home") if (Path(d) / mark).exists()]
    assert Path("/etc/hosts").exists()
    assert run(made, "m0", "cat", f"/etc/{mark}") == "0"


def test_the_disk_is_seen_as_it_is_and_projects_in_tmp_too(up: Callable[..., Emulation], tmp_path: Path) -> None:
    """The interpreter, this very file, and the cluster file's folder are there, readable; what is written beside them stays apart."""
    tmp_path.chmod(0o755)
    (tmp_path / "data").write_text("of the project")
    made = up(local_cluster(1, path=tmp_path / "cluster.toml"))
    assert run(made, "m0", "cat", str(tmp_path / "data")) == "of the project"
    assert run(made, "m0", "sh", "-c", f"head -c3 '{__file__}'") == '"""'
    assert run(made, "m0", sys.executable, "-c", "print(6 * 7)") == "42"
    run(made, "m0", "sh", "-c", f"echo changed > '{tmp_path}/data'; echo new > '{tmp_path}/new'")
    assert [p.name for p in tmp_path.iterdir()] == ["data"]
    assert (tmp_path / "data").read_text() == "of the project"


def test_machines_do_not_look_into_keepers_folders(up: Callable[..., Emulation], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the keepers' folder is in sight, a machine sees it empty: not its own disk, nor another machine's."""
    monkeypatch.setenv("WKE_EMULATION_FOLDER", str(tmp_path / "keepers"))
    made = up(local_cluster(1, path=tmp_path / "cluster.toml"))
    assert rubbish(tmp_path / "keepers") != []
    assert run(made, "m0", "ls", "-A", str(tmp_path / "keepers")) == ""


def test_shared_folders_are_written_through_by_all(up: Callable[..., Emulation], tmp_path: Path) -> None:
    """A folder in `share`, relative to the project, is this computer's own, on every machine."""
    (tmp_path / "out").mkdir()
    made = up(local_cluster(2, path=tmp_path / "cluster.toml", share=("out",)))
    run(made, "m0", "sh", "-c", f"echo hello > '{tmp_path}/out/file'")
    assert (tmp_path / "out" / "file").read_text() == "hello\n"
    assert run(made, "m1", "cat", f"{tmp_path}/out/file") == "hello"


def test_this_computer_is_left_as_it_was(up: Callable[..., Emulation], keepers: Path) -> None:
    """While machines are up no link and no mount of this computer changes; when they are closed no process and no folder is left."""

    def state() -> tuple[list[str], str, str]:
        return (
            sorted(p.name for p in Path("/sys/class/net").iterdir()),
            Path("/proc/self/mountinfo").read_text(),
            Path("/proc/sys/net/ipv4/ip_forward").read_text(),
        )

    before = state()
    made = up(local_cluster(3))
    assert state() == before
    pids = [m.pid for m in made.machines.values()]
    sleeper = subprocess.Popen([*made.transport("m0"), "setsid", "sleep", "1000"])
    made.close()
    sleeper.wait(limit(30))
    assert not any(map(alive, pids))
    assert rubbish(keepers) == []
    assert state() == before


def test_killing_a_machine_is_a_power_cut(up: Callable[..., Emulation]) -> None:
    """All that runs there dies at once; nobody reaches it any more; the others stay; killing it again hits nobody."""
    made = up(local_cluster(2))
    with subprocess.Popen([*made.transport("m0"), "sh", "-c", "echo up; exec sleep 1000"], stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        program.stdout.readline()
        made.kill("m0")
        assert program.wait(limit(30)) != 0
    assert subprocess.run([*made.transport("m0"), "true"], capture_output=True, check=False).returncode != 0
    assert run(made, "m1", "hostname") == "m1"
    made.kill("m0")


def test_sixty_four_machines_reach_the_first(up: Callable[..., Emulation]) -> None:
    """A large cluster is as well connected as a small one."""
    made = up(local_cluster(64))
    for client in ("m1", "m31", "m63"):
        assert talk(made, "m0", client, "m0") == f"from m0 to {made.machines[client].address}"


@pytest.mark.parametrize("victim", ["keeper", "router"])
def test_a_killed_keeper_leaves_nothing(victim: str, up: Callable[..., Emulation], keepers: Path) -> None:
    """Kill -9 of either of the keeper's processes ends every machine, and the next command at the latest removes the folder."""
    made = up(local_cluster(2))
    assert made.keeper is not None
    pids = [m.pid for m in made.machines.values()]
    router = int(Path(f"/proc/{pids[0]}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(made.keeper.pid if victim == "keeper" else router, signal.SIGKILL)
    eventually(lambda: not any(map(alive, [*pids, router])))
    assert emulation.find(local_cluster(2, path=Path("/no/such/cluster.toml"))) is None
    eventually(lambda: rubbish(keepers) == [])


@pytest.mark.parametrize("keep", ["keep", "leave"])
def test_a_killed_controller_leaves_nothing_unless_told_to(keep: str, keepers: Path, tmp_path: Path) -> None:
    """Kill -9 of the controller ends its machines, and only those that are meant to stay stay."""
    path = tmp_path / "cluster.toml"
    with subprocess.Popen(
        [sys.executable, "-c", CONTROLLER, keep, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as controller:
        assert controller.stdout is not None
        pids = json.loads(controller.stdout.readline())
        controller.kill()
    if keep == "leave":
        eventually(lambda: not any(map(alive, pids)) and rubbish(keepers) == [])
        return
    kept = emulation.find(local_cluster(path=path))
    assert kept is not None
    assert [m.pid for m in kept.machines.values()] == pids
    assert run(kept, "m1", "hostname") == "m1"
    kept.close()
    assert all(map(alive, pids))
    assert emulation.down(local_cluster(path=path)) is True
    assert not any(map(alive, pids))
    assert rubbish(keepers) == []
    assert emulation.down(local_cluster(path=path)) is False


def test_a_kept_cluster_is_brought_up_once(keepers: Path, tmp_path: Path) -> None:
    """A second `up` of the same file is refused; another file, and machines for one command of the same file, are not."""
    cluster = local_cluster(path=tmp_path / "cluster.toml")
    other = local_cluster(path=tmp_path / "other.toml")
    assert emulation.find(cluster) is None
    emulation.up(cluster, keep=True)
    with pytest.raises(InputError, match="are up already\n  hint: `wke cluster down` ends them"):
        emulation.up(cluster, keep=True)
    emulation.up(other, keep=True)
    emulation.up(cluster, keep=False).close()
    assert (emulation.down(cluster), emulation.down(cluster), emulation.down(other)) == (True, False, True)


def test_of_two_that_bring_up_the_same_file_one_does(keepers: Path, tmp_path: Path) -> None:
    """Two commands at once do not make two clusters: one wins, the other is told."""
    path = tmp_path / "cluster.toml"
    command = [sys.executable, "-c", CONTROLLER, "keep", str(path)]
    both = [
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    told = [process.communicate(timeout=limit(60))[1] for process in both]
    assert sorted(process.returncode for process in both) == [0, 1]
    assert "are up already" in "".join(told)
    assert emulation.down(local_cluster(path=path))


@pytest.mark.parametrize(
    "changed",
    [
        {"machines": local_cluster(3).machines},
        {"machines": (replace(local_cluster(1).machines[0], internal_addr="10.9.9.9"),)},
        {"share": ("/",)},
        {"links": {"default": LinkSpec(rate_bits=1000)}},
    ],
)
def test_a_kept_cluster_that_no_longer_fits_its_file_is_not_used(changed: dict[str, Any], keepers: Path, tmp_path: Path) -> None:
    """Machines that differ from what the file says now are never measured; those that a class leaves out do not count."""
    cluster = local_cluster(path=tmp_path / "cluster.toml")
    emulation.up(cluster, keep=True)
    try:
        fewer = emulation.find(replace(cluster, machines=cluster.machines[:1]))
        assert fewer is not None
        assert list(fewer.machines) == ["m0"]
        with pytest.raises(InputError, match="has changed since its machines were brought up"):
            emulation.find(replace(cluster, **changed))
    finally:
        assert emulation.down(cluster)


def test_a_dead_kept_cluster_is_as_good_as_none(keepers: Path, tmp_path: Path) -> None:
    """When the keeper of a kept cluster was killed, nothing is found, and it can be brought up again."""
    cluster = local_cluster(path=tmp_path / "cluster.toml")
    emulation.up(cluster, keep=True)
    state = json.loads(next(keepers.glob("kept-*/state.json")).read_text())
    os.kill(state["keeper"], signal.SIGKILL)
    eventually(lambda: emulation.find(cluster) is None)
    assert rubbish(keepers) == []
    emulation.up(cluster, keep=True)
    assert emulation.down(cluster)


@pytest.mark.parametrize(("sources", "sinks"), [(["m0"], ["m1", "m2"]), (["m0", "m1"], ["m2"])])
def test_a_links_rate_holds(sources: list[str], sinks: list[str], up: Callable[..., Emulation]) -> None:
    """What a machine sends, and what it is sent, cannot pass faster than its one link allows, whoever is at the other ends."""
    made = up(local_cluster(3, link=LinkSpec(rate_bits=40_000_000)))
    send = """
import socket, threading
server = socket.create_server(("", 7000))
print("up", flush=True)
peers = [server.accept()[0] for _ in range(COUNT)]
threads = [threading.Thread(target=peer.sendall, args=(bytes(2_000_000),)) for peer in peers]
for thread in threads: thread.start()
for thread in threads: thread.join()
""".replace("COUNT", str(len(sinks)))
    receive = """
import selectors, socket, sys, time
selector = selectors.DefaultSelector()
for name in sys.argv[1:]:
    selector.register(socket.create_connection((name, 7000), 10), selectors.EVENT_READ)
began, got = None, 0
while selector.get_map():
    for key, _ in selector.select():
        began = began or time.monotonic()
        part = key.fileobj.recv(65536)
        got += len(part)
        if not part: selector.unregister(key.fileobj)
print(got, time.monotonic() - began)
"""
    with contextlib.ExitStack() as stack:
        for name in sources:
            server = stack.enter_context(subprocess.Popen([*made.transport(name), "python3", "-c", send], stdout=subprocess.PIPE))
            assert server.stdout is not None
            server.stdout.readline()
        command = ["python3", "-c", receive, *sources]
        clients = [subprocess.Popen([*made.transport(name), *command], stdout=subprocess.PIPE, text=True) for name in sinks]
        told = [client.communicate(timeout=limit(60))[0].split() for client in clients]
    assert sum(int(got) for got, _ in told) == 4_000_000
    assert max(float(elapsed_s) for _, elapsed_s in told) > 0.6


def test_a_links_delay_is_emulated_or_refused(up: Callable[..., Emulation]) -> None:
    """Where the kernel can delay packets it does, and where it cannot the user hears once, from all machines, which part is missing."""
    try:
        made = up(local_cluster(24, link=LinkSpec(delay_s=0.05, rate_bits=10**9)))
    except MachineError as error:
        assert str(error) == (  # noqa: PT017 - both ends are right, this is what one of them says
            "the machines cannot be emulated: this kernel cannot emulate delay, jitter or loss (netem is missing):"
            " remove it from [links], or use a kernel that has it"
        )
        return
    probe = "import socket, time; t = time.monotonic(); socket.socket().connect_ex(('m0', 9)); print(time.monotonic() - t)"
    assert float(run(made, "m1", "python3", "-c", probe)) >= 0.1


def test_a_machine_whose_router_is_gone_tells_nobody_else(tmp_path: Path) -> None:
    """A machine that fails when the router has given up already ends by itself: its words do not become a second answer."""
    program = """if True:
        import pickle, socket, sys
        from wke.act.emulation.keeper.machine import be_machine
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.close()
        be_machine(pickle.load(sys.stdin.buffer), 0, abilities=None, router=None, report=theirs)
        """
    plan = pickle.dumps(make_plan(local_cluster(), BEST, tmp_path))
    ended = subprocess.run([sys.executable, "-c", program], check=False, input=plan, capture_output=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, b"", b"")


def test_plain_processes_are_machines_of_a_kind(keepers: Path, tmp_path: Path) -> None:
    """Where no namespace is allowed every machine has a loopback address, a home and a temporary folder, and says what is missing."""
    cluster = local_cluster(path=tmp_path / "cluster.toml")
    with emulation.up(cluster, keep=False, mode="processes") as made:
        assert [m.internal_addr for m in made.cluster.machines] == ["127.0.1.1", "127.0.1.2"]
        assert talk(made, "m0", "m1", "127.0.1.1").startswith("from ")
        homes = {run(made, name, "sh", "-c", 'echo "$HOME" && cd && pwd && touch "$TMPDIR/x"') for name in made.machines}
        assert len(homes) == 2
        assert len(made.missing) == 1
        assert made.missing[0].startswith("the machines are plain processes of this computer: they share")
    assert rubbish(keepers) == []
    kept = emulation.up(cluster, keep=True, mode="processes")
    assert emulation.find(cluster) == kept
    assert emulation.down(cluster)


def test_the_environment_can_forbid_namespaces(keepers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """WKE_EMULATION chooses the way when nobody else does."""
    monkeypatch.setenv("WKE_EMULATION", "processes")
    with emulation.up(local_cluster(), keep=False) as made:
        assert made.mode == "processes"


def test_a_refusal_leads_to_the_next_way_and_is_told(keepers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernel refuses namespaces, plain processes do, with the kernel's words; when all are refused there is an error."""
    refuse = """
import sys; sys.path.append(sys.argv[1])
from wke.act.emulation.keeper import syscalls
def no(flags, what): raise PermissionError(1, what + ": Operation not permitted")
syscalls.unshare = no
from wke.act.emulation.keeper.main import main; main()
"""
    monkeypatch.setattr(keeping, "START", refuse)
    with emulation.up(local_cluster(), keep=False) as made:
        assert made.mode == "processes"
        assert "user-namespaces: making a user namespace: Operation not permitted" in made.missing[0]
    with pytest.raises(MachineError, match=r"this computer refuses to emulate machines \(user-namespaces: making a user namespace"):
        emulation.up(local_cluster(), keep=False, mode="user-namespaces")


def test_without_overlays_machines_cannot_write_but_at_home(keepers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel without overlays gives machines the disk read-only, their own home, /tmp and names, and says so."""
    bare = """
import sys; sys.path.append(sys.argv[1])
from wke.act.emulation.keeper.disk import Abilities
Abilities._allowed = lambda *_: False
from wke.act.emulation.keeper.main import main; main()
"""
    monkeypatch.setattr(keeping, "START", bare)
    mark = f"/etc/wke-{os.getpid()}"
    with emulation.up(local_cluster(), keep=False, mode=BEST) as made:
        assert [m for m in made.missing if m.startswith("there are no overlays here")]
        assert talk(made, "m0", "m1", "m0") == "from m0 to 10.181.0.3"
        writes = f"echo x > ~/x && echo x > /tmp/x && cat /etc/passwd && touch {mark} 2>&1 || echo refused"
        assert run(made, "m0", "sh", "-c", writes).endswith("refused")


def test_machines_have_machines_whose_disks_are_in_memory(up: Callable[..., Emulation]) -> None:
    """In a container, whose disk is an overlay already (here: in a machine), machines work, and it is said that an fsync costs nothing."""
    made = up(local_cluster())
    program = CONTROLLER.replace("sys.stdin.read()", "print(made.missing)")
    variables = ["WKE_EMULATION_FOLDER=/opt/keepers", "PYTHONPATH=" + ":".join(sys.path)]
    shown = run(made, "m0", "env", *variables, sys.executable, "-c", program, "leave", "/opt/cluster.toml")
    assert shown.splitlines()[1] == """("the machines' disks are in memory: an fsync costs nothing",)"""


@pytest.mark.skipif(not ROOT, reason="the other tests run as a plain user already")
def test_a_plain_user_has_machines_too() -> None:
    """A user without any rights gets real machines, in a user namespace, that reach each other and leave nothing behind."""
    base = Path(tempfile.mkdtemp(dir="/var/tmp", prefix="wke-test-"))
    try:
        shutil.copytree(keeping.SOURCES / "wke", base / "sources" / "wke", ignore=shutil.ignore_patterns("__pycache__"))
        (base / "keepers").mkdir()
        for path in (base, base / "keepers"):
            os.chown(path, NOBODY, NOBODY)
        base.chmod(0o755)
        assert _as_nobody(base) == ""
        assert rubbish(base / "keepers") == []
    finally:
        folder.remove(str(base))


def _as_nobody(base: Path) -> str:
    """Return the traceback of what went wrong in a child that has no rights, if anything did."""
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads that pytest's plug-ins may have started
        pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            _use_machines(base)
        except BaseException:  # noqa: BLE001 - it is told to the parent
            os.write(write, traceback.format_exc().encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as file:
        told = file.read().decode()
    os.waitpid(pid, 0)
    return told


def _use_machines(base: Path) -> None:
    os.chdir("/")
    os.environ |= {"WKE_EMULATION_FOLDER": str(base / "keepers"), "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin"}
    os.environ.pop("WKE_EMULATION", None)
    if not os.access(sys.executable, os.X_OK):
        sys.executable = shutil.which("python3") or "/usr/bin/python3"
    keeping.SOURCES = base / "sources"
    with emulation.up(local_cluster(), keep=False) as made:
        assert made.mode == "user-namespaces", made.missing
        assert run(made, "m0", "sh", "-c", "id -u; hostname; pwd").split() == ["0", "m0", "/home/m0"]
        assert talk(made, "m0", "m1", "m0") == "from m0 to 10.181.0.3"
        mark = f"/etc/wke-{os.getpid()}"
        run(made, "m0", "sh", "-c", f"echo x > {mark} && rm -f /etc/hosts")
        assert not Path(mark).exists()
