"""What `wke status` says of series whose results decide how many trials run: it never promises a number that may change."""

from dataclasses import replace
from pathlib import Path

import pytest

from wke.describe.experiment.experiment import Budget, Stopping
from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.rules import Rules
from wke.describe.expression.expression import named
from wke.keep.store import Store
from wke.keep.trials.storedplan import StoredPlan
from wke.keep.trials.trials import PlannedTrial
from wke.series.status import load_status
from wke.tell.terminal.status import count_words

RULES = Rules(points=({"x": 0}, {"x": 1}), iterations=4, metrics=(Metric("ops"),))


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        (RULES, "0 ok; 8 to run"),
        (replace(RULES, climb="x", goal=named("ops")), "0 ok; at most 8 to run"),
        (replace(RULES, budget=Budget(60.0, 2, ("ops",))), "0 ok; at most 8 to run"),
        (replace(RULES, stopping=Stopping(0.1, ("ops",), 3)), "0 ok; 6 to run until the next look at the intervals"),
    ],
)
def test_how_many_trials_are_to_run(rules: Rules, words: str, tmp_path: Path) -> None:
    """All that are missing; at most these; or those before the next look."""
    planned = [PlannedTrial(f"{x}-{k}", {"x": x}, k, warmup=False, position=2 * k + x) for k in range(4) for x in range(2)]
    with Store.open(tmp_path / "results", series="s") as store:
        store.writer.begin_series("s", StoredPlan("s.toml", 1, rules=rules), command="", planned=planned)
        assert count_words(load_status(store, "s")) == words
