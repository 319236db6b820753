"""What `run` and its kin check before anything starts, and that nothing starts then."""

import inspect
import typing
from collections.abc import Callable
from pathlib import Path

import pytest

from wke import Cluster, Configuration, MeasurementSession, background_run, check_run, run
from wke.api import opened
from wke.api.background import BackgroundRun
from wke.api.running import Call, default_cluster

CONFIG = """
[targets]
load = [["clients", 4], { name = "mode", choices = ["a", "b"], default = "a" }, ["address"]]
plain = []
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a project whose machines cannot be reached: whoever tries fails the test."""
    (tmp_path / "cluster.toml").write_text('[machines]\na = "a.invalid"\nb = "b.invalid"\n')
    (tmp_path / "kv" / "targets").mkdir(parents=True)
    (tmp_path / "kv" / "config.toml").write_text(CONFIG)
    for target in ("load", "plain"):
        (tmp_path / "kv" / "targets" / target).write_text("exit 0\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(opened, "provide", lambda _: pytest.fail("a machine was wanted"))
    return tmp_path


def session_run(selector: object, _config: object, target: str, options: dict | None = None, **details: object) -> bool:
    """Call a session's `run` as if it were the function."""
    return MeasurementSession(Cluster(), "kv").run(selector, target, options, **details)


CALLS = [run, check_run, background_run, session_run]
WRONG = {
    "an unknown target": (("all", "kv", "nope"), {}, 'no target "nope"'),
    "an unknown option": (("all", "kv", "load", {"address": "x", "cleints": 1}), {}, 'no option "cleints"'),
    "a missing option": (("all", "kv", "load"), {}, 'needs option "address"'),
    "a value of another type": (("all", "kv", "load", {"address": "x", "clients": "many"}), {}, "a whole number"),
    "a value that is no choice": (("all", "kv", "load", {"address": "x", "mode": "c"}), {}, "must be one of"),
    "an unknown macro": (("all", "kv", "load", {"address": "@INTERNL"}), {}, "INTERNL"),
    "an empty selection": (("[2:2]", "kv", "plain"), {}, "selector"),
    "an unknown machine": (("x", "kv", "plain"), {}, 'names "x"'),
    "an unknown prelude": (("all", "kv", "plain"), {"prelude": "nope"}, 'no prelude "nope"'),
    "no tasks": (("all", "kv", "plain"), {"multiply": 0}, "between 1 and 10000"),
    "a timeout that is none": (("all", "kv", "plain"), {"timeout": "soon"}, "timeout: "),
    "a timeout in the past": (("all", "kv", "plain"), {"timeout": 0}, "must be more than 0"),
}


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("function", CALLS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_a_value_error_before_anything_starts(function: Callable[..., object], wrong: str, *, dry_run: bool) -> None:
    """Whichever function is called, dry run included."""
    arguments, details, words = WRONG[wrong]
    with pytest.raises(ValueError, match=words):
        function(*arguments, **details, dry_run=dry_run)


def test_a_dry_run_starts_nothing_and_is_true() -> None:
    """All is checked, no machine is wanted, the caller's dict is as it was."""
    options = {"address": "x", "clients": 8}
    assert run("all", "kv", "load", options, dry_run=True) is True
    assert check_run(Cluster(), Configuration("kv"), "load", options, dry_run=True) is True
    handle = background_run(Cluster().create_subslice(1, 1), "kv", "load", options, dry_run=True)
    handle.join()
    assert (handle.is_alive(), handle.exitcode) == (False, 0)
    handle.terminate()
    session = MeasurementSession(Cluster(), "kv")
    assert [getattr(session, name)("all", "load", options, dry_run=True) for name in ("run", "check_run")] == [True, True]
    assert session.run_background("all", "load", options, dry_run=True).exitcode in {None, 0}
    assert options == {"address": "x", "clients": 8}


def test_a_session_takes_arguments_by_position_as_the_old_ones_did() -> None:
    """Options, a configuration, a prelude and a timeout, in any order that a version of wke 0.1 had."""
    session, other = MeasurementSession(Cluster(), "kv"), Configuration("kv")
    options = {"address": "x"}
    for given in ((other, options), (options, other), (other, options, "none", 5), (options, "none", 5.0)):
        call = session._call("all", "load", given, {"dry_run": True})
        assert call.options == options
        assert call.config is (other if other in given else session.config)
        assert (call.prelude, call.timeout) == (("none", 5) if "none" in given else ("<default>", None))
        assert session.run("all", "load", *given, dry_run=True) is True
    with pytest.raises(TypeError, match="timeout"):
        session.run("all", "load", options, 5, timeout=6)


@pytest.mark.parametrize("function", CALLS[:3], ids=lambda f: f.__name__)
def test_parameters_stand_in_the_order_that_scripts_use(function: Callable[..., object]) -> None:
    """By position and by name, with the same defaults."""
    signature = inspect.signature(function)
    assert list(signature.parameters) == [
        *("selector", "config", "target_name", "options", "verbose", "multiply", "prelude", "dry_run"),
        *("log_dir", "timeout", "debug", "workdir", "quiet_fail"),
    ]
    defaults = [p.default for p in signature.parameters.values()][3:]
    assert defaults == [None, False, 1, "<default>", False, None, None, False, None, False]
    assert signature.return_annotation is (BackgroundRun if function is background_run else bool)
    assert typing.get_type_hints(function)["return"] is signature.return_annotation
    with pytest.raises(TypeError, match="colour"):
        function("all", "kv", "plain", colour="red")


def test_a_prelude_of_none_is_none_at_all() -> None:
    """All ways to say so; wke 0.1 also took "None"."""
    configuration = Configuration("kv").description
    for prelude in (None, "none", "None"):
        step = Call("all", "kv", "plain", prelude=prelude).request("all").planned(configuration, Cluster().description)
        assert step.prelude is None


def test_text_selects_from_the_cluster_of_the_current_folder(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The same one until the folder changes, so that emulated machines stay what they are between two calls."""
    first = default_cluster()
    assert default_cluster() is first
    assert first.description.path == project / "cluster.toml"
