"""Everything stored about one trial: as lines for one screen, and as JSON."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from wke.describe.configuration.copies import told_landing
from wke.describe.toml.wording import counted
from wke.judge.clocks import knots
from wke.judge.reuse.state import facts_words
from wke.judge.summary.trial import TrialRecord
from wke.keep.files.localtime import local_time
from wke.keep.machines.fingerprint import Facts, Reference
from wke.keep.output import logs
from wke.keep.trials.cleaning import Cleaned
from wke.keep.trials.details import AttemptDetails, StoredDeployment, StoredTask
from wke.keep.trials.folders import final_folder
from wke.keep.trials.judgements import Level
from wke.keep.trials.trials import Derivation, StoredAttempt, StoredStart
from wke.keep.trials.versions import Version
from wke.records import MachineClock
from wke.tell.versions import first_line
from wke.tell.words import observation_words, point_words, seconds, size_words, skew_words

FINE = ("ok", "cancelled")  # the outcomes of tasks that did not fail
TAIL, LONG_TAIL = 5, 20  # lines of a task that ended well, and of another one
MOST = 12  # tasks that ended well, clocks, names of identical machines
SHOWN_FACTS = ("processor", "usable processors", "memory", "kernel", "governor", "SMT", "clock source", "product")


def trial_lines(shown: TrialRecord, store: Path, *, usage: Iterable[str] = (), full: bool = False) -> Iterator[str]:
    """Yield the lines of the screen; times are local to this computer. `store` is the folder of the store.

    `usage` are lines about what machines and tasks used. Of what each task wrote it has the last lines, or with `full` all.
    """
    at, of = shown.at, shown.of
    yield f"{at.id}  {at.series}: {point_words(at.point, at.iteration, warmup=at.warmup)}"
    for title, lines in (
        ("outcome", [_outcome(at)]),
        ("verdict", _verdict(at)),
        ("limit", [at.limit] if at.limit else []),
        ("ran", _ran(shown)),
        ("attempts", [_attempt(each, shown) for each in shown.attempts]),
        ("accepted", _accepted(shown)),
        ("metrics", [observation_words({name: value}, at.units) for name, value in at.observations.items()]),
        ("tasks", _tasks(of.tasks)),
        ("used", usage),
        ("skipped", [f"{number}  {target}" for number, target in shown.skipped]),
        ("start", _start(at.start)),
        ("clocks", _few([_clock(machine, clock) for machine, clock in of.clocks.items()], "machines")),
        ("deployed", _deployed(of.deployments, at.ran, store)),
        ("rendered", _rendered(shown, full=full)),
        ("machines", _machines(of.machines)),
        ("software", software_lines(of.command.software)),
        ("versions", _versions(of.versions, shown.now_ns)),
        ("files", _files(shown)),
        ("output", _output(shown, full=full)),
    ):
        for index, line in enumerate(lines):
            yield f"  {'' if index else title:<9} {line}"


def _outcome(at: StoredAttempt) -> str:
    against = "; ".join(facts_words(at.changes))
    return f"{at.word}{f': {at.why}' if at.why else ''}{f'; does not count now: {against}' if against else ''}"


def _verdict(at: StoredAttempt) -> Iterator[str]:
    """Yield the verdict, and what each rule says, the worst first."""
    if at.verdict is None or not at.judgements:
        return
    levels = list(Level)
    yield at.verdict.value
    judged = [each for each in at.judgements if each.level is not Level.FINDING]
    for each in sorted(judged, key=lambda judgement: -levels.index(judgement.level)):
        yield f"  {each.rule:<14} {each.level.value}: {each.said}"


def _ran(shown: TrialRecord) -> Iterator[str]:
    at, of = shown.at, shown.of
    took = "" if at.elapsed_s is None else f", for {seconds(at.elapsed_s)}"
    turn = f"number {of.position + 1} of its plan, order {of.command.order}, seed {of.command.seed}"
    ran = f"as {at.derivation.trial}.{at.derivation.attempt}, " if at.derivation else ""
    yield f"{ran}at {local_time(at.started_ns, shown.now_ns)}{took}; {turn}"
    yield f"by {of.command.words}, begun at {local_time(of.command.started_ns, shown.now_ns)}"


def _attempt(each: StoredAttempt, shown: TrialRecord) -> str:
    took = "" if each.elapsed_s is None else f", {seconds(each.elapsed_s)}"
    mark = " (shown here)" if each.attempt == shown.at.attempt and len(shown.attempts) > 1 else ""
    by = f"; accepted: {', '.join(map(str, each.accepted))}" if each.accepted else ""
    when = f"{each.attempt}  {local_time(each.started_ns, shown.now_ns)}{took}"
    return f"{when}  {_outcome(each)}{_derived(each.derivation, shown.now_ns)}{by}{mark}"


def _derived(whence: Derivation | None, now_ns: int) -> str:
    if whence is None:
        return ""
    return (
        f"; {whence.how} from {whence.trial}.{whence.attempt} by {whence.who} at {local_time(whence.at_ns, now_ns)} with wke {whence.wke}"
    )


def _accepted(shown: TrialRecord) -> Iterator[str]:
    for each in shown.acceptances:
        trials = [trial for trial, number in shown.answers_for.items() if number == each.number]
        good = f", also for {', '.join(trials)}" if trials else ""
        yield f"{each.number}  by {each.who} at {local_time(each.at_ns, shown.now_ns)}{good}: {each.reason}"


def _tasks(tasks: Sequence[StoredTask]) -> list[str]:
    """Return a line for each task that did not end well, then for the first few that did."""
    bad = [_task(task) for task in tasks if task.outcome != "ok"]
    return bad + _few([_task(task) for task in tasks if task.outcome == "ok"], "that were ok")


def _task(task: StoredTask) -> str:
    name = task.name
    machine = f"{name.machine}.{name.copy}" if name.copy else name.machine
    needed = f" (needed {task.rung})" if task.rung else ""
    after = f"after {seconds((task.ended_ns - task.started_ns) / 1e9)}{needed}"
    return f"{name.step}  {name.target} on {machine}: {task.outcome} {after}{f': {task.detail}' if task.detail else ''}"


def _output(shown: TrialRecord, *, full: bool) -> Iterator[str]:
    """Yield what each task wrote behind its name, tasks that did not end well first."""
    folder, outcomes = shown.at.folder, {task.name: task.outcome for task in shown.of.tasks}
    for name in sorted(logs.tasks(folder), key=lambda name: outcomes.get(name) in FINE):
        yield f"{name.step}  {name.target} on {name.machine}{f'.{name.copy}' if name.copy else ''}:"
        most = TAIL if outcomes.get(name) in FINE else LONG_TAIL
        lines = (line.data.decode(errors="replace") for line in logs.lines(folder, name)) if full else logs.tail(folder, name, most)
        yield from (f"     {line}" for line in lines)


def _few(lines: list[str], noun: str) -> list[str]:
    more = len(lines) - MOST
    return lines if more <= 0 else [*lines[:MOST], f"and {more} more {noun}; --json has them all"]


def _start(start: StoredStart | None) -> list[str]:
    if start is None:
        return []
    return [f"{skew_words(start.skew_ns, start.bound_ns)} apart, {start.first} first, {start.last} last"]


def _clock(machine: str, clock: MachineClock) -> str:
    """Return the first and the last reading of a clock, and how well it is known between them."""
    ends = clock.readings[:1] + clock.readings[1:][-1:]
    told = f"{machine}: " + ", then ".join(f"{each.offset_ns / 1e6:+.3f} ms (±{each.bound_ns / 1e6:.3f})" for each in ends)
    pieces = knots(clock)
    if not pieces:
        return f"{told}; was set during the trial, or the machine stood still: its times are unknown"
    widest_ns = max(knot.high_ns - knot.low_ns for knot in pieces) / 2
    return told if len(ends) == 1 else f"{told}; {len(clock.readings)} readings, in between known to ±{widest_ns / 1e6:.3f} ms"


def _deployed(deployments: Iterable[StoredDeployment], ran: tuple[str, int], store: Path) -> Iterator[str]:
    steps: dict[tuple[str, int], list[str]] = {}
    for each in deployments:
        steps.setdefault((each.trial, each.attempt), []).append(str(each.step))
    for maker, numbers in steps.items():
        where = "in this attempt" if maker == ran else f"in {maker[0]}.{maker[1]}: {final_folder(store, *maker)}"
        yield f"{'step' if len(numbers) == 1 else 'steps'} {', '.join(numbers)} {where}"


def _rendered(shown: TrialRecord, *, full: bool) -> Iterator[str]:
    """Yield the configuration files that were deployed; with `full` their lines, too."""
    for each in shown.rendered:
        yield f"{each.step}  {told_landing(each.path)} on {each.machines}: SHA-256 {each.sha256[:12]}"
        yield from (f"     {line}" for line in (each.text or "").splitlines() if full)


def _machines(machines: Reference) -> Iterator[str]:
    """Yield the facts of machines; identical machines share a line."""
    alike: dict[str, list[str]] = {}
    for (machine, address), facts in machines.items():
        alike.setdefault(_facts(facts), []).append(machine if address == "here" else f"{machine} ({address})")
    for words, names in alike.items():
        more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
        yield f"{', '.join(names[:MOST])}{more}: {words}"


def _facts(facts: Facts) -> str:
    return "; ".join(f"{name} {facts[name]}" for name in SHOWN_FACTS if name in facts)


def software_lines(software: Mapping[str, object]) -> Iterator[str]:
    """Yield what a series was measured with: wke, Python, the commits of the project and its sources, listed files."""
    if not software:
        return
    yield f"wke {software.get('wke')}, Python {software.get('python')}; project: {_git(software.get('git'))}"
    sources, files = software.get("sources"), software.get("files")
    if isinstance(sources, dict):
        yield from (f"{path}: {_git(revision)}" for path, revision in sources.items())
    if isinstance(files, dict):
        yield from (f"{path}: SHA-256 {str(digest)[:12]}" for path, digest in files.items())


def _git(revision: object) -> str:
    if not isinstance(revision, dict):
        return "no git commit"
    if "error" in revision:
        return f"unknown commit: {revision['error']}"
    state = "with changes that were not committed" if revision["uncommitted"] else "all committed"
    return f"git commit {str(revision['commit'])[:12]}, {state}"


def _versions(versions: Iterable[Version], now_ns: int) -> Iterator[str]:
    """Yield what machines said of their software; machines that said the same share a line."""
    alike: dict[tuple[str, str], list[Version]] = {}
    for one in versions:
        alike.setdefault((one.name, f"not known: {one.problem}" if one.problem else first_line(one.said)), []).append(one)
    for (name, words), found in alike.items():
        machines = ", ".join(one.machine for one in found[:MOST]) + (f" and {len(found) - MOST} more" if len(found) > MOST else "")
        yield f"{name}: {words} ({machines}; asked at {local_time(found[0].at_ns, now_ns)})"


def _files(shown: TrialRecord) -> Iterator[str]:
    of = shown.of
    held = "" if of.files is None or of.size_bytes is None else f" ({counted(of.files, 'file')}, {of.size_bytes:,} bytes)"
    yield f"{shown.at.folder}{held}{'' if shown.at.folder.is_dir() else ': missing'}"
    yield from (cleaned_words(one, shown.now_ns) for one in shown.cleaned)
    if shown.between is not None:
        yield f"{shown.between} (output of deployed steps after this attempt)"


def cleaned_words(cleaned: Cleaned, now_ns: int | None = None) -> str:
    """Return what was removed from an attempt."""
    names = {"collected": "collected files"}
    held = f"{counted(cleaned.files, 'file')}, {size_words(cleaned.size)}"
    return f"{names.get(cleaned.kind, cleaned.kind)} removed by {cleaned.who} at {local_time(cleaned.at_ns, now_ns)}: {held}"


def trial_line(trial: StoredAttempt) -> str:
    """Return one line with the outcome of a trial and what it measured."""
    took = "" if trial.elapsed_s is None else f", {seconds(trial.elapsed_s)}"
    seen = f"; {observation_words(trial.observations, trial.units)}" if trial.observations else ""
    start = trial.start
    skew = f"; began {skew_words(start.skew_ns, start.bound_ns)} apart" if start and start.bound_ns else ""
    derived = f"; {trial.derivation.how} from {trial.derivation.trial}" if trial.derivation else ""
    accepted = f"; accepted: {', '.join(map(str, trial.accepted))}" if trial.accepted else ""
    words = point_words(trial.point, trial.iteration, warmup=trial.warmup)
    why = f": {trial.why}" if trial.why else f"; suspect: {trial.doubts}" if trial.suspect else ""
    return f"{trial.id}  {words}: {trial.word}{took}{seen}{skew}{derived}{accepted}{why}"


# -- for programs


def shown_json(shown: TrialRecord, details: Mapping[int, AttemptDetails], usage: Mapping[str, object] | None = None) -> dict[str, object]:
    """Return everything as values for `json.dumps`.

    `details` has those of each attempt, by its number; `usage` is what machines and tasks used in the attempt that is shown.
    """
    return {
        "trial": shown.at.id,
        "series": shown.at.series,
        "shown": shown.at.attempt,
        "skipped": [{"step": number, "target": target} for number, target in shown.skipped],
        "usage": usage,
        "attempts": [{**trial_json(each), **_details_json(details[each.attempt])} for each in shown.attempts],
        "answers-for": dict(shown.answers_for),
        "acceptances": [_kebab(asdict(each)) for each in shown.acceptances],
        "cleaned": [_kebab(asdict(each)) for each in shown.cleaned],
        "rendered": [asdict(each) for each in shown.rendered],
        "between": None if shown.between is None else str(shown.between),
    }


def _details_json(of: AttemptDetails) -> dict[str, object]:
    return {
        "command": _kebab(asdict(of.command)),
        "position": of.position,
        "tasks": [_kebab({**asdict(task.name), **{k: v for k, v in asdict(task).items() if k != "name"}}) for task in of.tasks],
        "released-ns": of.released_ns,
        "measured": of.measured,
        "clocks": {machine: [_kebab(asdict(each)) for each in clock.readings] for machine, clock in of.clocks.items()},
        "clocks-were-set": [machine for machine, clock in of.clocks.items() if not knots(clock)],
        "machines": {machine: {"address": address, "facts": dict(facts)} for (machine, address), facts in of.machines.items()},
        "said": {machine: dict(facts) for machine, facts in of.said.items()},
        "deployments": [asdict(each) for each in of.deployments],
        "versions": [_kebab(asdict(one)) for one in of.versions],
        "files": of.files,
        "size-bytes": of.size_bytes,
    }


def _kebab(values: Mapping[str, object]) -> dict[str, object]:
    return {name.replace("_", "-"): value for name, value in values.items()}


def trial_json(trial: StoredAttempt) -> dict[str, object]:
    """Return an attempt as values for `json.dumps`."""
    return {
        "id": trial.id,
        "point": dict(trial.point),
        "iteration": trial.iteration,
        "warmup": trial.warmup,
        "attempt": trial.attempt,
        "outcome": trial.outcome,
        "verdict": trial.verdict.value if trial.verdict else None,
        "judgements": [{**asdict(each), "level": each.level.value, "numbers": dict(each.numbers)} for each in trial.judgements],
        "limit": trial.limit or None,
        "why": trial.why,
        "broken": trial.broken,
        "started-ns": trial.started_ns,
        "elapsed-s": trial.elapsed_s,
        "observations": dict(trial.observations),
        "units": dict(trial.units),
        "start": _start_json(trial.start),
        "folder": str(trial.folder),
        "derived": _derived_json(trial.derivation),
        "machines-changed": facts_words(trial.changes),
        "accepted": list(trial.accepted),
        "stands-for": trial.stands_for,
    }


def _start_json(start: StoredStart | None) -> dict[str, object] | None:
    """Return how far apart the measured tasks started; None where that is not known."""
    if start is None:
        return None
    return {"skew-ms": start.skew_ns / 1e6, "bound-ms": start.bound_ns / 1e6, "first": start.first, "last": start.last}


def _derived_json(derivation: Derivation | None) -> dict[str, object] | None:
    """Return which attempt a result was derived from; None for an attempt that ran."""
    if derivation is None:
        return None
    names = {"trial": derivation.trial, "attempt": derivation.attempt, "how": derivation.how}
    return {**names, "at-ns": derivation.at_ns, "who": derivation.who, "wke": derivation.wke}
