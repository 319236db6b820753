"""Tables in narrow terminals: folded and split, and every number stays whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wke.tell.terminal.fitting import cells, fitted_lines

ROWS = [
    ("engine", "clients", "n", "throughput (1/s)", "p99 (ms)", "verdict"),
    ("new", "2", "12", "11500 [9700, 13600]", "7.8 [5.2, 11.9]", "inconclusive: could detect 120 %"),
    ("the old one", "16", "3", "–", "10.3 ± 0.4", "equal"),
]
WHOLE = """\
engine       clients   n     throughput (1/s)         p99 (ms)  verdict
new                2  12  11500 [9700, 13600]  7.8 [5.2, 11.9]  inconclusive: could detect 120 %
the old one       16   3                    –       10.3 ± 0.4  equal"""
FOLDED = """\
engine   clients   n     throughput (1/s)         p99 (ms)  verdict
new            2  12  11500 [9700, 13600]  7.8 [5.2, 11.9]  inconclusive:
                                                            could detect
                                                            120 %
the old       16   3                    –       10.3 ± 0.4  equal
one"""
SPLIT = """\
engine   clients   n     throughput (1/s)
new            2  12  11500 [9700, 13600]
the old       16   3                    –
one

engine       clients         p99 (ms)
new                2  7.8 [5.2, 11.9]
the old one       16       10.3 ± 0.4

engine       clients  verdict
new                2  inconclusive: could
                      detect 120 %
the old one       16  equal"""


@pytest.mark.parametrize(("width", "text"), [(None, WHOLE), (97, WHOLE), (76, FOLDED), (42, SPLIT)])
def test_a_table_fits_its_terminal(width: int | None, text: str) -> None:
    """First texts are folded, then columns go to further blocks, which repeat what tells rows apart."""
    assert "\n".join(fitted_lines(ROWS, width, keys=2)) == text


def test_wide_characters_take_two_cells() -> None:
    """Columns behind them are aligned."""
    assert list(fitted_lines([("op", "n"), ("写入", "1"), ("e\u0301", "2")], None)) == ["op    n", "写入  1", "e\u0301     2"]


NUMBER = st.from_regex(r"[1-9][0-9]{0,8} \[[0-9]{1,6}, [0-9]{1,6}\]", fullmatch=True)


@given(st.lists(st.tuples(st.text("ab ", max_size=9), NUMBER, NUMBER), min_size=1, max_size=3), st.integers(1, 90))
def test_no_number_is_cut_and_no_line_is_too_long(body: list[tuple[str, str, str]], width: int) -> None:
    """Whatever the width: a line is longer only if it has one number beside the key, which is longer by itself."""
    lines = list(fitted_lines([("key", "a long title", "b"), *body], width))
    for row in body:
        assert [cell for cell in row[1:] if not any(cell in line for line in lines)] == []
    assert [line for line in lines if cells(line) > width and line.count("[") > 1] == []
