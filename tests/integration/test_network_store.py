"""A store on a file system that is shared over a network: it is known, said once, and does without what needs shared memory."""

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from stored import begin, planned, result, run
from support import limit

from wke.keep.files.disk import file_system, is_network
from wke.keep.inspection import inspect_store
from wke.keep.store import Store

MOUNTS = textwrap.dedent(r"""
    26 25 0:39 / /srv/shared rw,relatime - nfs4 server:/srv rw
    27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
    40 27 0:40 / /home rw,relatime shared:1 - nfs4 server:/home rw
    41 40 0:41 / /home/ann/scratch rw - xfs /dev/vdb rw
    42 27 0:42 / /mnt/lab\040disk rw - cifs //lab/disk rw
    43 27 0:43 / /data rw - nfs old:/data rw
    44 27 0:44 / /data rw - ext4 /dev/vdc rw
""").strip()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/srv/results", "ext4"),
        ("/srv/shared/results", "nfs4"),  # though the mount above it is listed later
        ("/home/ann/results", "nfs4"),
        ("/home/ann/scratch/results", "xfs"),
        ("/homework/results", "ext4"),
        ("/mnt/lab disk/results", "cifs"),
        ("/data/results", "ext4"),  # a later mount hides the earlier
    ],
)
def test_a_file_system_is_known_by_the_longest_mount(path: str, kind: str) -> None:
    """The nearest mount above a path decides; names with blanks are unescaped."""
    assert file_system(Path(path), MOUNTS) == kind


def test_network_file_systems_are_known_by_their_kind() -> None:
    """Those of the kernel and those of FUSE; an unknown one is taken for a disk of our own."""
    assert [kind for kind in ("nfs", "nfs4", "cifs", "9p", "lustre", "fuse.sshfs") if not is_network(kind)] == []
    assert [kind for kind in ("ext4", "xfs", "btrfs", "tmpfs", "overlay", "fuse.fuse-overlayfs", "") if is_network(kind)] == []


@pytest.fixture
def on_nfs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let wke take every file system for NFS."""
    monkeypatch.setattr("wke.keep.database.database.file_system", lambda _: "nfs4")


@pytest.mark.usefixtures("on_nfs")
def test_on_a_network_file_system_the_store_has_no_shared_memory(tmp_path: Path) -> None:
    """There SQLite keeps a rollback journal; that is said when the store is made, not again; who reads meanwhile sees what is committed."""
    with Store.open(tmp_path) as store:
        assert store.note.startswith(f"{tmp_path} is on a file system shared over a network (nfs4)")
        run(store, planned("aa-0"))
        with Store.open(tmp_path, readonly=True) as reader:
            running = begin(store, planned("bb-0", 1))
            assert reader.attempts.results(["aa-0", "bb-0"]).keys() == {"aa-0"}
            store.writer.finish_attempt(running, result())
            assert reader.attempts.results(["aa-0", "bb-0"]).keys() == {"aa-0", "bb-0"}
        assert not (tmp_path / "wke.sqlite-wal").exists()
    with Store.open(tmp_path) as store:
        assert store.note == ""


def test_a_store_that_moves_changes_its_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a disk of our own to a network file system, where that is said once, and back, where there is nothing to say."""
    notes = []
    for kind in ("ext4", "nfs4", "nfs4", "ext4"):
        monkeypatch.setattr("wke.keep.database.database.file_system", lambda _, kind=kind: kind)
        with Store.open(tmp_path) as store:
            notes.append(bool(store.note))
            run(store, planned("aa-0"))
            assert (tmp_path / "wke.sqlite-wal").exists() is (kind == "ext4")
    assert notes == [False, True, False, False]


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from stored import planned, run
from wke.keep.database import database
from wke.keep.store import Store
database.file_system = lambda _: "nfs4"
store = Store.open(Path(sys.argv[1]))
run(store, planned("aa-0"))
store._database._connection.execute("PRAGMA cache_size = 2")  # so that pages are written before the commit
with store._database.transaction() as sql:
    sql.executemany("INSERT INTO scripts VALUES (?, ?)", [(str(k), bytes(3000)) for k in range(500)])
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.usefixtures("on_nfs")
def test_killed_in_a_transaction_on_a_network_file_system(tmp_path: Path) -> None:
    """What was half written into the file is taken back by the next who comes, a reader too; what was committed stays."""
    arguments = [sys.executable, "-c", KILLED, str(tmp_path), str(Path(__file__).parent.parent)]
    assert subprocess.run(arguments, timeout=limit(60), check=False).returncode == -signal.SIGKILL
    assert (tmp_path / "wke.sqlite-journal").stat().st_size > 0
    with Store.open(tmp_path, readonly=True) as reader:
        assert (reader.attempts.results(["aa-0"]).keys(), reader.inputs.script("1")) == ({"aa-0"}, None)
    assert inspect_store(tmp_path).findings == []
