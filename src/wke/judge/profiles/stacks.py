"""A profile: how many samples were taken in each stack. As text it is one line per stack, its frames joined by `;`, and the count."""

from collections import Counter
from collections.abc import Iterable, Mapping

from wke.values import dataclass

Stack = tuple[str, ...]
"""Names from the outside in: the target, the machine and the program of a task, then functions, of which each called the next."""

CONTEXT = 3
"""The frames of a stack that are no functions."""
EVERYWHERE = "all machines"
KERNEL = "_[k]"
"""What the names of the kernel's functions end with."""


@dataclass(frozen=True, slots=True)
class Profile:
    """The samples of a profile, by their stacks."""

    counts: Mapping[Stack, int]

    @property
    def total(self) -> int:
        """The number of samples."""
        return sum(self.counts.values())

    @property
    def without_symbol(self) -> int:
        """The number of samples in a function whose name is not known."""
        return sum(count for stack, count in self.counts.items() if len(stack) <= CONTEXT or is_unknown(stack[-1]))

    @property
    def of_python(self) -> int:
        """The number of samples in the interpreter of Python, which is not what the program does."""
        return sum(count for stack, count in self.counts.items() if stack[CONTEXT - 1].startswith("python"))

    def by_task(self) -> dict[tuple[str, str], int]:
        """Return the number of samples by target and machine, the most first."""
        tasks: Counter[tuple[str, str]] = Counter()
        for stack, count in self.counts.items():
            tasks[stack[0], stack[1]] += count
        return dict(tasks.most_common())


@dataclass(frozen=True, slots=True)
class Function:
    """A function in a profile: the number of samples in it (`own`), and of those in it or what it called (`total`)."""

    name: str
    own: int
    total: int


def is_unknown(frame: str) -> bool:
    """Return whether a frame is a function whose name is not known: it is called by what it is in."""
    return frame.startswith("[") and frame.endswith("]")


def counted(stacks: Iterable[tuple[Stack, int]]) -> Profile:
    """Return the profile of stacks with their counts; those of one stack are added up."""
    counts: Counter[Stack] = Counter()
    for stack, count in stacks:
        counts[stack] += count
    return Profile(dict(sorted(counts.items())))


def machines_together(profile: Profile) -> Profile:
    """Return a profile in which the tasks of a target are one: which machine has which role differs between trials."""
    return counted(((stack[0], EVERYWHERE, *stack[2:]), count) for stack, count in profile.counts.items())


def functions(profile: Profile) -> tuple[Function, ...]:
    """Return the functions of a profile, those with the most samples of their own first. A recursive one counts once for each sample."""
    own: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for stack, count in profile.counts.items():
        total.update(dict.fromkeys(stack[CONTEXT:], count))
        if len(stack) > CONTEXT:
            own[stack[-1]] += count
    found = [Function(name, own[name], samples) for name, samples in total.items()]
    return tuple(sorted(found, key=lambda function: (-function.own, -function.total, function.name)))


def folded(profile: Profile) -> str:
    """Return a profile as text, which `unfolded` reads."""
    return "".join(f"{';'.join(stack)} {count}\n" for stack, count in profile.counts.items())


def unfolded(text: str) -> Profile:
    """Return the profile that a text has; raise ValueError, naming the line, when it is none."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        stack, _, count = line.rpartition(" ")
        if not stack or not count.isdecimal():
            raise ValueError(f"line {number} is not a stack with its count")
        found.append((tuple(stack.split(";")), int(count)))
    return counted(found)


def frame_name(text: str) -> str:
    """Return text as the name of a frame: without what separates frames and lines."""
    return " ".join(text.replace(";", ":").split()) or "[unknown]"
