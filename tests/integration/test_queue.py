"""examples/queue: a real server that is a queue of known latencies, alone, and under wke.load on emulated machines."""

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from projects import Project
from support import crowding, free_port

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "queue"
sys.path.append(str(ROOT / "benchmarks"))

from queues import Queue  # noqa: E402


def test_workers_share_the_queue_and_lines_come_back() -> None:
    """Lines of several connections, many at once and one in two pieces, are all answered; it takes the workers as long as their services."""
    port, lines, workers, service_s = free_port(), 400, 4, 0.002
    server = [sys.executable, EXAMPLE / "queue/targets/serve", "127.0.0.1", str(port), str(workers), str(1000 * service_s)]
    with subprocess.Popen(server, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        begun = time.monotonic()
        peers = [socket.create_connection(("127.0.0.1", port)) for _ in range(2)]
        for number, peer in enumerate(peers):
            peer.sendall(b"".join(b"%d-%d\n" % (number, each) for each in range(lines)) + b"la")
        peers[0].sendall(b"st\n")
        for number, (peer, wanted) in enumerate(zip(peers, (lines + 1, lines), strict=True)):
            with peer, peer.makefile("rb") as answers:
                seen = {answers.readline() for _ in range(wanted)}
                assert seen == {b"%d-%d\n" % (number, each) for each in range(lines)} | ({b"last\n"} if number == 0 else set())
        took_s = time.monotonic() - begun
        process.kill()
    assert took_s > 0.7 * 2 * lines * service_s / workers  # the least of 1,600 exponential times; more is the computer's affair


@pytest.mark.netns
def test_latencies_are_those_of_theory(emulated: Project) -> None:
    """The mean of a trial is that of Erlang's formula at half of the capacity; beside other work it may only be longer."""
    for path in (EXAMPLE / "queue").rglob("*"):
        if path.is_file():
            emulated.write(str(path.relative_to(EXAMPLE)), path.read_bytes()).chmod(0o755)
    text = (EXAMPLE / "experiments/latency.toml").read_text()
    for before, after in {
        '"server"': '"m0"',
        '"client"': '"m1"',
        "{server.": "{m0.",
        "[800, 1120, 1280]": "800",
        "40000": "2500",
    }.items():
        assert before in text
        text = text.replace(before, after)
    emulated.write("experiments/series.toml", text.replace("iterations = 3", ""))
    done = emulated.measure()
    assert done.status == 0, done.stderr
    (trial,) = emulated.trials()
    theory_ms = 1000 * Queue(32, 0.020).mean_s(800)
    assert 0.9 * theory_ms < trial.observations["mean"] < 1.2 * theory_ms * crowding()
    assert trial.observations["p99"] > 3 * theory_ms
