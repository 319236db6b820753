"""Reading TOML: what a mistake is called, where it stands, and that all mistakes come at once."""

import errno
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wke.describe.toml.locator import locate
from wke.describe.toml.shape import Bounds, FlawError, Items, TableModel
from wke.describe.toml.tables import TomlTable, gather, key_text, load, read
from wke.errors import InputError, Location, Problem


class Part(TableModel):
    """A table in a table."""

    external_addr: str
    port: Annotated[int, Bounds(at_least=1)] = 22
    names: Items[str] = ()
    kind: Literal["small", "large"] = "small"
    share: float = 1.0
    class_: str = ""


class Whole(TableModel):
    """A file."""

    iterations: int = 1
    on: bool = False
    parts: Mapping[str, Part] = {}
    steps: Items[Part] = ()


def mistakes(tmp_path: Path, text: str) -> list[str]:
    """Return what is wrong with a file, a problem each, without the folder's name."""
    path = tmp_path / "x.toml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        load(path, Whole)
    return [str(problem).removeprefix(f"{tmp_path}/") for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("iteration = 1", 'x.toml:1:1: iteration: unknown key\n  hint: did you mean "iterations"?'),
        ("[zebra]", "x.toml:1:2: zebra: unknown key\n  hint: known: iterations, on, parts, steps"),
        ("[parts.a]\nexternal-addr = 'h'\nprot = 1", 'x.toml:3:1: parts.a.prot: unknown key\n  hint: did you mean "port"?'),
        ("parts.a.external-adr = 'h'", 'x.toml:1:9: parts.a.external-adr: unknown key\n  hint: did you mean "external-addr"?'),
        ("[[steps]]\nport = 1", "x.toml:1:3: steps[0].external-addr: is missing"),
        ('iterations = "3"', 'x.toml:1:1: iterations: must be a whole number, not the text "3"\n  hint: write it without quotes: 3'),
        ("iterations = 3.0", "x.toml:1:1: iterations: must be a whole number, not the number 3.0"),
        ("iterations = true", "x.toml:1:1: iterations: must be a whole number, not true"),
        ("iterations = 2024-01-01", "x.toml:1:1: iterations: must be a whole number, not the date 2024-01-01"),
        ("on = 1", "x.toml:1:1: on: must be true or false, not the number 1"),
        ("on = ''", "x.toml:1:1: on: must be true or false, not an empty text"),
        ("parts = 3", "x.toml:1:1: parts: must be a table, not the number 3"),
        ("parts.a = []", "x.toml:1:7: parts.a: must be a table, not a list"),
        ("steps = {}", "x.toml:1:1: steps: must be a list, not a table"),
        (
            "parts.a = { external-addr = 5 }",
            'x.toml:1:13: parts.a.external-addr: must be text, not the number 5\n  hint: write it in quotes: "5"',
        ),
        (
            "[parts.'a b']\nexternal-addr = 'h'\nnames = 'n'",
            'x.toml:3:1: parts."a b".names: must be a list, not the text "n"\n  hint: write it in brackets: ["n"]',
        ),
        ("[parts.a]\nexternal-addr = 'h'\nport = 0", "x.toml:3:1: parts.a.port: must be at least 1, not 0"),
        (
            "[parts.a]\nexternal-addr = 'h'\nnames = [\n'n',\n2]",
            'x.toml:5:1: parts.a.names[1]: must be text, not the number 2\n  hint: write it in quotes: "2"',
        ),
        (
            "[parts.a]\nexternal-addr = 'h'\nkind = 'larg'",
            'x.toml:3:1: parts.a.kind: must be one of "small", "large", not the text "larg"\n  hint: did you mean "large"?',
        ),
        (
            "num_iterations = 1\niterations = 2",
            "x.toml:1:1: num_iterations: is given twice: as iterations and in its old spelling num_iterations\n  hint: keep one of them",
        ),
    ],
)
def test_a_mistake_is_told_in_plain_words_where_it_stands(tmp_path: Path, text: str, message: str) -> None:
    """One mistake gives one problem, with line, column, key and a hint where one can be given."""
    assert mistakes(tmp_path, text) == [message]


@pytest.mark.parametrize(
    ("text", "place", "hint"),
    [
        ("a = b", "1:5", 'put text in quotes: key = "text"; other values are numbers, true, false, [lists] and { tables }'),
        ("a[1] = 2", "1:2", 'a line is [table] or key = value; put keys with other characters than A-Z a-z 0-9 _ - in quotes: "node[1-3]"'),
        ("[a]\n[a]", "2:3", "a table may have only one [header]: put its keys together"),
        ("a = 1 b = 2", "1:7", "write one key = value per line"),
        ("a = [1,\n2", "2:2", "a bracket is not closed"),
        ("a = 'b", "1:7", "a text ends with the quote it began with"),
        ('a = "b', "1:7", "a text ends with the quote it began with"),
        (f"a = {'9' * 5000}", "1:5005", "https://toml.io describes the format"),
    ],
)
def test_what_is_not_toml_is_told_with_its_place_and_a_hint(tmp_path: Path, text: str, place: str, hint: str) -> None:
    """A syntax error has the parser's words, line and column, at the end of the file too, and says how the line should look."""
    (message,) = mistakes(tmp_path, text)
    assert message.startswith(f"x.toml:{place}: is not TOML: ")
    assert message.endswith(f"\n  hint: {hint}")


def test_a_bottomless_file_is_refused(tmp_path: Path) -> None:
    """Nesting beyond what the parser can follow is a mistake of the file, not a crash."""
    (message,) = mistakes(tmp_path, f"a = {'[' * 20_000}{']' * 20_000}")
    assert message == "x.toml: is nested too deeply"


def test_all_mistakes_of_a_file_come_at_once_in_the_order_of_lines(tmp_path: Path) -> None:
    """Problems are sorted by where they stand, whatever order the validator found them in."""
    text = "zebra = 1\non = 3\n[[steps]]\nexternal-addr = 1\n[parts.a]\nport = 0\n"
    assert [message.split(": ")[0] for message in mistakes(tmp_path, text)] == [
        "x.toml:1:1",
        "x.toml:2:1",
        "x.toml:4:1",
        "x.toml:5:8",
        "x.toml:6:1",
    ]


def test_a_misspelled_key_is_not_reported_as_missing_too(tmp_path: Path) -> None:
    """The unknown key says it all; a key that is missing for itself is still reported."""
    assert mistakes(tmp_path, "[parts.a]\nextrnal-addr = 'h'\n[parts.b]") == [
        'x.toml:2:1: parts.a.extrnal-addr: unknown key\n  hint: did you mean "external-addr"?',
        "x.toml:3:8: parts.b.external-addr: is missing",
    ]


def test_an_unknown_key_does_not_hide_what_the_file_means_wrongly(tmp_path: Path) -> None:
    """The builder runs on a file with unknown keys, so that its problems come with them."""

    def build(table: TomlTable[Whole], problems: list[Problem]) -> None:
        problems.append(Problem("is too few", table.at("iterations")))

    path = tmp_path / "x.toml"
    path.write_text("zebra = 1\nparts = { a = { external-addr = 'h', zebra = 2 } }\niterations = 1")
    with pytest.raises(InputError) as caught:
        read(path, Whole, build)
    assert [problem.what for problem in caught.value.problems] == ["unknown key", "unknown key", "is too few"]


def test_old_spellings_are_accepted_and_told(tmp_path: Path) -> None:
    """A key in an old spelling sets the new one; the table lists it with its place, for `wke check`."""
    path = tmp_path / "x.toml"
    path.write_text("num_iterations = 3\n[parts.a_b]\nexternal_addr = 'h'\nclass = 'c'")
    table = load(path, Whole)
    assert (table.value.iterations, table.value.parts["a_b"].external_addr, table.value.parts["a_b"].class_) == (3, "h", "c")
    assert [str(problem).removeprefix(f"{path}:") for problem in table.old_spellings] == [
        "1:1: num_iterations: is an old spelling of iterations\n  hint: write iterations",
        "3:1: parts.a_b.external_addr: is an old spelling of external-addr\n  hint: write external-addr",
    ]


def test_a_place_is_found_by_old_and_new_spelling_and_for_missing_keys(tmp_path: Path) -> None:
    """`at` takes the key as models know it, gives it as the file spells it, and falls back to the nearest parent."""
    path = tmp_path / "x.toml"
    path.write_text("num_iterations = 3\n[parts.a]\nexternal_addr = 'h'\nnames = [\n 'n']")
    table = load(path, Whole)
    assert table.at("iterations") == Location(str(path), 1, 1, "num_iterations")
    assert table.at("parts", "a", "external-addr") == Location(str(path), 3, 1, "parts.a.external_addr")
    assert table.at("parts", "a", "port") == Location(str(path), 2, 8, "parts.a.port")
    assert table.at("parts", "a", "names", 0) == Location(str(path), 5, 2, "parts.a.names[0]")
    assert table.at("steps", 0, "port") == Location(str(path), None, None, "steps[0].port")


def test_a_place_in_a_short_form_leaves_out_the_key_that_is_not_written(tmp_path: Path) -> None:
    """`a = [1]` may be short for `a = { list = [1] }`: the element is found where it stands."""
    path = tmp_path / "x.toml"
    path.write_text("[parts.a]\nexternal_addr = 'h'\nnames = [\n 'n']")
    assert load(path, Whole).at("parts", "a", "names", "inner", 0, "name") == Location(str(path), 4, 2, "parts.a.names[0].name")


def test_a_flaw_points_into_the_value_it_is_about() -> None:
    """A validator's own words and hint are kept, and its key is added to the place."""
    flaw = FlawError("is odd", "make it even", key=(1,))
    assert (str(flaw), flaw.hint, flaw.key) == ("is odd", "make it even", (1,))


@pytest.mark.parametrize(
    ("name", "what", "hint"),
    [
        ("cluser.toml", "there is no such file", 'did you mean "cluster.toml"?'),
        ("none/cluster.toml", "there is no such file", "the folder none does not exist either"),
        ("folder", "is a folder, not a file", "name the .toml file in it"),
        ("latin.toml", "is not UTF-8 text: byte 0xe9", "save the file as UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_clear_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, what: str, hint: str
) -> None:
    """A missing file, a folder and another encoding are told as such."""
    monkeypatch.chdir(tmp_path)
    Path("cluster.toml").touch()
    Path("folder").mkdir()
    Path("latin.toml").write_bytes(b"# caf\xe9")
    with pytest.raises(InputError) as caught:
        load(Path(name), Whole)
    (problem,) = caught.value.problems
    assert (problem.what, problem.hint) == (what, hint)
    assert str(problem.where) == (f"{name}:1:6" if name == "latin.toml" else name)


def test_a_file_that_we_may_not_read_is_a_clear_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's word for the obstacle is kept; the refusal is played, since root may read everything."""

    def refuse(_: Path, __: str) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match=r"secret\.toml: cannot be read: Permission denied\n  hint: check"):
        load(tmp_path / "secret.toml", Whole)


def test_gather_adds_up_the_problems_of_all_readers() -> None:
    """All readers run; what they return comes back in order, or all that is wrong, each problem once."""

    def fail(*words: str) -> int:
        raise InputError(*words)

    assert gather(lambda: 1, lambda: 2) == (1, 2)
    with pytest.raises(InputError) as caught:
        gather(lambda: fail("a", "b"), lambda: 1, lambda: fail("b", "c"))
    assert [problem.what for problem in caught.value.problems] == ["a", "b", "c"]


def test_a_key_is_written_as_in_a_file() -> None:
    """Indices stand in brackets, parts that are not bare in quotes."""
    assert key_text(("steps", 0, "options", 'a "b"', "c-d")) == 'steps[0].options."a \\"b\\"".c-d'


# The locator against documents whose positions are known because the test writes them itself.

KEYS = st.text("abz-_09", min_size=1, max_size=4) | st.text("a \"\\é.#=[]'", max_size=4)
SCALARS = st.sampled_from(
    [
        "1",
        "-0.5",
        "true",
        '"a # b"',
        "'[c]'",
        '"\\"]"',
        '"""\nx = 1\n"", """""',
        "'''\n[t]\n'it''s'''",
        "1979-05-27 07:32:00",
        "'=,'",
        '""',
        '""""""',
    ]
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=6)
TABLES = st.dictionaries(KEYS, VALUES, max_size=4)
DOCUMENTS = st.tuples(TABLES, st.dictionaries(KEYS, st.tuples(st.sampled_from(["table", "array", "dotted"]), TABLES), max_size=4))


class Writer:
    """Writes TOML and notes where each key and list element went."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.text = ""
        self.places: dict[tuple[str | int, ...], tuple[int, int]] = {}

    def note(self, path: tuple[str | int, ...]) -> None:
        """Remember that `path` begins here."""
        self.places[path] = (self.text.count("\n") + 1, len(self.text) - self.text.rfind("\n"))

    def blank(self, choices: tuple[str, ...] = ("", " ", "\t")) -> None:
        """Write something that means nothing."""
        self.text += self.draw(st.sampled_from(choices))

    def key(self, part: str) -> None:
        """Write one part of a key, quoted where it must be, sometimes where it need not."""
        bare = part and all(c.isascii() and (c.isalnum() or c in "-_") for c in part)
        if bare and self.draw(st.booleans()):
            self.text += part
        elif "'" not in part and self.draw(st.booleans()):
            self.text += f"'{part}'"
        else:
            escaped = part.replace("\\", "\\\\").replace('"', '\\"')
            self.text += f'"{escaped}"'

    def value(self, path: tuple[str | int, ...], value: Any) -> None:
        """Write a value: a scalar as it is, a list over several lines, a table inline."""
        if isinstance(value, str):
            self.text += value
        elif isinstance(value, list):
            self.text += "["
            for index, item in enumerate(value):
                self.blank(("", " ", "\n", " # ], [\n"))
                self.note((*path, index))
                self.value((*path, index), item)
                self.blank(("", " ", "\n", "# ]\n"))
                self.text += "," if index < len(value) - 1 or self.draw(st.booleans()) else ""
            self.blank(("", "\n  "))
            self.text += "]"
        else:
            self.text += "{"
            for number, (name, item) in enumerate(value.items()):
                self.text += "," if number else ""
                self.pair(path, name, item)
            self.blank()
            self.text += "}"

    def pair(self, table: tuple[str | int, ...], name: str, value: Any, prefix: str | None = None) -> None:
        """Write key and value, the key below `prefix` if there is one."""
        self.blank()
        if prefix is not None:
            self.key(prefix)
            self.blank()
            self.text += "."
            self.blank()
            table = (*table, prefix)
        self.note((*table, name))
        self.key(name)
        self.blank()
        self.text += "="
        self.blank()
        self.value((*table, name), value)
        self.blank()

    def line(self, table: tuple[str | int, ...], name: str, value: Any, prefix: str | None = None) -> None:
        """Write a pair on a line of its own."""
        self.pair(table, name, value, prefix)
        self.blank(("", " # a comment = [1"))
        self.text += "\n"
        self.blank(("", "\n", "  # [not.a.table]\n"))

    def header(self, name: str, brackets: int) -> None:
        """Write a header of a table (1 bracket) or of an array's element (2)."""
        self.blank()
        self.text += "[" * brackets
        self.blank()
        self.key(name)
        self.blank()
        self.text += "]" * brackets + "\n"


@st.composite
def documents(draw: st.DrawFn) -> Writer:
    """Return a written document with known places."""
    writer = Writer(draw)
    top, sections = draw(DOCUMENTS)
    sections = {name: section for name, section in sections.items() if name not in top}
    for name, value in top.items():
        writer.line((), name, value)
    for name, (kind, table) in sections.items():
        if kind == "dotted":
            for inner, value in table.items():
                writer.line((), inner, value, prefix=name)
    for name, (kind, table) in sections.items():
        if kind == "dotted":
            continue
        for index in range(2 if kind == "array" else 1):
            writer.header(name, 2 if kind == "array" else 1)
            path = (name, index) if kind == "array" else (name,)
            for inner, value in table.items():
                writer.line(path, inner, value)
    return writer


def paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the path of every value below `value`."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for part, child in children:
        yield (*path, part)
        yield from paths(child, (*path, part))


@given(documents())
def test_every_key_is_found_at_its_line_and_column(writer: Writer) -> None:
    """The scanner finds exactly the paths that the parser finds, each value where the writer put its key."""
    data = tomllib.loads(writer.text)
    found = locate(writer.text)
    assert set(found) == set(paths(data))
    assert {path: found[path] for path in writer.places} == writer.places


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("'' = '''\na'''", {("",): (1, 1)}),
        ('"" = """\na"""', {("",): (1, 1)}),
        ("a = '''x'''''\nb = 1", {("a",): (1, 1), ("b",): (2, 1)}),
        ('a = """x\\""""""\nb = 1', {("a",): (1, 1), ("b",): (2, 1)}),
        ("b = 1\na = ['', ''''x''']", {("b",): (1, 1), ("a",): (2, 1), ("a", 0): (2, 6), ("a", 1): (2, 10)}),
    ],
)
def test_quotes_beside_quotes_are_stepped_over(text: str, places: dict[tuple[str | int, ...], tuple[int, int]]) -> None:
    """Empty texts, multi-line texts and quotes within them end where the parser ends them."""
    tomllib.loads(text)
    assert locate(text) == places


def test_windows_line_ends_do_not_shift_positions() -> None:
    """A carriage return before a line end is part of the line end, in multi-line texts too."""
    assert locate('a = """\r\n\r\n"""\r\nb = 1\r\n') == {("a",): (1, 1), ("b",): (4, 1)}


def test_tables_below_an_array_belong_to_its_last_element() -> None:
    """`[a.b]` after `[[a]]` is a table of the element just begun."""
    text = "[[a]]\n[a.b]\nc = 1\n[[a]]\n[[a.b]]\nc = 2\n[x.y]\n[x]\n"
    found = locate(text)
    assert found["a", 0, "b", "c"] == (3, 1)
    assert found["a", 1, "b", 0, "c"] == (6, 1)
    assert found["x",] == (8, 2)


def test_keys_that_the_old_wke_ignored_are_warnings_in_files_for_it(tmp_path: Path) -> None:
    """Those of a file with an old spelling; a key that looks like a known one is a mistake in every file."""
    path = tmp_path / "x.toml"
    path.write_text("zebra = 1\nparts = { a = { external_addr = 'h', zebra = 2 } }\niterations = 1")
    warnings = [str(problem) for problem in read(path, Whole, lambda table, _: table).old_spellings if "ignored" in problem.what]
    assert warnings == [
        f"{path}:1:1: zebra: unknown key, ignored as in wke 0.1\n  hint: remove it",
        f"{path}:2:38: parts.a.zebra: unknown key, ignored as in wke 0.1\n  hint: remove it",
    ]
    path.write_text("iteration = 1\nparts = { a = { external_addr = 'h' } }")
    with pytest.raises(InputError, match="did you mean"):
        read(path, Whole, lambda table, _: table)
