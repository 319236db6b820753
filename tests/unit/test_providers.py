"""Every provider that a cluster file may name can be asked for machines, and nothing but `provide.py` asks which one it is."""

import re
from pathlib import Path
from typing import get_args

import pytest

import wke
from wke.act.connection import transport
from wke.act.providers.provide import PROVIDERS, provide, provider_of
from wke.describe.cluster.cluster import ClusterSpec, MachineSpec, read_cluster
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


@pytest.mark.parametrize(
    ("configured", "aes", "asked", "expected"),
    [
        (transport.USUAL_CIPHERS[0], True, None, "^aes128-gcm@openssh.com"),
        (transport.USUAL_CIPHERS[1], True, None, "^aes128-gcm@openssh.com"),
        (transport.USUAL_CIPHERS[0], False, None, None),
        ("aes256-gcm@openssh.com,aes128-ctr", True, None, None),
        ("", True, None, None),
        (transport.USUAL_CIPHERS[0], True, "default", None),
        (transport.USUAL_CIPHERS[0], False, "aes256-ctr", "aes256-ctr"),
    ],
    ids=["usual", "usual since 10", "no AES", "user chose", "no answer", "left alone", "given"],
)
def test_the_cipher_is_chosen_where_the_user_has_not(
    monkeypatch: pytest.MonkeyPatch, configured: str, *, aes: bool, asked: str | None, expected: str | None
) -> None:
    """AES is preferred only where OpenSSH's own list stands, and only with a processor that has instructions for it."""
    monkeypatch.setattr(transport, "said_by_ssh", lambda command, host: (f"user joe\nciphers {configured}\n", ""))
    monkeypatch.setattr(transport, "_has_aes", lambda: aes)
    machine = MachineSpec("m", 0, "node1", "10.0.0.1")
    words = transport.ssh_transport(ClusterSpec(None, "ssh", (machine,), key_exchange="default", ciphers=asked), machine)
    assert [w.partition("=")[2] for w in words if w.startswith("Ciphers=")] == ([expected] if expected else [])
