"""The Python API on real machines, emulated and over ssh: how runs end, what is stopped, what is kept, and that nothing stays."""

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from projects import Project
from support import alive, eventually, limit, marked

import wke
import wke.api.running
from wke.api.slices import MachineSet
from wke.errors import InputError
from wke.keep.output.telemetry import read_windows
from wke.records import OutcomeKind


@pytest.fixture
def here(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """Yield an empty project as the current folder; when the test is over, nothing of it runs and no thread waits."""
    monkeypatch.chdir(project.folder)
    for name, value in project.environment.items():
        monkeypatch.setenv(name, value)
    yield project
    wke.api.running.default_cluster().close()
    gc.collect()


@pytest.fixture
def token() -> Iterator[str]:
    """Yield a word for command lines; when the test is over, no process has it."""
    word = uuid.uuid4().hex
    yield word
    eventually(lambda: marked(word) == [])


def sleeper(token: str) -> str:
    """Return a command that sleeps for long and can be found by its token."""
    return f'sh -c "sleep 1000 & wait" {token}'


# -- run


def test_run_tells_whether_all_went_well(here: Project, capfd: pytest.CaptureFixture[str]) -> None:
    """True or False; options, macros, copies and machines are as asked; output is printed with `verbose` only."""
    here.targets(options={"say": '[["word", "x"], ["who", "@NAME"]]'}, say='echo "$1 from $2 ($WKE_COPY)"', fails="test $WKE_MACHINE = m0")
    cluster = wke.Cluster()
    assert wke.run(cluster, "kv", "say") is True
    assert capfd.readouterr() == ("", "")
    assert wke.run(cluster.create_subslice(0, 2), wke.Configuration("kv"), "say", {"word": "hi"}, verbose=True, multiply=2) is True
    said = sorted(line.split(" │ ")[1] for line in capfd.readouterr().out.splitlines())
    assert said == ["hi from m0 (0)", "hi from m0 (1)", "hi from m1 (0)", "hi from m1 (1)"]
    assert wke.run("clients", "kv", "fails") is False
    assert sorted(line.split(" failed")[0] for line in capfd.readouterr().err.splitlines()) == ["m1: fails", "m2: fails"]
    assert wke.run(cluster.get_machine("m0"), "kv", "fails") is True
    assert wke.run("m1", "kv", "fails", quiet_fail=True) is False
    assert capfd.readouterr() == ("", "")


def test_check_run_raises_what_failed(here: Project) -> None:
    """A line for each task, machine and status."""
    here.targets(fails="test $WKE_MACHINE = m0 || exit 3")
    assert wke.check_run("m0", "kv", "fails") is True
    with pytest.raises(wke.RunTargetError, match=r"^fails on m1: failed\(3\)\nfails on m2: failed\(3\)$") as caught:
        wke.check_run("all", "kv", "fails", quiet_fail=True)
    assert (caught.value.target, caught.value.machine_errors) == ("fails", ["fails on m1: failed(3)", "fails on m2: failed(3)"])


def test_a_timeout_is_a_failure_and_leaves_nothing(here: Project, token: str) -> None:
    """Neither the target nor what it started, on any machine."""
    here.targets(hangs=f"{sleeper(token)} & {sleeper(token)}")
    assert wke.run("all", "kv", "hangs", timeout=0.5, quiet_fail=True) is False
    assert marked(token) == []


def test_logs_are_kept_where_they_are_wanted(here: Project) -> None:
    """Raw by task, and the old form by machine."""
    here.targets(say="echo out; echo err >&2")
    wke.run("m0", "kv", "say", log_dir="deep/logs")
    (folder,) = (path for path in Path("deep/logs").iterdir() if path.is_dir())
    assert {path.name for path in folder.iterdir()} == {"m0.out", "m0.err", "m0.idx"}
    assert Path("deep/logs/m0.log").read_text().splitlines()[0] == "Output for machine: m0"
    assert sorted(Path("deep/logs/m0.log").read_text().splitlines()[1:]) == ["INFO: err", "INFO: out"]


def test_machines_stay_what_they_are_between_two_calls(here: Project) -> None:
    """Connections are opened once; files stay, and so does what a target that succeeded left running."""
    here.targets(first="echo $$ > kept; cat kept", second="cat kept")
    cluster = wke.Cluster()
    agents = [cluster.execute_on("m0", "echo $PPID") for _ in range(2)]
    assert agents[0] == agents[1]
    assert wke.run(cluster, "kv", "first")
    assert wke.run("m0", "kv", "second")
    assert wke.run(wke.Cluster().get_machine("m0"), "kv", "second")


@pytest.mark.parametrize("end", ["close", "garbage"])
def test_a_cluster_that_nobody_holds_leaves_nothing(here: Project, token: str, end: str) -> None:
    """Closed or forgotten: also the daemons of targets that succeeded are gone."""
    here.targets(daemon=f"setsid {sleeper(token)} > /dev/null 2>&1 &")
    cluster = wke.Cluster()
    assert wke.run(cluster.get_machine("m0"), "kv", "daemon")
    eventually(lambda: marked(token))
    if end == "close":
        cluster.close()
    del cluster
    gc.collect()
    assert marked(token) == []


def test_machines_live_until_their_last_user_leaves(here: Project, token: str) -> None:
    """A cluster that is left stops nothing of another one of the same file, in this process or in another one."""
    here.targets(serve=sleeper(token))
    script = "import wke\nwith wke.Cluster() as inner: assert inner.execute_on('m0', 'echo hi') == 'hi\\n'"
    with wke.Cluster() as outer:
        home = outer.execute_on("m0", "pwd && hostname")
        server = wke.background_run(outer.get_machine("m0"), "kv", "serve")
        eventually(lambda: marked(token))
        with wke.Cluster() as inner:
            assert inner.execute_on("m0", "pwd && hostname") == home
        subprocess.run([sys.executable, "-c", script], check=True, timeout=limit(60))
        assert server.is_alive()
        assert outer.execute_on("m0", "pwd && hostname") == home
    assert marked(token) == []


def test_without_a_workdir_it_is_the_home_folder(here: Project) -> None:
    """As absolute path, so that scripts can make others of it."""
    cluster = wke.Cluster()
    there = cluster.execute_on("m0", "cd && pwd").strip()
    assert cluster.workdir == cluster.create_slice().workdir == there
    assert Path(there).is_absolute()


def test_an_interrupted_run_stops_its_target_first(here: Project, token: str) -> None:
    """Ctrl-C in a script: when KeyboardInterrupt is raised nothing of the target runs; the machines can still be used."""
    here.targets(hangs=sleeper(token), works="true")
    main = threading.main_thread().ident

    def interrupt() -> None:
        eventually(lambda: marked(token))
        signal.pthread_kill(main, signal.SIGINT)

    cluster = wke.Cluster()
    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        wke.run(cluster, "kv", "hangs")
    thread.join()
    assert marked(token) == []
    assert wke.run(cluster, "kv", "works")


# -- in the background

STUBBORN = {
    "an obedient one": "exec {sleeper}",
    "one that ignores SIGTERM": "trap '' TERM; {sleeper}; {sleeper}",
    "one that forks": "{sleeper} & {sleeper} & wait",
    "one that daemonises": "setsid {sleeper} > /dev/null 2>&1 & sleep 1000",
    "one that has left a daemon and ended": "setsid {sleeper} > /dev/null 2>&1 & echo $!",
}


@pytest.mark.parametrize("way", ["terminate", "kill"])
@pytest.mark.parametrize("kind", STUBBORN)
def test_after_terminate_nothing_of_the_target_runs(here: Project, token: str, kind: str, way: str) -> None:
    """Whatever the target does about it, on every machine; the others' work goes on."""
    here.targets(server=STUBBORN[kind].format(sleeper=sleeper(token)), other="sleep 1000")
    other = wke.background_run("all", "kv", "other")
    handle = wke.background_run("all", "kv", "server")
    eventually(lambda: len(marked(token)) >= 3)
    getattr(handle, way)()
    assert marked(token) == []
    assert handle.is_alive() is False
    assert other.is_alive() is True
    other.kill()


@pytest.mark.parametrize(
    ("script", "details", "code"),
    [
        ("exit 0", {}, 0),
        ("exit 7", {}, 7),
        ("test $WKE_MACHINE = m0 || exit 7", {}, 7),
        ("kill -11 $$", {}, -11),
        ("sleep 1000", {"timeout": 0.2}, 124),
        ("#!/no/such/interpreter", {}, 127),
    ],
)
def test_the_exit_code_is_true(here: Project, script: str, details: Mapping[str, object], code: int) -> None:
    """None while it runs; then 0, the status, or the negative number of the signal."""
    here.targets(one=script)
    handle = wke.background_run("m0,m1", "kv", "one", quiet_fail=True, **details)
    handle.join(limit(20))
    assert (handle.is_alive(), handle.exitcode) == (False, code)


def test_the_exit_code_of_what_was_stopped_is_the_signal(here: Project) -> None:
    """SIGTERM where that was enough, SIGKILL where it was needed; join gives up in time."""
    here.targets(obeys="exec sleep 1000", ignores="trap '' TERM; while :; do sleep 0.1; done")
    first, second = wke.background_run("m0", "kv", "obeys"), wke.run_background("m1", "kv", "ignores", log_dir="logs")
    first.join(0.01)
    assert (first.is_alive(), first.exitcode) == (True, None)
    first.terminate()
    second.kill()
    assert (first.exitcode, second.exitcode) == (-15, -9)
    first.terminate()
    first.join()


def test_a_background_run_is_checked_first_and_starts_at_once(here: Project) -> None:
    """A wrong option is a ValueError here, not a failure there; an unreachable machine is told by the exit code."""
    here.targets(options={"say": '["word"]'}, say="sleep 1000")
    with pytest.raises(ValueError, match='needs option "word"'):
        wke.background_run("all", "kv", "say")
    handle = wke.background_run("m0", "kv", "say", {"word": "x"})
    handle.terminate()  # perhaps before it was connected
    assert handle.exitcode == -15


# -- sessions


def test_a_session_measures_on_the_machines(here: Project) -> None:
    """From the first start to the last end, without the way there; options of the call, operations a second."""
    here.targets(options={"load": "[['pause', 0.3]]"}, load='sleep "$1"')
    with wke.MeasurementSession(wke.Cluster(), "kv") as session:
        began = time.time()
        result = session.measure("clients", "load", 100, {"pause": 0.5}, multiply=2)
        assert began < result.start_time < result.end_time < time.time()
        assert 0.5 <= result.elapsed_time < limit(0.9)
        assert result.throughput == pytest.approx(100 / result.elapsed_time)
        assert (result.target, result.options, result.num_operations) == ("load", {"pause": 0.5}, 100)


def test_a_measurement_that_fails_has_no_result(here: Project) -> None:
    """It raises, a line for each task."""
    here.targets(load="exit 3")
    session = wke.MeasurementSession(wke.Cluster(), "kv")
    with pytest.raises(wke.MeasurementFailedError, match=r"load on m0: failed\(3\)"):
        session.measure("m0", "load", 1)


@pytest.mark.parametrize("end", ["left", "closed", "garbage", "told"])
def test_a_session_ends_what_it_started(here: Project, token: str, end: str) -> None:
    """Its background targets, however it ends; with `stop_background_tasks` it goes on."""
    here.targets(server=f"exec {sleeper(token)}", load="true")
    cluster = wke.Cluster()
    session = wke.MeasurementSession(cluster, wke.Configuration("kv"))
    session.background_run("servers", "server")
    session.run_background(cluster.create_subslice(1, 1), "server")
    eventually(lambda: len(marked(token)) >= 2)
    if end == "left":
        with session:
            pass
    elif end == "closed":
        session.close()
    elif end == "told":
        session.stop_background_tasks()
        assert session.run("all", "load")
    del session
    gc.collect()
    assert marked(token) == []


def test_loads_are_recorded_when_asked_for(here: Project) -> None:
    """loads.csv has columns for each machine and rows ten times a second; what was measured is marked."""
    here.targets(load="sleep 1")
    session = wke.MeasurementSession(wke.Cluster(), "kv", "localhost")
    result = session.measure("m0", "load", 1)
    session.close()
    header, *rows = (Path(session.log_dir) / "loads.csv").read_text().splitlines()
    assert [column for column in header.split(",") if column.endswith(".cpu")] == ["m0.cpu", "m1.cpu", "m2.cpu"]
    assert len(rows) >= 4
    ((start_ns, end_ns),) = read_windows(Path(session.log_dir))
    assert (end_ns - start_ns) / 1e9 == pytest.approx(result.elapsed_time)
    wke.plot_loads(session.log_dir, "loads.pdf", machine_index=1)
    assert Path("loads.pdf").read_bytes().startswith(b"%PDF")


# -- files and commands


def test_files_go_to_machines_and_come_back(here: Project) -> None:
    """One file, a folder, to one machine and to many; what is missing is an error that says so."""
    cluster = wke.Cluster()
    where = f"{here.folder}/there" if cluster.description.provider == "ssh" else "there"
    here.write("data/inner/file", bytes(range(256)))
    here.write("word", b"hello\n")
    cluster.copy_to("m0", "word", f"{where}/word")
    cluster.copy_from(cluster.get_machine("m0"), f"{where}/word", "back")
    assert Path("back").read_text() == "hello\n"
    cluster.create_slice().copy_file_to("data", f"{where}/data")
    copies = cluster.create_subslice(1, 2).copy_files_from(f"{where}/data", "copies")
    assert copies == [Path("copies/m1/data"), Path("copies/m2/data")]
    assert [(copy / "inner" / "file").read_bytes() for copy in copies] == [bytes(range(256))] * 2
    one = cluster.create_subslice(0, 1)
    assert one.copy_files_from(f"{where}/word", "got.txt") == [Path("got.txt")]
    assert one.copy_files_from(f"{where}/word", "copies") == [Path("copies/word")]
    assert Path("got.txt").read_text() == Path("copies/word").read_text() == "hello\n"
    with pytest.raises(wke.RemoteExecutionError, match="no such file") as caught:
        cluster.copy_from("m0", f"{where}/nothing", "back")
    assert (caught.value.machine, caught.value.command) == ("m0", f"copy {where}/nothing to back")
    assert caught.value.message == str(caught.value)
    with pytest.raises(InputError, match="no such file"):
        cluster.copy_to("m0", "nothing", where)


def test_remote_files_are_opened_as_copies(here: Project) -> None:
    """One of each machine, in order; those that have none are left out if that is wanted."""
    cluster = wke.Cluster()
    folder = here.folder if cluster.description.provider == "ssh" else "/tmp"
    cluster.execute_on("m0", f"echo one > {folder}/f-m0; echo all > {folder}/f")
    files = cluster.open_remote(f"{folder}/f", 0, True, 1)
    assert [file.read() for file in files] == ["all\n"]
    with pytest.raises(wke.RemoteExecutionError):
        cluster.create_slice().open_remote(f"{folder}/nothing")
    assert cluster.create_slice().open_remote(f"{folder}/nothing", True) == []
    assert isinstance(cluster.get_machines_by_indices([2, 0]), MachineSet)
    for file in files:
        file.close()


def test_a_command_is_run_as_it_is(here: Project) -> None:
    """Text is for a shell, words are taken as they are; output comes back, failure is an error."""
    cluster = wke.Cluster()
    assert cluster.execute_on("m0", "echo $((1 + 2)); echo 'a  b'") == "3\na  b\n"
    assert cluster.execute_on(cluster.get_machine("m1"), ["printf", "%s|", "$HOME", "a  b", "*"]) == "$HOME|a  b|*|"
    with pytest.raises(wke.RemoteExecutionError, match=r"command on m0: failed\(4\)"):
        cluster.execute_on("m0", "exit 4")


# -- asynchronous


def test_a_new_script_opens_its_machines(here: Project, token: str) -> None:
    """Run, measure, background, ports, files: in one block, which leaves nothing."""
    here.targets(
        options={"say": '[["word", "hi"]]'},
        say='echo "$1 $WKE_MACHINE"',
        server=f"exec {sleeper(token)}",
        fails="exit 3",
        load="sleep 0.2",
    )

    async def script() -> None:
        records = []
        async with wke.open("cluster.toml", sink=records.append) as machines:
            said = await machines.run("kv", "clients", "say", {"word": "ho"}, capture=True)
            assert sorted(said.output.values()) == [b"ho m1\n", b"ho m2\n"]
            assert said.ok
            assert said.checked() is said
            async with machines.background("kv", "servers", "server", log_dir="logs"):
                result = await machines.measure("kv", "clients", "load")
                assert 0.2 <= result.elapsed_s < limit(0.5)
                assert marked(token)
            assert marked(token) == []
            failed = await machines.run("kv", "all", "fails")
            assert not failed.ok
            with pytest.raises(wke.RunTargetError, match=r"fails on m0: failed\(3\)"):
                failed.checked()
            with pytest.raises(wke.RunTargetError):
                (await machines.run(wke.Configuration("kv"), "m0", "fails")).checked()
            assert await machines.wait_port("m0", 1, within_s=0.1) is False
            with pytest.raises(InputError, match="no target"):
                await machines.run("kv", "all", "nope")
        assert records

    asyncio.run(script())


def test_a_cancelled_run_stops_its_target(here: Project, token: str) -> None:
    """When the cancellation is through, nothing of the target runs, and the machines can still be used."""
    here.targets(hangs=f"trap '' TERM; {sleeper(token)}; {sleeper(token)}", works="true")

    async def script() -> None:
        async with wke.open() as machines:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1):
                    await machines.run("kv", "all", "hangs")
            assert marked(token) == []
            result = await machines.run("kv", "all", "works")
            assert {end.outcome.kind for end in result.tasks} == {OutcomeKind.OK}

    asyncio.run(script())


# -- the end of a script

SCRIPT = """
import os, signal, sys, time
import wke
cluster = wke.Cluster()
session = wke.MeasurementSession(cluster, "kv")
session.background_run("all", "server")
wke.background_run("all", "kv", "server")
wke.run(cluster, "kv", "daemon")
print("ready", flush=True)
{end}
"""


@pytest.mark.parametrize(
    "end", ["", "sys.exit(3)", "raise LookupError", "os._exit(3)", "os.kill(os.getpid(), signal.SIGKILL)", "time.sleep(1000)"]
)
def test_a_script_that_ends_for_any_reason_leaves_nothing(here: Project, token: str, end: str) -> None:
    """It ends, fails, is killed, is asked to end: background targets and daemons go with it."""
    here.targets(server=f"exec {sleeper(token)}", daemon=f"setsid {sleeper(token)} > /dev/null 2>&1 &")
    script = subprocess.Popen([sys.executable, "-c", SCRIPT.format(end=end)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert script.stdout.readline() == "ready\n"
    if "sleep" in end:
        os.kill(script.pid, signal.SIGTERM)
    try:
        script.wait(limit(30))
    finally:
        script.kill()
        script.stdout.close()
    eventually(lambda: marked(token) == [], within_s=20)
    assert not alive(script.pid)
