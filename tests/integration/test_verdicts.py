"""Verdicts on real situations: a saturated generator, a hog beside, a server that is stopped; and what is shown and stored of them."""

import csv
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from projects import Project

from wke.keep.trials.judgements import Level
from wke.keep.trials.trials import StoredAttempt

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
