"""Situations in which a measurement is at fault, or its system is overloaded: a small project that brings each of them about.

A server answers requests one after the other, each after a service time; a load generator sends requests to it. `FAULTS` of one trial:

- memory: the server holds nearly all memory that its machine may use.
- step, drift: the clock by which the generator's machine counts time is set by 0.2 s meanwhile, or runs 1 % fast, as that of a virtual
  machine that is paused or badly emulated.
- cold: the server is slow at first, and gets faster all the time.
- stop: the server is stopped for five seconds.
- even: requests and service times are evenly spaced; without it both are exponential.
- spin: the generator burns processor time for each request.

The load is an open loop at a `rate`, or, at rate 0, a closed one of CLIENTS.
"""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

MEMORY = 512
"""What the server's machine may use of memory, in MiB."""
SERVE = f"""#!/usr/bin/env python3
import os, queue, random, signal, socket, subprocess, sys, threading, time
address, faults, capacity, seconds = sys.argv[1], sys.argv[2].split("+"), float(sys.argv[3]), float(sys.argv[4])
held = bytearray(({MEMORY} << 20) - (17 << 20) if "memory" in faults else 0)
held[::4096] = b"x" * len(held[::4096])
draw = (lambda rate: 1 / rate) if "even" in faults else random.expovariate
requests = queue.SimpleQueue()
begun = 0.0
def take(peer):
    global begun
    while data := received(peer):
        at = time.monotonic()
        begun = begun or at
        for _ in data:
            requests.put((peer, at))
def received(peer):
    try:
        return peer.recv(4096)
    except OSError:
        return b""
def accept(server):
    while True:
        threading.Thread(target=take, args=(server.accept()[0],), daemon=True).start()
server = socket.create_server((address, 7000))
threading.Thread(target=accept, args=(server,), daemon=True).start()
print("ready", flush=True)
free = 0.0
while True:
    peer, at = requests.get()
    if "stop" in faults and at > begun + seconds / 3:
        faults.remove("stop")
        subprocess.Popen(["sh", "-c", "sleep 5; kill -CONT $PPID"])
        os.kill(os.getpid(), signal.SIGSTOP)
    late = max(0.0, 1 - (at - begun) / seconds) if "cold" in faults else 0.0
    free = max(free, at) + draw(capacity) * (1 + late)
    if (left := free - time.monotonic()) > 0:
        time.sleep(left)
    try:
        peer.sendall(b".")
    except OSError:
        pass
"""
CLIENTS = 10
LOAD = """#!/usr/bin/env python3
import math, os, random, socket, sys, threading, time
address, faults, rate, seconds = sys.argv[1], sys.argv[2].split("+"), float(sys.argv[3]), float(sys.argv[4])
draw = (lambda rate: 1 / rate) if "even" in faults else random.expovariate
start = time.monotonic()
over = start + seconds
def wait(until):
    if (left := until - time.monotonic()) > 0:
        time.sleep(left)
def burn(long):
    until = time.process_time() + long
    while time.process_time() < until: pass
def change_clock():
    wait(start + seconds / 2)
    step, ppm = (200_000_000, 0) if "step" in faults else (0, 10_000)
    with open(os.path.expanduser("~/clock.new"), "w") as file:
        print(step, ppm, time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW), file=file)
    os.rename(os.path.expanduser("~/clock.new"), os.path.expanduser("~/clock"))
if {"step", "drift"} & set(faults):
    threading.Thread(target=change_clock, daemon=True).start()
due, sent, done, latencies, dues = [], [], [], [], []
def count(peer):
    while len(done) <= 10_000_000:
        data = peer.recv(4096)
        now = time.monotonic()
        for _ in data:
            if len(dues) > len(done): latencies.append(now - dues[len(done)])
            done.append(now)
def closed():
    with socket.create_connection((address, 7000)) as peer:
        while (begun := time.monotonic()) < over:
            peer.sendall(b".")
            peer.recv(1)
            done.append(time.monotonic())
            latencies.append(done[-1] - begun)
if rate:
    peer = socket.create_connection((address, 7000))
    threading.Thread(target=count, args=(peer,), daemon=True).start()
    at = start
    while (at := at + draw(rate)) < over:
        wait(at)
        if "spin" in faults: burn(0.5 / rate)
        dues.append(at)
        sent.append(time.monotonic())
        peer.sendall(b".")
        if sent[-1] > over: break
    wait(over)
    while (at := at + draw(rate)) < over: dues.append(at)
else:
    clients = [threading.Thread(target=closed) for _ in range(int(sys.argv[5]))]
    for each in clients: each.start()
    for each in clients: each.join()
def counted(times):
    counts = [0] * math.ceil(seconds)
    for at in times:
        if 0 <= at - start < len(counts): counts[int(at - start)] += 1
    return counts
series = {"done": counted(done), **({"due": counted(dues), "sent": counted(sent)} if rate else {})}
for window in range(len(series["done"])):
    print("wke: @%d" % (window + 1), *("%s=%d" % (name, counts[window]) for name, counts in series.items()))
within = sum(at < over for at in done)
print("wke: throughput=%f 1/s" % (within / seconds))
print("wke: latency=%f ms" % (1000 * sum(latencies) / len(latencies)))
print("wke: p50=%f ms" % (1000 * sorted(latencies)[len(latencies) // 2]))
"""
CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
int clock_gettime(clockid_t clock, struct timespec *time) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int status = real(clock, time);
    FILE *file = clock == CLOCK_MONOTONIC_RAW ? fopen(getenv("CLOCK_FILE"), "r") : NULL;
    if (file) {
        long long step, ppm, since, now = time->tv_sec * 1000000000LL + time->tv_nsec;
        if (fscanf(file, "%lld %lld %lld", &step, &ppm, &since) == 3) now += step + (now - since) / 1000000 * ppm;
        fclose(file);
        time->tv_sec = now / 1000000000; time->tv_nsec = now % 1000000000;
    }
    return status;
}
"""
"""A library under a program whose clock is set by the file $CLOCK_FILE: the nanoseconds of a step, millionths of a drift, and its start."""
CONFIG = """[targets]
serve = ["address", "faults", { name = "capacity", default = 1.0 }, { name = "seconds", default = 1.0 }]
load = ["address", "faults", { name = "rate", default = 1.0 }, { name = "seconds", default = 1.0 }, { name = "clients", default = 1 }]
"""
SERIES = """[experiment]
configuration = "kv"
iterations = {iterations}
[parameters]
sub-parameters = {names}
{tables}
[[steps]]
target = "serve"
on = "m0"
background = true
ready = {{ log = "ready" }}
options = {{ address = "@INTERNAL", faults = "{{faults}}", capacity = {capacity}, seconds = "{{seconds}}" }}
[[steps]]
target = "load"
on = "m1"
measure = true
options = {{ address = "{{m0.internal-addr}}", faults = "{{faults}}", rate = "{{rate}}", seconds = "{{seconds}}", clients = "{{clients}}" }}
[metrics]
throughput = {{ unit = "1/s", better = "higher" }}
latency = {{ unit = "ms", better = "lower" }}
p50 = {{ unit = "ms", better = "lower" }}
[verdicts]
{verdicts}
"""


def cluster(folder: Path, limits: str = "") -> str:
    """Return the file of a cluster of two emulated machines: a server's, short of memory, and a generator's, whose clock can be changed."""
    return f"""[cluster]
provider = "local"
python = {{ m1 = "{folder / "python"}" }}
[machines]
m0 = {{}}
m1 = {{}}
[limits]
m0 = {{ memory = "{MEMORY}MiB" }}
{limits}
"""


@dataclass(frozen=True)
class Situation:
    """A trial: what is wrong with it, how many requests per second are due (0: a closed loop of CLIENTS), and how long it lasts."""

    faults: str = "none"
    rate: float = 190
    seconds: float = 10


def series(*situations: Situation, iterations: int = 1, capacity: float = 200, verdicts: str = "") -> str:
    """Return the file of an experiment that brings each situation about so many times."""
    names = [f"number{index}" for index in range(len(situations))]
    tables = [
        f'[{name}]\nfaults = "{each.faults}"\nrate = {each.rate}\nclients = {0 if each.rate else CLIENTS}\nseconds = {each.seconds}'
        for name, each in zip(names, situations, strict=True)
    ]
    return SERIES.format(iterations=iterations, names=json.dumps(names), tables="\n".join(tables), capacity=capacity, verdicts=verdicts)


def write_situations(folder: Path, compiler: str, *, limits: str = "") -> None:
    """Write the project into a folder: its cluster, configuration and the Python of a machine whose clock can be changed."""
    (folder / "kv" / "targets").mkdir(parents=True)
    (folder / "experiments").mkdir()
    (folder / "cluster.toml").write_text(cluster(folder, limits))
    (folder / "kv" / "config.toml").write_text(CONFIG)
    for name, script in (("serve", SERVE), ("load", LOAD)):
        (folder / "kv" / "targets" / name).write_text(script)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", folder / "clock.so", "-x", "c", "-", "-ldl"], input=CLOCK, text=True, check=True)
    program = folder / "python"
    program.write_text(f'#!/bin/sh\nexec env LD_PRELOAD="{folder}/clock.so" CLOCK_FILE="$HOME/clock" python3 "$@"\n')
    program.chmod(0o755)
