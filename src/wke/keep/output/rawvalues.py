"""Files of raw values: one number per line, or one column of a CSV file or of JSON lines. Every value is kept, so nothing is rounded.

A value may carry its unit ("350us"). The input may be hostile: lines and the number of values are bounded.
"""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wke.describe.expression.quantity import quantity
from wke.describe.expression.units import convert
from wke.describe.toml.wording import quoted
from wke.values import dataclass

MOST_VALUES = 50_000_000
LONGEST_LINE = 1 << 20
_PLAIN = b"0123456789.eE+-\r\n \t"
_PIECE = 1 << 20

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class RawValues:
    """All values of some files, `ordered` by size."""

    ordered: Numbers

    @classmethod
    def of(cls, parts: Iterable[Numbers]) -> "RawValues":
        """Return the values of several files together; raise ValueError when there are too many."""
        kept, total = [np.zeros(0)], 0
        for part in parts:
            total += len(part)
            if total > MOST_VALUES:
                raise ValueError(f"there are more than {MOST_VALUES} values")
            kept.append(part)
        return cls(np.sort(np.concatenate(kept)))

    @property
    def total(self) -> int:
        """How many values there are."""
        return len(self.ordered)

    def at(self, rank: int) -> float:
        """Return the value of a rank, from 1."""
        return float(self.ordered[rank - 1])

    @property
    def mean(self) -> float:
        """The mean of all values."""
        first = float(self.ordered.mean())
        return first + float((self.ordered - first).mean())  # the second term is the rounding of the first


def read_values(path: Path, column: str | int | None, unit: str) -> Numbers:
    """Return the values in a file in `unit`, which is also that of numbers without one. Raise ValueError with what is wrong, and where.

    Without a `column` each line is one number. A `column` is the name in the first line of a CSV file or a key of JSON lines ("a.b" for a
    key of an inner object), or the position, from 1, in a CSV file without a header, whose columns may be separated by tabs or spaces.
    """
    value = partial(_value, unit=unit)
    with path.open("rb") as file:
        if column is None:
            return np.concatenate([np.zeros(0), *_plain_lines(_pieces(partial(file.read, _PIECE)), value)])
        lines = _lines(partial(file.readline, LONGEST_LINE + 1))
        first = next(lines, "")
        cells = _of_json if first.startswith("{") else _of_csv
        return np.fromiter(_each(cells((line for part in ([first], lines) for line in part), column), value), np.float64)


def _plain_lines(pieces: Iterator[list[bytes]], value: Callable[[str], float]) -> Iterator[Numbers]:
    """Yield the numbers of each piece; one of plain numbers is read at once, which is ten times as fast."""
    number, total = 0, 0
    for lines in pieces:
        data = b"".join(lines)
        words = [] if data.translate(None, _PLAIN) else data.split()
        numbers = None
        if words and len(words) == sum(1 for line in lines if line.strip()):
            try:
                numbers = np.array(words, np.float64)
            except ValueError:
                numbers = None
        if numbers is None or not np.isfinite(numbers).all():
            texts = ((number + place, line.decode(errors="replace")) for place, line in enumerate(lines, start=1))
            numbers = np.fromiter(_each(((at, text) for at, text in texts if text.strip()), value), np.float64)
        number, total = number + len(lines), total + len(numbers)
        if total > MOST_VALUES:
            raise ValueError(f"it has more than {MOST_VALUES} values")
        yield numbers


def _each(cells: Iterable[tuple[int, object]], value: Callable[[str], float]) -> Iterator[float]:
    """Yield the number of each cell, which comes with the number of its line."""
    for count, (line, cell) in enumerate(cells, start=1):
        if count > MOST_VALUES:
            raise ValueError(f"it has more than {MOST_VALUES} values")
        try:
            yield value(cell if isinstance(cell, str) else json.dumps(cell))
        except ValueError as error:
            raise ValueError(f"line {line} has {error}") from None


def _value(text: str, unit: str) -> float:
    number, own = quantity(text)
    converted = convert(number, own or unit, unit)
    if converted is None:
        raise ValueError(f"a value in {own}, which is not {unit or 'a plain number'}")
    return converted


def _pieces(read: Callable[[], bytes]) -> Iterator[list[bytes]]:
    """Yield the lines of a file, many at once."""
    rest = b""
    while data := read():
        whole, end, rest = (rest + data).rpartition(b"\n")
        if len(rest) > LONGEST_LINE:
            raise ValueError(f"a line is longer than {LONGEST_LINE} bytes")
        yield (whole + end).splitlines(keepends=True)
    yield [rest] if rest else []


def _lines(read: Callable[[], bytes]) -> Iterator[str]:
    """Yield the lines of a file."""
    for number, line in enumerate(iter(read, b""), start=1):
        if len(line) > LONGEST_LINE:
            raise ValueError(f"line {number} is longer than {LONGEST_LINE} bytes")
        yield line.decode("utf-8-sig" if number == 1 else "utf-8", errors="replace")


def _of_csv(lines: Iterator[str], column: str | int) -> Iterator[tuple[int, str]]:
    """Yield the cells of one column, with the number of their line."""
    first = next(lines, "")
    every = (line for part in ([first], lines) for line in part)
    rows = csv.reader(every, delimiter=next((sign for sign in ",\t " if sign in first), ","))
    try:
        place = column - 1 if isinstance(column, int) else _place(next(rows, []), column)
        for row in rows:
            if len(row) <= place:
                if row:
                    raise ValueError(f"line {rows.line_num} has no column {column}")
                continue
            yield rows.line_num, row[place]
    except csv.Error as error:
        raise ValueError(f"line {rows.line_num} is not CSV: {error}") from None


def _place(header: Sequence[str], column: str) -> int:
    names = [name.strip() for name in header]
    if column not in names:
        raise ValueError(f"line 1 has no column {quoted(column)}; its columns are {', '.join(names[:9]) or 'none'}")
    return names.index(column)


def _of_json(lines: Iterator[str], column: str | int) -> Iterator[tuple[int, object]]:
    """Yield the values of one key, with the number of their line."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
            for key in [column] if isinstance(found, dict) and column in found else str(column).split("."):
                found = found[key]
        except (KeyError, TypeError):
            raise ValueError(f"line {number} has no {quoted(str(column))}") from None
        except (ValueError, RecursionError):
            raise ValueError(f"line {number} is not JSON") from None
        yield number, found
