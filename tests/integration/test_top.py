"""`wke top` from another terminal, while a command has the machines."""

import os
import signal
from pathlib import Path

import pytest
from projects import Project
from support import eventually, limit

SERIES = """
[experiment]
configuration = "kv"
iterations = 1
[[steps]]
target = "watched"
on = "all"
multiply = 2
measure = true
[metrics]
value = { join = "sum" }
"""
WORK = """#!/usr/bin/python3
import os, pathlib, threading, time
kept = b"x" * (40 << 20)
for _ in range(2):
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
folder = pathlib.Path("FOLDER")
(folder / ("begun-" + os.environ["WKE_MACHINE"] + os.environ["WKE_COPY"])).touch()
while not (folder / "go").exists():
    time.sleep(0.02)
print("wke: value=1", flush=True)
os._exit(0)
"""


def test_what_a_series_does_is_seen_and_not_disturbed(project: Project) -> None:
    """Its tasks, with memory and threads, and its machines, which it has alone; also those that were emulated for it."""
    ledger = project.folder / "ledger"
    project.targets(watched=WORK.replace("FOLDER", str(ledger)))
    project.write("experiments/series.toml", SERIES)
    process = project.start("measure", "experiments/series.toml", "--no-figures")
    eventually(lambda: process.poll() is not None or len(list(ledger.glob("begun-*"))) == 6, within_s=20)
    seen = project.wke("top", "clients", "--json", "--sort", "name").json
    is_emulated = "emulated" in os.environ["PYTEST_CURRENT_TEST"]
    table = on_a_terminal(project) if is_emulated else project.wke("top", "m0", COLUMNS="100").out
    (ledger / "go").touch()
    assert (process.communicate(timeout=limit(60)), process.returncode)[1] == 0
    assert [name for name, usage in seen["machines"].items() if usage["received"] is not None and usage["problem"] is None] == ["m1", "m2"]
    tasks = [
        (task["machine"], task["target"], task["copy"], task["threads"], task["processes"])
        for task in seen["tasks"]
        if task["target"] == "watched"
    ]
    assert sorted(tasks) == [(name, "watched", copy, 3, 1) for name in ("m1", "m2") for copy in (0, 1)]
    assert {40 << 20 < task["memory"] < 80 << 20 for task in seen["tasks"] if task["target"] == "watched"} == {True}
    assert {usage["memory"] > 80 << 20 for usage in seen["machines"].values()} == {True}
    assert is_emulated or table.split()[:3] == ["machine", "cpu", "memory"]
    assert is_emulated or [line.split()[:2] for line in sorted(table.splitlines()) if line.startswith("watched")] == [
        ["watched", "m0"],
        ["watched.1", "m0"],
    ]


def on_a_terminal(project: Project) -> str:
    """Run `wke top` on a terminal until its table has tasks, press Ctrl-C, and return what it showed, which ends as a terminal began."""
    ours, theirs = os.openpty()
    process = project.start("top", into=theirs, together=True, TERM="xterm", COLUMNS="80", LINES="24")
    os.close(theirs)
    shown = b""
    while b"watched.1" not in shown:
        shown += os.read(ours, 1 << 16)
    process.send_signal(signal.SIGINT)
    try:
        while part := os.read(ours, 1 << 16):
            shown += part
    except OSError:  # the kernel's way to say that nobody writes any more
        pass
    os.close(ours)
    process.communicate(timeout=limit(60))
    assert process.returncode == 130
    assert shown.startswith(b"\x1b[?1049h")
    assert shown.endswith(b"\x1b[?1049l\r\ninterrupted\r\n")
    return shown.decode()


def test_machines_that_are_not_there(new_project: "pytest.FixtureRequest", tmp_path: Path) -> None:
    """Emulated machines that are not up are a wrong question; one that cannot be reached is told, and the others are shown."""
    project: Project = new_project('[cluster]\nprovider = "local"\nmachines = 2\n')
    assert (project.wke("top").status, project.wke("top").err.splitlines()[0]) == (2, "no machine is up")
    ssh = new_project('[cluster]\nssh-options = ["-F/dev/null"]\n[machines]\nm0 = { external-addr = "127.0.0.1", ssh-port = 1 }\n')
    failed = ssh.wke("top", "--once")
    assert (failed.status, failed.out.splitlines()[1].split()[:2]) == (3, ["m0", "connecting"])
    assert "Connection refused" in failed.err
