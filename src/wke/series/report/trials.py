"""The attempts of a page: what each of them observed, how it is judged, and what its tasks did and wrote last."""

from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from operator import itemgetter
from shlex import quote

from wke.describe.experiment.point import point_key
from wke.describe.toml.wording import counted
from wke.documents import Json
from wke.judge.clocks import placer
from wke.judge.diagnostics.outliers import outliers
from wke.judge.reuse.state import facts_words
from wke.judge.statistics.statistics import Summary
from wke.judge.telemetry.course import Window
from wke.keep.files.damage import DamagedError
from wke.keep.files.localtime import stored_time
from wke.keep.output import logs
from wke.keep.trials.details import AttemptDetails, StoredTask
from wke.keep.trials.judgements import Level
from wke.keep.trials.trials import RUNNING, Inputs, StoredAttempt
from wke.records import OutcomeKind, TaskName
from wke.series.report.sides import ReportSide
from wke.series.report.timeline import TrialTimes
from wke.tell.page.values import Judged, LogLine, ShownTask, ShownTrial
from wke.tell.words import skew_words
from wke.values import dataclass

FAILED = "failed"
"""The verdict of an attempt without a result."""
LAST_LINES, MORE_LINES = 5, 20
"""Lines that are shown of each machine, and of each task that did not end well."""
LONGEST_LINE = 400
FEW_BYTES, LAST_BYTES = 600, 1 << 12
"""Of each task, so many bytes from its end are looked at, and if these are too few lines, so many."""
SECOND_NS = 1_000_000_000
ENDS_WELL = {OutcomeKind.OK, OutcomeKind.CANCELLED}


@dataclass(frozen=True, slots=True)
class ReadTrial:
    """An attempt as the page shows it, with what the store has of it, and which steps ran in the background, on which classes."""

    shown: ShownTrial
    at: StoredAttempt
    of: AttemptDetails
    inputs: Inputs

    @property
    def has_finding(self) -> bool:
        """Whether a person will want to look into it."""
        return self.shown.verdict in {FAILED, Level.INVALID, Level.SUSPECT} or self.at.broken or bool(self.shown.outlying)

    @property
    def times(self) -> TrialTimes:
        """What its timeline has beside telemetry."""
        depends = self.inputs.get("depends", {})
        steps: Sequence[Json] = depends.get("steps", ())
        machines: Mapping[str, Json] = (depends.get("cluster") or {}).get("machines", {})
        ends = [self.at.started_ns + SECOND_NS // 10, *(placed_ns for _, placed_ns in _placed(self.of).values())]
        if self.at.elapsed_s is not None:
            ends.append(self.at.started_ns + int(self.at.elapsed_s * SECOND_NS))
        return TrialTimes(
            Window(self.at.started_ns, max(ends)),
            frozenset(number for number, step in enumerate(steps) if step.get("background")),
            {name: next(iter(machine.get("classes", ())), "") for name, machine in machines.items()},
        )


def read_trials(sides: Sequence[ReportSide], points: Mapping[tuple[int, object], int], metrics: Sequence[str]) -> tuple[ReadTrial, ...]:
    """Return the attempts of all sides; `points` has the place of each point in the page, by side and key."""
    return tuple(chain.from_iterable(_of_side(index, side, points, metrics) for index, side in enumerate(sides)))


def _of_side(index: int, side: ReportSide, points: Mapping[tuple[int, object], int], metrics: Sequence[str]) -> Iterator[ReadTrial]:
    centres = {point_key(row.point): row.summaries for row in side.summary.table.rows}
    found = [_deviations(one, centres.get(point_key(one.point), {}), metrics) if side.counts(one) else {} for one in side.attempts]
    far = _outlying(found, metrics)
    for place, (one, shares, outlying) in enumerate(zip(side.attempts, found, far, strict=True), 1):
        of = side.store.details.of(one.id, one.attempt)
        is_shown = (one.id, one.attempt) in side.shown
        key = f"{one.id}{'' if is_shown else f'.{one.attempt}'}{f'@{index + 1}' if index else ''}"
        shown = ShownTrial(
            key=key,
            id=one.id,
            attempt=one.attempt,
            series=index,
            point=points.get((index, point_key(one.point))),
            round=None if one.warmup else one.iteration + 1,
            place=place,
            metrics=dict(one.observations),
            deviations=shares,
            outlying=outlying,
            counts=side.counts(one),
            verdict=one.verdict.value if one.verdict else ("unknown" if one.outcome == RUNNING else FAILED),
            outcome=f"{one.word}{f': {one.why}' if one.why else ''}",
            began=utc(one.started_ns),
            lasted_s=one.elapsed_s,
            judgements=tuple(_judged(one)),
            lines=tuple(_last_lines(one, of)),
            tasks=tuple(_tasks(one, of)),
            notes=tuple(_notes(one, of)),
            folder=str(one.folder),
            commands=tuple(_commands(side, one)),
        )
        yield ReadTrial(shown, one, of, side.store.inputs.of(one.ran[0]))


def utc(at_ns: int) -> str:
    """Return a time in UTC: a page is read in other places than where it was made."""
    return stored_time(datetime.fromtimestamp(at_ns // SECOND_NS, UTC))


def _deviations(one: StoredAttempt, centres: Mapping[str, Summary], metrics: Sequence[str]) -> dict[str, float]:
    """Return by which share the values of an attempt differ from the centres of its point."""
    known = [name for name in metrics if name in one.observations and name in centres and centres[name].centre]
    shares = {name: one.observations[name] / centres[name].centre - 1 for name in known}
    return {name: share for name, share in shares.items() if abs(share) < float("inf")}


def _outlying(found: Sequence[Mapping[str, float]], metrics: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the metrics in which each attempt is far from its point, measured by how far all others are from theirs."""
    far: list[list[str]] = [[] for _ in found]
    for name in metrics:
        places = [place for place, shares in enumerate(found) if name in shares]
        for place, is_far in zip(places, outliers([1 + found[place][name] for place in places]), strict=True):
            far[place] += [name] if is_far else []
    return [tuple(names) for names in far]


def _judged(one: StoredAttempt) -> Iterator[Judged]:
    """Yield what rules say, the worst first."""
    levels = list(Level)
    for each in sorted(one.judgements, key=lambda judgement: -levels.index(judgement.level)):
        if each.level not in {Level.OFF, Level.FINDING}:
            yield Judged(each.rule, each.level.value, each.said)


def _notes(one: StoredAttempt, of: AttemptDetails) -> Iterator[str]:
    if one.warmup:
        yield f"warm-up {one.iteration + 1}: it does not count"
    if one.limit:
        yield f"limit: {one.limit}"
    if one.start is not None and one.start.first != one.start.last:
        yield f"the measured tasks started {skew_words(one.start.skew_ns, one.start.bound_ns)} apart, {one.start.first} first"
    if one.derivation is not None:
        yield f"{one.derivation.how} from {one.derivation.trial}.{one.derivation.attempt} by {one.derivation.who}"
    if one.changes:
        yield f"does not count on the machines as they are now: {'; '.join(facts_words(one.changes))}"
    if one.accepted:
        yield f"counts because of acceptance {', '.join(map(str, one.accepted))} (wke accept --list)"
    makers = dict.fromkeys(f"{each.trial}.{each.attempt}" for each in of.deployments if (each.trial, each.attempt) != one.ran)
    if makers:
        yield f"ran on what was deployed in {', '.join(makers)}"
    if not one.folder.is_dir():
        yield "its files are gone"


def _commands(side: ReportSide, one: StoredAttempt) -> Iterator[str]:
    number = f" --attempt {one.attempt}" if one.attempt > 1 else ""
    words = (f"show {quote(one.id)}{number}", f"logs {quote(one.id)}", f"export {quote(one.id)}{number}")
    yield from filter(None, map(side.command, words))


# -- tasks and what they wrote


def _placed(of: AttemptDetails) -> dict[StoredTask, tuple[int, int]]:
    """Return start and end of tasks on our clock, of those whose machines' clocks are known."""
    place = placer(of.clocks)
    known = [task for task in of.tasks if task.name.machine in of.clocks and task.ended_ns > task.started_ns]
    return {task: (place(task.name.machine, task.started_ns), place(task.name.machine, task.ended_ns)) for task in known}


def _tasks(one: StoredAttempt, of: AttemptDetails) -> Iterator[ShownTask]:
    placed = _placed(of)
    for task in of.tasks:
        start_s, end_s = (round((at_ns - one.started_ns) / SECOND_NS, 3) for at_ns in placed[task]) if task in placed else (None, None)
        name, needed = task.name, f" (needed {task.rung})" if task.rung else ""
        outcome = f"{task.outcome}{needed}{f': {task.detail}' if task.detail else ''}"
        yield ShownTask(name.step, name.target, _machine(name.machine, name.copy), cut(outcome), start_s, end_s)


def _last_lines(one: StoredAttempt, of: AttemptDetails) -> list[LogLine]:
    """Return the last lines of each machine, and of tasks that did not end well some more, in the order of time."""
    bad = {task.name for task in of.tasks if task.outcome.partition("(")[0] not in ENDS_WELL}
    place = placer(of.clocks)
    try:
        kept, enough = _kept(one, bad, place, FEW_BYTES)
        if not enough:
            kept, _ = _kept(one, bad, place, LAST_BYTES)
    except DamagedError as error:
        return [LogLine(None, "", "", 2, cut(str(error)))]
    shown = []
    for line in kept:
        at_s = round((line.at_ns - one.started_ns) / SECOND_NS, 3) if line.task.machine in of.clocks else None
        machine = _machine(line.task.machine, line.task.copy)
        shown.append(LogLine(at_s, line.task.target, machine, line.stream, cut(line.data.decode(errors="replace"))))
    return shown


def _kept(one: StoredAttempt, bad: Collection[TaskName], place: Callable[[str, int], int], size: int) -> tuple[list[logs.Line], bool]:
    """Return the last lines among the last `size` bytes of each task, and whether there are enough: the first one may have been cut."""
    kept: dict[object, deque[tuple[int, logs.Line]]] = {}
    seen = Counter[object]()
    for number, line in enumerate(logs.lines(one.folder, last_bytes=size, place=place)):
        whose, most = (line.task, MORE_LINES) if line.task in bad else (line.task.machine, LAST_LINES)
        kept.setdefault(whose, deque(maxlen=most)).append((number, line))
        seen[whose] += 1
    enough = all(count > (LAST_LINES if isinstance(whose, str) else MORE_LINES) for whose, count in seen.items())
    return [line for _, line in sorted(chain.from_iterable(kept.values()), key=itemgetter(0))], enough


def cut(text: str) -> str:
    """Return a text with at most LONGEST_LINE characters, and how many are left out."""
    more = len(text) - LONGEST_LINE
    return text if more <= 0 else f"{text[:LONGEST_LINE]}… ({counted(more, 'character')} more)"


def _machine(name: str, copy: int) -> str:
    return f"{name}.{copy}" if copy else name
