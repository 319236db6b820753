"""Which attempts count: on the machines that they were made on, and where somebody accepted a change."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from wke.errors import InputError
from wke.judge.reuse.state import Relatives, facts_words, state
from wke.keep.machines.acceptance import AcceptedChanges
from wke.keep.machines.fingerprint import FactChange, place
from wke.keep.store import Store
from wke.keep.trials.storedplan import StoredPlan
from wke.keep.trials.trials import Answer, Derivation, Invalid, PlannedTrial, Result
from wke.records import Outcome, OutcomeKind

OK, INVALID, FAILED = Outcome(OutcomeKind.OK), Outcome(OutcomeKind.INVALID), Outcome(OutcomeKind.FAILED, 4)
OLD, NEW = {"kernel": "Linux 6.1"}, {"kernel": "Linux 6.6"}
CHANGE = FactChange("m0", "kernel", "Linux 6.1", "Linux 6.6")
HERE = ("m0", "here")


def trial(name: str = "aa-0", address: str | None = None, *, on: str = "m0", **script: str) -> PlannedTrial:
    cluster = {"machines": {on: {"external-addr": address}}}
    return PlannedTrial(name, {"n": 1}, 0, False, 0, json.dumps({"depends": {"point": {"n": 1}, "cluster": cluster, **script}}))


def command(
    store: Store, facts: Mapping[str, str] | None, *, series: str = "s", machine: tuple[str, str] = HERE, settle: bool = True
) -> int:
    """Begin a command that finds its machine to be so."""
    number = store.writer.begin_series(series, StoredPlan("scale.toml", 1), command="")
    if facts is not None:
        store.examinations.record(number, {machine: facts})
    if settle:
        store.examinations.confirm(number)
    return number


def run(store: Store, number: int, planned: PlannedTrial, value: float, outcome: Outcome = OK) -> None:
    store.writer.finish_attempt(store.writer.begin_attempt(number, planned), Result(outcome, 1, 2, observations={"x": value}))


def counting(store: Store, name: str = "aa-0") -> tuple[float, tuple[int, ...]] | None:
    found = store.attempts.results([name]).get(name)
    return found and (found.observations["x"], found.accepted)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "results") as opened:
        yield opened


def test_a_result_counts_on_machines_like_its_own(store: Store) -> None:
    """On another machine it does not, on the old one it does again; only machines that take part matter."""
    run(store, command(store, OLD), trial(), 1)
    run(store, command(store, OLD), trial("bb-0", on="m1"), 2)
    assert (counting(store), counting(store, "bb-0")) == ((1, ()), (2, ()))
    number = command(store, NEW, settle=False)
    assert (counting(store), counting(store, "bb-0")) == (None, (2, ()))
    assert store.attempts.of_trials(["aa-0"], store.examinations.latest())[0].changes == (CHANGE,)
    assert [t.observations["x"] for t in store.attempts.one_per_trial("s")] == [1, 2]  # what was found is not settled for the series
    store.examinations.confirm(number)
    assert [t.observations["x"] for t in store.attempts.one_per_trial("s")] == [2]
    run(store, number, trial(), 3)
    assert (counting(store), store.attempts.find("aa-0").observations) == ((3, ()), {"x": 3})
    command(store, OLD)
    assert (counting(store), store.attempts.find("aa-0").observations, len(store.attempts.of_trial("aa-0"))) == ((1, ()), {"x": 1}, 2)


def test_a_machine_elsewhere_is_another_one(store: Store) -> None:
    """Machines of the same name in two cluster files do not speak against each other's results; an unknown one speaks against none."""
    run(store, command(store, OLD), trial(), 1)
    command(store, NEW, machine=("m0", "node.example.org"))
    assert counting(store) == (1, ())
    run(store, command(store, None), trial("bb-0"), 2)
    assert counting(store, "bb-0") == (2, ())


def test_another_series_does_not_settle_ours(store: Store) -> None:
    """What it found is known, and decides what is to run; our tables stay as they are until our series is measured."""
    run(store, command(store, OLD), trial(), 1)
    command(store, NEW, series="other")
    assert counting(store) is None
    assert [t.observations["x"] for t in store.attempts.one_per_trial("s")] == [1]


def test_what_is_settled_stays(store: Store) -> None:
    """A command's machines are what they were when it began: a later look does not rewrite them."""
    number = command(store, OLD)
    store.examinations.record(number, {HERE: NEW})
    assert store.examinations.confirmed(number) == {HERE: OLD}


def test_an_accepted_fact(store: Store) -> None:
    """The old result counts, and says by what; a new one of the trial goes before; taken back, it counts no more."""
    first = command(store, OLD)
    run(store, first, trial(), 1)
    run(store, first, trial("bb-0"), 3)
    number = command(store, NEW)
    assert store.acceptances.add(AcceptedChanges(["kernel"], [CHANGE]), who="me", reason="it is") == 1
    assert counting(store) == (1, (1,))
    run(store, number, trial(), 2)
    assert counting(store) == (2, ())
    command(store, OLD)
    assert counting(store) == (1, ())
    command(store, NEW)
    assert [t.accepted for t in store.attempts.one_per_trial("s")] == [(), (1,)]
    assert store.acceptances.take_back(1, who="you").reason == "it is"
    assert (counting(store), counting(store, "bb-0")) == ((2, ()), None)
    assert [(each.who, each.taken_back_by) for each in store.acceptances.all()] == [("me", "you")]
    for number in (1, 2):
        with pytest.raises(InputError):
            store.acceptances.take_back(number, who="you")


def test_an_accepted_trial(store: Store) -> None:
    """It stands for another one in results and in the series, under its own name, until it is taken back or that one is measured."""
    run(store, command(store, OLD), trial(), 1)
    number = store.writer.begin_series("s", StoredPlan("s.toml", 1), command="", planned=[trial("bb-0", script="b")])
    store.acceptances.add(
        AcceptedChanges(["script"], (), [("bb-0", "aa-0")], {"bb-0": trial("bb-0").inputs_json}), who="me", reason="it is"
    )
    found = store.attempts.results(["bb-0"])["bb-0"]
    assert (found.id, found.stands_for, found.accepted, found.observations) == ("aa-0", "bb-0", (1,), {"x": 1})
    assert [(t.id, t.accepted) for t in store.attempts.one_per_trial("s")] == [("aa-0", (1,))]
    command(store, NEW)
    assert counting(store, "bb-0") is None
    store.acceptances.add(AcceptedChanges(["kernel"], [CHANGE]), who="me", reason="it is")
    assert counting(store, "bb-0") == (1, (1, 2))
    run(store, number, trial("bb-0"), 2)
    assert counting(store, "bb-0") == (2, ())
    assert [t.id for t in store.attempts.one_per_trial("s")] == ["bb-0"]


def test_a_trial_that_is_accepted_on_a_machine_elsewhere(store: Store) -> None:
    """Its machine is compared with that of the trial that it stands for."""
    run(store, command(store, OLD), trial(), 1)
    moved = trial("bb-0", "node.example.org")
    store.acceptances.add(AcceptedChanges(["address"], (), [("bb-0", "aa-0")], {"bb-0": moved.inputs_json}), who="me", reason="it is")
    assert counting(store, "bb-0") == (1, (1,))
    command(store, NEW, machine=("m0", place("node.example.org")))
    assert (counting(store), counting(store, "bb-0")) == ((1, ()), None)


def test_invalid_attempts_count_where_they_were(store: Store) -> None:
    """A trial that was given up on one machine is tried on another."""
    number = command(store, OLD)
    for _ in range(3):
        run(store, number, trial(), 1, INVALID)
    assert store.attempts.invalid(["aa-0"]) == {"aa-0": Invalid(3, last=True)}
    run(store, command(store, NEW), trial(), 1, INVALID)
    assert store.attempts.invalid(["aa-0"]) == {"aa-0": Invalid(1, last=True)}


def test_an_answer_stands_on_the_machines_of_what_ran(store: Store) -> None:
    """Whoever reads old output anew does so on a controller; the trial ran where it ran."""
    run(store, command(store, OLD), trial(), 1)
    derivation = Derivation("aa-0", 1, "reanalysed", 5, "me", "2.0")
    store.writer.add_answers(command(store, None), [Answer(trial("bb-0"), derivation, OK, observations={"x": 7.0})])
    assert counting(store, "bb-0") == (7, ())
    command(store, NEW)
    assert counting(store, "bb-0") is None


def test_the_state_of_a_trial(store: Store) -> None:
    """One word, and one clause for why."""
    now = store.examinations.latest
    assert str(state(None, None, (), "")) == "to run (new)"
    assert str(state(None, None, (), "script changed")) == "to run (script changed)"
    run(store, command(store, OLD), trial(), 1)
    assert str(state(store.attempts.results(["aa-0"])["aa-0"], None, (), "")) == "stored"
    number = command(store, NEW)
    assert str(state(None, None, store.attempts.of_trials(["aa-0"], now()), "")) == "to run (kernel changed)"
    run(store, number, trial(), 1, FAILED)
    assert str(state(None, None, store.attempts.of_trials(["aa-0"], now()), "")) == "to run (failed(4))"
    assert str(state(None, Invalid(3, last=True), store.attempts.of_trials(["aa-0"], now()), "")) == "invalid (3 times)"
    assert str(state(None, Invalid(1, last=True), store.attempts.of_trials(["aa-0"], now()), "")) == "to run (failed(4))"


def test_relatives_are_of_the_same_point_and_iteration() -> None:
    """The nearest comes first, with what changed; a trial is not its own relative."""
    results = {
        "bb-0": {"depends": {"point": {"n": 1}, "script": "b", "prelude": "b"}},
        "cc-0": {"depends": {"point": {"n": 1}, "script": "b", "prelude": "a"}},
        "dd-1": {"depends": {"point": {"n": 1}, "script": "a", "prelude": "a"}},
        "ee-0": {"depends": {"point": {"n": 2}, "script": "a", "prelude": "a"}},
        "aa-0": {"depends": {"point": {"n": 1}, "script": "a", "prelude": "a"}},
    }
    planned = PlannedTrial("aa-0", {"n": 1}, 0, False, 0, json.dumps(results["aa-0"]))
    found = Relatives(results).of(planned)
    assert [(name, [change.kind for change in changes]) for name, changes in found] == [
        ("cc-0", ["script changed"]),
        ("bb-0", ["script changed", "prelude changed"]),
    ]


def test_machines_with_the_same_change_are_told_at_once() -> None:
    """A thousand machines with a new kernel are one line."""
    changes = [FactChange(name, "kernel", "6.1", "6.6") for name in ("a", "b", "c")]
    assert facts_words([*changes, FactChange("b", "SMT", "on", "off")]) == ["a, b, c: kernel 6.1 -> 6.6", "b: SMT on -> off"]
