"""The Python API in a process of its own: modules that scripts import from, and children of a script."""

import os
import subprocess
import sys
import threading
import warnings

from support import limit

from wke.api import engine as module
from wke.api.engine import engine

OLD_MODULES = {
    "benchmark": "benchmark_main",
    "cluster": "Cluster ClusterError",
    "config": "Configuration ConfigurationError Target",
    "errors": "BenchmarkError ClusterError ConfigurationError MeasurementFailedError RemoteExecutionError RunTargetError",
    "logging": "MetaLogger",
    "machines": "MachineInfo",
    "measurement": "MeasurementSession MeasurementResult MeasurementFailedError",
    "plot_loads": "plot_loads",
    "run": "run check_run run_background background_run DEFAULT_PRELUDE",
    "set": "MachineSet",
    "slice": "Slice",
}


IMPORT = """
import asyncio, os, rich.console, sqlite3, sys
for module, names in {modules}.items():
    if not os.fork():
        script = "from wke.%s import %s\\nimport wke, wke.%s as module" % (module, names.replace(" ", ", "), module)
        exec(script)
        assert all(getattr(wke, n) is getattr(module, n) is globals()[n] for n in names.split() if n in wke.__all__), script
        assert callable(wke.run) and callable(wke.plot_loads), script
        sys.exit()
sys.exit(any([os.wait()[1] for _ in {modules}]))
"""


def test_modules_that_scripts_import_are_there() -> None:
    """Names of wke 0.1 in their modules, each the first of ours in its process: they are those of `wke`, and `wke.run` stays a function."""
    subprocess.run([sys.executable, "-c", IMPORT.format(modules=OLD_MODULES)], check=True, timeout=limit(60))


async def answer() -> int:
    """Return a number."""
    return 42


def test_a_forked_child_makes_its_own_engine() -> None:
    """Also if another thread of the parent asks for the engine all the time."""
    parent = engine()
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            with module.lock:
                engine()

    thread = threading.Thread(target=ask)
    thread.start()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns about forks of processes with threads
        children = [os.fork() for _ in range(5)]
        if 0 in children:
            os._exit(0 if engine() is not parent and engine().call(answer()) == 42 else 1)
    over.set()
    thread.join()
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 5
