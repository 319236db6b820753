"""Copies to machines and back, over every transport: whole, resumed, cancelled, beside tasks, and from machines that lie."""

import asyncio
import os
import stat
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from projects import Project
from support import alive, eventually, limit
from talk import Talk, talk, talking, until

from wke.act.connection import bootstrap
from wke.act.connection.transfer import Copied, Progress
from wke.agent import protocol
from wke.agent.tree import CHUNK, PART
from wke.errors import InputError, MachineError

Snapshot = dict[str, tuple[object, ...]]


def plant(folder: Path) -> Path:
    """Make a tree that has one of each kind of thing in it, and return it."""
    tree = folder / "a tree"
    for path, content in {
        "big": os.urandom(5 * CHUNK + 3),
        "empty": b"",
        "with space\nand line": b"1",
        "-rf *": b"2",
        os.fsdecode(b"\xff\xfe not utf-8"): b"3",
        "ünï/deep/er/file": b"4",
        ".hidden": b"5",
    }.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_bytes(content)
        os.utime(tree / path, ns=(1, 1_500_000_000_123_456_789))
    (tree / "-rf *").chmod(0o755)
    (tree / ".hidden").chmod(0o400)
    (tree / "empty folder").mkdir(mode=0o700)
    (tree / "link").symlink_to("ünï/deep")
    (tree / "dangling").symlink_to("../no/such")
    os.utime(tree / "ünï", ns=(1, 1_400_000_000_000_000_000))
    return tree


def snapshot(path: Path) -> Snapshot:
    """Return all that a copy has to keep, by the path below `path`."""
    found = {}
    for place in [path, *path.rglob("*")]:
        status = place.lstat()
        link, file = stat.S_ISLNK(status.st_mode), stat.S_ISREG(status.st_mode)
        content = place.readlink() if link else place.read_bytes() if file else None
        found[str(place.relative_to(path))] = (
            stat.S_IFMT(status.st_mode),
            link or stat.S_IMODE(status.st_mode),
            status.st_mtime_ns,
            content,
        )
    return found


def parts(folder: Path) -> list[Path]:
    return list(folder.rglob(PART.decode() + "*"))


def large(path: Path, mebibytes: int) -> Path:
    """Make a large file without holes."""
    with path.open("wb") as file:
        for _ in range(mebibytes):
            file.write(bytes(1 << 20))
    return path


def endless(folder: Path) -> Path:
    """Make a folder that takes long to copy and little room: all of its files are one."""
    folder.mkdir()
    large(folder / "0", 16)
    for number in range(1, 4000):
        (folder / str(number)).hardlink_to(folder / "0")
    return folder


@pytest.fixture
def memory() -> Iterator[Path]:
    """Yield a folder in memory where that can be had, for what would keep a disk busy long after the test."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if os.access(shared, os.W_OK) else None) as folder:
        yield Path(folder)


Copying = Callable[[Talk, Path, Path], Awaitable[Copied]]


async def sending(one: Talk, source: Path, destination: Path, **settings: object) -> Copied:
    return await one.connection.files.send(source, str(destination), **settings)


async def receiving(one: Talk, source: Path, destination: Path, **settings: object) -> Copied:
    return await one.connection.files.receive(str(source), destination, **settings)


both_ways = pytest.mark.parametrize("way", [sending, receiving])


@both_ways
def test_a_tree_arrives_as_it_was_and_is_not_carried_twice(transport: Sequence[str], way: Copying, tmp_path: Path) -> None:
    """Every name, content, mode, time, link and empty folder; only what changed is carried again."""
    tree = plant(tmp_path)

    async def body(one: Talk) -> None:
        first = await way(one, tree, tmp_path / "to")
        assert snapshot(tmp_path / "to") == snapshot(tree)
        assert (first.files, first.unchanged, first.size_bytes) == (7, 0, 5 * CHUNK + 8)
        (tree / "-rf *").write_bytes(b"!")
        second = await way(one, f"{tree}/.", tmp_path / "to")
        assert (second.files, second.unchanged, second.size_bytes) == (7, 5, 1)
        assert (tmp_path / "to" / "-rf *").read_bytes() == b"!"

    talk(transport, body)


@pytest.mark.parametrize(
    ("path", "where"),
    [("", "tree"), ("~", "tree"), ("~/", "tree"), ("~/a b", "a b"), ("x/y", "x/y"), ("x/", "x/tree"), ("$HOME", "$HOME"), ("a~", "a~")],
)
def test_paths_on_machines_are_seen_from_the_home_folder(path: str, where: str, tmp_path: Path) -> None:
    """Without a shell: `~` at the beginning means what one expects, everything else is a name."""
    home, tree = tmp_path / "home", tmp_path / "tree"
    home.mkdir()
    tree.mkdir()
    (tree / "file").write_bytes(b"content")

    async def body(one: Talk) -> None:
        await one.connection.files.send(tree, path)
        assert snapshot(home / where) == snapshot(tree)
        await one.connection.files.receive("~/" + where, tmp_path / "back")
        assert snapshot(tmp_path / "back") == snapshot(tree)
        await one.connection.files.receive("~", f"{tmp_path}/all")
        assert snapshot(tmp_path / "all" / where) == snapshot(tree)

    talk([], body, environment={"HOME": str(home)})


@both_ways
def test_a_copy_goes_on_after_a_broken_connection(transport: Sequence[str], way: Copying, tmp_path: Path) -> None:
    """What has arrived of a large file is not carried again, and the file is there only when it is whole."""
    source = tmp_path / "source"
    source.write_bytes(os.urandom(24 << 20))
    agents: list[int] = []

    async def broken(one: Talk) -> None:
        def cut(progress: Progress) -> None:
            if progress.size_bytes > 8 << 20:
                one.connection.link.lose("the cable is out")

        with pytest.raises(MachineError, match=r"machine m: the cable is out.*\n.*the copy continues where this one stopped"):
            await way(one, source, tmp_path / "to", progress=cut)
        agents.append(one.connection.hello.pid)

    async def whole(one: Talk) -> None:
        copied = await way(one, source, tmp_path / "to")
        assert copied.size_bytes == (24 << 20) - arrived
        assert (tmp_path / "to").read_bytes() == source.read_bytes()
        assert parts(tmp_path) == []

    talk(transport, broken)
    eventually(lambda: not alive(agents[0]))  # it writes what it has still received
    assert not (tmp_path / "to").exists()
    (part,) = parts(tmp_path)
    arrived = part.stat().st_size
    assert arrived > 1 << 20
    talk(transport, whole)


@both_ways
@pytest.mark.parametrize("turns", [0, 1, 2, 5, 10, 20, 50, 100])
def test_a_cancelled_copy_leaves_nothing_half(way: Copying, turns: int, tmp_path: Path) -> None:
    """At any step: no part on either side, files whole or absent, and the connection serves on."""
    tree = plant(tmp_path)
    large(tree / "larger", 64)

    async def body(one: Talk) -> None:
        task = asyncio.create_task(way(one, tree, tmp_path / "to"))
        for _ in range(turns):
            await asyncio.sleep(0.0005 if turns > 10 else 0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert (await one.run(b"echo well")).out == b"well\n"
        await until(lambda: parts(tmp_path) == [])
        sizes = [path.stat().st_size for path in (tmp_path / "to").glob("larger")]
        assert sizes == ([64 << 20] if sizes or not task.cancelled() else [])

    talk([], body)


@both_ways
def test_who_is_told_of_progress_may_fail(way: Copying, tmp_path: Path) -> None:
    """The copy ends with what was raised, nothing half is left, and the connection serves on."""

    class EnoughError(Exception):
        pass

    def stop(progress: Progress) -> None:
        if progress.size_bytes > CHUNK:
            raise EnoughError

    async def body(one: Talk) -> None:
        with pytest.raises(EnoughError):
            await way(one, plant(tmp_path), tmp_path / "to", progress=stop)
        assert (await one.run(b"echo well")).out == b"well\n"
        await until(lambda: parts(tmp_path) == [])

    talk([], body)


@both_ways
def test_clearing_and_closing_end_copies(way: Copying, memory: Path) -> None:
    """What a machine is asked to stop, copies too, leaves no part there."""
    source = large(memory / "source", 64)

    async def body(one: Talk) -> None:
        for stop, message in [(one.connection.tasks.clear, "being stopped"), (one.connection.close, "stopped|closed")]:
            begun = asyncio.Event()
            task = asyncio.create_task(way(one, source, memory / "to", progress=lambda _, begun=begun: begun.set()))
            await begun.wait()
            await stop()
            with pytest.raises(MachineError, match=message):
                await task
            await until(lambda: parts(memory) == [] or way is receiving)
        with pytest.raises(MachineError, match="closed"):
            await way(one, source, memory / "to")

    talk([], body)


@both_ways
def test_tasks_go_on_beside_a_copy(transport: Sequence[str], way: Copying, memory: Path) -> None:
    """A long copy starves neither a new task nor its output, and other copies pass it."""
    source, tree = endless(memory / "source"), plant(memory)

    async def body(one: Talk) -> None:
        begun = asyncio.Event()
        task = asyncio.create_task(way(one, source, memory / "to", progress=lambda _: begun.set()))
        await begun.wait()
        for _ in range(3):
            assert (await one.run(b"seq 20000 | tail -1", within_s=10)).out == b"20000\n"
        await asyncio.wait_for(way(one, tree, memory / "tree"), limit(30))
        assert not task.done()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    talk(transport, body)


def peak_mebibytes(pid: int) -> int:
    """Return the most memory that a process ever had."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) >> 10


@both_ways
def test_memory_is_bounded_however_large_a_file_is(way: Copying, memory: Path) -> None:
    """Neither end keeps more than a few chunks of a file of 200 MiB."""
    source = large(memory / "source", 200)

    async def body(one: Talk) -> None:
        tracemalloc.start()
        try:
            await way(one, source, memory / "to")
            assert tracemalloc.get_traced_memory()[1] < 10_000_000
        finally:
            tracemalloc.stop()
        assert peak_mebibytes(one.connection.hello.pid) < 64
        assert (memory / "to").stat().st_size == 200 << 20

    talk([], body)


def test_many_machines_get_the_same_at_once(tmp_path: Path) -> None:
    """Eight agents, one source: each has all of it, and its digest is computed once."""
    tree = plant(tmp_path)

    async def whole() -> None:
        talks = [talking([]) for _ in range(8)]
        ones = [await t.__aenter__() for t in talks]
        for unchanged in (0, 6):
            copies = await asyncio.gather(*(one.connection.files.send(tree, f"{tmp_path}/m{n}/") for n, one in enumerate(ones)))
            assert {c.unchanged for c in copies} == {unchanged}
        for t in talks:
            await t.__aexit__(None, None, None)
        assert all(snapshot(tmp_path / f"m{n}" / "a tree") == snapshot(tree) for n in range(8))

    asyncio.run(whole())


@pytest.mark.parametrize(
    ("source", "destination", "error", "message"),
    [
        ("here/nothing", "to", InputError, r".*/here/nothing: there is no such file or folder"),
        ("here/file", "/proc/wke", MachineError, r"machine m: /proc/wke: No such file or directory"),
        (
            "here/file",
            "/sys/wke/",
            MachineError,
            r"machine m: /sys/wke/: (Operation not permitted|Permission denied|Read-only file system)\n  hint",
        ),
        ("here/file", "/dev/null/x", MachineError, r"machine m: /dev/null: Not a directory"),
        ("/dev/null", "to", InputError, r"/dev/null: neither a file nor a folder"),
    ],
)
def test_what_cannot_be_sent_is_told(source: str, destination: str, error: type[Exception], message: str, tmp_path: Path) -> None:
    """Which path, on which machine, and why; and the connection serves on."""
    (tmp_path / "here").mkdir()
    (tmp_path / "here/file").write_bytes(b"content")

    async def body(one: Talk) -> None:
        with pytest.raises(error, match=f"^{message}"):
            await one.connection.files.send(tmp_path / source, destination)
        assert (await one.run(b"echo well")).out == b"well\n"

    talk([], body, environment={"HOME": str(tmp_path)})


@pytest.mark.parametrize(
    ("source", "destination", "error", "message"),
    [
        ("nothing", "to", MachineError, r"machine m: .*/nothing: there is no such file or folder"),
        ("/dev/null", "to", MachineError, r"machine m: /dev/null: neither a file nor a folder"),
        ("file", "/proc/wke", InputError, r"/proc/wke: No such file or directory"),
        ("file", "tree/", InputError, r".*/tree/file: is a folder there and none here"),
    ],
)
def test_what_cannot_be_received_is_told(source: str, destination: str, error: type[Exception], message: str, tmp_path: Path) -> None:
    """Which path, on which machine when it is not here, and why."""
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "tree/file").mkdir(parents=True)

    async def body(one: Talk) -> None:
        with pytest.raises(error, match=f"^{message}"):
            await one.connection.files.receive(source, f"{tmp_path}/{destination}" if destination[0] != "/" else destination)
        assert (await one.run(b"echo well")).out == b"well\n"

    talk([], body, environment={"HOME": str(tmp_path)})


@pytest.mark.netns
def test_a_machine_with_a_full_disk_says_so(tmp_path: Path) -> None:
    """The error names machine and file, a hint says what to do, and the room is given back."""
    source = large(tmp_path / "source", 4)
    (tmp_path / "disk").mkdir()
    mount = f'mount -t tmpfs -o size=1m none "{tmp_path}/disk" && exec "$@"'
    transport = ["unshare", "-rm", "sh", "-c", mount, "sh"]
    if subprocess.run([*transport, "true"], check=False, capture_output=True).returncode:
        pytest.skip("kernel: no user namespaces here")

    async def body(one: Talk) -> None:
        with pytest.raises(MachineError, match=r"^machine m: .*/disk/source: No space left on device\n  hint: make room there"):
            await one.connection.files.send(source, f"{tmp_path}/disk/")
        assert (await one.run(f"ls -A '{tmp_path}/disk'; head -c 900000 /dev/zero >'{tmp_path}/disk/x'".encode())).out == b""

    talk(transport, body)


HOSTILE = """#!{python}
import os, sys, time
sys.path.insert(0, {source!r})
from wke.agent import frames
from wke.agent.protocol import Decoder, encode
def send(kind, head, payload=b""):
    os.write(1, encode(kind, 1, head, payload))
def offer(*entries):
    send(frames.OFFER, {{"first": 0, "entries": list(entries)}})
def file(path, size=1):
    return [path, "f", 0o644, 0, size, ""]
ROOT = ["", "d", 0o755, 0, 0, ""]
LINK = ["link", "l", 0o755, 0, 0, {outside!r}]
def data(index, payload=b"!"):
    send(frames.DATA, {{"parts": [[index, 0, len(payload)]]}}, payload)
hello = dict(python="3", hostname="h", user="u", home="/", cpus=1, uname="u", pid=1, workfolder="/w", at=time.time_ns())
os.write(1, encode(frames.HELLO, 0, hello))
heard = b""
while b'"path"' not in heard:
    heard += os.read(0, 65536)
{body}
time.sleep(1000)
"""


@pytest.mark.parametrize(
    "body",
    [
        "offer(ROOT, file('../outside/x')); data(1)",
        "offer(ROOT, file({outside!r} + '/x')); data(1)",
        "offer(ROOT, LINK, file('link/x')); data(2)",
        "offer(ROOT, LINK, ['link', 'd', 0o755, 0, 0, '']); data(2)",
        "offer(['', 'l', 0o755, 0, 0, {outside!r}])",
        "offer(file('x')); data(0)",
        "offer(ROOT, file('x')); data(7)",
        "data(0)",
        "send(frames.COMPLETE, {{}})",
        "send(frames.COMPLETE, {{'left-out': []}})",
        "send(frames.HAVE, {{'first': 0, 'have': []}})",
        "send(frames.OFFER, {{}})",
        "send(frames.DATA, {{'parts': 7}}, b'x')",
        "send(frames.DATA, {{'parts': [7]}}, b'x')",
        "send(frames.COPIED, {{'files': 1}})",
        "send(frames.COPY_FAILED, {{'path': '\\x1b[2J', 'why': 'because', 'code': 'x'}})",
        "send(frames.COPY_FAILED, {{'path': '\\x1b[2J', 'why': 'because', 'code': 5}})",
        "for n in range(1000): offer(ROOT)",
        "while True: send(frames.OFFER, {{'first': 0, 'entries': []}})",
        "send(frames.OPEN, {{}})",
        "sys.exit(3)",
    ],
)
def test_a_machine_that_lies_writes_nothing_elsewhere(body: str, tmp_path: Path) -> None:
    """The copy fails with the machine's name, and nothing outside the destination was touched."""
    outside, to = tmp_path / "outside", tmp_path / "to"
    outside.mkdir()
    to.mkdir()
    script = tmp_path / "agent"
    text = body.replace("{outside!r}", repr(str(outside))).replace("{{", "{").replace("}}", "}")
    source = str(Path(protocol.__file__).parents[2])
    script.write_text(HOSTILE.format(python=sys.executable, source=source, outside=str(outside), body=text))
    script.chmod(0o755)

    async def whole() -> None:
        async with talking([str(script)]) as one:
            with pytest.raises((MachineError, InputError)) as raised:
                await asyncio.wait_for(one.connection.files.receive("x", to), limit(30))
            assert "\x1b" not in str(raised.value)
            await one.connection.abort()  # it would not answer a farewell

    asyncio.run(whole())
    assert list(outside.iterdir()) == []
    assert {p.name for p in tmp_path.iterdir()} == {"agent", "outside", "to"}
    assert {p.name for p in to.iterdir()} <= {"x"}
    assert parts(tmp_path) == []


def pythons() -> list[str]:
    """Return the interpreters at hand."""
    managed = sorted(map(str, Path.home().glob(".pyenv/versions/3.*/bin/python")))
    return [bootstrap.SYSTEM_PYTHON, *(p for p in managed if not p.split("/")[-3].startswith(("3.5", "3.4")))]


@both_ways
@pytest.mark.parametrize("python", pythons(), ids=lambda p: p.strip("/").replace("/", "-"))
def test_old_and_new_pythons_copy(python: str, way: Copying, tmp_path: Path) -> None:
    """From 3.6 on, a fresh copy and one that finds everything there."""
    tree = plant(tmp_path)

    async def body(one: Talk) -> None:
        await way(one, tree, f"{tmp_path}/to/")
        assert snapshot(tmp_path / "to/a tree") == snapshot(tree)
        assert (await way(one, tree, f"{tmp_path}/to/")).size_bytes == 0

    talk([], body, python=python)


def test_the_command_copies_to_machines_and_back(project: Project) -> None:
    """`wke copy`, to all of them and back into a folder a machine; what it says, and its exit status."""
    tree = plant(project.folder)
    place = f"{project.folder}/ledger" if "ssh" in project.cluster else "ledger"
    if "local" in project.cluster:
        assert project.wke("copy", "a tree", "all").err.startswith("no machine is up")
        assert project.wke("cluster", "up").status == 0
    try:
        where = f"{place}/there/" if "ssh" in project.cluster else "there/"
        shown = where if "ssh" in project.cluster else "~/there/"
        done = project.wke("copy", "a tree", f"all:{where}")
        assert (done.status, done.out) == (0, "")
        assert done.err.startswith("21 files to 3 machines in ")
        assert project.wke("copy", f"[1:3]:{where}a tree", "back").status == 0
        assert {p.name for p in (project.folder / "back").iterdir()} == {"m1", "m2"}
        assert snapshot(project.folder / "back/m2/a tree") == snapshot(tree)
        assert project.wke("copy", "-q", f"m0:{where}a tree/big", "one").err == ""
        assert (project.folder / "one").read_bytes() == (tree / "big").read_bytes()
        failed = project.wke("copy", "clients:no/such", "back")
        assert (failed.status, len(failed.err.splitlines())) == (3, 2)
        assert project.wke("copy", "no/such", "all").status == 2
        project.targets(hello="true")
        data = ("-D", "source=a tree", "-D", f"destination={where}data/")
        assert project.wke("run", "kv", "clients", "copy-data", *data, "--dry-run").out == f"copy a tree: to {shown}data/ on m1, m2\n"
        assert project.wke("run", "kv", "clients", "copy-data", *data).err.startswith("14 files to 2 machines in ")
        assert project.wke("copy", f"m2:{where}data/a tree", "data").status == 0
        assert snapshot(project.folder / "data") == snapshot(tree)
        assert project.wke("run", "kv", "all", "copy-data", *data[2:]).err.startswith('target "copy-data" needs option "source"')
        assert '"suorce"' in project.wke("run", "kv", "all", "copy-data", "-D", "suorce=x").err
        assert "use `wke copy`" in project.wke("run", "kv", "all", "hello,copy-data").err
    finally:
        if "local" in project.cluster:
            project.wke("cluster", "down")
