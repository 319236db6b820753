"""An experiment as its file describes it: what to vary, what a trial does, what is observed and which figures show it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from pathlib import Path

from wke.describe.configuration.step import Ready
from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.plot import Contest, Plot, contest_of
from wke.describe.experiment.sweep import Sweep, Value
from wke.describe.experiment.telemetryfile import TelemetryRules
from wke.describe.experiment.verdictfile import VerdictsSection
from wke.describe.expression.expression import Expression, named
from wke.describe.toml.shape import Key
from wke.describe.toml.tables import key_text
from wke.errors import Location, Problem
from wke.values import dataclass

STORE_LIMIT = 10 << 30
FRESH = 5
"""In how many rounds the best value that results chose is measured again at least."""
LOOKS = (5, 10, 20, 40, 80)
"""After how many rounds a series that ends when its comparisons are decided is looked at."""


@dataclass(frozen=True, slots=True)
class Stopping:
    """When a series is precise enough.

    At every point, half the interval of each metric in `of` is at most the share `precision` of its centre. This is checked
    after `min` rounds and then every few rounds.
    """

    precision: float
    of: tuple[str, ...]
    min: int = 5


@dataclass(frozen=True, slots=True)
class Budget:
    """How long a series may take: first `min` iterations of each point, then more where the intervals of the metrics in `of` are widest."""

    total_s: float
    min: int
    of: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """A condition on trials, and what it judges: the "measurement", so that others do not count, or the "system"."""

    that: Expression
    judges: str = "measurement"

    @property
    def text(self) -> str:
        """The text that results depend on."""
        return self.that.text if self.judges == "measurement" else f"{self.judges}: {self.that.text}"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a trial. Its texts are templates; `prelude` None is the configuration's default, "none" is no prelude."""

    target: str
    on: str = "all"
    when: Expression | None = None
    background: bool = False
    ready: Ready | None = None
    options: Mapping[str, Value] = field(default_factory=dict)
    measure: bool = False
    multiply: str = "1"
    timeout_s: float | None = None
    grace_s: float | None = None
    stop_signal: str | None = None
    prelude: str | None = None
    collect: tuple[str, ...] = ()
    scope: str = "trial"
    where: Location | None = None

    def templates(self) -> Iterator[tuple[Key, str]]:
        """Yield every template of the step with its key, relative to the step."""
        yield ("target",), self.target
        yield ("on",), self.on
        yield ("multiply",), self.multiply
        if self.ready is not None and self.ready.port is not None:
            yield ("ready", "port"), self.ready.port
        for name, value in self.options.items():
            if isinstance(value, str):
                yield ("options", name), value


@dataclass(frozen=True, slots=True)
class Scrape:
    """A port on the machines `on` where a program exposes its metrics; those whose names match a pattern in `keep` are stored."""

    port: int
    on: str = "all"
    path: str = "/metrics"
    every_s: float = 1.0
    keep: tuple[str, ...] = ("*",)


def _nowhere(*key: str | int) -> Location:
    return Location("experiment", key=key_text(key) or None)


@dataclass(frozen=True, slots=True)
class Experiment:
    """One experiment file. An experiment without steps belongs to a benchmark script, which does the work of the steps itself.

    `iterations` is the number of rounds that count; with `stopping`, or until comparisons are
    `decided`, it is the maximum.
    `fresh_rounds` measure again what a climb or a plot with `maximize-by` found best; None: as many as it had, and at least FRESH.
    With `redeploy` "round" each round has deployments of its own.
    `stop_after` failures alike in a row end the series. Above `store_limit` bytes of files in the store a warning is due, with 0 never.
    `verdicts` are the rules that judge its trials. `files` maps the files that results depend on to their SHA-256, folders to None.
    `classes` maps a class to the template of its size. `at` returns where a key is in the file, `warnings` are the old spellings in it. In
    a draft, `is_sweep_known` is False if there are mistakes in its parameters.
    """

    name: str
    path: Path
    about: str = ""
    configuration: str | None = None
    iterations: int = 1
    stopping: Stopping | None = None
    budget: Budget | None = None
    decided: bool = False
    fresh_rounds: int | None = None
    redeploy: str | None = None
    warmups: int = 0
    order: str = "interleaved"
    seed: int | None = None
    cooldown_s: float = 0.0
    step_timeout_s: float | None = None
    stop_after: int = 5
    store_limit: int = STORE_LIMIT
    baseline: Mapping[str, Value] = field(default_factory=dict)
    threshold: float = 0.0
    files: Mapping[str, str | None] = field(default_factory=dict)
    parameters: Sweep = field(default_factory=Sweep)
    classes: Mapping[str, str] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    metrics: tuple[Metric, ...] = ()
    checks: tuple[Check, ...] = ()
    scrapes: tuple[Scrape, ...] = ()
    telemetry: TelemetryRules = field(default_factory=TelemetryRules)
    verdicts: VerdictsSection = field(default=VerdictsSection(), compare=False)
    plots: tuple[Plot, ...] = ()
    warnings: tuple[Problem, ...] = field(default=(), compare=False)
    is_sweep_known: bool = field(default=True, compare=False)
    at: Callable[..., Location] = field(default=_nowhere, compare=False, repr=False)

    @property
    def where(self) -> Location:
        """The place of [experiment] in the file."""
        return self.at("experiment")

    @property
    def has_rounds(self) -> bool:
        """True when trials run in rounds of all points, which comparisons need."""
        return self.order != "sequential" and self.parameters.climb is None and self.parameters.searched is None

    @property
    def contests(self) -> tuple[Contest, ...]:
        """What plots maximise, each once; nothing where a climb chooses."""
        asked = () if self.parameters.climb is not None else (contest_of(plot, self.parameters) for plot in self.plots)
        return tuple(dict.fromkeys(one for one in asked if one is not None))

    @property
    def fresh(self) -> int:
        """How many further rounds there can be, in which the best values are measured again: their first results were chosen."""
        if self.parameters.climb is None and not self.contests:
            return 0
        return max(FRESH, self.iterations) if self.fresh_rounds is None else self.fresh_rounds

    @property
    def goal(self) -> Expression | None:
        """What `hill-climb` optimises: the first y of the first plot that has one, else the first metric."""
        shown_first = [y for plot in self.plots for y in plot.y_axis]
        return next(iter([*shown_first, *(named(metric.name) for metric in self.metrics)]), None)

    @property
    def better(self) -> str:
        """Which direction of the goal is better: "lower" if it is a metric declared so, else "higher"."""
        lower = {metric.name for metric in self.metrics if metric.better == "lower"}
        return "lower" if self.goal is not None and self.goal.name in lower else "higher"

    def templates(self) -> Iterator[tuple[Key, str]]:
        """Yield every template of the file with its key."""
        for name, size in self.classes.items():
            yield ("classes", name), size
        for index, step in enumerate(self.steps):
            for key, text in step.templates():
                yield ("steps", index, *key), text
