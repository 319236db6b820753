"""Software that a series is measured with: wke and Python, the project and its sources by git, the files that it lists."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from wke.describe.plan.revisions import Revision
from wke.errors import InputError
from wke.keep.trials.git import ask_git, has_repository

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
        "git": _said_of(Path(), project),
        "files": {path: digest for path, digest in files.items() if digest is not None},
        "sources": {path: _said_of(Path(path)) for path, digest in files.items() if digest is None},
    }


def revision_of(folder: Path, pathspecs: Sequence[str] = EVERYTHING) -> Revision | None:
    """Return the commit of a folder, with a hash of its uncommitted changes; None if there is no git, repository or commit.

    Files that git does not track count by name and size: there may be a lot of them. Raise InputError with git's words when it refuses.
    """
    commit = ask_git(folder, "rev-parse", "--verify", "--quiet", "HEAD^{commit}") if has_repository(folder) else None
    if commit is None:
        return None
    changes = ask_git(folder, "diff", "HEAD", "--binary", "--no-color", "--no-ext-diff", "--no-textconv", "--", *pathspecs) or b""
    others = ask_git(folder, "ls-files", "--others", "--exclude-standard", "-z", "--", *pathspecs) or b""
    if not changes and not others:
        return Revision(commit.decode())
    content = hashlib.sha256(changes)
    for name in sorted(filter(None, others.split(b"\0"))):
        content.update(name + b"\0" + str(_size(folder / os.fsdecode(name))).encode())
    return Revision(commit.decode(), content.hexdigest())


def git_trouble(known: Mapping[str, object]) -> str:
    """Return why software that `software` returned has no commit, in git's words; "" if git did not refuse."""
    sources = known.get("sources")
    for said in (known.get("git"), *(sources.values() if isinstance(sources, Mapping) else ())):
        if isinstance(said, Mapping) and "error" in said:
            return str(said["error"])
    return ""


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0


def _said_of(folder: Path, pathspecs: Sequence[str] = EVERYTHING) -> dict[str, object] | None:
    """Return the revision of a folder for JSON, or the words with which git refused to tell it."""
    try:
        revision = revision_of(folder, pathspecs)
    except InputError as error:
        return {"error": error.problems[0].what}
    return None if revision is None else {"commit": revision.commit, "uncommitted": revision.changed or None}
