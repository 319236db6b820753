"""Every provider that a cluster file may name can be asked for machines, and nothing but `provide.py` asks which one it is."""

import re
from pathlib import Path
from typing import get_args

import pytest

import wke
from wke.act.providers.provide import PROVIDERS, provide, provider_of
from wke.describe.cluster.cluster import read_cluster
from wke.describe.cluster.clusterfile import MACHINES_ARE, ClusterSection
from wke.errors import InputError


def test_each_name_has_a_provider() -> None:
    """The names in the shape of the file, in its table and in act are the same."""
    words = get_args(ClusterSection.__annotations__["provider"])[0]
    assert set(get_args(words)) == set(MACHINES_ARE) == set(PROVIDERS)


COMMAND = '[cluster]\nprovider = "command"\nup = ["./up"]\ndown = ["./down"]\nmachines = 2\n'


@pytest.mark.parametrize(("text", "made"), [('[machines]\na = "host"\n', False), ("[cluster]\nmachines = 2\n", True), (COMMAND, True)])
def test_machines_with_addresses_need_not_be_made(tmp_path: Path, text: str, *, made: bool) -> None:
    """Which provider it is follows from the file, and what it does from the provider."""
    path = tmp_path / "cluster.toml"
    path.write_text(text)
    cluster = read_cluster(path)
    assert provider_of(cluster).makes_machines is made
    assert (MACHINES_ARE[cluster.provider] != "named") is made


def test_only_one_place_asks_which_provider_it_is() -> None:
    """A comparison anywhere else would be a second table."""
    asks = re.compile(r"provider\s*(==|!=|in\s*[{(\[])")
    root = Path(wke.__file__).parent
    assert [str(path.relative_to(root)) for path in root.rglob("*.py") if asks.search(path.read_text())] == []


def test_what_outlives_a_command_needs_machines_that_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Emulated machines that are made for one command end with it."""
    monkeypatch.setenv("WKE_EMULATION_FOLDER", str(tmp_path / "keepers"))
    path = tmp_path / "cluster.toml"
    path.write_text("[cluster]\nmachines = 2\n")
    with pytest.raises(InputError, match="nothing can outlive this command"), provide(read_cluster(path), lasting=True):
        pytest.fail("machines were made")
