"""What an emulated cluster is, decided without making one: plans, argument lists, folders, texts."""

import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wke.act.emulation import emulationplan
from wke.act.emulation.emulation import EmulatedMachine, Emulation, up
from wke.act.emulation.emulationplan import check, make_plan, visible
from wke.act.emulation.keeper import disk, folder
from wke.act.emulation.keeper.network import attribute
from wke.act.emulation.keeper.plan import KeeperPlan, LinkPlan, MachinePlan, decode, encode
from wke.act.emulation.keeper_client import alone, keepers_folder
from wke.describe.cluster.cluster import LOCAL_NETWORK, ClusterSpec, LinkSpec, MachineSpec
from wke.errors import InputError, MachineError, Problem

MOUNTINFO = r"""
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
28 27 8:1 / /home rw,relatime shared:2 master:3 - xfs /dev/sda1 rw
29 28 8:2 / /home/a\040b rw - ext4 /dev/sda2 rw
30 27 0:24 / /tmp rw - tmpfs tmpfs rw
31 27 0:25 / /run rw - tmpfs tmpfs rw
32 31 8:3 / /run/media/stick rw - vfat /dev/sdb1 rw
33 27 0:26 / /var/lib/docker/overlay2/1/merged rw - overlay overlay rw
34 28 8:2 / /home/a\040b rw - ext4 /dev/sda3 rw
35 27 8:5 / /homes rw - nfs4 server:/homes rw
""".strip()


def local_cluster(
    count: int = 2, path: Path | None = None, share: tuple[str, ...] = (), links: Mapping[str, LinkSpec] | None = None
) -> ClusterSpec:
    """Return a cluster of emulated machines m0, m1, ..."""
    machines = tuple(MachineSpec(f"m{n}", n, None, str(LOCAL_NETWORK[n + 2])) for n in range(count))
    return ClusterSpec(path=path, provider="local", machines=machines, share=share, links=links or {})


def emulated(mode: str) -> Emulation:
    """Return an emulation of one machine that was never made."""
    return Emulation(mode, local_cluster(1), {"m0": EmulatedMachine("m0", "10.181.0.2", 77, 5, "/home/m0")})


def test_transports_enter_every_namespace_with_a_clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program on a machine sees the machine's namespaces and a login's variables, none of the controller's."""
    for name in os.environ:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PATH", "/usr/bin:relative:/bin:/usr/bin")
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.setattr(sys, "executable", "/venv/bin/python")
    variables = [
        "HOME=/home/m0",
        "USER=root",
        "LOGNAME=root",
        "SHELL=/bin/sh",
        "HOSTNAME=m0",
        "PATH=/venv/bin:/usr/bin:/bin",
        "LANG=C.UTF-8",
    ]
    inside = ["-m", "-u", "-i", "-n", "-p", "-r", "-w", "--", "/usr/bin/env", "-i", *variables]
    assert emulated("namespaces").transport("m0") == ["nsenter", "-t", "77", *inside, "WKE_EMULATED=namespaces"]
    assert emulated("user-namespaces").transport("m0") == [
        "nsenter",
        "-t",
        "77",
        "-U",
        "--preserve-credentials",
        *inside,
        "WKE_EMULATED=user-namespaces",
    ]


def test_unknown_machines_are_named() -> None:
    """Asking for a machine that is not there says which ones are."""
    with pytest.raises(InputError, match='no machine is named "m9"\n  hint: known: m0'):
        emulated("namespaces").transport("m9")


def test_plain_processes_cannot_be_killed() -> None:
    """Where a machine is no thing of its own, cutting its power is refused rather than half done."""
    with pytest.raises(MachineError, match="m0 cannot be killed"):
        emulated("processes").kill("m0")


def test_an_unknown_mode_is_refused() -> None:
    """A mode that does not exist is an error, not the default."""
    with pytest.raises(InputError, match='there is no emulation "namespace"\n  hint: did you mean "namespaces"'):
        up(local_cluster(), keep=False, mode="namespace")


@pytest.mark.parametrize(
    ("cluster", "mode", "message"),
    [
        (
            replace(local_cluster(), refusals=(Problem("no such link"), Problem("no such folder"))),
            "namespaces",
            "no such link\nno such folder",
        ),
        (
            local_cluster(links={"default": LinkSpec(rate_bits=1000)}),
            "processes",
            "plain processes have no links that could be slowed down\n  hint: remove [links], or emulate as root",
        ),
    ],
)
def test_what_cannot_be_emulated_is_said_beforehand(cluster: ClusterSpec, mode: str, message: str) -> None:
    """Wishes that no keeper could fulfil are refused with the place in the file."""
    with pytest.raises((InputError, MachineError)) as caught:
        check(cluster, mode)
    assert str(caught.value) == message


@pytest.mark.parametrize("missing", ["python3", "nsenter"])
def test_missing_programs_are_named(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the programs that every machine needs, nothing is started."""
    monkeypatch.setattr(emulationplan, "which", lambda name, path=None: None if name == missing else f"/bin/{name}")
    with pytest.raises(MachineError, match=missing):
        check(local_cluster(), "namespaces")


def test_plans_hold_the_addresses_that_the_mode_can_give(tmp_path: Path) -> None:
    """Emulated machines have the described addresses, plain processes loopback ones, and all names are in /etc/hosts."""
    plan = make_plan(local_cluster(), "namespaces", tmp_path / "k")
    assert [(m.name, m.address, m.folder) for m in plan.machines] == [
        ("m0", "10.181.0.2", f"{tmp_path}/k/machines/0"),
        ("m1", "10.181.0.3", f"{tmp_path}/k/machines/1"),
    ]
    assert plan.hosts == "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n10.181.0.2 m0\n10.181.0.3 m1\n"
    assert [m.address for m in make_plan(local_cluster(300), "processes", tmp_path).machines][254:257] == [
        "127.0.1.255",
        "127.0.2.0",
        "127.0.2.1",
    ]


def test_only_folders_that_would_vanish_are_shown_by_name(tmp_path: Path) -> None:
    """A project or a virtual environment in /tmp is shown; what lies elsewhere, in another shown folder, or in a keeper's is not."""
    project, hidden = tmp_path / "project", tmp_path / "keepers"
    for path in (project / "bin", hidden / "inner"):
        path.mkdir(parents=True)
    wanted = ["/usr/bin", "/tmp", str(project / "bin"), str(project), str(hidden / "inner"), str(tmp_path / "absent")]
    expected = [str(project)] if disk.within(str(tmp_path), disk.OWN) else []
    assert visible(wanted, hidden=str(hidden)) == expected


@given(
    st.builds(
        KeeperPlan,
        mode=st.text(),
        folder=st.text(),
        hidden=st.text(),
        gateway=st.text(),
        machines=st.lists(st.builds(MachinePlan, name=st.text(), address=st.text(), folder=st.text())),
        visible=st.lists(st.text()),
        share=st.lists(st.text()),
        link=st.none() | st.builds(LinkPlan, st.none() | st.integers(), st.floats(0, 9), st.floats(0, 9), st.floats(0, 1)),
    )
)
def test_a_plan_arrives_as_it_was_sent(plan: KeeperPlan) -> None:
    """Decoding an encoded plan gives the same plan, on one line."""
    line = encode(plan)
    assert line.count(b"\n") == 1
    assert encode(decode(line)) == line


def test_real_file_systems_are_told_from_the_kernels() -> None:
    """What people keep files on is shown to machines; virtual ones, containers' disks and what every machine has of its own are not."""
    assert disk.file_systems(MOUNTINFO) == ["/home", "/home/a b", "/homes"]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/etc", "ext4"),
        ("/home", "xfs"),
        ("/home/x", "xfs"),
        ("/home/a b/c", "ext4"),
        ("/homes/x", "nfs4"),
        ("/homeless", "ext4"),
        ("/tmp/x", "tmpfs"),
    ],
)
def test_a_path_lies_on_the_nearest_mount(path: str, kind: str) -> None:
    """The file system of a path is that of the innermost mount point above it, by whole names."""
    assert disk.file_system_of(path, MOUNTINFO) == kind


@pytest.mark.parametrize("payload", [b"", b"a", b"ab", b"abc", b"abcd"])
def test_netlink_attributes_are_padded_to_four_bytes(payload: bytes) -> None:
    """The length says how long the payload is, the padding does not count."""
    encoded = attribute(3, payload)
    assert len(encoded) % 4 == 0
    assert encoded[: 4 + len(payload)] == (4 + len(payload)).to_bytes(2, sys.byteorder) + (3).to_bytes(2, sys.byteorder) + payload


def test_a_keepers_folder_is_claimed_by_one(tmp_path: Path) -> None:
    """Two descriptors cannot hold the lock at once, and closing one frees it."""
    held = folder.claim(str(tmp_path))
    assert held is not None
    assert folder.claim(str(tmp_path)) is None
    os.close(held)
    again = folder.claim(str(tmp_path))
    assert again is not None
    os.close(again)


def test_commands_take_turns_at_making_and_removing_keepers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inside `alone` nobody else holds the lock on all keepers, and rubbish is gone; afterwards it is free."""
    base = tmp_path / "keepers"
    monkeypatch.setenv("WKE_EMULATION_FOLDER", str(base))
    base.mkdir(mode=0o700)
    (base / "own-1").mkdir()
    with alone() as yielded:
        assert yielded == base
        assert folder.claim(str(base)) is None
        assert [p.name for p in base.iterdir()] == ["lock"]
    held = folder.claim(str(base))
    assert held is not None
    os.close(held)


def test_folders_are_removed_whatever_their_modes(tmp_path: Path) -> None:
    """An overlay leaves folders that may not be read; links are removed and not followed; a second time does nothing."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "file").write_text("stays")
    top = tmp_path / "top"
    (top / "work" / "work").mkdir(parents=True)
    (top / "link").symlink_to(other)
    (top / "dangling").symlink_to(tmp_path / "nowhere")
    (top / "work" / "file").write_text("goes")
    (top / "work" / "work").chmod(0)
    (top / "work").chmod(0o500)
    folder.remove(str(top))
    assert not top.exists()
    assert (other / "file").read_text() == "stays"
    folder.remove(str(top))


@pytest.mark.parametrize("trap", ["a file", "a link", "writable by all"])
def test_a_folder_that_others_could_have_laid_out_is_refused(trap: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Machines' disks are not put where somebody else may write."""
    path = tmp_path / "keepers"
    if trap == "a file":
        path.write_text("")
    elif trap == "a link":
        (tmp_path / "elsewhere").mkdir()
        path.symlink_to(tmp_path / "elsewhere")
    else:
        path.mkdir()
        path.chmod(0o777)
    monkeypatch.setenv("WKE_EMULATION_FOLDER", str(path))
    with pytest.raises(MachineError, match="not a folder that only you may write to"):
        keepers_folder()
