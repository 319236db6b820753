"""What `wke status` says of series that decide for themselves how far they go: no number is promised that is not kept."""

import json
from pathlib import Path

import pytest

from wke.keep.store import Store
from wke.keep.trials.trials import PlannedTrial
from wke.tell.terminal.status import count_words, read_status


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ({}, "0 ok; 8 to run"),
        ({"climb": "x"}, "0 ok; at most 8 to run"),
        ({"budget": {"total_s": 60.0}}, "0 ok; at most 8 to run"),
        ({"stopping": {"precision": 0.1, "of": ["ops"], "min": 3}}, "0 ok; 6 to run until the next look at the intervals"),
    ],
)
def test_how_many_trials_are_to_run(plan: dict[str, object], words: str, tmp_path: Path) -> None:
    """All that are missing; at most these; or those before the next look."""
    planned = [PlannedTrial(f"{x}-{k}", {"x": x}, k, warmup=False, position=2 * k + x) for k in range(4) for x in range(2)]
    with Store.open(tmp_path / "results", series="s") as store:
        store.writer.begin_series(
            "s", json.dumps({"metrics": [{"name": "ops"}], **plan}), 1, order="interleaved", command="", planned=planned
        )
        assert count_words(read_status(store, "s")) == words
