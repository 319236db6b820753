"""Names of series, points and trials, looked up in a store: what is found, and what the errors offer."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from stored import FAILED, OK

from wke.describe.experiment.experiment import Experiment
from wke.describe.experiment.point import point_key
from wke.describe.experiment.sweep import Parameter, Sweep
from wke.errors import InputError
from wke.keep.store import Store
from wke.keep.trials.storedplan import StoredPlan
from wke.keep.trials.trials import PlannedTrial, Result
from wke.records import Outcome
from wke.series.resolve import SeriesSelection, experiment_file, find_series, find_trial, select_series

POINTS = [(engine, rate) for engine in ("old", "new") for rate in (100, 200)]
TRIALS = [PlannedTrial(f"{engine[0]}{rate}", {"engine": engine, "rate": rate}, 0, False, at) for at, (engine, rate) in enumerate(POINTS)]


def series(store: Store, name: str, trials: list[PlannedTrial], outcomes: dict[str, Outcome]) -> None:
    number = store.writer.begin_series(name, StoredPlan(f"experiments/{name}.toml", 7), command="wke measure", planned=trials)
    for trial in trials:
        if trial.id in outcomes:
            store.writer.finish_attempt(store.writer.begin_attempt(number, trial), Result(outcomes[trial.id], 1, 2))


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """Return a store with the series scale, of which one trial has not run and one has two iterations, and the series a=b."""
    monkeypatch.chdir(tmp_path)
    with Store.open(tmp_path / "results", command="wke measure scale.toml") as opened:
        second = PlannedTrial("n200-1", {"engine": "new", "rate": 200}, 1, False, 4)
        outcomes = {"o100": OK, "n100": FAILED, "n200": OK, "n200-1": FAILED}
        series(opened, "scale", [*TRIALS, second], outcomes)
        series(opened, "a=b", [PlannedTrial("x1", {"n": 1}, 0, False, 0)], {"x1": OK})
        yield opened


def test_series(store: Store) -> None:
    """By name, by experiment file, with points, or all; a name that looks like another form is found too."""
    Path("some.toml").write_text('[experiment]\nname = "scale"\n')
    assert select_series(store, None) == (SeriesSelection("scale"), SeriesSelection("a=b"))
    assert find_series(store, "scale") == find_series(store, "some.toml") == SeriesSelection("scale")
    assert find_series(store, "a=b") == SeriesSelection("a=b")
    selection = find_series(store, "scale:rate=200,engine=new")
    assert [trial.id for trial in store.plans.trials("scale") if selection.has(trial.point)] == ["n200", "n200-1"]


def test_a_series_whose_file_has_a_name_that_is_no_text(store: Store) -> None:
    """By the bytes of the name, by the file, and as tables print it."""
    series(store, "d\udcff", [PlannedTrial("y1", {"n": 1}, 0, False, 0)], {"y1": OK})
    Path("d\udcff.toml").write_text("[experiment]\n")
    stored = SeriesSelection("d\\udcff")
    assert find_series(store, "d\udcff") == find_series(store, "d\udcff.toml") == find_series(store, "d\\udcff") == stored
    assert find_series(store, "d\udcff:n=1").series == stored.series


def test_trials(store: Store) -> None:
    """By the start of the id, or by points if one trial has run there; the attempt comes back."""
    assert find_trial(store, "o1").id == find_trial(store, "scale:rate=100,engine=old").id == "o100"
    assert find_trial(store, "scale:engine=old").id == "o100"
    assert find_trial(store, "scale:engine=new,rate=100.0").outcome == "failed(3)"


WRONG: dict[str, tuple[Callable[[Store, str], object], str, str]] = {
    "scael": (find_series, 'there is no series "scael"', 'did you mean "scale"?'),
    "scael:rate=1": (find_series, 'there is no series "scael"', 'did you mean "scale"?'),
    "scale:rat=100": (find_series, 'scale:rat=100: there is no parameter "rat"', 'did you mean "rate"?'),
    "scale:rate=10": (find_series, "scale:rate=10: rate is never 10", 'did you mean "100"?'),
    "scale:100": (find_series, "scale:100: 100 is not PARAMETER=VALUE", "write scale:rate=100"),
    "rate=100": (find_series, "rate=100 names points, but no series", "write SERIES:rate=100"),
    "git:HEAD": (find_series, "git:HEAD is a commit, and a series is needed here", ""),
    "old/results": (find_series, "old/results is a folder, and a series is needed here", ""),
    "scale": (find_trial, '"scale" is a series, not a trial', "give a trial of it: scale:PARAMETER=VALUE, or an id"),
    "n2": (find_trial, "", "give more of the id"),
    "zz": (find_trial, "no trial", ""),
    "scale:engine=new": (
        find_trial,
        "scale:engine=new means 3 trials",
        "give one of n100 (iteration 1, failed(3)), n200 (iteration 1, ok), n200-1 (iteration 2, failed(3))",
    ),
    "scale:engine=old,rate=200": (find_trial, "no trial has run at scale:engine=old,rate=200", ""),
    "scale:x": (find_trial, "scale:x: x is not PARAMETER=VALUE", ""),
}


@pytest.mark.parametrize("text", WRONG)
def test_names_that_mean_nothing_or_too_much(store: Store, text: str) -> None:
    """The message says what was understood; the hint has the nearest names, or the candidates."""
    find, what, hint = WRONG[text]
    with pytest.raises(InputError) as caught:
        find(store, text)
    (problem,) = caught.value.problems
    assert problem.what.startswith(what)
    assert (problem.hint or "").startswith(hint)


def test_the_file_of_a_series(store: Store) -> None:
    """A file is itself; a series has the file that it was measured by."""
    assert experiment_file("other.toml") == Path("other.toml")
    assert experiment_file("scale") == Path("experiments/scale.toml")
    with pytest.raises(InputError, match="a whole series is needed"):
        experiment_file("scale:rate=100")
    assert store.plans.names() == ("scale", "a=b")


def test_points_that_are_planned_but_never_tried(store: Store) -> None:
    """A selection may name points of the plan that have no attempt yet."""
    sweep = Sweep((Parameter("n", (1, 2)),))
    plan = StoredPlan.of(Experiment("later", Path("later.toml"), parameters=sweep), 7, {})
    store.writer.begin_series("later", plan, command="wke measure", planned=[])
    assert find_series(store, "later:n=2") == SeriesSelection("later", frozenset({point_key({"n": 2})}))
