"""Files of experiments and what they share: a name, a folder, the place where copies land."""

from pathlib import Path

import pytest

from wke.describe.configuration.copies import landing, told_landing
from wke.describe.configuration.habits import unexpanded, wants_agent
from wke.describe.experiment.experimentreader import read_experiment
from wke.errors import InputError
from wke.series.planned import experiment_files, refuse_name_of_another, refuse_same_names

TEXT = '[experiment]\nname = "{}"\n[parameters]\nx = 1\n'


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write three experiments, two of which have one name, and run the test in their project."""
    monkeypatch.chdir(tmp_path)
    for path, name in {"a/scale.toml": "scale", "b/scale.toml": "scale", "other.toml": "other", ".old/scale.toml": "scale"}.items():
        Path("experiments", path).parent.mkdir(parents=True, exist_ok=True)
        Path("experiments", path).write_text(TEXT.format(name))


def test_experiments_are_found_in_all_folders() -> None:
    """Those in folders of experiments/ are found too, except hidden ones."""
    assert [str(path) for path in experiment_files()] == [
        "experiments/a/scale.toml",
        "experiments/b/scale.toml",
        "experiments/other.toml",
    ]


def test_two_files_of_one_name_are_refused() -> None:
    """Both paths are named; the same file by another path is no other file."""
    with pytest.raises(
        InputError, match=r'^experiments/b/scale\.toml:2:1: experiment\.name: is called "scale", as experiments/a/scale\.toml is'
    ):
        refuse_same_names(experiment_files())
    refuse_same_names([Path("experiments/a/scale.toml"), Path("experiments/a/../a/scale.toml"), Path("experiments/other.toml")])


def test_a_series_is_not_taken_over_by_another_file() -> None:
    """The file that measured it keeps the name as long as it exists and uses it."""
    mine = read_experiment(Path("experiments/a/scale.toml"))
    with pytest.raises(InputError, match=r"as experiments/b/scale\.toml is"):
        refuse_name_of_another(mine, Path("experiments/b/scale.toml"))
    refuse_name_of_another(mine, Path("experiments/a/scale.toml").resolve())
    refuse_name_of_another(mine, Path("experiments/gone.toml"))
    refuse_name_of_another(mine, Path("experiments/other.toml"))


@pytest.mark.parametrize(
    ("destination", "workdir", "told"),
    [
        ("", None, "~/"),
        ("in/", None, "~/in/"),
        ("", "/srv", "/srv/"),
        ("in/x", "/srv/", "/srv/in/x"),
        ("in/x", "exp", "~/exp/in/x"),
        ("/data", "/srv", "/data"),
    ],
)
def test_where_a_copy_lands(destination: str, workdir: str | None, told: str) -> None:
    """Relative places start at the folder in which scripts run; they are told in full."""
    assert told_landing(landing(destination, workdir)) == told


@pytest.mark.parametrize(
    ("value", "word"), [("~/data", "expand"), ("$HOME/x", "expand"), ("a ${X}", "expand"), ("--a 1 --b 2", "split"), ("-v --fast", "split")]
)
def test_values_that_a_shell_expanded(value: str, word: str) -> None:
    """Such values mean something else than in wke 0.1."""
    found = unexpanded(value)
    assert found
    assert word in found[0]


def test_values_and_scripts_that_mean_the_same() -> None:
    """Plain values are not warned of; scripts are only if they use the agent outside of comments."""
    assert not any(map(unexpanded, ["", "a b", "--fast", "--rate=3", "5$", "a~b", 3, None, "-1 -2"]))
    assert wants_agent(b"#!/bin/sh\nssh -A other true\n")
    assert wants_agent(b"git clone git@host:x.git\n")
    assert not wants_agent(b"# ssh -A other\ngit clone https://host/x.git\nssh other ls -A\n"[:44])
    assert not wants_agent(None)
