"""Revisions of the project in git: that of the working tree, and the files of another one. The repository is not changed."""

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from wke.describe.configuration.copies import HERE, OF_NO_REVISION
from wke.describe.plan.revisions import Revision
from wke.errors import InputError, Problem
from wke.keep.trials.git import ask_git, has_repository
from wke.keep.trials.software import revision_of
from wke.series.folders import PROJECT
from wke.values import dataclass

SUBMODULE = b"160000 "


def commit_of(reference: str) -> str | None:
    """Return the commit that a branch, tag or hash names here, None if it names none; raise InputError when git refuses to tell."""
    if not has_repository(HERE):
        return None
    found = ask_git(HERE, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{reference}^{{commit}}")
    return None if found is None else found.decode()


def head() -> Revision:
    """Return the revision of the working tree: HEAD, with a hash of the uncommitted changes in this folder."""
    found = revision_of(HERE, PROJECT)
    if found is None:
        raise InputError("this folder has no commit yet", hint="commit the project; --baseline compares with a commit")
    return found


@dataclass(frozen=True, slots=True)
class Checkout:
    """The files of a commit in a temporary folder: `top` is that of the repository, `project` that of this folder in it."""

    commit: str
    top: Path
    project: Path

    @property
    def label(self) -> str:
        """How messages name a place in it."""
        return self.commit[:12]

    def told(self, error: InputError) -> InputError:
        """Return an error in which the temporary folder has the name of the commit."""

        def named(text: str) -> str:
            return text.replace(f"{self.project}/", f"{self.label}:").replace(str(self.project), self.label)

        return InputError(
            *(
                Problem(
                    named(one.what),
                    one.where and type(one.where)(named(one.where.file), one.where.line, one.where.column, one.where.key),
                    one.hint and named(one.hint),
                )
                for one in error.problems
            )
        )


@contextmanager
def checked_out(commit: str, *, whole: bool) -> Iterator[Checkout]:
    """Yield the files of this folder, or of the `whole` repository, as they are in a commit."""
    prefix = os.fsdecode(ask_git(HERE, "rev-parse", "--show-prefix") or b"")
    if ask_git(HERE, "rev-parse", "--verify", "--quiet", f"{commit}:{prefix}") is None:
        raise InputError(f"commit {commit[:12]} has no folder {prefix}", hint="compare with a commit that has the project")
    with tempfile.TemporaryDirectory(prefix="wke-revision-") as folder:
        top, part = Path(folder) / "files", "" if whole else prefix
        index, above = f"{folder}/index", Path(os.fsdecode(ask_git(HERE, "rev-parse", "--show-toplevel") or b""))
        ask_git(above, "read-tree", f"{commit}:{part}", GIT_INDEX_FILE=index)
        ask_git(above, "checkout-index", "--all", "--force", f"--prefix={top / part}/", GIT_INDEX_FILE=index)
        (top / prefix).mkdir(parents=True, exist_ok=True)
        yield Checkout(commit, top, top / prefix)


def text_of(commit: str, path: Path) -> bytes | None:
    """Return what a file of this folder holds in a commit, None if it is not there."""
    relative = os.path.relpath(path)
    name = f"{commit}:{relative}" if relative.startswith("../") else f"{commit}:./{relative}"
    there = ask_git(HERE, "rev-parse", "--verify", "--quiet", name)
    return None if there is None else ask_git(HERE, "cat-file", "blob", there.decode())


def refuse_unheld(paths: Iterable[str]) -> None:
    """Raise InputError for files of the working tree that trials depend on and that git does not hold: they belong to no revision."""
    problems = [problem for path in dict.fromkeys(paths) if (problem := _unheld(path)) is not None]
    if problems:
        raise InputError(*problems)


def refuse_outside(paths: Iterable[str], checkout: Checkout) -> None:
    """Raise InputError for files of a commit that lead out of the repository or into a submodule, whose files the commit does not have."""
    for path in dict.fromkeys(paths):
        if not (checkout.project / path).resolve().is_relative_to(checkout.top.resolve()):
            raise InputError(f"{path} leads out of the repository", hint=OF_NO_REVISION)
        name = os.path.normpath(checkout.project.relative_to(checkout.top) / path)
        entries = ask_git(HERE, "ls-tree", "-r", "-z", "--full-tree", checkout.commit, *([] if name == "." else ["--", name])) or b""
        if any(entry.startswith(SUBMODULE) for entry in entries.split(b"\0")):
            raise InputError(f"{path} has a submodule, whose files the commit does not have", hint=OF_NO_REVISION)


def _unheld(path: str) -> Problem | None:
    """Return what git does not hold of a file or folder of the working tree."""
    if Path(path).is_absolute():
        return Problem(f"{path} is an absolute path, which is the same file for both revisions", hint="write it relative to this folder")
    real = os.path.realpath(path)
    try:
        others, held = (
            (ask_git(HERE, "ls-files", "-z", kind, "--", real, GIT_LITERAL_PATHSPECS="1") or b"").split(b"\0")
            for kind in ("--others", "--stage")
        )
    except InputError as error:
        return Problem(f"{path} belongs to no revision: {error.problems[0].what}", hint=OF_NO_REVISION)
    missing = [os.fsdecode(name) for name in others if name]
    missing += [os.fsdecode(entry.partition(b"\t")[2]) + " (a submodule)" for entry in held if entry.startswith(SUBMODULE)]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        return Problem(f"git does not hold {missing[0]}{more}, so that it belongs to no revision", hint=OF_NO_REVISION)
    return None if any(held) else Problem(f"git holds nothing of {path}, so that it belongs to no revision", hint=OF_NO_REVISION)
