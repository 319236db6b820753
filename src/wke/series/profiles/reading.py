"""What machines recorded, as one profile: the samples of the measured window only, and what a reader should know about them."""

import re
from collections.abc import Iterator

from wke.act.telemetry.profiler import MachineRecording
from wke.act.trials.profiled import ProfiledTrial
from wke.describe.plan.profiling import PERF, Profiling
from wke.describe.toml.wording import counted
from wke.errors import Problem, TargetError
from wke.judge.clocks import knots, offset
from wke.judge.profiles.perfscript import Sampled, Samples, read_samples
from wke.judge.profiles.stacks import Profile, Stack, frame_name, unfolded
from wke.judge.profiles.stacks import counted as counted_stacks
from wke.judge.telemetry.course import Window
from wke.judge.telemetry.spans import measured_window, spans_of
from wke.keep.profiles import folded_files, sample_lines, symbols
from wke.values import dataclass

NO_FRAME = "[no Python function]"
MANY_LOST, MUCH_PYTHON, MANY_UNKNOWN = 0.01, 0.5, 0.05
FEW = 100


@dataclass(frozen=True, slots=True)
class ReadProfile:
    """A profile, what was counted, the length of the window, how many samples were lost, and what a reader should know."""

    profile: Profile
    event: str
    window_s: float
    lost: int
    notes: tuple[str, ...]


def read_recorded(ran: ProfiledTrial, profiling: Profiling) -> ReadProfile:
    """Return what a trial's machines recorded. Raises TargetError, which says why, when no sample is in the measured window."""
    times = ran.times
    clocks = {machine: knots(clock) for machine, clock in times.clocks.items()}
    window = measured_window(spans_of(times.tasks, clocks, times.measured), times.released_ns)
    if window is None:
        raise TargetError(f"nothing was sampled: the measured step did not run: {ran.result.why or ran.result.outcome}")
    problems = list(ran.problems)
    samples = [one for one in (_samples(recorded, ran, window, profiling, problems) for recorded in ran.recorded) if one is not None]
    profile = counted_stacks((stack, count) for one in samples for stack, count in one.counts.items())
    if not profile.total:
        raise TargetError(*(problems or [_nothing(ran, profiling, window)]))
    lost = sum(one.lost for one in samples)
    notes = (*(problem.what for problem in problems), *_notes(profile, lost, profiling))
    return ReadProfile(profile, next((one.event for one in samples if one.event), ""), window.seconds, lost, notes)


def _samples(
    recorded: MachineRecording, ran: ProfiledTrial, window: Window, profiling: Profiling, problems: list[Problem]
) -> Samples | None:
    """Return the samples of a machine; None, with a problem, when they cannot be read or placed in time."""
    try:
        if profiling.tool != PERF:
            return Samples(dict(_of_python(recorded)), 0, "")
        clock = ran.times.clocks.get(recorded.machine)
        ahead = None if clock is None else offset(clock, window.start_ns)
        if ahead is None or recorded.ahead_ns is None:
            raise ValueError("its clock is not known, so neither is which samples are of the measured step")  # noqa: TRY301 - told like the others
        start_ns, end_ns = (at_ns + ahead.offset_ns - recorded.ahead_ns for at_ns in (window.start_ns, window.end_ns))
        processes = {pid: task.target for pid, task in recorded.processes.items()}
        sampled = Sampled(recorded.machine, processes, recorded.agent, _measured(ran), start_ns, end_ns, symbols(recorded.folder))
        return read_samples(sample_lines(recorded.folder), sampled)
    except (ValueError, OSError) as error:
        problems.append(Problem(f"machine {recorded.machine}: {error}"))
        return None


def _measured(ran: ProfiledTrial) -> str:
    return next((task.name.target for task in ran.times.tasks if task.name.step == ran.times.measured), "")


def _of_python(recorded: MachineRecording) -> Iterator[tuple[Stack, int]]:
    """Yield the stacks of Python processes; those of one task are added up."""
    files = ((recorded.processes.get(int(pid)), text) for pid, text in folded_files(recorded.folder))
    parts = [
        ((task.target, recorded.machine, "python", *map(frame_name, stack)), count)
        for task, text in files
        if task is not None
        for stack, count in unfolded(re.sub("(?m)^ ", f"{NO_FRAME} ", text)).counts.items()
    ]
    yield from counted_stacks(parts).counts.items()


def _nothing(ran: ProfiledTrial, profiling: Profiling, window: Window) -> Problem:
    if not ran.result.outcome.ok:
        return Problem(f"nothing was sampled: the trial did not end well: {ran.result.why}")
    where = f"{' and '.join(sorted(profiling.targets))} on {', '.join(profiling.machines)}"
    hint = "a longer measured step, or a higher --frequency, gives more samples; `wke show` tells what tasks used"
    if profiling.tool != PERF:
        return Problem(f"nothing was sampled: no Python process of {where} ran Python code", hint="--with perf samples other programs")
    return Problem(f"nothing was sampled: {where} used no processor time in the {window.seconds:.2f} s of the measured step", hint=hint)


def _notes(profile: Profile, lost: int, profiling: Profiling) -> Iterator[str]:
    total = profile.total
    if total < FEW:
        yield f"there {'is' if total == 1 else 'are'} only {counted(total, 'sample')}: a share of 10 % may as well be {_spread(total)}"
    if profile.without_symbol > MANY_UNKNOWN * total:
        share = f"{100 * profile.without_symbol / total:.0f} %"
        yield f"{share} of the samples have no symbol: a program without its symbol table, or code made at run time"
    if lost > MANY_LOST * (total + lost):
        yield f"{100 * lost / (total + lost):.0f} % of the samples were lost, because the machine was too busy to keep them"
    if profiling.tool == PERF and profile.of_python > MUCH_PYTHON * total:
        yield "most samples are in Python's interpreter: --with py-spy shows the Python functions"


def _spread(total: int) -> str:
    """Return two standard errors around a share of 10 %."""
    error = 200 * (0.09 / total) ** 0.5
    return f"{max(0.0, 10 - error):.0f} to {10 + error:.0f} %"
