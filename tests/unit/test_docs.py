"""The pages describe everything that exists and nothing else: commands, options, keys, statuses, variables, tables, nouns."""

import ast
import importlib.util
import re
import shlex
import sqlite3
import tomllib
from pathlib import Path
from types import ModuleType

import click
import pytest
from pages import Block, blocks
from sources import nodes

import wke
from wke.cli.main import COMMANDS, STATUSES, cli
from wke.describe.configuration.macros import MACROS
from wke.describe.schema import schema
from wke.keep.database import schema as tables
from wke.records import OutcomeKind

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
SOURCES = Path(wke.__file__).parent
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted(p for p in DOCS.rglob("*.md") if "_build" not in p.parts),
]
SHOWN = [block for page in PAGES for block in blocks(page)]
NOUNS = """
    controller machine cluster class selector configuration target option prelude task experiment parameter range sub-parameters sweep grid point iteration
    warm-up trial plan policy session measurement metric observation summary telemetry source sample outcome verdict finding
    record result store agent transport connection frame
"""


def text(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    """Return docs/reference.py as a module."""
    spec = importlib.util.spec_from_file_location("reference", DOCS / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_pages_are_up_to_date(generator: ModuleType) -> None:
    """The generated pages match the code; `python docs/reference.py` updates them."""
    assert {name: text(f"reference/{name}") for name in generator.pages()} == generator.pages()


def test_every_command_and_status_is_in_the_reference(generator: ModuleType) -> None:
    """The generator leaves nothing out."""
    page = text("reference/cli.md")
    assert [words for words, _ in generator.commands() if f"## {words}\n" not in page] == []
    assert [name for name in COMMANDS if f"`wke {name}`" not in page] == []
    assert [status for status in STATUSES if f"| `{status}` |" not in page] == []
    options = {name for _, command in generator.commands() for p in command.params if isinstance(p, click.Option) for name in p.opts}
    assert [name for name in options if f"`{name}`" not in page] == []


@pytest.mark.parametrize("kind", ["cluster", "configuration", "experiment"])
def test_every_key_is_described(kind: str) -> None:
    """Every field has a string below it, which describes the key on the page and in editors."""
    described = schema(kind)
    models = {kind: described, **described["$defs"]}
    silent = [
        f"{name}.{key}" for name, model in models.items() for key, value in model["properties"].items() if not value.get("description")
    ]
    assert silent == []
    page = text("reference/files.md")
    assert [key for model in models.values() for key in model["properties"] if f"| `{key}` |" not in page] == []


def test_every_variable_of_ours_is_explained() -> None:
    """Every WKE_ variable in the code is in a table of the page about scripts."""
    sources = [path.read_text(encoding="utf-8") for path in SOURCES.rglob("*") if path.suffix == ".py" or path.name == "install-packages"]
    known = {name.rstrip("_") for source in sources for name in re.findall(r"_?WKE_[A-Z_]+", source)}
    explained = text("reference/scripts.md")
    assert [name for name in sorted(known) if name not in explained] == []


def test_every_table_and_column_of_the_store_is_explained() -> None:
    """Every column of the database is on the page, for readers without wke."""
    page = text("reference/results.md")
    store = sqlite3.connect(":memory:")
    store.executescript(tables.TABLES)
    rows = {line.split("|")[1].strip(" `"): line for line in page.splitlines() if line.startswith("| `")}
    names = [name for (name,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    missing = [
        f"{t}.{column[1]}" for t in names for column in store.execute(f"PRAGMA table_info({t})") if f"`{column[1]}`" not in rows.get(t, "")
    ]
    store.close()
    assert missing == []


def test_macros_and_outcomes_are_explained() -> None:
    """Every macro and every outcome is described."""
    assert [macro for macro in MACROS if f"`{macro}`" not in text("reference/scripts.md")] == []
    assert [kind for kind in OutcomeKind if not re.search(rf"`{kind}[(`]", text("concepts.md"))] == []


def test_every_noun_is_defined() -> None:
    """The vocabulary of code, files and pages is defined in concepts.md."""
    defined = {
        word.casefold().rstrip("s")
        for term in re.findall(r"\*\*([^*]+)\*\*|\*([a-zA-Z-]+)\*", text("concepts.md"))
        for word in re.split(r"; ", "".join(term))
    }
    assert [noun for noun in NOUNS.split() if noun.rstrip("s") not in defined] == []


# -- blocks


@pytest.mark.parametrize("block", [b for b in SHOWN if b.language == "toml" and not b.has("excerpt")], ids=str)
def test_shown_toml_is_toml(block: Block) -> None:
    """Every TOML block on a page can be parsed."""
    assert tomllib.loads(block.text)


@pytest.mark.parametrize("block", [b for b in SHOWN if b.language == "console" and b.has("not run")], ids=str)
def test_commands_that_are_only_shown_exist(block: Block) -> None:
    """A shown command that no test runs exists, with its options."""
    for line, _ in block.exchanges():
        words = shlex.split(line)
        if words[0] == "wke":
            command: click.Command = cli
            context = click.Context(cli)
            rest = words[1:]
            while isinstance(command, click.Group):
                found = command.get_command(context, rest.pop(0))
                assert found is not None, line
                command = found
            command.make_parser(click.Context(command, resilient_parsing=True)).parse_args(rest)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every link to a file of ours, and to a heading in it, has a target."""
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text(encoding="utf-8")):
        path, _, heading = target.partition("#")
        file = page.parent / path if path else page
        assert file.exists(), target
        headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE) if heading else []
        assert not heading or heading in [re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings], target


def test_decisions_are_numbered_one_by_one() -> None:
    """Decisions are numbered from 1 without gaps or duplicates."""
    numbers = sorted(int(page.name[:4]) for page in (DOCS / "decisions").glob("*.md"))
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("page", sorted((DOCS / "decisions").glob("*.md")), ids=lambda page: page.stem)
def test_a_decision_has_its_three_parts(page: Path) -> None:
    """Each page has a decision, why, and consequences, in that order; its number is the number of its file."""
    parts = re.findall(r"^# (\d+)\.|^\*\*(\w+)\.\*\*", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert [a or b for a, b in parts] == [str(int(page.name[:4])), "Decision", "Why", "Consequences"]


# -- installing


INSTALLING = re.compile(r"\b(?:pip[\d.]*|pipx|uv(?: pip| tool)?) (?:install|add|run)\b([^\n`;&|]*)|\buvx\b([^\n`;&|]*)")
FROM_PYPI = re.compile(r"wke(?:\[[^\]]*\])?(?:[=<>~!]=?[\w.*]+)?")


def installs_from_pypi(told: str) -> list[str]:
    """Return the commands in a text that install the package `wke` of that name from PyPI; files and folders called so are none."""
    if not re.search("pip|uv", told):
        return []  # nothing but these installs; what follows takes long
    lines = re.sub(r"(?<!`)`[^`]+`(?!`)", lambda code: code[0].replace("\n", " "), told.replace("\\\n", " "))
    found = INSTALLING.finditer(re.sub(r"[ \t]+", " ", lines))
    return [
        command[0].strip()
        for command in found
        if any(FROM_PYPI.fullmatch(word.strip("'\",.)")) for word in "".join(filter(None, command.groups())).split())
    ]


@pytest.mark.parametrize(
    "command",
    [
        "pip install wke",
        "pip3 install -U wke",
        "python3 -m pip install --upgrade  wke",
        'pip install "wke[analysis]"',
        "pip install 'wke[analysis,docs]==1.0'",
        "pip install wke>=1",
        "pip install numpy wke",
        "pip install \\\n    wke",
        "`pip install\nwke`",
        "pipx install wke",
        "pipx run wke",
        "uv tool install wke",
        "uv tool run wke",
        "uv pip install wke",
        "uv add wke",
        "uvx wke init",
        "- run: pip install wke",
    ],
)
def test_an_installation_from_pypi_is_found(command: str) -> None:
    """Each usual way to install by name is recognised."""
    assert len(installs_from_pypi(command)) == 1


@pytest.mark.parametrize(
    "command",
    [
        "pip install .",
        "pip install '.[analysis]'",
        "pip install ./wke",
        "pip install PATH/TO/wke",
        "pip install tools/wke-1.0.0-py3-none-any.whl",
        "pip install pandas\n$ wke results scale",
        "- run: pip install tools/wke.whl\n- run: wke measure FILE",
        "`pip install .`, then call wke",
        "pip install pandas && wke results",
    ],
)
def test_other_installations_are_not(command: str) -> None:
    """A checkout, a wheel and another package may be installed, and wke may be called afterwards."""
    assert installs_from_pypi(command) == []


def test_nothing_is_said_to_be_on_pypi() -> None:
    """Until a release, `wke` on PyPI is the old 0.1: pages, examples, templates and messages install from a checkout or a wheel."""
    files = [
        path for folder in (ROOT / "examples", SOURCES) for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    ]
    found = {
        str(path.relative_to(ROOT)): commands
        for path in [*PAGES, *files]
        if (commands := [one for told in _texts(path) if "wke" in told for one in installs_from_pypi(told)])
    }
    assert found == {}


def _texts(path: Path) -> list[str]:
    """Return what a file tells people: of Python its strings, joined as they are printed, of other files all of it."""
    if path.suffix != ".py":
        return [path.read_bytes().decode("utf-8", "replace")]
    return [node.value for node in nodes(path) if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def test_pre_commit_runs_what_lint_runs() -> None:
    """The pre-commit hooks run the same commands as `make lint`."""
    makefile, hooks = (ROOT / "Makefile").read_text(), (ROOT / ".pre-commit-config.yaml").read_text()
    lint = re.search(r"^lint:.*\n\t@(.*)", makefile, re.MULTILINE)
    assert lint is not None
    commands = [part.strip().removesuffix(" .").replace("$(BIN)", ".venv/bin") for part in lint[1].split("&&")]
    assert re.findall(r"entry: (.*)", hooks) == commands
