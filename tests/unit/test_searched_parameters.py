"""Searches in experiment files: every form of the table, which condition tells where to look, and what is refused."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from wke.describe.experiment.experiment import Experiment
from wke.describe.experiment.experimentreader import read_experiment
from wke.describe.experiment.rules import rules_of
from wke.describe.experiment.sweep import Parameter
from wke.describe.search.search import Search, readable
from wke.errors import InputError
from wke.keep.trials.storedplan import StoredPlan

STEPS = """
[[steps]]
target = "load"
measure = true
options = { rate = "{rate}", servers = "{servers}" }
[metrics]
p99 = { unit = "ms" }
p50 = { unit = "us" }
errors = { unit = "%" }
done = { unit = "1/s" }
bare = {}
"""


def read(folder: Path, parameters: str, experiment: str = "", plots: str = "") -> Experiment:
    path = folder / "x.toml"
    path.write_text(f'[experiment]\nconfiguration = "kv"\n{experiment}\n[parameters]\n{parameters}\n{STEPS}\n{plots}')
    return read_experiment(path)


def searched(experiment: Experiment) -> tuple[Parameter, Search]:
    found = experiment.parameters.searched
    assert found is not None
    assert found.search is not None
    return found, found.search


RATES = {
    'from = 100, to = "1M"': (100, 1_000_000, 10_000, 12),
    'from = "2k", to = "8K/s"': (2000, 8000, 4000, 12),
    'from = 0.5, to = "1.5M", start = "12k", trials = 16': (0.5, 1_500_000, 12_000, 16),
    "from = 1, to = 2, start = 2": (1, 2, 2, 12),
}


@pytest.mark.parametrize(("ends", "meant"), RATES.items(), ids=RATES)
def test_every_form_of_a_rate(tmp_path: Path, ends: str, meant: tuple[float, ...]) -> None:
    """Numbers and texts with k, M, G; without a start it is in the middle, by ratio. The file begins with the start alone."""
    experiment = read(tmp_path, f'servers = 1\nrate = {{ find = "max", while = "p99 < 10ms", {ends} }}')
    parameter, search = searched(experiment)
    assert (search.lowest, search.highest, search.start, search.trials) == meant
    assert parameter.values == (search.value(meant[2]),)
    assert [point["rate"] for point in experiment.parameters.points()] == list(parameter.values)
    assert experiment.parameters.varied == ("rate",)
    assert experiment.parameters.constants == {"servers": 1}
    assert (experiment.iterations, experiment.has_rounds) == (1, False)


def test_a_search_for_the_smallest_has_all_values(tmp_path: Path) -> None:
    """They are planned, each with its trials; the other parameter with several numbers is the load."""
    experiment = read(tmp_path, 'rate = [100, 200]\nservers = { find = "min", while = "p99 < 10ms", from = 2, to = 4 }')
    assert [tuple(point.values()) for point in experiment.parameters.points()] == [(r, s) for r in (100, 200) for s in (2, 3, 4)]
    assert (experiment.iterations, rules_of(experiment).search) == (3, replace(searched(experiment)[1], load="rate"))


@pytest.mark.parametrize(
    ("wanted", "value"), [(12345.6, 12300), (99.96, 100), (2.3749, 2.37), (0.012345, 0.0123), (999.5, 1000), (123456789.0, 123000000)]
)
def test_rates_can_be_read_and_written_again(wanted: float, value: float) -> None:
    """Three digits, and no fraction where there is none."""
    assert (readable(wanted), type(readable(wanted))) == (value, type(value))


def test_no_value_leaves_the_range(tmp_path: Path) -> None:
    """The ends are tried as they are written, with all their digits."""
    _, search = searched(read(tmp_path, 'servers = 1\nrate = { find = "max", while = "p99 < 10ms", from = 1234, to = 56789 }'))
    assert [search.value(wanted) for wanted in (3.0, 1234.0, 2345.6, 56789.0, 1e9)] == [1234, 1234, 2350, 56789, 56789]


BOUNDS = {
    "p99 < 10ms": ("p99", "10ms"),
    "p99 < 10ms and errors < 0.1%": ("p99", "10ms"),
    "errors < 0.1% and (p99 <= 2 * 5ms and done > 3)": ("p99", "2 * 5ms"),
    "10ms > p99": ("p99", "10ms"),
    "p50 < 900 and not p99 >= 10ms": ("p50", "900"),
    "p99 < 10ms and done >= 0.98 * rate": ("p99", "10ms"),
}


@pytest.mark.parametrize(("condition", "bound"), BOUNDS.items(), ids=BOUNDS)
def test_one_part_tells_where_to_look(tmp_path: Path, condition: str, bound: tuple[str, str]) -> None:
    """The one that compares a latency with a constant; the other parts only decide whether the condition holds."""
    experiment = read(tmp_path, f'servers = 1\nrate = {{ find = "max", while = "{condition}", from = 100, to = 900 }}')
    units = {metric.name: metric.unit for metric in experiment.metrics}
    assert [(one.metric, one.limit_text) for one in searched(experiment)[1].bounds(units)] == [bound]


def test_a_stored_plan_has_the_search(tmp_path: Path) -> None:
    """What is written is read as it was."""
    text = 'while = "p99 < 10ms and errors < 0.1%", from = 100, to = "1M", completions = "done * 30s", unit = "calls/s"'
    plan = StoredPlan.of(read(tmp_path, f'servers = 1\nrate = {{ find = "max", {text} }}'), 7, {})
    assert StoredPlan.from_json(plan.to_json()).rules == plan.rules
    assert json.loads(plan.to_json())["rules"]["search"]["while"] == "p99 < 10ms and errors < 0.1%"


MAX = 'servers = 1\nrate = { find = "max", while = "p99 < 10ms", from = 100, to = 900 }'
MISTAKES = {
    'rate = { find = "most" }': 'rate.find: must be "max" or "min", not the text "most"',
    'rate = { find = "max", from = 1, to = 2 }': (
        'rate: while is missing\n  hint: a search is rate = { find = "max", while = "p99 < 10ms", from = 100, to = "1M" }'
    ),
    'rate = { find = "max", while = "p99 < 10ms", from = 1, to = 2, step = 1 }': "rate.step: unknown key of a search for the max",
    'rate = { find = "max", while = "p99 < 10ms", from = 0, to = 2 }': "rate.from: must be a positive number, not the number 0",
    'rate = { find = "max", while = "p99 < 10ms", from = 1, to = "1T" }': 'rate.to: must be a positive number, not the text "1T"',
    'rate = { find = "max", while = "p99 < 10ms", from = 5, to = 5 }': "rate.to: must be more than from, not the number 5",
    'rate = { find = "max", while = "p99 < 10ms", from = 1, to = 5, start = 6 }': "rate.start: must be between from and to",
    'rate = { find = "max", while = "p99 < 10ms", from = 1, to = 5, trials = 7 }': "rate.trials: must be from 8 to 100, not 7",
    'rate = { find = "max", while = "p99", from = 1, to = 5 }': "rate.while: compares no latency with a constant",
    'rate = { find = "max", while = "p98 < 10ms", from = 1, to = 5 }': 'rate.while: there is no metric or parameter "p98"',
    'rate = { find = "max", while = "p99 < ", from = 1, to = 5 }': "rate.while:",
    'rate = { find = "max", while = "errors < 0.1%", from = 1, to = 5 }': "rate.while: compares no latency with a constant",
    'rate = { find = "max", while = "bare < 10", from = 1, to = 5 }': 'compares no latency with a constant (metric "bare" has no unit)',
    'rate = { find = "max", while = "p99 < p50", from = 1, to = 5 }': "rate.while: compares no latency with a constant",
    'rate = { find = "max", while = "p99 > 10ms", from = 1, to = 5 }': "rate.while: compares no latency with a constant",
    'rate = { find = "max", while = "p99 < 0ms", from = 1, to = 5 }': "rate.while: limits p99 by 0ms, which must be more than 0",
    'rate = { find = "max", while = "p99 < 10ms and p50 < 1ms", from = 1, to = 5 }': "rate.while: limits p99 and p50: it is one latency",
    'rate = { find = "max", while = "p99 < 10ms and errors < 1ms", from = 1, to = 5 }': "compares a number in % with a number in ms",
    'rate = { find = "max", while = "p99 < 10ms", from = 1, to = 5, completions = "p99 * 3" }': "rate.completions: comes out in ms",
    'rate = { find = "min", while = "p99 < 10ms", from = 1, to = "3" }': "rate.to: must be a whole number of at least 1",
    'rate = { find = "min", while = "p99 < 10ms", from = 1, to = 3, trials = 4 }': "rate.trials: must be odd, not 4",
    'rate = { find = "min", while = "p99 < 10ms", from = 1, to = 3, load = "x" }': 'rate.load: "x" is not another parameter',
    'rate = { find = "max", while = "p99 < 10ms", from = 1, to = 5 }\nservers = { find = "min", while = "p99 < 10ms", from = 1, to = 3 }': (
        "servers.find: a second parameter is searched\n"
        "  hint: give the other one as a list or a range: the answer is then found for each of its values"
    ),
}


@pytest.mark.parametrize(("parameters", "mistake"), MISTAKES.items(), ids=MISTAKES)
def test_mistakes(tmp_path: Path, parameters: str, mistake: str) -> None:
    """Each is told with its place and what to do; none stays for the first trial to find."""
    whole = parameters if "servers" in parameters else f"servers = 1\n{parameters}"
    with pytest.raises(InputError) as error:
        read(tmp_path, whole)
    assert mistake in str(error.value)
    assert str(tmp_path / "x.toml") in str(error.value)
    assert "step-size" not in str(error.value)  # the keys of a range


OTHERS = {
    "iterations = 5": "iterations: does not go with a search",
    "warmups = 1": "warmups: does not go with a search",
    'budget = "1h"': "budget: does not go with a search",
    "baseline = { servers = 1 }": "baseline: does not go with a search",
    'order = "sequential"': "order: does not go with a search",
}


@pytest.mark.parametrize(("setting", "mistake"), OTHERS.items(), ids=OTHERS)
def test_what_does_not_go_with_a_search(tmp_path: Path, setting: str, mistake: str) -> None:
    """A search has no rounds, and its number of trials is its own."""
    with pytest.raises(InputError) as error:
        read(tmp_path, MAX.replace("servers = 1", "servers = [1, 2]"), setting)
    assert mistake in str(error.value)


def test_several_loads_must_be_told_apart(tmp_path: Path) -> None:
    """Which one the walk goes through is asked, not guessed."""
    sizes = 'rate = [1, 2]\nsize = [1, 2]\nservers = { find = "min", while = "p99 < 10ms", from = 1, to = 3'
    plot = '[[plots]]\nx-axis = "size"\ny-axis = "p99"\nsort-by = "rate"'
    with pytest.raises(InputError, match="several parameters could be the load of the search: rate, size"):
        read(tmp_path, f"{sizes} }}", plots=plot)
    assert rules_of(read(tmp_path, f'{sizes}, load = "size" }}', plots=plot)).search.load == "size"
