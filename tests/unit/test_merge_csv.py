"""Results files read back, ours and old wke's, and two of them joined."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wke.errors import InputError
from wke.keep.trials.trials import StoredAttempt
from wke.tell.exports.merging import merge
from wke.tell.exports.results_csv import results_file
from wke.tell.exports.resultsfile import ResultsFile, read_results_file

OURS = "# command: wke measure a.toml\n# constants: memory=1G note='two words'\nuid,clients,ops,p99\na-0,1,100.0,5.0\na-1,2,200.0,\n"
OLD = (
    "# command: benchmark.py toml a.toml\n# constants: note=two words memory=1G\n# ----------------------------- \n"
    "uid, clients, p99, ops\n240101-120000, 4, 6.5, 380.0\n"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


def read(folder: Path, text: str, name: str = "a.csv") -> ResultsFile:
    (folder / name).write_bytes(text.encode())
    return read_results_file(folder / name)


def merge_csv(folder: Path, a: str, b: str) -> str:
    return merge(read(folder, a), read(folder, b, "b.csv"), ("a.csv", "b.csv")).text


def test_old_and_new_files_are_joined(folder: Path) -> None:
    """Columns in another order, constants in another order and spelling, old commas and lines: one file in today's spelling."""
    assert merge_csv(folder, OURS, OLD) == (
        "# command: wke measure a.toml\n# command: benchmark.py toml a.toml\n# constants: memory=1G note='two words'\n"
        "uid,clients,ops,p99\na-0,1,100.0,5.0\na-1,2,200.0,\n240101-120000,4,380.0,6.5\n"
    )


def test_a_column_of_one_file_is_empty_in_the_other(folder: Path) -> None:
    """A metric that only one file has is kept."""
    merged = merge_csv(folder, "# constants:\nuid,ops\na,1\n", "# constants:\nuid,rss,ops\nb,7,2\n")
    assert merged == "# constants:\nuid,ops,rss\na,1,\nb,2,7\n"


def test_the_same_row_counts_once(folder: Path) -> None:
    """A file joined with itself is itself; a row of the same uid with other values is another row."""
    assert merge_csv(folder, OURS, OURS) == OURS
    assert merge_csv(folder, "# constants:\nuid,ops\na,1\n", "# constants:\nuid,ops\na,2\n").endswith("a,1\na,2\n")


def test_different_constants_are_refused(folder: Path) -> None:
    """Every constant that differs is named with both its values, also one that the other file varies or does not have."""
    other = "# constants: memory=2G clients=4 seed=''\nuid,note,ops\nb,x,1\n"
    with pytest.raises(InputError) as caught:
        merge_csv(folder, OURS, other)
    assert str(caught.value) == (
        "the two files differ: memory is 1G in a.csv and 2G in b.csv; note is two words in a.csv and varied in b.csv; "
        "clients is varied in a.csv and 4 in b.csv; seed is not set in a.csv and empty in b.csv\n"
        "  hint: only results with the same constants and units can be merged"
    )


HINT = "\n  hint: is it a results file of wke?"
NO_CONSTANTS = 'b.csv has no line that begins with "# constants:", and there is no b.csv.json beside it' + HINT
NO_UID = "b.csv has no header that begins with uid and names each column once" + HINT
BAD = {
    "": NO_CONSTANTS,
    "uid,ops\na,1\n": NO_CONSTANTS,
    "# constants: memory=1G\n": "b.csv has no header" + HINT,
    "# constants:\ntime,cpu\n1,2\n": NO_UID,
    "# constants:\nuid,ops,ops\n1,2,3\n": NO_UID,
    "# constants:\nuid, ops\na, 1\nb, 1, 2\n": (
        "b.csv: row 2 (b) has 3 fields, and the first row has 2\n  hint: put a value that contains a comma in quotes"
    ),
}


@pytest.mark.parametrize(("text", "words"), BAD.items(), ids=range(len(BAD)))
def test_what_is_no_results_file_is_refused(folder: Path, text: str, words: str) -> None:
    """The message says which of the two it is, and what is wrong with it."""
    with pytest.raises(InputError) as caught:
        merge_csv(folder, OURS, text)
    assert str(caught.value).replace(f"{folder}/", "") == words


@pytest.mark.parametrize("facts", ["{", "[]", '{"commands": 1}', '{"commands": [], "constants": [1], "units": {}}'])
def test_a_damaged_file_beside_is_named(tmp_path: Path, facts: str) -> None:
    """It is data, and may be anything."""
    (tmp_path / "a.csv.json").write_text(facts)
    with pytest.raises(InputError, match=r"a.csv.json does not say what the rows of .*a.csv have in common"):
        read(tmp_path, "uid,ops\na,1\n")


def test_files_with_another_beside_them_are_joined(tmp_path: Path) -> None:
    """Two of them make a third, constants with their types and units included; with an old one the result has comments, as that has."""
    facts = ResultsFile(("wke measure a.toml",), {"n": 1, "fast": True}, ("uid", "ops"), ({"uid": "a", "ops": 1.5},), {"ops": "1/s"})
    facts.write(tmp_path / "new.csv")
    other = ResultsFile(("wke measure b.toml",), {"n": 1, "fast": True}, ("uid", "p99"), ({"uid": "b", "p99": 2},), {"p99": "ms"})
    other.write(tmp_path / "other.csv")
    new, second = read_results_file(tmp_path / "new.csv"), read_results_file(tmp_path / "other.csv")
    both = merge(new, second, ("new.csv", "other.csv"))
    assert (both.text, both.units, both.constants) == ("uid,ops,p99\na,1.5,\nb,,2\n", {"ops": "1/s", "p99": "ms"}, {"n": 1, "fast": True})
    old = read(tmp_path, "# constants: fast=True n=1\nuid, ops\nc, 7\n")
    assert merge(new, old, ("", "")).text == "# command: wke measure a.toml\n# constants: n=1 fast=True\nuid,ops\na,1.5\nc,7\n"
    with pytest.raises(InputError, match=r"ops is in 1/s in new.csv and in k/s in other.csv"):
        merge(new, replace(new, units={"ops": "k/s"}), ("new.csv", "other.csv"))


def test_lines_of_another_system_and_comments_between_rows(folder: Path) -> None:
    """Carriage returns, a byte order mark and comment lines that somebody pasted in do not matter."""
    text = "\ufeff" + OLD.replace("\n", "\r\n") + "# second night\r\n\r\n240102-120000, 8, 7, 390\r\n"
    assert [row["uid"] for row in read(folder, text).rows] == ["240101-120000", "240102-120000"]


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from('\n,"# ='), max_size=6).map(str.strip)


@settings(deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=4), TEXT, st.sampled_from([None, lambda trial: [(trial.point, trial.observations)]]))
def test_what_we_write_we_read(folder: Path, values: list[str], constant: str, rows_of: Callable | None) -> None:
    """Whatever parameters are, they come back as they were, and a second merge changes nothing."""
    points = [{"k": constant, "x": value, "y": number} for number, value in enumerate(values)]
    trials = [
        StoredAttempt(f"t-{number}", "s", 1, point, 0, False, "ok", "", 0, 1.0, {"ops": 0.1}, {}, Path())
        for number, point in enumerate(points)
    ]
    file = results_file(trials, command="wke measure x.toml", points=points, rows_of=rows_of)
    file.write(folder / "x.csv")
    again = read_results_file(folder / "x.csv")
    seen = [{**again.constants, **row} for row in again.rows]
    assert [(row["k"], row.get("x"), str(row["y"])) for row in seen] == [(constant, point["x"], str(point["y"])) for point in points]
    assert merge(again, again, ("", "")).text == file.text == (folder / "x.csv").read_bytes().decode()
