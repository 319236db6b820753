"""Versions of software: what is the same everywhere is one line, and what differs between machines of a class or between rounds is told."""

from collections.abc import Mapping

from wke.judge.summary.versions import TrialVersions, version_report
from wke.keep.trials.versions import Version
from wke.tell.versions import version_lines, versions_json

CLASSES = {"m0": ("servers",), "m1": ("servers",), "m2": ("clients",), "m3": ()}


def trial(number: int, said: Mapping[str, str], size: int = 1, problem: str = "") -> TrialVersions:
    """Return a trial at the point size=`size`, in which machines said what they were."""
    versions = [Version(machine, "etcd", "etcd --version", text, problem, 5) for machine, text in said.items()]
    return TrialVersions(f"t-{number}", {"size": size}, CLASSES, versions)


def told(*trials: TrialVersions) -> list[str]:
    return list(version_lines(version_report(trials)))


def test_one_version_is_one_line() -> None:
    """Only the first line of what was printed is shown; nothing was asked, nothing is said."""
    assert told(trial(0, {"m0": "3.5\nGo 1", "m1": "3.5\nGo 1"}), trial(1, {"m0": "3.5\nGo 1"})) == ["version of etcd: 3.5"]
    assert told() == []


def test_machines_of_a_class_that_differ_are_a_finding() -> None:
    """Those of different classes may; the line that differs is the one that is shown."""
    assert told(trial(0, {"m0": "3.5", "m1": "3.5", "m2": "3.4"})) == ["version of etcd: 3.5 | 3.4"]
    assert told(trial(0, {"m0": "3.5\nGo 1", "m1": "3.5\nGo 2"}), trial(1, {"m0": "3.5\nGo 1", "m1": "3.5\nGo 2"})) == [
        "version of etcd: 3.5 | 3.5",
        "finding: the version of etcd differs between machines of servers: 3.5 on m0; Go 2 on m1",
    ]


def test_rounds_of_a_point_that_differ_are_a_finding() -> None:
    """Other points may have other versions on purpose."""
    assert told(trial(0, {"m3": "3.5"}), trial(1, {"m3": "3.4"}, size=2)) == ["version of etcd: 3.5 | 3.4"]
    assert told(trial(0, {"m3": "3.5"}), trial(1, {"m3": "3.4"}), trial(2, {"m3": "3.4"}))[1:] == [
        "finding: the version of etcd differs between rounds on m3: 3.5 in 1 trial (first t-0); 3.4 in 2 trials (first t-1)"
    ]


def test_a_command_that_failed_says_nothing_about_versions() -> None:
    """What it printed is no version: neither a difference nor a value."""
    report = version_report([trial(0, {"m0": "3.5"}), trial(1, {"m0": "sh: not found"}, problem="failed(127)")])
    assert list(version_lines(report)) == ["version of etcd: 3.5; not known on m0"]
    assert versions_json(report) == {"used": {"etcd": {"said": ["3.5"], "unknown-on": ["m0"]}}, "differences": []}
