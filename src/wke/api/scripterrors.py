"""What the Python API raises: errors of the one family, under the names by which scripts tell them apart."""

from wke.errors import InputError, MachineError, TargetError, WkeError


class ClusterError(InputError):
    """A cluster cannot be read, or does not have what is asked of it."""


class ConfigurationError(InputError):
    """A configuration cannot be read."""


class BenchmarkError(WkeError):
    """A benchmark script does not do what `benchmark_main` needs."""


class RunTargetError(TargetError):
    """A target did not end well everywhere."""


class MeasurementFailedError(RunTargetError):
    """The measured target did not end well everywhere: there is no result."""


class RemoteExecutionError(MachineError):
    """A single machine did not do what was asked of it: a command, a copied file."""
