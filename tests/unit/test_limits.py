"""Whatever is too large in a user's file is refused at once, with its place and what to do; nothing else but InputError escapes."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support import limit

from wke.describe.cluster.cluster import read_cluster
from wke.describe.cluster.selector import select
from wke.describe.configuration.configuration import read_configuration
from wke.errors import MOST_PROBLEMS, InputError
from wke.series.growing import plan_series
from wke.series.project import read_project

EXPERIMENT = '[experiment]\nconfiguration = "c"\n[[steps]]\ntarget = "t"\nmeasure = true\n'
LONG = "x" * 300


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a small project, and run the test in it."""
    (tmp_path / "c/targets").mkdir(parents=True)
    (tmp_path / "c/config.toml").write_text('[targets]\nt = [["a", 1]]\n')
    (tmp_path / "c/targets/t").write_text("")
    (tmp_path / "cluster.toml").write_text("[cluster]\nmachines = 2\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(text: str, name: str = "e.toml") -> str:
    """Return what is said about an experiment file with this text."""
    Path(name).write_text(text)
    began = time.monotonic()
    with pytest.raises(InputError) as caught:
        plan_series(read_project(Path(name), Path("cluster.toml")))
    assert time.monotonic() - began < limit(20.0)  # a guard against work that grows with the square
    return str(caught.value)


def tables(number: int) -> str:
    """Return tables of parameters, each of which chooses the next one twice."""
    return "".join(f'[t{i}]\nsub-parameters = ["t{i + 1}", "u{i + 1}"]\n[u{i}]\nsub-parameters = ["t{i + 1}"]\n' for i in range(number))


@pytest.mark.parametrize(
    ("change", "what"),
    {
        "a configuration that cannot be a folder": (('"c"', f'"{LONG}"', 1), "experiment.configuration: is a name of 300 bytes; at most 200"),
        "a configuration with NUL": (('"c"', '"a\\u0000b"', 1), "e.toml:2:1: experiment.configuration: there is no configuration"),
        "a series that cannot be a file": (("[experiment]", f'[experiment]\nname = "{LONG}"', 1), "e.toml:2:1: experiment.name: becomes part of"),
        "a target that cannot be a file": (('"t"', f'"{LONG}"', 1), "e.toml:4:1: steps[0].target: is a name of 300 bytes"),
        "iterations beyond 64 bits": (("[[", "iterations = 18446744073709551616\n[[", 1), "experiment.iterations: is too large a number"),
        "more trials than can be planned": (("[[", "iterations = 100001\n[[", 1), "experiment.iterations: 1 point in 100001 rounds: more than 100000"),
        "endless tasks": (("measure", "multiply = 1000000000\nmeasure", 1), "steps[0].multiply: must be between 1 and 10000, not 1000000000"),
        "a duration that clocks cannot count": (("measure", 'timeout = "9e9d"\nmeasure', 1), "steps[0].timeout: must be a duration such as"),
        "a long duration": (("measure", f'timeout = "{"9" * 400}s"\nmeasure', 1), "steps[0].timeout: must be a duration"),
        "a very long duration": (("measure", 'timeout = "10001d"\nmeasure', 1), "steps[0].timeout: must be a duration of at most 10000d"),
        "a device as file": (("[[", 'files = ["/dev/zero"]\n[[', 1), "experiment.files[0]: /dev/zero cannot be read: it is not a file"),
        "a file with NUL": (("[[", 'files = ["a\\u0000"]\n[[', 1), "experiment.files[0]: a\0 cannot be read: embedded null byte"),
        "a pattern with a huge number": (("measure", "background = true\nready = { log = 'a{99999999999}' }\nmeasure", 1), "is too large for a regular"),
        "tables in tables": (("[[", f"[parameters]\na = {'[' * 60}1{']' * 60}\n[[", 1), "parameters: is nested too deeply"),
        "deeper than Python reads": (("[[", f"[parameters]\na = {'[' * 3000}1{']' * 3000}\n[[", 1), "is nested too deeply"),
        "tables that choose one another": (("[[", '[parameters]\nsub-parameters = ["t0"]\n' + tables(60) + "[t60]\nx=1\n[u60]\nx=2\n[[", 1), "at most 50 tables"),
        "long text": (("measure", f'options = {{ a = "{"x" * 100_001}" }}\nmeasure', 1), "is 100001 characters long"),
        "steps without end": (("[[", '[[steps]]\ntarget="t"\n' * 1001 + "[[", 1), "steps: has 1002 entries; at most 1000"),
        "exponents": (("[[", "[parameters]\nx = { base = 1.0000001, start = 1, end = 10000, step-size = 100 }\n[[", 1), "x: is used by no step"),
        "values without end": (("[[", "[parameters]\n" + "".join(f"p{i} = {{ start = 1, end = 90000 }}\n" for i in range(99)) + "[[", 1), "more than 100000 points"),
    }.values(),
)  # fmt: skip
def test_what_is_too_large_in_an_experiment(change: tuple[str, str, int], what: str) -> None:
    """A name, a number, a text, a table or a list that is too large is refused quickly, at its place."""
    assert what in refused(EXPERIMENT.replace(*change))


@pytest.mark.parametrize("name", ["uid", "trial", "revision", "started_ns"])
def test_names_of_other_columns(name: str) -> None:
    """A parameter cannot have the name of a column that every table of results has, nor a metric that of a parameter."""
    said = refused(EXPERIMENT.replace("[[", f"[parameters]\n{name} = 1\nx = 1\n[[") + '[metrics]\nx = { unit = "s" }\n')
    assert f'parameters.{name}: "{name}" cannot be the name of a parameter' in said
    assert 'metrics.x: "x" is also a parameter' in said


def test_the_name_of_a_file_becomes_that_of_the_series() -> None:
    """A file's name must be as short as a name in it, and so must a label together with the name."""
    assert "experiment.name: the name of this file becomes part of file names, and is a name of 240 bytes" in refused(
        EXPERIMENT, "é" * 120 + ".toml"
    )
    plot = '[[plots]]\nlabel = "{}"\ntype = "script"\npath = "p"\n'
    assert "plots[0].label: is too long together with the name" in refused(EXPERIMENT + plot.format("y" * 150), "x" * 60 + ".toml")


@pytest.mark.parametrize(
    "text",
    [
        EXPERIMENT.replace("measure", "options = { " + ", ".join(f"o{i} = 1" for i in range(10_000)) + " }\nmeasure"),
        EXPERIMENT.replace("measure", "options = { " + ", ".join(f'o{i} = "{{p{i}}}"' for i in range(10_000)) + " }\nmeasure"),
        EXPERIMENT + "".join(f"wrong{i} = 1\n" for i in range(10_000)),
        EXPERIMENT + "[metrics]\n" + "".join(f'm{i} = {{ value = "m{i + 1} + q{i}" }}\n' for i in range(999)),
        EXPERIMENT.replace("[[", "[parameters]\n" + "".join(f"p{i} = 1\n" for i in range(10_000)) + "[["),
    ],
    ids=["options", "templates", "keys", "metrics", "parameters"],
)
def test_ten_thousand_mistakes_take_little_time(text: str) -> None:
    """The work is proportional to the size of the file, and what is told stays readable."""
    assert len(refused(text).splitlines()) <= 2 * MOST_PROBLEMS + 2


def test_ten_thousand_options_of_a_target() -> None:
    """As many options are bound, right and wrong ones, in little time."""
    names = [f"o{i}" for i in range(10_000)]
    Path("c/config.toml").write_text("[targets]\nt = [" + ", ".join(f'["{name}", 1]' for name in names) + "]\n")
    options = ", ".join(f'{name} = "x"' for name in names)
    said = refused(EXPERIMENT.replace("measure", f"options = {{ {options} }}\nmeasure"))
    assert said.count("must be a whole number") == MOST_PROBLEMS
    assert said.endswith("and 9900 more")


@pytest.mark.parametrize(
    ("read", "what"),
    [
        (lambda: read_cluster(Path("/dev/zero")), "is longer than 4 MiB"),
        (lambda: read_cluster(Path(LONG)), "cannot be read: File name too long"),
        (lambda: read_cluster(Path("a\0b")), "cannot be read: embedded null byte"),
        (lambda: read_configuration(LONG, Path()), "there is no configuration"),
        (lambda: select(read_cluster(Path("cluster.toml")), f"[{'9' * 5000}]"), "where a position should be"),
        (lambda: select(read_cluster(Path("cluster.toml")), f"m[1-{'9' * 5000}]"), "has no class"),
        (lambda: select(read_cluster(Path("cluster.toml")), f"m[{','.join(['1-99999'] * 99)}]"), "mean more than 100000 names"),
    ],
)
def test_what_is_too_large_elsewhere(read: Callable[[], object], what: str) -> None:
    """Files, folders and selectors with impossible names are refused in our words."""
    with pytest.raises(InputError, match=what):
        read()


def test_configurations_that_inherit_without_end() -> None:
    """A long chain of configurations is refused before the interpreter's stack ends."""
    for i in range(300):
        Path(f"c{i}").mkdir()
        Path(f"c{i}/config.toml").write_text(f'[config]\ninherits = "c{i + 1}"\n')
    with pytest.raises(InputError, match="inherits from more than 50 configurations in a row"):
        read_configuration("c0", Path())
