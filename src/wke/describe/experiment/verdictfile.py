"""The shape of [verdicts] in an experiment file: which rules judge a trial, and from which values on.

A rule with a reason in `off` is not applied. The defaults were simulated before they were chosen; `python benchmarks/truth.py` simulates
them again.
"""

from typing import Annotated

from wke.describe.cluster.clusterfile import Duration, Share
from wke.describe.expression.expression import Expression
from wke.describe.expression.parser import parse_calculation
from wke.describe.toml.shape import Before, Bounds, FlawError, NonEmpty, TableModel
from wke.documents import TomlValue

Limit = Annotated[Share, Bounds(over=0)]
Windows = Annotated[int, Bounds(at_least=1)]


def calculation(value: TomlValue) -> Expression:
    """Return what calculates a number."""
    if not isinstance(value, str):
        raise FlawError("must be a text", 'write a calculation, such as "num-clients"')
    return parse_calculation(value)


class BacklogRule(TableModel):
    """The backlog of an open-loop load grows: the system is overloaded, and latencies are those of a growing queue."""

    off: NonEmpty | None = None
    """Why this rule is not applied."""
    windows: Annotated[int, Bounds(at_least=11)] = 20
    """The rule judges measurements of at least this number of windows of one second."""
    growth: Limit = 0.005
    """A backlog grows if it rises from window to window, and by more than this share of all arrivals."""
    arrivals: Annotated[int, Bounds(at_least=0)] = 20_000
    """Below this number of arrivals a growing backlog is not certain."""


class LittleRule(TableModel):
    """A closed-loop load disagrees with Little's law: clients = throughput x (latency + think time)."""

    off: NonEmpty | None = None
    """Why this rule is not applied."""
    clients: Annotated[Expression, Before(calculation, str)] | None = None
    """The number of clients, each of which has one request in flight: a calculation such as `num-clients * threads`. Without it the rule
    does not judge."""
    throughput: NonEmpty = "throughput"
    """The metric with the requests per second."""
    latency: NonEmpty = "latency"
    """The metric with the mean latency."""
    think: Duration = 0.0
    """How long a client waits between an answer and its next request."""
    completions: Annotated[int, Bounds(at_least=1)] = 20
    """The rule judges measurements with at least this number of completions per client."""
    suspect: Limit = 0.05
    """The trial is suspect if the two sides differ by more than this share."""
    invalid: Limit = 0.15
    """The trial is invalid if the two sides differ by more than this share."""


class OmissionRule(TableModel):
    """A closed loop stood still: the requests that it did not send meanwhile are missing, so its tail is too low."""

    off: NonEmpty | None = None
    """Why this rule is not applied."""
    windows: Windows = 5
    """The rule judges measurements of at least this number of windows of one second, if `little` has the number of clients."""


class SteadyRule(TableModel):
    """The system was not in a steady state: what was measured still rose or fell."""

    off: NonEmpty | None = None
    """Why this rule is not applied."""
    windows: Annotated[int, Bounds(at_least=10)] = 100
    """The rule judges measurements of at least this number of windows of one second."""


class GeneratorRule(TableModel):
    """The load generator was saturated: it measured itself."""

    off: NonEmpty | None = None
    """Why this rule is not applied."""
    windows: Windows = 5
    """The rule judges measurements of at least this number of windows of one second."""
    suspect_busy: Limit = 0.7
    """The trial is suspect if the generator used more than this share of the processor time that it could use."""
    invalid_busy: Limit = 0.9
    """The trial is invalid if the generator used more than this share of the processor time that it could use."""
    suspect_lag: Limit = 0.1
    """The trial is suspect if requests were sent late: the 99th percentile of the lag is more than this share of the median latency."""
    invalid_lag: Limit = 1.0
    """The trial is invalid if the 99th percentile of the lag is more than this multiple of the median latency, and the generator was
    busy (`suspect-busy`). If it had processor time left, it waited for the system; then, and if that is not known, the trial is suspect."""
    sent: Limit = 0.99
    """The trial is invalid if the generator sent less than this share of the requests that were due, and was
    busy; else it is suspect, as for `invalid-lag`."""


class StartRule(TableModel):
    """The clients did not share the measured window: they started too far apart."""

    off: NonEmpty | None = None
    """Why this rule is not applied."""
    windows: Windows = 5
    """The rule judges measurements of at least this number of windows of one second."""
    skew: Limit = 0.01
    """The trial is suspect if the start skew may be more than this share of the measured window."""


class ClockRule(TableModel):
    """A machine's clock was stepped, or its offset is known too inexactly."""

    off: NonEmpty | None = None
    """Why this rule is not applied."""
    bound: Annotated[Duration, Bounds(over=0)] = 0.1
    """The trial is suspect if the offset of a clock is known only to within more than this time."""


class ForeignRule(TableModel):
    """Other programs, or other virtual machines, used the processors of a machine."""

    off: NonEmpty | None = None
    """Why this rule is not applied."""
    windows: Windows = 5
    """The rule judges measurements of at least this number of windows of one second."""
    suspect_load: Limit = 0.1
    """The trial is suspect if programs that are not part of it used more than this share of a machine's processors."""
    invalid_load: Limit | None = None
    """The trial is invalid if programs that are not part of it used more than this share of a machine's processors. By default it never is,
    because what systemd or docker starts for a trial is of no task."""
    suspect_steal: Limit = 0.02
    """The trial is suspect if the hypervisor took more than this share of a machine's processor time away."""
    invalid_steal: Limit = 0.1
    """The trial is invalid if the hypervisor took more than this share of a machine's processor time away."""


class ThrottlingRule(TableModel):
    """Processors were slowed down because they were hot."""

    off: NonEmpty | None = None
    """Why this rule is not applied."""
    windows: Windows = 5
    """The rule judges measurements of at least this number of windows of one second."""
    events: Annotated[int, Bounds(at_least=0)] = 0
    """The trial is suspect if the processors of a machine were slowed down more than this number of times."""


class OversubscribedRule(TableModel):
    """Emulated machines together wanted more processors than their computer has."""

    off: NonEmpty | None = None
    """Why this rule is not applied."""
    windows: Windows = 5
    """The rule judges measurements of at least this number of windows of one second."""
    busy: Limit = 0.95
    """The trial is suspect if all processors of the computer were busy for more than this share of the time."""


class MemoryRule(TableModel):
    """A machine ran short of memory."""

    off: NonEmpty | None = None
    """Why this rule is not applied."""
    windows: Windows = 5
    """The rule judges measurements of at least this number of windows of one second."""
    available: Limit = 0.03
    """The trial is suspect if less than this share of a machine's memory was available."""
    swapped: Annotated[int, Bounds(at_least=0)] = 1_000_000
    """The trial is suspect if a machine moved more than this number of bytes to or from swap."""
    pressure: Limit = 0.1
    """The trial is suspect if programs waited for memory for more than this share of the time."""


class GapsRule(TableModel):
    """The telemetry of a machine has gaps: nobody knows what the machine did meanwhile."""

    off: NonEmpty | None = None
    """Why this rule is not applied."""
    windows: Windows = 5
    """The rule judges measurements of at least this number of windows of one second."""
    gap: Annotated[Duration, Bounds(over=0)] = 1.0
    """The trial is suspect if a machine was not sampled for longer than this time, and for longer than twice the usual time."""
    sampled: Limit = 0.9
    """The trial is suspect if less than this share of the samples of a machine were taken."""


class ProcessesRule(TableModel):
    """A background task stood still although it had worked: its processes were stopped, hung or waited."""

    off: NonEmpty | None = None
    """Why this rule is not applied."""
    windows: Windows = 5
    """The rule judges measurements of at least this number of windows of one second."""
    still: Annotated[int, Bounds(at_least=1)] = 3
    """The trial is suspect if a background task used no processor time for at least this number of windows of one second."""
    busy: Limit = 0.02
    """The rule judges background tasks that use more than this share of a processor in their other windows."""


class ConfigurationRule(TableModel):
    """A rendered configuration file was no longer what was deployed when the measured step had ended."""

    off: NonEmpty | None = None
    """Why this rule is not applied."""


class LimitRule(TableModel):
    """What limits the trial: the resources that it used up. This is a finding and no fault: no trial is suspect because of it."""

    off: NonEmpty | None = None
    """Why this rule is not applied."""
    windows: Windows = 2
    """The rule judges measurements of at least this number of windows of one second."""
    full: Limit = 0.9
    """A resource is used up if more than this share of it was used, or if it was busy for more than this share of the time, in the middle
    80 % of the measurement."""
    memory: Limit = 0.97
    """Memory is used up if more than this share of it was used."""


class VerdictsSection(TableModel):
    """Which rules judge a trial, and from which values on. A change applies to stored trials with `wke reanalyse`."""

    backlog: BacklogRule = BacklogRule()
    """The backlog of an open-loop load grows: latencies are those of a growing queue."""
    little: LittleRule = LittleRule()
    """The numbers of a closed-loop load disagree with Little's law."""
    omission: OmissionRule = OmissionRule()
    """A closed loop stood still, and sent nothing meanwhile."""
    steady: SteadyRule = SteadyRule()
    """What was measured rose or fell throughout."""
    generator: GeneratorRule = GeneratorRule()
    """The load generator was saturated."""
    start: StartRule = StartRule()
    """The clients started too far apart."""
    clock: ClockRule = ClockRule()
    """A machine's clock was stepped, or is known too inexactly."""
    foreign: ForeignRule = ForeignRule()
    """Others used the processors of a machine."""
    throttling: ThrottlingRule = ThrottlingRule()
    """Processors were slowed down because they were hot."""
    oversubscribed: OversubscribedRule = OversubscribedRule()
    """Emulated machines together wanted more processors than there are."""
    memory: MemoryRule = MemoryRule()
    """A machine ran short of memory."""
    gaps: GapsRule = GapsRule()
    """The telemetry of a machine has gaps."""
    processes: ProcessesRule = ProcessesRule()
    """A background task stood still."""
    configuration: ConfigurationRule = ConfigurationRule()
    """A rendered configuration file was changed by something else. Only trials that render files are judged."""
    limit: LimitRule = LimitRule()
    """What the trial used up: a finding, which makes no trial suspect."""
