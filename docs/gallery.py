"""Measures the series of docs/howto/figures.md, draws its pictures with `wke plot`, and puts them into the page: `python docs/gallery.py`.

It takes two to three minutes. With `--draw FOLDER` it draws a series that it measured before, in the project that FOLDER is.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).parent
PAGE, IMAGES = DOCS / "howto" / "figures.md", DOCS / "images"
SECTION = re.compile(r"(?<=<!-- gallery: begin -->\n).*?(?=<!-- gallery: end -->)", re.DOTALL)
RECORDS = """
import os
folder = os.path.join(os.environ["WKE_DIR"], "out")
os.makedirs(folder, exist_ok=True)
with open(os.path.join(folder, "latencies.txt"), "w") as file:
    file.writelines("%.6f\\n" % (1000 * latency) for latency in latencies)
"""
EXPERIMENT = """
[experiment]
about = "What durability and concurrency cost: the gallery of figures"
configuration = "kv"
iterations = 4

[parameters]
durability = ["none", "fsync"]
num-clients = [1, 2, 4]

[[steps]]
target = "start-server"
on = "servers"
background = true
ready = { port = 7070, within = "10s" }
options = { durability = "{durability}" }

[[steps]]
target = "load"
on = "clients"
multiply = "{num-clients}"
measure = true
timeout = "60s"
collect = "out/*"
options = { server = "{servers[0].internal-addr}", seconds = 0.8, warmup = 0.1 }

[metrics]
throughput = { join = "sum", unit = "1/s", better = "higher" }
latency = { raw = "out/latencies.txt", quantile = 0.95, unit = "ms", better = "lower" }
"""
FIGURES = {
    "line": (
        'x-axis = "num-clients", y-axis = ["throughput", "latency"], sort-by = "durability", y-scale = "log"',
        "Lines: summaries with intervals.",
    ),
    "bar": ('x-axis = "num-clients", y-axis = "throughput", sort-by = "durability"', "Bars: the same from zero."),
    "box": ('x-axis = "num-clients", y-axis = "latency", sort-by = "durability", y-scale = "log"', "Boxes and dots: every trial."),
    "percentiles": (
        'y-axis = "latency", sort-by = "durability", facet-by = "num-clients", y-scale = "log"',
        "Percentiles: all recorded values.",
    ),
    "cdf": ('y-axis = "latency", sort-by = "durability", x-scale = "log"', "Distribution functions: which share is at most x."),
    "heatmap": ('x-axis = "num-clients", sort-by = "durability", y-axis = "throughput", y-scale = "log"', "Heat maps: two parameters."),
    "impact": ('y-axis = ["throughput", "latency"]', "Impact: which parameter moves the metric how much."),
    "order": ('y-axis = "throughput", sort-by = "durability"', "Order of execution: drift, outliers, failures."),
    "timeline": ('filter-by = { key = "num-clients", value = 4 }', "Timelines: telemetry and time series of a trial."),
}


def main(arguments: list[str]) -> None:
    """Measure, unless a project is given, and draw."""
    if arguments[:1] == ["--draw"]:
        _draw(Path(arguments[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "gallery"
        _wke(DOCS, "init", str(project))
        load = project / "kv" / "targets" / "load"
        load.write_text(load.read_text(encoding="utf-8") + RECORDS, encoding="utf-8")
        (project / "experiments" / "gallery.toml").write_text(EXPERIMENT, encoding="utf-8")
        _wke(project, "measure", "experiments/gallery.toml", "--no-figures")
        _draw(project)


def _draw(project: Path) -> None:
    """Draw each figure with the command that the page shows above it."""
    blocks = []
    for kind, (keys, about) in FIGURES.items():
        figure = f'type = "{kind}", {keys}'
        _wke(project, "plot", "gallery", "--figure", figure, "--width", "acm", "--format", "png")
        shutil.copyfile(project / "plots" / f"gallery_{kind}.png", IMAGES / f"figure-{kind}.png")
        command = f"```console\n$ wke plot gallery --width acm --figure '{figure}'\n```"
        title, note = about.partition(":")[0], "<!-- not run: docs/gallery.py runs it -->"
        picture = f"![{about}](../images/figure-{kind}.png)"
        blocks.append(f"### {title}\n\n{note}\n{command}\n\n{picture}\n")
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(SECTION.sub(lambda _: "\n" + "\n".join(blocks) + "\n", page), encoding="utf-8")


def _wke(folder: Path, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "wke.cli", *arguments], cwd=folder, check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
