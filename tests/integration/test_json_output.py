"""The page about JSON output explains every key that a command prints."""

import json
import shlex
from pathlib import Path

import pytest
from projects import Project

from wke.keep.store import Store
from wke.keep.trials.storedplan import StoredPlan
from wke.keep.trials.trials import PlannedTrial, Result
from wke.records import Outcome, OutcomeKind

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "json.md"
NAMED_BY_USERS = {"machines", "classes", "targets", "preludes", "point", "summaries", "observations", "units", "results", "series"}


def keys(value: object, name: str = "") -> set[str]:
    """Return the keys of all objects in a value, except names that users choose."""
    if isinstance(value, list):
        return {key for item in value for key in keys(item)}
    if not isinstance(value, dict):
        return set()
    return {key for inner, item in value.items() for key in keys(item, inner)} | (set() if name in NAMED_BY_USERS else set(value))


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project with one stored trial of the series `series`."""
    base = Project(tmp_path_factory.mktemp("base"))
    assert base.wke("init", "project").status == 0
    folder = base.folder / "project"
    inputs = {"depends": {"point": {"clients": 1}}, "digests": {"point": "0"}}
    trial = PlannedTrial("3fa9c1d2e0b4-0", {"clients": 1}, 0, warmup=False, position=0, source=json.dumps(inputs))
    with Store.open(folder / "results") as store:
        number = store.writer.begin_series("series", StoredPlan("experiments/series.toml", 7), command="wke measure", planned=[trial])
        attempt = store.writer.begin_attempt(number, trial)
        store.writer.finish_attempt(
            attempt, Result(Outcome(OutcomeKind.OK), 1, 2, observations={"throughput": 5.0}, units={"throughput": "1/s"})
        )
    return Project(folder)


@pytest.mark.parametrize(
    "command",
    [
        "show-cluster",
        "show-machine server",
        "show-config kv --verbose",
        "plan experiments/durability.toml",
        "cluster show",
        "results",
        "status",
        "check",
        "logs 3fa9",
        "show 3fa9",
    ],
)
def test_every_key_of_json_output_is_explained(command: str, measured: Project) -> None:
    """Every key that `--json` prints is named on the page."""
    found = keys(measured.wke(*shlex.split(command), "--json").json, command)
    assert found
    page = PAGE.read_text(encoding="utf-8")
    assert [key for key in sorted(found) if f"`{key}`" not in page] == []
