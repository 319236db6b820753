"""Sessions and results without machines: folders, links, notes, old logs."""

import gc
import re
from pathlib import Path

import pytest

from wke import Cluster, MeasurementResult, MeasurementSession
from wke.legacy.machinelogs import MachineLogs
from wke.logging import MetaLogger
from wke.records import Outcome, OutcomeKind, Output, TaskEnded, TaskName, TaskStarted


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a project that has a cluster and a configuration."""
    (tmp_path / "cluster.toml").write_text('[machines]\na = "a.invalid"\n')
    (tmp_path / "kv").mkdir()
    (tmp_path / "kv" / "config.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_result_counts_operations_by_the_second() -> None:
    """Times in seconds since the epoch, throughput in operations a second."""
    result = MeasurementResult("load", {"clients": 4}, 1000.0, 1002.5, 500)
    assert (result.elapsed_time, result.throughput) == (2.5, 200.0)


def test_a_result_prints_itself(capsys: pytest.CaptureFixture[str]) -> None:
    """Target, options, time, throughput."""
    MeasurementResult("load", {"clients": 4, "key": "two words"}, 1000.0, 1002.5, 500).print_summary()
    assert capsys.readouterr().out == "load clients=4 key='two words'\n  elapsed: 2.5 s\n  throughput: 200 operations/s\n"


def test_sessions_in_one_second_do_not_collide(project: Path) -> None:
    """Each has a folder of its own, called by its uid, which is the time."""
    sessions = [MeasurementSession(Cluster(), "kv") for _ in range(3)]
    assert len({session.uid for session in sessions}) == 3
    for session in sessions:
        assert re.fullmatch(r"\d{6}-\d{6}(-\d+)?", session.uid)
        assert session.log_dir == f"logs/measurement-{session.uid}"
        assert (project / session.log_dir).is_dir()


def test_links_lead_to_the_session_that_runs_and_to_the_last_one(project: Path) -> None:
    """`current-measurement` until it is closed, `last-measurement` from then on; a block closes it, and closing again is harmless."""
    current, last = project / "current-measurement", project / "last-measurement"
    with MeasurementSession(Cluster(), "kv") as first:
        assert (current.readlink(), last.is_symlink()) == (Path(first.log_dir), False)
    assert (current.is_symlink(), last.readlink()) == (False, Path(first.log_dir))
    second = MeasurementSession(Cluster(), "kv")
    third = MeasurementSession(Cluster(), "kv")
    second.close()
    assert (current.readlink(), last.readlink()) == (Path(third.log_dir), Path(second.log_dir))
    third.close()
    third.close()
    assert last.readlink() == Path(third.log_dir)


def test_a_forgotten_session_is_closed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Garbage is as good as closed."""
    monkeypatch.setattr("sys.unraisablehook", lambda _: None)  # garbage of other tests, if they failed, is not this test's affair
    session = MeasurementSession(Cluster(), "kv")
    folder = Path(session.log_dir)
    del session
    gc.collect()
    assert (project / "last-measurement").readlink() == folder


def test_links_stay_where_the_session_began(
    project: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script that goes to another folder meanwhile leaves nothing there."""
    session = MeasurementSession(Cluster(), "kv")
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    session.close()
    assert (project / "last-measurement").readlink() == Path(session.log_dir)
    assert not (project / "current-measurement").is_symlink()
    assert list(Path().iterdir()) == []


def test_what_is_no_link_is_left_alone(project: Path) -> None:
    """Somebody's own file of that name stays."""
    (project / "last-measurement").write_text("mine")
    MeasurementSession(Cluster(), "kv").close()
    assert (project / "last-measurement").read_text() == "mine"


def test_notes_go_to_the_file_and_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The folder is made if it is missing; notes are added to what is there."""
    logger = MetaLogger(tmp_path / "new" / "logs")
    logger.print("one")
    logger.print(2)
    text = (tmp_path / "new" / "logs" / "META.log").read_text()
    assert re.fullmatch(r"\[META \d\d:\d\d:\d\d\]: one\n\[META \d\d:\d\d:\d\d\]: 2\n", text)
    assert capsys.readouterr().out == text


def test_logs_have_the_old_form_too(tmp_path: Path) -> None:
    """MACHINE.log: a heading for each task, and a line for each line of either stream: after a carriage return, too, and without colours."""
    task = TaskName(0, "load", "a")
    logs = MachineLogs(tmp_path / "logs")
    for record in (
        TaskStarted(task, 1),
        Output(task, 1, b"10%\r20%\r\n\x1b[1;31mone\x1b[0m\ntw", 2),
        Output(task, 2, b"warn\n", 3),
        Output(task, 1, b"o\nrest", 4),
        TaskEnded(task, Outcome(OutcomeKind.OK), 1, 5),
    ):
        logs(record)
    assert (
        tmp_path / "logs" / "a.log"
    ).read_text() == "Output for machine: a\nINFO: 10%\nINFO: 20%\nINFO: one\nINFO: warn\nINFO: two\nINFO: rest\n"
