"""The agent as a guest: light, and leaving nothing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from rawagent import frames_of, raw_agent, refusal
from support import alive, eventually, marked
from talk import Talk, talk

from wke.act.connection import bootstrap
from wke.agent import frames, protocol
from wke.agent.protocol import Decoder


def test_the_agent_imports_only_what_is_cheap() -> None:
    """Modules that would double its start (json, re, enum, typing, subprocess, signal, os, ctypes, socket, ...) stay out."""
    script = "import sys; before = set(sys.modules)\n" + bootstrap.READER.replace("exec(", "module_source = (")
    script += (
        "\nsource = module_source.decode().replace('[PACKAGE + \".main\"].main(heard)', '')\n"
        "exec(source)\nprint(*sorted(n for n in set(sys.modules) - before if not n.startswith('wke')))\n"
    )
    answer = subprocess.run(
        [bootstrap.SYSTEM_PYTHON, "-I", "-S", "-E", "-c", script], input=bootstrap.package(), capture_output=True, check=True
    )
    assert set(answer.stdout.decode().split()) <= {"zlib", "_json", "_heapq", "_struct", "struct", "select", "_socket", "_ctypes"}


def test_a_machine_with_another_python_takes_the_source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It says so, and all that it is sent comes as source, also what is wanted later; one with our Python is spared that."""
    blocks: list[bool] = []
    bundle = bootstrap.bundle

    def note(names: tuple[str, ...], *, compiled: bool) -> bytes:
        blocks.append(compiled)
        return bundle(names, compiled=compiled)

    async def body(one: Talk) -> None:
        assert (await one.run(b"#!/bin/sh\necho here")).out == b"here\n"
        (tmp_path / "file").write_bytes(b"x")
        await one.connection.files.send(tmp_path / "file", str(tmp_path / "copy"))

    monkeypatch.setattr(bootstrap, "bundle", note)
    bootstrap.package.cache_clear()
    talk([], body, python=sys.executable)
    assert blocks == [True, True]
    monkeypatch.setattr("importlib.util.MAGIC_NUMBER", b"none")
    bootstrap.package.cache_clear()
    try:
        talk([], body, python=sys.executable)
    finally:
        bootstrap.package.cache_clear()
    assert blocks[2:] == [True, False, False]


TOO_OLD = f"""#!/bin/sh
exec {sys.executable} -I -S -E -c "import sys; sys.version_info = (3, 5, 9); exec(sys.argv[1])" "$5"
"""
GOOD = f"""#!/bin/sh
exec {sys.executable} "$@"
"""
WRAPPER = "#!/bin/sh\necho 'python: no version is chosen' >&2; exit 127\n"
SILENT = "#!/bin/sh\nexit 1\n"


@pytest.mark.parametrize(
    "there",
    [
        {"system": TOO_OLD, "python3": GOOD},
        {"system": SILENT, "python3": TOO_OLD, "python3.11": WRAPPER, "python3.9": GOOD},
        {"python3.12": GOOD, "python3.9": SILENT},
        {"system": WRAPPER, "platform-python": GOOD},
    ],
    ids=", ".join,
)
def test_every_python_is_tried_until_one_serves(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, there: dict[str, str]) -> None:
    """Whether those before it are too old, wrappers without a Python, or not there; in one go, and what they said is forgotten."""
    for name, program in there.items():
        (tmp_path / name).write_text(program)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(bootstrap, "SYSTEM_PYTHON", str(tmp_path / "system"))
    monkeypatch.setattr(bootstrap, "OTHER_PYTHONS", (*bootstrap.OTHER_PYTHONS[:-1], str(tmp_path / "platform-python")))
    monkeypatch.setenv("PATH", str(tmp_path))

    async def body(one: Talk) -> None:
        assert (await one.run(b"#!/bin/sh\necho here")).out == b"here\n"
        assert one.connection.link.wire.words == ""

    talk([], body)


def test_no_python_names_those_that_were_tried(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What each says of its version, the first line; if there is none at all, what was looked for."""
    monkeypatch.setattr(bootstrap, "SYSTEM_PYTHON", str(tmp_path / "system"))
    monkeypatch.setattr(bootstrap, "OTHER_PYTHONS", (str(tmp_path / "other"),))
    assert f"wke: no Python that serves: there is no {tmp_path}/system, nor another one" in refusal([])
    for name in ("system", "other"):
        (tmp_path / name).write_text("#!/bin/sh\n[ $1 = -V ] && echo Python 3.5.9; exit 1\n")
        (tmp_path / name).chmod(0o755)
    text = refusal([])
    assert f"no Python that serves: {tmp_path}/system is Python 3.5.9, {tmp_path}/other is Python 3.5.9\n" in text
    assert "machine node1: finding Python failed" in text


@pytest.mark.netns
@pytest.mark.parametrize(
    ("folders", "outcome", "words"),
    [("/tmp", "ok", ""), ("/tmp /var/tmp /dev/shm", "failed(126)", "which is mounted noexec: set TMPDIR")],
)
def test_a_compiled_target_runs_where_programs_may(folders: str, outcome: str, words: str) -> None:
    """Where /tmp is mounted noexec the work folder is elsewhere; if there is no such place, the reason is named."""
    mount = f'for f in {folders}; do mount -t tmpfs -o noexec none $f || exit; done; exec "$@"'
    transport = ["unshare", "-rm", "sh", "-c", mount, "sh"]
    if subprocess.run([*transport, "true"], check=False, capture_output=True).returncode:
        pytest.skip("kernel: no user namespaces here")

    program = Path("/bin/true").read_bytes()

    async def body(one: Talk) -> None:
        run = await one.run(program)
        assert (run.outcome, words in run.end.detail) == (outcome, True)

    talk(transport, body)


def test_what_goes_wrong_with_a_script_is_told_in_full() -> None:
    """A byte order mark before script or prelude; a script that removes its own work folder, and the tasks after it."""

    async def body(one: Talk) -> None:
        for script, prelude in ((b"\xef\xbb\xbf#!/bin/sh\n", None), (b"#!/bin/sh\n", b"\xef\xbb\xbfexport A=1\n")):
            run = await one.run(script, prelude=prelude)
            assert (run.outcome, "begins with a byte order mark" in run.end.detail) == ("failed(127)", True)
        gone = await one.run(b'#!/bin/sh\nrm -rf "${WKE_DIR%/*}"\necho here', target="first")
        assert (gone.outcome, gone.out) == ("ok", b"here\n")
        assert "the work folder with its $WKE_DIR was removed during the run" in gone.end.detail
        for script in (b'#!/bin/sh\nrm -rf "${WKE_DIR%/*}"\necho here', b"#!/bin/sh\necho another"):
            after = await one.run(script, target="first")
            assert (after.outcome, "was removed during the run" in after.end.detail) == ("failed(126)", True)

    talk([], body)


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs another user")
def test_a_program_of_another_user_is_told_how_to_enter() -> None:
    """$WKE_DIR is private: who is refused there learns what to do, and after that it works."""

    async def body(one: Talk) -> None:
        as_nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups sh -c 'cd \"$WKE_DIR\" || exit 1; echo here'"
        run = await one.run(f"#!/bin/sh\n{as_nobody}\n".encode())
        assert (run.outcome, "only the login may enter $WKE_DIR" in run.end.detail) == ("failed(1)", True)
        command = run.end.detail.partition("another user: ")[2]
        assert (await one.run(f"#!/bin/sh\n{command}\n{as_nobody}\n".encode())).out == b"here\n"

    talk([], body)


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs another user")
@pytest.mark.parametrize("limit_", [1, 2, 3], ids=["shell", "agent", "task"])
def test_the_limit_on_processes_has_its_own_words(limit_: int) -> None:
    """Whoever meets it first, our shell, our Python, or the agent that starts a task, says so, and nothing of our source is shown."""
    uid = str(60000 + os.getpid() % 1000 * 3 + limit_)  # a user of its own: processes of the case before may still be ending
    transport = ["setpriv", "--reuid", uid, "--regid", uid, "--clear-groups", "prlimit", f"--nproc={limit_}"]
    if limit_ < 3:
        text = refusal(transport)
        assert "starting a process failed" in text
        assert "import" not in text
    else:

        async def body(one: Talk) -> None:
            run = await one.run(b"#!/bin/sh\n")
            text = "no process could be started there: the limit on processes is reached (ulimit -u, or TasksMax of systemd)"
            assert (run.outcome, run.end.detail) == ("failed(126)", text)

        talk(transport, body, environment={"HOME": "/tmp"})


def test_nothing_of_the_agent_is_on_the_disk(tmp_path: Path) -> None:
    """Its work folder holds scripts and tasks, and nothing else; its source is not among its files."""
    with raw_agent("a" * 16, {"TMPDIR": str(tmp_path), "PATH": os.environ["PATH"]}) as agent:
        hello = frames_of(agent, Decoder(), frames.HELLO)[0]
        folder = Path(str(hello.head["workfolder"]))
        assert folder == tmp_path / ("wke-" + "a" * 16)
        assert sorted(p.name for p in folder.rglob("*")) == []
        maps = Path(f"/proc/{hello.head['pid']}/maps").read_text()
        assert str(Path(protocol.__file__).parent) not in maps
    assert list(tmp_path.iterdir()) == []


def test_a_machine_without_room_says_so(tmp_path: Path) -> None:
    """Where no work folder can be made the error names that stage."""
    fake = tmp_path / "fake"
    fake.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(Path(protocol.__file__).parents[2])!r})\n"
        "from wke.agent import frames, protocol\n"
        "sys.stdout.buffer.write(protocol.encode(frames.BROKEN, 0, {'why': 'cannot make a work folder: No space left on device'}))\n"
    )
    fake.chmod(0o755)
    assert refusal([str(fake)]) == (
        "machine node1: making a work folder failed: the agent gave up: cannot make a work folder: No space left on device\n"
        "  hint: free space in /tmp there, or set TMPDIR"
    )


def test_a_transport_that_does_not_exist_says_so() -> None:
    """As when no ssh client is installed."""
    text = refusal(["/no/such/program"])
    assert text.startswith("machine node1: starting the agent failed: cannot start /no/such/program: No such file or directory")


def test_every_task_has_a_folder_with_nothing_of_another_in_it() -> None:
    """One that is empty when its task has ended serves the next; not one with files in it, nor one that is kept to be fetched."""

    async def body(one: Talk) -> None:
        async def folder(script: bytes, **spec: object) -> bytes:
            run = await one.run(b'#!/bin/sh\nls -A "$WKE_DIR" >&2; printf %s "$WKE_DIR"; ' + script, **spec)
            assert (run.outcome, run.err) == ("ok", b"")
            return run.out

        first = await folder(b"true")
        assert first in {await folder(b"true"), await folder(b"true")}
        kept = await folder(b"true", kept=True)
        used = [await folder(b'echo x >"$WKE_DIR/file"'), await folder(b'echo x=1 >"$WKE_METRICS"'), await folder(b'rmdir "$WKE_DIR"')]
        assert len({kept, *used}) == 4
        server = await folder(b"sleep 1000 >/dev/null 2>&1 &")
        assert {await folder(b"true"), await folder(b"true")}.isdisjoint({kept, server, *used})

    talk([], body)


def test_a_script_cannot_leave_the_work_folder(tmp_path: Path) -> None:
    """Names with slashes or dots become harmless ones."""

    async def body(one: Talk) -> None:
        for target in ("../../../evil", "..", "", ".", "a/b", "x" * 300):
            run = await one.run(b"#!/bin/sh\necho $0", target=target)
            path = Path(os.fsdecode(run.out.strip()))
            assert path.parent.parent == Path(one.connection.hello.workfolder)

    talk([], body)


def test_a_dead_agents_children_do_not_survive_it() -> None:
    """Killed while it holds a thousand children's parents: the guardian inherits and ends them."""

    async def body(one: Talk) -> None:
        task = await one.start(b"#!/bin/bash\nfor i in {1..200}; do sleep 1000 & done; echo ready; wait")
        await task.says(b"ready")
        os.kill(one.connection.hello.pid, 9)
        await task.running.wait()
        folder = one.connection.hello.workfolder
        await one.connection.close()
        eventually(lambda: not alive(one.connection.hello.pid) and marked(folder) == [] and not Path(folder).exists())

    talk([], body)
