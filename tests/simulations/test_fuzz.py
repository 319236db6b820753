"""Whatever the files, the store and the output are, and whatever is typed: no traceback, no hang, nothing written outside the project.

Each case changes something valid a little. The number of cases is short here; `make fuzz` runs 50,000. A failure names the seed of its
case: WKE_FUZZ_SEED=SEED WKE_FUZZ_CASES=1 runs it alone.
"""

import contextlib
import io
import os
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType

import pytest
from stored import FAILED, OK, begin, planned, result, run
from support import limit

import wke.cli.main
from wke.cli.main import run_command
from wke.describe.experiment.metrics import Metric, observe
from wke.describe.generators.generators import GENERATORS
from wke.keep.database.schema import column_types
from wke.keep.output.hdrlog import read_log
from wke.keep.output.logs import LogWriter
from wke.keep.output.telemetry import read_loads
from wke.keep.store import Store
from wke.records import MetricsWritten, Output, TaskName
from wke.tell.exports.merging import merge
from wke.tell.exports.resultsfile import read_results_file

CASES = int(os.environ.get("WKE_FUZZ_CASES", "100"))
SEED = int(os.environ.get("WKE_FUZZ_SEED", "1"))
LONGEST_S = 5.0
FAST = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
TEMPLATE = Path(wke.cli.main.__file__).parent / "template" / "first"
OLD = Path(__file__).parents[1] / "old_project"
GENERATED = Path(__file__).parents[1] / "known_answers" / "generators"
TASK = TaskName(0, "load", "m1")

WORDS = """"" "x" 0 -1 1.5 1e999 99999999999999999999 true [] {} [1,2] ["a",[]] {a=1} "5s" "-1s" "1e9h" "{n}" "{" "{servers[9].name}" "all"
"node[1-999999999]" "[0:0]" "!all" "a\\u001b[2J" "é" "(a+)+$" "(" "**" "../../etc/passwd" "/dev/zero" inf nan 1979-05-27 'x' "\\u0000"
{min=1,max=2,precision=0} {base=10,start=0,end=400} {start=0,end=1,step-size=1e-12} {base=2,start=0,end=40} {start=0,end=1e18}""".split()  # noqa: SIM905 - shorter
WORDS += ['"' + "x" * 300 + '"', "[" * 300 + "]" * 300]
BYTES = [b"\xff", b"\x00", b"\xef\xbb\xbf", b"\xfe\xff", b"\r", b"\x1b[2J", b"\xed\xa0\x80", b"'''", b'"""', b"[[", b"=", b"\n", b"#"]
VALUES = [
    "NULL",
    "'x'",
    "''",
    "x'ff00'",
    "-1",
    "9223372036854775807",
    "1e308",
    "9e999",
    "'[]'",
    "'{}'",
    "'null'",
    "'{\"a\":'",
    "'[[1]]'",
    "0",
]
READERS = [
    *("results", "results --trials", "results --json --trials", "results --csv", "results --csv --trials", "show aa-0", "show aa-0 --json"),
    *("logs aa-0", "logs aa-0 --json", "status", "status --json", "why aa-0", "accept --list", "check --store", "check --store --json"),
    *("plan experiments/scale.toml -v", "measure experiments/scale.toml --dry-run", "reanalyse experiments/scale.toml --dry-run"),
]
DESCRIBERS = [
    "check",
    "check --json",
    "show-cluster",
    "show-config kv -v",
    "plan EXPERIMENT",
    "plan EXPERIMENT -v --json",
    "run kv all TARGET --dry-run",
]
TYPED = [
    "all",
    "servers",
    "[0:1]",
    "m1,m2",
    "kv",
    "load",
    "aa-0",
    "scale",
    "scale:n=1",
    "n=1",
    "-D",
    "--only",
    "--timeout",
    "5s",
    "experiments/scale.toml",
]
TYPED += [
    "",
    "[",
    "\x1b[2J",
    "a" * 300,
    "../..",
    "/dev/null",
    "{n}",
    "é",
    "--json",
    "-v",
    "!all",
    "node[1-99999999]",
    "\udcff",
    "git:HEAD",
    "1e999s",
    "=",
    ":",
]
PLAIN_COMMANDS = [
    "run",
    "plan",
    "results",
    "show",
    "logs",
    "why",
    "status",
    "check",
    "show-machine",
    "show-config",
    "measure --dry-run",
    "merge-csv",
]


class Watch:
    """Notes files that are written outside a folder, by an audit hook, which cannot be removed."""

    def __init__(self) -> None:
        self.inside: str | None = None
        self.outside: list[str] = []

    def hear(self, event: str, arguments: tuple[object, ...]) -> None:
        """Take an event."""
        if self.inside is None:
            return
        if event == "open":
            path, _, flags = arguments
            writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)
            paths: list[object] = [path] if writes else []
        else:
            paths = (
                list(arguments[:2]) if event in {"os.rename", "os.link", "os.symlink"} else list(arguments[:1]) if event in CHANGES else []
            )
        for path in paths:
            if isinstance(path, str | bytes) and not os.path.realpath(os.fsdecode(path)).startswith((self.inside, "/dev/null", "/proc/")):
                self.outside.append(f"{event} {os.fsdecode(path)}")


CHANGES = {"os.mkdir", "os.remove", "os.rmdir", "os.rename", "os.truncate", "os.chmod", "os.link", "os.symlink", "shutil.rmtree"}
WATCH = Watch()
sys.addaudithook(WATCH.hear)


class HangError(BaseException):
    """A case took too long."""


@contextlib.contextmanager
def bounded() -> Iterator[None]:
    """Raise HangError in what takes too long."""

    def expire(_signal: int, _frame: FrameType | None) -> None:
        raise HangError

    before = signal.signal(signal.SIGVTALRM, expire)
    signal.setitimer(signal.ITIMER_VIRTUAL, LONGEST_S)  # of our own time: the machine may have other work
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def typed(words: Sequence[str], chance: random.Random) -> None:
    """Run a command line with an output in some encoding; its status must be one that is documented."""
    streams = [io.TextIOWrapper(io.BytesIO(), chance.choice(["utf-8", "ascii", "latin-1"])) for _ in range(2)]
    before = sys.argv, sys.stdout, sys.stderr
    sys.argv, sys.stdout, sys.stderr = ["wke", *words], *streams
    try:
        status = run_command()
    finally:
        sys.argv, sys.stdout, sys.stderr = before
    for stream in streams:
        stream.flush()
        shown = stream.buffer.getvalue().decode(stream.encoding)  # type: ignore[attr-defined]
        assert all(sign.isprintable() or sign in "\t\n\xa0\xad" for sign in shown if sign.isascii()), ascii(shown[:300])
    assert status in {0, 1, 2, 3}, (status, words)


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Change a text in one to three places: a value, a line, a few bytes."""
    for _ in range(chance.randint(1, 3)):
        lines = data.split(b"\n")
        at = chance.randrange(len(lines))
        what = chance.randrange(7)
        if what <= 2 and b"=" in lines[at]:
            key, _, _ = lines[at].partition(b"=")
            lines[at] = key + b"= " + chance.choice(WORDS).encode()
        elif what == 3:
            lines[at : at + chance.randint(0, 2)] = [lines[chance.randrange(len(lines))]] * chance.randint(0, 2)
        elif what == 4:
            cut = chance.randrange(len(lines[at]) + 1)
            lines[at] = lines[at][:cut] + chance.choice(BYTES) + lines[at][cut + chance.randint(0, 2) :]
        elif what == 5:
            lines.insert(at, chance.choice([b"[" + chance.choice(lines)[:20] + b"]", b"x = " + chance.choice(WORDS).encode()]))
        elif chance.random() < 0.1:
            data = chance.choice([data.decode("utf-8", "replace").encode("utf-16"), data[: chance.randrange(len(data) + 1)], b"", data * 3])
            continue
        data = b"\n".join(lines)
    return data


def files(chance: random.Random) -> None:
    """Change a file of the template or of an old project, then describe, check and plan it."""
    source = chance.choice([TEMPLATE, TEMPLATE, OLD])
    shutil.copytree(source, ".", dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    name = chance.choice(sorted(Path().rglob("*.toml")))
    name.write_bytes(mutated(name.read_bytes(), chance))
    experiment = str(chance.choice(sorted(Path("experiments").glob("*.toml"))))
    target = "load" if source is TEMPLATE else "serve"
    line = chance.choice(DESCRIBERS).replace("EXPERIMENT", experiment).replace("TARGET", target)
    typed(["kvs" if word == "kv" and source is OLD else word for word in line.split()], chance)


def store(chance: random.Random) -> None:
    """Damage a store in one or two places, then read it."""
    shutil.copytree(_made_project(), ".", dirs_exist_ok=True)
    for _ in range(chance.randint(1, 2)):
        _damage(Path("results"), chance)
    typed(chance.choice(READERS).split(), chance)


_PROJECTS: list[Path] = []


def _made_project() -> Path:
    """Make a project with a store once, in a folder that is removed at the end."""
    if not _PROJECTS:
        folder = Path(tempfile.mkdtemp(prefix="wke-fuzz-", dir=FAST))
        shutil.copytree(TEMPLATE, folder, dirs_exist_ok=True)
        (folder / "experiments/durability.toml").rename(folder / "experiments/scale.toml")
        with Store.open(folder / "results") as opened:
            attempt = begin(opened, planned("aa-0", 0, n=1))
            with LogWriter(attempt.folder) as logs:
                logs(Output(TASK, 1, b"wke: tput=5 1/s\nlast\n", 7))
                logs(MetricsWritten(TASK, b'{"p99": "3 ms"}\n'))
            opened.writer.finish_attempt(attempt, result(tput=1.5, p99=2.0))
            run(opened, planned("bb-0", 1, n=2), FAILED)
            run(opened, planned("bb-0", 1, n=2), OK, tput=2.5)
            opened.examinations.record(1, {("m1", "here"): {"kernel": "Linux"}})
        _PROJECTS.append(folder)
    return _PROJECTS[0]


def _damage(folder: Path, chance: random.Random) -> None:
    what = chance.randrange(4)
    if what <= 1:
        table, columns = chance.choice(sorted(column_types().items()))
        name = chance.choice(sorted(columns))
        with (
            contextlib.closing(sqlite3.connect(folder / "wke.sqlite")) as connection,
            contextlib.suppress(sqlite3.Error, UnicodeDecodeError),
            connection,
        ):
            connection.execute(f"UPDATE {table} SET {name} = {chance.choice(VALUES)}")
    elif what == 2:
        path = chance.choice(sorted(path for path in folder.rglob("*") if path.is_file()))
        data = bytearray(path.read_bytes())
        for _ in range(chance.randint(1, 20)):
            if data:
                data[chance.randrange(len(data))] = chance.randrange(256)
        path.write_bytes(bytes(data[: chance.randrange(len(data) + 1)]) if chance.random() < 0.3 else data)
    else:
        path = chance.choice(sorted(folder.rglob("*")))
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def output(chance: random.Random) -> None:
    """Read changed output, reports, histograms, loads and results files."""
    said = mutated(b'wke: tput=5 1/s\nwke: p99 = 1.5 ms\nrate: 1,234.5 ops/sec 1m3s\n{"a": 1, "b": "2 ms"}\n\n', chance) + chance.choice(
        BYTES
    )
    metrics = [Metric("tput"), Metric("rate", log=chance.choice(["rate: {value} ops", "{value}{unit}", "([0-9.]+)", r"(\S+) ops"]))]
    observe(metrics, {TASK: said}, written={TASK: mutated(said, chance)})
    sample = chance.choice(sorted(path for path in GENERATED.rglob("*") if path.is_file())).read_bytes()[:20_000]
    for generator in GENERATORS.values():
        with contextlib.suppress(ValueError):
            generator.read(mutated(sample, chance))
    for name, read in (("a.hlog", read_log), ("loads.csv", lambda path: read_loads(path.parent))):
        Path(name).write_bytes(
            mutated(b'#[Fields]\n"StartTimestamp","Interval_Length"\ntime,machine,cpu\n1,m1,3\n0.1,1.0,2.5,HISTFAAAA\n', chance)
        )
        with contextlib.suppress(ValueError, OSError, wke.errors.WkeError):
            read(Path(name))
    for name in ("b.csv", "b.json"):
        Path(name).write_bytes(mutated(b'# command: x\n# constants: a=1\nuid,n,tput\naa-0,1,2\n{"constants": {"a": 1}}\n', chance))
    with contextlib.suppress(wke.errors.WkeError):
        merge(read_results_file(Path("b.csv")), read_results_file(Path("b.csv")), ("a", "b"))


def words(chance: random.Random) -> None:
    """Type a command line of words that fit or nearly fit."""
    shutil.copytree(_made_project(), ".", dirs_exist_ok=True)
    typed([*chance.choice(PLAIN_COMMANDS).split(), *(chance.choice(TYPED) for _ in range(chance.randint(0, 4)))], chance)


KINDS: Sequence[Callable[[random.Random], None]] = (files, files, store, store, output, words)


def failure(seed: int) -> str:
    """Run the case of a seed in a folder of its own; return what is wrong, "" for nothing."""
    chance = random.Random(seed)
    kind = KINDS[seed % len(KINDS)]
    _made_project()
    before = Path.cwd()
    with tempfile.TemporaryDirectory(prefix="wke-fuzz-", dir=FAST) as folder:
        os.chdir(folder)
        WATCH.inside, WATCH.outside = os.path.realpath(folder), []
        try:
            with bounded():
                kind(chance)
        except HangError:
            return f"seed {seed}, {kind.__name__}: hangs"
        except Exception:  # noqa: BLE001 - that is what is looked for
            return f"seed {seed}, {kind.__name__}: {''.join(traceback.format_exc().splitlines(keepends=True)[-7:])}"
        finally:
            WATCH.inside = None
            os.chdir(before)
    return f"seed {seed}, {kind.__name__}: writes outside: {WATCH.outside}" if WATCH.outside else ""


@pytest.fixture(autouse=True, scope="module")
def projects() -> Iterator[None]:
    """Remove what was made once."""
    yield
    for folder in _PROJECTS:
        shutil.rmtree(folder)


@pytest.mark.timeout(limit(60) if CASES < 1000 else 6 * 3600)
def test_nothing_near_to_valid_does_harm() -> None:
    """No case ends in a traceback, hangs, or writes outside its project."""
    found = [words for seed in range(SEED, SEED + CASES) if (words := failure(seed))]
    assert found == [], f"{len(found)} of {CASES}:\n" + "\n".join(found[:20])
