"""Plots drawn by a script of the user: the placeholders in its arguments, and running it on the controller."""

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from wke.describe.experiment.plot import FOLDER, NAME, VALUE, Script
from wke.errors import InputError, TargetError, did_you_mean
from wke.keep.trials.trials import LOGS, StoredAttempt
from wke.tell.exports.results_csv import result_rows

LIMIT_S = 300.0  # a script that hangs would hold up the whole series


def run_script(script: Script, trials: Sequence[StoredAttempt], path: Path, *, limit_s: float = LIMIT_S) -> list[Path]:
    """Run a plot's script in the current folder and return the file that it drew: `path`, if its arguments name it.

    Row numbers in its arguments count the rows of the results file. Nothing runs before there is a row. Raises InputError when there is no
    such script or its arguments name something that the results do not have, TargetError when it fails, takes too long or draws no file.
    """
    rows = result_rows(trials)
    if not rows:
        return []
    command = [_program(script.path), *(filled(arg, rows, path) for arg in script.args)]
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile() as output:
        try:
            # Output goes to a file: processes that the script leaves behind would keep a pipe open, and we would wait for them.
            ended = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, stdout=output, stderr=output, timeout=limit_s)
        except subprocess.TimeoutExpired:
            raise TargetError(f"plot script {script.path} was stopped because it took longer than {limit_s:g} s") from None
        except OSError as error:
            hint = "its first line must name its interpreter, such as #!/usr/bin/env python3"
            raise InputError(f"plot script {script.path} cannot be run: {error.strerror}", hint=hint) from None
        output.seek(0)
        said = output.read().decode(errors="replace").strip()
    if ended.returncode != 0:
        how = f"ended with status {ended.returncode}" if ended.returncode > 0 else f"was ended by signal {-ended.returncode}"
        raise TargetError(f"plot script {script.path} {how}" + (f": {said.splitlines()[-1]}" if said else ""))
    if not any(NAME in arg for arg in script.args):
        return []
    if not path.exists():
        raise TargetError(
            f"plot script {script.path} ended well but did not write {path}", hint="it must write the file that @PLOT_NAME names"
        )
    return [path]


def filled(arg: str, rows: Sequence[StoredAttempt], path: Path) -> str:
    """Return an argument with its placeholder replaced; raise InputError when there is no such row or column."""
    if arg.startswith(FOLDER):
        folder = _row(arg.removeprefix(FOLDER), rows, arg).folder
        return str(folder / LOGS if (folder / LOGS).exists() else folder)
    if not arg.startswith(VALUE):
        return arg.replace(NAME, str(path))
    _, place, column = arg.split(":", 2)
    row = _row(place, rows, arg)
    values = {"uid": row.id, **row.point, **row.observations}
    if column not in values:
        raise InputError(f'{arg}: the results have no column "{column}"', hint=did_you_mean(column, values))
    return str(values[column])


def _row(place: str, rows: Sequence[StoredAttempt], arg: str) -> StoredAttempt:
    try:
        return rows[int(place)]
    except IndexError:
        raise InputError(f"{arg}: there is no row {place}", hint=f"the results have {len(rows)} so far, counted from 0") from None


def _program(name: str) -> str:
    """Return the path of the program to start: the file of that name in the project, else the program of that name."""
    file = Path(name)
    if file.is_file():
        found = shutil.which(file.resolve())
        if found is None:
            raise InputError(f"plot script {name} is not executable", hint=f"chmod +x {name}")
        return found
    if file.name == name and (program := shutil.which(name)):
        return program
    raise InputError(f"there is no plot script {name}", hint="its path is relative to the folder in which wke runs")
