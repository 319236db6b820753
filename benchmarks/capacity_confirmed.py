"""Confirms what a search says of a real redis-server: capacity_confirmed.py [--runs 5] [--write PAGE].

A redis-server on an emulated machine syncs each write, and its disk is limited to 6 MB/s. A search finds the largest rate of writes at
which the 99 % quantile of the latency is within a limit; then one trial 5 % below that rate and one 10 % above it show that it holds
there, and does not here. Processors of a shared computer can change their speed by more than that during a search: therefore the disk.
Needs redis-server (apt-get install redis-server).
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from searches import facts, found, project, told, values, wke

LIMIT_MS = 300
BELOW, ABOVE = 0.95, 1.10
FILES = {
    "cluster.toml": """[cluster]
provider = "local"
[machines]
server = {}
client = {}
[limits]
server = { disk-rate = "6MB/s" }
""",
    "redis/config.toml": """[targets.start-redis]
options = [{ name = "address", default = "@INTERNAL" }]
[targets.load]
options = [{ name = "server", type = "str" }, { name = "rate", default = 1.0 }, { name = "requests", default = 1000 }]
""",
    "redis/targets/start-redis": """#!/bin/sh
rm -rf data && mkdir data
exec redis-server --bind "$1" --port 6379 --protected-mode no --save "" --appendonly yes --appendfsync always --dir "$PWD/data" \\
    --auto-aof-rewrite-percentage 0
""",
    "redis/targets/load": """#!/usr/bin/env python3
import sys
from wke import load

def writes(client):
    while True:
        for key in range(1000, 2000):
            yield b"*3\\r\\n$3\\r\\nSET\\r\\n$4\\r\\n%d\\r\\n$8192\\r\\n%s\\r\\n" % (key, b"x" * 8192)

def whole(answer):
    if answer[:1] == b"-":
        raise load.Failed(answer.decode())
    return answer == b"+OK\\r\\n"

server, rate, requests = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
load.run(load.tcp([(server, 6379)], writes, whole), rate=rate, count=requests, warmup=0.5, clients=1000)
""",
}
EXPERIMENT = """[experiment]
configuration = "redis"
files = ["{name}"]
[parameters]
rate = {rate}
[[steps]]
target = "start-redis"
on = "server"
background = true
ready = {{ port = 6379 }}
[[steps]]
target = "load"
on = "client"
measure = true
timeout = "60s"
options = {{ server = "{{server.internal-addr}}", rate = "{{rate}}", requests = {requests} }}
[metrics]
p99 = {{ unit = "ms", better = "lower" }}
errors = {{ better = "lower" }}
throughput = {{ unit = "1/s", better = "higher" }}
"""
SEARCH = (
    f"""{{ find = "max", while = "p99 < {LIMIT_MS}ms and errors == 0", from = 50, to = 10000, start = 500, completions = "REQUESTS" }}"""
)


def main() -> int:
    """Search, confirm, print, and return 1 if an answer is not confirmed."""
    parser = argparse.ArgumentParser(description="Confirm what a search says of a real redis-server.")
    parser.add_argument("--runs", type=int, default=5, help="searches, each of which is confirmed (default: 5)")
    parser.add_argument("--requests", type=int, default=30_000, help="requests of a trial (default: 30000)")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="also put the table between its markers in this page")
    words = parser.parse_args()
    if shutil.which("redis-server") is None:
        sys.exit("there is no redis-server here (apt-get install redis-server)")
    known = facts()
    with tempfile.TemporaryDirectory(prefix="wke-bench-") as text:
        example = Path(text) / "redis"
        _write(example)
        with project(example) as folder:
            lines, good = _confirm(folder, words.runs, words.requests)
    told(f"capacity_confirmed.py --runs {words.runs} --requests {words.requests}", lines, known, words.write, "capacity-confirmed")
    return 0 if good else 1


def _write(folder: Path) -> None:
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    (folder / "experiments").mkdir()


def _confirm(folder: Path, runs: int, requests: int) -> tuple[list[str], bool]:
    """Return a table of searches and what confirms them, and whether all are confirmed."""
    lines = [
        f"| search | answer, 1/s | interval | p99 {1 - BELOW:.0%} below it | p99 {ABOVE - 1:.0%} above it | |",
        "| --- |" + " ---: |" * 5,
    ]
    good = 0
    for number, line in enumerate(_searches(folder, runs, requests), 1):
        confirmed, cells = line
        good += confirmed
        lines.append(f"| {number} | {' | '.join(cells)} | {'confirmed' if confirmed else '**not confirmed**'} |")
        print(lines[-1], file=sys.stderr, flush=True)
    said = f"The 99 % quantile has to be below {LIMIT_MS} ms. {good} of {runs} answers are confirmed."
    return [*lines, "", said], good == runs


def _searches(folder: Path, runs: int, requests: int) -> Iterator[tuple[bool, list[str]]]:
    """Yield for each search whether it is confirmed, with the answer and the latencies on both sides of it."""
    for number in range(runs):
        _measure(folder, f"search{number}", SEARCH.replace("REQUESTS", str(requests)), requests)
        answer = found(folder, f"search{number}")
        low, high, refused = (answer[name] for name in ("low", "high", "refused"))
        best = answer["estimate"] or answer["held"]
        if best is None:
            yield False, ["–", f"refused: {refused}", "", ""]
            continue
        rates = [round(BELOW * best), round(ABOVE * best)]
        _measure(folder, f"confirm{number}", str(rates), requests)
        p99 = {point["rate"]: observed["p99"] for point, observed in values(folder, f"confirm{number}")}
        below, above = (p99[rate] for rate in rates)
        interval = f"refused: {refused}" if low is None else f"{low:,.0f} to {high:,.0f}"
        yield below < LIMIT_MS <= above, [f"{best:,.0f}", interval, f"{below:.2f} ms", f"{above:.2f} ms"]


def _measure(folder: Path, name: str, rate: str, requests: int) -> None:
    (folder / name).write_text(name)
    (folder / f"experiments/{name}.toml").write_text(EXPERIMENT.format(name=name, rate=rate, requests=requests))
    wke(folder, "measure", f"experiments/{name}.toml", "--no-figures")


if __name__ == "__main__":
    sys.exit(main())
