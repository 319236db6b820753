"""What a reader needs to judge and repeat a page's results: what was run, on what, what was excluded, and the commands."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from shlex import quote

from wke.describe.toml.wording import counted
from wke.documents import Json
from wke.keep.machines.fingerprint import Facts
from wke.keep.trials.judgements import Level
from wke.keep.trials.trials import Inputs
from wke.series.folders import RESULTS
from wke.series.inputs import input_changes
from wke.series.report.points import PagePoints
from wke.series.report.sides import ReportSide
from wke.series.report.trials import ReadTrial, cut, utc
from wke.tell.comparisons import method_words
from wke.tell.hints import hint_lines
from wke.tell.page.values import Grid
from wke.tell.tables import text_table
from wke.tell.terminal.findings import finding_text
from wke.tell.terminal.summary import accepted_text, inputs_text, limit_line, warm_up_text
from wke.tell.terminal.trial import SHOWN_FACTS, software_lines
from wke.tell.versions import version_lines

Term = tuple[str, Sequence[str]]
MOST_NAMED = 40
MOST_EXCLUDED = 100


def what_was_run(sides: Sequence[ReportSide], points: PagePoints, trials: Sequence[ReadTrial]) -> Iterator[Term]:
    """Yield the terms of the section on what was run."""
    for index, side in enumerate(sides):
        mine = [trial for trial in trials if trial.shown.series == index]
        before = f"{side.name}: " if len(sides) > 1 else ""
        yield from ((f"{before}{term}", texts) for term, texts in _of_side(side, mine) if texts)
    values: dict[str, dict[str, None]] = {}
    for _, row in points.rows:
        for name in points.parameters:
            if name in row.point:
                values.setdefault(name, {})[str(row.point[name])] = None
    yield "Parameters", [f"{name}: {', '.join(found)}" for name, found in values.items()] or ["none varies"]


def _of_side(side: ReportSide, trials: Sequence[ReadTrial]) -> Iterator[Term]:
    summary, plan = side.summary, side.summary.plan
    counts = summary.counts
    kinds = [(counts.failed, "failed"), (counts.invalid, "invalid"), (counts.broken, "broken"), (counts.suspect, "suspect")]
    told = "".join(f", {number} {word}" for number, word in kinds if number)
    rounds = f", {counted(plan.rules.fixed_rounds, 'round')}" if plan.rules.fixed_rounds else ", rounds as its rules ask for"
    points = counted(len(plan.rules.points) or len(summary.table.rows), "point")
    yield "Plan", [f"{plan.file}: {points}{rounds}; planned {counted(counts.planned, 'trial')}, {counts.ok} ok{told}"]
    yield "Order and seed", [f"{plan.order}, seed {plan.seed}"]
    yield "Found", [finding_text(finding, summary.table.parameters) for finding in summary.findings]
    yield "Limit", [text for text in (limit_line(summary), warm_up_text(summary.trials)) if text]
    if trials:
        yield "Steps", list(_steps(trials[-1].inputs))
    yield "Metrics", [_metric(side, name, unit) for name, unit in summary.table.units.items()]
    yield "Software", list(software_lines(plan.software))
    yield "Versions", list(version_lines(summary.versions))
    yield "Commands", list(dict.fromkeys(f"{trial.of.command.words} ({utc(trial.of.command.started_ns)})" for trial in trials))[:MOST_NAMED]


def _metric(side: ReportSide, name: str, unit: str) -> str:
    declared = next((metric for metric in side.summary.table.metrics if metric.name == name), None)
    kinds = sorted({row.summaries[name].kind for row in side.summary.table.rows if name in row.summaries})
    way = f", {declared.better} is better" if declared and declared.better else ""
    return f"{name}{f' in {unit}' if unit else ''}{way}{f'; {kinds[0]}' if kinds else ''}".replace("geometric-mean", "geometric mean")


def _steps(inputs: Inputs) -> Iterator[str]:
    """Yield the steps of a trial: on which machines, with which options."""
    steps: Sequence[Json] = inputs.get("depends", {}).get("steps", ())
    for number, (step, target) in enumerate(zip(steps, inputs.get("targets", ()), strict=False)):
        if step.get("skipped"):
            yield f"{number}  {target}: skipped"
            continue
        marks = [word for word, there in (("measured", step.get("measure")), ("in the background", step.get("background"))) if there]
        options = [f"{name}={value if isinstance(value, str) else '(secret)'}" for name, value in step.get("options", ())]
        how, given = ", ".join(marks), " ".join(options)
        yield cut(f"{number}  {target} on {_names(step.get('machines', ()))}{f' ({how})' if how else ''}{f': {given}' if given else ''}")


# -- machines


def machine_grids(trials: Sequence[ReadTrial]) -> Iterator[Grid]:
    """Yield the machines with what they are, the facts in which they differ, and all facts that are known of them."""
    facts, classes = _machines(trials), dict(chain.from_iterable(trial.times.classes.items() for trial in trials))
    if not facts:
        return
    columns = [name for name in SHOWN_FACTS if any(name in known for known in facts.values())]
    alike = _grouped((_row(machine, known, classes, columns), machine) for machine, known in facts.items())
    rows = [(_names(machines), *key) for key, machines in alike.items()]
    yield Grid(
        "Machines", ("machines", "class", *columns), rows, "Machines with the same facts share a row.", ("usable processors", "memory")
    )
    values = _grouped((item, machine) for machine, known in facts.items() for item in sorted(known.items()))
    times = Counter(name for name, _ in values)
    told = [(name, value, _names(machines)) for (name, value), machines in sorted(values.items())]
    differing = [row for row in told if times[row[0]] > 1]
    note = "" if differing else "Machines differ in no fact that is known."
    yield Grid("Differences between machines", ("fact", "value", "machines"), differing, note)
    yield Grid("Fingerprints", ("fact", "value", "machines"), told, "What the machines said of themselves before trials ran.")


def _row(machine: str, known: Facts, classes: Mapping[str, str], columns: Sequence[str]) -> tuple[str, ...]:
    return (classes.get(machine, ""), *(known.get(name, "") for name in columns))


def _grouped(pairs: Iterable[tuple[tuple[str, ...], str]]) -> dict[tuple[str, ...], list[str]]:
    """Return machines by what they share."""
    found: dict[tuple[str, ...], list[str]] = {}
    for key, machine in pairs:
        found.setdefault(key, []).append(machine)
    return found


def _machines(trials: Sequence[ReadTrial]) -> dict[str, Facts]:
    """Return the latest facts of each machine, by its name, and where a name means several, with its address."""
    latest: dict[tuple[str, str], Facts] = {}
    for trial in trials:
        latest |= trial.of.machines
    times = Counter(name for name, _ in latest)
    return {name if times[name] == 1 else f"{name} ({address})": facts for (name, address), facts in sorted(latest.items())}


def _names(machines: Sequence[str]) -> str:
    return ", ".join(machines[:MOST_NAMED]) + (f" and {len(machines) - MOST_NAMED} more" if len(machines) > MOST_NAMED else "")


# -- what to doubt, and full disclosure


def page_doubts(sides: Sequence[ReportSide]) -> Iterator[str]:
    """Yield what a reader should know before the results."""
    for side in sides:
        summary = side.summary
        before = f"{side.name}: " if len(sides) > 1 else ""
        missing = len(summary.due)
        texts = [
            f"{counted(missing, 'trial')} of the plan {'has' if missing == 1 else 'have'} no result yet" if missing else "",
            *hint_lines(summary.hints, summary.table.parameters, cures=False),
            accepted_text(summary),
            _changed(side),
            *(line for line in version_lines(summary.versions) if line.startswith("finding: ")),
        ]
        yield from (f"{before}{text.removeprefix('finding: ')}" for text in texts if text)


def _changed(side: ReportSide) -> str:
    return inputs_text(side.summary, input_changes(side.summary)) if _is_here(side) else ""


def full_disclosure(sides: Sequence[ReportSide], trials: Sequence[ReadTrial]) -> Iterator[Term]:
    """Yield how intervals and comparisons were made, what every rule said, and what was excluded and why."""
    notes = dict.fromkeys(note for side in sides for note in text_table(side.summary.table).notes)
    yield "Intervals", list(notes)
    yield "Comparisons", list(dict.fromkeys(words for side in sides for words in method_words(side.summary.table.comparisons)))
    yield "Rules", list(_rules(trials))
    yield "Excluded", list(_excluded([trial for trial in trials if not trial.shown.counts]))
    yield "Outliers", list(_outliers([trial for trial in trials if trial.shown.outlying]))
    skews = [(trial.at.start.skew_ns + trial.at.start.bound_ns, trial.shown.key) for trial in trials if trial.at.start is not None]
    yield "Start of measured tasks", [f"at most {max(skews)[0] / 1e6:.2f} ms apart, in {max(skews)[1]}"] if skews else []
    yield "Stored as", sorted({str(side.found.folder) for side in sides})


def _excluded(trials: Sequence[ReadTrial]) -> Iterator[str]:
    for trial in trials[:MOST_EXCLUDED]:
        yield f"{trial.shown.key}: {'warm-up, ' if trial.at.warmup else ''}{cut(trial.shown.outcome)}"
    if len(trials) > MOST_EXCLUDED:
        yield f"and {len(trials) - MOST_EXCLUDED} more, in the table of all attempts"
    if not trials:
        yield "nothing: every attempt counts"


def _outliers(trials: Sequence[ReadTrial]) -> Iterator[str]:
    yield from (f"{trial.shown.key}: {', '.join(trial.shown.outlying)}" for trial in trials[:MOST_NAMED])
    if len(trials) > MOST_NAMED:
        yield f"and {len(trials) - MOST_NAMED} more"
    if trials:
        yield "They are marked, and they count."


def _rules(trials: Sequence[ReadTrial]) -> Iterator[str]:
    """Yield for each rule how often it said what, and why it could not tell, if it could not."""
    said: dict[str, Counter[str]] = {}
    lacks: dict[str, str] = {}
    for judged in (one for trial in trials for one in trial.shown.judgements):
        said.setdefault(judged.rule, Counter())[judged.level] += 1
        if judged.level == Level.UNKNOWN:
            lacks.setdefault(judged.rule, judged.sentence)
    for rule, counts in sorted(said.items()):
        numbers = ", ".join(f"{counts[level]} {level}" for level in Level if counts[level])
        yield f"{rule}: {numbers}{f' ({lacks[rule]})' if rule in lacks else ''}"


def reproducing(sides: Sequence[ReportSide], command: str) -> Iterator[str]:
    """Yield the commands that make the page and its numbers again."""
    yield from dict.fromkeys(
        f"wke measure {quote(side.summary.plan.file)}" for side in sides if side.summary.plan.cluster and _is_here(side)
    )
    yield command
    names = Counter(side.found.series for side in sides)
    for number, side in enumerate(sides, 1):
        file = side.found.series if names[side.found.series] == 1 else f"{side.found.series}-{number}"
        if words := side.command(f"results {quote(side.wanted)} --trials --csv"):
            yield f"{words} > {quote(f'{file}.csv')}"
    yield "wke check --store"


def _is_here(side: ReportSide) -> bool:
    return side.found.folder == RESULTS
