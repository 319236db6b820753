"""The shape of an experiment file, its short forms spelled out. What its words mean together is experiment.py's business."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from wke.describe.clusterfile import Duration
from wke.describe.configfile import AnyScalar, NonEmpty
from wke.describe.metrics import compile_log
from wke.describe.tables import FlawError, Items, TableModel
from wke.describe.wording import shown


def _file_name(value: str) -> str:
    if not value or re.search(r"[/\0\n]", value) or value.startswith("."):
        raise FlawError("becomes part of file names: it must not be empty, begin with a dot or hold a slash")
    return value


def _number_or_template(value: Any) -> Any:
    """Accept a whole number where text is expected: `3` is short for the template "3"."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise FlawError(f'must be a whole number or a template such as "{{num-clients}}", not {shown(value)}')
    return str(value)


def _log_pattern(value: str) -> str:
    compile_log(value)
    return value


def _pattern(value: str) -> str:
    try:
        re.compile(value.encode())
    except re.error as error:
        raise FlawError(f"is not a regular expression: {error}") from None
    return value


def _columns(value: Any) -> Any:
    """Turn one column into a list of one."""
    if isinstance(value, dict):
        raise FlawError("must be a metric or a list of metrics: equations of metrics are not drawn")
    return [value] if isinstance(value, str) else value


def _labels(value: Any) -> Any:
    """Turn labels in the order of the values into a table under their positions."""
    if isinstance(value, list):
        return dict(enumerate(value))
    if not isinstance(value, dict):
        raise FlawError(f"must be a list of labels or a table from value to label, not {shown(value)}")
    return value


FileName = Annotated[str, AfterValidator(_file_name)]
Count = Annotated[str, BeforeValidator(_number_or_template, json_schema_input_type=int | str)]
Limit = Annotated[Duration, Field(gt=0)]
Scale = Literal["linear", "log", "symlog"]


class ExperimentSection(TableModel):
    """What holds for the experiment as a whole."""

    name: FileName | None = Field(
        None, description="Its name in the store, of its CSV file and of its figures; the file's name without .toml where it is left out."
    )
    about: str = Field("", description="One line for people.")
    configuration: NonEmpty | None = Field(
        None, description="The folder whose targets the steps run, beside cluster.toml. Needed with [[steps]]."
    )
    iterations: Annotated[int, Field(ge=1)] = Field(1, description="How many trials of each point count.")
    warmups: Annotated[int, Field(ge=0)] = Field(0, description="How many trials of each point run before them and do not count.")
    order: Literal["interleaved", "sequential"] = Field(
        "interleaved", description='"interleaved": each round runs every point once, in random order; "sequential": point by point.'
    )
    seed: int | None = Field(
        None, description="What the random order follows from; chosen and stored with the first trial where it is left out."
    )
    cooldown: Duration = Field(0.0, description="Pause between two trials.")


class ReadyEntry(TableModel):
    """How to tell that a background step answers."""

    port: Count | None = Field(None, description="A TCP port that accepts connections, asked on each of the step's machines.")
    log: Annotated[NonEmpty, AfterValidator(_pattern)] | None = Field(
        None, description="A regular expression; each task has written a line in which it is found."
    )
    target: NonEmpty | None = Field(
        None, description="A target that succeeds on each of the step's machines; it is run again until it does."
    )
    within: Limit = Field(20.0, description="Longer than this, and the trial has timed out.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if sum(way is not None for way in (self.port, self.log, self.target)) != 1:
            raise FlawError("must have exactly one of port, log and target", 'write { port = 6379, within = "20s" }')
        return self


class StepEntry(TableModel):
    """One step of a trial."""

    target: NonEmpty = Field(description="What to run.")
    on: NonEmpty = Field("all", description="A selector: where.")
    background: bool = Field(
        False, description="Start it and go on; it is stopped when the trial ends. Ends it before, the trial has failed."
    )
    ready: ReadyEntry | None = Field(None, description="When the next step may begin. Only with background = true.")
    options: Mapping[str, AnyScalar] = Field(default_factory=dict, description="The target's options; values may be templates.")
    measure: bool = Field(
        False,
        description="This is the step whose tasks start at one instant and whose output the metrics are read from. Exactly one step is.",
    )
    multiply: Count = Field("1", description="So many tasks on each machine.")
    timeout: Limit | None = Field(None, description="A task that takes longer is stopped and has timed out.")
    prelude: NonEmpty | None = Field(None, description='Use this prelude instead of the default one; "none" for none.')


class MetricEntry(TableModel):
    """Where a metric comes from. Its name is its key."""

    log: Annotated[NonEmpty, AfterValidator(_log_pattern)] | None = Field(
        None,
        description="A regular expression with one group, around the number; the last match counts. Without it, tasks report the metric by name: wke: NAME=VALUE UNIT.",
    )
    join: Literal["sum", "mean", "min", "max", "median"] | None = Field(
        None, description="How the values of several tasks become one. Needed when there are several."
    )
    unit: str = Field("", description="Its unit; a value that is reported in another one is converted.")
    better: Literal["higher", "lower"] | None = Field(
        None, description="Which way is better. Kept with the results; nothing depends on it yet."
    )
    on: NonEmpty | None = Field(None, description="A selector: read it from the tasks of these machines only.")
    step: NonEmpty | None = Field(None, description="Read it from the tasks of this target instead of the measured step's.")
    summary: Literal["mean", "geometric-mean", "median"] | None = Field(
        None,
        description="How the trials of a point become one number: geometric-mean for rates and ratios, mean otherwise, where it is left out.",
    )


class FilterEntry(TableModel):
    """Which rows a plot shows: those where a parameter has a value."""

    key: NonEmpty = Field(description="A parameter.")
    value: AnyScalar = Field(description="The value that it has in what is drawn.")


class PlotEntry(TableModel):
    """One figure."""

    type: Literal["line", "bar"] = Field("line", description="Lines with error bars, or groups of bars.")
    label: FileName | None = Field(None, description="Part of the files' names, NAME_LABEL; needed for all plots but one.")
    title: str | None = Field(None, description="Written above the figure.")
    x_axis: NonEmpty = Field(description="A parameter that varies.")
    y_axis: Annotated[Items[NonEmpty], Field(min_length=1), BeforeValidator(_columns, json_schema_input_type=str | list[str])] = Field(
        description="A metric, or a list of them: one panel each."
    )
    sort_by: NonEmpty | None = Field(None, description="Another parameter that varies: one line or bar group for each of its values.")
    sort_labels: Annotated[Mapping[str | int, str], BeforeValidator(_labels, json_schema_input_type=list[str] | Mapping[str, str])] = Field(
        default_factory=dict, description="How these values are called: a list in their order, or a table from value to label."
    )
    filter_by: FilterEntry | None = Field(None, description="Draw only points where a parameter has this value.")
    x_label: str | None = Field(None, description="Instead of the parameter's name.")
    y_label: str | None = Field(None, description="Instead of the metric's name and unit.")
    x_scale: Scale = Field("linear", description="How the x-axis is divided.")
    y_scale: Scale = Field("linear", description="How the y-axis is divided.")


class ExperimentFile(TableModel):
    """All of an experiment file. Tables of other names are sub-parameters, if some table names them so."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="allow")

    experiment: ExperimentSection = Field(ExperimentSection(), description="What holds for the experiment as a whole.")
    parameters: Mapping[str, Any] = Field(
        default_factory=dict,
        description="NAME = a value, a list, { start, end, step-size } or { base, start, end, step-size }; later ones vary faster. sub-parameters names tables chosen one after the other.",
    )
    classes: Mapping[str, Count] = Field(
        default_factory=dict, description="CLASS = a number or a template: the trial uses only so many of its first machines."
    )
    steps: Items[StepEntry] = Field((), description="What a trial does, in order.")
    metrics: Mapping[str, MetricEntry] = Field(default_factory=dict, description="NAME = where the number comes from.")
    plots: Items[PlotEntry] = Field((), description="The figures.")
