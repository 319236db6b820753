"""Stored plans: what the store keeps of a series' plan beside its trials, and its form as JSON."""

import json
from collections.abc import Mapping
from dataclasses import asdict, field
from typing import Self

from wke.describe.experiment.experiment import STORE_LIMIT, Budget, Experiment, Stopping
from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.plot import Contest, Filter
from wke.describe.experiment.rules import Rules, rules_of
from wke.describe.expression.equation import read_expression
from wke.describe.search.search import Search
from wke.documents import Json
from wke.keep.files.damage import decoding
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class StoredPlan:
    """The plan of one command that measured a series.

    `file` is the experiment's file, `software` what the series was measured with. A benchmark script that is told to measure everything
    again begins a new `generation` of trials. `cluster` is the cluster's file, "" for a benchmark script, and `on` the selector of the
    machines that were used. Above `store_limit` bytes of files in the store a warning is due, with 0 never.
    """

    file: str
    seed: int
    order: str = "interleaved"
    rules: Rules = field(default_factory=Rules)
    software: Mapping[str, object] = field(default_factory=dict)
    generation: int = 0
    cluster: str = ""
    on: str | None = None
    store_limit: int = STORE_LIMIT

    @classmethod
    def of(cls, experiment: Experiment, seed: int, software: Mapping[str, object], *, generation: int = 0) -> Self:
        """Return the plan of an experiment."""
        return cls(
            file=str(experiment.path),
            seed=seed,
            order=experiment.order,
            rules=rules_of(experiment),
            software=software,
            generation=generation,
            store_limit=experiment.store_limit,
        )

    def to_json(self) -> str:
        """Return the plan as JSON."""
        values = asdict(self)
        values["threshold"] = values["rules"].pop("threshold")
        values["rules"]["goal"] = self.rules.goal.text if self.rules.goal else None
        values["rules"]["contests"] = [{**asdict(one), "y": one.y.text} for one in self.rules.contests]
        values["rules"]["search"] = self.rules.search.to_form() if self.rules.search else None
        return json.dumps(values)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the plan that `to_json` made this text of; raise DamagedError for any other text."""
        with decoding("the plan of a series"):
            values = json.loads(text)
            rules = _rules({**values["rules"], "threshold": values.pop("threshold")})
            return cls(**{**values, "rules": rules})


def _rules(values: Mapping[str, Json]) -> Rules:
    stopping, budget, goal, search = values["stopping"], values["budget"], values["goal"], values.get("search")
    whole = {
        "points": tuple(values["points"]),
        "metrics": tuple(Metric(**metric) for metric in values["metrics"]),
        "stopping": Stopping(**{**stopping, "of": tuple(stopping["of"])}) if stopping else None,
        "budget": Budget(**{**budget, "of": tuple(budget["of"])}) if budget else None,
        "goal": None if goal is None else read_expression(goal),
        "contests": tuple(map(_contest, values.get("contests", ()))),
        "search": None if search is None else Search.of_form(search),
    }
    return Rules(**{**values, **whole})


def _contest(values: Mapping[str, Json]) -> Contest:
    kept = tuple(Filter(one["key"], tuple(one["values"])) for one in values["kept"])
    whole = {"values": tuple(values["values"]), "of": tuple(values["of"]), "y": read_expression(values["y"]), "kept": kept}
    return Contest(**{**values, **whole})
