"""`wke compare --why`: what differs between two results, ranked; equal results name nothing, and few trials confirm nothing."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from differing import Setting, setting_of, small, store_series
from telemetry_of import AHEAD, START, S, bits, made_up

from wke.cli.compare import compare
from wke.errors import InputError
from wke.judge.statistics.pairs import Pair
from wke.judge.telemetry.course import Window
from wke.judge.why.aspect import Aspect, AspectFormula, AspectKind
from wke.judge.why.aspects import ASPECTS, metric_aspect
from wke.judge.why.facts import FactDifference, FactKind, input_facts, machine_facts, software_facts, version_facts
from wke.judge.why.ranking import Contrast, MeasuredDifference, PairSeen, contrasts_of, ranked
from wke.judge.why.seen import seen_of
from wke.keep.store import Store
from wke.keep.telemetry.columns import Column
from wke.keep.telemetry.file import SCRAPES, encode
from wke.keep.telemetry.reader import read_telemetry
from wke.keep.telemetry.writer import TelemetryWriter
from wke.keep.trials.judgements import Judgement, Level
from wke.keep.trials.versions import Version
from wke.series.comparison.why import why_named
from wke.series.telemetry import stored_telemetry
from wke.tell.why import headline, notes, told, undecided, why_json

BY_NAME = {aspect.name: aspect for aspect in ASPECTS}
WAIT, SWAP, CPU, MEMORY = (BY_NAME[name] for name in ("disk wait", "swap", "processors", "memory wait"))
ROUNDS = 5


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a series in which all points but one have a cause, and others to compare with."""
    folder = tmp_path_factory.mktemp("why")
    results = folder / "results"
    store_series(results, "scale", {name: small(setting_of(name)) for name in ("none", "slower disk", "other version")}, rounds=ROUNDS)
    busy, idle = (Judgement("limit", Level.FINDING, "m", said) for said in ("client1 used 97 % of a core", "nothing was used up"))
    slow = Setting(judgements=(busy, Judgement("generator", Level.SUSPECT, "m", "the generator was busy")), deployed=True).slower(2)
    store_series(results, "blind", {"none": Setting(judgements=(idle,)), "slow": slow}, rounds=ROUNDS, telemetry=False)
    store_series(results, "long", {"short": small(Setting()), "long": small(Setting(seconds=36))}, rounds=1)
    changed = Setting(script="echo one\nexec serve", limits={"server1": {"cpus": 0.5}}, delay_s=0.005)
    store_series(results, "later", {"none": changed}, rounds=2)
    return folder


@pytest.fixture(autouse=True)
def in_project(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run tests that ask for the project in its folder."""
    if "project" in request.fixturenames:
        monkeypatch.chdir(request.getfixturevalue("project"))


def test_a_trial_gives_a_number_for_each_aspect_and_place(tmp_path: Path) -> None:
    """A mean over the window: of devices together, divided where that is asked, without the loopback; none if most of it is not known."""
    telemetry = made_up(tmp_path / "made")
    assert telemetry.window is not None
    scraped = TelemetryWriter(tmp_path / "scraped", SCRAPES)
    values = {
        "fsync_seconds_sum": (1.0, 1.5),
        "fsync_seconds_count": (100.0, 150.0),
        "fsync_seconds_bucket": (1.0, 9.0),
        "heap_bytes": (5.0, 5.0),
    }
    scraped.columns(
        "node1", 0, [Column("scrape.1", name, "1", "counter" if "fsync" in name else "gauge", floating=True) for name in values]
    )
    times = [START + AHEAD, START + AHEAD + 3 * S]
    scraped.chunk("node1", 0, 2, encode([times, *([bits(one) for one in each] for each in values.values())]))
    scraped.close()
    seen = seen_of(replace(telemetry, scrapes=read_telemetry(tmp_path / "scraped", SCRAPES)), telemetry.window, {"node1": 0.001})
    assert {(aspect.name, place, aspect.unit): pytest.approx(value) for (aspect, place), value in seen.items()} == {
        ("way", "node1", "s"): 0.001,
        ("duration", "the measured step", "s"): 3.0,
        ("throttled", "node1", "share"): 0.0,
        ("throttled", "the computer", "share"): 0.0,
        ("other programs", "node1", "cores"): 1 / 3,
        ("processors", "node1", "share"): 5 / 12,
        ("busiest processor", "node1", "share"): 5 / 6,
        ("read", "node1", "B/s"): 20.0,
        ("received", "node1", "B/s"): 5.0,
        ("sent", "node1", "B/s"): 7.0,
        ("task cpu", "load on node1", "cores"): 0.5,
        ("fsync_seconds", "node1", "s"): 0.01,
        ("heap_bytes", "node1", "B"): 5.0,
    }
    longer = Window(telemetry.window.start_ns, telemetry.window.start_ns + 10 * S)
    assert {aspect.name for aspect, _ in seen_of(telemetry, longer, {})} == {"duration"}


def test_steps_of_different_length_are_compared_from_their_start(project: Path) -> None:
    """Over the time of the shorter one; how long they take is a difference of its own."""
    report = why_named("long:system=short", "long:system=long", None)
    with Store.open(Path("results"), readonly=True) as store:
        (trial,) = [one for one in store.attempts.one_per_trial("long") if one.point["system"] == "long"]
        telemetry = stored_telemetry(trial, store.details.of(trial.id, trial.attempt))
    assert telemetry.window is not None
    by_name = {(one.aspect.name, one.place): one for one in report.ranking.all}
    length = by_name["duration", "the measured step"]
    assert (length.baseline, length.candidate) == pytest.approx((12, 36), abs=0.2)
    start_ns = telemetry.window.start_ns
    first = seen_of(telemetry, Window(start_ns, start_ns + round(length.baseline * S)), {})
    assert by_name["processors", "server1"].candidate == pytest.approx(first[CPU, "server1"])
    assert by_name["processors", "server1"].candidate != pytest.approx(seen_of(telemetry, telemetry.window, {})[CPU, "server1"], rel=0.02)


def contrast(aspect: Aspect, place: str, *pairs: tuple[float, float]) -> Contrast:
    """Return pairs of baseline and candidate."""
    return Contrast(aspect, place, tuple(Pair(now, before) for before, now in pairs))


P99 = metric_aspect("p99", "ms", 0.0)
CLEAR = [(0.03, 0.41), (0.04, 0.43), (0.03, 0.39), (0.02, 0.4), (0.03, 0.42)]


def test_waiting_comes_before_work_and_metrics_and_each_topic_once() -> None:
    """The same at another machine is one line; what never exceeds its floor is not compared; facts come first, but not all of them."""
    facts = [FactDifference(FactKind.MACHINE, f"fact {n}", ("m",), ("a",), ("b",)) for n in range(4)]
    facts += [
        FactDifference(FactKind.SOFTWARE, "wke", (), ("1",), ("2",)),
        FactDifference(FactKind.VERSION, "etcd", ("m",), ("1",), ("2",)),
    ]
    busy = contrast(BY_NAME["disk busy"], "s1", *[(before, now + 0.5) for before, now in CLEAR])
    memory = contrast(MEMORY, "s1", *[(before / 10, now / 10) for before, now in CLEAR])
    p99 = contrast(P99, "p99", *[(100 * before, 100 * now) for before, now in CLEAR])
    nothing = contrast(SWAP, "s1", *[(100 * before, 100 * now) for before, now in CLEAR])
    work = contrast(CPU, "s1", *CLEAR)
    less = contrast(WAIT, "s2", *[(before, now / 2) for before, now in CLEAR])
    echo = [
        contrast(BY_NAME[name], place, *[(1e8 * a, 1e8 * b) for a, b in CLEAR])
        for name, place in (("task written", "x on s1"), ("written", "s1"))
    ]
    ranking = ranked([p99, nothing, work, *echo, less, memory, busy, contrast(WAIT, "s1", *CLEAR)], facts)
    order = [one.name if isinstance(one, FactDifference) else f"{one.aspect.name} {one.place}" for one in ranking.differences]
    measured = ["memory wait s1", "disk busy s1", "task written x on s1", "processors s1", "p99 p99"]
    assert order == ["etcd", "fact 0", "disk wait s1", "fact 1", "fact 2", "fact 3", *measured, "wke"]
    first = ranking.differences[2]
    assert isinstance(first, MeasuredDifference)
    assert [other.place for other in first.others] == ["s2"]
    assert (first.baseline, first.candidate) == pytest.approx((0.03, 0.41))
    assert first.low is not None
    assert first.high is not None
    assert 0.3 < first.low < 0.41 < first.high < 0.6
    assert ranking.tested == 8


def test_few_pairs_confirm_nothing() -> None:
    """Four pairs say what is larger in each, if it is remarkable; five pairs of which one disagrees are not even that."""
    few = ranked([contrast(WAIT, "s1", *CLEAR[:4]), contrast(CPU, "s1", *[(0.5, 0.6)] * 4), contrast(SWAP, "s1", (1e7, 1), (1, 1e7))], [])
    assert (few.differences, few.tested, [one.aspect for one in few.undecided]) == ((), 0, [WAIT])
    vague = ranked([contrast(WAIT, "s1", *CLEAR[:4], (0.4, 0.03))], [])
    assert (vague.differences, vague.undecided, vague.tested) == ((), (), 1)
    crowd = [contrast(WAIT, f"m{n}", *[(0.1, 0.1 + 0.01 * ((n * k) % 7)) for k in range(5)]) for n in range(60)]
    weak = contrast(WAIT, "s1", (0.1, 0.2), (0.1, 0.25), (0.12, 0.2), (0.1, 0.3), (0.1, 0.18))
    assert ranked([weak], []).differences
    assert (ranked([weak, *crowd], []).differences, ranked([weak, *crowd], []).doubtful) == ((), 1)
    assert ranked([weak, *crowd], []).undecided == ()
    beside = ranked([weak, *crowd, contrast(CPU, "s1", *[(before, 50 * before) for before, _ in CLEAR])], [])
    assert [one.place for one in beside.undecided] == ["s1"]


def test_pairs_of_one_round_are_one_pair() -> None:
    """Points that share a round depend on one another: their mean counts once; a metric with zeros has an arithmetic one."""
    seen = [PairSeen(k, {(CPU, "s"): 0.1}, {(CPU, "s"): value}) for k in range(3) for value in (0.2, 0.3)]
    (one,) = contrasts_of(seen)
    assert len(one.pairs) == 3
    assert one.pairs[0].candidate == pytest.approx((0.22 * 0.32) ** 0.5 - 0.02)
    errors = metric_aspect("errors", "", 0.0), "errors"
    (one,) = contrasts_of([PairSeen(0, {errors: 0.0}, {errors: value}) for value in (0.0, 4.0)])
    assert one.pairs == (Pair(2.0, 0.0),)


def test_each_aspect_is_a_rule_that_can_be_read() -> None:
    """Names are distinct, sentences have both places, and what is told in a unit has one."""
    assert len(BY_NAME) == len(ASPECTS)
    for aspect in ASPECTS:
        assert {"{where}", "{value}"} <= set(re.findall(r"\{\w+\}", aspect.sentence))
        assert AspectFormula.of(aspect.what).patterns
        assert aspect.floor > 0
        assert (aspect.large is not None) == (aspect.unit in {"share", "cores"} or aspect.kind is AspectKind.WAIT) or aspect.unit in {
            "kHz",
            "B/s",
        }
    assert AspectFormula.of("most disk.*.busy") == AspectFormula("most", ("disk.*.busy",), "")
    assert AspectFormula.of("cpu.irq cpu.softirq / cpu.capacity") == AspectFormula("sum", ("cpu.irq", "cpu.softirq"), "cpu.capacity")


STEP = {"script": "a1", "prelude": None, "options": [["threads", "4"], ["rate", "100"]], "machines": ["s1"], "environment": {}}
MACHINE = {"external-addr": "10.0.0.1", "limits": {"cpus": 1.0}}
DEPENDS = {
    "point": {"rate": 100},
    "cluster": {"machines": {"s1": MACHINE}, "links": {"default": {"delay": 0.1}}},
    "steps": [STEP],
    "files": {},
}


@pytest.mark.parametrize(
    ("change", "fact"),
    [
        ({"steps": [STEP | {"script": "b2"}]}, (FactKind.SCRIPT, "script", ("serve",), ("a1",), ("b2",))),
        ({"steps": [STEP | {"options": [["threads", "1"], ["rate", "100"]]}]}, (FactKind.OPTION, "threads", ("serve",), ("4",), ("1",))),
        ({"steps": [STEP | {"options": [["threads", "4"]]}]}, (FactKind.OPTION, "rate", ("serve",), ("100",), ())),
        ({"steps": [STEP | {"options": [["threads", "4"], ["rate", "200"]]}], "point": {"rate": 200}}, None),
        ({"steps": [STEP | {"environment": {"A": "1"}}]}, (FactKind.OPTION, "A", ("serve",), (), ("1",))),
        ({"steps": [STEP | {"machines": ["s1", "s2"]}]}, (FactKind.STEP, "machines", ("serve",), ('["s1"]',), ('["s1", "s2"]',))),
        ({"files": {"x.csv": "d1"}}, (FactKind.FILE, "x.csv", (), (), ("d1",))),
        (
            {"cluster": DEPENDS["cluster"] | {"links": {"default": {"delay": 0.2}}}},
            (FactKind.LINK, "default delay", (), ("0.1",), ("0.2",)),
        ),
        (
            {"cluster": DEPENDS["cluster"] | {"machines": {"s1": MACHINE | {"limits": {"cpus": 0.5}}}}},
            (FactKind.LIMIT, "cpus", ("s1",), ("1.0",), ("0.5",)),
        ),
        (
            {"cluster": DEPENDS["cluster"] | {"machines": {"s1": MACHINE | {"external-addr": "x"}}}},
            (FactKind.ADDRESS, "external-addr", ("s1",), ("10.0.0.1",), ("x",)),
        ),
        ({"metrics": {"p99": {}}}, (FactKind.METRIC, "p99", (), (), ("{}",))),
        ({"beside": "x"}, None),
    ],
)
def test_inputs_that_differ_are_facts(change: dict[str, object], fact: tuple[object, ...] | None) -> None:
    """Each with its name and place; what follows from the parameters that were asked for is none."""
    sides = [{"depends": DEPENDS | each, "targets": ["serve"]} for each in ({"metrics": {}}, {"metrics": {}} | change)]
    found = list(input_facts(*sides, {"rate": ("100", "200")}))
    assert [(one.kind, one.name, one.where, one.baseline, one.candidate) for one in found] == ([fact] if fact else [])


def test_versions_machines_and_software_that_differ_are_facts() -> None:
    """One that differs alike on several machines is one; what one side does not know is none; a missing disk is not there."""

    def version(machine: str, said: str, problem: str = "") -> Version:
        return Version(machine, "etcd", "etcd --version", said, problem, 0)

    (one,) = version_facts([version("a", "1"), version("b", "1"), version("c", "?", "failed")], [version(m, "2") for m in "abcd"])
    assert (one.where, one.baseline, one.candidate) == (("a", "b"), ("1",), ("2",))
    before = [{("a", "x"): {"kernel": "6.1", "product": "X", "disk sda": "1 TB"}, ("z", "x"): {"kernel": "1"}}]
    now = [{("a", "y"): {"kernel": "6.2", "product": "Y", "SMT": "on"}}]
    found = [(one.kind, one.name, one.baseline, one.candidate) for one in machine_facts(before, now)]
    assert found == [
        (FactKind.MACHINE, "kernel", ("6.1",), ("6.2",)),
        (FactKind.MACHINE, "disk sda", ("1 TB",), ("missing",)),
        (FactKind.PRODUCT, "product", ("X",), ("Y",)),
    ]
    mine = {"wke": "1", "git": {"commit": "a" * 40, "uncommitted": None}}
    (one,) = software_facts(mine, mine | {"git": {"commit": "a" * 40, "uncommitted": "b" * 64}, "python": "3"})
    assert (one.name, one.candidate) == ("git", ("aaaaaaaaaaaa with changes bbbbbbbb",))


def run(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> tuple[list[str], list[str]]:
    """Run `wke compare` and return the lines of stdout and stderr."""
    assert compare.main(list(arguments), standalone_mode=False) == status
    out, err = capsys.readouterr()
    return out.splitlines(), err.splitlines()


@pytest.mark.parametrize("columns", ["80", "120"])
def test_the_first_lines_answer(project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    """The metric that differs most, then the ranking; all lines fit; in a wide terminal, a column says by how much."""
    monkeypatch.setenv("COLUMNS", columns)
    out, err = run(capsys, "scale:system=none", "scale:system=slower disk", "--why")
    assert re.fullmatch(r"throughput is [\d,]+ 1/s \([\d,]+ 1/s at system=none\): × 0\.\d+ \[0\.\d+, 0\.\d+\]", out[0])
    assert re.match(r" 1  server1 waits for its disks \d+ % of the time \([\d.]+ % at system=none\)", out[1])
    assert re.search(r"\+[\d.]+ \[\+[\d.]+, \+[\d.]+\] points$", out[1] if columns == "120" else out[2])
    assert max(map(len, out)) <= int(columns)
    assert err[0] == "5 pairs of trials, in the same rounds; numbers are means over the measured step"
    assert re.fullmatch(r"brackets: 95 % interval; confirmed at 5 % among \d\d comparisons \(Holm\)", err[1])


def test_json_has_all_that_was_compared(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Ranked, undecided and the rest, with numbers unrounded."""
    out, _ = run(capsys, "scale:system=none", "scale:system=other version", "--why", "--json")
    told_ = json.loads("\n".join(out))
    first, *_ = told_["ranking"]
    assert (first["rank"], first["what"], first["kind"], first["where"]) == (1, "fact", "version", ["server1", "server2"])
    assert (first["baseline"], first["candidate"]) == (["etcd 3.5.8"], ["etcd 3.5.9"])
    assert first["sentence"] == "etcd on server1 and server2 is etcd 3.5.9 (etcd 3.5.8 at system=none)"
    measured = [one for one in told_["compared"] if one["confirmed"]]
    assert {one["aspect"] for one in told_["ranking"][1:]} <= {one["aspect"] for one in measured}
    assert all(one["low"] < one["candidate"] < one["high"] and one["p"] < 0.05 for one in measured)
    assert (told_["asked"], told_["pairs"], told_["tested"]) == ({"system": ["none", "other version"]}, ROUNDS, len(told_["compared"]))


def test_a_comparison_says_what_it_lacks(project: Path) -> None:
    """Without telemetry the metrics and facts are compared, and what is missing is told; with two rounds nothing is confirmed."""
    blind = why_named("blind:system=none", "blind:system=slow", None)
    assert {one.aspect.name for one in blind.ranking.differences if isinstance(one, MeasuredDifference)} == {
        "p99",
        "throughput",
    }
    assert "no pair of trials has telemetry of the measured step on both sides; what machines did meanwhile is not compared" in list(
        notes(blind)
    )
    assert list(notes(blind))[-5:-1] == [
        "5 of 5 trials of blind:system=slow suspect: the generator was busy",
        "limit of blind:system=none: nothing was used up",
        "limit of blind:system=slow: client1 used 97 % of a core",
        "all trials of blind:system=slow ran on one deployment, so that this may be what differs",
    ]
    later = why_named("scale:system=none", "later", None)
    assert headline(later) == "later against scale:system=none: 2 pairs of trials cannot confirm a difference (that takes 5)"
    assert [one.sentence for one in told(later)] == [
        "the script of start-server is changed",
        "the cpus limit of server1 is 0.5 (none)",
        "the delay of the link default is 5 ms (0.2 ms)",
    ]
    assert told(later)[0].lines == ("-start", "+echo one", "+exec serve")
    assert "2 pairs of trials, measured at different times, so that the days may be what differs" in next(notes(later))
    assert not later.together


@pytest.mark.parametrize(
    ("baseline", "candidate", "pairs"),
    [
        ("scalenone-1", "scaleslowerdisk-3", 1),
        ("scalenone-1", "scale:system=slower disk", 1),
        ("scale:system=slower disk", "scalenone-1", 1),
        ("scalenone-1", "scale:system=none", 1),
        ("blind:system=none", "blind", ROUNDS),
        ("scale", "later", 2),
    ],
)
def test_trials_can_be_compared(project: Path, baseline: str, candidate: str, pairs: int) -> None:
    """With a trial of the same round if there is one; one pair confirms nothing."""
    report = why_named(baseline, candidate, None)
    assert (report.pairs, report.rounds) == (pairs, min(pairs, ROUNDS))
    if "slower" in candidate + baseline:
        heading, first, *_ = undecided(report)
        assert heading == "Too few pairs to confirm anything. In every pair:"
        assert ("server1" in first, first.rpartition(": ")[2]) == (
            True,
            "smaller, not confirmed" if "slower" in baseline else "larger, not confirmed",
        )
        assert report.ranking.differences == ()
        assert why_json(report)["undecided"]


@pytest.mark.parametrize(
    ("baseline", "candidate", "words"),
    [
        ("scaleslowerdisk-1", "blind", "blind has several points, and none is that of scaleslowerdisk-1"),
        ("scalenone-1", "scalenone-1", "scalenone-1 has no other trial that scalenone-1 can be compared with"),
        ("scale:system=none", "scale:system=none", "nothing can be compared with itself"),
        ("scale:system=none", "nothing", 'there is no series "nothing"'),
    ],
)
def test_what_cannot_be_compared_is_said(project: Path, baseline: str, candidate: str, words: str) -> None:
    """With the reason."""
    with pytest.raises(InputError) as error:
        why_named(baseline, candidate, None)
    assert words in str(error.value)


def test_a_comparison_that_finds_a_difference_names_the_command(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """That says why; one without a difference does not, and --why excludes what is about verdicts."""
    _, err = run(capsys, "blind:system=none", "blind:system=slow", status=4)
    assert err[-1] == "what differs between them: wke compare blind:system=none blind:system=slow --why"
    with pytest.raises(InputError, match="--why has no verdict"):
        run(capsys, "blind:system=none", "blind:system=slow", "--why", "--strict")
