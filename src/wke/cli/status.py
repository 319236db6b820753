"""`wke status`: shows which series are being measured and how far they are, read from the store while another process writes it."""

import math
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self

import click

from wke.act.kept.client import held_connections
from wke.cli.options import as_json, project
from wke.describe.cluster.cluster import read_cluster
from wke.errors import InputError
from wke.judge.summary.status import SeriesStatus
from wke.keep.files.localtime import in_local_time
from wke.keep.files.lock import holder_of
from wke.keep.store import Store
from wke.series.folders import RESULTS
from wke.series.resolve import series_name
from wke.series.status import load_status
from wke.tell.terminal.console import Printer, json_text
from wke.tell.terminal.keptconnections import kept_lines
from wke.tell.terminal.output import flush, redraws
from wke.tell.terminal.status import change_line, status_json, status_lines, summary_line

LOOK_S = 0.2  # between two checks of the files' times
QUEUE_S = 10.0  # between two questions about a job that waits: no file changes when it is cancelled
READING = 0.05  # at most this share of the time is used for reading: the machines may be emulated on this computer
NOTHING = "nothing has been measured here yet"


@click.command()
@click.argument("experiment", required=False)
@click.option("--follow", is_flag=True, help="Go on, and show each change, until nothing is measured any more.")
@click.option("--machines", is_flag=True, help="Also ask each machine who has it.")
@project
@as_json
def status(experiment: str | None, cluster_file: Path, *, follow: bool, machines: bool, as_json: bool) -> None:
    """Show what is measured now, by whom, how far it is and about when it ends; without EXPERIMENT of every series in results/.

    EXPERIMENT is a series' name or its file. The command that measures is not disturbed, and may be another user's in another terminal.
    """
    name = None if experiment is None else series_name(experiment)
    if follow:
        if machines:
            raise InputError("--machines asks once: it does not go with --follow")
        _follow(name, as_json=as_json)
        return
    seen = read(name)
    asked = _owners(cluster_file) if machines else None
    kept = held_connections()
    if as_json:
        connections = [{"machine": one.machine, "cluster": one.cluster, "in-use": one.in_use, "left-s": one.left_s} for one in kept]
        Printer().document(_json(seen) | {"connections": connections} | ({} if asked is None else {"machines": asked}))
        return
    for line in _lines(seen, named=name is not None):
        Printer().data(line)
    for machine, owner in (asked or {}).items():
        words = f"cannot be asked: {owner['problem']}" if owner["problem"] else owner["holder"] or "free"
        Printer().data(f"{machine}: {in_local_time(words)}")
    for line in kept_lines(kept, Path.cwd()):
        Printer().data(line)


def read(name: str | None) -> list[SeriesStatus]:
    """Return the status of one series, or of all; none where nothing was measured and none was named."""
    if name is None and not Store.exists(RESULTS):
        return []
    with Store.open(RESULTS, readonly=True) as store:
        return [load_status(store, each) for each in ([name] if name is not None else store.plans.names())]


def _lines(seen: list[SeriesStatus], *, named: bool) -> Iterator[str]:
    for each in seen:
        yield from status_lines(each) if named or each.is_measured or each.left or each.queued else [summary_line(each)]
    if not seen:
        yield NOTHING


def _json(seen: list[SeriesStatus]) -> dict[str, object]:
    return {"series": {each.name: status_json(each) for each in seen}}


def _owners(cluster_file: Path) -> dict[str, dict[str, str]]:
    """Ask the machines who has them. Those that are made for one command only are that command's."""
    from wke.act.interrupt import run_to_end  # noqa: PLC0415 - only for `--machines`, here and below
    from wke.act.providers.provide import provide, provider_of  # noqa: PLC0415
    from wke.act.session.owners import owners  # noqa: PLC0415

    cluster = read_cluster(cluster_file)
    if not provider_of(cluster).is_up(cluster):
        Printer().talk("each command makes its own machines, so no other command can use them")
        return {}
    with provide(cluster) as place:
        return {name: asdict(owner) for name, owner in run_to_end(owners(place)).items()}


# -- live


def _follow(name: str | None, *, as_json: bool) -> None:
    """Show every change until nothing is measured any more, and no job that is to measure something waits."""
    shown = _JsonLines() if as_json else _Redrawn(named=name is not None) if redraws("stdout") else _ChangeLines()
    with shown:
        before: object = None
        again_at = math.inf
        while True:
            marks = _marks()
            if marks == before and time.monotonic() < again_at:
                time.sleep(LOOK_S)
                continue
            before, began = marks, time.monotonic()
            seen = read(name)
            shown.show(seen)
            if not any(each.is_measured or each.queued for each in seen):
                return
            again_at = time.monotonic() + QUEUE_S if any(each.queued for each in seen) else math.inf
            time.sleep(max(LOOK_S, (time.monotonic() - began) / READING))


def _marks() -> tuple[object, ...]:
    """Return what differs as soon as the store, a lock or what a command is at has changed: to look costs a few system calls."""
    locks = sorted((RESULTS / "locks").glob("*")) if RESULTS.exists() else []
    files = [RESULTS / "wke.sqlite", RESULTS / "wke.sqlite-wal", *locks]
    return tuple(_mark(path) for path in files), tuple(h.alive if (h := holder_of(p)) else None for p in locks if p.suffix == ".lock")


def _mark(path: Path) -> tuple[int, ...]:
    try:
        seen = path.stat()
    except OSError:
        return ()
    return seen.st_ino, seen.st_size, seen.st_mtime_ns


class _ChangeLines:
    """A plain line for each change of a series."""

    def __init__(self) -> None:
        self._last: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Do nothing: there is nothing to remove from the terminal."""

    def show(self, seen: list[SeriesStatus]) -> None:
        for text, name in [(change_line(each), each.name) for each in seen] or [(NOTHING, "")]:
            if self._last.get(name) != text:
                self._last[name] = text
                self.say(text)

    def say(self, text: str) -> None:
        Printer().data(text)
        flush("stdout")


class _JsonLines(_ChangeLines):
    """A document a line, for each change."""

    def show(self, seen: list[SeriesStatus]) -> None:
        self.say(json_text(_json(seen)))


class _Redrawn(_ChangeLines):
    """A display that is redrawn in place, when something has changed; what it shows last stays."""

    def __init__(self, *, named: bool) -> None:
        from rich.live import Live  # noqa: PLC0415 - only on a terminal

        self._named = named
        self._live = Live(auto_refresh=False, transient=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._live.stop()

    def show(self, seen: list[SeriesStatus]) -> None:
        from wke.tell.terminal.display import said  # noqa: PLC0415

        self._live.update(said("\n".join(_lines(seen, named=self._named))), refresh=True)
