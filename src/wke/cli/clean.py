"""`wke clean`: shows what a series holds on the disk, and removes what no result needs."""

import sys
from collections.abc import Collection, Iterable, Mapping

import click

from wke.cli.options import as_json, folder
from wke.describe.toml.wording import counted
from wke.errors import StoreError
from wke.keep.files.lock import person
from wke.keep.profiles import ProfileFolder
from wke.keep.store import Store
from wke.keep.trials.cleaning import KINDS, HeldFile
from wke.series.cleaning import PROFILES, SUPERSEDED, WITH_LOGS, Going, Holdings, load_holdings
from wke.series.cleaning import clean as remove
from wke.series.folders import RESULTS
from wke.series.resolve import series_name
from wke.tell.terminal.console import Printer
from wke.tell.terminal.output import is_terminal
from wke.tell.words import size_words


@click.command(epilog="What was observed stays in the store. `wke show` and `wke logs` say what was removed, when and by whom.")
@click.argument("series")
@click.option("--telemetry", is_flag=True, help="Remove telemetry.")
@click.option("--logs", is_flag=True, help="Remove the output of tasks, and the files that were collected from them.")
@click.option("--superseded", is_flag=True, help="Remove all files of attempts in whose place another attempt counts, or is shown.")
@click.option("--profiles", is_flag=True, help="Remove all profiles of the series.")
@click.option("--force", is_flag=True, help="With --telemetry and --logs: also of attempts that count. They cannot be reanalysed then.")
@click.option("--yes", is_flag=True, help="Do not ask. Without a terminal, nothing is removed without this.")
@folder
@as_json
def clean(series: str, *, telemetry: bool, logs: bool, superseded: bool, profiles: bool, force: bool, yes: bool, as_json: bool) -> None:
    """Show how much the attempts and profiles of SERIES hold on the disk, and remove what is named by an option, after asking.

    SERIES is the name of a series or its experiment file. Files of attempts that count for any series stay, unless --force is given.
    """
    out, name = Printer(), series_name(series)
    kinds = [*["telemetry"] * telemetry, *WITH_LOGS * logs, *[SUPERSEDED] * superseded, *[PROFILES] * profiles]
    if force and not (telemetry or logs):
        raise click.UsageError("--force needs --telemetry or --logs")
    holdings = _holdings(name)
    going, gone = holdings.chosen(kinds, force=force), holdings.profiles if profiles else {}
    if not as_json:
        _print(holdings, kinds, force=force)
    done = bool(kinds) and (yes or (not as_json and bool(going or gone) and _agreed(_words(going, gone))))
    if done:
        with Store.open(RESULTS, command="wke clean", series=name) as store:
            holdings = load_holdings(store, name)
            going, gone = remove(store, holdings, kinds, person(), force=force), holdings.profiles if profiles else {}
    if as_json:
        out.document(_json(name, holdings, going, gone, done=done))
    elif kinds:
        out.talk(_outcome(_words(going, gone), done=done))


def _holdings(name: str) -> Holdings:
    if not Store.exists(RESULTS):
        if profiles := ProfileFolder(RESULTS).of_series(name):
            return Holdings((), profiles)
        raise StoreError(f"there are no results in {RESULTS}", hint="change to the project's folder")
    with Store.open(RESULTS, readonly=True) as store:
        return load_holdings(store, name)


def _outcome(words: str, *, done: bool) -> str:
    if done:
        return f"removed: {words or '0 files, 0 B'}"
    return f"nothing was removed; --yes would remove {words}" if words else "there is nothing to remove"


def _agreed(words: str) -> bool:
    return sys.stdin.isatty() and is_terminal("stderr") and click.confirm(f"remove {words}, for good", err=True)


def _words(going: Going, gone: Mapping[int, int]) -> str:
    """Return what goes in words; "" for nothing."""
    files = f"{counted(sum(map(len, going.values())), 'file')}, {size_words(sum(map(_size, going.values())))}" if going else ""
    profiles = f"{counted(len(gone), 'profile')}, {size_words(sum(gone.values()))}" if gone else ""
    return "; ".join(filter(None, (files, profiles)))


def _print(holdings: Holdings, kinds: Collection[str], *, force: bool) -> None:
    """Print the sizes of each kind: in all, and of attempts that count."""
    out = Printer()
    rows = [["kind", "files", "size", "of what counts"]]
    for kind in KINDS:
        files, counting = holdings.files(kind), holdings.files(kind, counting=True)
        rows.append([_NAMES[kind], str(len(files)), size_words(_size(files)), size_words(_size(counting))])
    files = holdings.files(SUPERSEDED)
    rows.append([f"in {counted(holdings.superseded, 'superseded attempt')}", str(len(files)), size_words(_size(files)), size_words(0)])
    rows.append(["profiles", str(len(holdings.profiles)), size_words(sum(holdings.profiles.values())), size_words(0)])
    out.table(rows)
    kept = [file for kind in kinds if kind in KINDS for file in holdings.files(kind, counting=True)]
    if kept and not force:
        out.talk(f"{size_words(_size(kept))} of it is of attempts that count and stays; --force removes it, too")


_NAMES = {"telemetry": "telemetry", "logs": "logs", "collected": "collected files"}


def _size(files: Iterable[HeldFile]) -> int:
    return sum(file.size for file in files)


def _json(name: str, holdings: Holdings, going: Going, gone: Mapping[int, int], *, done: bool) -> dict[str, object]:
    sizes = {
        kind: {
            "files": len(holdings.files(kind)),
            "bytes": _size(holdings.files(kind)),
            "counting-bytes": _size(holdings.files(kind, counting=True)) if kind in KINDS else 0,
        }
        for kind in (*KINDS, SUPERSEDED)
    }
    sizes[PROFILES] = {"files": len(holdings.profiles), "bytes": sum(holdings.profiles.values()), "counting-bytes": 0}
    files, size = sum(map(len, going.values())), sum(map(_size, going.values()))
    chosen = {"files": files, "profiles": len(gone), "bytes": size + sum(gone.values())}
    return {"series": name, "kinds": sizes, "chosen": chosen, "removed": done}
