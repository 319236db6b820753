"""Asks git about a folder. The answer is about that folder's own repository, whatever the caller's environment says.

A hook of git runs with variables such as GIT_DIR that point to another repository, index or working tree. Git's words for a refusal (a
repository of another owner, a damaged one) are in the error: without them, it would look as if there were no commit.
"""

import os
import shutil
import subprocess
from pathlib import Path

from wke.errors import InputError

ELSEWHERE = frozenset(
    f"GIT_{name}"
    for name in (
        *("DIR", "WORK_TREE", "IMPLICIT_WORK_TREE", "COMMON_DIR", "INDEX_FILE", "PREFIX", "NAMESPACE", "GRAFT_FILE", "SHALLOW_FILE"),
        *("OBJECT_DIRECTORY", "ALTERNATE_OBJECT_DIRECTORIES", "NO_REPLACE_OBJECTS", "REPLACE_REF_BASE", "INTERNAL_SUPER_PREFIX"),
        *("LITERAL_PATHSPECS", "GLOB_PATHSPECS", "NOGLOB_PATHSPECS", "ICASE_PATHSPECS"),
    )
)
"""Git's variables that name another place, or read the names that we give in another way."""


def ask_git(folder: Path, *arguments: str, given: bytes = b"", **more: str) -> bytes | None:
    """Return what git says of a folder, without the end of the last line; None when it fails without a word, as with --quiet.

    `given` is its input, `more` are further variables. Raise InputError with git's words when it refuses. Git takes no lock, because others
    may work there.
    """
    command = ["git", "-C", str(folder), *arguments]
    environment = {name: value for name, value in os.environ.items() if name not in ELSEWHERE} | {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(command, capture_output=True, check=False, input=given, env=environment | more)
    except OSError as error:
        raise InputError(f"git cannot be started: {error.strerror}", hint="install git") from error
    words = done.stderr.decode("utf-8", "replace").strip()
    if done.returncode and words:
        raise InputError(f"git {arguments[0]} failed: {words}")
    return None if done.returncode else done.stdout.rstrip(b"\n")


def has_repository(folder: Path) -> bool:
    """Return whether git is installed and the folder is in a repository of it, which git may refuse to read."""
    place = folder.resolve()
    return place.is_dir() and any((each / ".git").exists() for each in (place, *place.parents)) and shutil.which("git") is not None
