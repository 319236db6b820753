"""`wke compare --why` on real trials: a program beside, another version and a processor limit are among the first three."""

import json
from collections.abc import Callable

import pytest
from projects import Project, emulated_cluster

BUSY = """#!/usr/bin/env -S python3 -IS
import sys, time
share = float(sys.argv[1])
print("ready", flush=True)
while True:
    begun = time.process_time()
    while time.process_time() - begun < 0.02 * share:
        pass
    time.sleep(0.02 * (1 - share))
"""
LOAD = "#!/bin/sh\nsleep 0.5\necho 'wke: ops=100 1/s'\n"
SERIES = """
[experiment]
configuration = "kv"
iterations = 5
[parameters]
beside = [0.0, 0.3]
[telemetry]
every = "100ms"
[[steps]]
target = "serve"
on = "m0"
background = true
ready = { log = "ready" }
options = { share = "0.1" }
[[steps]]
target = "beside"
on = "m0"
background = true
options = { share = "{beside}" }
[[steps]]
target = "load"
on = "m0"
measure = true
[metrics]
ops = { unit = "1/s", better = "higher" }
"""


def first_three(project: Project, baseline: str, candidate: str) -> list[set[tuple[str, str]]]:
    """Return what each of the first three lines names: an aspect or a fact, and each of its places."""
    told = json.loads(project.wke("compare", baseline, candidate, "--why", "--json").out)
    assert (told["pairs"], told["pairs-with-telemetry"], told["lacks"]) == (5, 5, [])
    named = []
    for one in told["ranking"][:3]:
        if one["what"] == "fact":
            named.append({(one["kind"], where) for where in one["where"]})
        else:
            named.append({(each["aspect"], each["place"]) for each in (one, *one["others"])})
    return named


@pytest.mark.netns
def test_real_causes_are_among_the_first_three(new_project: Callable[[str], Project]) -> None:
    """Within a series, and between two series of which the second ran another version on machines with a processor limit."""
    emulated = new_project(emulated_cluster(1))
    emulated.targets(
        {"serve": '["share"]', "beside": '["share"]'}, "[config]\nversions = { kv = 'echo 1.0' }", serve=BUSY, beside=BUSY, load=LOAD
    )
    emulated.write("experiments/series.toml", SERIES)
    assert emulated.measure().status == 0
    assert ("task cpu", "beside on m0") in set().union(*first_three(emulated, "series:beside=0.0", "series:beside=0.3"))

    emulated.write("experiments/later.toml", SERIES.replace("[0.0, 0.3]", "0.3"))
    emulated.edit("kv/config.toml", "echo 1.0", "echo 2.0")
    emulated.edit("cluster.toml", "[machines]", "limits = 'try'\n[limits]\nm0 = { cpus = 0.15 }\n[machines]")
    done = emulated.wke("measure", "experiments/later.toml", "--no-figures")
    assert done.status == 0, done.err
    version, limit, throttled = first_three(emulated, "series:beside=0.3", "later")
    assert (version, limit) == ({("version", "m0")}, {("limit", "m0")})
    assert ("throttled", "m0") in throttled
