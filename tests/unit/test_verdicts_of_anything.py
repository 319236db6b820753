"""Rules judge whatever a trial may show: a rule that raised would end the series, and the next command would meet it again."""

from hypothesis import given, settings
from hypothesis import strategies as st

from wke.describe.experiment.timeseries import TimeSeries
from wke.describe.experiment.verdictfile import LittleRule, VerdictsSection
from wke.describe.expression.parser import parse_calculation
from wke.judge.verdicts.evidence import Evidence
from wke.judge.verdicts.limit import Resource, Share
from wke.judge.verdicts.machineuse import MachineUse
from wke.judge.verdicts.processes import TaskUse
from wke.judge.verdicts.rules import FAILED, OF_RENDERED, RULES, judge_trial
from wke.judge.verdicts.uses import Uses
from wke.keep.output.configuration import ChangedFile, ConfigurationCheck
from wke.records import TaskName

TASKS = TaskName(1, "load", "m0"), TaskName(1, "load", "m1", 1)
NUMBERS = st.sampled_from([0.0, 1.0, 3.5, 1e-9, 1e9]) | st.floats(0, 1e6)
PERHAPS = st.none() | NUMBERS
LENGTHS = st.sampled_from([0, 1, 4, 5, 11, 20, 24, 60, 99, 100, 101, 305])
SHAPES = (lambda at: 0.0, lambda at: 7.0, float, lambda at: float(at % 3), lambda at: 1e9 / (at + 1))
SERIES = st.builds(
    lambda length, shape, unit, step: TimeSeries(unit, tuple(step * (at + 1) for at in range(length)), tuple(map(shape, range(length)))),
    LENGTHS,
    st.sampled_from(SHAPES),
    st.sampled_from(["", "ms", "s"]),
    st.sampled_from([0.5, 1.0, 7.0]),
)
MACHINES = st.lists(
    st.builds(
        MachineUse,
        machine=st.sampled_from(["m0", "m1"]),
        **dict.fromkeys(("cores", "busy", "own", "steal", "hot", "available", "swapped", "waiting", "gap", "sampled", "every"), PERHAPS),
    ),
    max_size=2,
).map(tuple)
USES = st.builds(
    Uses,
    machines=MACHINES,
    hosts=MACHINES,
    tasks=st.lists(st.builds(TaskUse, st.just("serve on m0"), st.lists(NUMBERS, max_size=12)), max_size=2).map(tuple),
    generators=st.dictionaries(st.sampled_from(["m0", "m1"]), st.tuples(PERHAPS, st.sampled_from([0.2, 1.0, 2.0]))),
    shares=st.lists(st.builds(Share, st.sampled_from(["m0", "m1"]), st.sampled_from(Resource), NUMBERS, NUMBERS, PERHAPS)).map(tuple),
)
EVIDENCE = st.builds(
    Evidence,
    window_s=st.none() | LENGTHS.map(float) | st.floats(0, 400),
    columns=st.dictionaries(st.sampled_from(["n", "throughput", "latency", "p50"]), NUMBERS | st.just("text")),
    units=st.just({"throughput": "1/s", "latency": "ms", "p50": "ms"}),
    metrics=st.just(()),
    load=st.dictionaries(st.sampled_from(TASKS), st.dictionaries(st.sampled_from(["due", "sent", "done", "lag"]), SERIES)),
    starts=st.none() | st.tuples(NUMBERS, NUMBERS),
    clocks=st.dictionaries(st.sampled_from(["m0", "m1"]), PERHAPS),
    has_generator=st.booleans(),
    clients=st.sampled_from([None, parse_calculation("n")]),
    configuration=st.sampled_from([None, ConfigurationCheck(2), ConfigurationCheck(2, (ChangedFile("m0", "etc/x", "gone"),))]),
    disturbed=st.sampled_from([(), ((0.5, 3.0),), ((0.0, 1.0), (2.0, 1e4))]),
    uses=USES.map(lambda uses: lambda _: uses),
)
RULES_OF_A_CLOSED_LOOP = VerdictsSection(little=LittleRule(clients=parse_calculation("n"), latency="latency"))


@settings(max_examples=80)
@given(EVIDENCE)
def test_every_rule_has_something_to_say(seen: Evidence) -> None:
    """Zeros, gaps, texts where numbers are expected, windows of any length: each rule gives a level and a sentence."""
    judgements = judge_trial(seen, RULES_OF_A_CLOSED_LOOP)
    assert [each.rule for each in judgements] == [name for name in RULES if name != OF_RENDERED or seen.configuration is not None]
    assert [each.said for each in judgements if not each.said or each.said.startswith(FAILED)] == []
