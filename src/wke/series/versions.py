"""Reads from the store which versions of software a series ran on."""

from collections.abc import Iterable, Mapping, Sequence

from wke.judge.summary.versions import TrialVersions, VersionReport, version_report
from wke.keep.store import Store
from wke.keep.trials.trials import StoredAttempt
from wke.keep.trials.versions import Version


def load_versions(store: Store, trials: Sequence[StoredAttempt]) -> VersionReport:
    """Return the versions that these attempts ran on, and where machines or rounds differ."""
    asked = store.details.versions(trial.id for trial in trials)
    found = [(trial, asked[trial.id, trial.attempt]) for trial in trials if (trial.id, trial.attempt) in asked]
    return version_report([TrialVersions(trial.id, trial.point, _classes(store, trial.id, said), said) for trial, said in found])


def _classes(store: Store, trial: str, versions: Iterable[Version]) -> Mapping[str, Sequence[str]]:
    """Return the classes of a trial's machines; {} where these do not differ, as the classes do not matter then."""
    if len({(one.name, one.said) for one in versions}) == len({one.name for one in versions}):
        return {}
    cluster = store.inputs.of(trial).get("depends", {}).get("cluster") or {}
    return {name: machine.get("classes", ()) for name, machine in cluster.get("machines", {}).items()}
