"""The store under writers that are killed at every step."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import stored
from support import limit

from wke.keep.inspection import inspect_store
from wke.keep.store import Store

STEPS = ["begin: committed", "begin: folder made", "finish: synced", "finish: committed", "finish: renamed"]


CHILD = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[4])
from stored import FAILED, OK, planned, run
from wke.keep.database import database
from wke.keep.store import Store
database.file_system = lambda _: os.environ.get("FILE_SYSTEM", "ext4")
folder, step, when = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
reached = 0
def die(at):
    global reached
    reached += at == step
    if at == step and reached == when:
        os.kill(os.getpid(), signal.SIGKILL)
store = Store.open(folder, command="wke measure", checkpoint=die)
for position in range(3):
    name = f"t{position}-0"
    if name not in store.attempts.results([name]).keys():
        run(store, planned(name, position), FAILED if os.environ.get("FAIL") == name else OK, ops=float(position))
        print(name, flush=True)
"""


def child(folder: Path, step: str, when: int, **environment: str) -> tuple[int, list[str]]:
    arguments = [sys.executable, "-c", CHILD, str(folder), step, str(when), str(Path(stored.__file__).parent)]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=limit(60), check=False, env={**os.environ, **environment})
    assert not done.stderr
    return done.returncode, done.stdout.split()


@pytest.mark.parametrize("kind", ["ext4", "nfs4"])
@pytest.mark.parametrize("when", [1, 2])
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_every_step_nothing_is_lost_and_nothing_runs_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, when: int, kind: str
) -> None:
    """After SIGKILL at a step's boundary the store is sound, knows what was complete, and the next command does just the rest."""
    folder = tmp_path / "results"
    monkeypatch.setenv("FILE_SYSTEM", kind)
    monkeypatch.setattr("wke.keep.database.database.file_system", lambda _: kind)
    status, told = child(folder, step, when)
    assert status == -signal.SIGKILL
    committed = when if step in {"finish: committed", "finish: renamed"} else when - 1
    with Store.open(folder, readonly=True) as before:  # a reader understands the state even before it is repaired
        assert len(before.attempts.results(["t0-0", "t1-0", "t2-0"]).keys()) == committed
        assert all(t.folder.is_dir() for t in before.attempts.one_per_trial("scale") if t.ok)
    status, again = child(folder, "never", 1)
    assert status == 0
    assert [*told, *again] == [f"t{k}-0" for k in range(3) if f"t{k}-0" in told or k >= committed]
    with Store.open(folder) as store:
        assert inspect_store(folder).findings == []
        trials = store.attempts.one_per_trial("scale")
        assert [(t.id, t.ok, t.observations) for t in trials] == [(f"t{k}-0", True, {"ops": float(k)}) for k in range(3)]
        assert all((t.folder / "log").read_text() == t.id and t.folder.parts[-3] == "trials" for t in trials)
        attempts = [attempt for k in range(3) for attempt in store.attempts.of_trial(f"t{k}-0")]
        interrupted = [t for t in attempts if t.outcome == "interrupted"]
        assert len(attempts) - len(interrupted) == 3
        assert len(interrupted) == (step not in {"finish: committed", "finish: renamed"})
        left = [path.name for path in (folder / "partial").iterdir()]
        assert left == [f"{t.id}.{t.attempt}" for t in interrupted if step != "begin: committed"]


def test_a_failed_attempt_killed_before_its_rename_is_put_in_place(tmp_path: Path) -> None:
    """The repair treats a failed trial's folder as an ok one's, and still runs the trial again."""
    assert child(tmp_path / "results", "finish: committed", 1, FAIL="t0-0")[0] == -signal.SIGKILL
    assert child(tmp_path / "results", "never", 1) == (0, ["t0-0", "t1-0", "t2-0"])
    with Store.open(tmp_path / "results", readonly=True) as store:
        assert [(t.outcome, t.folder.parts[-3:]) for t in store.attempts.of_trial("t0-0")] == [
            ("failed(3)", ("trials", "t0-0", "1")),
            ("ok", ("trials", "t0-0", "2")),
        ]


def test_the_lock_dies_with_its_holder(tmp_path: Path) -> None:
    """A killed writer's lock stops nobody, though its text is still in the file."""
    assert child(tmp_path / "results", "begin: committed", 1)[0] == -signal.SIGKILL
    assert "wke measure" in (tmp_path / "results" / "wke.lock").read_text()
    Store.open(tmp_path / "results").close()
    assert (tmp_path / "results" / "wke.lock").read_text() == ""
