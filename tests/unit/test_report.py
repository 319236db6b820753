"""What a page is made of: which series and trials, what counts, what is left out where there is no room, and nothing that steers a browser."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from attempts import EXPECTED, store_attempts
from telemetry_of import AHEAD, LOAD, START, S, made_up

from wke.describe.experiment.experimentreader import read_experiment
from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.rules import Rules
from wke.describe.experiment.timeseries import TimeSeries
from wke.describe.search.searchform import read_search
from wke.errors import InputError
from wke.judge.policies.largest import RateFound
from wke.judge.policies.smallest import SizesFound
from wke.judge.statistics.capacity import Capacity, Phase, RateSearch, Refusal
from wke.judge.statistics.demand import Demand
from wke.judge.statistics.statistics import Summary
from wke.judge.summary.pointtable import PointRow, PointTable
from wke.keep.output.logs import LogWriter
from wke.keep.store import Store
from wke.keep.trials.judgements import Judgement, Level
from wke.keep.trials.storedplan import StoredPlan
from wke.keep.trials.trials import PlannedTrial, Result
from wke.records import ClockReading, MachineClock, Outcome, OutcomeKind, Output, StartedTogether, TaskEnded
from wke.series.report import report as making
from wke.series.report import timelines
from wke.series.report.figurecommands import figure_commands
from wke.series.report.headlines import headlines
from wke.series.report.points import PagePoints
from wke.series.report.report import _report, make_page
from wke.series.report.sides import open_sides
from wke.series.report.timeline import _task_lines
from wke.series.report.timelines import choose_timelines
from wke.series.report.trials import LONGEST_LINE, read_trials
from wke.series.telemetry import stored_telemetry
from wke.tell.page.arrangement import Arrangement
from wke.tell.page.values import Report

OK, FAILED = Outcome(OutcomeKind.OK), Outcome(OutcomeKind.FAILED, 3)
PLOTTED = """
[experiment]
configuration = "kv"
[parameters]
clients = [1, 2]
engine = ["old", "new"]
size = [1, 2]
[[steps]]
target = "load"
on = "all"
measure = true
collect = "out/x.hlog"
options = { clients = "{clients}", engine = "{engine}", size = "{size}" }
[metrics]
p99 = { hdr = "out/x.hlog", quantile = 0.99, unit = "ms" }
"""
EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\x1b[31m\u202e\u200b\x00\"'`&lt;"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a project of one's own."""
    monkeypatch.chdir(tmp_path)


def read(*names: str) -> Report:
    """Return the values of a page."""
    with open_sides(names) as sides:
        points = PagePoints.of(sides)
        return _report(sides, points, read_trials(sides, points.places, ["p99", "tput"]), "wke report")


def series(name: str, rounds: int, *, factor: float = 1.0, telemetry: bool = False, evil: str = "") -> None:
    """Measure old and new, of which new has twice the throughput, in some rounds; the last trial fails, the one before is suspect."""
    points = [{"engine": engine + evil} for engine in ("old", "new")]
    metrics = (Metric("tput", unit="1/s", better="higher"),)
    plan = StoredPlan(f"{name}.toml", 7, rules=Rules(tuple(points), rounds, metrics, baseline=points[0]))
    trials = [PlannedTrial(f"{name}{k:02}-{i}", point, i, False, 2 * i + k) for i in range(rounds) for k, point in enumerate(points)]
    with Store.open(Path("results"), command="wke measure", series=name) as store:
        command = store.writer.begin_series(name, plan, command=f"wke measure {evil}", planned=trials)
        for trial in trials:
            attempt = store.writer.begin_attempt(command, trial)
            task = replace(LOAD, target="load" + evil)
            with LogWriter(attempt.folder) as logs:
                for line in range(9):
                    logs(Output(task, 1, f"line {line} {evil}\n".encode(errors="surrogatepass"), START + AHEAD + line * S // 9))
                if evil:
                    logs(Output(task, 2, b"y" * 10_000_000 + b"\n", START + AHEAD + S))
            if telemetry:
                made_up(attempt.folder)
            last, suspect = trial.position == len(trials) - 1, trial.position == len(trials) - 2
            value = factor * (100 + trial.position % 3) * (2 if trial.point == points[1] else 1)
            clock = {"node1": MachineClock((ClockReading(AHEAD, 1000, START - S),), 0)}
            result = Result(
                FAILED if last else OK,
                START - S + trial.position * 10,
                START + 3 * S,
                f"load on node1: failed(3) {evil}" if last else "",
                {} if last else {"tput": value},
                {} if last else {"tput": "1/s"},
                tasks=[TaskEnded(task, FAILED if last else OK, START + AHEAD, START + AHEAD + 3 * S, "", evil)],
                fingerprints={"node1": {"kernel": evil}},
                start=StartedTogether(LOAD.step, "load", START, 0, 0, "node1", "node1", clock),
                judgements=[Judgement("foreign", Level.SUSPECT if suspect else Level.OK, "node1", f"others ran {evil}")],
            )
            store.writer.finish_attempt(attempt, result)


def test_every_attempt_is_there_and_only_those_that_count_count() -> None:
    """Warm-ups, invalid, failed, derived and superseded attempts all have a key of their own."""
    store_attempts(Path("results"))
    found = read("scale")
    assert sorted((t.id, t.attempt, t.counts) for t in found.trials) == sorted((name, n, counts) for name, n, _, counts, _ in EXPECTED)
    assert len({trial.key for trial in found.trials}) == len(found.trials)
    verdicts = {trial.key: trial.verdict for trial in found.trials}
    assert (verdicts["a-0"], verdicts["a-0.1"], verdicts["b-1"]) == ("unknown", "invalid", "failed")
    assert {cause.title.partition(":")[0]: cause.trials for cause in found.failures} == {"invalid": ("a-0.1",), "failed(3)": ("b-1",)}
    excluded = dict(found.disclosure)["Excluded"]
    assert [text.partition(":")[0] for text in excluded] == sorted(
        {"w-0", "a-0.1", "a-0.3", "b-1"}, key=[t.key for t in found.trials].index
    )


def test_the_largest_decided_comparison_comes_first() -> None:
    """The headline has the factor, its interval and both values, and the points have the values that tables have."""
    series("scale", 8)
    found = read("scale")
    assert found.baseline == "engine=old"
    assert found.headlines[0].figure.startswith("2.0")
    assert found.headlines[0].sentence.startswith("tput at engine=new is 2.0")
    assert "against 10" in found.headlines[0].detail
    assert found.headlines[0].ratio is not None
    assert [point.values for point in found.points] == [("old",), ("new",)]
    assert found.points[1].verdicts == {"ok": 7, "failed": 1}
    assert found.parameters == ("engine",)


def test_a_value_is_rounded_once() -> None:
    """The large number of a headline is the one in the sentence below it."""
    summary = Summary(8, 2417.3, 2385.0, 2449.6, "mean")
    table = PointTable((), {"tput": "1/s"}, (PointRow({"engine": "old"}, 8, 0, 0, {"tput": summary}),))
    (found,) = headlines([], (), table)
    assert (found.figure, found.sentence) == ("2,417 1/s", "tput is 2,417 ± 32 1/s.")


def test_what_a_search_found_comes_before_single_points() -> None:
    """The load that a system sustains is what its series was measured for, not the best of the points on the way there."""
    rows = tuple(PointRow({"rate": rate}, 1, 0, 0, {"p99": Summary(1, 9.0, None, None, "mean")}) for rate in (100, 200))
    table = PointTable(("rate",), {"p99": "ms"}, rows)
    search = read_search({"find": "max", "while": "p99 < 10ms", "from": 100, "to": "1M"})
    state = RateSearch(Phase.OVER, None, capacity=Capacity(12, 12_412.0, 12_104.0, 12_796.0))
    found = RateFound("rate", search, {}, (), state, None, "p99", "ms", 10.0)
    (told,) = headlines([], (found,), table)
    assert (told.figure, told.interval, told.detail) == ("12,400 requests/s", "12,100 to 12,800", "p99 < 10ms.")
    assert told.sentence.startswith("search of rate: holds up to 12,400 requests/s (95 %: 12,100 to 12,800; 12 trials)")
    unsure = replace(found, state=replace(state, capacity=Capacity(12, 12_412.0, refusal=Refusal.UNCERTAIN)))
    (told,) = headlines([], (unsure,), table)
    assert (told.figure, told.interval) == ("about 12,400 requests/s", "")
    size = read_search({"find": "min", "while": "p99 < 10ms", "from": 1, "to": 9})
    demands = (Demand(7, 2, None, 3, known=True, sure=False), Demand(8, None, None, None, known=False, sure=True))
    (told,) = headlines([], (SizesFound("n", size, {}, "rate", demands, (), None, 9),), table)
    assert (told.figure, told.sentence) == ("2 or 3", "search of n: 2 or 3 at rate=7.")


def test_series_are_compared_side_by_side() -> None:
    """The first series is compared with the other; keys of trials differ."""
    series("now", 6, factor=3)
    series("then", 6)
    found = read("now", "then")
    assert found.series == ("now", "then")
    assert found.headlines[0].figure == "3.00×"
    assert {point.series for point in found.points} == {0, 1}
    assert len({trial.key for trial in found.trials}) == 24


def test_commands_beside_figures_work_where_the_page_is_made() -> None:
    """Each series has its own; those of another project change to it, and a folder that is not called results has none."""
    series("now", 5)
    series("then", 5)
    shutil.copytree("results", "other/results")
    shutil.copytree("results", "old")
    assert read("now").commands["lines:tput"] == "wke results now"
    found = read("now", "then")
    assert found.commands["lines:tput"] == "wke results now; wke results then"
    assert (found.commands["order:tput:0"], found.commands["order:tput:1"]) == ("wke results now --trials", "wke results then --trials")
    assert found.commands["compare:"] == "wke results now; wke compare then now"
    found = read("now", "other")
    assert found.commands["order:tput:1"] == "wke results now --trials --cwd other"
    assert "wke results now --trials --csv --cwd other > now-2.csv" in found.reproduce
    assert {trial.commands[0].endswith(" --cwd other") for trial in found.trials if trial.series} == {True}
    found = read("now", "old")
    assert "lines:tput" not in found.commands
    assert "order:tput:1" not in found.commands
    assert {trial.commands for trial in found.trials if trial.series} == {()}


def test_figures_have_the_command_that_draws_them() -> None:
    """With up to three parameters `wke plot` draws what the page shows; it refuses none of these commands."""
    Path("now.toml").write_text(PLOTTED)
    experiment = read_experiment(Path("now.toml"))
    series("now", 1)
    with open_sides(["now"]) as sides:
        found = {
            number: figure_commands(sides, ["p99"], names, Arrangement("clients", True, [], "", [], []), experiment)
            for number, names in enumerate((("clients",), ("clients", "engine"), ("clients", "engine", "size")), 1)
        }
    line = 'wke plot now --figure \'type = "line", y-axis = "p99", x-axis = "clients"'
    assert [each["lines:p99"] for each in found.values()] == [
        f"{line}'",
        f'{line}, sort-by = "engine"\'',
        f'{line}, sort-by = "engine", facet-by = "size"\'',
    ]
    assert found[1]["cdf:p99"] == 'wke plot now --figure \'type = "cdf", y-axis = "p99", sort-by = "clients"\''
    assert found[2]["percentiles:p99"].endswith(', sort-by = "engine", facet-by = "clients"\'')
    assert "cdf:p99" not in found[3]
    assert found[3]["order:p99:0"] == 'wke plot now --figure \'type = "order", y-axis = "p99"\''


def test_names_that_mean_nothing_are_refused() -> None:
    """A series that does not exist, a folder with several, a name twice, a trial that is not in the page or is not one."""
    series("now", 5)
    series("then", 5)
    for names, trials, words in (
        (["nothing"], [], "nothing"),
        (["now", "now"], [], "twice"),
        (["results"], [], "several series: now, then"),
        (["now"], ["x"], "no trial of this page"),
        (["now"], ["now"], "begins several trials"),
    ):
        with pytest.raises(InputError, match=words):
            make_page(names, trials)


def test_the_same_data_make_the_same_bytes() -> None:
    """Nothing of a page depends on when it is made."""
    series("scale", 5, telemetry=True)
    assert make_page(["scale"], ["scale00-1"]).text == make_page(["scale"], ["scale00-1"]).text


def test_only_the_last_lines_are_kept_and_long_ones_are_cut() -> None:
    """Five lines of a machine, twenty of a task that failed, 400 characters of each line."""
    series("scale", 5)
    found = {trial.key: trial.lines for trial in read("scale").trials}
    assert [line.text for line in found["scale00-0"]] == [f"line {number} " for number in range(4, 9)]
    assert len(found["scale01-4"]) == 9
    series("long", 1, evil="z")
    assert [len(line.text) < LONGEST_LINE + 40 for trial in read("long").trials for line in trial.lines] == [True, True]


def test_what_does_not_fit_is_left_out_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Named trials come first, then overviews, then trials with findings; what is left out is said, with its size and how to see it."""
    monkeypatch.setattr(timelines, "FEW_SAMPLES", 0)
    series("scale", 5, telemetry=True)
    with open_sides(["scale"]) as sides:
        trials = read_trials(sides, PagePoints.of(sides).places, ["tput"])
        whole = choose_timelines(trials, ["scale00-0"], 10**6, "wke report scale")
        assert whole.whole == {"scale00-0", "scale00-4", "scale01-4"}
        assert len(whole.packed) == 10
        assert whole.left_out[0].startswith("the whole telemetry of 7 attempts, which takes ")
        assert whole.left_out[0].endswith(": wke report scale --trial scale01-0")
        sizes = {key: timelines._size(one) for key, one in whole.packed.items()}
        some = choose_timelines(trials, ["scale00-0"], sizes["scale00-0"] + 2 * sizes["scale01-0"] + 10, "wke report scale")
        assert some.whole == {"scale00-0"}
        assert 2 <= len(some.packed) < 10
        assert any(text.startswith("all telemetry of ") for text in some.left_out)
        assert any("no room for that of scale00-4, scale01-4" in text for text in some.left_out)
        none = choose_timelines(trials, ["scale00-0"], 0, "wke report scale")
        assert none.packed == {}


def test_requests_are_shown_as_a_rate() -> None:
    """The last window is half as long and has half as many requests: the line does not fall. The first one begins with the measured step.

    So the mean of the step is known. Other series stay as they were written.
    """
    series("scale", 1, telemetry=True)
    with open_sides(["scale"]) as sides:
        trial = read_trials(sides, PagePoints.of(sides).places, ["tput"])[0]
    written = {name: TimeSeries("", (1.0, 2.0, 2.5), (500.0, 500.0, 250.0)) for name in ("done", "mine")}
    telemetry = replace(stored_telemetry(trial.at, trial.of), written={LOAD: written})
    found = {line.name: (line.row.unit, list(course.values)) for line, course in _task_lines(telemetry, trial.times)}
    assert found == {"done": ("1/s", [500, 500, 500]), "mine": ("", [500, 250])}


def test_a_page_keeps_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that would be too large loses the lines of trials that count, then all, and says so."""
    series("scale", 5)
    whole = make_page(["scale"])
    monkeypatch.setattr(making, "SPARE", 0)
    smaller = make_page(["scale"], largest=len(whole.text.encode()) - 100)
    assert smaller.left_out[0].startswith("the last lines of ")
    assert len(smaller.text) < len(whole.text)


def test_hostile_content_is_text() -> None:
    """No element, attribute or policy of the page comes from names, values, machines or logs; no sign steers the reader."""
    series("scale", 5)
    calm = make_page(["scale"]).text
    series("evil", 5, evil=EVIL, telemetry=True)
    page = make_page(["evil"]).text
    data = page.encode()
    assert b"<img" not in data
    assert re.findall("alert\\(1\\)</script", page) == []
    assert page.count("<script") - calm.count("<script") == 0
    signs = {sign for sign in page if not sign.isprintable()} - {"\n", "\t"}
    assert {f"U+{ord(sign):04X}" for sign in signs} <= {f"U+{ord(sign):04X}" for sign in calm}
    for text in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL):
        assert "<" not in text
        json.loads(text)
    assert len(data) < 2_000_000
