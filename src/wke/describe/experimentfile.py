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

    name: FileName | None = None
    about: str = ""
    configuration: NonEmpty | None = None
    iterations: Annotated[int, Field(ge=1)] = 1
    warmups: Annotated[int, Field(ge=0)] = 0
    order: Literal["interleaved", "sequential"] = "interleaved"
    seed: int | None = None
    cooldown: Duration = 0.0


class ReadyEntry(TableModel):
    """How to tell that a background step answers."""

    port: Count | None = None
    log: Annotated[NonEmpty, AfterValidator(_pattern)] | None = None
    target: NonEmpty | None = None
    within: Limit = 20.0

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if sum(way is not None for way in (self.port, self.log, self.target)) != 1:
            raise FlawError("must have exactly one of port, log and target", 'write { port = 6379, within = "20s" }')
        return self


class StepEntry(TableModel):
    """One step of a trial."""

    target: NonEmpty
    on: NonEmpty = "all"
    background: bool = False
    ready: ReadyEntry | None = None
    options: Mapping[str, AnyScalar] = Field(default_factory=dict)
    measure: bool = False
    multiply: Count = "1"
    timeout: Limit | None = None
    prelude: NonEmpty | None = None


class MetricEntry(TableModel):
    """Where a metric comes from. Its name is its key."""

    log: Annotated[NonEmpty, AfterValidator(_log_pattern)] | None = None
    join: Literal["sum", "mean", "min", "max", "median"] | None = None
    unit: str = ""
    better: Literal["higher", "lower"] | None = None
    on: NonEmpty | None = None
    step: NonEmpty | None = None
    summary: Literal["mean", "geometric-mean", "median"] | None = None


class FilterEntry(TableModel):
    """Which rows a plot shows: those where a parameter has a value."""

    key: NonEmpty
    value: AnyScalar


class PlotEntry(TableModel):
    """One figure."""

    type: Literal["line", "bar"] = "line"
    label: FileName | None = None
    title: str | None = None
    x_axis: NonEmpty
    y_axis: Annotated[Items[NonEmpty], Field(min_length=1), BeforeValidator(_columns, json_schema_input_type=str | list[str])]
    sort_by: NonEmpty | None = None
    sort_labels: Annotated[Mapping[str | int, str], BeforeValidator(_labels, json_schema_input_type=list[str] | Mapping[str, str])] = Field(
        default_factory=dict
    )
    filter_by: FilterEntry | None = None
    x_label: str | None = None
    y_label: str | None = None
    x_scale: Scale = "linear"
    y_scale: Scale = "linear"


class ExperimentFile(TableModel):
    """All of an experiment file. Tables of other names are sub-parameters, if some table names them so."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="allow")

    experiment: ExperimentSection = ExperimentSection()
    parameters: Mapping[str, Any] = Field(default_factory=dict)
    classes: Mapping[str, Count] = Field(default_factory=dict)
    steps: Items[StepEntry] = ()
    metrics: Mapping[str, MetricEntry] = Field(default_factory=dict)
    plots: Items[PlotEntry] = ()
