"""What machines and tasks used, as `wke show` prints it: whole outputs."""

from dataclasses import replace
from pathlib import Path

from telemetry_of import START, S, made_up

from wke.judge.telemetry.course import Figures, Window
from wke.judge.telemetry.windowusage import TrialUsage, WindowUsage, trial_usage
from wke.records import TaskName
from wke.tell.terminal.trialusage import trial_usage_json, trial_usage_lines


def test_machines_and_tasks_are_shown_in_columns(tmp_path: Path) -> None:
    """Each has its mean, its highest second and what there is of it; what is not known is a dash, and what is the host's has a mark."""
    usage = trial_usage(made_up(tmp_path))
    assert usage is not None
    assert list(trial_usage_lines(usage)) == [
        "over the measured window of 3.00 s: mean (highest second)",
        "machine             cores                 memory     read/s  written/s     in/s    out/s  cores over time",
        "node1    0.83 (1.00) of 2  167B (200B) of 1000B*  20B (20B)          –  5B (5B)  7B (7B)  ▅▅▅▅▃▃▃▃▅▅▅▅",
        "task                    cores  memory  read/s  written/s  cores over time",
        "1  load on node1  0.50 (0.50)       –       –          –  ████████████",
        "* of the computer that carries the machines",
        "the clock of node2 is not known, so its telemetry is of no known time",
    ]


def used(cores: float, covered: float = 1) -> WindowUsage:
    """Return the usage of a machine of which only the processors are known."""
    return WindowUsage({"cpu": Figures(cores, cores, cores, covered, "cores")})


def test_of_many_machines_the_most_loaded_are_shown() -> None:
    """The rest is counted; a figure that is known for too little of the time has a mark; a trial without a window says so."""
    usage = TrialUsage(Window(START, START + 90 * S), False, {f"n{index}": used(index / 10, index / 15) for index in range(15)}, {})
    lines = list(trial_usage_lines(usage))
    assert lines[0] == "over all tasks, which took 1 min 30 s: mean (highest second)"
    assert lines[2:4] == [
        "n14       1.40 (1.40)       –       –          –     –      –",
        "n13      ~1.30 (1.30)       –       –          –     –      –",
    ]
    assert list(trial_usage_lines(replace(usage, machines={"m": WindowUsage({})}))) == []
    assert lines[-2:] == ["and 3 more machines; --json has them all", "~ known for less than nine tenths of that time"]


def test_json_has_all_figures(tmp_path: Path) -> None:
    """Unknown parts are left out, those of the host are told, and without telemetry it is null."""
    usage = trial_usage(made_up(tmp_path))
    told = trial_usage_json(usage)
    assert told is not None
    assert usage is not None
    assert told["window"] == {"start-ns": START, "end-ns": START + 3 * S, "measured": True}
    assert told["machines"]["node1"].keys() == {"cpu", "cores", "memory", "memory-total", "read", "received", "sent"}
    assert told["machines"]["node1"]["memory-total"] == {
        "mean": 1000, "least": 1000, "most": 1000, "covered": 1, "unit": "B", "of-host": True,
    }  # fmt: skip
    assert [(task["target"], task["cpu"]["covered"]) for task in told["tasks"]] == [("load", 1)]
    assert told["damage"] == list(usage.damage)
    assert trial_usage_json(None) is None
    assert trial_usage_json(replace(usage, tasks={TaskName(0, "x", "m"): used(1)}))["tasks"][0]["machine"] == "m"
