"""Deploy and measure distributed systems, from Python.

New scripts open a cluster (`async with wke.open("cluster.toml") as machines`); `run`, `MeasurementSession` and the others are synchronous.
Every name is imported when it is first used: `import wke` itself costs nothing.
"""

import importlib

TYPE_CHECKING = False  # type checkers take it for true; `typing` itself would cost the keeper's start ten milliseconds
if TYPE_CHECKING:
    from wke.background import BackgroundRun
    from wke.cluster import Cluster
    from wke.configuration import Configuration
    from wke.legacy.slices import MachineSet, Slice
    from wke.loads import plot_loads
    from wke.measurement import MeasurementResult, MeasurementSession
    from wke.running import background_run, check_run, run
    from wke.running import background_run as run_background
    from wke.scripterrors import (
        BenchmarkError,
        ClusterError,
        ConfigurationError,
        MeasurementFailedError,
        RemoteExecutionError,
        RunTargetError,
    )
    from wke.scripting import Machines, RunningStep, RunResult
    from wke.scripting import open_cluster as open  # noqa: A004 - to be written `wke.open`
    from wke.selection import Machine

_HOMES = {  # module -> the names that are taken from it
    "wke.background": ("BackgroundRun",),
    "wke.cluster": ("Cluster",),
    "wke.configuration": ("Configuration",),
    "wke.legacy.slices": (
        "MachineSet",
        "Slice",
    ),
    "wke.loads": ("plot_loads",),
    "wke.measurement": (
        "MeasurementResult",
        "MeasurementSession",
    ),
    "wke.running": (
        "background_run",
        "check_run",
        "run",
    ),
    "wke.scripterrors": (
        "BenchmarkError",
        "ClusterError",
        "ConfigurationError",
        "MeasurementFailedError",
        "RemoteExecutionError",
        "RunTargetError",
    ),
    "wke.scripting": (
        "Machines",
        "RunningStep",
        "RunResult",
    ),
    "wke.selection": ("Machine",),
}
_RENAMED = {"open": ("wke.scripting", "open_cluster"), "run_background": ("wke.running", "background_run")}

__all__ = [
    "BackgroundRun",
    "BenchmarkError",
    "Cluster",
    "ClusterError",
    "Configuration",
    "ConfigurationError",
    "Machine",
    "MachineSet",
    "Machines",
    "MeasurementFailedError",
    "MeasurementResult",
    "MeasurementSession",
    "RemoteExecutionError",
    "RunResult",
    "RunTargetError",
    "RunningStep",
    "Slice",
    "background_run",
    "check_run",
    "open",
    "plot_loads",
    "run",
    "run_background",
]


def __getattr__(name: str) -> object:
    module, there = _RENAMED.get(name) or (next((home for home, names in _HOMES.items() if name in names), ""), name)
    if not module:
        raise AttributeError(f"module 'wke' has no attribute {name!r}")
    return getattr(importlib.import_module(module), there)


def __dir__() -> list[str]:
    return __all__
