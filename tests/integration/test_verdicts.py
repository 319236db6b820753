"""Verdicts on real situations: a saturated generator, a hog beside, a server that is stopped; and what is shown and stored of them.

Little memory, an overload and a clock that is set are those of benchmarks/situations.py, shorter; benchmarks/verdicts.py has all at length.
"""

import csv
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from projects import Project

from wke.agent.cgroups import hierarchies
from wke.keep.trials.judgements import Level
from wke.keep.trials.trials import StoredAttempt

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from situations import Situation, series, write_situations

BURN = "while True:\n    pass\n"
SERVE = f"""#!/usr/bin/env python3
import os
with open("/tmp/server", "w") as file:
    file.write(str(os.getpid()))
print("ready", flush=True)
{BURN}"""
LOAD = """#!/usr/bin/env python3
import os, signal, time
start = time.monotonic()
with open("/tmp/server") as file:
    server = int(file.read())
while time.monotonic() < start + 0.4:
    pass
os.kill(server, signal.SIGSTOP)
while time.monotonic() < start + 3.1:
    pass
os.kill(server, signal.SIGCONT)
for second in (1, 2, 3):
    print("wke: @%d due=100 sent=100 done=%d" % (second, 100 - second))
print("wke: ops=100 1/s")
"""
SERIES = """
[experiment]
configuration = "kv"
[[steps]]
target = "serve"
on = "m0"
background = true
ready = { log = "ready" }
[[steps]]
target = "load"
on = "m0"
measure = true
[metrics]
ops = { unit = "1/s" }
[verdicts]
generator = { windows = 2, suspect-busy = "1%", invalid-busy = "100%" }
foreign = { windows = 2, suspect-load = "2%", invalid-load = "100%" }
processes = { windows = 2, still = 1 }
"""


@contextmanager
def hog() -> Iterator[None]:
    """Burn processor time beside the machines."""
    with subprocess.Popen([sys.executable, "-c", BURN]) as process:
        yield
        process.kill()


def judged(attempt: StoredAttempt) -> dict[str, Level]:
    return {judgement.rule: judgement.level for judgement in attempt.judgements}


def test_faults_of_a_measurement_are_found_shown_and_judged_anew(emulated: Project) -> None:
    """Three rules suspect the trial, which counts; with other thresholds it is invalid and due again, or a rule is off with its reason."""
    emulated.targets(serve=SERVE, load=LOAD)
    emulated.write("experiments/series.toml", SERIES)
    with hog():
        done = emulated.measure()
    (trial,) = emulated.trials()
    levels = judged(trial)
    assert (done.status, trial.outcome, trial.verdict) == (0, "ok", Level.SUSPECT)
    assert [rule for rule, level in levels.items() if level is Level.SUSPECT] == ["foreign", "generator", "processes"]
    assert (levels["clock"], levels["backlog"], levels["start"]) == (Level.OK, Level.UNKNOWN, Level.UNKNOWN)
    assert "1 of 1 suspect: the generator on m0 used " in done.err
    assert "1 of 1 suspect: serve on m0 used no processor time for " in done.err
    assert done.out.splitlines()[0].split()[-1] == "suspect"
    (row,) = csv.DictReader((emulated.folder / "results/series.csv").read_text().splitlines())
    assert "other programs used " in row["suspect because"]
    (row,) = csv.DictReader(emulated.wke("results", "series", "--trials", "--csv").out.splitlines())
    assert (row["outcome"], row["verdict"], "the generator on m0" in row["doubts"]) == ("ok", "suspect", True)
    shown = emulated.wke("show", trial.id).out
    assert f"\n  limit     {trial.limit}\n" in shown
    assert f"limit: {trial.limit}\n" in done.err
    assert emulated.wke("results", "series", "--json").json["series"]["limit"] == f"limit: {trial.limit}"
    assert "  verdict   suspect\n" in shown
    assert "backlog        unknown: the measured window lasted less than 4 s, and the rule needs 20 s\n" in shown
    plan = emulated.wke("plan", "experiments/series.toml").out
    assert "  verdicts: a measured step of 3" in plan
    assert plan.rstrip().endswith("backlog (20 s), steady (100 s)")

    emulated.edit("experiments/series.toml", 'invalid-busy = "100%"', 'invalid-busy = "2%"')
    would = emulated.wke("reanalyse", "experiments/series.toml", "--dry-run")
    assert f"{trial.id}.1  suspect, now invalid: the generator on m0 used " in would.out
    assert emulated.trials()[0].ok
    again = emulated.wke("reanalyse", "experiments/series.toml")
    assert again.out.startswith("rules say something else of 1 attempt\n")
    (trial,) = emulated.trials()
    assert (trial.outcome, trial.verdict, trial.why.startswith("the generator on m0 used ")) == ("invalid", Level.INVALID, True)
    assert "stored already: 0; to run: 1" in emulated.wke("plan", "experiments/series.toml").out

    reason = "it is the system"
    emulated.edit("experiments/series.toml", 'windows = 2, suspect-busy = "1%", invalid-busy = "2%"', f'off = "{reason}"')
    assert emulated.wke("reanalyse", "experiments/series.toml").status == 0
    (trial,) = emulated.trials()
    assert (trial.outcome, judged(trial)["generator"]) == ("ok", Level.OFF)
    assert f"generator      off: {reason}\n" in emulated.wke("show", trial.id).out
    assert "nothing to reanalyse" in emulated.wke("reanalyse", "experiments/series.toml").out
    assert "nothing to run" in emulated.measure().err


@pytest.mark.netns
@pytest.mark.skipif("memory" not in hierarchies() or os.geteuid() != 0, reason="needs root and control groups")
def test_short_memory_and_a_set_clock_are_found_and_overload_is_a_result(new_project: Callable[[str], Project]) -> None:
    """At 1.05 times its capacity the system is overloaded: the trial counts with its throughput, is marked, and does not run again."""
    compiler = shutil.which("cc") or pytest.skip("there is no C compiler, with which a clock is set")
    project = new_project("")
    write_situations(project.folder, compiler)
    busy = '{ off = "other tests run beside" }'
    rules = f"backlog = {{ windows = 11 }}\nmemory = {{ windows = 2 }}\nforeign = {busy}\noversubscribed = {busy}\ngaps = {busy}\n"
    project.write("experiments/series.toml", series(Situation("memory+even", 210, 11.5), Situation("step", 190, 1), verdicts=rules))
    done = project.measure()
    assert done.status == 0, done.err
    overloaded, stepped = sorted(project.trials(), key=lambda trial: trial.point["rate"], reverse=True)
    doubted = [{rule for rule, level in judged(trial).items() if level is Level.SUSPECT} for trial in (overloaded, stepped)]
    assert doubted == [{"backlog", "memory"}, {"clock"}]
    assert [(trial.outcome, trial.attempt, trial.verdict) for trial in (overloaded, stepped)] == [("ok", 1, Level.SUSPECT)] * 2
    assert overloaded.observations["throughput"] == pytest.approx(200, rel=0.03)
    assert "so latencies are those of a growing queue" in overloaded.doubts
    assert re.search(r"m0 had (0\.[0-9]+|1|2) % of its memory available", overloaded.doubts)
    assert stepped.doubts == "the clock of m1 was set during the trial, so its times are not known"
    assert "nothing to run" in project.measure().err
