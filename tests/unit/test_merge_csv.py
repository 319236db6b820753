"""Results files read back, ours and old wke's, and two of them joined."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wke.errors import InputError
from wke.keep.trials.trials import StoredAttempt
from wke.tell.exports.results_csv import merge_csv, read_results_csv, results_csv

OURS = "# command: wke measure a.toml\n# constants: memory=1G note='two words'\nuid,clients,ops,p99\na-0,1,100.0,5.0\na-1,2,200.0,\n"
OLD = (
    "# command: benchmark.py toml a.toml\n# constants: note=two words memory=1G\n# ----------------------------- \n"
    "uid, clients, p99, ops\n240101-120000, 4, 6.5, 380.0\n"
)


def test_old_and_new_files_are_joined() -> None:
    """Columns in another order, constants in another order and spelling, old commas and lines: one file in today's spelling."""
    assert merge_csv(OURS, OLD) == (
        "# command: wke measure a.toml\n# command: benchmark.py toml a.toml\n# constants: memory=1G note='two words'\n"
        "uid,clients,ops,p99\na-0,1,100.0,5.0\na-1,2,200.0,\n240101-120000,4,380.0,6.5\n"
    )


def test_a_column_of_one_file_is_empty_in_the_other() -> None:
    """A metric that only one file has is kept."""
    merged = merge_csv("# constants:\nuid,ops\na,1\n", "# constants:\nuid,rss,ops\nb,7,2\n")
    assert merged == "# constants:\nuid,ops,rss\na,1,\nb,2,7\n"


def test_the_same_row_counts_once() -> None:
    """A file joined with itself is itself; a row of the same uid with other values is another row."""
    assert merge_csv(OURS, OURS) == OURS
    assert merge_csv("# constants:\nuid,ops\na,1\n", "# constants:\nuid,ops\na,2\n").endswith("a,1\na,2\n")


def test_different_constants_are_refused() -> None:
    """Every constant that differs is named with both its values, also one that the other file varies or does not have."""
    other = "# constants: memory=2G clients=4 seed=''\nuid,note,ops\nb,x,1\n"
    with pytest.raises(InputError) as caught:
        merge_csv(OURS, other, ("a.csv", "b.csv"))
    assert str(caught.value) == (
        "the constants differ: memory is 1G in a.csv and 2G in b.csv; note is two words in a.csv and varied in b.csv; "
        "clients is varied in a.csv and 4 in b.csv; seed is not set in a.csv and empty in b.csv\n"
        "  hint: only results with the same constants can be merged"
    )


BAD = {
    "": 'the second file has no line that begins with "# constants:"\n  hint: is it a results file of wke?',
    "uid,ops\na,1\n": 'the second file has no line that begins with "# constants:"\n  hint: is it a results file of wke?',
    "# constants: memory=1G\n": "the second file has no header\n  hint: is it a results file of wke?",
    "# constants:\ntime,cpu\n1,2\n": "the second file has no header that begins with uid and names each column once\n  hint: is it a results file of wke?",
    "# constants:\nuid,ops,ops\n1,2,3\n": "the second file has no header that begins with uid and names each column once\n  hint: is it a results file of wke?",
    "# constants:\nuid, ops\na, 1\nb, 1, 2\n": (
        "the second file: row 2 (b) has 3 fields, but there are 2 columns\n  hint: put a value that contains a comma in quotes"
    ),
}


@pytest.mark.parametrize(("text", "words"), BAD.items(), ids=range(len(BAD)))
def test_what_is_no_results_file_is_refused(text: str, words: str) -> None:
    """The message says which of the two it is, and what is wrong with it."""
    with pytest.raises(InputError) as caught:
        merge_csv(OURS, text)
    assert str(caught.value) == words


def test_lines_of_another_system_and_comments_between_rows() -> None:
    """Carriage returns, a byte order mark and comment lines that somebody pasted in do not matter."""
    text = "\ufeff" + OLD.replace("\n", "\r\n") + "# second night\r\n\r\n240102-120000, 8, 7, 390\r\n"
    assert [row["uid"] for row in read_results_csv(text).rows] == ["240101-120000", "240102-120000"]


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from('\n,"# ='), max_size=6).map(str.strip)


@settings(deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=4), TEXT)
def test_what_we_write_we_read(values: list[str], constant: str) -> None:
    """Whatever parameters are, they come back as they were, and a second merge changes nothing."""
    points = [{"k": constant, "x": value, "y": number} for number, value in enumerate(values)]
    trials = [
        StoredAttempt(f"t-{number}", "s", 1, point, 0, False, "ok", "", 0, 1.0, {"ops": 0.1}, {}, Path())
        for number, point in enumerate(points)
    ]
    text = results_csv(trials, command="wke measure x.toml", points=points)
    again = read_results_csv(text)
    seen = [{**again.constants, **row} for row in again.rows]
    assert [(row["k"], row.get("x"), row["y"]) for row in seen] == [(constant, point["x"], str(point["y"])) for point in points]
    assert merge_csv(text, text) == text
