"""Templates: parameters with their types, facts of the cluster, and what is refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wke.describe.cluster.cluster import ClusterSpec, MachineSpec
from wke.describe.experiment.sweep import Value
from wke.describe.experiment.template import check_template, fill, parameters_of
from wke.errors import InputError

CLUSTER = ClusterSpec(
    path=None,
    provider="ssh",
    machines=(
        MachineSpec("a", 0, "a.example.org", "10.0.0.1", ("servers",)),
        MachineSpec("b.c", 1, "b.example.org", "10.0.0.2", ("servers",)),
        MachineSpec("d", 2, None, "10.0.0.3"),
    ),
    classes={"servers": ("a", "b.c")},
)
POINT: dict[str, Value] = {"memory": 64, "rate": 0.5, "flag": True, "mode": "fast", "num-clients": 3}

FILLED: dict[str, Value] = {
    "": "",
    "plain": "plain",
    "{memory}": 64,
    "{ memory }": 64,
    "{rate}": 0.5,
    "{flag}": True,
    "{mode}": "fast",
    "{memory}M": "64M",
    "{rate}/{flag}/{mode}": "0.5/True/fast",
    "{num-clients}": 3,
    "{{memory}}": "{memory}",
    '{{"a": {memory}}}': '{"a": 64}',
    "{{}}": "{}",
    "{all.count}": 3,
    "n={servers.count}": "n=2",
    "{servers.name}": "a,b.c",
    "{servers.internal-addr}": "10.0.0.1,10.0.0.2",
    "{servers.internal_addr}": "10.0.0.1,10.0.0.2",
    "{servers.external-addr}": "a.example.org,b.example.org",
    "{servers[1].name}": "b.c",
    "{b.c.internal-addr}": "10.0.0.2",
    "{all!servers.internal-addr}": "10.0.0.3",
    "{num-clients + 1}": 4,
    "{num-clients - 1}": 2,
    "{memory / 128}": 0.5,
    "{servers.count * num-clients + 1}": 7,
    "{2 * all.count}": 6,
    "id{(memory + 2) / 3}": "id22",
    "http://{servers[0].internal-addr}:{memory}": "http://10.0.0.1:64",
}


@pytest.mark.parametrize(("text", "value"), FILLED.items(), ids=FILLED)
def test_a_template_is_filled(text: str, value: Value) -> None:
    """Each template gives this value, of this type."""
    filled = fill(text, POINT, CLUSTER)
    assert (filled, type(filled)) == (value, type(value))


REFUSED = {
    "{memory +}": "{memory +} ends where a value is missing\n  hint: a calculation is {replicas + 1}",
    "{mode + 1}": '{mode + 1}: mode is the text "fast", not a number\n  hint: calculate with parameters that are numbers, and with counts',
    "{memory * 1s}": "{memory * 1s} has the unit s\n  hint: leave units out: scripts get plain numbers",
    "{memory / 0}": "{memory / 0}: divides by 0\n  hint: calculate with parameters that are numbers, and with counts",
    "{": "has a single {\n  hint: a parameter is {name}; a literal brace is doubled: {{ or }}",
    "a}b": "has a single }\n  hint: a parameter is {name}; a literal brace is doubled: {{ or }}",
    "{a{b}}": "has a single {\n  hint: a parameter is {name}; a literal brace is doubled: {{ or }}",
    "{}": "has empty braces {}\n  hint: a parameter is {name}; a literal brace is doubled: {{ or }}",
    "{.name}": "{.name} does not say which machines\n  hint: write {all.name} or name a class",
    "{servers.internal-adr}": (
        '{servers.internal-adr} asks for "internal-adr", which machines do not have\n  hint: did you mean "internal-addr"?'
    ),
    "{engine}": (
        'parameter "engine" is not set at every point\n'
        "  hint: set engine in every table that sub-parameters chooses from, or give it a default before them"
    ),
    "{d.external-addr}": "machine d has no external-addr\n  hint: emulated machines have internal-addr only",
    "{server.name}": (
        'selector "server" names "server", which is neither a machine nor a class\n'
        '  hint: did you mean "servers"? machines: a, b.c, d; classes: servers'
    ),
}


@pytest.mark.parametrize(("text", "expected"), REFUSED.items(), ids=REFUSED)
def test_a_wrong_template_is_refused(text: str, expected: str) -> None:
    """Each of these says what is wrong and what would mend it."""
    with pytest.raises(InputError) as error:
        fill(text, POINT, CLUSTER)
    assert str(error.value) == expected


UNKNOWN = {
    "{memroy}": 'there is no parameter "memroy"\n  hint: did you mean "memory"?',
    "{count}": 'there is no parameter "count"\n  hint: a fact of the cluster names machines too: {all.count}',
    "{zzz}": 'there is no parameter "zzz"\n  hint: known: memory, rate, flag, mode, num-clients',
}


@pytest.mark.parametrize(("text", "expected"), UNKNOWN.items(), ids=UNKNOWN)
def test_an_unknown_parameter_is_named_with_its_neighbour(text: str, expected: str) -> None:
    """A template is checked against the parameters of the file before there is any point."""
    with pytest.raises(InputError) as error:
        check_template(text, POINT)
    assert str(error.value) == expected


def test_where_no_parameter_exists_the_hint_says_how_to_write_a_brace() -> None:
    """JSON in an option is the likely cause."""
    with pytest.raises(InputError, match=r"a literal brace is doubled: \{\{x\}\}"):
        check_template("{x}", ())


def test_the_parameters_of_a_template() -> None:
    """Facts and literal braces are no parameters."""
    assert parameters_of("{a}-{{b}}-{servers.name}-{c}") == ("a", "c")


@settings(deadline=None)
@given(st.text(alphabet="{}ab.[]", max_size=12))
def test_doubled_braces_are_the_text_itself(text: str) -> None:
    """Any text comes through a template unchanged once its braces are doubled."""
    assert fill(text.replace("{", "{{").replace("}", "}}"), {}, CLUSTER) == text
