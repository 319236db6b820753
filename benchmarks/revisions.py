"""Measures this checkout beside an earlier commit of it, in turns: revisions.py COMMIT [--runs N] [--write PAGE].

Both run on this Python and its packages. It prints the tables as Markdown; `--write` puts them between their markers in a page.
"""

import argparse
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench import PEER_SCRIPTS
from facts import facts, load
from fleet import Fleet
from page import marks, report, write_between
from project import CONFIG, TARGET, configured_ssh_cluster, emulated_cluster, write_project
from rig import Contender, Phase
from sections.series import EXPERIMENT
from table import Table, measured

CHECKOUT = Path(__file__).parents[1]
TRIALS, OVER_SSH, MACHINES, LOGINS, COMMANDS = 200, 50, 5, 64, 11


@dataclass(frozen=True, slots=True)
class Revision:
    """A checkout of wke and the Python that imports wke from it."""

    name: str
    python: Path
    ours: bool

    @classmethod
    def make(cls, name: str, source: Path, folder: Path, *, ours: bool = False) -> "Revision":
        """Make an environment in `folder` that takes wke from `source` and all other packages from this Python."""
        venv.create(folder, with_pip=False)
        packages = next(folder.glob("lib/python*/site-packages"))
        (packages / "a.pth").write_text(f"{source / 'src'}\n")
        (packages / "b.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
        return cls(name, folder / "bin/python", ours)

    def runs(self, *words: str | Path, folder: Path | None = None, fleet: Fleet | None = None, count: int = 0) -> Contender:
        """Return the contender that runs this Python with these words; results of earlier rounds are deleted first."""
        clear = partial(shutil.rmtree, folder / "results", ignore_errors=True) if folder else lambda: None
        keeper = fleet.keeper if fleet else 0
        return Contender(
            self.name, (Phase((self.python, *words), marks=count),), folder=folder, before=clear, ours=self.ours, machines=keeper
        )


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(description="Measure this checkout beside an earlier commit.")
    parser.add_argument("commit")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--write", type=Path, metavar="PAGE", help="also put the figures between their markers in this page")
    words = parser.parse_args()
    known = facts()
    with tempfile.TemporaryDirectory(prefix="wke-bench-") as text:
        folder = Path(text)
        subprocess.run(["git", "-C", CHECKOUT, "worktree", "add", "--quiet", "--detach", folder / "before", words.commit], check=True)
        try:
            both = (
                Revision.make(words.commit, folder / "before", folder / "old"),
                Revision.make("wke", CHECKOUT, folder / "new", ours=True),
            )
            tables = list(_tables(both, folder, words.runs))
        finally:
            subprocess.run(["git", "-C", CHECKOUT, "worktree", "remove", "--force", folder / "before"], check=True)
    known["load"] = f"{known['load']} before, {load()} after"
    printed = report(tables, known, {}, f"python benchmarks/revisions.py {words.commit} --runs {words.runs}")
    print(printed)
    if words.write:
        write_between(words.write, printed, *marks("revisions"))


def _tables(both: tuple[Revision, ...], folder: Path, runs: int) -> Iterator[Table]:
    def table(title: str, about: str, *words: str | Path, **how: object) -> Table:
        return measured(title, about, [each.runs(*words, **how) for each in both], runs=runs)  # type: ignore[arg-type]

    wke, here = ("-m", "wke.cli"), "8 machines are emulated for the command."
    yield table("`--help`, before and now", "The whole process.", *wke, "--help")
    project = write_project(folder / "project", cluster=emulated_cluster(8))
    yield table("`wke run true`, before and now", here, *wke, "run", CONFIG, "all", TARGET, folder=project)
    project = _series(folder / "series", emulated_cluster(MACHINES), TRIALS)
    measure = (*wke, "measure", "series.toml", "--no-figures")
    yield table(f"{TRIALS} trials on {MACHINES} emulated machines, before and now", "The whole command.", *measure, folder=project)
    (folder / "fleet").mkdir()
    with Fleet(LOGINS, folder / "fleet") as fleet:
        project = write_project(folder / "logins", cluster=configured_ssh_cluster(fleet))
        script = (PEER_SCRIPTS / "wke_true.py", str(COMMANDS), "cluster.toml", CONFIG, TARGET)
        about = "The first `true` logs in and starts an agent on every machine."
        yield table(
            f"{COMMANDS} times `true` on {LOGINS} logins, before and now", about, *script, folder=project, fleet=fleet, count=COMMANDS
        )
    (folder / "one").mkdir()
    with Fleet(1, folder / "one") as fleet:
        fleet.hosts *= MACHINES  # each entry for the same host has its own lock
        project = _series(folder / "series-ssh", configured_ssh_cluster(fleet), OVER_SSH)
        yield table(f"{OVER_SSH} trials on {MACHINES} logins, before and now", "The whole command.", *measure, folder=project, fleet=fleet)


def _series(folder: Path, cluster: str, trials: int) -> Path:
    project = write_project(folder, cluster=cluster)
    (project / "series.toml").write_text(EXPERIMENT.format(trials=trials))
    return project


if __name__ == "__main__":
    if shutil.which("git") is None:
        sys.exit("revisions.py: git is not here")
    main()
