"""Deploy and measure distributed systems, from Python.

New scripts open a cluster (`async with wke.open("cluster.toml") as machines`); `run`, `MeasurementSession` and the others are synchronous.
Every name is imported when it is first used: `import wke` itself costs nothing.
"""

import importlib

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
    "Results",
    "RunResult",
    "RunTargetError",
    "RunningStep",
    "Slice",
    "background_run",
    "check_run",
    "plot_loads",
    "results",
    "run",
    "run_background",
]

TYPE_CHECKING = False  # type checkers take it for true; `typing` itself would cost the keeper's start ten milliseconds
if TYPE_CHECKING:
    from wke.api.background import BackgroundRun
    from wke.api.cluster import Cluster
    from wke.api.configuration import Configuration
    from wke.api.loads import plot_loads
    from wke.api.results import Results, results
    from wke.api.running import background_run, check_run, run
    from wke.api.running import background_run as run_background
    from wke.api.scripterrors import (
        BenchmarkError,
        ClusterError,
        ConfigurationError,
        MeasurementFailedError,
        RemoteExecutionError,
        RunTargetError,
    )
    from wke.api.scripting import Machines, RunningStep, RunResult
    from wke.api.scripting import open_cluster as open  # noqa: A004 - for `wke.open`
    from wke.api.selection import Machine
    from wke.api.slices import MachineSet, Slice
    from wke.measurement import MeasurementResult, MeasurementSession

    __all__ += ["open"]  # for type checkers only: `import *` leaves the builtin alone

_HOMES = {  # module -> the names that are taken from it
    "wke.api.background": ("BackgroundRun",),
    "wke.api.cluster": ("Cluster",),
    "wke.api.configuration": ("Configuration",),
    "wke.api.slices": (
        "MachineSet",
        "Slice",
    ),
    "wke.api.loads": ("plot_loads",),
    "wke.measurement": (
        "MeasurementResult",
        "MeasurementSession",
    ),
    "wke.api.results": (
        "Results",
        "results",
    ),
    "wke.api.running": (
        "background_run",
        "check_run",
        "run",
    ),
    "wke.api.scripterrors": (
        "BenchmarkError",
        "ClusterError",
        "ConfigurationError",
        "MeasurementFailedError",
        "RemoteExecutionError",
        "RunTargetError",
    ),
    "wke.api.scripting": (
        "Machines",
        "RunningStep",
        "RunResult",
    ),
    "wke.api.selection": ("Machine",),
}
__path__.append(f"{__path__[0]}/legacy/modules")  # modules that scripts for wke 0.1 import from
_RENAMED = {"open": ("wke.api.scripting", "open_cluster"), "run_background": ("wke.api.running", "background_run")}


def __getattr__(name: str) -> object:
    module, there = _RENAMED.get(name) or (next((home for home, names in _HOMES.items() if name in names), ""), name)
    if not module:
        raise AttributeError(f"module 'wke' has no attribute {name!r}")
    return getattr(importlib.import_module(module), there)


def __dir__() -> list[str]:
    return [*__all__, "open"]
