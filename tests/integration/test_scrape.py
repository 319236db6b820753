"""Scrapes: what an agent gets from a port, however the program there behaves, and what of it is stored with a trial."""

import contextlib
import socket
import threading
import zlib
from collections.abc import Callable, Iterator

import pytest
from projects import Project
from support import free_port, limit

from wke.act.telemetry.httpanswer import body
from wke.agent import scrape
from wke.agent.loop import Loop
from wke.agent.scrape import PortScrape
from wke.keep.telemetry.file import SCRAPES
from wke.keep.telemetry.reader import read_telemetry

BODY = b"".join(b'etcd_disk_x{n="%d"} %d\n' % (n, n) for n in range(3000))
LENGTH = b"HTTP/1.1 200 OK\r\nContent-length:%d\r\n\r\n" % len(BODY) + BODY
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (BODY[:16], len(BODY) - 16, BODY[16:])


@contextlib.contextmanager
def program(answer: Callable[[socket.socket], None], address: str = "127.0.0.1") -> Iterator[int]:
    """Yield the port of a program that takes one connection and hears the request before it gives its answer."""
    with socket.create_server((address, 0), family=socket.AF_INET6 if ":" in address else socket.AF_INET) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError), listener.accept()[0] as connection:
                assert connection.recv(4096).startswith(b"GET /metrics HTTP/1.1\r\nHost: ")
                answer(connection)
                connection.recv(1)  # until the other end closes

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        thread.join(timeout=limit(20))


def scraped(port: int, within_s: float = 20.0, address: str = "127.0.0.1") -> tuple[bytes, str]:
    """Return what a scrape hands on: the answer and why there is none."""
    loop, answers = Loop(), []
    PortScrape(loop, (address, port), "/metrics", within_s, lambda *answer: answers.append(answer))
    while not answers:
        loop.turn(0.1)
    assert not loop._watched
    return zlib.decompress(answers[0][0]) if answers[0][0] else b"", answers[0][1]


def piecemeal(connection: socket.socket) -> None:
    """Send an answer in pieces that cut its head and its last chunk."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for part in (CHUNKED[:20], CHUNKED[20:30], CHUNKED[30:-3], CHUNKED[-3:]):
        connection.sendall(part)


def closing(connection: socket.socket) -> None:
    """Let the end of the connection be the end of the answer."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + BODY)
    connection.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize(
    "answer", [lambda connection: connection.sendall(LENGTH), piecemeal, closing], ids=["length", "chunked", "closing"]
)
def test_an_answer_is_whole(answer: Callable[[socket.socket], None]) -> None:
    """The end of an answer is seen by its length, its last chunk or the end of the connection, also if the program keeps that open."""
    with program(answer) as port:
        found, why = scraped(port)
    assert (body(found), why) == (BODY.decode(), "")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (lambda connection: connection.shutdown(socket.SHUT_RDWR), "it closed the connection without an answer"),
        (lambda _: None, "no answer in time"),
        (lambda connection: connection.sendall(LENGTH[:-1]), "the answer was not complete in time"),
        (lambda connection: connection.sendall(b"x" * (scrape.LONGEST_HEAD + 1)), "the answer is not HTTP"),
        (
            lambda connection: connection.sendall(LENGTH[:15] + b"\r\n\r\n" + bytes(scrape.LARGEST_SCRAPE)),
            "the answer is larger than 8388608 bytes",
        ),
    ],
    ids=["closed", "silent", "cut", "not HTTP", "too large"],
)
def test_what_is_no_answer_is_told(answer: Callable[[socket.socket], None], why: str) -> None:
    """A program that does not answer, or not as it should, costs a bounded time and size, and the reason is handed on."""
    with program(answer) as port:
        assert scraped(port, limit(0.3) if "time" in why else 20.0) == (b"", why)
    assert scraped(free_port()) == (b"", "Connection refused")


def test_a_program_on_loopback_is_found() -> None:
    """A program that listens on loopback only is asked there, and one of several machines that share it is not."""
    with program(lambda connection: connection.sendall(LENGTH), "::1") as port:
        assert scraped(port, address="127.0.0.1")[1] == ""
        assert scraped(port, address="127.0.0.9")[1] == "Connection refused"


SERVE = """#!/usr/bin/env python3
import http.server, os, socketserver
class Handler(http.server.BaseHTTPRequestHandler):
    count = 0
    def do_GET(self):
        Handler.count += self.path == "/metrics?all"
        text = "# TYPE served_total counter\\nserved_total{by=\\"me\\"} %d\\nother_total 3\\n" % Handler.count
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text.encode())
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer((os.environ["WKE_INTERNAL_ADDR"], 8080), Handler).serve_forever()
"""
WAIT = """#!/usr/bin/env python3
import sys, time, urllib.request
ask = lambda: urllib.request.build_opener(urllib.request.ProxyHandler({})).open("http://%s:8080/" % sys.argv[1]).read()
count = lambda: int(ask().split(b"} ")[1].split()[0])
last = count() + int(sys.argv[2])
while count() < last:
    time.sleep(0.01)
print("wke: @0.5 seen=3.5 ms")
print("wke: done=1")
"""
SERIES = """
[experiment]
configuration = "kv"
[[steps]]
target = "serve"
on = "m0"
background = true
ready = { port = 8080 }
[[steps]]
target = "wait"
on = "m1"
options = { server = "{m0.internal-addr}", count = 2 }
[[steps]]
target = "load"
on = "m1"
measure = true
options = { server = "{m0.internal-addr}", count = 14 }
[[steps]]
target = "wait"
on = "m1"
options = { server = "{m0.internal-addr}", count = 2 }
[[scrape]]
port = 8080
path = "/metrics?all"
every = "0.1s"
keep = "served_*"
[metrics]
done = { better = "higher" }
served = { scrape = "served_total", on = "m0", statistic = "total" }
"""


@pytest.mark.netns
def test_what_programs_expose_is_kept_with_the_trial(new_project: Callable[[str], Project]) -> None:
    """The wanted series of a server outlive it, in the trial's folder; a machine without a program there is told; nothing depends on it.

    Metrics are read from it, and from telemetry, when the trial ends and again from the store.
    """
    project = new_project('[cluster]\nprovider = "local"\n[machines]\nm0 = {}\nm1 = {}\n')
    project.targets({"load": '["server", "count"]', "wait": '["server", "count"]'}, serve=SERVE, load=WAIT, wait=WAIT)
    project.write("experiments/series.toml", SERIES)
    done = project.measure()
    assert done.status == 0, done.err
    assert "m1: port 8080 was not scraped: Connection refused" in done.err
    (trial,) = project.trials()
    stored = read_telemetry(trial.folder, SCRAPES)
    assert stored.machines == ("m0",)
    (column,) = stored.columns("m0")
    assert (column.scope, column.name, column.kind) == ("scrape.8080", 'served_total{by="me"}', "counter")
    values = stored.series("m0", column).values.tolist()
    assert values[:4] == [1, 2, 3, 4]
    assert 13 <= trial.observations["served"] < values[-1]
    exported = project.wke("export", trial.id, "--only", "seen").out.splitlines()
    assert [line.partition(",")[2] for line in exported[1:]] == [
        f"m1,script,{step},{of},0,seen,gauge,ms,3.5" for step, of in ((1, "wait"), (2, "load"), (3, "wait"))
    ]
    project.edit("experiments/series.toml", "port = 8080\npath", "port = 80\npath")
    assert project.due() == []
    received = 'received = { telemetry = "net.*.received", on = "m0", statistic = "total", unit = "kB" }'
    rate = 'rate = { telemetry = "net.*.received", on = "m0" }'
    rss = 'rss = { telemetry = "memory", step = "serve", unit = "MB" }'
    cpu = 'cpu = { telemetry = "cpu", on = "all", join = "sum", unit = "%" }\nper = { value = "cpu / rate" }'
    project.edit("experiments/series.toml", "[metrics]", f"[metrics]\n{received}\n{rate}\n{rss}\n{cpu}")
    done = project.wke("reanalyse", "experiments/series.toml")
    assert done.status == 0, done.err
    (again,) = project.trials()
    assert again.observations["served"] == trial.observations["served"]
    assert again.observations["received"] > 0.1
    assert 5 < again.observations["rss"] < 100
    assert 0 < again.observations["cpu"] < 1000
    assert [again.units[name] for name in ("received", "rate", "per")] == ["kB", "B/s", "1/(B/s)"]
    project.edit("experiments/series.toml", '"net.*.received", on = "m0" }', '"net.*.recieved", on = "m0" }')
    done = project.wke("reanalyse", "experiments/series.toml")
    assert 'm0 has no series "net.*.recieved"; did you mean "net.' in done.out
