"""A project: the cluster, the experiment and the configuration that a series consists of, read from their files."""

from pathlib import Path

from wke.describe.cluster.cluster import ClusterSpec, read_cluster, restricted
from wke.describe.configuration.configuration import ConfigurationSpec, read_configuration
from wke.describe.configuration.step import collecting
from wke.describe.experiment.experiment import Experiment
from wke.describe.experiment.experimentreader import draft_experiment
from wke.describe.plan.plan import draft_problems
from wke.describe.plan.revisions import Revisions
from wke.describe.toml.tables import in_order
from wke.errors import InputError, Problem
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class Project:
    """The files of an experiment, each without a mistake of its own.

    `whole` is the cluster as its file describes it; `cluster` has only the machines that the selector `on` names. With `revisions`, two
    revisions are measured side by side, and `configuration` is that of the working tree.
    """

    whole: ClusterSpec
    experiment: Experiment
    configuration: ConfigurationSpec
    on: str | None = None
    revisions: Revisions | None = None

    @property
    def cluster(self) -> ClusterSpec:
        """The machines that may be used."""
        return self.whole if self.on is None else restricted(self.whole, self.on)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What could be better in the experiment's file."""
        return self.experiment.warnings


def read_project(file: Path, cluster_file: Path, on: str | None = None) -> Project:
    """Read a cluster, an experiment and its configuration; raise one InputError with all that is wrong in them and does not fit together.

    With `on`, only the machines that it selects may be used.
    """
    problems: list[Problem] = []
    cluster = configuration = experiment = None
    with collecting(problems):
        cluster = read_cluster(cluster_file)
    with collecting(problems):
        experiment, wrong = draft_experiment(file)
        problems += wrong
    if experiment is not None and experiment.configuration is not None:
        with collecting(problems, experiment.at, "experiment", "configuration"):
            configuration = read_configuration(experiment.configuration, Path())
    elif experiment is not None and not problems:
        hint = 'add [[steps]] and configuration = "FOLDER" in [experiment]; or run the Python script that the file was written for'
        raise InputError("has no [[steps]], so wke has nothing to run", where=experiment.where, hint=hint)
    if problems or cluster is None or experiment is None or configuration is None:
        places = {problem.where for problem in problems}
        further = () if experiment is None else draft_problems(experiment, configuration, cluster)
        raise InputError(*in_order(file, [*problems, *(problem for problem in further if problem.where not in places)]))
    return Project(cluster, experiment, configuration, on)
