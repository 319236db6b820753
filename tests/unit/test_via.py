"""`via`: the argument list for each preset and form, which machines it is for, and what is wrong with it."""

from pathlib import Path

import pytest

import wke.describe.cluster.via as module
from wke.act.connection.transport import QuotedTransport, SshTransport, command_line
from wke.act.providers.ssh import place_at
from wke.describe.cluster.cluster import ClusterSpec, read_cluster
from wke.describe.cluster.presets import PRESETS
from wke.describe.configuration.macros import check_addresses
from wke.errors import InputError
from wke.keep.trials.identity import _machine

HOWTO = Path(__file__).parents[2] / "docs" / "howto" / "machines.md"


def cluster(tmp_path: Path, text: str) -> ClusterSpec:
    path = tmp_path / "cluster.toml"
    path.write_text(text)
    return read_cluster(path)


def one(tmp_path: Path, via: str, machine: str = "db = {}") -> ClusterSpec:
    return cluster(tmp_path, f"[cluster]\nvia = {via}\n[machines]\n{machine}\n")


LISTS = {
    '"docker"': "docker exec -i db",
    '{ preset = "docker", context = "lab", user = "1000:1000", container = "bench-{name}-{index}" }': (
        "docker --context=lab exec -i --user=1000:1000 bench-db-0"
    ),
    '"podman"': "podman exec -i db",
    '{ preset = "podman", connection = "lab", user = "root", container = "c" }': "podman --connection=lab exec -i --user=root c",
    '"kubectl"': "kubectl exec -i db --",
    '{ preset = "kubectl", context = "c", namespace = "bench", pod = "{name}-0", container = "server" }': (
        "kubectl --context=c --namespace=bench exec -i db-0 --container=server --"
    ),
    '"lxc"': "lxc exec --mode=non-interactive db --",
    '{ preset = "lxc", project = "p", user = 1000, container = "lab:{name}" }': (
        "lxc --project=p exec --mode=non-interactive --user=1000 lab:db --"
    ),
    '{ preset = "nsenter", target = "4711" }': "nsenter --target=4711 --mount --uts --ipc --net --pid --",
    '{ preset = "nsenter", net = "/run/netns/{name}" }': "nsenter --net=/run/netns/db --",
    '{ preset = "nsenter", mount = "/run/mnt/{name}", net = "/run/netns/{name}" }': "nsenter --mount=/run/mnt/db --net=/run/netns/db --",
    '"sudo"': "sudo -n -H --",
    '{ preset = "sudo", user = "{username}" }': "sudo -n -H --user=alice --",
    '["enter", "--to={name}", "{internal-addr}", "{{}}", "$HOME; true"]': "enter --to=db 10.0.0.1 {} $HOME; true",
    '{ command = ["enter", ""] }': "enter ",
}


@pytest.mark.parametrize("via", LISTS)
def test_each_form_gives_this_argument_list(tmp_path: Path, via: str) -> None:
    """Presets with and without their settings, and lists, in which nothing but placeholders means anything."""
    machine = 'db = { internal-addr = "10.0.0.1", username = "alice" }' if "{username}" in via else 'db = { internal-addr = "10.0.0.1" }'
    place = place_at(one(tmp_path, via, machine))
    assert " ".join(place.transports["db"]) == LISTS[via]
    assert command_line(place.transports["db"], ["/bin/sh", "-c", "x y"])[-3:] == ["/bin/sh", "-c", "x y"]


def test_every_preset_and_setting_is_tested_and_explained() -> None:
    """The table of the page has each preset with all its settings, and so have the lists above."""
    page = HOWTO.read_text()
    for name, preset in PRESETS.items():
        settings = module.settings_of_preset(preset)
        (row,) = [line for line in page.splitlines() if line.startswith(f"| `{name}` |")]
        assert [setting for setting in settings if f"`{setting}`" not in row] == []
        assert {setting for setting in settings for via in LISTS if f'"{name}"' in via and f"{setting} =" in via} == set(settings)


@pytest.mark.parametrize(
    ("via", "shell"),
    [
        ('"docker"', "docker exec -it db"),
        ('"podman"', "podman exec -it db"),
        ('"kubectl"', "kubectl exec -it db --"),
        ('"lxc"', "lxc exec --mode=interactive db --"),
        ('"sudo"', "sudo -n -H --"),
        ('["enter"]', "enter"),
    ],
)
def test_a_person_gets_a_terminal(tmp_path: Path, via: str, shell: str) -> None:
    """`wke connect` asks for a terminal where the program has to be asked."""
    words = place_at(one(tmp_path, via)).shells["db"]
    assert " ".join(words[:-3]) == shell
    assert words[-3:-1] == ["/bin/sh", "-c"]


def test_a_program_for_a_shell_is_one_word(tmp_path: Path) -> None:
    """A far end that is a shell gets the program quoted, as ssh in front of `docker exec` needs it."""
    via = '{ command = ["ssh", "host", "docker", "exec", "-i", "{name}"], quoted = true }'
    transport = place_at(one(tmp_path, via)).transports["db"]
    assert isinstance(transport, QuotedTransport)
    assert command_line(transport, ["/bin/sh", "-c", "a 'b'"]) == [
        *["ssh", "host", "docker", "exec", "-i", "db"],
        """/bin/sh -c 'a '"'"'b'"'"''""",
    ]


def test_the_last_selector_counts_and_others_stay_with_ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[via] is for some machines, whatever [cluster] says of all."""
    monkeypatch.setattr("wke.act.connection.transport._asked", lambda _: ("", ""))  # as if ssh said nothing of itself
    text = '[cluster]\nkey-exchange = "default"\n[machines]\na = {}\nb = "b.example.org"\n"c[1-2]" = {}\n[classes]\npods = ["c[1-2]"]\n[via]\na = "docker"\npods = "kubectl"\nc2 = "podman"\n'
    transports = place_at(cluster(tmp_path, text)).transports
    assert {name: transport[0] for name, transport in transports.items()} == {"a": "docker", "b": "ssh", "c1": "kubectl", "c2": "podman"}
    assert isinstance(transports["b"], SshTransport)
    every = cluster(tmp_path, '[cluster]\nvia = "docker"\n[machines]\na = {}\nb = {}\n[via]\nb = ["enter"]\n')
    assert (every.provider, [machine.via.words[0] for machine in every.machines if machine.via]) == ("ssh", ["docker", "enter"])


def test_a_program_beside_the_file_is_found_from_anywhere(tmp_path: Path) -> None:
    """A relative path starts at the cluster file's folder; a bare name is looked up in $PATH."""
    assert place_at(one(tmp_path, '["./enter"]')).transports["db"] == (f"{tmp_path.resolve()}/enter",)


WRONG = {
    '"dokcer"': 'cluster.toml:2:1: cluster.via: there is no preset "dokcer"\n  hint: did you mean "docker"?',
    "[]": "cluster.toml:2:1: cluster.via.command: must begin with a program",
    '["", "x"]': "cluster.toml:2:1: cluster.via.command: must begin with a program",
    '["enter", "{nam}"]': 'cluster.toml:2:17: cluster.via[1]: {nam} is no fact of a machine\n  hint: did you mean "name"?',
    '["enter", "a{"]': 'cluster.toml:2:17: cluster.via[1]: "a{" has a brace without its other one',
    '["enter", "\\u0000"]': "cluster.toml:2:17: cluster.via[1]: must not contain a NUL character",
    '["enter", "{external-addr}"]': "cluster.toml:2:1: cluster.via: {external-addr} stands for nothing: machine db has no external-addr",
    '["enter", "{username}"]': "cluster.toml:2:1: cluster.via: {username} stands for nothing: machine db has no username",
    '{ preset = "docker", contxt = "a" }': (
        'cluster.toml:2:28: cluster.via.contxt: preset "docker" has no setting "contxt"\n  hint: did you mean "context"?'
    ),
    '{ preset = "docker", user = true }': "cluster.toml:2:28: cluster.via.user: must be a text, not true",
    '{ preset = "docker", container = "{nmae}" }': "cluster.toml:2:1: cluster.via: {nmae} is no fact of a machine",
    '{ preset = "nsenter" }': 'cluster.toml:2:1: cluster.via: preset "nsenter" needs target, mount or net',
    '{ preset = "docker", command = ["x"] }': "cluster.toml:2:1: cluster.via: needs a preset or a command, and not both",
    '{ command = ["x"], user = "a" }': "cluster.toml:2:26: cluster.via.user: is a setting of no preset",
    "{ quoted = true }": "cluster.toml:2:1: cluster.via: needs a preset or a command",
    "5": "cluster.toml:2:1: cluster.via: must be a list of words or a preset, not the number 5",
}


@pytest.mark.parametrize("via", WRONG)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, via: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each mistake is found when the file is read, with its place and what to do."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        one(Path(), via)
    assert str(caught.value).startswith(WRONG[via])


def test_keys_without_effect_and_emulated_machines_are_refused(tmp_path: Path) -> None:
    """A port or a login that nothing uses would mislead; emulated machines need no way in."""
    with pytest.raises(InputError) as caught:
        one(tmp_path, '"docker"', 'db = { ssh-port = 22, username = "alice" }')
    assert [problem.what for problem in caught.value.problems] == [
        "is for ssh, and this machine is reached via something else",
        "has no effect: via does not use it",
    ]
    with pytest.raises(InputError, match="are entered by wke itself"):
        cluster(tmp_path, '[cluster]\nprovider = "local"\nvia = "docker"\nmachines = 2\n')


def test_what_such_machines_lack_is_told(tmp_path: Path) -> None:
    """Addresses that wke does not know, and what a preset or a list does not promise."""
    text = '[cluster]\nvia = "kubectl"\n[machines]\na = { internal-addr = "10.0.0.1" }\n"b[1-5]" = {}\n[via]\nb5 = ["enter"]\n'
    assert cluster(tmp_path, text).notes == (
        "a, b1, b2 and 2 more (via kubectl): a pod that was replaced is another machine: its disk and its processes are gone",
        "b1, b2, b3, b4 (via kubectl): wke knows no address; give internal-addr where a script needs one",
        f"b5 (via enter): {module.LASTS}",
        "b5 (via enter): wke knows no address; give internal-addr where a script needs one",
    )


def test_an_address_that_is_not_known_is_refused(tmp_path: Path) -> None:
    """A script that asks for @INTERNAL of a container without one does not start with an empty argument."""
    machines = one(tmp_path, '"docker"', 'db = {}\nother = "10.0.0.2"').machines
    check_addresses(["@INTERNAL"], machines[1:])
    check_addresses(["x"], machines)
    with pytest.raises(InputError, match="@INTERNAL is not known of machine db"):
        check_addresses(["x", "@INTERNAL"], machines)


def test_locks_are_the_machines_own(tmp_path: Path) -> None:
    """Containers have the lock that any cluster would take there; machines that share this computer's disk have one for each way."""
    containers = place_at(one(tmp_path, '"docker"', "a = {}\nb = {}")).locks
    assert set(containers.values()) == {"host"}
    spaces = place_at(one(tmp_path, '{ preset = "nsenter", net = "/run/netns/{name}" }', "a = {}\nb = {}")).locks
    assert len(set(spaces.values())) == 2
    assert all(lock.startswith("via-") for lock in spaces.values())


def test_the_way_is_part_of_a_trials_identity(tmp_path: Path) -> None:
    """Another container is another machine; without `via` nothing is added."""
    small, large = (one(tmp_path, f'{{ preset = "docker", container = "{size}" }}') for size in ("small", "large"))
    assert _machine(small.machines[0], small) != _machine(large.machines[0], large)
    plain = cluster(tmp_path, '[machines]\na = "h"\n')
    assert "via" not in _machine(plain.machines[0], plain)
