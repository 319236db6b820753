"""The identity of a trial: a hash of everything that its result depends on, and of nothing else.

Scripts and preludes count by their bytes, options by what they are bound to (a default counts only where it is in use), machines by what
they are and not by where cluster.toml lies. How a file is laid out, descriptions, the number of iterations, the order and its seed do not
count: an old result stays good for the same question.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from wke.describe.cluster.cluster import Cluster, Link, Machine
from wke.describe.configuration.step import PlannedStep, Ready
from wke.describe.experiment.metrics import Metric
from wke.describe.plan.plan import Plan, Trial
from wke.keep.machines.fingerprint import place
from wke.keep.trials.software import Files
from wke.keep.trials.trials import PlannedTrial

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]

SCHEME = 1
"""Part of every identity. To count it up makes all stored results old ones."""


def trial_id(trial: Trial, metrics: Sequence[Metric], checks: Sequence[str] = (), files: Files | None = None) -> str:
    """Return the trial's name in the store: twelve hexadecimal digits of its point's identity and the iteration, as in 3fa9c1d2e0b4-2.

    A warm-up's iteration has a w before it.
    """
    return f"{digest(_dependencies(trial, metrics, checks, files or {}))[:12]}-{'w' if trial.warmup else ''}{trial.iteration}"


def inputs(trial: Trial, metrics: Sequence[Metric], checks: Sequence[str] = (), files: Files | None = None) -> dict[str, Json]:
    """Return what a trial depends on, for people and for a later comparison.

    `depends` is what the identity is the hash of; `digests` has the hash of each of its parts, so that two trials are compared part by
    part; `targets` calls the steps by their names, which the identity does not contain.
    """
    depends = _dependencies(trial, metrics, checks, files or {})
    return {
        "depends": depends,
        "digests": {part: digest(value) for part, value in depends.items()},
        "targets": [step.target.name for step in trial.steps],
    }


def run_of(inputs: Mapping[str, Any]) -> str | None:
    """Return what is the same for two trials that run the same, whatever is read from their output; None for inputs that do not tell."""
    digests = inputs.get("digests")
    return digest({part: value for part, value in digests.items() if part not in {"metrics", "checks"}}) if digests else None


def planned_trials(plan: Plan) -> Iterator[PlannedTrial]:
    """Yield what the store is to know each trial of a plan by, in running order."""
    metrics, checks, files = plan.experiment.metrics, [check.text for check in plan.experiment.checks], plan.experiment.files
    for position, trial in enumerate(plan.trials):
        text = json.dumps(inputs(trial, metrics, checks, files), sort_keys=True)
        yield PlannedTrial(trial_id(trial, metrics, checks, files), trial.point, trial.iteration, trial.warmup, position, text)


def addresses(inputs: Mapping[str, Any]) -> dict[str, str]:
    """Return where the machines of a trial are, by name, from what `inputs` returned of it; of a benchmark script's trial nothing."""
    cluster = inputs.get("depends", {}).get("cluster") or {}
    return {name: place(machine["external-addr"]) for name, machine in cluster.get("machines", {}).items()}


def scripts(trial: Trial) -> dict[str, bytes]:
    """Return the scripts and preludes of a trial by the digests that its inputs hold."""
    files = [file for step in trial.steps for file in (step.target.content, step.prelude.content if step.prelude else None)]
    return {hashlib.sha256(content).hexdigest(): content for content in files if content is not None}


def digest(value: Json) -> str:
    """Return the SHA-256 of a value's canonical JSON: keys in order, no blanks, ASCII only."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _dependencies(trial: Trial, metrics: Sequence[Metric], checks: Sequence[str], files: Files) -> dict[str, Json]:
    judged: dict[str, Json] = {"checks": list(checks)} if checks else {}
    bytes_of = {path: digest for path, digest in files.items() if digest is not None}
    listed: dict[str, Json] = {"files": bytes_of} if bytes_of else {}
    return (
        judged
        | listed
        | {
            "scheme": SCHEME,
            "point": dict(trial.point),
            "cluster": _cluster(trial.cluster, trial.steps),
            "steps": [_step(step) for step in trial.steps],
            "metrics": {metric.name: _metric(metric) for metric in metrics},
        }
    )


def _cluster(cluster: Cluster, steps: Sequence[PlannedStep]) -> Json:
    """Only machines that a step runs on count: a trial does not depend on those that look on."""
    taking_part = {machine.name for step in steps for machine in step.machines}
    return {
        "provider": cluster.provider,
        "machines": {machine.name: _machine(machine, cluster) for machine in cluster.machines if machine.name in taking_part},
        "links": {ends: _link(link) for ends, link in cluster.links.items()},
    }


def _machine(machine: Machine, cluster: Cluster) -> Json:
    return {
        "external-addr": machine.external_addr,
        "internal-addr": machine.internal_addr,
        "classes": sorted(machine.classes),
        "username": machine.username or cluster.username,
    }


def _link(link: Link) -> Json:
    return {"delay": link.delay_s, "jitter": link.jitter_s, "loss": link.loss, "rate": link.rate_bits}


def _step(step: PlannedStep) -> Json:
    kept: dict[str, Json] = {"collect": list(step.collect)} if step.collect else {}
    if step.copy is not None:
        kept["files"] = step.copy.digest
    scope: dict[str, Json] = {"scope": step.scope} if step.scope != "trial" else {}
    return (
        kept
        | scope
        | {
            "script": _bytes(step.target.content),
            "prelude": _bytes(step.prelude.content) if step.prelude else None,
            "options": [list(option) for option in step.options],
            "machines": [machine.name for machine in step.machines],
            "multiply": step.multiply,
            "background": step.background,
            "measure": step.measure,
            "ready": _ready(step.ready, step.ready_step) if step.ready else None,
            "timeout": step.timeout_s,
            "workdir": step.workdir,
            "environment": dict(step.environment),
        }
    )


def _ready(ready: Ready, ready_step: PlannedStep | None) -> Json:
    target = _step(ready_step) if ready_step else None
    return {"port": ready.port, "log": ready.log, "target": target, "within": ready.within_s}


def _metric(metric: Metric) -> Json:
    """Return what an observation depends on; which way is better, and how observations are summarised, is judged afterwards."""
    if metric.value is not None:
        return {"value": metric.value, "unit": metric.unit}
    if metric.hdr is not None:
        asked = {"hdr": metric.hdr, "quantile": metric.quantile, "statistic": metric.statistic, "scale": metric.scale, "tag": metric.tag}
        return asked | {"unit": metric.unit, "on": metric.on, "step": metric.step}
    return {"log": metric.log, "join": metric.join, "unit": metric.unit, "on": metric.on, "step": metric.step}


@lru_cache(maxsize=1024)
def _bytes(content: bytes | None) -> str | None:
    return None if content is None else hashlib.sha256(content).hexdigest()
