"""What git says of a folder."""

import subprocess
from pathlib import Path

import pytest

from wke.errors import InputError
from wke.keep.trials.software import git_trouble, revision_of, software


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


def test_git_is_asked_about_the_folder_itself(
    repository: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the environment of a hook points to; the user's configuration still counts."""
    here, elsewhere = revision_of(repository), tmp_path_factory.mktemp("elsewhere")
    git(elsewhere, "init", "--quiet")
    for name, value in (("GIT_DIR", ".git"), ("GIT_WORK_TREE", "."), ("GIT_INDEX_FILE", ".git/none"), ("GIT_PREFIX", "x/")):
        monkeypatch.setenv(name, str(elsewhere / value))
    monkeypatch.setenv("GIT_LITERAL_PATHSPECS", "1")
    assert revision_of(repository, (".", ":(exclude)results")) == here
    (repository / "new").write_text("x")
    assert revision_of(repository) != here
    (elsewhere / "ignored").write_text("new\n")
    for name, value in (("COUNT", "1"), ("KEY_0", "core.excludesFile"), ("VALUE_0", str(elsewhere / "ignored"))):
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    assert revision_of(repository) == here


def test_a_refusal_of_git_is_told_in_its_words(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Instead of "no commit": who runs wke is often not who has cloned the repository."""
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.chdir(repository)
    with pytest.raises(InputError, match="git rev-parse failed: fatal: detected dubious ownership in repository"):
        revision_of(repository)
    assert "dubious ownership" in git_trouble(software({}))
    assert "dubious ownership" in git_trouble({"git": None, **software({".": None}), "x": 1})
    monkeypatch.delenv("GIT_TEST_ASSUME_DIFFERENT_OWNER")
    assert git_trouble(software({})) == ""
    (repository / ".git/HEAD").write_text("ref: refs/heads/none\n")
    (repository / ".git/objects").rename(repository / ".git/gone")
    assert "not a git repository" in git_trouble(software({}))
