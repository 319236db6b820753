"""Which figures are up to date: a file beside them has the digest of all that they show, and those of the figures themselves.

A figure that a script draws may show anything, so an experiment with one is always drawn again.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from wke.describe.experiment.experiment import Experiment
from wke.describe.experiment.rules import rules_of
from wke.keep.files.disk import write_atomically
from wke.keep.trials.trials import StoredAttempt


def up_to_date(experiment: Experiment, trials: Sequence[StoredAttempt], folder: Path) -> tuple[Path, ...] | None:
    """Return the files of an experiment's figures if drawing them again would change nothing, else None."""
    try:
        noted = json.loads(_note(experiment, folder).read_bytes())
        files = {folder / name: digest for name, digest in noted["files"].items()}
        unchanged = noted["shows"] == _shown(experiment, trials) and all(_digest(path) == digest for path, digest in files.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return tuple(files) if unchanged else None


def note_drawn(experiment: Experiment, trials: Sequence[StoredAttempt], folder: Path, files: Sequence[Path]) -> None:
    """Note that these files show all trials, drawn without a problem."""
    if files and not any(plot.script for plot in experiment.plots):
        noted = {"shows": _shown(experiment, trials), "files": {path.name: _digest(path) for path in files}}
        write_atomically(_note(experiment, folder), json.dumps(noted).encode())


def _note(experiment: Experiment, folder: Path) -> Path:
    return folder / f".{experiment.name}.drawn"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _shown(experiment: Experiment, trials: Sequence[StoredAttempt]) -> str:
    """Return the digest of plots, trials and what else decides how figures look."""
    whole = hashlib.sha256(f"{version('wke')} {version('matplotlib')} {experiment.plots} {rules_of(experiment)}".encode())
    for path in _settings(experiment):
        whole.update(path.read_bytes())
    for trial in trials:
        seen = (trial.id, trial.attempt, trial.outcome, trial.warmup, dict(trial.point), dict(trial.observations), dict(trial.units))
        whole.update(f"{seen} {trial.suspect} {trial.started_ns}\n".encode("utf-8", "surrogatepass"))
    return whole.hexdigest()


def _settings(experiment: Experiment) -> list[Path]:
    """Return the files of settings for matplotlib that may decide how figures look; importing matplotlib to ask it would take long."""
    named, own = os.environ.get("MATPLOTLIBRC", ""), os.environ.get("XDG_CONFIG_HOME")
    homes = [os.environ.get("MPLCONFIGDIR"), Path(own or Path.home() / ".config", "matplotlib")]
    files = [Path("matplotlibrc"), Path(named), Path(named, "matplotlibrc"), *(Path(home, "matplotlibrc") for home in homes if home)]
    return [path for path in (*files, *(Path(plot.style) for plot in experiment.plots)) if path.is_file()]
