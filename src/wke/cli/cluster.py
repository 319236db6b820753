"""`wke cluster`: makes machines that stay until they are removed, and writes cluster.toml for machines that exist."""

import shlex
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import click

from wke.act.providers.provide import maker_of
from wke.act.providers.provider import Standing
from wke.cli.options import as_json, folder, project
from wke.describe.cluster.cluster import read_cluster
from wke.describe.imports.clustertext import ClusterText, cluster_text
from wke.describe.imports.hostlist import HOST_LIST
from wke.describe.imports.imported import Importer, ImportSource, parsed
from wke.describe.imports.imports import IMPORTERS, recognised
from wke.describe.toml.userfile import is_folder
from wke.describe.toml.wording import counted
from wke.errors import InputError, Location
from wke.series.folders import CLUSTER, cluster_flag
from wke.tell.terminal.console import Printer
from wke.tell.terminal.output import is_terminal

MOST_BYTES = 64 << 20
PATIENCE_S = 120.0
"""How long a program may take that prints a source in another form: it may ask a cloud."""
MOST_SAID = 500
"""How much of what such a program says is shown when it fails, in characters."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cluster() -> None:
    """Make machines, remove them, show them; import machines from another tool.

    Machines are made where provider is "local" (emulated) or "command" (by your own programs). `wke run` and `wke measure` make their own
    and remove them at the end. After `wke cluster up` the machines stay, with everything on their disks, until `wke cluster down`.
    """


@cluster.command()
@project
def up(cluster_file: Path) -> None:
    """Make the machines; they stay until `wke cluster down`."""
    described = read_cluster(cluster_file)
    _show(maker_of(described).stand(described))


@cluster.command()
@project
def down(cluster_file: Path) -> None:
    """Remove the machines with everything that runs and was written on them."""
    described = read_cluster(cluster_file)
    was_up = maker_of(described).end(described)
    Printer().talk("the machines are gone" if was_up else "no machine was up")


@cluster.command()
@project
@as_json
def show(cluster_file: Path, *, as_json: bool) -> int:
    """List the machines that are up; exit status 1 when none is."""
    described = read_cluster(cluster_file)
    found = maker_of(described).standing(described)
    if as_json:
        facts = {"mode": found.mode if found else None, "machines": found.machines if found else {}}
        Printer().document({"up": found is not None, **facts, **({"notes": list(found.notes)} if found and found.notes else {})})
    elif found is None:
        Printer().talk("no machine is up; `wke cluster up` makes them")
    else:
        _show(found)
    return 0 if found else 1


def _show(found: Standing) -> None:
    out = Printer()
    for note in found.notes:
        out.talk(note)
    width = max(map(len, found.machines), default=0)
    for name, facts in found.machines.items():
        out.data(f"{name:<{width}}  {facts['address']}")
    if found.machines:
        out.talk(f"{counted(len(found.machines), 'machine')} {'is' if len(found.machines) == 1 else 'are'} up ({found.mode})")


@cluster.command("import")
@click.argument("source")
@click.option("--format", "form", type=click.Choice(list(IMPORTERS)), help="What SOURCE is; by default that is seen from its content.")
@click.option("-o", "--out", type=click.Path(path_type=Path), default=CLUSTER, show_default=True, help="The file to write; - for stdout.")
@click.option("--force", is_flag=True, help="Overwrite a file that exists.")
@folder
def import_(source: str, form: str | None, out: Path, *, force: bool) -> None:
    """Write a cluster.toml for machines that another tool knows.

    SOURCE is a file, - for stdin, a folder (an inventory of Ansible), or a host list such as node[01-04,07],gpu1. A file may be a manifest
    of CloudLab, Emulab or GENI, an inventory of Ansible, ~/.ssh/config, a host list of Slurm or ClusterShell, a node file of OAR or PBS,
    /etc/hosts, or what `terraform output -json` or `kubectl get pods -o json` printed. Groups become classes.
    """
    given, importer = _given(source, form)
    text = cluster_text(given, importer, importer.read(given))
    if str(out) == "-":
        Printer().data(text.text.rstrip("\n"))
    else:
        _write(out, text, force=force)
    _tell(text, None if str(out) == "-" else out)


def _given(source: str, form: str | None) -> tuple[ImportSource, Importer]:
    """Return the text to import and its importer; a program of the format may have to print the text."""
    path = Path(source)
    if source == "-":
        given = ImportSource("stdin", _text(source, sys.stdin.buffer.read()))
    elif is_folder(path):
        importer = IMPORTERS[form or "ansible"]
        if not importer.program:
            raise InputError(f"{source} is a folder, and {importer.name} is a file", hint="name the file")
        return _printed(importer, source), importer
    elif _exists(path):
        given = ImportSource(source, _text(source, _content(path)), path)
    elif form == HOST_LIST.name or (form is None and HOST_LIST.recognises(source)):
        return ImportSource("the command line", source), HOST_LIST
    else:
        raise InputError(f"there is no file {source}", hint=f"a host list of one name needs --format {HOST_LIST.name}")
    importer = IMPORTERS[form] if form else recognised(given)
    if importer.program and given.path is not None and parsed(given.text) is None and shutil.which(importer.program[0]):
        return _printed(importer, source), importer
    return given, importer


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a host list may be longer than a name
        return False


def _content(path: Path) -> bytes:
    """Return what is in a file, or comes from a pipe such as <(kubectl get pods -o json)."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=Location(str(path)), hint="check its owner and mode") from None
    if len(data) > MOST_BYTES:
        raise InputError(f"is longer than {MOST_BYTES >> 20} MiB", where=Location(str(path)), hint="is it the file that you meant?")
    return data


def _text(source: str, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        what, hint = f"is not UTF-8 text: byte 0x{data[error.start]:02x}", "save it as UTF-8"
        raise InputError(what, where=Location(source, line), hint=hint) from None


def _printed(importer: Importer, source: str) -> ImportSource:
    """Return what the program of a format prints of a source."""
    argv = [source if word == "{}" else word for word in importer.program]
    try:
        done = subprocess.run(argv, capture_output=True, stdin=subprocess.DEVNULL, timeout=PATIENCE_S, check=False)
    except OSError as error:
        hint = f"install it, or import what `{shlex.join(argv)}` prints elsewhere"
        raise InputError(f"{source}: {argv[0]} reads it, and does not start: {error.strerror}", hint=hint) from None
    except subprocess.TimeoutExpired:
        raise InputError(f"{source}: {argv[0]} did not end within {PATIENCE_S:g} s", hint="import what it prints elsewhere") from None
    if done.returncode != 0:
        said = " ".join(done.stderr.decode(errors="replace").split())[-MOST_SAID:]
        raise InputError(f"{source}: {argv[0]} failed with status {done.returncode}: {said}", hint=f"try it: {shlex.join(argv)}")
    return ImportSource(source, _text(source, done.stdout))


def _write(out: Path, text: ClusterText, *, force: bool) -> None:
    """Write the file, if it may be, and if it is one that wke reads; raise InputError otherwise."""
    if out.exists() and not force and not _agreed(f"overwrite {out}, which exists?"):
        raise InputError(f"{out} exists; nothing was written", hint="--force overwrites it; --out names another file")
    tried = out.with_name(f".{out.name}.import")
    try:
        tried.write_text(text.text, encoding="utf-8")
        read_cluster(tried)
        tried.replace(out.resolve())
    except InputError as error:
        raise InputError(*(replace(problem, where=None) for problem in error.problems)) from None
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror}") from None
    finally:
        with suppress(OSError):
            tried.unlink()


def _agreed(question: str) -> bool:
    return sys.stdin.isatty() and is_terminal("stderr") and click.confirm(question, err=True)


def _tell(text: ClusterText, out: Path | None) -> None:
    printer = Printer()
    for note in text.notes:
        printer.talk(f"note: {note}")
    classes = ", ".join(f"{name} {len(members)}" for name, members in text.classes.items())
    if out is not None:
        printer.talk(f"{out}: {counted(len(text.machines), 'machine')}{f' ({classes})' if classes else ''}")
        printer.talk(f"next: wke check{cluster_flag(out)}")
