"""What differs between two results: finds the pairs of their trials, and what each trial says of itself."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import chain
from pathlib import Path

from wke.describe.experiment.point import point_key
from wke.describe.names import Word, parse_name
from wke.describe.toml.wording import counted
from wke.errors import InputError
from wke.judge.statistics.comparison import ran_first
from wke.judge.telemetry.course import Window
from wke.judge.telemetry.trial import TrialTelemetry
from wke.judge.why.aspect import Aspect
from wke.judge.why.aspects import metric_aspect
from wke.judge.why.facts import FactDifference, FactKind, Parameters, input_facts, machine_facts, software_facts, version_facts
from wke.judge.why.ranking import PairSeen, contrasts_of, ranked
from wke.judge.why.report import WhyReport
from wke.judge.why.seen import Key, seen_of
from wke.keep.store import Store
from wke.keep.trials.details import AttemptDetails
from wke.keep.trials.trials import StoredAttempt
from wke.series.comparison.comparands import Found, loaded, meanings, pair_of
from wke.series.comparison.comparing import Comparand, converted, partners_of
from wke.series.folders import RESULTS
from wke.series.resolve import find_trial, points_at
from wke.series.telemetry import stored_telemetry
from wke.tell.comparisons import baseline_text
from wke.values import dataclass

LONGEST_NAME = 28
LIMIT_FOUND = "limit of "
"""How a fingerprint names a limit, which the inputs of the trial have as well."""


@dataclass(frozen=True, slots=True)
class TrialPair:
    """A trial of the candidate, and the one of the baseline that it is compared with."""

    baseline: StoredAttempt
    candidate: StoredAttempt


@dataclass(frozen=True, slots=True)
class SideStores:
    """The stores with the trials of both sides."""

    baseline: Store
    candidate: Store


def why_named(baseline: str, candidate: str, threshold: float | None) -> WhyReport:
    """Return what differs between what two names mean; raise InputError if they have no trials that can be compared."""
    single = _trial(baseline), _trial(candidate)
    if any(single):
        there, here = (_of_trial(one, name) if one else _only(name) for one, name in zip(single, (baseline, candidate), strict=True))
        pairs = [_nearest(replace(there, trials=tuple(converted(there.trials, here))), here, given=single)]
    else:
        there, here = (loaded(found, name) for found, name in zip(pair_of(baseline, candidate), (baseline, candidate), strict=True))
        pairs = list(_pairs(there, here))
    if not pairs:
        raise InputError(f"{candidate} and {baseline} have no trials of the same rounds", hint="`wke status` says which trials are to run")
    return _between(there, here, pairs, threshold)


def why_between(there: Comparand, here: Comparand) -> WhyReport | None:
    """Return what differs between two sides; None if they have no trials of the same rounds."""
    pairs = list(_pairs(there, here))
    return _between(there, here, pairs, None) if pairs else None


def why_trial(side: Comparand, trial: StoredAttempt) -> tuple[StoredAttempt, WhyReport]:
    """Return the trial of a side that is nearest to one of its trials, and what differs; raise InputError if there is no other."""
    here = replace(side, name=trial.id, points=(trial.point,), trials=(trial,), attempts=(trial,))
    pair = _nearest(side, here, given=(None, trial))
    return pair.baseline, _between(replace(side, name=pair.baseline.id), here, [pair], None)


def _between(there: Comparand, here: Comparand, pairs: Sequence[TrialPair], threshold: float | None) -> WhyReport:
    with ExitStack() as stack:
        stores = SideStores(*(stack.enter_context(Store.open(side.folder, readonly=True)) for side in (there, here)))
        return _report(there, here, pairs, stores, threshold)


# -- which trials


def _trial(name: str) -> StoredAttempt | None:
    """Return the trial that a name means; None if it means something else."""
    is_folder = Store.exists(Path(name)) or Store.exists(Path(name) / RESULTS)
    if is_folder or not isinstance(parse_name(name), Word) or not Store.exists(RESULTS):
        return None
    with Store.open(RESULTS, readonly=True) as store:
        if name in store.plans.names():
            return None
        try:
            return find_trial(store, name)
        except InputError:
            return None


def _of_trial(trial: StoredAttempt, name: str) -> Comparand:
    if not trial.ok:
        raise InputError(f"{name} is {trial.outcome}, and only trials that are ok can be compared", hint=f"wke show {name}")
    side = loaded(Found(RESULTS, points_at(trial.series, [trial.point], trial.point)), name)
    (mine,) = converted([trial], side)
    return replace(side, points=(trial.point,), trials=(mine,), attempts=(mine,))


def _only(name: str) -> Comparand:
    """Return what a name means that is compared with a trial."""
    found = meanings(name)
    if len(found) > 1:
        series = ", ".join(sorted(one.series for one in found))
        raise InputError(f"{name} has several series: {series}", hint="name one of them, to compare it with a trial")
    return loaded(found[0], name)


def _nearest(there: Comparand, here: Comparand, *, given: Sequence[StoredAttempt | None]) -> TrialPair:
    """Return the pair of a `given` trial and the nearest one of the other side: at its point, in its round."""
    own, other = (here, there) if given[1] else (there, here)
    trial = own.trials[0]
    others = [one for one in other.trials if one.ok and not one.warmup and (one.id, one.attempt) != (trial.id, trial.attempt)]
    mine = [one for one in others if point_key(one.point) == point_key(trial.point)]
    if not others:
        raise InputError(f"{other.name} has no other trial that {own.name} can be compared with")
    if not mine and len({point_key(one.point) for one in others}) > 1:
        raise InputError(f"{other.name} has several points, and none is that of {own.name}", hint="name one: SERIES:PARAMETER=VALUE")
    partner = min(mine or others, key=lambda one: abs(one.iteration - trial.iteration))
    return TrialPair(partner, trial) if own is here else TrialPair(trial, partner)


def _pairs(there: Comparand, here: Comparand) -> Iterator[TrialPair]:
    """Yield the trials of the same rounds at points that belong together."""
    partners, _ = partners_of(there, here, None)
    before, now = (_by_round(trials) for trials in (converted(there.trials, here), here.trials))
    for point, partner in partners.values():
        baselines, candidates = before.get(point_key(partner), {}), now.get(point_key(point), {})
        yield from (TrialPair(baselines[k], candidate) for k, candidate in sorted(candidates.items()) if k in baselines)


def _by_round(trials: Sequence[StoredAttempt]) -> dict[object, dict[int, StoredAttempt]]:
    found: dict[object, dict[int, StoredAttempt]] = {}
    for one in trials:
        if one.ok and not one.warmup:
            found.setdefault(point_key(one.point), {})[one.iteration] = one
    return found


# -- what they say


def _report(there: Comparand, here: Comparand, pairs: Sequence[TrialPair], stores: SideStores, threshold: float | None) -> WhyReport:
    asked, together = _asked(pairs), there.is_beside(here)
    share = here.plan.rules.threshold if threshold is None else threshold
    units = {name: unit for pair in pairs for name, unit in pair.candidate.units.items()}
    metrics = {name: metric_aspect(name, unit, share) for name, unit in units.items()}
    details = [_Details(stores.baseline.details.of(*pair.baseline.ran), stores.candidate.details.of(*pair.candidate.ran)) for pair in pairs]
    lacks: dict[str, None] = {}
    seen, known = [], 0
    for pair, of in zip(pairs, details, strict=True):
        sides = _telemetry(pair, of, lacks)
        known += all(one.window is not None and bool(one.machines) for one in sides)
        seen.append(_seen(pair, of, sides, metrics, together=together))
    facts = [*_facts(pairs, details, stores, asked), *software_facts(there.plan.software, here.plan.software)]
    return WhyReport(
        baseline=there.name,
        candidate=here.name,
        short=_short(there, asked),
        asked=asked,
        together=together,
        pairs=len(pairs),
        rounds=len({pair.candidate.iteration for pair in pairs}),
        with_telemetry=known,
        ranking=ranked(contrasts_of(seen), list(_merged(facts))),
        scripts=dict(_scripts(facts, stores)),
        doubts=(*_doubts(there, here, pairs), *_deployments(there, here, details)),
        lacks=(*_lacking(there, here, len(pairs), known, details), *lacks),
    )


@dataclass(frozen=True, slots=True)
class _Details:
    """What the store knows of both trials of a pair."""

    baseline: AttemptDetails
    candidate: AttemptDetails


def _asked(pairs: Sequence[TrialPair]) -> Parameters:
    """Return the parameters in which the two sides of every pair differ in the same way."""
    found: dict[str, set[tuple[str, str]]] = {}
    for pair in pairs:
        for name in {**pair.baseline.point, **pair.candidate.point}:
            values = tuple(baseline_text({name: side.point.get(name)}).partition("=")[2] for side in (pair.baseline, pair.candidate))
            found.setdefault(name, set()).add((values[0], values[1]))
    return {name: next(iter(values)) for name, values in found.items() if len(values) == 1 and len(set(next(iter(values)))) == 2}


def _short(there: Comparand, asked: Parameters) -> str:
    text = ", ".join(f"{name}={values[0]}" for name, values in asked.items())
    short, preposition = (text, "at") if text else (there.name, "in")
    return f"{preposition} {short}" if len(short) <= LONGEST_NAME else "in the other"


def _telemetry(pair: TrialPair, of: _Details, lacks: dict[str, None]) -> tuple[TrialTelemetry, TrialTelemetry]:
    found = stored_telemetry(pair.baseline, of.baseline), stored_telemetry(pair.candidate, of.candidate)
    for each in found:
        lacks.update(dict.fromkeys(f"{each.trial}: {what}" for what in each.damage))
    return found


def _seen(pair: TrialPair, of: _Details, sides: Sequence[TrialTelemetry], metrics: Mapping[str, Aspect], *, together: bool) -> PairSeen:
    """Return what two trials show over the first part of their measured steps that is as long as the shorter one of these."""
    lengths = [side.window.end_ns - side.window.start_ns for side in sides if side.window is not None]
    values = []
    for attempt, details, telemetry in zip((pair.baseline, pair.candidate), (of.baseline, of.candidate), sides, strict=True):
        seen = {name: value for name, value in attempt.observations.items() if name in metrics and math.isfinite(value)}
        found: dict[Key, float] = {(metrics[name], name): value for name, value in seen.items()}
        if telemetry.window is not None:
            start_ns = telemetry.window.start_ns
            found |= seen_of(telemetry, Window(start_ns, start_ns + min(lengths)), _ways(details))
        values.append(found)
    first = ran_first(pair.candidate, pair.baseline) if together else None
    return PairSeen(pair.candidate.iteration, values[0], values[1], first)


def _ways(of: AttemptDetails) -> Mapping[str, float]:
    """Return half of the shortest round trip to each machine in seconds: the bound of the best reading of its clock."""
    return {machine: min(reading.bound_ns for reading in clock.readings) / 1e9 for machine, clock in of.clocks.items() if clock.readings}


def _facts(pairs: Sequence[TrialPair], details: Sequence[_Details], stores: SideStores, asked: Parameters) -> Iterator[FactDifference]:
    points = {(point_key(pair.baseline.point), point_key(pair.candidate.point)): pair for pair in pairs}
    for pair in points.values():
        yield from input_facts(stores.baseline.inputs.of(pair.baseline.ran[0]), stores.candidate.inputs.of(pair.candidate.ran[0]), asked)
    yield from version_facts(
        chain.from_iterable(each.baseline.versions for each in details), chain.from_iterable(each.candidate.versions for each in details)
    )
    yield from machine_facts([each.baseline.machines for each in details], [each.candidate.machines for each in details])


def _merged(facts: Sequence[FactDifference]) -> Iterator[FactDifference]:
    """Yield facts without repetitions; one that differs alike in several places once."""
    limited = {machine for fact in facts if fact.kind is FactKind.LIMIT for machine in fact.where}
    facts = [fact for fact in facts if not (fact.name.startswith(LIMIT_FOUND) and limited.issuperset(fact.where))]
    places: dict[tuple[FactKind, str, tuple[str, ...], tuple[str, ...]], dict[str, None]] = {}
    for fact in facts:
        places.setdefault((fact.kind, fact.name, fact.baseline, fact.candidate), {}).update(dict.fromkeys(fact.where))
    for (kind, name, before, now), where in places.items():
        yield FactDifference(kind, name, tuple(where), before, now)


def _scripts(facts: Sequence[FactDifference], stores: SideStores) -> Iterator[tuple[str, str]]:
    for fact in facts:
        for store, digests in ((stores.baseline, fact.baseline), (stores.candidate, fact.candidate)):
            for digest in digests if fact.kind is FactKind.SCRIPT else ():
                text = store.inputs.script(digest)
                if text is not None:
                    yield digest, text


def _doubts(there: Comparand, here: Comparand, pairs: Sequence[TrialPair]) -> Iterator[str]:
    """Yield which side has suspect trials, and what each side used up."""
    sides = (
        (there.name, {one.baseline.ran: one.baseline for one in pairs}),
        (here.name, {one.candidate.ran: one.candidate for one in pairs}),
    )
    for name, trials in sides:
        suspect = [one for one in trials.values() if one.suspect]
        if suspect:
            yield f"{len(suspect)} of {counted(len(trials), 'trial')} of {name} suspect: {suspect[0].doubts}"
    limits = [next((one.limit for one in trials.values() if one.limit), "") for _, trials in sides]
    if all(limits):
        yield from (f"limit of {name}: {limit}" for (name, _), limit in zip(sides, limits, strict=True))


def _deployments(there: Comparand, here: Comparand, details: Sequence[_Details]) -> Iterator[str]:
    """Yield which sides ran on one deployment only, if they were not the same: then the deployments may be what differs."""
    sides = [{each.baseline.deployments for each in details}, {each.candidate.deployments for each in details}]
    for side, made, other in zip((there, here), sides, reversed(sides), strict=True):
        if len(details) > 1 and len(made) == 1 and made != other and all(made):
            yield f"all trials of {side.name} ran on one deployment, so that this may be what differs"


def _lacking(there: Comparand, here: Comparand, pairs: int, known: int, details: Sequence[_Details]) -> Iterator[str]:
    """Yield what the sides do not have, so that it cannot be compared."""
    if known < pairs:
        what = "no pair of trials" if not known else f"only {known} of {counted(pairs, 'pair')} of trials"
        have = "has" if not known or known == 1 else "have"
        yield f"{what} {have} telemetry of the measured step on both sides; what machines did meanwhile is not compared"
    versions = [(each.baseline.versions, each.candidate.versions) for each in details]
    machines = [(each.baseline.machines, each.candidate.machines) for each in details]
    for what, sides in (("versions of software ([config] versions)", versions), ("facts of machines", machines)):
        without = [side.name for index, side in enumerate((there, here)) if not any(each[index] for each in sides)]
        if without:
            yield f"{' and '.join(without)} {'has' if len(without) == 1 else 'have'} no {what}"
