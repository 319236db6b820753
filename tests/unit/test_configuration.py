"""config.toml: targets, preludes, inheritance, and the values of options. What is wrong with a file: tests/golden."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wke.describe.configuration.configuration import ConfigurationSpec, OptionSpec, Prelude, TargetSpec, bind_options, read_configuration
from wke.describe.configuration.environment import variables_read
from wke.errors import InputError


def project(base: Path, files: dict[str, str | bytes]) -> None:
    """Write files below `base`."""
    for name, content in files.items():
        path = base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def configuration(base: Path, text: str, **scripts: str | bytes) -> ConfigurationSpec:
    """Read a configuration with this config.toml and these targets."""
    project(base, {"kv/config.toml": text, **{f"kv/targets/{name}": content for name, content in scripts.items()}})
    return read_configuration("kv", base)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("[]", ()),
        ('["a"]', (OptionSpec("a", required=True),)),
        ('[["a"]]', (OptionSpec("a", required=True),)),
        ('[["a", 1], ["b", "x"]]', (OptionSpec("a", 1, value_type="int"), OptionSpec("b", "x", value_type="str"))),
        ('[["a", true], ["b", 0.5]]', (OptionSpec("a", True, value_type="bool"), OptionSpec("b", 0.5, value_type="float"))),
        ('{ options = ["a", ["b", 2]] }', (OptionSpec("a", required=True), OptionSpec("b", 2, value_type="int"))),
        ('{ arguments = ["a"] }', (OptionSpec("a", required=True),)),
        ('{ options = [{ name = "a", about = "first" }] }', (OptionSpec("a", required=True, about="first"),)),
        ('[{ name = "a", type = "integer" }]', (OptionSpec("a", required=True, value_type="int"),)),
        ('[{ name = "a", type = "boolean", default = false }]', (OptionSpec("a", False, value_type="bool"),)),
        (
            '[{ name = "a", type = "string", choices = ["x", "y"] }]',
            (OptionSpec("a", required=True, choices=("x", "y"), value_type="str"),),
        ),
        ('[{ name = "a", choices = [1, 2], default = 2 }]', (OptionSpec("a", 2, choices=(1, 2), value_type="int"),)),
        ('[{ name = "a", choices = [1, 2] }]', (OptionSpec("a", required=True, choices=(1, 2), value_type="int"),)),
        ('[{ name = "a", choices = [1, "x"] }]', (OptionSpec("a", required=True, choices=(1, "x")),)),
        (
            '[{ name = "a", type = "float", default = 1, choices = [1, 2.5] }]',
            (OptionSpec("a", 1.0, choices=(1.0, 2.5), value_type="float"),),
        ),
        ('[{ name = "a", type = "any", default = 1 }]', (OptionSpec("a", 1),)),
        ('[{ name = "a", required = false }]', (OptionSpec("a"),)),
        ('[{ name = "a", required = true, default = 1 }]', (OptionSpec("a", 1, required=True, value_type="int"),)),
        ('[["index", "@GROUP_INDEX"]]', (OptionSpec("index", "@GROUP_INDEX", value_type="str"),)),
        ('[{ name = "a", type = "int", default = "@GROUP_SIZE" }]', (OptionSpec("a", "@GROUP_SIZE", value_type="int"),)),
    ],
)
def test_options_are_read_in_every_form(tmp_path: Path, options: str, expected: tuple[OptionSpec, ...]) -> None:
    """Short and long forms; a default makes an option optional and binds its type, choices bind it where there is none."""
    found = configuration(tmp_path, f"[targets]\nstart = {options}", start="true").targets["start"].options
    assert [(o, type(o.default)) for o in found] == [(o, type(o.default)) for o in expected]


def test_a_script_is_found_under_its_name_or_as_a_python_file(tmp_path: Path) -> None:
    """The plain name first, then lower case with underscores; content is bytes, whatever they are."""
    found = configuration(
        tmp_path,
        "[targets]\nstart = []\nRun-It = []\nboth-of-us = []",
        **{"start": b"#!/bin/sh\n\xff%\0'\"", "run_it.py": "print()", "both-of-us": "first", "both_of_us.py": "second"},
    )
    folder = tmp_path / "kv/targets"
    assert {name: (t.content, t.path) for name, t in found.targets.items() if not t.builtin} == {
        "start": (b"#!/bin/sh\n\xff%\0'\"", folder / "start"),
        "Run-It": (b"print()", folder / "run_it.py"),
        "both-of-us": (b"first", folder / "both-of-us"),
    }
    assert found.warnings == ()


def test_a_missing_script_is_a_warning(tmp_path: Path) -> None:
    """The configuration can be shown; the target has no content and the prelude is left out."""
    found = configuration(tmp_path, '[targets]\nstart-it = []\n[preludes]\nenv = "sets PATH"')
    assert found.targets["start-it"].content is None
    assert found.preludes == {}
    folder = tmp_path / "kv"
    assert [str(warning) for warning in found.warnings] == [
        f"{folder}/config.toml:2:1: targets.start-it: has no script\n  hint: write {folder}/targets/start-it or targets/start_it.py",
        f"{folder}/config.toml:4:1: preludes.env: has no script\n  hint: write {folder}/preludes/env",
    ]


def test_descriptions_and_names(tmp_path: Path) -> None:
    """What has no description says so; a folder may be named with the slash that a shell adds."""
    project(tmp_path, {"kv/preludes/a": "x", "kv/preludes/b": "y"})
    configuration(tmp_path, '[targets]\nx = { about = "does it" }\ny = []\n[preludes]\na = "one"\nb = { about = "two" }', x="", y="")
    found = read_configuration("kv/", tmp_path)
    assert (found.name, found.path, found.parents) == ("kv", tmp_path / "kv/config.toml", ())
    assert [(t.name, t.about) for t in found.targets.values()] == [
        ("x", "does it"),
        ("y", "No description"),
        ("install-packages", "Install the required debian packages"),
    ]
    assert found.preludes == {"a": Prelude("a", "one", b"x"), "b": Prelude("b", "two", b"y")}


def test_install_packages_is_built_in_and_can_be_replaced(tmp_path: Path) -> None:
    """Every configuration has it without a word; a configuration's own comes first."""
    found = configuration(tmp_path, '[ubuntu]\nrequired-packages = ["a", "b"]\nrequired-repositories = ["ppa:x"]')
    target = found.targets["install-packages"]
    assert target.builtin
    assert (target.content or b"").startswith(b"#!/bin/sh\n")
    assert (found.required_packages, found.required_repositories) == (("a", "b"), ("ppa:x",))
    own = configuration(tmp_path, "[targets]\ninstall-packages = []", **{"install-packages": "own"}).targets["install-packages"]
    assert (own.builtin, own.content) == (False, b"own")


PARENT = """
[config]
default-prelude = "env"
[ubuntu]
required-packages = ["p"]
required-repositories = ["ppa:p"]
[preludes]
env = "parent's"
other = "parent's other"
[targets]
start = { about = "starts", options = [["port", 1]] }
stop = ["why"]
both = []
"""
PARENT_SCRIPTS = {
    f"parent/{path}": f"parent's {path}" for path in ("targets/start", "targets/stop", "targets/both", "preludes/env", "preludes/other")
}


def test_a_child_sees_what_its_parent_has(tmp_path: Path) -> None:
    """A configuration that only inherits is its parent under another name."""
    project(tmp_path, {"parent/config.toml": PARENT, **PARENT_SCRIPTS, "child/config.toml": '[config]\ninherits = "parent"'})
    parent, child = read_configuration("parent", tmp_path), read_configuration("child", tmp_path)
    assert (child.name, child.parents) == ("child", ("parent",))
    for field in ("targets", "preludes", "default_prelude", "required_packages", "required_repositories", "warnings"):
        assert getattr(child, field) == getattr(parent, field)


def test_a_child_replaces_key_by_key(tmp_path: Path) -> None:
    """A child's about, options and script replace the parent's one by one, under the same name; the order is the parent's, then the child's."""
    child = """
    [config]
    inherits = "parent"
    default-prelude = "other"
    [ubuntu]
    required-packages = []
    [preludes]
    env = { about = "child's" }
    [targets]
    new = []
    stop = { about = "stops" }
    start = []
    both = { options = ["a"] }
    """
    project(tmp_path, {"parent/config.toml": PARENT, **PARENT_SCRIPTS, "child/config.toml": child})
    project(tmp_path, {"child/targets/start": "child's start", "child/targets/new": "new"})
    found = read_configuration("child", tmp_path)
    folder = tmp_path / "parent/targets"
    assert list(found.targets.values())[:-1] == [
        TargetSpec("start", "starts", (), b"child's start", tmp_path / "child/targets/start"),
        TargetSpec("stop", "stops", (OptionSpec("why", required=True),), b"parent's targets/stop", folder / "stop"),
        TargetSpec("both", "No description", (OptionSpec("a", required=True),), b"parent's targets/both", folder / "both"),
        TargetSpec("new", "No description", (), b"new", tmp_path / "child/targets/new"),
    ]
    assert found.preludes["env"] == Prelude("env", "child's", b"parent's preludes/env")
    assert (found.default_prelude, found.required_packages, found.required_repositories) == ("other", (), ("ppa:p",))
    assert found.warnings == ()


def test_grandparents_are_inherited_and_warnings_judged_anew(tmp_path: Path) -> None:
    """A chain is followed to its end; a script that a child brings mends its parent's warning."""
    files = {
        "a/config.toml": "[targets]\nx = []\ny = []",
        "b/config.toml": '[config]\ninherits = "a"',
        "c/config.toml": '[config]\ninherits = "b"\n[targets]\nx = []',
        "c/targets/x": "mended",
    }
    project(tmp_path, files)
    found = read_configuration("c", tmp_path)
    assert found.parents == ("b", "a")
    assert found.targets["x"].content == b"mended"
    assert [str(w.where) for w in found.warnings] == [f"{tmp_path}/a/config.toml:3:1: targets.y"]


# Values of options


@pytest.mark.parametrize(
    ("option", "value", "text"),
    [
        (OptionSpec("o", value_type="bool"), True, "True"),
        (OptionSpec("o", value_type="bool"), "yes", "True"),
        (OptionSpec("o", value_type="bool"), "TRUE", "True"),
        (OptionSpec("o", value_type="bool"), "1", "True"),
        (OptionSpec("o", value_type="bool"), "0", "False"),
        (OptionSpec("o", value_type="bool"), "no", "False"),
        (OptionSpec("o", value_type="bool"), "false", "False"),
        (OptionSpec("o", value_type="int"), 3, "3"),
        (OptionSpec("o", value_type="int"), "007", "7"),
        (OptionSpec("o", value_type="int"), "-3", "-3"),
        (OptionSpec("o", value_type="int"), 3.0, "3"),
        (OptionSpec("o", value_type="float"), 1, "1.0"),
        (OptionSpec("o", value_type="float"), "1", "1.0"),
        (OptionSpec("o", value_type="float"), "1e-7", "1e-07"),
        (OptionSpec("o", value_type="float"), 0.1, "0.1"),
        (OptionSpec("o", value_type="str"), "5", "5"),
        (OptionSpec("o", value_type="str"), "", ""),
        (OptionSpec("o"), "a b;*'\"\\$\n", "a b;*'\"\\$\n"),
        (OptionSpec("o"), 5, "5"),
        (OptionSpec("o"), False, "False"),
        (OptionSpec("o", value_type="int"), "@GROUP_INDEX", "@GROUP_INDEX"),
        (OptionSpec("o", choices=("a", "b")), "@NAME", "@NAME"),
        (OptionSpec("o", choices=(1, "x")), "1", "1"),
        (OptionSpec("o", choices=(0.5, 1.0), value_type="float"), "1", "1.0"),
        (OptionSpec("o", value_type="str"), "joe@HOME.org", "joe@HOME.org"),
    ],
)
def test_a_value_is_converted_and_written(option: OptionSpec, value: object, text: str) -> None:
    """Command-line text is read as the option's type; a script gets Python's `str` of it, macros as they are."""
    assert bind_options(TargetSpec("t", "", (option,)), {"o": value}) == (("o", text),)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        (OptionSpec("o", value_type="bool"), "maybe", 'must be true or false, not the text "maybe"'),
        (OptionSpec("o", value_type="bool"), 1, "must be true or false, not the number 1"),
        (OptionSpec("o", value_type="int"), "3.5", 'must be a whole number, not the text "3.5"'),
        (OptionSpec("o", value_type="int"), 3.5, "must be a whole number, not the number 3.5"),
        (OptionSpec("o", value_type="int"), True, "must be a whole number, not true"),
        (OptionSpec("o", value_type="int"), "", "must be a whole number, not an empty text"),
        (OptionSpec("o", value_type="float"), "nan", 'must be a number, not the text "nan"'),
        (OptionSpec("o", value_type="float"), False, "must be a number, not false"),
        (OptionSpec("o", value_type="str"), 5, "must be text, not the number 5"),
        (OptionSpec("o"), None, "must be text, a number, true or false, not nothing"),
        (OptionSpec("o"), ["a"], "must be text, a number, true or false, not a list"),
        (OptionSpec("o"), "a\0b", "must not contain a NUL character: arguments of programs cannot"),
        (OptionSpec("o", choices=("a", "b")), "c", 'must be one of "a", "b", not the text "c"'),
        (OptionSpec("o", choices=(1, 2), value_type="int"), "3", 'must be one of 1, 2, not the text "3"'),
        (OptionSpec("o"), "@NAMES", 'there is no macro @NAMES\n  hint: did you mean "@NAME"?'),
    ],
)
def test_a_wrong_value_is_refused(option: OptionSpec, value: object, message: str) -> None:
    """A value of the wrong type, not among the choices, or that no script can get is a ValueError of ours."""
    with pytest.raises(ValueError, match="option") as caught:
        bind_options(TargetSpec("t", "", (option,)), {"o": value})
    assert str(caught.value) == f'target "t", option "o": {message}'


def test_values_come_in_the_order_of_the_definition_with_defaults() -> None:
    """The caller's order does not matter, and the caller's values are not changed."""
    target = TargetSpec(
        "t",
        "",
        (OptionSpec("b", required=True), OptionSpec("a", 1, value_type="int"), OptionSpec("c"), OptionSpec("d", True, value_type="bool")),
    )
    values = {"c": "x", "b": "y"}
    assert bind_options(target, values) == (("b", "y"), ("a", "1"), ("c", "x"), ("d", "True"))
    assert values == {"c": "x", "b": "y"}
    assert bind_options(target, {"b": ""})[2] == ("c", "")


def test_all_that_is_wrong_with_options_comes_at_once() -> None:
    """Unknown, missing and wrong ones in one error, each with a hint where one helps."""
    target = TargetSpec(
        "load", "", (OptionSpec("clients", 1, value_type="int"), OptionSpec("engine", required=True, choices=("old", "new")))
    )
    with pytest.raises(InputError) as caught:
        bind_options(target, {"clinets": 3, "clients": "many"})
    assert str(caught.value) == (
        'target "load" has no option "clinets"\n  hint: did you mean "clients"?\n'
        'target "load", option "clients": must be a whole number, not the text "many"\n'
        'target "load" needs option "engine"\n  hint: give it a value; one of "old", "new"'
    )
    with pytest.raises(InputError, match='has no option "x"\n  hint: none is defined'):
        bind_options(TargetSpec("t", ""), {"x": 1})


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])).filter(lambda text: not text.startswith("@")))
def test_any_text_is_one_value_as_it_is(text: str) -> None:
    """Nothing in an option's text is special."""
    assert bind_options(TargetSpec("t", "", (OptionSpec("o"),)), {"o": text}) == (("o", text),)


def test_a_default_that_a_shell_expanded_in_the_old_wke_is_a_warning(tmp_path: Path) -> None:
    """It is not expanded any more."""
    (tmp_path / "kv" / "targets").mkdir(parents=True)
    (tmp_path / "kv" / "targets" / "t").write_text("")
    (tmp_path / "kv" / "config.toml").write_text('[targets]\nt = [["a", "~/data"], ["b", "$HOME/x"], ["c", "a~b"]]\n')
    warnings = read_configuration("kv", tmp_path).warnings
    assert [(w.where.line, "expand it" in w.hint) for w in warnings] == [(2, True), (2, True)]


@pytest.mark.parametrize(
    ("script", "read"),
    [
        (b'[ "$FAIL_AT" = 3 ] && exit 1; echo ${OTHER:-x} $WKE_DIR $HOME $1 $LC_ALL', {"FAIL_AT", "OTHER"}),
        (b"N=3\nfor m in a b; do echo $m $N; done; read -r line; echo $line; echo $X", {"X"}),
        (b"import os\nos.environ['A'], os.environ.get(\"B\"), os.getenv('C'), os.environ", {"A", "B", "C"}),
        (b"\x7fELF\xff", set()),
    ],
)
def test_the_variables_that_a_script_reads(script: bytes, read: set[str]) -> None:
    """Those that neither it nor wke nor a login sets; for these the environment of the command may be meant."""
    assert variables_read(script) == read
