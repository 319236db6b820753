"""`wke.load`: when requests are due, the audit of that, histograms, what is counted, and what is printed."""

import ast
import base64
import itertools
import math
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import hdr
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wke import load
from wke.describe.configuration.loadmodule import module_beside
from wke.describe.experiment.reports import read_reports
from wke.describe.experiment.timeseries import read_time_series
from wke.judge.statistics.latency import quantile
from wke.keep.output.hdrlog import read_intervals, read_log
from wke.keep.output.histogram import decode

S, MS = load.SECOND, 10**6
STEADY = [(math.inf, 1000.0, 1000.0)]
PIECES = st.lists(st.tuples(st.floats(0.1, 20), st.floats(0, 50), st.floats(0, 50)), min_size=1, max_size=5)


def due(pieces: object, law: str, count: int, *, seed: int = 1, index: int = 0, size: int = 1) -> list[float]:
    return list(itertools.islice(load.arrivals(pieces, law, random.Random(seed), index, size), count))


@given(PIECES, st.integers(1, 4))
def test_constant_arrivals_follow_the_integral_of_the_rate(pieces: list[tuple[float, float, float]], size: int) -> None:
    """Request k of all shares is due when k are expected, through steps, ramps and pauses, and none is missing at the end."""
    shares = [list(load.arrivals(pieces, "constant", None, index, size)) for index in range(size)]
    moments = sorted(itertools.chain(*shares))
    for k, at in enumerate(moments):
        assert load.expected(pieces, at) == pytest.approx(k, abs=1e-4)
    whole = load.expected(pieces, math.inf)
    assert abs(len(moments) - math.ceil(whole)) <= (abs(whole - round(whole)) < 1e-6)


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize(
    "pieces", [STEADY, [(5.0, 1000.0, 1000.0), (10.0, 1000.0, 3000.0), (5.0, 500.0, 500.0)]], ids=["steady", "profile"]
)
def test_poisson_arrivals_are_those_of_a_poisson_process(pieces: list[tuple[float, float, float]], size: int) -> None:
    """Alone and as shares together, gaps are exponential (Kolmogorov-Smirnov, 1 %) and counts vary as they should (3 sd)."""
    count = 4000 // size
    moments = sorted(
        itertools.chain(*(due(pieces, "poisson", count, seed=20 + 10 * index, index=index, size=size) for index in range(size)))
    )
    moments = moments[: int(0.9 * len(moments))]  # the shares end at different moments
    distance, dispersion = load.audit(moments, pieces, "poisson")
    assert distance < 1.63 / math.sqrt(len(moments))
    assert abs(dispersion - 1) < 3 * math.sqrt(2 * load.BATCH / len(moments))


def test_a_seed_gives_the_same_arrivals() -> None:
    """The same seed, the same moments; another one, others."""
    assert due(STEADY, "poisson", 50) == due(STEADY, "poisson", 50) != due(STEADY, "poisson", 50, seed=2)


def stalled(moments: list[float]) -> list[float]:
    """Return moments of which those in a tenth of each second are late, to its end."""
    return [math.floor(at) + 0.1 if at % 1 < 0.1 else at for at in moments]


def jittered(moments: list[float]) -> list[float]:
    source = random.Random(3)
    return [at + source.uniform(0, 0.00005) for at in moments]


AUDITS: dict[str, tuple[str, Callable[[], list[float]], bool]] = {
    "as asked": ("poisson", lambda: due(STEADY, "poisson", 4000), True),
    "late by up to 5 % of a gap": ("poisson", lambda: jittered(due(STEADY, "poisson", 4000)), True),
    "constant for poisson": ("poisson", lambda: due(STEADY, "constant", 4000), False),
    "stalls": ("poisson", lambda: stalled(due(STEADY, "poisson", 4000)), False),
    "half of them": ("poisson", lambda: due(STEADY, "poisson", 4000)[::2], False),
    "in pairs": ("poisson", lambda: [at for at in due(STEADY, "poisson", 4000)[::2] for _ in "ab"], False),
    "constant as asked": ("constant", lambda: due(STEADY, "constant", 4000), True),
    "constant, and late by up to 5 % of a gap": ("constant", lambda: jittered(due(STEADY, "constant", 4000)), True),
    "poisson for constant": ("constant", lambda: due(STEADY, "poisson", 4000), False),
    "constant, with stalls": ("constant", lambda: stalled(due(STEADY, "constant", 4000)), False),
}


@pytest.mark.parametrize(("law", "moments", "good"), AUDITS.values(), ids=AUDITS)
def test_the_audit_tells_what_was_not_asked(law: str, moments: Callable[[], list[float]], *, good: bool) -> None:
    """What was sent otherwise than asked is told in the sentence, and what was sent as asked is not doubted."""
    plan = load.LoadPlan(1000, law, 4, None, 0.0, 64, 0.0, 1.0, 1, 1, 0, (0, 1))
    tally = load.Tally(0, 0, 10 * S)
    for at in moments():
        tally.add(int(at * S), int(at * S), 0, int(at * S) + MS)
    said = load.LoadResult(plan, tally.state()).arrivals()
    assert said.startswith(f"{law}, as asked: " if good else f"NOT {law}, as was asked: ")


def test_few_requests_are_not_audited() -> None:
    """Ten windows are the least that counts can be told from."""
    assert load.audit(due(STEADY, "poisson", 99), STEADY, "poisson") is None
    assert load.audit([], STEADY, "constant") is None


VALUES = st.lists(st.integers(0, 5 * 3600 * S) | st.integers(0, 5000), min_size=1, max_size=200)


@given(VALUES)
def test_histograms_are_read_by_others(values: list[int]) -> None:
    """The encoding is that of HdrHistogram: our reader finds each value in its bucket, and quantiles are the same."""
    counts = Counter(map(load.bucket, values))
    seen = decode(base64.b64decode(load.encoded(counts)))
    expected = Counter(hdr.bucket(value)[2] for value in values)
    assert dict(zip(seen.highs.tolist(), seen.counts.tolist(), strict=True)) == expected
    for q in (0.001, 0.5, 0.99, 1.0):
        assert load.rank(counts, q) == seen.at(max(1, math.ceil(q * len(values) - 1e-9)))


def test_histograms_are_read_by_the_library() -> None:
    """HdrHistogram for Python decodes the same counts."""
    library = pytest.importorskip("hdrh.histogram").HdrHistogram
    source = random.Random(5)
    values = [int(source.lognormvariate(14, 2)) + 1 for _ in range(3000)]
    text = load.encoded(Counter(map(load.bucket, values)))
    theirs = library.decode(text)
    assert theirs.get_total_count() == 3000
    for q in (1, 50, 99, 100):
        assert theirs.get_value_at_percentile(q) == pytest.approx(sorted(values)[math.ceil(q * 30) - 1], rel=0.001)


def seconds_of(tally: load.Tally) -> list[list[int]]:
    return [row[:3] for row in tally.state()["rows"]]


def test_what_counts_where() -> None:
    """A request is due, sent and over in the seconds in which it was; only those due in the window count, and only successes in it are answers."""
    tally = load.Tally(10 * S, 11 * S, 13 * S)  # a second of warm-up, two that count
    for begin, took, problem in (
        (10.2, 0.1, None),  # warm-up
        (10.9, 0.3, None),  # its answer comes inside the window, but it was due before
        (11.5, 1.0, None),
        (12.9, 0.5, None),  # its answer comes after the window
        (12.1, 0.1, ("refused", "why")),
        (12.2, 0.7, (load.SILENT, "")),
    ):
        tally.add(int(begin * S), int(begin * S) + 2 * MS, 0, int((begin + took) * S), problem)
    tally.lose(int(11.7 * S), int(11.8 * S), 0, 15 * S)
    tally.lose(int(12.5 * S), None, None, 15 * S)
    assert seconds_of(tally)[:3] == [[2, 2, 1], [2, 2, 1], [4, 3, 3]]
    state = tally.state()
    assert {name: state[name] for name in ("counted", "answered", "failed", "unfinished", "late")} == {
        "counted": 6,
        "answered": 1,
        "failed": 4,
        "unfinished": 2,
        "late": 3,
    }
    assert state["errors"] == {"refused": [1, "why"], load.SILENT: [2, ""], load.UNSENT: [1, ""]}
    latencies = sorted(load.top(index) for row in state["rows"] for index in row[5])
    assert latencies == [load.top(load.bucket(int(took * S))) for took in (0.5, 0.7, 1.0, 2.5, 3.3)]


def test_lag_leaves_out_the_wait_for_a_client() -> None:
    """A request that no client was free for is late by the system, not by the generator."""
    tally = load.Tally(0, 0, S)
    tally.add(10 * MS, 31 * MS, 30 * MS, 40 * MS)
    tally.add(10 * MS, 12 * MS, 5 * MS, 40 * MS)
    state = tally.state()
    assert sorted(state["rows"][0][4]) == [load.bucket(MS), load.bucket(2 * MS)]
    assert state["waited"] == 1


def test_a_second_in_which_nothing_happens_is_told() -> None:
    """A system that stands still to the end of the window completes nothing in each of its seconds."""
    tally = load.Tally(0, 0, 5 * S)
    tally.add(0, 0, 0, MS)
    assert seconds_of(tally) == [[1, 1, 1], [0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]]


def test_a_window_stays_open_for_enough_answers() -> None:
    """Answers extend a window until there are enough of them, up to ten times its length; failures do not."""
    tally = load.Tally(0, 0, S, enough=4)
    tally.add(0, 0, 0, int(1.5 * S), ("failed", ""))
    assert tally.closes == S
    for end in (0.5, 1.2, 1.4, 1.6, 1.8):
        tally.add(0, 0, 0, int(end * S))
    assert (tally.closes, tally.answered) == (int(1.6 * S) + 1, 4)
    late = load.Tally(0, 0, S, enough=4)
    late.add(0, 0, 0, 11 * S)
    assert late.closes == S


def test_the_share_of_a_processor_is_that_of_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """A generator that was busy to the end of its window was, also if it waits long for the last answer and does nothing meanwhile."""
    used = [0]
    monkeypatch.setattr(load, "processor_time", lambda: used[0])
    tally = load.Tally(0, 0, 2 * S)
    for end in (0.0, 0.5, 1.0, 1.5, 2.0):
        used[0] = int(end * S)
        tally.add(int(end * 0.9 * S), int(end * 0.9 * S), 0, int(end * S))
    tally.lose(int(1.9 * S), int(1.9 * S), 0, 12 * S)
    assert tally.state()["cpu"] == pytest.approx(1)


def worked(number: int = 0, **known: object) -> load.LoadWork:
    given_by_user = {"rate": None, "law": "poisson", "seconds": 1.0, "count": None, "warmup": 0.0, "clients": 4, "think": 0.0}
    rest = {"timeout": 1.0, "processes": 1, "seed": 1, "enough": 0, "share": (0, 1)}
    work = load.LoadWork(load.LoadPlan(**(given_by_user | rest | known)), number, lambda: 100 * S)
    work.begin()
    return work


def test_a_closed_loop_thinks_before_it_asks_again() -> None:
    """A client is due after its think time, which may be drawn; before the first request it thinks for a part of that."""
    work = worked(think=0.2)
    assert work.take(100 * S) == 100 * S + S // 5
    firsts = [work.take(work.first()) for _ in range(200)]
    assert 100 * S <= min(firsts) < max(firsts) < 100 * S + S // 5
    assert work.take(100 * S + S * 9 // 10) is None
    drawn = iter([0.1, 0.3])
    work = worked(think=lambda: next(drawn))
    assert [work.take(100 * S), work.take(100 * S)] == [100 * S + S // 10, 100 * S + 3 * S // 10]
    assert work.free(7, None) == 7
    assert work.free(7, ("failed", "")) > 7


def taken(work: load.LoadWork) -> Iterator[int]:
    while (at := work.take(0)) is not None:
        yield at


def test_processes_share_a_count() -> None:
    """Ten requests after the warm-up are four, three and three; those of the warm-up do not count."""
    works = [worked(number, rate=100.0, seconds=None, count=10, warmup=1.0, processes=3) for number in range(3)]
    moments = [list(taken(work)) for work in works]
    assert [sum(at >= 101 * S for at in each) for each in moments] == [4, 3, 3]
    assert all(any(at < 101 * S for at in each) for each in moments)


def test_a_profile_begins_after_the_warm_up() -> None:
    """The warm-up has the first rate of the profile, whose length is that of the window."""
    work = worked(rate=[(2, 10), (2, 10, 30)], law="constant", seconds=None, warmup=1.0)
    assert work.tally.closes == 105 * S
    assert len(list(taken(work))) == 10 + 20 + 40


def test_what_several_processes_saw_is_one() -> None:
    """Counts and histograms are added, processor time is that of the busiest."""
    whole, parts = load.Tally(0, 0, 2 * S), [load.Tally(0, 0, 2 * S) for _ in range(2)]
    for k in range(20):
        problem = ("failed", str(k)) if k % 5 == 0 else None
        for tally in (whole, parts[k % 2]):
            tally.add(k * S // 10, k * S // 10 + k * 1000, 0, k * S // 10 + MS * k, problem)
    states = [tally.state() for tally in parts]
    states[1]["cpu"], states[1]["rows"][1][3] = 7.0, 7 * S
    merged, alone = load.merged(states), whole.state()
    assert (merged.pop("cpu"), merged["rows"][1].pop(3)) == (7.0, 7 * S)
    assert sorted(merged.pop("sent_at")) == sorted(alone.pop("sent_at"))
    del alone["cpu"], alone["rows"][1][3], alone["rows"][0][3], merged["rows"][0][3]
    assert merged == alone


def result(**known: object) -> load.LoadResult:
    tally = load.Tally(0, S // 2, S // 2 + 2 * S)
    for k in range(2500):
        tally.add(k * MS, k * MS + 50_000, k * MS - 1, k * MS + 2 * MS + 1000 * k)
    tally.lose(2400 * MS, 2401 * MS, 0, 9 * S)
    settings = {"rate": 1000.0, "law": "constant", "seconds": 2.0, "count": None, "warmup": 0.5, "clients": 4, "think": 0.0}
    plan = load.LoadPlan(**(settings | {"timeout": 1.0, "processes": 1, "seed": 42, "enough": 0, "share": (0, 1)} | known))
    return load.LoadResult(plan, tally.state())


def test_what_is_printed_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every line is a metric or a sample that wke knows, with these numbers."""
    monkeypatch.delenv("WKE_DIR", raising=False)
    seen = result()
    text = "".join(f"wke: {line}\n" for line in seen.lines()).encode()
    reports, malformed = read_reports(text)
    assert malformed == []
    assert reports["throughput"] == (pytest.approx(1996 / 2, abs=2), "1/s")
    assert reports["p50"] == (pytest.approx(3.5, rel=0.01), "ms")
    assert (reports["errors"], reports["unfinished"], reports["load-lag"]) == ((1.0, ""), (1.0, ""), (pytest.approx(0.05, rel=0.01), "ms"))
    assert reports["arrivals-dispersion"][0] < 0.01
    assert "p99.9" not in reports
    series = read_time_series(text)
    assert series["due"].values == (1000, 1000, 501)
    assert series["due"].times == (1, 2, 2.5)
    assert {series["lag"].unit, series["load-cpu"].unit} == {"ms", "%"}
    assert "due" not in read_time_series("".join(f"wke: {line}\n" for line in result(rate=None).lines()).encode())


def test_words_for_people() -> None:
    """What did not go well is said: errors by kind, too few answers, latencies that are longer in truth, and the seed."""
    said = "\n".join(result().words())
    for part in ("1 x no answer in time", "of 1 request", "seed 42; arrivals: constant, as asked"):
        assert part in said, said
    few = load.Tally(0, 0, S)
    few.add(0, 0, 0, MS)
    plan = load.LoadPlan(None, "poisson", 1.0, None, 0.0, 4, 0.0, 1.0, 1, 1, 0, (0, 1))
    assert list(load.LoadResult(plan, few.state()).words())[:2] == ["only 1 answer: too few for p50", "only 1 answer: too few for p90"]


def test_the_log_has_every_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The interval log in $WKE_DIR has the latencies of the window in nanoseconds, by the second in which they ended."""
    monkeypatch.setenv("WKE_DIR", str(tmp_path))
    seen = result()
    seen.write(None)
    log = read_log(tmp_path / "latency.hlog")
    assert (log.unit, log.histogram.total) == ("ns", 2001)
    assert quantile(log.histogram, 0.5) == pytest.approx(seen.quantile(0.5) * S, rel=1e-6)
    ends = [interval.end_s for interval in read_intervals(tmp_path / "latency.hlog")]
    assert [end - ends[0] for end in ends] == pytest.approx([0, 1, 2, 2, 9], abs=0.01)
    seen.write("")
    seen.write("out/other.hlog")
    assert sorted(path.name for path in tmp_path.rglob("*.hlog")) == ["latency.hlog", "other.hlog"]


BODY = b"HTTP/1.1 200 OK\r\ncontent-LENGTH: 5\r\nX: y\r\n\r\nhello"
CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n0\r\n\r\n\r\n3;x=y\r\nabc\r\n0\r\n\r\n"


@pytest.mark.parametrize("answer", [BODY, CHUNKS, b"HTTP/1.1 204 No Content\r\n\r\n"])
def test_an_http_answer_is_whole_at_its_end(answer: bytes) -> None:
    """However many bytes have come, it is known whether some are missing."""
    assert [load.http_answer(answer[:size]) for size in range(len(answer) + 1)] == [False] * len(answer) + [True]


def test_an_http_answer_that_refuses() -> None:
    """It fails when it is whole, not before."""
    refusal = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\nno"
    assert not load.http_answer(refusal[:-1])
    with pytest.raises(load.Failed, match=r"HTTP/1\.1 503 Service Unavailable"):
        load.http_answer(refusal)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"rate": 0}, "rate must be more than 0"),
        ({"rate": [(1, 5), (0, 5)]}, "rate must be a number, or a list of"),
        ({"rate": [(1, -5, 5)]}, "rate must be a number, or a list of"),
        ({"rate": [(1, 2, 3, 4)]}, "rate must be a number, or a list of"),
        ({"rate": "100"}, "rate must be a number, or a list of"),
        ({"rate": [100, 200]}, "rate must be a number, or a list of"),
        ({"timeout": "5"}, "timeout must be a number, not '5'"),
        ({"think": "5"}, "think must be a number, not '5'"),
        ({"arrivals": "gamma"}, 'arrivals must be "poisson" or "constant"'),
        ({"seconds": 1, "count": 5}, "either seconds or count"),
        ({"seconds": 0}, "seconds must be more than 0"),
        ({"clients": 2, "processes": 3}, "at least one client for each process"),
        ({"count": 2, "processes": 3, "clients": 3}, "count must be at least 1 for each process"),
        ({"rate": 5, "think": 1.0}, "think and enough are for closed loops"),
        ({"timeout": 0}, "timeout must be more"),
        ({"spin": True}, "spin is for load.tcp"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, object], said: str) -> None:
    """Before anything is sent."""
    with pytest.raises(ValueError, match=said):
        load.run(lambda: None, **wrong)


@pytest.mark.parametrize("addresses", [[], ("127.0.0.1", 80), [("127.0.0.1",)]])
def test_addresses_are_pairs(addresses: object) -> None:
    """Anything else is a mistake that is named."""
    with pytest.raises(ValueError, match=r"must be a list of \(host, port\)"):
        load.tcp(addresses, None, None)


@pytest.mark.parametrize(
    ("script", "gets"),
    [
        (b"from wke import load\n", True),
        (b"from wke import other, load as l\n", True),
        (b"import wke.load\n", True),
        (b"#!/bin/sh\n# needs wke.load\n", True),
        (b"import wke\nload = 5\n", False),
        (b"from wke import run  # load\n", False),
        (b"import unwke.loader\n", False),
        (None, False),
    ],
)
def test_a_script_that_names_the_module_gets_it(script: bytes | None, *, gets: bool) -> None:
    """The file is sent as it is, and only where it is wanted: it is a part of the trial's identity."""
    assert module_beside(script) == (Path(load.__file__).read_bytes() if gets else None)


def test_it_needs_nothing_else() -> None:
    """The file imports the standard library only, and an old Python can read it."""
    text = Path(load.__file__).read_text()
    tree = ast.parse(text, feature_version=(3, 7))
    named = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    named |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in named} <= sys.stdlib_module_names
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.NamedExpr)]
