"""A lock whose holder is killed."""

import subprocess
import sys
from pathlib import Path

from wke.keep.files.lock import WriterLock, holder_of, writer_of

DIES = "import os, sys; from pathlib import Path; from wke.keep.files.lock import WriterLock; lock = WriterLock(Path(sys.argv[1]), 'wke x', 'x'); os._exit(9)"


def test_who_was_killed_is_known_and_holds_nothing(tmp_path: Path) -> None:
    """The words stay, the lock is free, and the next one takes it."""
    path = tmp_path / "a.lock"
    assert subprocess.run([sys.executable, "-c", DIES, str(path)], check=False).returncode == 9
    found = holder_of(path)
    assert found is not None
    assert (found.alive, found.facts["command"], writer_of(path)) == (False, "wke x", None)
    WriterLock(path, "wke y", "y").release()
    assert holder_of(path) is None
