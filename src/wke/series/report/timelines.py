"""Chooses which telemetry a page holds: as much as there is room for.

What is left out first is the whole telemetry of trials with findings, the last ones first; then the overviews of trials, the last ones
first; and only then the whole telemetry of trials that a person named.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import field
from multiprocessing import get_context

from wke.describe.toml.wording import counted
from wke.documents import Json
from wke.keep.telemetry.file import SCRAPES, TELEMETRY
from wke.series.report.timeline import overview, whole
from wke.series.report.trials import ReadTrial
from wke.series.telemetry import stored_telemetry, with_written
from wke.tell.words import size_words
from wke.values import dataclass

MOST_SAMPLES = 16_000_000
"""The whole telemetry of a trial with more samples than this is not even packed: it would not fit."""
FEW_SAMPLES = 30_000
"""The telemetry of a trial with at most so many samples is shown whole: an overview would hardly be smaller."""
MOST_PROCESSES, MUCH = 4, 20_000_000
"""Processes that inflate telemetry, from so many bytes on."""
WRAPPING = 100
"""Bytes of a page around the telemetry of a trial."""

Packed = Mapping[str, Json]


@dataclass(slots=True)
class Timelines:
    """The telemetry of trials by the key of the trial, in `room` bytes; which of it is `whole`; what was left out, in sentences."""

    room: int
    packed: dict[str, Packed] = field(default_factory=dict)
    whole: set[str] = field(default_factory=set)
    left_out: list[str] = field(default_factory=list)

    def add(self, trial: ReadTrial, packed: Packed | None, *, is_whole: bool) -> bool:
        """Add the telemetry of a trial, in the place of what is there already, if there is some and there is room for it."""
        key = trial.shown.key
        more = _size(packed) - _size(self.packed.get(key))
        if packed is None or more > self.room:
            return False
        self.room -= more
        self.packed[key] = packed
        self.whole |= {key} if is_whole else set()
        return True

    def lacks(self, trial: ReadTrial) -> bool:
        """Return whether the page has a trial's telemetry only in part, or not at all."""
        return trial.shown.key not in self.whole

    def has_overview(self, trial: ReadTrial) -> bool:
        """Return whether the page has a trial's telemetry in part."""
        return self.lacks(trial) and trial.shown.key in self.packed


def choose_timelines(trials: Sequence[ReadTrial], named: Sequence[str], room: int, command: str) -> Timelines:
    """Return the telemetry of trials that fits into `room` bytes; `named` are keys of trials; `command` makes a page of the series."""
    having = [trial for trial in trials if _bytes_held(trial)]
    asked = [trial for key in named for trial in having if trial.shown.key == key]
    chosen = Timelines(room)
    for trial in asked:
        chosen.add(trial, _whole(trial), is_whole=True)
    others = list(filter(chosen.lacks, having))
    for trial, (packed, is_whole) in zip(others, _overviews(others), strict=True):
        chosen.add(trial, packed, is_whole=is_whole)
    found = [trial for trial in others if trial.has_finding and trial.shown.key not in named]
    for trial in filter(chosen.has_overview, found):
        chosen.add(trial, _whole(trial), is_whole=True)
    bare = [trial for trial in having if trial.shown.key not in chosen.packed]
    chosen.left_out += _left_out(list(filter(chosen.lacks, (*asked, *found))), list(filter(chosen.has_overview, having)), bare, command)
    return chosen


def _left_out(lacking: Sequence[ReadTrial], partly: Sequence[ReadTrial], bare: Sequence[ReadTrial], command: str) -> Iterator[str]:
    """Yield what the page does not hold, how large that is, and how to see it."""
    if partly:
        held = size_words(sum(map(_bytes_held, partly)))
        how = f"To have that of a trial here: {command} --trial {partly[0].shown.key}"
        only = "only the least and the most of six series of each machine in 100 parts of the trial"
        yield f"the whole telemetry of {counted(len(partly), 'attempt')}, which takes {held} in the store; the page has {only}. {how}"
    if lacking:
        names = ", ".join(trial.shown.key for trial in lacking[:4]) + (" and others" if len(lacking) > 4 else "")
        why = f"there was no room for that of {names}, although they were named or have findings"
        yield f"{why}: name fewer trials, or see it with wke export {lacking[0].shown.id}"
    if bare:
        held = size_words(sum(map(_bytes_held, bare)))
        yield f"all telemetry of {counted(len(bare), 'attempt')}, which takes {held} in the store: wke export {bare[0].shown.id}"


def _overviews(trials: Sequence[ReadTrial]) -> list[tuple[Packed, bool]]:
    """Return the overviews of trials. If there is much to inflate, processes share the work: threads would mostly wait for one another."""
    processors = min(MOST_PROCESSES, os.cpu_count() or 1)
    if processors < 2 or sum(map(_bytes_held, trials)) < MUCH:
        return list(map(_overview, trials))
    with ProcessPoolExecutor(processors, get_context("fork")) as processes:
        return list(processes.map(_overview, trials, chunksize=4))


def _overview(trial: ReadTrial) -> tuple[Packed, bool]:
    """Return the overview of a trial, and whether that is all there is."""
    telemetry = stored_telemetry(trial.at, trial.of)
    if telemetry.stored.samples + telemetry.scrapes.samples <= FEW_SAMPLES:
        return whole(with_written(telemetry, trial.at, trial.of), trial.times), True
    return overview(telemetry, trial.times), False


def _whole(trial: ReadTrial) -> Packed | None:
    """Return all telemetry of a trial; None if it is much too large."""
    telemetry = stored_telemetry(trial.at, trial.of)
    if telemetry.stored.samples + telemetry.scrapes.samples > MOST_SAMPLES:
        return None
    return whole(with_written(telemetry, trial.at, trial.of), trial.times)


def _bytes_held(trial: ReadTrial) -> int:
    """Return the size of the telemetry of a trial in the store."""
    paths = [trial.at.folder / name for name in (TELEMETRY, SCRAPES)]
    return sum(path.stat().st_size for path in paths if path.is_file())


def _size(packed: Packed | None) -> int:
    return 0 if packed is None else len(str(packed["blob"])) + WRAPPING
