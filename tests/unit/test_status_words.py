"""What `wke status` says of series that decide for themselves how far they go: no number is promised that is not kept."""

from dataclasses import replace
from pathlib import Path

import pytest

from wke.describe.experiment.experiment import Budget, Stopping
from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.rules import Rules
from wke.keep.store import Store
from wke.keep.trials.storedplan import StoredPlan
from wke.keep.trials.trials import PlannedTrial
from wke.tell.terminal.status import count_words, read_status


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        (Rules(), "0 ok; 8 to run"),
        (Rules(climb="x"), "0 ok; at most 8 to run"),
        (Rules(budget=Budget(60.0, 1, ("ops",))), "0 ok; at most 8 to run"),
        (Rules(stopping=Stopping(0.1, ("ops",), 3)), "0 ok; 6 to run until the next look at the intervals"),
    ],
)
def test_how_many_trials_are_to_run(rules: Rules, words: str, tmp_path: Path) -> None:
    """All that are missing; at most these; or those before the next look."""
    planned = [PlannedTrial(f"{x}-{k}", {"x": x}, k, warmup=False, position=2 * k + x) for k in range(4) for x in range(2)]
    with Store.open(tmp_path / "results", series="s") as store:
        store.writer.begin_series("s", StoredPlan("s.toml", 1, rules=replace(rules, metrics=(Metric("ops"),))), command="", planned=planned)
        assert count_words(read_status(store, "s")) == words
