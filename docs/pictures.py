"""Draws the pictures of docs/statistics.md from simulated latencies: `python docs/pictures.py`. The same seeds give the same files."""

import math
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from wke.describe.experiment.experiment import Experiment
from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.plot import Plot
from wke.describe.experiment.sweep import Parameter, Sweep
from wke.describe.expression.parser import parse
from wke.judge.statistics.omission import corrected
from wke.judge.statistics.statistics import summarise
from wke.judge.statistics.tails import Pool, rank
from wke.keep.output.distribution import distribution, encode
from wke.keep.output.rawvalues import RawValues
from wke.keep.trials.trials import StoredAttempt
from wke.tell.figures.canvas import render
from wke.tell.figures.figure import draw
from wke.tell.figures.style import COLOURS, GREY, Layout

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))

from truths.tails import latencies

IMAGES = Path(__file__).parent / "images"
LAYOUT = Layout(scale=1.4)
P99 = Metric("p99", raw="out/*.csv", quantile=0.99, unit="ms")
EXPERIMENT = Experiment(
    "statistics", Path("statistics.toml"), iterations=10, parameters=Sweep((Parameter("load", (0.5, 0.8)),)), metrics=(P99,)
)


def main() -> None:
    """Draw all pictures."""
    trials = [_trial(load, number) for load in (0.5, 0.8) for number in range(10)]
    for plot in (
        Plot("percentiles", y_axis=(parse("p99"),), sort_by="load", y_scale="log", plot_scale=1.4),
        Plot("cdf", y_axis=(parse("p99"),), sort_by="load", x_scale="log", plot_scale=1.4),
    ):
        written, _ = draw(plot, trials, IMAGES / f"statistics-{plot.type}", EXPERIMENT)
        for path in written:
            if path.suffix != ".png":
                path.unlink()
    _write("statistics-pooled", _pooled)
    _write("statistics-omission", _omission)


def _trial(load: float, number: int) -> StoredAttempt:
    """Return a trial of 12,000 requests to a queue at this load, whose service takes 1 ms on average and a little else in each trial."""
    luck = np.random.default_rng([int(100 * load), number])
    values = latencies(luck, load, 12_000) * luck.lognormal(0, 0.03)
    recorded = "ms", encode(distribution(RawValues(np.sort(values))))
    point, p99 = {"load": load}, float(np.quantile(values, 0.99))
    name = f"{load}-{number}"
    return StoredAttempt(
        name, "s", 1, point, number, False, "ok", "", 0, 1.0, {"p99": p99}, {"p99": "ms"}, Path(), recorded={"p99": recorded}
    )


def _pooled() -> Figure:
    """Draw the intervals of 40 series: of the quantile of all values, and of the mean of the trials' quantiles."""
    truth = -math.log(0.01) / 0.2
    luck = np.random.default_rng(11)
    figure = Figure(figsize=(4.9, 2.6), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for at in range(40):
        parts = [np.sort(latencies(luck, 0.8, 3000)) for _ in range(20)]
        pooled = Pool.of([distribution(RawValues(part)) for part in parts]).quantile(0.99)
        mean = summarise([float(part[rank(0.99, len(part)) - 1]) for part in parts], "mean")
        for axes, value, low, high in (
            (left, pooled.value, pooled.low, pooled.high),
            (right, mean.centre, mean.low, mean.high),
        ):
            misses = (low or 0) > truth or (high or math.inf) < truth
            colour = COLOURS[1] if misses else COLOURS[0]
            axes.plot([at, at], [low or value, high or value], color=colour, linewidth=1.1)
            axes.plot([at], [value], color=colour, marker="s" if misses else "o", markersize=2.4)
    for axes, title in ((left, "quantile of all values"), (right, "mean of the trials' quantiles")):
        axes.axhline(truth, color=GREY, linewidth=0.9, linestyle="--")
        axes.set_title(title)
        axes.set_xlabel("series")
    left.set_ylabel("p99 (ms)")
    return figure


def _omission() -> Figure:
    """Draw the quantiles of one stall: as a closed loop records it, corrected, and from the intended start of each request."""
    luck = random.Random(3)
    fast = [luck.lognormvariate(1.0, 0.35) for _ in range(39_400)]
    waits = np.arange(0, 1400, 0.5)  # 2000 requests per second were due
    closed = RawValues(np.sort(np.array([*fast, *(1400 + luck.expovariate(1 / 4) for _ in range(100))])))  # one for each connection
    honest = RawValues(np.sort(np.array([*fast[: len(fast) - len(waits)], *(1400 - waits)])))
    again = corrected(closed, 50.0)
    figure = Figure(figsize=(4.9, 2.7), layout="constrained")
    axes = figure.subplots()
    for index, (name, values) in enumerate(
        (("recorded in a closed loop", closed), ("corrected: 50 ms expected", again), ("from the intended start", honest))
    ):
        shares = [1 - 10 ** (-step / 40) for step in range(2, 136)]
        marks, quantiles = zip(*_quantiles(values, shares), strict=True)
        axes.plot(marks, quantiles, color=COLOURS[index], linestyle=("-", (0, (4, 1.5)), "-.")[index], label=name)
    axes.set_yscale("log")
    axes.set_xticks([-math.log10(1 - share) for share in (0.5, 0.9, 0.99, 0.999)], ["50 %", "90 %", "99 %", "99.9 %"])
    axes.set_yticks([1, 10, 100, 1000], ["1", "10", "100", "1000"])
    axes.set_xlabel("quantile")
    axes.set_ylabel("latency (ms)")
    axes.legend(loc="upper left")
    return figure


def _quantiles(values: object, shares: list[float]) -> Iterator[tuple[float, float]]:
    assert isinstance(values, RawValues)
    for share in shares:
        yield -math.log10(1 - share), values.at(rank(share, values.total))


def _write(name: str, make: Callable[[], Figure]) -> None:
    (IMAGES / f"{name}.png").write_bytes(render(make, LAYOUT, ["png"]).files["png"])


if __name__ == "__main__":
    main()
