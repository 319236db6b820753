"""What of a trial a profile is to record: with which program, how often, and which tasks on which machines."""

from wke.describe.cluster.cluster import ClusterSpec
from wke.describe.cluster.selector import select
from wke.describe.plan.plan import Trial
from wke.errors import InputError, did_you_mean
from wke.records import TaskName
from wke.values import dataclass

PERF, PY_SPY = "perf", "py-spy"
TOOLS = (PERF, PY_SPY)
UNWINDINGS = ("fp", "dwarf")
FREQUENCY_HZ = 99  # no multiple of what timers usually have, or samples would fall into step with them


@dataclass(frozen=True, slots=True)
class Profiling:
    """How a profile is recorded: the program `tool` takes `frequency_hz` samples per second of processor time of each thread.

    `unwinding` says how perf finds the callers of a function. Only tasks of `targets` on `machines` are sampled.
    """

    tool: str
    frequency_hz: int
    unwinding: str
    targets: frozenset[str]
    machines: tuple[str, ...]

    def chosen(self, task: TaskName) -> bool:
        """Return whether a task is sampled."""
        return task.target in self.targets and task.machine in self.machines


@dataclass(frozen=True, slots=True)
class ProfilingWish:
    """What a user asks for: no `targets` mean all tasks, no selector `on` all machines."""

    tool: str = PERF
    frequency_hz: int = FREQUENCY_HZ
    unwinding: str = UNWINDINGS[0]
    targets: tuple[str, ...] = ()
    on: str | None = None

    def of(self, trial: Trial, cluster: ClusterSpec) -> Profiling:
        """Return what is recorded of a trial; raise InputError for targets and machines that have no part in it."""
        steps = [step for step in trial.steps if step.tasks()]
        known = dict.fromkeys(step.target.name for step in steps)
        for target in self.targets:
            if target not in known:
                raise InputError(f'--task {target}: no task of the trial runs "{target}"', hint=did_you_mean(target, known))
        targets = frozenset(self.targets or known)
        having = dict.fromkeys(machine.name for step in steps if step.target.name in targets for machine in step.machines)
        return Profiling(self.tool, self.frequency_hz, self.unwinding, targets, self._machines(tuple(having), cluster))

    def _machines(self, having: tuple[str, ...], cluster: ClusterSpec) -> tuple[str, ...]:
        """Return the selected ones of the machines that have such tasks."""
        wanted = {machine.name for machine in select(cluster, "all" if self.on is None else self.on)}
        machines = tuple(name for name in having if name in wanted)
        if not machines:
            what = f"on {self.on}, no task of {' or '.join(self.targets) or 'the trial'} runs"
            raise InputError(what, hint=f"they run on {', '.join(having)}")
        return machines
