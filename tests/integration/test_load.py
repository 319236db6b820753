"""`wke.load` against real servers: three ways to send, several processes, a server that stands still, requests that never return.

And as it is used: sent to a machine beside a script, held to one core, and judged.
"""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import answering
import pytest
from answering import Server
from projects import Project
from support import limit

from wke import load
from wke.describe.experiment.reports import read_reports
from wke.describe.experiment.timeseries import TimeSeries, read_time_series
from wke.keep.trials.judgements import Level

HEAD = """
import asyncio, os, socket, sys, time
from wke import load
address = (sys.argv[1], int(sys.argv[2]))
"""
BLOCKING = """
def connect():
    return socket.create_connection(address).makefile("rwb", buffering=0)
def request(connection):
    connection.write(b"ask\\n")
    if connection.readline() != b"ok\\n":
        raise load.Failed("not ok")
"""
COROUTINE = """
async def connect():
    return await asyncio.open_connection(*address)
async def request(connection):
    reader, writer = connection
    writer.write(b"ask\\n")
    if await reader.readline() != b"ok\\n":
        raise load.Failed("not ok")
"""
BYTES = """
import itertools
def answer(data):
    if data == b"no\\n":
        raise load.Failed("not ok")
    return data.endswith(b"\\n")
request, connect = load.tcp([address], lambda client: itertools.repeat(b"ask\\n"), answer), None
"""
WAYS = {"blocking": BLOCKING, "asyncio": COROUTINE, "bytes": BYTES}


@contextlib.contextmanager
def serving(behave: Callable[[int], bytes | None] = lambda _: b"ok\n") -> Iterator[Server]:
    """Run a server of lines: `behave` returns the answer to the request of a number, None for none."""

    def respond(connection: socket.socket, number: int) -> None:
        answer = behave(number)
        if answer is not None:
            connection.sendall(answer)

    with answering.serving(respond, b"ask\n") as server:
        yield server


@dataclass(frozen=True)
class Run:
    """What one run said."""

    status: int
    metrics: dict[str, float]
    series: dict[str, TimeSeries]
    stderr: str


def run(server: Server, way: str, call: str, *, environment: dict[str, str] | None = None) -> Run:
    """Run a generator as a person would, by hand."""
    address, port = server.address
    command = [sys.executable, "-c", HEAD + WAYS[way] + f"load.run(request, connect, {call})", address, str(port)]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("WKE_")}
    done = subprocess.run(command, capture_output=True, timeout=limit(60), check=False, env=plain | (environment or {}))
    reports, malformed = read_reports(done.stdout)
    assert not malformed
    assert "Traceback" not in done.stderr.decode(), done.stderr.decode()
    return Run(done.returncode, {name: value for name, (value, _) in reports.items()}, read_time_series(done.stdout), done.stderr.decode())


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("way", WAYS)
def test_every_request_is_sent_and_counted(way: str, processes: int) -> None:
    """An open loop sends each request once, over as many connections as it has clients, whatever it is made of."""
    with serving() as server:
        seen = run(server, way, f"rate=300, arrivals='constant', seconds=0.6, warmup=0.1, clients=6, processes={processes}")
    assert seen.status == 0, seen.stderr
    assert (server.requests, server.connections) == (210, 6)
    assert (seen.metrics["errors"], seen.series["due"].values) == (0, (210,))
    assert "p50" in seen.metrics
    assert "only 180 answers: too few for p99" in seen.stderr


def test_answers_over_tcp_cause_no_page_faults() -> None:
    """The buffer for an answer is memory that the process has: to ask the kernel for it anew took half of the processor time."""
    faults = "resource.getrusage(resource.RUSAGE_SELF).ru_minflt"
    with serving() as server:
        warm = f"count=300, clients=2); import resource; before = {faults}; "
        seen = run(
            server, "bytes", f"{warm}load.run(request, connect, count=2000, clients=2); print('wke: faults=%d' % ({faults} - before)"
        )
    assert seen.metrics["faults"] < 400


@pytest.mark.parametrize("way", WAYS)
def test_failures_are_told_by_kind(way: str) -> None:
    """In a closed loop of a known count, an answer that is refused fails, and its connection stays."""
    with serving(lambda number: b"no\n" if number % 5 == 0 else b"ok\n") as server:
        seen = run(server, way, "count=20, clients=1")
    assert (seen.status, server.requests, server.connections, seen.metrics["errors"]) == (0, 20, 1, 4)
    assert "4 x " in seen.stderr
    assert "not ok" in seen.stderr
    assert "due" not in seen.series


@pytest.mark.parametrize("way", WAYS)
def test_a_request_that_never_returns_is_unfinished(way: str) -> None:
    """It counts as an error, with the time that it was waited for, and the run ends; so do those that no client was free for."""
    with serving(lambda number: b"ok\n" if number < 5 else None) as server:
        seen = run(server, way, "rate=40, arrivals='constant', seconds=0.5, clients=1, timeout=0.4")
    assert seen.status == 0, seen.stderr
    assert server.requests >= 5
    lost = 20 - 4
    assert seen.metrics["errors"] == lost
    assert seen.metrics["unfinished"] >= lost - 2  # the others timed out while the run went on
    assert "no client was free" in seen.stderr
    assert f"the latency of {lost} requests is the time until we gave up" in seen.stderr


def test_a_server_that_is_not_there() -> None:
    """The program ends with a sentence, also if a child process says it."""
    with serving() as server:
        pass
    for way, processes in (("blocking", 1), ("asyncio", 1), ("bytes", 1), ("bytes", 2)):
        seen = run(server, way, f"count=20, clients=2, processes={processes}")
        assert (seen.status, seen.metrics) == (1, {})
        assert "cannot connect" in seen.stderr
        assert "refused" in seen.stderr or "Errno 111" in seen.stderr


def test_a_server_whose_name_nobody_knows() -> None:
    """The program ends with a sentence, too."""
    with serving() as server:
        server.address = ("no-such-host.invalid", 80)
        seen = run(server, "bytes", "count=20")
    assert (seen.status, seen.metrics) == (1, {})
    assert "load: cannot connect to no-such-host.invalid port 80: " in seen.stderr


def test_an_error_in_a_client_ends_the_run() -> None:
    """A thread does not die unseen: the program fails, and prints no figures of the other threads."""
    script = "from wke import load\nload.run(lambda: None, seconds=5, clients=2, think=lambda: 1 / 0)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=limit(60), check=False)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"ZeroDivisionError" in done.stderr


@pytest.mark.parametrize("way", WAYS)
def test_no_latency_is_omitted_while_the_server_stands_still(way: str) -> None:
    """Of a window of 2 s in which the server stands still for 1 s, a share q takes 1 s - (1 - q) 2 s at least, though one client asks."""
    begun: list[float] = []

    def behave(_: int) -> bytes:
        begun.append(time.monotonic())
        while begun[0] + 0.5 < time.monotonic() < begun[0] + 1.5:
            time.sleep(0.005)
        return b"ok\n"

    with serving(behave) as server:
        seen = run(server, way, "rate=400, arrivals='constant', seconds=2, clients=1")
    assert seen.metrics["errors"] == 0
    for name, q in (("p90", 0.9), ("p99", 0.99)):
        told = 1000 * (1 - (1 - q) * 2)
        assert 0.98 * told <= seen.metrics[name] < told + limit(300), name


PYTHONS = sorted(Path.home().glob(".pyenv/versions/3.*/bin/python"), key=lambda path: int(path.parts[-3].split(".")[1]))


@pytest.mark.parametrize("way", WAYS)
def test_it_runs_where_there_is_no_wke(way: str, tmp_path: Path) -> None:
    """In the oldest Python at hand (3.6 is the oldest we promise), with nothing but the file beside the script, in two processes."""
    here = Path(sys.executable).resolve()  # not that of the virtual environment, which has wke
    python = next((path for path in PYTHONS if int(path.parts[-3].split(".")[1]) >= 6), here)
    (tmp_path / "wke.py").write_bytes(Path(load.__file__).read_bytes())
    (tmp_path / "script").write_text(HEAD + WAYS[way] + "load.run(request, connect, rate=300, seconds=0.3, clients=4, processes=2)")
    with serving() as server:
        command = [python, tmp_path / "script", server.address[0], str(server.address[1])]
        done = subprocess.run(command, capture_output=True, timeout=limit(60), check=False, env={"PATH": os.environ["PATH"]})
    assert done.returncode == 0, done.stderr.decode()
    reports, _ = read_reports(done.stdout)
    assert reports["errors"] == (0.0, "")
    assert server.requests > 20


GENERATOR = """#!/usr/bin/env python3
import os, sys
from wke import load
os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
def request():
    sum(range(20000))
print("loaded from", load.__file__)
rate = float(sys.argv[1])
load.run(request, rate=rate, seconds=2.5, clients=4, timeout=0.2)
"""
SERIES = """
[experiment]
configuration = "kv"
[[steps]]
target = "load"
on = "m0"
measure = true
collect = "latency.hlog"
options = { rate = 10000 }
[verdicts]
generator = { windows = 2, suspect-busy = "1%" }  # on a machine with other work it gets less than a core
[metrics]
throughput = { unit = "1/s" }
p99 = { hdr = "latency.hlog", quantile = 0.99, unit = "ms" }
"""


def test_a_generator_that_cannot_keep_up_is_called_saturated(emulated: Project) -> None:
    """Sent to a machine beside a script and held to one core, at more than twice what it can send: the trial is invalid, and says why."""
    emulated.targets({"load": '["rate"]'}, load=GENERATOR)
    emulated.write("experiments/series.toml", SERIES)
    emulated.measure()
    (trial,) = emulated.trials()
    rule = next(judgement for judgement in trial.judgements if judgement.rule == "generator")
    assert rule.level == Level.INVALID, rule
    assert "of a core and sent" in rule.said
    output, *_ = emulated.folder.glob("results/trials/**/m0.out")
    assert output.read_text().startswith("loaded from /")
    assert "/wke.py\n" in output.read_text()
