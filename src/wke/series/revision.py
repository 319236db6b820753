"""Revisions of the project in git: that of the working tree, and the files of another one. The repository is not changed."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wke.describe.plan.revisions import Revision
from wke.errors import InputError
from wke.keep.trials.software import revision_of
from wke.series.folders import PROJECT


def commit_of(reference: str) -> str | None:
    """Return the commit that a branch, tag or hash names here, None if it names none."""
    return _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{reference}^{{commit}}", may_fail=True) or None


def head() -> Revision:
    """Return the revision of the working tree: HEAD, with a hash of the uncommitted changes in this folder."""
    found = revision_of(Path(), PROJECT, contents=True)
    if found is None:
        raise InputError("this folder has no commit yet", hint="commit the project; --baseline compares with a commit")
    return found


@contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """Yield a temporary folder with the files of this folder as they are in a commit."""
    prefix = _git("rev-parse", "--show-prefix")
    with tempfile.TemporaryDirectory(prefix="wke-revision-") as folder:
        index, top = f"{folder}/index", _git("rev-parse", "--show-toplevel")
        if not _git("rev-parse", "--verify", "--quiet", f"{commit}:{prefix}", may_fail=True):
            raise InputError(f"commit {commit[:12]} has no folder {prefix}", hint="compare with a commit that has the project")
        _git("-C", top, "read-tree", f"{commit}:{prefix}", index=index)
        _git("-C", top, "checkout-index", "--all", "--force", f"--prefix={folder}/files/", index=index)
        (Path(folder) / "files").mkdir(exist_ok=True)
        yield Path(folder) / "files"


def _git(*arguments: str, may_fail: bool = False, index: str | None = None) -> str:
    """Return the output of git without its last line break; "" if it fails and may. With `index`, git uses that index file."""
    environment = os.environ if index is None else {**os.environ, "GIT_INDEX_FILE": index}
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, check=False, env=environment)
    except FileNotFoundError:
        if may_fail:
            return ""
        raise InputError("git is not installed", hint="--baseline with a commit needs it") from None
    if done.returncode and not may_fail:
        words = done.stderr.decode("utf-8", "replace").strip()
        raise InputError(f"git {arguments[0]} failed: {words}", hint="work in a git repository that has the commit to compare with")
    return "" if done.returncode else done.stdout.decode("utf-8", "surrogateescape").rstrip("\n")
