"""`benchmark_main`: the command line of a benchmark script, its points, what is reused and what is not. No machine is needed."""

import csv
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from wke.api.scripterrors import BenchmarkError
from wke.benchmark import benchmark_main
from wke.benchmarking.flags import flag_place, read_flags
from wke.benchmarking.parameters import completed, read_known
from wke.errors import InputError
from wke.keep.store import Store
from wke.tell.exports.merging import merge
from wke.tell.exports.resultsfile import read_results_file
from wke.tell.figures.files import Drawn

PARAMETERS = {
    "clients": {"default": 1, "about": "How many"},
    "engine": {"default": "old", "about": "Which"},
    "ratio": {"default": 0.5},
    "cached": False,
}
EXPERIMENT = """
[experiment]
num_iterations = 2
[parameters]
engine = ["old", "new"]
clients = { start = 1, end = 3, step-size = 2 }
"""
POINTS = [("old", 1), ("old", 3), ("new", 1), ("new", 3)]


class Script:
    """A benchmark script in the current folder: what it was called with, and what it does then."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.calls: list[dict] = []
        self.given: list[tuple] = []
        self.act: Callable[[Mapping, Callable], object] = lambda params, result: result({"ops": 100 * params["clients"], "late": 2}) or True

    def __call__(self, *arguments: str, parameters: Mapping = PARAMETERS) -> int:
        """Be called as `python script.py ARGUMENTS`; return the exit status."""
        self.calls.clear()
        self._monkeypatch.setattr("sys.argv", ["script.py", *arguments])
        return benchmark_main(parameters, self.function, cooldown_time=0)

    def function(self, params: dict, collect_statistics: object, result_printer: object, verbose: bool = False) -> object:  # noqa: FBT001, FBT002 - as scripts write it
        """Be the benchmark function."""
        self.calls.append(dict(params))
        self.given.append((collect_statistics, verbose))
        return self.act(params, lambda metrics: result_printer.print("uid", params, metrics))

    @property
    def points(self) -> list[tuple]:
        """What varied in the calls."""
        return [(call["engine"], call["clients"]) for call in self.calls]


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    """Return a script in an empty project with one experiment file and one configuration."""
    for name, text in {"x.toml": EXPERIMENT, "kv/config.toml": "[targets]\na = []\n", "kv/targets/a": "exit 0\n"}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return Script(monkeypatch)


def rows(name: str = "results/x.csv") -> list[dict[str, str]]:
    """Return the rows of a results file."""
    return list(csv.DictReader(line for line in Path(name).read_text().splitlines() if not line.startswith("#")))


# -- parameters


def test_every_point_has_a_value_for_every_parameter(script: Script) -> None:
    """Those that the file does not set have their defaults; the order is that of nested loops, iterations side by side."""
    assert script("toml", "x.toml") == 0
    assert script.points == [point for point in POINTS for _ in range(2)]
    assert script.calls[0] == {"clients": 1, "engine": "old", "ratio": 0.5, "cached": False}
    assert script.given[0] == (None, False)


def test_the_function_is_told_what_the_command_line_says(script: Script) -> None:
    """Where statistics are to be collected, and whether to print."""
    script("--collect-statistics", "myhost", "toml", "x.toml", "--verbose")
    assert set(script.given) == {("myhost", True)}


def test_parameters_are_printed(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    """With default, type and description."""
    assert script("print-parameters") == 0
    assert capsys.readouterr().out == (
        "clients = 1 (int): How many\nengine = old (str): Which\nratio = 0.5 (float): No description.\ncached = False (bool): No description.\n"
    )


@pytest.mark.parametrize(
    ("flags", "points"),
    [
        ((), [(1, "old", 0.5)]),
        (("-C", "clients=3", "-C", "engine=a=b"), [(3, "a=b", 0.5)]),
        (("-R", "clients=1:5:2"), [(1, "old", 0.5), (3, "old", 0.5), (5, "old", 0.5)]),
        (("-R", "clients=2:1"), [(2, "old", 0.5), (1, "old", 0.5)]),
        (("-E", "clients=2:0:3"), [(n, "old", 0.5) for n in (1, 2, 4, 8)]),
        (("-E", "ratio=2:-1:1:1"), [(1, "old", r) for r in (0.5, 1.0, 2.0)]),
        (("-L", "engine=a,b", "-L", "clients=2,1"), [(c, e, 0.5) for e in "ab" for c in (2, 1)]),
        (("-R", "clients=1:2", "-L", "engine=a,b"), [(c, e, 0.5) for c in (1, 2) for e in "ab"]),
    ],
)
def test_flags_describe_points(flags: tuple[str, ...], points: list[tuple]) -> None:
    """Constants, ranges with their ends, lists: a later flag varies fastest, text becomes the parameter's type."""
    sweep = completed(read_flags(list(zip(flags[::2], flags[1::2], strict=True))), read_known(PARAMETERS), flag_place, text=True)
    assert [(point["clients"], point["engine"], point["ratio"]) for point in sweep.points()] == points
    assert {type(point["clients"]) for point in sweep.points()} == {int}


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ((("-C", "clients"),), "-C clients: is not k=v"),
        ((("-R", "clients=1"),), "-R clients=1: is not k=start:end:step, in numbers"),
        ((("-R", "clients=a:b"),), "-R clients=a:b: is not k=start:end:step, in numbers"),
        ((("-R", "clients=1:2:0"),), "step-size must not be 0"),
        ((("-C", "clients=1"), ("-L", "clients=2,3")), "clients is given twice"),
    ],
)
def test_wrong_flags_are_told(flags: tuple[tuple[str, str], ...], words: str) -> None:
    """In the form that is right."""
    with pytest.raises(InputError, match=re.escape(words)):
        read_flags(flags)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("cleints = 1", 'x.toml:4:1: parameters.cleints: the benchmark has no parameter "cleints"\n  hint: did you mean "clients"?'),
        ('clients = "3"', 'x.toml:4:1: parameters.clients: clients must be of the type of its default, int, not the text "3"'),
        ("clients = 1.5", "x.toml:4:1: parameters.clients: clients must be a whole number, not the number 1.5"),
        ("engine = 3", "x.toml:4:1: parameters.engine: engine must be text, not the number 3"),
        ("cached = [true, 1]", "x.toml:4:1: parameters.cached: cached must be true or false, not the number 1"),
    ],
)
def test_what_the_benchmark_does_not_know_is_told(script: Script, capsys: pytest.CaptureFixture[str], line: str, words: str) -> None:
    """Where it stands in the file; nothing runs."""
    Path("x.toml").write_text(f"[experiment]\n\n[parameters]\n{line}\n")
    assert script("toml", "x.toml") == 2
    assert capsys.readouterr().err == words + "\n"
    assert script.calls == []


def test_whole_numbers_and_floats_convert(script: Script) -> None:
    """A float parameter takes 2, a whole one 2.0; both are then of the default's type."""
    Path("x.toml").write_text("[parameters]\nratio = 2\nclients = 2.0\n")
    script("toml", "x.toml")
    assert [(repr(call["ratio"]), repr(call["clients"])) for call in script.calls] == [("2.0", "2")]


@pytest.mark.parametrize("parameters", [{"a": {"about": "x"}}, {"a": [1, 2]}])
def test_a_parameter_needs_a_plain_default(parameters: Mapping) -> None:
    """One that a file could set."""
    with pytest.raises(BenchmarkError, match='"a"'):
        read_known(parameters)


def test_a_script_without_a_right_command_says_so_and_returns(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 2 for a mistake, 0 for help; it never exits."""
    assert script("tmol", "x.toml") == 2
    assert script() == 2
    assert script("--help") == 0
    assert script("toml", "x.toml", "--force-rerun", "--force-reuse") == 2
    assert script("toml", "y.toml") == 2
    assert 'there is no such file\n  hint: did you mean "x.toml"?' in capsys.readouterr().err


# -- reuse


def test_results_are_reused_until_something_changes(script: Script) -> None:
    """The second time nothing runs; one iteration more runs once a point; a changed configuration runs everything."""
    assert script("toml", "x.toml") == 0
    first = rows()
    assert script("toml", "x.toml") == 0
    assert (script.calls, rows()) == ([], first)
    Path("x.toml").write_text("# a comment\n" + EXPERIMENT.replace("= 2\n", "= 3\n", 1))
    script("toml", "x.toml")
    assert script.points == POINTS
    Path("kv/targets/a").write_text("exit 1\n")
    script("toml", "x.toml")
    assert len(script.calls) == 12
    assert len(rows()) == 12


@pytest.mark.parametrize(
    "change",
    [
        lambda: Path("kv/config.toml").write_text("[targets]\na = []\nb = []\n"),
        lambda: Path("kv/targets/new").write_text(""),
        lambda: Path("cluster.toml").write_text('[machines]\na = "host"\n'),
    ],
)
def test_a_result_depends_on_configurations_and_cluster(script: Script, change: Callable[[], object]) -> None:
    """Any file of a configuration counts, and who the machines are."""
    script("toml", "x.toml")
    change()
    script("toml", "x.toml")
    assert len(script.calls) == 8
    script("toml", "x.toml")
    assert script.calls == []


def test_forced_reuse_takes_what_there_is(script: Script) -> None:
    """Although something changed; what was never measured runs."""
    script("toml", "x.toml")
    Path("kv/targets/a").write_text("exit 1\n")
    Path("x.toml").write_text(EXPERIMENT.replace('"new"', '"other"'))
    script("toml", "x.toml", "--force-reuse")
    assert set(script.points) == {("other", 1), ("other", 3)}
    assert len(rows()) == 8


def test_a_forced_rerun_replaces_what_there_was_and_goes_on_where_it_stopped(script: Script) -> None:
    """New results count from then on; what an interrupted rerun has done is not done again without the flag."""
    script("toml", "x.toml")
    first = rows()

    def interrupted(params: Mapping, result: Callable) -> bool:
        if len(script.calls) == 4:
            raise KeyboardInterrupt
        result({"ops": 7})
        return True

    usual, script.act = script.act, interrupted
    with pytest.raises(KeyboardInterrupt):
        script("toml", "x.toml", "--force-rerun")
    script.act = usual
    script("toml", "x.toml")
    assert len(script.calls) == 5
    again = rows()
    assert [row["ops"] for row in again] == ["7.0", "7.0", "7.0", "300.0", "100.0", "100.0", "300.0", "300.0"]
    assert not {row["uid"] for row in first} & {row["uid"] for row in again}


def test_the_results_file_is_for_spreadsheets(script: Script) -> None:
    """Command and constants in comments, then uid, what varies, and the metrics."""
    Path("x.toml").write_text(EXPERIMENT.replace("= 2\n", "= 1\n", 1))
    script("toml", "x.toml")
    text = re.sub("^[0-9a-f]{12}-0", "UID", Path("results/x.csv").read_text(), flags=re.MULTILINE)
    assert text == (
        "# command: script.py toml x.toml\n# constants: ratio=0.5 cached=False\nuid,clients,engine,late,ops\n"
        "UID,1,old,2.0,100.0\nUID,3,old,2.0,300.0\nUID,1,new,2.0,100.0\nUID,3,new,2.0,300.0\n"
    )


def test_the_results_of_an_older_wke_are_not_lost(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    """A file of the same name that is not ours is renamed, once."""
    Path("results").mkdir()
    Path("results/x.csv").write_text("# constants: a=1\nuid, clients, ops\nu, 1, 2\n")
    assert script("toml", "x.toml") == 0
    assert Path("results/x-before.csv").read_text().endswith("u, 1, 2\n")
    assert "results/x.csv was written by an older wke and is now results/x-before.csv" in capsys.readouterr().err
    script("toml", "x.toml")
    assert len(rows()) == 8


def test_flags_add_to_the_file_that_they_name(script: Script) -> None:
    """Every command runs what it is told, and all results are in the file; without a name it is a new one."""
    for _ in range(2):
        assert script("cmdline", "-L", "clients=1,2", "--num-iterations", "2", "--num-warmups", "1", "--outfile", "mine.csv") == 0
        assert len(script.calls) == 6
    assert [row["clients"] for row in rows("mine.csv")] == ["1", "1", "2", "2"] * 2
    script("cmdline")
    assert [path.name[:8] for path in Path("results").glob("*.csv")] == ["results-"]


# -- trials


def test_warm_ups_run_first_and_do_not_count(script: Script) -> None:
    """They are stored, but no row is theirs."""
    Path("x.toml").write_text(EXPERIMENT.replace("[experiment]", "[experiment]\nwarmups = 1"))
    script("toml", "x.toml")
    assert script.points == [point for point in POINTS for _ in range(3)]
    assert len(rows()) == 8
    script("toml", "x.toml")
    assert script.calls == []


def explode(params: Mapping, _: Callable) -> bool:
    raise LookupError(f"no {params['engine']}")


@pytest.mark.parametrize(
    ("act", "why"),
    [
        (explode, "LookupError: no new (traceback.txt in the trial's folder says where)"),
        (
            lambda *_: (_ for _ in ()).throw(ModuleNotFoundError("no seaborn", name="seaborn")),
            "ModuleNotFoundError: no seaborn; wke 0.1 installed it, and so does: pip install '.[old]' in a checkout",
        ),
        (lambda *_: False, "the benchmark function did not return True"),
        (lambda _, result: result({"ops": 1}), "the benchmark function did not return True"),
        (lambda *_: True, "the benchmark function printed no result"),
        (lambda *_: (_ for _ in ()).throw(SystemExit(1)), "the benchmark function called sys.exit: 1"),
    ],
)
def test_a_trial_that_fails_does_not_end_the_sweep(script: Script, act: Callable, why: str) -> None:
    """It is stored with the reason, the others go on, and it runs again next time."""
    usual = script.act
    script.act = lambda params, result: act(params, result) if params["engine"] == "new" else usual(params, result)
    assert script("toml", "x.toml") == 1
    assert len(script.calls) == 8
    with Store.open(Path("results"), readonly=True) as store:
        failed = [trial for trial in store.attempts.one_per_trial("x") if not trial.ok]
    assert [trial.why.splitlines()[0].startswith(why) for trial in failed] == [True] * 4
    assert len(rows()) == 4
    script.act = usual
    assert script("toml", "x.toml") == 0
    assert len(script.calls) == 4


def test_numbers_and_words_are_in_the_table(script: Script) -> None:
    """Whatever is a number, also as text or as True, is a metric; two prints of different metrics are one row."""
    script.act = lambda _, result: result({"a": "1.5", "b": True, "c": "slow"}) or result({"d": 2}) or True
    script("cmdline", "--outfile", "mine.csv")
    assert [(row["a"], row["b"], row["c"], row["d"]) for row in rows("mine.csv")] == [("1.5", "1.0", "slow", "2.0")]


def test_a_metric_that_is_given_again_starts_a_row(script: Script) -> None:
    """As in wke 0.1, with text and None as they are; figures and tables have the mean of the numbers."""

    def act(params: Mapping, result: Callable) -> bool:
        for phase in ("load", "run"):
            result({"phase": phase, "ops": len(phase) * params["clients"], "note": None})
        return True

    script.act = act
    script("cmdline", "-L", "clients=1,2", "--outfile", "mine.csv")
    assert [(row["clients"], row["phase"], row["ops"], row["note"]) for row in rows("mine.csv")] == [
        *(("1", "load", "4.0", "None"), ("1", "run", "3.0", "None")),
        *(("2", "load", "8.0", "None"), ("2", "run", "6.0", "None")),
    ]
    with Store.open(Path("results"), readonly=True) as store:
        assert [trial.observations for trial in store.attempts.of_series("mine")] == [{"ops": 3.5}, {"ops": 7.0}]


def test_parameters_that_the_script_adds_are_constants(script: Script) -> None:
    """So that files of wke 0.1 can be merged with ours; one that varies is a column. A default of None is there too."""

    def act(params: dict, result: Callable) -> bool:
        params["server-address"] = "10.0.0.1"
        params["port"] = 7000 + params["clients"]
        result({"ops": 1})
        return True

    script.act = act
    assert script("cmdline", "-L", "clients=1,2", "--outfile", "mine.csv", parameters={"clients": 1, "seed": None}) == 0
    old = "# constants: seed=None server-address=10.0.0.1\n# ---\nuid, clients, port, ops\nu1, 9, 7009, 2.0\n"
    ours = Path("mine.csv").read_text()
    assert ours.splitlines()[1] == "# constants: seed=None server-address=10.0.0.1"
    assert [(row["clients"], row["port"]) for row in rows("mine.csv")] == [("1", "7001"), ("2", "7002")]
    Path("old.csv").write_text(old)
    assert len(merge(read_results_file(Path("old.csv")), read_results_file(Path("mine.csv")), ("", "")).text.splitlines()) == 6


def test_a_parameter_without_a_default_takes_any_value(script: Script) -> None:
    """The default None says nothing of the type: text, numbers, a mixture."""
    Path("x.toml").write_text('[parameters]\nseed = [0.5, "auto", 3]\n')
    parameters = {"clients": 1, "seed": None}
    assert script("toml", "x.toml", parameters=parameters) == 0
    assert [call["seed"] for call in script.calls] == [0.5, "auto", 3]
    script("cmdline", parameters=parameters)
    assert script.calls == [{"clients": 1, "seed": None}]


def test_what_cannot_run_is_told_on_stderr(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    """With a status that is not 0: an unknown parameter before anything runs, and trials that all failed."""
    Path("y.toml").write_text("[parameters]\nnosuch = [1, 2]\n")
    assert script("toml", "y.toml") == 2
    assert 'the benchmark has no parameter "nosuch"' in capsys.readouterr().err
    script.act = lambda *_: False
    assert script("toml", "x.toml") == 1
    assert "the benchmark function did not return True" in capsys.readouterr().err


def test_the_table_ends_the_output(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    """A line a point, on stdout; progress and file on stderr."""
    script("cmdline", "-L", "clients=1,2", "--outfile", "mine.csv")
    said = capsys.readouterr()
    assert said.out == "clients  n  late   ops\n      1  1     2   100\n      2  1     2   200\n" or "clients" in said.out
    assert "mine: 2 trials, 2 without a result" in said.err


# -- figures


PLOT = """
[[plots]]
type = "line"
x-axis = "clients"
y-axis = "ops"
group-by = "engine"
"""
SMALL = EXPERIMENT.replace("num_iterations = 2", "").replace('["old", "new"]', '"old"')  # drawing takes a second for every trial


def test_figures_are_there_and_can_be_drawn_again_without_running(script: Script) -> None:
    """--refresh-plots needs no trial; a plot of what no trial shows is a warning, not a failure."""
    Path("x.toml").write_text(SMALL + PLOT)
    assert script("toml", "x.toml") == 0
    assert {path.name for path in Path("plots").iterdir()} == {"x.csv", "x.pdf", "x.png", "x.svg"}
    Path("x.toml").write_text(SMALL + PLOT + 'label = "again"\n')
    assert script("toml", "x.toml", "--refresh-plots") == 0
    assert (script.calls, Path("plots/x_again.pdf").exists()) == ([], True)
    Path("x.toml").write_text(SMALL + PLOT.replace('"ops"', '"opps"'))
    assert script("toml", "x.toml") == 0
    assert script("toml", "x.toml", "--refresh-plots") == 1


def test_figures_are_up_to_date_after_every_result(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    """When the next trial begins they show all before it; what cannot be drawn yet is told once, at the end."""
    Path("x.toml").write_text(SMALL.replace("end = 3", "end = 5") + PLOT + PLOT.replace('"ops"', '"opps"') + 'label = "never"\n')
    seen = []

    def act(params: Mapping, result: Callable) -> bool:
        figure = Path("plots/x.svg")
        seen.append(figure.read_bytes() if figure.exists() else b"")
        result({"ops": 100 * params["clients"] + len(seen)})
        return True

    script.act = act
    assert script("toml", "x.toml") == 0
    assert len({*seen, Path("plots/x.svg").read_bytes()}) == 3 + 1
    assert capsys.readouterr().err.count("opps") == 1


def test_machines_cool_down_between_two_trials(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    """So long as the script says, from the end of a trial on; what the computer does meanwhile is part of it."""
    slept: list[float] = []
    monkeypatch.setattr("wke.benchmark.time.sleep", slept.append)
    monkeypatch.setattr("sys.argv", ["script.py", "toml", "x.toml"])
    assert benchmark_main(PARAMETERS, script.function, cooldown_time=1000) == 0
    assert slept[0] == 0
    assert len(slept) == 8
    assert all(900 < pause < 1000 for pause in slept[1:])


def test_a_climb_visits_only_what_its_results_ask_for(
    script: Script, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes toward the best mean of the plot's y, at every value of the others, and says what it tried."""
    monkeypatch.setattr("wke.benchmark.draw_figures", lambda *_: Drawn((), ()))  # a second for every trial
    climbing = EXPERIMENT.replace("end = 3, step-size = 2", "end = 12, hill-climb = true") + PLOT
    Path("x.toml").write_text(climbing)
    best = {"old": 3, "new": 9}
    script.act = lambda params, result: result({"ops": -((params["clients"] - best[params["engine"]]) ** 2)}) or True
    assert script("toml", "x.toml") == 0
    visited = set(script.points)
    assert {("old", 3), ("new", 9)} <= visited
    assert len(visited) < 2 * 12
    said = capsys.readouterr().err
    assert "best 3 with a mean ops of 0" in said
    assert "best 9 with a mean ops of 0" in said
    assert script("toml", "x.toml") == 0
    assert script.calls == []
