"""Plots that a script draws: what it is told, and that nothing it does breaks a series."""

import sys
from pathlib import Path

import pytest
from support import ys

from wke.describe.experiment.experiment import Experiment
from wke.describe.experiment.plot import Plot, Script
from wke.errors import InputError, TargetError, WkeError
from wke.keep.trials.trials import StoredAttempt
from wke.tell.figures.files import draw_figures
from wke.tell.figures.script import run_script


def trial(uid: str, outcome: str = "ok", *, warmup: bool = False, **observations: float) -> StoredAttempt:
    point = {"clients": 4, "engine": "new", "safe": True}
    return StoredAttempt(uid, "x", 1, point, 0, warmup, outcome, "", 0, 1.0, observations, {}, Path("results/trials") / uid)


TRIALS = [trial("w", warmup=True), trial("f", "failed(1)"), trial("a", ops=100.0), trial("b", ops=250.5)]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(name: str, body: str, *, mode: int = 0o755) -> str:
    path = Path(name)
    path.parent.mkdir(exist_ok=True)
    path.write_text(body)
    path.chmod(mode)
    return name


TELL = f"#!{sys.executable}\nimport os, sys\nopen('plots/x.pdf', 'w').write('|'.join(sys.argv[1:]) + '|' + os.getcwd())\nprint('drawn')\n"


def test_arguments_are_filled_in(project: Path) -> None:
    """Rows are those of the results file, counted from either end; other texts stay as they are; it runs in the project's folder."""
    args = ("@EXPFOLDER:0", "@VALUE:1:ops", "@VALUE:-1:uid", "@VALUE:0:clients", "@VALUE:0:safe", "--out=@PLOT_NAME", "me@home", "")
    files = run_script(Script(written("draw/it.py", TELL), args), TRIALS, Path("plots/x.pdf"))
    assert files == [Path("plots/x.pdf")]
    assert files[0].read_text() == f"results/trials/a|250.5|b|4|True|--out=plots/x.pdf|me@home||{project}"


@pytest.mark.usefixtures("project")
def test_without_results_nothing_runs() -> None:
    """A script is not asked to draw what is not there."""
    assert run_script(Script("no-such-script", ("@VALUE:0:ops",)), TRIALS[:2], Path("plots/x.pdf")) == []


@pytest.mark.usefixtures("project")
def test_a_script_that_is_not_told_the_name_may_write_elsewhere() -> None:
    """Then no file is expected. A program is found on PATH too."""
    assert run_script(Script("true"), TRIALS, Path("plots/x.pdf")) == []


SH = "#!/bin/sh\n"
FAILURES: dict[str, tuple[str | None, int, tuple[str, ...], type[WkeError], str]] = {
    "status": (
        SH + "echo drawing; echo no such font >&2; exit 3",
        0o755,
        (),
        TargetError,
        "plot script p.sh ended with status 3: no such font",
    ),
    "signal": (SH + "kill -9 $$", 0o755, (), TargetError, "plot script p.sh was ended by signal 9"),
    "too long": (SH + "exec sleep 60", 0o755, (), TargetError, "plot script p.sh was stopped because it took longer than 0.2 s"),
    "no file": (
        SH,
        0o755,
        ("@PLOT_NAME",),
        TargetError,
        "plot script p.sh ended well but did not write plots/x.pdf\n  hint: it must write the file that @PLOT_NAME names",
    ),
    "missing": (None, 0, (), InputError, "there is no plot script p.sh\n  hint: its path is relative to the folder in which wke runs"),
    "mode": (SH, 0o644, (), InputError, "plot script p.sh is not executable\n  hint: chmod +x p.sh"),
    "no interpreter": (
        "print()",
        0o755,
        (),
        InputError,
        "plot script p.sh cannot be run: Exec format error\n  hint: its first line must name its interpreter, such as #!/usr/bin/env python3",
    ),
    "row": (SH, 0o755, ("@EXPFOLDER:2",), InputError, "@EXPFOLDER:2: there is no row 2\n  hint: the results have 2 so far, counted from 0"),
    "column": (SH, 0o755, ("@VALUE:0:op",), InputError, '@VALUE:0:op: the results have no column "op"\n  hint: did you mean "ops"?'),
}


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(("body", "mode", "args", "kind", "words"), FAILURES.values(), ids=FAILURES)
def test_what_goes_wrong_is_told(body: str | None, mode: int, args: tuple[str, ...], kind: type[WkeError], words: str) -> None:
    """Each failure names the script and what to do."""
    if body is not None:
        written("p.sh", body, mode=mode)
    with pytest.raises(kind) as caught:
        run_script(Script("p.sh", args), TRIALS, Path("plots/x.pdf"), limit_s=0.2 if "sleep" in (body or "") else 20)
    assert str(caught.value) == words


@pytest.mark.usefixtures("project")
def test_one_plot_that_fails_keeps_no_other_from_being_drawn() -> None:
    """All other files are there, and the failures are told at their places in the file."""
    plots = (
        Plot("script", label="a", script=Script(written("p.sh", SH + "exit 1"))),
        Plot("line", "clients", ys("latency"), label="b"),
        Plot("line", "clients", ys("ops"), label="c"),
    )
    drawn = draw_figures(Experiment("x", Path("x.toml"), plots=plots), TRIALS, Path("plots"))
    assert drawn.files == tuple(Path(f"plots/x_c.{kind}") for kind in ("pdf", "svg", "png", "csv"))
    assert [str(problem).split("\n")[0] for problem in drawn.problems] == [
        "experiment: plots[0]: plot script p.sh ended with status 1",
        'experiment: plots[1]: a plot has y-axis = "latency", but no trial has a column of that name',
    ]
