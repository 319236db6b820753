"""Secret options: their values are nowhere in the clear, and what is stored tells only whether two of them are the same."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wke.act.masking import Masking, forms
from wke.act.session.tasks import task_specs
from wke.describe.cluster.cluster import read_cluster
from wke.describe.configuration.configuration import read_configuration
from wke.describe.configuration.secret import Secret
from wke.describe.configuration.step import PlannedStep, plan_step
from wke.errors import InputError
from wke.keep.trials.identity import _step
from wke.records import MetricsWritten, Outcome, OutcomeKind, Output, TaskEnded, TaskName

PASSWORD = 'hunter2-"é'
TASK = TaskName(0, "load", "m0")
ENDED = TaskEnded(TASK, Outcome(OutcomeKind.OK), 1, 2, "", f"cannot run {PASSWORD}")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a project whose target has a secret option."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kv/targets").mkdir(parents=True)
    (tmp_path / "kv/targets/load").write_text("true\n")
    (tmp_path / "kv/config.toml").write_text('[targets]\nload = [["n", 1], { name = "pass-word", secret = true }]\n')
    (tmp_path / "cluster.toml").write_text('[cluster]\nprovider = "local"\n[machines]\nm0 = {}\n')
    return tmp_path


def planned(**options: object) -> PlannedStep:
    configuration, cluster = read_configuration("kv", Path()), read_cluster(Path("cluster.toml"))
    return plan_step(configuration, cluster, target="load", selector="all", options={k.replace("_", "-"): v for k, v in options.items()})


def test_a_secret_reaches_the_script_in_its_environment_only(project: Path) -> None:
    """Its argument is the name of the variable: arguments can be seen by every user of a machine."""
    (spec,) = task_specs(planned(pass_word=PASSWORD), {"m0": "me"})
    assert spec.arguments == ("1", "WKE_OPTION_PASS_WORD")
    assert spec.environment["WKE_OPTION_PASS_WORD"] == PASSWORD


def test_a_secret_that_is_not_given_comes_from_the_environment(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So it needs to be in no file, and not on the command line; without it the hint names the variable."""
    with pytest.raises(InputError, match="give it a value or set WKE_SECRET_PASS_WORD"):
        planned()
    monkeypatch.setenv("WKE_SECRET_PASS_WORD", PASSWORD)
    assert planned().options == (("n", "1"), ("pass-word", Secret(PASSWORD)))


def test_what_a_result_depends_on_has_a_salted_digest(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal secrets are equal in one project; another project has another salt, which only the owner may read."""
    stored = json.dumps(_step(planned(pass_word=PASSWORD)))
    assert "hunter2" not in stored
    assert stored == json.dumps(_step(planned(pass_word=PASSWORD)))
    assert stored != json.dumps(_step(planned(pass_word="other one")))
    assert (project / "results/salt").stat().st_mode & 0o777 == 0o600
    monkeypatch.chdir(project / "kv")
    assert Secret(PASSWORD).digest not in stored


@pytest.mark.parametrize(
    ("value", "message"), [("abc", "too short"), (12345, "must be text"), ("pass\0word", "NUL"), (True, "must be text")]
)
def test_a_secret_that_cannot_be_kept_is_refused(project: Path, value: object, message: str) -> None:
    """The message does not have the value."""
    with pytest.raises(InputError, match=message) as raised:
        planned(pass_word=value)
    assert str(value) not in str(raised.value)


@pytest.mark.parametrize("key", ["default = 'hunter2'", "choices = ['hunter2', 'b']"])
def test_no_file_has_the_values_of_a_secret(project: Path, key: str) -> None:
    """A default or choices would be in the clear."""
    (project / "kv/config.toml").write_text(f'[targets]\nload = [{{ name = "p", secret = true, {key} }}]\n')
    with pytest.raises(InputError, match="is secret: its value must not be in this file") as raised:
        read_configuration("kv", Path())
    assert "hunter2" not in str(raised.value)


def test_a_secret_is_hidden_wherever_it_is_printed() -> None:
    """No way of printing a step shows it."""
    assert f"{Secret(PASSWORD)} {Secret(PASSWORD)!r}" == "*** ***"


@given(cuts=st.lists(st.integers(0, 200), max_size=6), streams=st.lists(st.integers(1, 3), min_size=7, max_size=7))
def test_a_secret_in_output_is_hidden_whatever_the_pieces(cuts: list[int], streams: list[int]) -> None:
    """Everything else arrives, in order, by the end of the task; so does what only began like a secret."""
    masking = Masking()
    masking.secrets = forms(PASSWORD)
    text = f"a {PASSWORD} b {json.dumps(PASSWORD)} hunter2- {PASSWORD}{PASSWORD} hunte".encode()
    places = sorted({0, len(text), *(cut % len(text) for cut in cuts)})
    said: dict[int, bytes] = {}
    for begin, end in pairwise(places):
        for stream in (1, 3):
            record = Output(TASK, 1, text[begin:end], 1) if stream == 1 else MetricsWritten(TASK, text[begin:end])
            for each in masking.masked(record):
                said[stream] = said.get(stream, b"") + each.data
    for each in masking.masked(ENDED):
        if isinstance(each, TaskEnded):
            assert each.detail == "cannot run ***"
        else:
            said[1 if isinstance(each, Output) else 3] += each.data
    assert said == dict.fromkeys((1, 3), b'a *** b "***" hunter2- ****** hunte')


def test_a_secret_in_collected_files_is_hidden(tmp_path: Path) -> None:
    """What a script leaves for the results folder is read through; other files stay as they are."""
    masking = Masking()
    masking.secrets = forms(PASSWORD)
    (tmp_path / "conf").write_text(f"password = {PASSWORD}\n")
    (tmp_path / "data").write_bytes(b"\xff\x00")
    masking.hide_in(tmp_path)
    assert ((tmp_path / "conf").read_text(), (tmp_path / "data").read_bytes()) == ("password = ***\n", b"\xff\x00")
