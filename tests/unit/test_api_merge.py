"""`wke merge-csv`: files of this wke and of the old one are joined; what does not belong together is refused."""

from pathlib import Path

import pytest

from wke.cli.main import cli
from wke.errors import InputError

OLD = "# command: a\n# constants: engine=b\n# ------\nuid, clients, ops\nu1, 1, 2.5\n"
NEW = "# command: c\n# constants: engine=b\nuid,clients,late\nu2,2,3.5\n"


def merge(*texts: str) -> str:
    """Write two files, join them by the command, return the third."""
    for name, text in zip("ab", texts, strict=True):
        Path(name).write_text(text)
    cli.main(["merge-csv", "a", "b", "out"], standalone_mode=False)
    return Path("out").read_text()


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_two_files_become_one() -> None:
    """All rows and all columns; the rows of one file lack the columns of the other; commands are kept."""
    assert merge(OLD, NEW) == "# command: a\n# command: c\n# constants: engine=b\nuid,clients,ops,late\nu1,1,2.5,\nu2,2,,3.5\n"


def test_what_is_there_twice_is_there_once() -> None:
    """A file joined with itself is itself."""
    assert merge(OLD, OLD).splitlines()[-1:] == ["u1,1,2.5"]
    assert merge(OLD, OLD).count("u1") == 1


@pytest.mark.parametrize(
    ("other", "words"),
    [(NEW.replace("engine=b", "engine=c"), "engine"), ("uid,clients\nu2,2\n", "constants"), ("", "constants")],
)
def test_what_does_not_belong_together_is_refused(other: str, words: str) -> None:
    """Other constants, or no results file at all; nothing is written."""
    with pytest.raises(InputError, match=words):
        merge(OLD, other)
    assert not Path("out").exists()


def test_a_missing_file_is_named() -> None:
    """With the nearest hint."""
    Path("a").write_text(OLD)
    with pytest.raises(InputError, match="nope: there is no such file"):
        cli.main(["merge-csv", "a", "nope", "out"], standalone_mode=False)
