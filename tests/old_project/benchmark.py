#!/usr/bin/env python3
"""Throughput of the counting server."""

import os

from wke import *
from wke.benchmark import benchmark_main
from wke.cluster import Cluster
from wke.config import Configuration
from wke.errors import RunTargetError
from wke.logging import MetaLogger
from wke.run import DEFAULT_PRELUDE, check_run
from wke.slice import Slice

PARAMETERS = {
    "num-clients": {"default": 1, "about": "Machines that run clients"},
    "copies": {"default": 1, "about": "Clients on each machine"},
    "value-size": {"default": 64, "about": "Bytes"},
    "mode": {"default": "plain", "about": "What the server calls itself"},
    "factor": {"default": 1.0, "about": "The load, a factor of 20 operations"},
    "port": 7611,
    "seed": {"default": None, "about": "Any value"},
}


def run_benchmark(params, collect_statistics, result_printer, verbose=False):
    cluster = Cluster()
    config = Configuration("kvs")
    session = MeasurementSession(cluster, config, collect_statistics, verbose)
    meta = MetaLogger(session.log_dir)

    machines = cluster.create_slice()
    servers = machines.create_subslice(1)
    clients = machines.create_subslice(params["num-clients"])
    assert isinstance(clients, Slice)
    address = servers.get_internal_addrs()[0]
    meta.print(f"server {servers.machine_names} clients {clients.machine_names}")

    try:
        check_run(servers, config, "prepare", options={"value-size": "0.5"}, quiet_fail=True)
        return False
    except RunTargetError as error:
        meta.print(f"{error.target} failed on {len(error.machine_errors)} machine")
    assert not run(servers, config, "prepare", prelude="None", quiet_fail=True)  # it needs the default one
    try:
        servers.copy_files_from("no-such-file", session.log_dir)
    except RemoteExecutionError as error:
        meta.print(f"copied nothing: {error.machine}, {error.command}, {error.message}")
    if not session.run(machines, "prepare", {"value-size": params["value-size"]}, DEFAULT_PRELUDE, 60):
        return False
    folder = cluster.workdir
    (value,) = servers.open_remote(f"{folder}/value.bin", True)
    servers.copy_files_from(f"{folder}/value.bin", f"{session.log_dir}/value.bin", username=cluster.username)
    params["value-bytes"] = len(value.read())
    session.run_background(servers, "start-server", options={"port": params["port"], "mode": params["mode"]})
    operations = int(20 * params["factor"])
    result = session.measure(
        clients,
        "run-client",
        operations * params["copies"] * clients.num_machines,
        options={"address": address, "port": params["port"], "num-operations": operations},
        multiply=params["copies"],
    )
    session.stop_background_tasks()
    result.print_summary()

    with open(os.path.join(session.log_dir, f"{servers.machine_names[0]}.log")) as log:
        if f"serving {params['mode']}" not in log.read():
            return False
    metrics = {"throughput": result.throughput, "elapsed": result.elapsed_time, "mode-said": params["mode"], "nothing": None}
    result_printer.print(session.uid, params, metrics)
    return True


if __name__ == "__main__":
    benchmark_main(PARAMETERS, run_benchmark, cooldown_time=0)
