"""The keeper of emulated machines as a process: what it imports, and which processes it may end."""

import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from wke.act.emulation.emulation import EmulatedMachine, Emulation
from wke.act.emulation.keeper import disk
from wke.describe.cluster.cluster import LOCAL_NETWORK, ClusterSpec, LinkSpec, MachineSpec


def local_cluster(
    count: int = 2, path: Path | None = None, share: tuple[str, ...] = (), links: Mapping[str, LinkSpec] | None = None
) -> ClusterSpec:
    """Return a cluster of emulated machines m0, m1, ..."""
    machines = tuple(MachineSpec(f"m{n}", n, None, str(LOCAL_NETWORK[n + 2])) for n in range(count))
    return ClusterSpec(path=path, provider="local", machines=machines, share=share, links=links or {})


def test_a_pid_that_became_somebody_elses_is_spared() -> None:
    """A machine is known by when it started too: a stranger with its number is not killed."""
    with subprocess.Popen(["sleep", "1000"]) as stranger:
        machine = EmulatedMachine("m0", "10.181.0.2", stranger.pid, 1, "/home/m0")
        Emulation("namespaces", local_cluster(1), {"m0": machine}).kill("m0")
        assert stranger.poll() is None
        stranger.terminate()
        assert stranger.wait() == -signal.SIGTERM


def test_the_keeper_imports_nothing_that_takes_long() -> None:
    """It has to start in milliseconds: no module of ours outside its folder but one of the agent, none of the slow ones of the standard library."""
    code = "import sys; sys.path.append(sys.argv[1]); import wke.act.emulation.keeper.main; print(*sys.modules)"
    sources = Path(disk.__file__).parents[4]
    loaded = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(sources)], capture_output=True, text=True, check=True
    ).stdout.split()
    assert {m for m in loaded if m.startswith("wke.") and not m.startswith("wke.act.emulation.keeper")} == {
        *("wke.act", "wke.act.emulation", "wke.agent", "wke.agent.cgroups")
    }
    assert not {"typing", "dataclasses", "pathlib", "subprocess", "asyncio", "logging", "shutil", "traceback"} & set(loaded)
