"""What git says of a folder."""

import subprocess
from pathlib import Path

import pytest

from wke.keep.trials.software import revision_of, software


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=test", "-c", "user.email=test@example.org")
    return subprocess.run(["git", "-C", folder, *who, *arguments], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository with one commit of one file."""
    git(tmp_path, "init", "--quiet")
    (tmp_path / "file").write_text("one\n")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "--quiet", "-m", "first")
    return tmp_path


def test_a_commit_and_what_is_not_committed(repository: Path) -> None:
    """Changes, new files and their sizes make another state of the same commit; undone, it is the old one; what is ignored does not count."""
    clean = revision_of(repository)
    assert clean is not None
    assert (clean.commit, clean.changed) == (git(repository, "rev-parse", "HEAD"), "")
    (repository / "file").write_text("two\n")
    edited = revision_of(repository)
    (repository / "new").write_text("x")
    grown = revision_of(repository)
    (repository / "new").write_text("xx")
    larger = revision_of(repository)
    assert len({clean, edited, grown, larger}) == 4
    (repository / "new").unlink()
    (repository / "file").write_text("one\n")
    assert revision_of(repository) == clean
    (repository / ".git/info/exclude").write_text("ignored\n")
    (repository / "ignored").write_text("x")
    assert revision_of(repository) == clean


def test_new_files_count_by_their_contents_where_that_is_wanted(repository: Path) -> None:
    """Otherwise by their size: there may be a lot of them."""
    (repository / "new").write_text("a")
    before = revision_of(repository), revision_of(repository, contents=True)
    (repository / "new").write_text("b")
    after = revision_of(repository), revision_of(repository, contents=True)
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False]


def test_a_folder_without_a_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No repository, a repository without a commit, no folder, and no git: nothing is known, and nothing fails."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    (tmp_path / "empty").mkdir()
    assert revision_of(tmp_path / "empty") is None
    git(tmp_path / "empty", "init", "--quiet")
    assert revision_of(tmp_path / "empty") is None
    assert revision_of(tmp_path / "missing") is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert software({"empty": None, "file": "abc"})["sources"] == {"empty": None}
