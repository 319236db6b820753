"""`wke top`: shows what machines and the tasks on them use, the most loaded first."""

import asyncio
import contextlib
import os
import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import click

from wke.act.interrupt import run_to_end, wait_until_set
from wke.act.providers.place import Place
from wke.act.providers.provide import provider_of
from wke.act.telemetry.onlooker import Onlooker, looking_at
from wke.cli.options import as_json as json_option
from wke.cli.options import project
from wke.describe.cluster.cluster import ClusterSpec, MachineSpec, read_cluster
from wke.describe.cluster.selector import select
from wke.errors import InputError
from wke.judge.usage import BY_NAME, MEASURES, sorted_machines, sorted_tasks
from wke.tell.terminal.console import Printer
from wke.tell.terminal.output import is_terminal, redraws
from wke.tell.terminal.screen import Screen
from wke.tell.terminal.usagetable import KEYS, Line, head_lines, plain, usage_json, usage_lines
from wke.values import dataclass

PACE_S = 1.0
ORDERS = (*MEASURES, BY_NAME)
QUIT = "q\x03\x04"


@dataclass(slots=True)
class View:
    """What the user has chosen: by what machines are sorted, and whether to end."""

    by: str
    over: bool = False


@click.command()
@click.argument("selector", default="all")
@click.option("--sort", "by", type=click.Choice(ORDERS), default="cpu", show_default=True, help="What the first machines have most of.")
@click.option("--once", is_flag=True, help="Print one table of all machines and end. That is what happens off a terminal, too.")
@project
@json_option
def top(selector: str, by: str, cluster_file: Path, *, once: bool, as_json: bool) -> int:
    """Show what the machines that SELECTOR names use now, and the tasks of wke on them, of all commands; the most loaded first.

    Nothing is stopped and no machine is claimed, so a running `wke measure` keeps its machines. Emulated machines have to be up, by
    `wke cluster up` or by a command that runs now. Numbers are of the last second. A user other than root sees only their own tasks.

    Keys: c, m, d, n and a sort by processors, memory, disks, network and name; q ends.
    """
    cluster = read_cluster(cluster_file)
    machines = select(cluster, selector)
    if _find(cluster) is None:
        raise InputError("no machine is up", hint="`wke cluster up` makes machines that stay; `wke measure` and `wke run` make their own")
    if once or as_json or not redraws("stdout"):
        return run_to_end(_once(cluster, machines, by, as_json=as_json))
    run_to_end(_live(cluster, machines, View(by)))
    return 0


def _find(cluster: ClusterSpec) -> Place | None:
    return provider_of(cluster).find(cluster)


def _looking(cluster: ClusterSpec, machines: Sequence[MachineSpec]) -> AbstractAsyncContextManager[Onlooker]:
    place = _find(cluster)
    are_shared = place is not None and place.is_here
    return looking_at(lambda: _find(cluster), machines, cluster, are_shared=are_shared)


async def _once(cluster: ClusterSpec, machines: Sequence[MachineSpec], by: str, *, as_json: bool) -> int:
    """Print what is seen as soon as there are numbers of all machines that can be reached; return the exit status."""
    async with _looking(cluster, machines) as onlooker:
        await onlooker.settle()
        usages, hosts, tasks, failure = onlooker.usages(), onlooker.hosts(), onlooker.tasks(), onlooker.failure()
    out = Printer()
    usages, tasks = sorted_machines(usages, by), sorted_tasks(tasks, by)
    if as_json:
        out.document(usage_json(usages, hosts, tasks))
    else:
        fits = is_terminal("stdout") or "COLUMNS" in os.environ
        for line in plain(usage_lines(usages, hosts, tasks, by=by, width=shutil.get_terminal_size().columns if fits else None)):
            out.data(line)
    if failure is not None:
        out.talk(str(failure))
    return 0 if failure is None else failure.exit_status


async def _live(cluster: ClusterSpec, machines: Sequence[MachineSpec], view: View) -> None:
    """Show what is seen until the user ends it; raise MachineError when no machine can be reached."""
    loop, changed, failure, seen = asyncio.get_running_loop(), asyncio.Event(), None, False

    def pressed() -> None:
        keys = screen.keys()
        view.over = view.over or not keys or any(key in QUIT for key in keys)
        view.by = next((KEYS[key] for key in reversed(keys) if key in KEYS), view.by)
        changed.set()

    async with _looking(cluster, machines) as onlooker:
        with Screen() as screen, contextlib.ExitStack() as heard:
            loop.add_signal_handler(signal.SIGWINCH, changed.set)
            if screen.keyboard is not None:
                loop.add_reader(screen.keyboard, pressed)
                heard.callback(loop.remove_reader, screen.keyboard)
            while not view.over and failure is None:
                screen.show(_lines(onlooker, view.by, *screen.size))
                changed.clear()
                await wait_until_set(changed, PACE_S)
                seen = seen or not onlooker.sees_nothing()
                failure = None if seen else onlooker.failure()
    if failure is not None:
        raise failure


def _lines(onlooker: Onlooker, by: str, width: int, height: int) -> Iterator[Line]:
    """Yield the lines of the screen."""
    usages, hosts, tasks = sorted_machines(onlooker.usages(), by), onlooker.hosts(), sorted_tasks(onlooker.tasks(), by)
    head = list(head_lines(usages, hosts, by, time.strftime("%H:%M:%S"), width))
    yield from head
    yield from usage_lines(usages, hosts, tasks, by=by, width=width, height=max(2, height - len(head)))
