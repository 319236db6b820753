"""Software that a series is measured with: wke and Python, the project and its sources by git, the files that it lists."""

import hashlib
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from wke.describe.plan.revisions import Revision

Files = Mapping[str, str | None]
"""The SHA-256 of files by their paths, None for folders."""
EVERYTHING = (".",)


def software(files: Files, project: Sequence[str] = EVERYTHING) -> dict[str, object]:
    """Return what is known of the software, as values for JSON. `project` has the pathspecs of the files of the project here."""
    import platform  # noqa: PLC0415 - for who measures only
    from importlib.metadata import version  # noqa: PLC0415 - takes a while to import

    return {
        "wke": version("wke"),
        "python": platform.python_version(),
        "git": _json(revision_of(Path(), project)),
        "files": {path: digest for path, digest in files.items() if digest is not None},
        "sources": {path: _json(revision_of(Path(path))) for path, digest in files.items() if digest is None},
    }


def revision_of(folder: Path, pathspecs: Sequence[str] = EVERYTHING, *, contents: bool = False) -> Revision | None:
    """Return the commit of a folder, with a hash of its uncommitted changes; None if there is no git, repository or commit.

    Files that git does not track count by name and size, and by their `contents` on request: there may be a lot of them.
    """
    commit = _git(folder, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    if commit is None:
        return None
    changes = _git(folder, "diff", "HEAD", "--binary", "--no-color", "--no-ext-diff", "--no-textconv", "--", *pathspecs) or b""
    others = sorted(filter(None, (_git(folder, "ls-files", "--others", "--exclude-standard", "-z", "--", *pathspecs) or b"").split(b"\0")))
    if not changes and not others:
        return Revision(commit.decode())
    content = hashlib.sha256(changes)
    for name in others:
        path = folder / os.fsdecode(name)
        content.update(name + b"\0" + (_digest(path) if contents else str(_size(path)).encode()))
    return Revision(commit.decode(), content.hexdigest())


def _digest(path: Path) -> bytes:
    """Return the hash of a file's content, or of a link's target."""
    if path.is_symlink():
        return os.fsencode(path.readlink())
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0


def _json(revision: Revision | None) -> dict[str, object] | None:
    return None if revision is None else {"commit": revision.commit, "uncommitted": revision.changed or None}


def _git(folder: Path, *arguments: str) -> bytes | None:
    """Return the output of git without the end of the last line; None when git fails. Git takes no lock, because others may work there."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, check=False, env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
        )
    except OSError:
        return None
    return None if done.returncode else done.stdout.rstrip(b"\n")
