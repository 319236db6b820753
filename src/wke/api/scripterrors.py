"""What the Python API raises: errors of the one family, under the names by which scripts tell them apart."""

from wke.errors import InputError, MachineError, Problem, TargetError, WkeError


class ClusterError(InputError):
    """A cluster cannot be read, or does not have what is asked of it."""


class ConfigurationError(InputError):
    """A configuration cannot be read."""


class BenchmarkError(WkeError):
    """A benchmark script does not do what `benchmark_main` needs."""


class RunTargetError(TargetError):
    """A target failed on some machines."""

    def __init__(self, *problems: Problem | str, target: str = "") -> None:
        super().__init__(*problems)
        self.target = target

    @property
    def machine_errors(self) -> list[str]:
        """One text for each task that failed."""
        return [problem.what for problem in self.problems]


class MeasurementFailedError(RunTargetError):
    """The measured target failed on some machines, so there is no result."""


class RemoteExecutionError(MachineError):
    """A command failed on a machine, or a file could not be copied."""

    def __init__(self, *problems: Problem | str, machine: str = "", command: str = "") -> None:
        super().__init__(*problems)
        self.machine, self.command, self.message = machine, command, str(self)
