"""What changed between two trials, in words: each input that differs is named, a script with its lines."""

import pytest

from wke.judge.reuse.differences import differences, nearest

STEP = {"script": "s1", "prelude": None, "options": [["x", "1"], ["pace", "2"]], "machines": ["m0"], "timeout": None}


def inputs(**changes: object) -> dict:
    depends = {"scheme": 1, "point": {"size": 1}, "cluster": {"provider": "ssh"}, "steps": [STEP], "metrics": {}} | changes
    return {"depends": depends, "targets": ["load"]}


def step(**changes: object) -> dict:
    return inputs(steps=[STEP | changes])


CASES = {
    "a parameter": (inputs(point={"size": 2}), ["parameter size was 1, is 2"]),
    "an option": (step(options=[["x", "3"], ["pace", "2"]]), ["load: option x was 1, is 3"]),
    "an option more": (step(options=[["x", "1"], ["pace", "2"], ["new", "9"]]), ["load: option new was missing, is 9"]),
    "machines": (step(machines=["m0", "m1"]), ['load: machines was ["m0"], is ["m0", "m1"]']),
    "a metric": (inputs(metrics={"p99": {"unit": "ms"}}), ['metric p99 was missing, is {"unit": "ms"}']),
    "the provider": (inputs(cluster={"provider": "local"}), ["the cluster provider was ssh, is local"]),
    "a script": (step(script="s2"), ["load: script changed\n  @@ -1,2 +1,2 @@\n   #!/bin/sh\n  -echo 1\n  +echo 2"]),
    "a script that was not kept": (step(script="s3"), ["load: script changed"]),
    "several": (step(timeout=5, prelude="s2"), ["load: prelude was missing, is s2", "load: timeout was missing, is 5"]),
    "nothing": (inputs(), []),
}
SCRIPTS = {"s1": "#!/bin/sh\necho 1\n", "s2": "#!/bin/sh\necho 2\n"}


@pytest.mark.parametrize(("now", "words"), CASES.values(), ids=CASES)
def test_each_input_that_differs_is_named(now: dict, words: list[str]) -> None:
    """The words name the place as its file does, with what it was and is."""
    assert list(differences(inputs(), now, SCRIPTS.get)) == words


def test_the_nearest_differs_least() -> None:
    """Of the stored trials the one with the fewest differences is compared; of equals the first."""
    stored = {"far": inputs(point={"size": 9}, scheme=0), "near": inputs(point={"size": 2}), "also": inputs(point={"size": 3})}
    assert nearest(inputs(), stored) == "near"
    assert nearest(inputs(), {}) is None
