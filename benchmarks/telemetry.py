"""Measures what watching a machine costs it: wke's agent beside node_exporter, atop, pcp and netdata.

    python benchmarks/telemetry.py [--seconds 30] [--write docs/benchmarks.md]

Needs root for pcp. The peers are Debian's packages prometheus-node-exporter, atop, pcp and netdata-core; those that are not installed are
listed as such. Nothing that runs already is used: every tool is started here and ended again. The tools run one after the other, for the
same time; their start is not measured. CPU time is what the kernel's scheduler counts for all of a tool's threads. It is higher on a busy
computer, where a tool finds its memory in no cache of the processor when it wakes up. So the table says how busy the others kept it.
"""

import argparse
import asyncio
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import wrap

from facts import facts
from page import WIDTH, marks, write_between

from wke.act.connection.opening import open_connection
from wke.act.connection.telemetry import SentChunk, SentColumns, WatchOrder
from wke.act.telemetry.recorder import CHUNK_S

SETTLE_S = 5.0
LEAST_S = 20.0  # of a window
START_S = 20.0
PERIOD_S = 0.1
SECTION = "telemetry"
FACTS = ("date", "wke", "processor", "kernel", "system", "Python", "load")
METRICS = """log mandatory on every 100 msec {
 kernel.all.cpu kernel.percpu.cpu kernel.all.load kernel.all.pswitch kernel.all.running kernel.all.blocked
 kernel.all.pressure mem.util mem.vmstat.pgfault mem.vmstat.pgmajfault mem.vmstat.pswpin mem.vmstat.pswpout
 disk.dev network.interface network.tcp network.udp
}
"""
NETDATA = """[global]
 run as user = root
[db]
 mode = ram
 update every = 1
[web]
 bind to = 127.0.0.1:{port}
[directories]
 cache = {folder}
 lib = {folder}
 log = {folder}
[ml]
 enabled = no
"""
PMCD = "/usr/lib/pcp/bin/pmcd"
PMLOGGER = "/usr/lib/pcp/bin/pmlogger"
NAMES = Path("/var/lib/pcp/pmns")  # of its metrics


@dataclass(frozen=True, slots=True)
class Cost:
    """What a tool cost: samples per second, shares of a core in percent for each window, and memory in bytes; or why it is not here.

    `others` is the share of all processors in percent that everything else used meanwhile.
    """

    tool: str
    setting: str
    rate: float = 0.0
    cores: tuple[float, ...] = ()
    others: float = 0.0
    pss: int = 0
    why: str = ""


def tree(roots: Sequence[int]) -> list[int]:
    """Return these processes and all that descend from them."""
    found = list(roots)
    for pid in found:
        for thread in Path(f"/proc/{pid}/task").glob("*/children"):
            found += [int(child) for child in thread.read_text().split()]
    return found


def parent(pid: int) -> int:
    """Return the parent of a process."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def used_ns(pids: Sequence[int]) -> int:
    """Return how long all threads of processes have run."""
    return sum(int(file.read_text().split()[0]) for pid in pids for file in Path(f"/proc/{pid}/task").glob("*/schedstat"))


def busy_ns() -> int:
    """Return how long all processors have been at work."""
    words = [int(word) for word in Path("/proc/stat").read_text().split(None, 9)[1:9]]
    return (sum(words) - words[3] - words[4]) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def memory(pids: Sequence[int]) -> int:
    """Return the memory of processes in bytes, shared pages divided among all that share them (PSS)."""
    lines = [line.split() for pid in pids for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()]
    return 1024 * sum(int(words[1]) for words in lines if words[0] == "Pss:")


@dataclass(frozen=True, slots=True)
class Windows:
    """How a tool is measured: `count` times for `seconds`."""

    count: int
    seconds: float

    def measure(self, cost: Cost, roots: Sequence[int]) -> Cost:
        """Measure a tool that runs as these processes and their descendants."""
        time.sleep(SETTLE_S)
        cores, others = [], 0.0
        for _ in range(self.count):
            pids = tree(roots)
            before, busy_before, began = used_ns(pids), busy_ns(), time.monotonic()
            time.sleep(self.seconds)
            used, busy, passed_ns = used_ns(pids) - before, busy_ns() - busy_before, 1e9 * (time.monotonic() - began)
            cores.append(100 * used / passed_ns)
            others += max(0.0, 100 * (busy - used) / passed_ns / len(os.sched_getaffinity(0)) / self.count)
        return replace(cost, cores=tuple(cores), others=others, pss=memory(tree(roots)))


@contextmanager
def running(*command: str | Path) -> Iterator[int]:
    """Run a program while the block lasts; end it and all that it started."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process.pid
    finally:
        pids = tree([process.pid])
        process.terminate()
        try:
            process.wait(START_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pid in pids[1:]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def await_port(port: int) -> None:
    """Return when something listens on a port; raise TimeoutError."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(f"nothing listens on port {port}")


# -- the tools


def wke(windows: Windows) -> Cost:
    """Return what an agent costs that is asked as `wke measure` asks it; its guardian is part of it."""

    async def whole() -> Cost:
        columns: list[int] = []

        def receive(report: SentColumns | SentChunk) -> None:
            if isinstance(report, SentColumns):
                columns.append(len(report.columns))

        connection = await open_connection("here", [], deadline_s=START_S, lease_s=30.0)
        try:
            await connection.telemetry.watch(WatchOrder(PERIOD_S, 0, ("machine", "task"), chunk_s=CHUNK_S), receive)
            cost = await asyncio.to_thread(windows.measure, Cost("wke", "", 10), [parent(connection.hello.pid)])
        finally:
            await connection.close()
        return replace(cost, setting=f"{columns[-1]} series; agent and guardian")

    return asyncio.run(whole())


def node_exporter(windows: Windows) -> Cost:
    """Return what node_exporter costs as it is installed, scraped at 10 Hz over one connection."""
    program = needed("prometheus-node-exporter")
    port, over = free_port(), threading.Event()
    scraped = []

    def scrape() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        due = time.monotonic()
        while not over.is_set():
            connection.request("GET", "/metrics")
            scraped.append(connection.getresponse().read())
            due += PERIOD_S
            over.wait(max(0, due - time.monotonic()))

    with running(program, f"--web.listen-address=127.0.0.1:{port}") as pid:
        await_port(port)
        scraping = threading.Thread(target=scrape)
        scraping.start()
        try:
            cost = windows.measure(Cost("node_exporter", "", 10), [pid])
        finally:
            over.set()
            scraping.join()
    series = sum(not line.startswith(b"#") for line in scraped[-1].splitlines())
    return replace(cost, setting=f"{series} series; scraped over one connection, the scraper not counted")


def atop(windows: Windows) -> Cost:
    """Return what atop costs that writes its log; it has no period below a second."""
    program = needed("atop")
    with tempfile.TemporaryDirectory() as folder, running(program, "-w", f"{folder}/log", "1") as pid:
        return windows.measure(Cost("atop", "1 s is its shortest period; all processes, too", 1), [pid])


def pcp(windows: Windows) -> Cost:
    """Return what pmcd and a pmlogger cost with the metrics that wke has."""
    collector, logger = needed(PMCD), needed(PMLOGGER)
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        Path(folder, "config").write_text(METRICS)
        Path("/run/pcp").mkdir(exist_ok=True)
        if not (NAMES / "root").exists():  # the package makes it only on a computer that systemd started
            subprocess.run([NAMES / "Rebuild"], cwd=NAMES, check=True, capture_output=True)
        control = Path("/etc/pcp/pmcd/pmcd.conf")
        Path(folder, "pmcd.conf").write_text("".join(line for line in control.open() if line.split()[:1] in (["linux"], ["pmcd"])))
        words = (
            "-f",
            "-U",
            "root",
            "-A",
            "-c",
            f"{folder}/pmcd.conf",
            "-l",
            f"{folder}/log",
            "-p",
            str(port),
            "-i",
            "127.0.0.1",
            "-s",
            f"{folder}/socket",
        )
        pmcd = stack.enter_context(running(collector, *words))
        await_port(port)
        words = ("-c", f"{folder}/config", "-h", f"127.0.0.1:{port}", "-l", f"{folder}/log2", "-U", "root", f"{folder}/archive")
        pmlogger = stack.enter_context(running(logger, *words))
        cost = windows.measure(Cost("pcp", "pmcd, pmdalinux and pmlogger, which writes on this machine", 10), [pmcd, pmlogger])
        size = sum(path.stat().st_size for path in Path(folder).glob("archive*"))
        if size < 10_000:
            raise FileNotFoundError("pmlogger wrote nothing: " + Path(folder, "log2").read_text()[-300:])
        return cost


def netdata(windows: Windows) -> Cost:
    """Return what netdata costs with its plugins as they are installed; it has no period below a second."""
    program = needed("netdata")
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "netdata.conf").write_text(NETDATA.format(port=port, folder=folder))
        with running(program, "-D", "-c", f"{folder}/netdata.conf") as pid:
            await_port(port)
            return windows.measure(Cost("netdata", "1 s is its shortest period; all plugins, without machine learning", 1), [pid])


TOOLS = {"wke": wke, "node_exporter": node_exporter, "atop": atop, "pcp": pcp, "netdata": netdata}


def needed(program: str) -> str:
    """Return where a program is; raise FileNotFoundError."""
    found = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if found is None:
        raise FileNotFoundError("not installed")
    return found


def text_of(costs: Sequence[Cost], windows: Windows) -> str:
    """Return the table as Markdown."""
    known = ", ".join(f"{name}: {value}" for name, value in facts().items() if name in FACTS)
    lines = [
        *wrap(f"Taken by `python benchmarks/telemetry.py --seconds {windows.seconds:g}` ({known})", WIDTH),
        "",
        "### Watching one machine",
        "",
        *wrap(
            f"Each tool reads the same kernel for {windows.count} windows of {windows.seconds:g} s, which begin {SETTLE_S:g} s after its "
            "start. CPU time is that of all its threads as the scheduler counts it, in percent of one core: the median, the least and the "
            "most of the windows. Memory is PSS. The last figure is how busy everything else kept the processors.",
            WIDTH,
        ),
        "",
        "|  | samples/s | % of a core | min–max | ms per sample | memory, MB | others, % |  |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    for cost in sorted(costs, key=lambda cost: (bool(cost.why), sorted(cost.cores)[len(cost.cores) // 2] if cost.cores else 0)):
        name = f"**{cost.tool}**" if cost.tool == "wke" else cost.tool
        if cost.why:
            lines.append(f"| {name} | | | | | | | not here: {cost.why} |")
            continue
        ordered = sorted(cost.cores)
        middle = ordered[len(ordered) // 2]
        figures = (
            f"{middle:.2f} | {ordered[0]:.2f}–{ordered[-1]:.2f} | {10 * middle / cost.rate:.2f} | {cost.pss / 1e6:.1f} | {cost.others:.0f}"
        )
        lines.append(f"| {name} | {cost.rate:g} | {figures} | {cost.setting} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure the tools, one after the other."""
    parser = argparse.ArgumentParser(description="Measure what watching a machine costs it.")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long a window is")
    parser.add_argument("--windows", type=int, default=3, help="how many windows")
    parser.add_argument("--only", action="append", choices=TOOLS)
    parser.add_argument("--write", type=Path, metavar="PAGE", help="also put the figures between their markers in this page")
    words = parser.parse_args()
    if words.seconds < LEAST_S:
        parser.error(f"a window has at least {LEAST_S:g} s")
    windows = Windows(words.windows, words.seconds)
    costs = []
    for name in words.only or TOOLS:
        print(name, file=sys.stderr)
        try:
            costs.append(TOOLS[name](windows))
        except (FileNotFoundError, TimeoutError) as error:
            costs.append(Cost(name, "", why=str(error)))
    text = text_of(costs, windows)
    print(text)
    if words.write:
        write_between(words.write, text, *(mark.replace("run.py", "telemetry.py") for mark in marks(SECTION)))


if __name__ == "__main__":
    main()
