"""The public API as a type checker sees it. Nothing here runs: `test_api_typing.py` checks it with mypy --strict."""

from collections.abc import Mapping
from pathlib import Path
from typing import IO, assert_type

import wke
from wke import Cluster, Configuration, MachineSet, MeasurementResult, MeasurementSession, Slice
from wke.benchmark import benchmark_main
from wke.logging import MetaLogger
from wke.records import Record, TaskEnded, TaskName


async def new_script() -> None:
    def sink(record: Record) -> None: ...

    async with wke.open("cluster.toml", sink=sink, base=Path()) as machines:
        assert_type(machines, wke.Machines)
        result = await machines.run("kv", "servers", "install", options={"version": 7}, timeout="5min", capture=True)
        assert_type(result, wke.RunResult)
        assert_type(result.ok, bool)
        assert_type(result.elapsed_s, float)
        assert_type(result.output, Mapping[TaskName, bytes])
        assert_type(result.checked().tasks, tuple[TaskEnded, ...])
        async with machines.background(Configuration("kv"), "servers", "start-server", multiply=2, prelude=None) as server:
            assert_type(server, wke.RunningStep)
            assert_type(await machines.wait_port("servers", 6379, within_s=10), bool)
        await machines.send("data", "all", "data")
        await machines.receive("out", "m0", Path("out"))
        await machines.run("kv", "all", "load", colour="red")  # type: ignore[call-arg]
        await machines.run("kv", "all", "load", multiply="2")  # type: ignore[arg-type]


def notebook() -> None:
    measured = wke.results("scale", folder=Path("results"))
    assert_type(measured, wke.Results)
    assert_type([row.observations["p99"] for row in measured.counted], list[float])
    assert_type(measured.rows[0].outcome, str)
    wke.results(5)  # type: ignore[arg-type]


def old_script() -> int:
    cluster = Cluster()
    config = Configuration("kv", base_path="..")
    whole = cluster.create_slice()
    assert_type(whole.create_subslice(2), Slice)
    assert_type(cluster.get_machines_by_indices([0, 2]), MachineSet)
    assert_type(whole.get_internal_addrs(), list[str])
    assert_type(whole.open_remote("/etc/hostname"), list[IO[str]])
    assert_type(wke.run(cluster, config, "install", {"version": 7}, True, 2), bool)
    assert_type(wke.check_run("servers", "kv", "install", log_dir="logs", timeout=5), bool)
    assert_type(wke.background_run(whole, config, "serve"), wke.BackgroundRun)
    assert_type(wke.run_background(whole, config, "serve").exitcode, int | None)
    wke.run(cluster, config, "install", verbose=1)  # type: ignore[arg-type]
    wke.run(cluster, config)  # type: ignore[call-arg]
    with MeasurementSession(cluster, config, None, False) as session:
        assert_type(session.run_background(whole, "serve", {"port": 1}, timeout=5), wke.BackgroundRun)
        assert_type(session.measure(whole, "load", 100, {"n": 1}, multiply=2), MeasurementResult)
        MetaLogger(session.log_dir).print("done")
    target = config.get_target("load")
    if target is not None:
        assert_type([option.default_value for option in target.arguments], list[bool | int | float | str | None])

    def benchmark(params: dict[str, object], collect_statistics: object, result_printer: object, verbose: bool = False) -> bool:  # noqa: FBT001, FBT002
        return True

    return benchmark_main({"clients": {"default": 1, "about": "How many"}, "mode": "fast"}, benchmark, cooldown_time=1)
