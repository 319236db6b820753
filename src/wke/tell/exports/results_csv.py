"""Results as a CSV file for spreadsheets: written, read back, two merged. It is an export; the store is the truth.

Files of wke 0.1 can be read too. They have `, ` between fields and no quotes, not even around constants, so constants with blanks are read
on a best-effort basis.
"""

import csv
import io
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wke.describe.experiment.metrics import Metric
from wke.errors import InputError
from wke.judge.statistics.summaries import metric_units
from wke.judge.summary.pointtable import Point, varied
from wke.judge.summary.series import SeriesWork
from wke.keep.files.disk import write_atomically
from wke.keep.trials.trials import StoredAttempt, counting_attempts
from wke.tell.terminal.sanitize import visible

COMMAND, CONSTANTS = "# command:", "# constants:"


@dataclass(frozen=True, slots=True)
class ResultsFile:
    """One results file: the commands that wrote it, the parameters that did not vary, and the rows under their header, all as text."""

    commands: tuple[str, ...]
    constants: Mapping[str, str]
    columns: tuple[str, ...]
    rows: tuple[Mapping[str, str], ...]


def results_csv(
    trials: Sequence[StoredAttempt],
    metrics: Sequence[Metric] = (),
    *,
    command: str = "",
    points: Sequence[Point] = (),
    rows_of: Callable[[StoredAttempt], Sequence[tuple[Point, Point]]] = lambda trial: [(trial.point, trial.observations)],
) -> str:
    """Return comment lines (command, constants), a header `uid, varied parameters…, metrics…` and the rows of each trial that is ok.

    Warm-ups are left out; a metric that a trial does not have is an empty field. Which parameters vary depends on `points` and the rows;
    `rows_of` returns the parameters and metrics of a trial's rows.
    """
    counting = result_rows(trials)
    rows = [(trial.id, *row) for trial in counting for row in rows_of(trial)]
    shown = [point for _, point, _ in rows]
    parameters = tuple(dict.fromkeys([*varied(points), *varied(shown)]))
    constants = {name: v for point in [*points[:1], *shown[:1]] for name, v in point.items() if name not in parameters}
    names = list(dict.fromkeys([*metric_units(counting, metrics), *(name for *_, values in rows for name in values)]))
    text = io.StringIO()
    text.write(_comment(COMMAND, command))
    text.write(_comment(CONSTANTS, _written(constants)))
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["uid", *parameters, *names])
    for uid, point, values in rows:
        writer.writerow([uid, *(point.get(name, "") for name in parameters), *(values.get(name, "") for name in names)])
    return text.getvalue()


def result_rows(trials: Iterable[StoredAttempt]) -> tuple[StoredAttempt, ...]:
    """Return the trials that become rows: one attempt of each trial that is ok and not a warm-up, in the order of `trials`."""
    return tuple(trial for trial in counting_attempts(trials) if trial.ok and not trial.warmup)


def export_csv(folder: Path, work: SeriesWork) -> Path:
    """Write the trials of a series to NAME.csv in `folder`; return the path of the file."""
    path, rules = folder / f"{work.name}.csv", work.plan.rules
    write_results_csv(
        path, results_csv(work.trials, rules.metrics, command=f"wke measure {work.plan.file}", points=rules.points), private=True
    )
    return path


def write_results_csv(path: Path, text: str, *, private: bool = False) -> None:
    """Write `text` to the file at `path`, safe to print, whole or not at all; only the owner may read it if it is `private`."""
    write_atomically(path, visible(text).encode(), private=private)


def read_results_csv(text: str, name: str = "the file") -> ResultsFile:
    """Read the text of a results file; an InputError for one that is malformed names it `name`."""
    text = text.replace("\r\n", "\n").removeprefix("\ufeff")
    lines = text.split("\n")
    head = next((number for number, line in enumerate(lines) if line.strip() and not line.startswith("#")), len(lines))
    comments = lines[:head]
    told = [line.removeprefix(CONSTANTS) for line in comments if line.startswith(CONSTANTS)]
    _check(told, f'{name} has no line that begins with "{CONSTANTS}"')
    _check(head < len(lines), f"{name} has no header")
    is_old = ", " in lines[head]
    unescaped: Callable[[str], str] = str if is_old else _commented
    records = csv.reader(io.StringIO("\n".join(lines[head:])), skipinitialspace=is_old)
    header, *rest = [record for record in records if record and not record[0].startswith("#")]
    columns = tuple(column.strip() for column in header)
    sound = columns[0] == "uid" and len(set(columns)) == len(columns)
    _check(sound, f"{name} has no header that begins with uid and names each column once")
    return ResultsFile(
        commands=tuple(unescaped(line.removeprefix(COMMAND).strip()) for line in comments if line.startswith(COMMAND)),
        constants=_assignments(unescaped(told[0].strip())),
        columns=columns,
        rows=tuple(_rows(rest, columns, name)),
    )


def _check(sound: object, what: str) -> None:
    if not sound:
        raise InputError(what, hint="is it a results file of wke?")


def merge_csv(a: str, b: str, names: tuple[str, str] = ("the first file", "the second file")) -> str:
    """Return a results file with the rows of both: those of `a`, then those of `b` that are not in `a`.

    Columns are in the order of `a`, followed by those that only `b` has; a row leaves a column that it does not have empty. Raises an
    InputError that names the constants that differ: the rows would then not be comparable.
    """
    first, second = read_results_csv(a, names[0]), read_results_csv(b, names[1])
    _refuse_different(first, second, names)
    columns = tuple(dict.fromkeys([*first.columns, *second.columns]))
    out = io.StringIO()
    for command in dict.fromkeys([*first.commands, *second.commands]):
        out.write(_comment(COMMAND, command))
    out.write(_comment(CONSTANTS, _written(first.constants)))
    writer = csv.DictWriter(out, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(first.rows)
    known = {frozenset(row.items()) for row in first.rows}
    writer.writerows(row for row in second.rows if frozenset(row.items()) not in known)
    return out.getvalue()


def _comment(key: str, value: str) -> str:
    """Return a comment line; newlines and backslashes in the value are escaped, since a newline would end the comment."""
    shown = value.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return f"{key} {shown}".rstrip(" ") + "\n"


def _commented(text: str) -> str:
    """Return the value of a comment line, unescaped."""
    signs = {"n": "\n", "r": "\r"}
    return re.sub(r"\\(.)", lambda match: signs.get(match[1], match[1]), text)


def _written(constants: Mapping[str, object]) -> str:
    return " ".join(f"{name}={shlex.quote(str(value))}" for name, value in constants.items())


def _refuse_different(first: ResultsFile, second: ResultsFile, names: tuple[str, str]) -> None:
    differences = [
        f"{key} is {_told(first, key)} in {names[0]} and {_told(second, key)} in {names[1]}"
        for key in dict.fromkeys([*first.constants, *second.constants])
        if first.constants.get(key) != second.constants.get(key)
    ]
    if differences:
        hint = "only results with the same constants can be merged"
        raise InputError(f"the constants differ: {'; '.join(differences)}", hint=hint)


def _told(file: ResultsFile, key: str) -> str:
    if key in file.constants:
        return file.constants[key] or "empty"
    return "varied" if key in file.columns else "not set"


def _rows(records: Sequence[Sequence[str]], columns: Sequence[str], name: str) -> Iterator[Mapping[str, str]]:
    for number, record in enumerate(records, start=1):
        if len(record) != len(columns):
            what = f"{name}: row {number} ({record[0]}) has {len(record)} fields, but there are {len(columns)} columns"
            raise InputError(what, hint="put a value that contains a comma in quotes")
        yield dict(zip(columns, (field.strip() for field in record), strict=True))


def _assignments(text: str) -> dict[str, str]:
    """Read `k=v k=v`, values quoted as for a shell or bare; a bare word without `=` continues the value before it."""
    try:
        words = shlex.split(text)
    except ValueError:
        words = text.split()
    constants: dict[str, str] = {}
    last = ""
    for word in words:
        key, equals, value = word.partition("=")
        if equals:
            last = key
            constants[key] = value
        elif last:
            constants[last] += f" {word}"
    return constants
