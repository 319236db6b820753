"""The identity of a trial: a hash of everything that its result depends on, and of nothing else.

Scripts and preludes count by their bytes, options by their bound values (a default counts only where it is used), machines by name,
address and classes. The layout of files, descriptions, the number of iterations, the order and its seed do not count, because they do not
change what one trial shows.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache, partial

from wke.describe.cluster.cluster import ClusterSpec, LinkSpec, MachineSpec
from wke.describe.cluster.folding import fold
from wke.describe.configuration.copies import Copy
from wke.describe.configuration.loadmodule import module_beside
from wke.describe.configuration.step import PlannedStep, Ready
from wke.describe.experiment.metrics import Metric
from wke.describe.plan.plan import Plan, Trial
from wke.describe.plan.revisions import REVISION
from wke.describe.toml.limits import FRESH_FROM
from wke.keep.machines.fingerprint import place
from wke.keep.trials.trials import Inputs, PlannedTrial

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]

SCHEME = 1
"""Part of every identity: a higher number invalidates all stored results."""

MOST_TEXTS = 4096

_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode


def trial_id(trial: Trial, metrics: Sequence[Metric], checks: Sequence[str] = (), beside: str = "") -> str:
    """Return the trial's id: twelve hexadecimal digits of the hash and the iteration, as in 3fa9c1d2e0b4-2; see `turn_name`."""
    return f"{digest(_dependencies(trial, metrics, checks, beside))[:12]}-{turn_name(trial.iteration, warmup=trial.warmup)}"


def turn_name(iteration: int, *, warmup: bool) -> str:
    """Return the part of a trial's id that tells which turn of its point it is: 2, w2 for a warm-up, f2 for a fresh round."""
    return f"w{iteration}" if warmup else f"f{iteration - FRESH_FROM}" if iteration >= FRESH_FROM else str(iteration)


def inputs(trial: Trial, metrics: Sequence[Metric], checks: Sequence[str] = (), beside: str = "") -> dict[str, Json]:
    """Return what a trial depends on, to be stored for later comparisons. `beside` is a hash of what is measured in the same rounds.

    The identity is the hash of `depends`. `digests` has the hash of each part of it, so that two trials can be compared part by part.
    `targets` has the names of the steps, which do not count.
    """
    depends = _dependencies(trial, metrics, checks, beside)
    return {
        "depends": depends,
        "digests": {part: digest(value) for part, value in depends.items()},
        "targets": [step.target.name for step in trial.steps],
    }


def run_digest(inputs: Inputs) -> str:
    """Return a hash that two trials share if they run the same, even if other metrics or checks are read from their output."""
    return digest({part: value for part, value in inputs["digests"].items() if part not in {"metrics", "checks"}})


def planned_trials(plan: Plan) -> Iterator[PlannedTrial]:
    """Yield the trials of a plan with their ids and inputs, in running order. All trials of a point depend on the same."""
    metrics, checks = plan.experiment.metrics, [check.text for check in plan.experiment.checks]
    pairs = _pairs(plan, metrics, checks) if REVISION in plan.experiment.baseline else {}
    identities, known = _Identities(metrics, checks), dict[tuple[int, int], tuple[str, Callable[[], str]]]()
    for position, trial in enumerate(plan.trials):
        key = id(trial.point), id(trial.steps)
        if key not in known:
            beside = pairs.get(_without_revision(trial), "") if pairs else ""
            known[key] = identities.of(trial, beside), cache(partial(_inputs_json, trial, metrics, checks, beside))
        identity, text = known[key]
        name = f"{identity}-{turn_name(trial.iteration, warmup=trial.warmup)}"
        yield PlannedTrial(name, trial.point, trial.iteration, trial.warmup, position, text)


class _Identities:
    """The identities of the trials of a plan: the hash of the text of `_dependencies`, parts of which many points share."""

    def __init__(self, metrics: Sequence[Metric], checks: Sequence[str]) -> None:
        asked: dict[str, Json] = {"scheme": SCHEME, "metrics": {metric.name: _metric(metric) for metric in metrics}}
        self._asked = {name: _canonical(value) for name, value in (asked | ({"checks": list(checks)} if checks else {})).items()}
        self._steps: dict[int, str] = {}
        self._clusters: dict[tuple[int, frozenset[str]], str] = {}

    def of(self, trial: Trial, beside: str) -> str:
        """Return the part of a trial's id that is the hash of its inputs; trials that are given must stay as long as this."""
        parts = {
            **self._asked,
            "point": _canonical(dict(trial.point)),
            "cluster": self._cluster(trial.cluster, trial.steps),
            "steps": f"[{','.join(map(self._step, trial.steps))}]",
        }
        if bytes_of := _bytes_of(trial):
            parts["files"] = _canonical(bytes_of)
        if beside:
            parts["beside"] = _canonical(beside)
        text = ",".join(f'"{name}":{parts[name]}' for name in sorted(parts))
        return _sha256(f"{{{text}}}")[:12]

    def _step(self, step: PlannedStep) -> str:
        found = self._steps.get(id(step))
        if found is None:
            if len(self._steps) >= MOST_TEXTS:  # of steps that are different at each point
                self._steps.clear()
            found = self._steps[id(step)] = _canonical(_step(step))
        return found

    def _cluster(self, cluster: ClusterSpec, steps: Sequence[PlannedStep]) -> str:
        key = id(cluster), _taking_part(steps)
        if key not in self._clusters:
            self._clusters[key] = _canonical(_cluster(cluster, steps))
        return self._clusters[key]


def _inputs_json(trial: Trial, metrics: Sequence[Metric], checks: Sequence[str], beside: str) -> str:
    return json.dumps(inputs(trial, metrics, checks, beside), sort_keys=True)


def addresses(inputs: Inputs) -> dict[str, str]:
    """Return the addresses of a trial's machines, by name, from its inputs; nothing for a trial of a benchmark script."""
    cluster = inputs.get("depends", {}).get("cluster") or {}
    return {name: place(machine["external-addr"]) for name, machine in cluster.get("machines", {}).items()}


def scripts(trial: Trial) -> dict[str, bytes]:
    """Return the scripts, preludes, modules and rendered files of a trial by the digests in its inputs."""
    each = ((step.target.content, step.prelude.content if step.prelude else None) for step in trial.steps)
    files = [file for script, prelude in each for file in (script, prelude, module_beside(script))]
    rendered = {file.digest: file.content for step in trial.steps if step.copy for file in step.copy.rendered}
    return {hashlib.sha256(content).hexdigest(): content for content in files if content is not None} | rendered


def digest(value: Json) -> str:
    """Return the SHA-256 of a value's canonical JSON: keys in order, no blanks, ASCII only."""
    return _sha256(_canonical(value))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _pairs(plan: Plan, metrics: Sequence[Metric], checks: Sequence[str]) -> dict[str, str]:
    """Return a hash of what both revisions of each point depend on: a trial measured beside something else is from another time.

    So an edit makes those trials due that depend on it and those they are compared with, and no others.
    """
    sides: dict[str, dict[str, str]] = {}
    for trial in {id(trial.point): trial for trial in plan.trials}.values():
        both = sides.setdefault(_without_revision(trial), {})
        if str(trial.point[REVISION]) not in both:
            both[str(trial.point[REVISION])] = digest(_dependencies(trial, metrics, checks, ""))
    return {point: digest(both) for point, both in sides.items()}


def _without_revision(trial: Trial) -> str:
    return json.dumps({name: value for name, value in trial.point.items() if name != REVISION}, sort_keys=True)


def _dependencies(trial: Trial, metrics: Sequence[Metric], checks: Sequence[str], beside: str) -> dict[str, Json]:
    judged: dict[str, Json] = ({"checks": list(checks)} if checks else {}) | ({"beside": beside} if beside else {})
    bytes_of = _bytes_of(trial)
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


def _bytes_of(trial: Trial) -> dict[str, Json]:
    return {path: digest for path, digest in trial.files.items() if digest is not None}


def _taking_part(steps: Iterable[PlannedStep]) -> frozenset[str]:
    return frozenset(machine.name for step in steps for machine in step.machines)


def _cluster(cluster: ClusterSpec, steps: Sequence[PlannedStep]) -> Json:
    """Return the cluster as far as it counts: only machines on which a step runs."""
    taking_part = _taking_part(steps)
    return {
        "provider": cluster.provider,
        "machines": {machine.name: _machine(machine, cluster) for machine in cluster.machines if machine.name in taking_part},
        "links": {ends: _link(link) for ends, link in cluster.links.items()},
    }


def _machine(machine: MachineSpec, cluster: ClusterSpec) -> Json:
    given: dict[str, Json] = {"limits": cluster.limits[machine.name].given()} if machine.name in cluster.limits else {}
    given |= {"via": list(machine.via.words)} if machine.via is not None else {}
    return given | {
        "external-addr": machine.external_addr,
        "internal-addr": machine.internal_addr,
        "classes": sorted(machine.classes),
        "username": machine.username or cluster.username,
    }


def _link(link: LinkSpec) -> Json:
    return {"delay": link.delay_s, "jitter": link.jitter_s, "loss": link.loss, "rate": link.rate_bits}


def _step(step: PlannedStep) -> Json:
    if step.is_skipped:
        return {"skipped": True}
    kept: dict[str, Json] = {"collect": list(step.collect)} if step.collect else {}
    kept |= {name: value for name, value in (("grace", step.grace_s), ("stop-signal", step.stop_signal)) if value is not None}
    if (module := module_beside(step.target.content)) is not None:
        kept["module"] = _bytes(module)
    if step.copy is not None:
        kept |= _copied(step.copy)
    scope: dict[str, Json] = {"scope": step.scope} if step.scope != "trial" else {}
    return (
        kept
        | scope
        | {
            "script": _bytes(step.target.content),
            "prelude": _bytes(step.prelude.content) if step.prelude else None,
            "options": [[name, value if isinstance(value, str) else {"secret": value.digest}] for name, value in step.options],
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


def _copied(copy: Copy) -> dict[str, Json]:
    """Return what is copied; of rendered files the digests, by where they are and then by the machines that have this content."""
    if not copy.renders:
        return {"files": copy.digest}
    files: dict[str, dict[str, Json]] = {}
    for file in copy.rendered:
        files.setdefault(file.path, {})[",".join(fold(file.machines))] = file.digest
    return {"rendered": files, "modes": {file.path: file.mode for file in copy.rendered}}


def _ready(ready: Ready, ready_step: PlannedStep | None) -> Json:
    target = _step(ready_step) if ready_step else None
    return {"port": ready.port, "log": ready.log, "target": target, "within": ready.within_s}


def _metric(metric: Metric) -> Json:
    """Return what an observation depends on. Which way is better, and how observations are summarised, does not count."""
    if metric.value is not None:
        return {"value": metric.value, "unit": metric.unit}
    if metric.hdr is not None:
        asked = {"hdr": metric.hdr, "quantile": metric.quantile, "statistic": metric.statistic, "scale": metric.scale, "tag": metric.tag}
        return asked | {"unit": metric.unit, "on": metric.on, "step": metric.step}
    if metric.raw is not None:
        asked = {"raw": metric.raw, "column": metric.column, "quantile": metric.quantile, "statistic": metric.statistic}
        return asked | {"scale": metric.scale, "unit": metric.unit, "on": metric.on, "step": metric.step}
    if metric.from_ is not None:
        asked = {"from": metric.from_, "field": metric.field or metric.name, "file": metric.file}
        return asked | {"join": metric.join, "unit": metric.unit, "on": metric.on, "step": metric.step}
    if metric.series:
        asked = {"telemetry": metric.telemetry, "scrape": metric.scrape, "statistic": metric.statistic or "mean"}
        return asked | {"join": metric.join, "unit": metric.unit, "on": metric.on, "step": metric.step}
    return {"log": metric.log, "join": metric.join, "unit": metric.unit, "on": metric.on, "step": metric.step}


@lru_cache(maxsize=1024)
def _bytes(content: bytes | None) -> str | None:
    return None if content is None else hashlib.sha256(content).hexdigest()
