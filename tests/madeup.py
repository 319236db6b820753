"""A made-up series with all that figures show: two engines, four numbers of threads, two sizes, six rounds, recorded latencies."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
from support import ys
from telemetry_of import made_up

from wke.describe.experiment.experiment import Experiment
from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.plot import Filter, Plot
from wke.describe.experiment.sweep import Parameter, Sweep
from wke.judge.telemetry.trial import TrialTelemetry
from wke.keep.output.distribution import distribution, encode
from wke.keep.output.rawvalues import RawValues
from wke.keep.trials.judgements import Judgement, Level
from wke.keep.trials.trials import StoredAttempt

SWEEP = Sweep((Parameter("engine", ("old", "new")), Parameter("threads", (1, 2, 4, 8)), Parameter("size", ("small", "large"))))
METRICS = (Metric("throughput", unit="1/s"), Metric("p99", raw="out/*", quantile=0.99, unit="ms"))
EXPERIMENT = Experiment("made-up", Path("made-up.toml"), iterations=6, parameters=SWEEP, metrics=METRICS)
THROUGHPUT, P99 = ys("throughput"), ys("p99")
PLOTS = {
    "line": Plot("line", "threads", (*THROUGHPUT, *P99), sort_by="engine", filter_by=(Filter("size", ("small",)),), x_scale="log"),
    "bar": Plot("bar", "threads", THROUGHPUT, sort_by="engine", facet_by="size"),
    "box": Plot("box", "threads", THROUGHPUT, sort_by="engine", filter_by=(Filter("size", ("small",)),)),
    "percentiles": Plot("percentiles", y_axis=P99, sort_by="engine", y_scale="log"),
    "cdf": Plot("cdf", y_axis=P99, sort_by="engine"),
    "heatmap": Plot("heatmap", "threads", THROUGHPUT, sort_by="engine", facet_by="size"),
    "impact": Plot("impact", y_axis=THROUGHPUT),
    "order": Plot("order", y_axis=THROUGHPUT, sort_by="engine"),
    "timeline": Plot("timeline"),
}
"""A plot of each type."""


def trials() -> list[StoredAttempt]:
    """Return its trials, in the order in which they ran: one is suspect, one is far off, and one failed."""
    luck, found = np.random.default_rng(5), []
    for k in range(6):
        points = SWEEP.points()
        for place in luck.permutation(len(points)).tolist():
            point = points[place]
            threads, new, large = int(str(point["threads"])), point["engine"] == "new", point["size"] == "large"
            speed = 900 * threads**0.8 * (1.6 if new else 1.0) * (0.7 if large else 1.0) * math.exp(luck.normal(0, 0.06))
            speed *= 0.6 if len(found) == 41 else 1.0
            latencies = np.sort(luck.lognormal(math.log(2000 * threads / speed), 0.5, 400))
            name = f"{point['engine']}{threads}{point['size']}-{k}"
            seen = {"throughput": float(speed), "p99": float(np.quantile(latencies, 0.99))}
            recorded = {"p99": ("ms", encode(distribution(RawValues(latencies))))}
            started = 1_000_000_000 * (1 + len(found))
            units = {"throughput": "1/s", "p99": "ms"}
            trial = StoredAttempt(name, "made-up", 1, point, k, False, "ok", "", started, 1.0, seen, units, Path(), recorded=recorded)
            found.append(trial)
    suspect = (Judgement("steady", Level.SUSPECT, said="it is not steady"),)
    found[41] = replace(found[41], judgements=suspect)
    found[70] = replace(found[70], outcome="failed(1)", observations={}, recorded={})
    return found


def telemetry(folder: Path, trial: str) -> dict[str, TrialTelemetry]:
    """Return the telemetry of a trial."""
    folder.mkdir(parents=True, exist_ok=True)
    return {trial: made_up(folder)}
