"""A report with everything that a page shows, made up from a seed: two parameters, three rounds, findings, failures and telemetry."""

import base64
import json
import math
import random
import zlib
from collections.abc import Sequence
from dataclasses import replace

from wke.tell.page.values import (
    Centre,
    Difference,
    FailureCause,
    Grid,
    Headline,
    Judged,
    LogLine,
    RecordedShares,
    Report,
    ShownComparison,
    ShownMetric,
    ShownPoint,
    ShownTask,
    ShownTrial,
)

SERVERS, CONNECTIONS, ROUNDS = (1, 3, 5), (2, 8, 32, 128), 3
METRICS = (
    ShownMetric("throughput", "1/s", "higher"),
    ShownMetric("p99", "ms", "lower"),
    ShownMetric("p50", "ms", "lower"),
    ShownMetric("errors", "", "lower"),
)
SUSPECT, INVALID = 9, 20
HOSTILE = (
    "<img src=x onerror=\"window.hacked='img'\">",
    "</script><script>window.hacked='script'</script>",
    "\u202egnp.exe\u202c \x1b[31mred\x1b[0m \x07\x00",
    "']\"><svg onload=window.hacked='svg'>&lt;&amp;",
    "javascript:window.hacked='link'",
    "nobreak" * 60,
)


def differences(numbers: Sequence[int], width: int) -> bytes:
    """Return an array as the page stores it: differences that wrap around, lowest bytes first."""
    most, last, steps = 1 << 8 * width, 0, list[int]()
    for number in numbers:
        steps.append((number - last) % most)
        last = number
    return b"".join(bytes(step >> 8 * plane & 255 for step in steps) for plane in range(width))


def packed(telemetry: dict[str, object], arrays: bytes) -> dict[str, object]:
    """Return telemetry with its arrays in one compressed block."""
    head = json.dumps(telemetry).encode()
    return {"head": len(head), "blob": base64.b64encode(zlib.compress(head + arrays)).decode()}


def telemetry_of(
    servers: int, seed: int, *, full: bool = True, machines: int = 0, seconds: int = 70, columns: int = 4
) -> dict[str, object]:
    """Return a minute of telemetry at 10 Hz of some machines, with a measured step from second 6 to 66."""
    chance, arrays, listed = random.Random(seed), bytearray(), list[dict[str, object]]()
    n = seconds * 10 if full else 100
    names = [*(f"server{at + 1}" for at in range(machines or servers)), "client1", "client2"]
    rows = (
        ("CPU", "% of a core"),
        ("Disk busy", "%"),
        ("Memory", "MiB"),
        ("Network sent", "kB/s"),
        *((f"column {at}", "1/s") for at in range(columns - 4)),
    )
    for machine in names:
        at = len(arrays)
        arrays += differences([round((place + 0.5) * seconds * 1000 / n) + place % 7 for place in range(n)], 4)
        for row, unit in rows:
            level = 400 + 200 * chance.random()
            values = [round(level + 150 * math.sin(place / 9) + 60 * math.sin(place * place)) for place in range(n)]
            values[n // 3] = 65535
            column = {
                "machine": machine,
                "name": row.lower(),
                "title": row,
                "unit": unit,
                "row": row,
                "group": machine.rstrip("12345"),
                "n": n,
                "t": at,
            }
            column |= {
                "at": len(arrays),
                "scale": 0.1,
                "base": 0.0,
                "mean": sum(values) / n / 10,
                "most": max(v for v in values if v != 65535) / 10,
            }
            arrays += differences(values, 2)
            if not full:
                column["hi"] = len(arrays)
                arrays += differences([value if value == 65535 else value + 120 for value in values], 2)
            listed.append(column)
    listed.append(
        {**listed[0], "machine": "", "name": "requests", "title": "Requests", "unit": "1/s", "row": "Requests", "group": "", "scale": 10.0}
    )
    steps = [
        ["start-server on servers", 0.0, 69.0, "background"],
        ["healthy on servers", 0.2, 1.2, ""],
        ["load on clients", 6.0, 66.0, "measured"],
    ]
    show = ["Requests", "CPU", "Disk busy"]
    return packed(
        {"end": float(seconds), "measured": [6.0, 66.0], "full": full, "steps": steps, "columns": listed, "show": show},
        bytes(arrays),
    )


def centre(values: Sequence[float]) -> Centre:
    """Return a made-up summary: the mean, and an interval around all values."""
    middle = sum(values) / len(values)
    return Centre(middle, min(values) * 0.96, max(values) * 1.04, len(values))


def shown_trials() -> list[ShownTrial]:
    """Return three rounds of twelve points, each in its own order, and one failed attempt."""
    chance, trials = random.Random(4), list[ShownTrial]()
    for number in range(1, ROUNDS + 1):
        order = [(at, servers, connections) for at, (servers, connections) in enumerate((s, c) for s in SERVERS for c in CONNECTIONS)]
        chance.shuffle(order)
        trials += [shown_trial(len(trials) + at, number, one, chance) for at, one in enumerate(order)]
    first = trials[SUSPECT]
    failed = LogLine(3.2, "load", "client1", 2, "connection refused")
    return [
        *trials,
        ShownTrial(
            f"{first.id}.0",
            first.id,
            0,
            0,
            first.point,
            1,
            None,
            {},
            {},
            (),
            False,
            "failed",
            "failed(3)",
            "09:02:04 UTC",
            3.3,
            lines=[failed],
        ),
    ]


def shown_trial(place: int, number: int, at: tuple[int, int, int], chance: random.Random) -> ShownTrial:
    """Return one trial with plausible values."""
    point, servers, connections = at
    noise, slow = 1 + 0.08 * (chance.random() - 0.5), 0.76 if place == SUSPECT else 1.0
    throughput = 1400 * connections**0.42 / servers**0.45 * noise * slow
    metrics = {
        "throughput": throughput,
        "p99": 2.4 * connections / throughput * 1000,
        "p50": connections / throughput * 1000,
        "errors": 0.0,
    }
    verdict = "suspect" if place == SUSPECT else "invalid" if place == INVALID else "ok"
    name = f"{random.Random(point).getrandbits(48):012x}-{number - 1}"
    judged = [
        Judged("generator", "ok", "The generator used at most 11 % of a core."),
        Judged("clocks", "unknown", "Only two readings of the clocks."),
    ]
    if verdict != "ok":
        judged.insert(
            0, Judged("foreign load", verdict, "other processes used 1.3 of 2 processors for 34 s of the 60 s measured (limit: 0.2)")
        )
    lines = [
        LogLine(0.5 + at / 3, "load" if at % 2 else "start-server", f"server{at % servers + 1}", 1 + at % 2, f"line {at} of {name}")
        for at in range(12)
    ]
    tasks = [ShownTask(0, "start-server", f"server{at + 1}", "cancelled", 0.01, 69.0) for at in range(servers)]
    tasks.append(ShownTask(2, "load", "client1", "ok", 6.0, 66.0))
    return ShownTrial(
        key=name,
        id=name,
        attempt=0,
        series=0,
        point=point,
        round=number,
        place=place + 1,
        metrics=metrics,
        deviations={"throughput": noise * slow - 1, "p99": 1 / (noise * slow) - 1},
        outlying=("throughput",) if place == SUSPECT else (),
        counts=verdict != "invalid",
        verdict=verdict,
        outcome="ok",
        began="09:02:04 UTC",
        lasted_s=69.4,
        judgements=judged,
        lines=lines,
        tasks=tasks,
        folder=f"results/trials/{name}/0",
        commands=[f"wke show {name}", f"wke logs {name}"],
        telemetry=telemetry_of(servers, place, full=place < 12) if place % 3 == 0 else None,
    )


def recorded_shares(point: int, shares: Sequence[float], median: float) -> RecordedShares:
    """Return the recorded latencies of a point, whose intervals have no upper end in the tail."""
    values = [median * (1 + 0.8 * -math.log10(1 - share)) for share in shares]
    highs = [1.2 * value if share < 0.99 else None for share, value in zip(shares, values, strict=True)]
    return RecordedShares(point, "p99", shares, values, [0.9 * value for value in values], highs)


def shown_report() -> Report:
    """Return the report."""
    trials = shown_trials()
    points = list[ShownPoint]()
    for at, (servers, connections) in enumerate((servers, connections) for servers in SERVERS for connections in CONNECTIONS):
        own = [trial for trial in trials if trial.point == at and trial.metrics and trial.counts]
        metrics = {metric.name: centre([trial.metrics[metric.name] for trial in own]) for metric in METRICS}
        verdicts = {word: sum(trial.verdict == word for trial in own) for word in ("ok", "suspect")}
        points.append(ShownPoint(0, (str(servers), str(connections)), (float(servers), float(connections)), metrics, verdicts))
    shares = sorted([*(at / 20 for at in range(1, 20)), *(1 - 10 ** -(1 + at / 30) for at in range(1, 91))])
    recorded = [recorded_shares(at, shares, point.metrics["p50"].value) for at, point in enumerate(points)]
    suspect, other = trials[SUSPECT], next(trial for trial in trials if trial.point == trials[SUSPECT].point and trial.round == 2)
    return Report(
        title="scale",
        description="Writes to etcd: cluster sizes and concurrent writers",
        measured="Series scale, configuration etcd 3.5.1. 30 November 2026, 09:02 to 09:44 UTC.",
        series=("scale",),
        parameters=("num-servers", "connections"),
        metrics=METRICS,
        headlines=(
            Headline(
                "0.49×",
                "Five servers write 0.49 times as fast as one at 128 connections.",
                "95 % interval over 3 rounds.",
                "0.45 to 0.53",
                (0.49, 0.45, 0.53),
            ),
            Headline(
                "2.0×",
                "Five servers have 2.0 times the p99 latency of one at 128 connections.",
                "95 % interval over 3 rounds.",
                "1.9 to 2.2",
                (2.0, 1.9, 2.2),
            ),
            Headline(
                "5.7×",
                "128 connections write 5.7 times as fast as 2 with one server.",
                "95 % interval over 3 rounds.",
                "5.3 to 6.1",
                (5.7, 5.3, 6.1),
            ),
        ),
        doubts=(),
        points=points,
        trials=trials,
        distributions=recorded,
        comparisons=[
            ShownComparison(
                f"num-servers {servers}, connections {connections}",
                "throughput",
                1 / servers**0.45,
                0.9 / servers**0.45,
                1.1 / servers**0.45,
                "worse",
                3,
            )
            for servers in (3, 5)
            for connections in CONNECTIONS
        ],
        baseline="num-servers 1",
        differences=(
            Difference(
                suspect.key,
                other.key,
                ("Other processes on the host used 129 % of a core more.", "server1 waited 3 times as long for its disk."),
            ),
        ),
        failures=(FailureCause("load failed with status 3", "client1 could not connect.", (trials[-1].key,), trials[-1].lines),),
        facts=(("Plan", ("3 rounds of 12 points in random order, seed 1",)), ("Configuration", ("etcd 3.5.1",))),
        machines=(
            Grid(
                "Machines",
                ("Machines", "Cores", "Memory (GiB)"),
                (("server1 to server5, client1, client2", "2", "24"),),
                "No fact changed.",
                ("Cores", "Memory (GiB)"),
            ),
        ),
        disclosure=(("Start", ("At one instant, at most 0.07 ms apart",)), ("Excluded", ("1 failed attempt", "1 invalid attempt"))),
        left_out=("Full resolution of 24 trials. To see one: wke report scale --trial ID",),
        commands={
            "lines:throughput": "wke plot scale --type lines --metric throughput",
            "order:throughput:0": "wke plot scale --type order",
        },
        reproduce=("wke measure experiments/scale.toml", "wke report scale"),
        version="1.0",
        fixed=(("value-size", "128"),),
        interval_words="95 % intervals over 3 rounds (Student's t on logarithms)",
    )


def shown_beside() -> Report:
    """Return a report of two series, `scale` and `old`, whose trials are alike."""
    one = shown_report()
    n = len(one.points)
    return replace(
        one,
        title="scale and old",
        series=("scale", "old"),
        points=(*one.points, *(replace(point, series=1) for point in one.points)),
        trials=(*one.trials, *(replace(trial, key=f"{trial.key}@2", series=1, point=(trial.point or 0) + n) for trial in one.trials)),
        distributions=(*one.distributions, *(replace(curve, point=curve.point + n) for curve in one.distributions)),
        differences=(Difference("scale", "old", ("The kernel is another one.",)),),
        commands={f"order:throughput:{at}": f"wke results {name} --trials" for at, name in enumerate(("scale", "old"))},
    )
