"""Selectors: which machines a text names, and what is said about a text that names none."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wke.describe.cluster.selector import select
from wke.errors import InputError


@dataclass(frozen=True)
class Named:
    """A machine, as far as selectors care."""

    name: str


@dataclass(frozen=True)
class Group:
    """A cluster, as far as selectors care."""

    machines: tuple[Named, ...]
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


NODES = Group(
    tuple(Named(f"node{i}") for i in range(1, 9)),
    {"servers": ("node1", "node2", "node3"), "clients": ("node4", "node5"), "odd": ("node1", "node3", "node5", "node7")},
)
EXISTS = "machines: node1, node2, node3, node4, node5, node6, node7, node8; classes: servers, clients, odd"
FORMS = "positions look like [3], [0,2,5], [1:3] (end excluded) or [1..3] (end included)"
EIGHT = "the cluster has 8 machines, at positions 0 to 7"
THREE = "class servers has 3 machines, at positions 0 to 2"


def numbers(text: str, cluster: Group = NODES) -> str:
    """Return the numbers of the machines that a selector names, as digits."""
    return "".join(machine.name.removeprefix("node") for machine in select(cluster, text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("all", "12345678"),
        (" all ", "12345678"),
        ("servers", "123"),
        ("node3", "3"),
        ("node[1-3,7]", "1237"),
        ("[0]", "1"),
        ("[0,2,5]", "136"),
        ("[5,0]", "16"),
        ("[1:3]", "23"),
        ("[1..3]", "234"),
        ("[6:]", "78"),
        ("[:2]", "12"),
        ("[0,2:4]", "134"),
        ("all[7]", "8"),
        ("servers[0:2]", "12"),
        ("odd[1:]", "357"),
        ("0:3", "123"),
        ("0..3", "1234"),
        ("3", "4"),
        ("servers,clients", "12345"),
        ("clients, node1", "145"),
        ("all!servers", "45678"),
        ("!servers", "45678"),
        ("all,!servers", "45678"),
        ("servers&odd", "13"),
        ("all!servers&odd", "57"),
        ("odd,clients!node5", "1347"),
        ("servers,node[7-8],[3]", "123478"),
        ("servers,servers,node1", "123"),
    ],
)
def test_a_selector_names_machines(text: str, expected: str) -> None:
    """Every form of the grammar, alone and joined, in the cluster's order, each machine once."""
    assert numbers(text) == expected


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ("", "is empty", EXISTS),
        ("  ", "is empty", EXISTS),
        ("servers!servers", "selects no machine", EXISTS),
        ("servers&clients", "selects no machine", EXISTS),
        ("[9]", "goes past the end with [9]", EIGHT),
        ("[4:9]", "goes past the end with [4:9]", EIGHT),
        ("[4..8]", "goes past the end with [4..8]", EIGHT),
        ("[8:]", "goes past the end with [8:]", EIGHT),
        ("servers[3]", "goes past the end with [3]", THREE),
        ("[3:1]", "has the range [3:1], which ends before it begins", f"write [1:3]; {EIGHT}"),
        ("[3..1]", "has the range [3..1], which ends before it begins", f"write [1..3]; {EIGHT}"),
        ("[2:2]", "has the range [2:2], which is empty: its end is excluded", f"write [2]; {EIGHT}"),
        ("[:0]", "has the range [:0], which is empty: its end is excluded", f"write [0]; {EIGHT}"),
        ("servers[0-2]", 'has "0-2" where a position should be', f"write [0..2]; {THREE}"),
        ("[a]", 'has "a" where a position should be', f"{FORMS}; {EIGHT}"),
        ("[-1]", 'has "-1" where a position should be', f"{FORMS}; {EIGHT}"),
        ("[]", 'has "" where a position should be', f"{FORMS}; {EIGHT}"),
        ("sever", 'names "sever", which is neither a machine nor a class', f'did you mean "servers"? {EXISTS}'),
        ("zebra", 'names "zebra", which is neither a machine nor a class', EXISTS),
        ("node[7-10]", 'names "node9", which is neither a machine nor a class (nor 1 more of these)', f'did you mean "node8"? {EXISTS}'),
        ("node[3-1]", "cannot be unfolded: the range 3-1 ends before it begins", f"a folded name looks like node[1-3,7]; {EXISTS}"),
        (
            "node[1:3]",
            'has no class "node" for node[1:3]',
            f'folded names look like node[1-3,7]; did you mean "node8"? {EXISTS}',
        ),
        ("servers,", 'lacks a name beside ","', EXISTS),
        ("&odd", 'lacks a name beside "&"', EXISTS),
        ("odd!!servers", 'lacks a name beside "!"', EXISTS),
        ("[", 'names "[", which is neither a machine nor a class', EXISTS),
    ],
)
def test_a_wrong_selector_is_told_with_its_text_and_what_exists(text: str, what: str, hint: str) -> None:
    """Empty, reversed, past the end, unknown: each says which selector it is and what could have been meant."""
    with pytest.raises(InputError) as caught:
        select(NODES, text)
    (problem,) = caught.value.problems
    assert (problem.what, problem.hint) == (f'selector "{text}" {what}', hint)


def test_exact_names_come_before_the_grammar() -> None:
    """An address may look like a range, a class may be called like the beginning of machines."""
    cluster = Group((Named("10:2"), Named("fe80::1"), Named("3"), Named("node1")), {"node": ("3", "node1")})
    assert [m.name for m in select(cluster, "10:2,fe80::1")] == ["10:2", "fe80::1"]
    assert [m.name for m in select(cluster, "3")] == ["3"]
    assert [m.name for m in select(cluster, "node[1]")] == ["node1"]
    assert [m.name for m in select(cluster, "node[0]")] == ["3"]


def test_a_folded_name_may_end_in_more_text_and_keep_zeros() -> None:
    """Brackets may stand anywhere in a name, more than once; leading zeros count."""
    cluster = Group(tuple(Named(f"r{r}n{n:02}.org") for r in (1, 2) for n in (8, 9, 10)))
    assert [m.name for m in select(cluster, "r[1-2]n[09-10].org")] == ["r1n09.org", "r1n10.org", "r2n09.org", "r2n10.org"]


def test_a_long_list_of_machines_is_cut_short_in_a_hint() -> None:
    """A cluster of hundreds does not drown the message."""
    with pytest.raises(InputError, match=r"machines: a0, a1, a2, a3, a4, a5, a6, a7 and 292 more$"):
        select(Group(tuple(Named(f"a{i}") for i in range(300))), "zebra")


@st.composite
def clusters(draw: st.DrawFn) -> Group:
    """Return a cluster of up to nine machines in up to three classes that may overlap."""
    names = [f"node{i}" for i in range(1, draw(st.integers(2, 10)))]
    members = st.sets(st.sampled_from(names), min_size=1).map(lambda chosen: tuple(name for name in names if name in chosen))
    classes = draw(st.dictionaries(st.sampled_from(["servers", "clients", "others"]), members))
    return Group(tuple(Named(name) for name in names), classes)


@st.composite
def selections(draw: st.DrawFn) -> tuple[Group, list[str], list[str]]:
    """Return a cluster with atoms that are right for it and operators between them."""
    cluster = draw(clusters())
    count = len(cluster.machines)
    ranges = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)).map(sorted)
    atom = st.one_of(
        st.sampled_from(["all", *cluster.classes, *(machine.name for machine in cluster.machines)]),
        st.integers(0, count - 1).map("[{}]".format),
        ranges.map(lambda ends: f"[{ends[0]}..{ends[1]}]"),
        ranges.map(lambda ends: f"[{ends[0]}:{ends[1] + 1}]"),
        ranges.map(lambda ends: f"node[{ends[0] + 1}-{ends[1] + 1}]"),
    )
    atoms = draw(st.lists(atom, min_size=1, max_size=5))
    operators = draw(st.lists(st.sampled_from(",!&"), min_size=len(atoms) - 1, max_size=len(atoms) - 1))
    return cluster, atoms, operators


def attempt(cluster: Group, text: str) -> tuple[Named, ...] | InputError:
    """Return what a selector names, or why it names nothing."""
    try:
        return select(cluster, text)
    except InputError as error:
        return error


@given(selections())
def test_a_selection_is_the_sets_it_is_made_of(selection: tuple[Group, list[str], list[str]]) -> None:
    """Machines come in the cluster's order, each once, all from `all`; operators are those of sets, from left to right."""
    cluster, atoms, operators = selection
    text = atoms[0] + "".join(operator + atom for operator, atom in zip(operators, atoms[1:], strict=True))
    expected = set(select(cluster, atoms[0]))
    for operator, atom in zip(operators, atoms[1:], strict=True):
        other = set(select(cluster, atom))
        expected = {",": expected | other, "!": expected - other, "&": expected & other}[operator]
    chosen = attempt(cluster, text)
    if isinstance(chosen, InputError):
        assert not expected
    else:
        assert set(chosen) == expected
        assert set(chosen) <= set(select(cluster, "all"))
        assert list(chosen) == [machine for machine in cluster.machines if machine in expected]


@given(clusters(), st.text("all servers node[]0123:.-,!&", max_size=12))
def test_any_text_selects_machines_or_is_refused(cluster: Group, text: str) -> None:
    """No text leads to another error, an empty selection or a machine twice."""
    chosen = attempt(cluster, text)
    if isinstance(chosen, InputError):
        assert all(problem.hint and f'selector "{text}"' in problem.what for problem in chosen.problems)
    else:
        assert chosen
        assert len(set(chosen)) == len(chosen)
