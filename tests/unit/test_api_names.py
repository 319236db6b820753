"""`import wke`: which names scripts find there, and that looking for them costs nothing."""

import ast
import builtins
import sys
from pathlib import Path

import pytest
from sources import nodes

import wke
from wke.errors import InputError, MachineError, TargetError, WkeError

ROOT = Path(wke.__file__).parent
OLD_NAMES = (
    "Cluster Configuration Slice MachineSet run check_run background_run run_background MeasurementSession MeasurementResult plot_loads "
    "ConfigurationError ClusterError BenchmarkError MeasurementFailedError RemoteExecutionError RunTargetError"
)


@pytest.mark.parametrize("name", OLD_NAMES.split())
def test_every_name_that_scripts_import_is_there(name: str) -> None:
    """What COMPAT lists can be imported, and is listed by dir()."""
    assert getattr(wke, name) is not None
    assert name in dir(wke)
    assert name in wke.__all__


def test_a_star_leaves_builtins_alone() -> None:
    """`from wke import *` does not replace `open`, or anything else that Python has."""
    assert not set(wke.__all__) & set(dir(builtins))
    assert "open" in dir(wke)


def test_an_error_that_the_api_does_not_have_is_not_in_errors() -> None:
    """As with any module."""
    with pytest.raises(AttributeError, match=r"module 'wke.errors' has no attribute 'RunTargetsError'"):
        _ = wke.errors.RunTargetsError


def test_the_type_checker_is_told_the_same_names() -> None:
    """The imports for the type checker, the table and `__all__` agree."""
    tree = ast.parse(Path(wke.__file__).read_text())
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    told = {alias.asname or alias.name: (node.module, alias.name) for node in imports for alias in node.names}
    assert sorted(told) == sorted([*wke.__all__, "open"])
    for name, (module, there) in told.items():
        __import__(module)
        assert getattr(wke, name) is getattr(sys.modules[module], there)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As with any module."""
    with pytest.raises(AttributeError, match="module 'wke' has no attribute 'Clutser'"):
        _ = wke.Clutser


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("ConfigurationError", InputError),
        ("ClusterError", InputError),
        ("BenchmarkError", WkeError),
        ("MeasurementFailedError", TargetError),
        ("RunTargetError", TargetError),
        ("RemoteExecutionError", MachineError),
    ],
)
def test_errors_are_of_the_family(name: str, family: type[WkeError]) -> None:
    """Whoever catches the family catches these; those about input are ValueErrors too."""
    assert issubclass(getattr(wke, name), family)
    assert issubclass(getattr(wke, name), ValueError) is (family is InputError)


def test_what_only_old_scripts_need_can_be_deleted() -> None:
    """Only base classes, the machine logs and the table of names refer to the modules for old scripts, one import each."""
    importing = {}
    for path in ROOT.rglob("*.py"):
        found = [
            (node.module, alias.name)
            for node in nodes(path)
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(("wke.legacy", "wke.api.slices"))
            for alias in node.names
        ]
        if found and "legacy" not in path.parts:
            importing[path.name] = found
    assert importing == {
        "__init__.py": [("wke.api.slices", "MachineSet"), ("wke.api.slices", "Slice")],
        "cluster.py": [("wke.api.slices", "OldClusterNames")],
        "configuration.py": [("wke.legacy.names", "OldTargetNames")],
        "measurement.py": [("wke.legacy.names", "OldSessionNames"), ("wke.legacy.names", "told_apart")],
        "running.py": [("wke.legacy.machinelogs", "MachineLogs")],
    }
