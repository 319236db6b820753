"""What a user reads about a wrong experiment file: the whole text, with line, column, key and hint."""

from pathlib import Path

import pytest

from wke.errors import InputError
from wke.series.growing import plan_series
from wke.series.project import read_project

CLUSTER = '[cluster]\nprovider = "local"\nmachines = 5\n[classes]\nservers = 3\nclients = 2\n'
CONFIGURATION = """
[targets]
serve = [["memory", 64], { name = "mode", default = "safe", choices = ["fast", "safe"] }]
load = ["servers", ["seconds", 1.0]]
lost = []
"""


def messages(folder: Path, text: str) -> str:
    """Return all that reading and planning an experiment file says about it."""
    (folder / "kv/targets").mkdir(parents=True)
    (folder / "kv/config.toml").write_text(CONFIGURATION)
    for name in ("serve", "load"):
        (folder / "kv/targets" / name).write_text("#!/bin/sh\n")
    (folder / "cluster.toml").write_text(CLUSTER)
    (folder / "x.toml").write_text(text.lstrip("\n"))
    with pytest.raises(InputError) as error:
        plan_series(read_project(Path("x.toml"), Path("cluster.toml")))
    return str(error.value) + "\n"


FILES = {
    "wrong shapes": (
        """
[experiment]
name = "a/b"
iterations = 0
warmup = 1
order = "random"
cooldown = "soon"

[parameters]
memory = 64

[[steps]]
on = 3
background = "yes"
ready = { port = 1, log = "up" }
options = { memory = [1] }
multiply = true
timeout = 0

[metrics]
x = { log = "ops", join = "avg" }
y = { log = "(", better = "more" }

[[plots]]
type = "pie"
x-axis = "memory"
y-axis = ["x", { op = "div", left = "x", right = { op = "pow", left = "y", right = 2 } }]
maximise-by = "memory"
filter-by = [{ key = "memory", value = 64 }, { key = "memory" }]
normalize-by = 3
x-scale = "cubic"
legend-location = "inside"
font-size = 0
style = "greygrid"
args = ["@VALUE:x", "@EXPFOLDER:first"]
""",
        """
x.toml:2:1: experiment.name: becomes part of file names: it must not be empty, start with a dot or contain a slash
x.toml:3:1: experiment.iterations: must be at least 1, not 0
x.toml:4:1: experiment.warmup: unknown key
  hint: did you mean "warmups"?
x.toml:5:1: experiment.order: must be one of "interleaved", "sequential", not the text "random"
x.toml:6:1: experiment.cooldown: must be a duration such as "200ms", "5s" or "2h", not the text "soon"
x.toml:11:3: steps[0].target: is missing
x.toml:12:1: steps[0].on: must be text, not the number 3
  hint: write it in quotes: "3"
x.toml:13:1: steps[0].background: must be true or false, not the text "yes"
x.toml:14:1: steps[0].ready: must have exactly one of port, log and target
  hint: write { port = 6379, within = "20s" }
x.toml:15:13: steps[0].options.memory: must be text, a number, true or false, not a list
x.toml:16:1: steps[0].multiply: must be a whole number or a template such as "{num-clients}", not true
x.toml:17:1: steps[0].timeout: must be more than 0, not 0
x.toml:20:7: metrics.x.log: must have one group in parentheses, around the number; it has none
x.toml:20:20: metrics.x.join: must be one of "sum", "mean", "min", "max", "median", not the text "avg"
x.toml:21:7: metrics.y.log: is not a regular expression: missing ), unterminated subpattern at position 0
x.toml:21:18: metrics.y.better: must be one of "higher", "lower", not the text "more"
x.toml:24:1: plots[0].type: must be one of "line", "bar", "box", "percentiles", "cdf", "heatmap", "impact", "order", "capacity", "timeline", "script", not the text "pie"
x.toml:26:52: plots[0].y-axis[1].right.op: must be one of "mul", "div", "add", "sub", not the text "pow"
x.toml:27:1: plots[0].maximise-by: unknown key
  hint: did you mean "maximize-by"?
x.toml:28:46: plots[0].filter-by[1]: value is missing
  hint: a filter is { key = "engine", value = "new" }
x.toml:29:1: plots[0].normalize-by: must be a column or a table, not the number 3
  hint: write { key = "engine", value = "old" } to divide by its mean
x.toml:30:1: plots[0].x-scale: must be one of "linear", "log", "symlog", not the text "cubic"
x.toml:31:1: plots[0].legend-location: must be one of "best", "upper right", "upper left", "lower left", "lower right", "right", "center left", "center right", "lower center", "upper center", "center", not the text "inside"
x.toml:32:1: plots[0].font-size: must be more than 2.0, not 0
x.toml:33:1: plots[0].style: must be one of "whitegrid", "darkgrid", "white", "dark", "ticks", or a style of matplotlib such as "ggplot.mplstyle", not the text "greygrid"
  hint: did you mean "darkgrid"?
x.toml:34:9: plots[0].args[0]: @VALUE:x must be @VALUE:ROW:COLUMN
  hint: rows count from 0: @VALUE:0:throughput
x.toml:34:21: plots[0].args[1]: @EXPFOLDER:first must be @EXPFOLDER:ROW
  hint: rows count from 0: @EXPFOLDER:0
""",
    ),
    "parameters": (
        """
[experiment]
configuration = "kv"

[parameters]
empty = []
range = { start = 1, step-size = 2 }
climb = { start = 1, end = 8, hill-climb = true }
backwards = { start = 1, end = 8, step-size = -1 }
list = [1, [2]]
sub-parameters = ["smal", "large"]

[small]
n = 1

[large]
n = { base = -2, start = 0, end = 3 }

[[step]]
target = "load"
""",
        """
x.toml:5:1: parameters.empty: has no value
  hint: give at least one
x.toml:6:1: parameters.range: end is missing
  hint: a range is range = { start = 1, end = 10 }
x.toml:7:31: parameters.climb.hill-climb: only the last parameter can be climbed
  hint: each setting of the other parameters has its own search: put it last in [parameters]
x.toml:8:1: parameters.backwards: cannot count from 1 up to 8 in negative steps
x.toml:9:12: parameters.list[1]: must be text, a number, true or false, not a list
x.toml:10:19: parameters.sub-parameters[0]: there is no table [smal] in this file
  hint: did you mean "small"?
x.toml:16:1: large.n: base must be more than 0, not -2
x.toml:18:3: step: unknown table
  hint: did you mean "steps"?
""",
    ),
    "templates and uses": (
        """
[experiment]
configuration = "kv"

[parameters]
memory = [64, 128]
num-servers = 3

[classes]
servers = "{num-server}"

[[steps]]
target = "serve"
on = "{role}"
background = true
ready = { port = "{}" }
options = { memory = "{memroy}", mode = "{" }

[[steps]]
target = "load"
measure = true
options = { servers = "{servers.internal-adr}" }
""",
        """
x.toml:9:1: classes.servers: there is no parameter "num-server"
  hint: did you mean "num-servers"?
x.toml:13:1: steps[0].on: there is no parameter "role"
  hint: known: memory, num-servers
x.toml:15:11: steps[0].ready.port: has empty braces {}
  hint: a parameter is {name}; a literal brace is doubled: {{ or }}
x.toml:16:13: steps[0].options.memory: there is no parameter "memroy"
  hint: did you mean "memory"?
x.toml:16:34: steps[0].options.mode: has a single {
  hint: a parameter is {name}; a literal brace is doubled: {{ or }}
x.toml:21:13: steps[1].options.servers: {servers.internal-adr} asks for "internal-adr", which machines do not have
  hint: did you mean "internal-addr"?
""",
    ),
    "a parameter that changes nothing": (
        """
[experiment]
configuration = "kv"

[parameters]
memory = [64, 128]
sub-parameters = ["small", "large"]

[small]
n = 1

[large]
n = 2

[[steps]]
target = "serve"
measure = true
""",
        """
x.toml:5:1: parameters.memory: is used by no step, class or plot
  hint: remove it, or use it: options = { memory = "{memory}" }
x.toml:9:1: small.n: is used by no step, class or plot
  hint: remove it, or use it: options = { n = "{n}" }
""",
    ),
    "steps": (
        """
[parameters]
[[steps]]
target = "serve"
ready = { port = 1 }

[[steps]]
target = "load"
background = true
measure = true

[[steps]]
target = "load"
measure = true
""",
        """
x.toml: experiment: configuration is missing
  hint: steps run targets of one: write configuration = "FOLDER"
x.toml:4:1: steps[0].ready: only a background step has ready
  hint: a step without background = true ends before the next one starts; remove ready
x.toml:9:1: steps[1].measure: a background step cannot be measured
  hint: a background step runs until the trial ends; measure a step that ends by itself
x.toml:13:1: steps[2].measure: a second step is measured
  hint: one step is measured at each point (`when` may choose it); the first is in line 9
""",
    ),
    "a budget that cannot be kept to": (
        """
[experiment]
configuration = "kv"
budget = "1h"
order = "sequential"
iterations = { min = 9, max = 8 }

[[steps]]
target = "load"
measure = true
""",
        """
x.toml:5:25: experiment.iterations.max: is less than min, which is 9
x.toml:7:3: steps[0].options: target "load" needs option "servers"
  hint: give it a value
""",
    ),
    "a budget without rounds and metrics": (
        """
[experiment]
configuration = "kv"
budget = "1h"
order = "sequential"
iterations = { min = 3, max = 8, of = "ops" }

[[steps]]
target = "load"
measure = true
""",
        """
x.toml:3:1: experiment.budget: there is no metric whose intervals could decide
  hint: declare one in [metrics]
x.toml:3:1: experiment.budget: a budget can only end a series that runs in rounds of all points
  hint: write order = "interleaved"
x.toml:5:34: experiment.iterations.of[0]: there is no metric "ops"
  hint: none is defined
x.toml:7:3: steps[0].options: target "load" needs option "servers"
  hint: give it a value
""",
    ),
    "scopes of steps": (
        """
[experiment]
configuration = "kv"

[[steps]]
target = "start"
scope = "point"

[[steps]]
target = "install"
scope = "deploy"

[[steps]]
target = "load"
scope = "deploy"
measure = true
""",
        """
x.toml:5:1: steps[0].target: configuration kv has no target "start"
  hint: known: serve, load, lost, install-packages
x.toml:9:1: steps[1].target: configuration kv has no target "install"
  hint: did you mean "install-packages"?
x.toml:10:1: steps[1].scope: a step with scope "deploy" comes after one with scope "point"
  hint: steps that run less often come first: deploy, point, trial
x.toml:12:3: steps[2].options: target "load" needs option "servers"
  hint: give it a value
x.toml:14:1: steps[2].scope: the measured step runs in every trial
  hint: remove scope
""",
    ),
    "nothing is measured": (
        """
[experiment]
configuration = "kv"
[[steps]]
target = "load"
[[steps]]
target = "serve"
background = true
""",
        """
x.toml:3:3: steps[0]: no step is measured
  hint: write measure = true in the step whose time counts
x.toml:3:3: steps[0].options: target "load" needs option "servers"
  hint: give it a value
""",
    ),
    "metrics and plots": (
        """
[experiment]
configuration = "kv"

[parameters]
memory = [64, 128]
mode = ["fast", "safe"]
seconds = 2

[[steps]]
target = "serve"
measure = true
options = { memory = "{memory}", mode = "{mode}{seconds}" }

[metrics]
throughput = { step = "sreve" }
"99th" = {}

[[plots]]
x-axis = "memry"
y-axis = ["throughput", "latency"]
sort-by = "seconds"

[[plots]]
x-axis = "memory"
y-axis = "troughput"
sort-by = "mode"
sort-labels = ["one"]
filter-by = { key = "mode", value = "fats" }

[[plots]]
label = "a"
x-axis = "memory"
y-axis = "throughput"
sort-by = "memory"
filter-by = { key = "nothing", value = 1 }

[[plots]]
label = "a"
x-axis = "memory"
y-axis = "throughput"
sort-by = "mode"
sort-labels = { slow = "Slow" }

[[plots]]
label = "b"
x-axis = "memory"
y-axis = ["throughput", { op = "div", left = "throughput", right = "memroy" }]
y-label = ["a", "b", "c"]
maximize-by = "memory"
normalize-by = { key = "mode", value = "slow" }
filter-by = [{ key = "throughput", value = 0 }, { key = "mode", value = ["fast", "slow"] }]

[[plots]]
label = "c"
type = "script"
path = "draw.py"
args = ["@PLOT_NAME", "@VALUE:0:troughput"]
""",
        """
x.toml:12:34: steps[0].options.mode: target "serve", option "mode": must be one of "fast", "safe", not the text "fast2"
x.toml:12:34: steps[0].options.mode: target "serve", option "mode": must be one of "fast", "safe", not the text "safe2"
x.toml:15:16: metrics.throughput.step: no step runs target "sreve"
  hint: did you mean "serve"?
x.toml:16:1: metrics.99th: "99th" cannot be the name of a metric
  hint: the name of a metric is a letter, then letters, digits and _ . -
x.toml:19:1: plots[0].x-axis: there is no parameter "memry"
  hint: did you mean "memory"?
x.toml:20:25: plots[0].y-axis[1]: there is no metric "latency"
  hint: known: throughput, 99th
x.toml:21:1: plots[0].sort-by: parameter "seconds" does not vary
  hint: known: memory, mode
x.toml:23:3: plots[1]: a second plot has no label
  hint: labels are part of file names: give each plot its own
x.toml:25:1: plots[1].y-axis: there is no metric "troughput"
  hint: did you mean "throughput"?
x.toml:27:1: plots[1].sort-labels: must be 2 labels, not 1
  hint: give one label for each of fast, safe
x.toml:28:29: plots[1].filter-by.value: mode is never the text "fats"
  hint: did you mean "fast"?
x.toml:34:1: plots[2].sort-by: is the x-axis already
  hint: name another parameter, or remove it
x.toml:35:15: plots[2].filter-by.key: there is no parameter "nothing"
  hint: known: memory, mode, seconds
x.toml:38:1: plots[3].label: a second plot has the label "a"
  hint: labels are part of file names: give each plot its own
x.toml:42:17: plots[3].sort-labels.slow: mode is never slow
  hint: known: fast, safe
x.toml:47:25: plots[4].y-axis[1]: there is no column "memroy"
  hint: did you mean "memory"?
x.toml:48:1: plots[4].y-label: must be 2 labels, not 3
  hint: give one per panel of y-axis, or one text for all
x.toml:49:1: plots[4].maximize-by: is the x-axis already
  hint: name another parameter, or remove it
x.toml:50:32: plots[4].normalize-by.value: mode is never the text "slow"
  hint: known: fast, safe
x.toml:51:65: plots[4].filter-by[1].value: mode is never the text "slow"
  hint: known: fast, safe
x.toml:57:23: plots[5].args[1]: there is no column "troughput"
  hint: did you mean "throughput"?
""",
    ),
    "plots that are not whole": (
        """
[parameters]
n = { start = 1, end = 4, hill-climb = true }

[[plots]]
type = "script"

[[plots]]
type = "bar"
title = "Nothing"

[[plots]]
x-axis = "n"
y-axis = []

[[plots]]
x-axis = "n"
y-axis = "x"
path = "draw.py"
""",
        """
x.toml:4:3: plots[0]: path is missing
  hint: name the script that draws the plot: path = "plots/draw.py"
x.toml:7:3: plots[1]: x-axis and y-axis are missing
  hint: name the columns that the figure shows
x.toml:11:3: plots[2]: y-axis is missing
  hint: name the columns that the figure shows
x.toml:18:1: plots[3].path: is only for a plot of type script
  hint: write type = "script", or remove it
""",
    ),
    "a climb without a goal": (
        """
[parameters]
n = { start = 1, end = 4, hill-climb = true }

[[plots]]
type = "script"
path = "draw.py"
""",
        """
x.toml:2:27: parameters.n.hill-climb: hill-climb has no goal
  hint: it searches the best first y of the first plot: add [[plots]] with type, x-axis and y-axis
""",
    ),
    "what only the plan can see": (
        """
[experiment]
configuration = "kv"
iterations = 3

[parameters]
memory = [64, "much"]
num-servers = [1, 3, 5]
mode = ["fast", "slow"]

[classes]
servers = "{num-servers}"
server = 1

[[steps]]
target = "serve"
on = "servers"
background = true
ready = { target = "load", within = "5s" }
options = { memory = "{memory}", mode = "{mode}", speed = 1 }

[[steps]]
target = "load"
on = "client"
measure = true

[[steps]]
target = "lost"
prelude = "venv"
""",
        """
x.toml:11:1: classes.servers: class servers cannot have 5 machines
  hint: it has 3 machines in the cluster
x.toml:12:1: classes.server: there is no class "server" to size
  hint: did you mean "servers"?
x.toml:18:11: steps[0].ready.target: target "load" needs option "servers"
  hint: give it a value
x.toml:19:13: steps[0].options.memory: target "serve", option "memory": must be a whole number, not the text "much"
x.toml:19:34: steps[0].options.mode: target "serve", option "mode": must be one of "fast", "safe", not the text "slow"
x.toml:19:51: steps[0].options.speed: target "serve" has no option "speed"
  hint: known: memory, mode
x.toml:21:3: steps[1].options: target "load" needs option "servers"
  hint: give it a value
x.toml:23:1: steps[1].on: selector "client" names "client", which is neither a machine nor a class
  hint: did you mean "clients"? machines: m0, m3, m4; classes: servers, clients
x.toml:27:1: steps[2].target: target "lost" has no script
  hint: write it to kv/targets/lost
x.toml:28:1: steps[2].prelude: configuration kv has no prelude "venv"
  hint: known: none
""",
    ),
    "joins": (
        """
[experiment]
configuration = "kv"
[[steps]]
target = "load"
on = "clients"
measure = true
options = { servers = "{servers.internal-addr}" }
[metrics]
throughput = { unit = "1/s" }
rss = { on = "servers", join = "max" }
""",
        """
x.toml:9:1: metrics.throughput: is read from several tasks, and join is missing
  hint: write join = "sum" (or mean, min, max, median), or on = "m3"
x.toml:10:9: metrics.rss.on: the step that this metric is read from has no task there
  hint: name machines on which it runs
""",
    ),
    "conditions that are none": (
        """
[parameters]
x = [1, 2]
[[exclude]]
when = "x = 1"
[[exclude]]
when = 3
[[steps]]
target = "load"
[metrics]
a = { value = "x > 1" }
b = { value = "x + (1", log = "b: ([0-9]+)" }
c = { value = "x", join = "sum" }
[[checks]]
that = "errors + 10mss"
""",
        """
x.toml: experiment: configuration is missing
  hint: steps run targets of one: write configuration = "FOLDER"
x.toml:4:1: exclude[0].when: has "=" where a value or a sign should begin
  hint: write == for equality
x.toml:6:1: exclude[1].when: must be a condition in quotes, not the number 3
  hint: write when = "engine == 'old'"
x.toml:7:3: steps[0]: no step is measured
  hint: write measure = true in the step whose time counts
x.toml:10:7: metrics.a.value: is not a calculation
  hint: write a number computed from metrics: cpu / throughput
x.toml:11:7: metrics.b.value: has a bracket that is not closed
x.toml:12:20: metrics.c.join: is for metrics that are read; this metric is computed
  hint: remove it, or value
x.toml:14:1: checks[0].that: has "10mss", but "mss" is not a unit
  hint: did you mean "ms"?
""",
    ),
    "conditions of what is not there": (
        """
[experiment]
configuration = "kv"
[parameters]
size = [1, "big"]
[[exclude]]
when = "engine == 'old'"
[[exclude]]
when = "size > 3"
[[steps]]
target = "load"
on = "clients"
measure = true
options = { servers = "{size}" }
[metrics]
ops = { join = "sum" }
a = { value = "b / ops" }
b = { value = "a * 2" }
[[checks]]
that = "ops-size > 3"
[[checks]]
that = "errors == 0"
""",
        """
x.toml:6:1: exclude[0].when: there is no parameter "engine"
  hint: known: size
x.toml:8:1: exclude[1].when: size is the text "big", which cannot be less or more than another value
  hint: at size="big"
x.toml:16:7: metrics.a.value: the values of metrics go in a circle: a, b
  hint: compute one of them from metrics that are read
x.toml:19:1: checks[0].that: there is no metric or parameter "ops-size"
  hint: to subtract, put spaces around the minus: ops - size
x.toml:21:1: checks[1].that: there is no metric or parameter "errors"
  hint: declare it in [metrics]; known: size, ops, a, b
""",
    ),
    "nothing is left": (
        """
[experiment]
configuration = "kv"
[parameters]
size = [1, 2]
[[exclude]]
when = "size < 2"
[[exclude]]
when = "size > 1"
[[steps]]
target = "load"
on = "clients"
measure = true
options = { servers = "{size}" }
[metrics]
ops = { value = "put * 2" }
""",
        """
x.toml:8:1: exclude[1].when: no point is left
  hint: the conditions exclude all points
x.toml:15:9: metrics.ops.value: there is no metric or parameter "put"
  hint: known: ops, size
""",
    ),
    "conditions in a benchmark script's file": (
        """
[experiment]
baseline = { size = 1 }
[parameters]
size = [1, 2]
[[exclude]]
when = "size < 2"
[[checks]]
that = "size < 2"
""",
        """
x.toml:2:1: experiment.baseline: is for experiments with [[steps]]
  hint: a benchmark script decides this itself
x.toml:5:3: exclude: is for experiments with [[steps]]
  hint: a benchmark script decides this itself
x.toml:7:3: checks: is for experiments with [[steps]]
  hint: a benchmark script decides this itself
""",
    ),
    "baselines": (
        """
[experiment]
configuration = "kv"
order = "sequential"
baseline = { engin = "old", servers = "z", seconds = "1" }
[parameters]
servers = ["x", "y"]
seconds = [1, 2]
[[steps]]
target = "load"
on = "clients"
measure = true
options = { servers = "{servers}", seconds = "{seconds}" }
""",
        """
x.toml:4:1: experiment.baseline: comparisons are made within rounds, and this order has none
  hint: write order = "interleaved"
x.toml:4:14: experiment.baseline.engin: there is no parameter "engin"
  hint: known: servers, seconds
x.toml:4:29: experiment.baseline.servers: servers is never the text "z"
  hint: its values are "x", "y"
x.toml:4:44: experiment.baseline.seconds: seconds is never the text "1"
  hint: its values are 1, 2
""",
    ),
    "a baseline of all": (
        """
[experiment]
configuration = "kv"
baseline = { seconds = 3 }
[parameters]
servers = ["x", "y"]
seconds = 3
[[steps]]
target = "load"
on = "clients"
measure = true
options = { servers = "{servers}", seconds = "{seconds}" }
""",
        """
x.toml:3:1: experiment.baseline: no point differs from the baseline
  hint: name a parameter that varies: servers
""",
    ),
    "files outside of a task's folder": (
        """
[[steps]]
target = "load"
collect = ["/etc/passwd", "../x", "", "out/*.log", 3]
""",
        """
x.toml: experiment: configuration is missing
  hint: steps run targets of one: write configuration = "FOLDER"
x.toml:3:12: steps[0].collect[0]: must be in the task's own folder, $WKE_DIR
  hint: write a path in it, such as "out/*.log"
x.toml:3:27: steps[0].collect[1]: must be in the task's own folder, $WKE_DIR
  hint: write a path in it, such as "out/*.log"
x.toml:3:35: steps[0].collect[2]: must be in the task's own folder, $WKE_DIR
  hint: write a path in it, such as "out/*.log"
x.toml:3:52: steps[0].collect[4]: must be text, not the number 3
  hint: write it in quotes: "3"
""",
    ),
    "shapes of iterations": (
        """
[experiment]
iterations = { min = 1, max = 0, precision = "500%", every = 3 }
[[steps]]
target = "t"
""",
        """
x.toml:2:16: experiment.iterations.min: must be at least 2, not 1
x.toml:2:25: experiment.iterations.max: must be at least 1, not 0
x.toml:2:34: experiment.iterations.precision: must be a share between 0 and 1 (100%), not 500%
x.toml:2:54: experiment.iterations.every: unknown key
  hint: known: min, max, precision, of, until
x.toml:3:3: steps[0]: no step is measured
  hint: write measure = true in the step whose time counts
""",
    ),
    "telemetry": (
        """
[telemetry]
every = "1ms"
perf = ["cycles", "-p 1"]
evry = 3
""",
        """
x.toml:2:1: telemetry.every: must be from 10ms to 60s, not 1ms
  hint: write every = false to record no telemetry
x.toml:3:19: telemetry.perf[1]: must be the name of one event of perf, such as instructions
x.toml:4:1: telemetry.evry: unknown key
  hint: did you mean "every"?
""",
    ),
    "metrics of telemetry": (
        """
[telemetry]
every = false
[experiment]
configuration = "kv"
[[steps]]
target = "load"
options = { servers = "a" }
measure = true
[[scrape]]
port = 0
path = "metrics"
every = "10ms"
[metrics]
a = { telemetry = "memroy", log = "a: ([0-9]+)" }
b = { telemetry = "disk.*.written", statistic = "max", on = "servers" }
c = { telemetry = "cpu", statistic = "count" }
d = { hdr = "x", statistic = "total" }
e = { scrape = "x_total", step = "load" }
f = { telemetry = "cp u" }
""",
        """
x.toml:10:1: scrape[0].port: must be at least 1, not 0
x.toml:11:1: scrape[0].path: must begin with a slash, without blanks, and with every other sign than ASCII encoded
  hint: write path = "/metrics"
x.toml:12:1: scrape[0].every: must be at least 0.1, not 10ms
x.toml:14:29: metrics.a.log: is for metrics of other sources
  hint: remove it, or telemetry
x.toml:15:37: metrics.b.statistic: cannot be the extreme of a sum of series
  hint: name one of them, or remove it
x.toml:16:26: metrics.c.statistic: "count" is for other metrics
  hint: write mean, min, max or total
x.toml:17:18: metrics.d.statistic: "total" is for other metrics
  hint: write mean, min, max or count
x.toml:18:27: metrics.e.step: is for metrics of other sources; what was scraped belongs to machines
  hint: remove it, or scrape
x.toml:19:1: metrics.f: is read from several tasks, and join is missing
  hint: write join = "sum" (or mean, min, max, median), or on = "m0"
x.toml:19:7: metrics.f.telemetry: must be the name of a series, such as cpu or disk.sda.written
""",
    ),
    "metrics of telemetry that is not there": (
        """
[telemetry]
every = false
[experiment]
configuration = "kv"
[[steps]]
target = "load"
on = "clients"
measure = true
options = { servers = "a" }
[metrics]
a = { telemetry = "memroy.used", on = "clients[0]" }
b = { telemetry = "desciptors", step = "load", join = "sum" }
c = { scrape = "x_total", on = "clients[0]" }
""",
        """
x.toml:11:7: metrics.a.telemetry: is read from telemetry, which is not recorded
  hint: write every = "100ms" in [telemetry], or remove the metric
x.toml:11:7: metrics.a.telemetry: machines have no series "memroy.used"
  hint: did you mean "memory"?
x.toml:12:7: metrics.b.telemetry: is read from telemetry, which is not recorded
  hint: write every = "100ms" in [telemetry], or remove the metric
x.toml:12:7: metrics.b.telemetry: tasks have no series "desciptors"
  hint: did you mean "descriptors"?
x.toml:13:7: metrics.c.scrape: nothing is scraped
  hint: write [[scrape]] with the port of the program
""",
    ),
    "telemetry that is wished for": (
        """
[telemetry]
every = true
""",
        """
x.toml:2:1: telemetry.every: must be a duration such as "200ms", "5s" or "2h", not true
""",
    ),
    "iterations without a precision": (
        """
[experiment]
iterations = { min = 3, max = 5 }
""",
        """
x.toml:2:1: experiment.iterations: precision is missing
  hint: write { min = 5, max = 30, precision = "5%" }
""",
    ),
    "looks at no fixed rounds": (
        """
[experiment]
iterations = { until = "decided", max = 30 }
""",
        """
x.toml:2:35: experiment.iterations.max: must be 5, 10, 20, 40 or 80 with until, not 30
  hint: the series is looked at after so many rounds
""",
    ),
    "looks and a precision": (
        """
[experiment]
iterations = { until = "decided", max = 40, precision = "5%" }
budget = "1h"
""",
        """
x.toml:2:45: experiment.iterations.precision: does not go with until, which looks at the verdicts after 5, 10, 20, 40 and 80 rounds
  hint: remove one
""",
    ),
    "looks at nothing": (
        """
[experiment]
configuration = "kv"
iterations = { until = "decided", max = 40 }
order = "sequential"
budget = "1h"
[[steps]]
target = "load"
on = "clients"
measure = true
options = { servers = "x", seconds = 1 }
[metrics]
throughput = { join = "sum" }
""",
        """
x.toml:3:16: experiment.iterations.until: does not go with a budget: each look is at whole rounds of all points
  hint: remove one of the two
x.toml:3:16: experiment.iterations.until: no metric says which way is better, so nothing can be decided
  hint: write better = "higher" or "lower" in [metrics]
x.toml:3:16: experiment.iterations.until: comparisons need rounds of all points
  hint: write order = "interleaved", and do not use hill-climb
""",
    ),
    "fewer iterations at most than at least": (
        """
[experiment]
iterations = { max = 3, precision = 0.05 }
""",
        """
x.toml:2:16: experiment.iterations.max: is less than min, which is 5
""",
    ),
    "iterations that are no number": (
        """
[experiment]
iterations = "5"
""",
        """
x.toml:2:1: experiment.iterations: must be a whole number or { min = 5, max = 30, precision = "5%" }, not the text "5"
""",
    ),
    "a precision that cannot be": (
        """
[experiment]
configuration = "kv"
iterations = { max = 30, precision = "5%", of = ["throughput", "put"] }
order = "sequential"
[parameters]
seconds = { start = 1, end = 8, hill-climb = true }
[[steps]]
target = "load"
on = "clients"
measure = true
options = { servers = "x", seconds = "{seconds}" }
[metrics]
throughput = { join = "sum" }
""",
        """
x.toml:3:26: experiment.iterations.precision: a precision can only end a series that runs in rounds of all points
  hint: write order = "interleaved"
x.toml:3:26: experiment.iterations.precision: a precision cannot end a climb
  hint: write a number: the iterations of each tried value
x.toml:3:64: experiment.iterations.of[1]: there is no metric "put"
  hint: known: throughput
""",
    ),
    "a precision of nothing": (
        """
[experiment]
configuration = "kv"
iterations = { max = 30, precision = "5%" }
[[steps]]
target = "load"
on = "clients"
measure = true
options = { servers = "x" }
""",
        """
x.toml:3:26: experiment.iterations.precision: there is no metric whose intervals could decide
  hint: declare one in [metrics]
""",
    ),
    "shapes of histograms": (
        """
[metrics]
a = { hdr = "out/*.hlog" }
b = { hdr = "out/*.hlog", quantile = 0.9, statistic = "mean" }
c = { hdr = "/out/*.hlog", quantile = [0.5, 0.9] }
d = { hdr = "out/*.hlog", quantile = 1, scale = "furlongs", log = "x=(1)", join = "sum" }
e = { quantile = 0.5 }
f = { hdr = "x", statistic = "p99", scale = 0 }
g = { value = "a / b", hdr = "x", quantile = 0.5 }
""",
        """
x.toml:2:1: metrics.a: must have exactly one of quantile and statistic
  hint: write quantile = 0.99, or statistic = "mean"
x.toml:3:1: metrics.b: must have exactly one of quantile and statistic
  hint: write quantile = 0.99, or statistic = "mean"
x.toml:4:7: metrics.c.hdr: must be in the task's own folder, $WKE_DIR
  hint: write a path in it, such as "out/*.log"
x.toml:4:28: metrics.c.quantile: must be a number, not a list
x.toml:5:27: metrics.d.quantile: must be at most 0.999999, not 1
x.toml:5:41: metrics.d.scale: must be a unit or a positive number, not the text "furlongs"
  hint: write scale = "us", or 0.001
x.toml:6:7: metrics.e.quantile: is for metrics of histograms and raw values
  hint: write hdr = "out/*.hlog"
x.toml:7:18: metrics.f.statistic: must be one of "mean", "min", "max", "count", "total", not the text "p99"
x.toml:7:37: metrics.f.scale: must be a unit or a positive number, not the number 0
  hint: write scale = "us", or 0.001
x.toml:8:24: metrics.g.hdr: is for metrics that are read; this metric is computed
  hint: remove it, or value
""",
    ),
    "shapes of metrics from files and load generators": (
        """
[metrics]
a = { raw = "out/lat.csv", column = 0, quantile = 0.5 }
b = { raw = "out/lat.csv" }
c = { raw = "out/lat.csv", hdr = "x", quantile = 0.5 }
d = { from = "wrk3" }
e = { from = "wrk", log = "x=(1)" }
f = { log = "{value}{unit}" }
g = { log = "x=(1)", column = 2 }
h = { file = "out/x" }
i = { raw = "x", quantile = 0.5, tag = "READ" }
j = { raw = "x", quantile = 0.5, join = "max" }
""",
        """
x.toml:2:28: metrics.a.column: must be the name of a column or its position from 1, not the number 0
x.toml:3:1: metrics.b: must have exactly one of quantile and statistic
  hint: write quantile = 0.99, or statistic = "mean"
x.toml:4:7: metrics.c.raw: is for metrics in output; histograms are always merged
  hint: remove it, or hdr
x.toml:5:7: metrics.d.from: wke does not read the output of "wrk3"
  hint: did you mean "wrk"?
x.toml:6:21: metrics.e.log: is for metrics without a load generator
  hint: remove it, or from
x.toml:7:1: metrics.f: unit is missing: the output says in which unit each value is
  hint: write unit = "ms", to which they are converted
x.toml:8:22: metrics.g.column: is for metrics of raw values
  hint: write raw = "out/*.csv"
x.toml:9:7: metrics.h.file: is for metrics of load generators
  hint: write from = "wrk"
x.toml:10:34: metrics.i.tag: is for metrics of histograms
  hint: write hdr = "out/*.hlog"
x.toml:11:34: metrics.j.join: is for metrics in output; raw values are always merged
  hint: remove it, or raw
""",
    ),
    "metrics from load generators that do not fit": (
        """
[experiment]
configuration = "kv"
[[steps]]
target = "load"
on = "clients"
measure = true
options = { servers = "x" }
[metrics]
throughput = { from = "wrk", join = "sum" }
p99 = { from = "wrk", join = "max", unit = "B" }
slow = { from = "iperf3", join = "max" }
mine = { from = "wrk", field = "p998", join = "max" }
set-p99 = { from = "redis-benchmark", join = "max" }
kept = { from = "fio", field = "read-p99.9", file = "out/fio.json", join = "max" }
raw = { raw = "out/lat.csv", quantile = 0.5, unit = "ms", scale = "B" }
""",
        """
x.toml:10:37: metrics.p99.unit: p99 of wrk is in ms, which is not B
  hint: write unit = "ms"
x.toml:11:1: metrics.slow: iperf3 has no "slow"
  hint: write field = "throughput"; it has throughput, sent, retransmits, jitter, loss
x.toml:12:24: metrics.mine.field: wrk has no "p998"
  hint: write field = "throughput"; it has throughput, requests, bandwidth, errors, latency-mean, latency-min, latency-max and p99 and the like
x.toml:14:46: metrics.kept.file: its step does not collect "out/fio.json"
  hint: write collect = ["out/fio.json"] in that step
x.toml:15:9: metrics.raw.raw: its step does not collect "out/lat.csv"
  hint: write collect = ["out/lat.csv"] in that step
x.toml:15:59: metrics.raw.scale: values in B cannot be converted to ms
  hint: write unit = "B", or a number as scale: the factor for recorded values
""",
    ),
    "histograms that do not come back": (
        """
[experiment]
configuration = "kv"
[[steps]]
target = "serve"
on = "servers"
background = true
collect = ["stats", "log/*"]
[[steps]]
target = "load"
on = "clients"
measure = true
options = { servers = "x" }
collect = "out/a.hlog"
[metrics]
p50 = { hdr = "out/*.hlog", quantile = 0.5, unit = "ms" }
p99 = { hdr = "out/a.hlog", quantile = 0.99 }
p9 = { hdr = "stats/deep/*.hlog", quantile = 0.9, unit = "ms", step = "serve" }
p8 = { hdr = "log/x.hlog", quantile = 0.8, unit = "ms", step = "serve" }
p7 = { hdr = "logs/x.hlog", quantile = 0.7, unit = "ms", step = "serve" }
size = { hdr = "out/a.hlog", statistic = "mean", unit = "kB" }
sizes = { hdr = "out/a.hlog", statistic = "mean", unit = "kB", scale = "ns" }
fine = { hdr = "out/a.hlog", statistic = "mean", unit = "kB", scale = 0.001 }
count = { hdr = "out/a.hlog", statistic = "count" }
""",
        """
x.toml:15:9: metrics.p50.hdr: its step does not collect "out/*.hlog" (it collects out/a.hlog)
  hint: write collect = ["out/a.hlog", "out/*.hlog"] in that step
x.toml:16:1: metrics.p99: unit is missing
  hint: write unit = "ms"
x.toml:19:8: metrics.p7.hdr: its step does not collect "logs/x.hlog" (it collects stats, log/*)
  hint: write collect = ["stats", "log/*", "logs/x.hlog"] in that step
x.toml:20:1: metrics.size: scale is missing: how many kB is one recorded value?
  hint: write scale = "B", or a number: the factor for recorded values
x.toml:21:64: metrics.sizes.scale: values in ns cannot be converted to kB
  hint: write unit = "ns", or a number as scale: the factor for recorded values
""",
    ),
    "recorded values in shapes that are none": (
        """
[metrics]
a = { raw = "x", quantile = 0.9, unit = "ms", expected-interval = "0ms" }
b = { log = "x=(1)", expected-interval = "10ms" }
c = { raw = "x", statistic = "count", expected-interval = "10ms" }
d = { raw = "x", statistic = "mean", unit = "ms", summary = "pooled" }
e = { raw = "x", quantile = 0.9, unit = "ms", expected-interval = "10 * (" }

[[plots]]
type = "percentiles"
x-axis = "rate"
y-axis = "a"
[[plots]]
type = "percentiles"
label = "b"
y-axis = "a"
x-scale = "log"
[[plots]]
type = "cdf"
label = "c"
y-axis = ["a", "d"]
""",
        """
x.toml:2:47: metrics.a.expected-interval: must be more than 0, not the text "0ms"
  hint: write expected-interval = "10ms"
x.toml:3:22: metrics.b.expected-interval: is for metrics of histograms and raw values
  hint: write hdr = "out/*.hlog"
x.toml:4:39: metrics.c.expected-interval: is not for a count
  hint: remove it
x.toml:5:51: metrics.d.summary: is for quantiles of recorded values
  hint: write quantile = 0.99, or summary = "mean"
x.toml:10:1: plots[0].x-axis: is not for a plot of type percentiles, whose lines are recorded values
  hint: remove it
x.toml:16:1: plots[1].x-scale: is not for a plot of type percentiles, which has its own
  hint: remove it
x.toml:20:1: plots[2].y-axis: must be one metric in a plot of type cdf
  hint: write a plot for each, with labels
""",
    ),
    "curves of what was not recorded": (
        """
[experiment]
configuration = "kv"
[parameters]
memory = [1, 2]
[[steps]]
target = "load"
on = "clients"
measure = true
collect = "out/*"
options = { servers = "x", seconds = "{memory}" }
[metrics]
tail = { raw = "out/*", quantile = 0.9, unit = "ms", expected-interval = "memory * rate" }
less = { raw = "out/*", quantile = 0.9, unit = "ms", expected-interval = "1 - memory" }
size = { raw = "out/*", quantile = 0.9, unit = "B", expected-interval = "10ms" }
mean = { raw = "out/*", statistic = "mean", unit = "ms" }
[[plots]]
type = "cdf"
y-axis = "mean"
sort-by = "memory"
[[plots]]
type = "percentiles"
label = "b"
y-axis = ["tail / mean", "tale"]
sort-by = "memory"
""",
        """
x.toml:12:54: metrics.tail.expected-interval: rate has no value
  hint: at memory=1; its names are parameters
x.toml:13:54: metrics.less.expected-interval: is 0 at memory=1, and must be more than 0
x.toml:14:53: metrics.size.expected-interval: is in ms, which is not B
x.toml:18:1: plots[0].y-axis: mean is not a quantile of histograms or raw values, which a plot of type cdf shows
  hint: known: tail, less, size
x.toml:23:11: plots[1].y-axis[0]: tail / mean is not a quantile of histograms or raw values, which a plot of type percentiles shows
  hint: known: tail, less, size
x.toml:23:26: plots[1].y-axis[1]: there is no metric "tale"
  hint: did you mean "tail"?
""",
    ),
    "an experiment of a benchmark script": (
        """
[experiment]
num_iterations = 3
[parameters]
threads = [1, 2]
""",
        """
x.toml:1:2: experiment: has no [[steps]], so wke has nothing to run
  hint: add [[steps]] and configuration = "FOLDER" in [experiment]; or run the Python script that the file was written for
""",
    ),
}


@pytest.mark.parametrize(("text", "expected"), FILES.values(), ids=FILES)
def test_everything_wrong_with_an_experiment_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: str
) -> None:
    """Each file gives exactly these messages, in the order of its lines."""
    monkeypatch.chdir(tmp_path)
    assert messages(tmp_path, text) == expected.lstrip("\n")
