"""`wke copy`: copies files and folders to machines and back."""

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
from rich.filesize import decimal

from wke.act.connection import transfer
from wke.act.connection.transfer import Copied, OnProgress, size_of
from wke.act.interrupt import run_to_end
from wke.act.providers.place import Place
from wke.act.providers.provide import provide, provider_of
from wke.act.session.session import Session
from wke.api.request import Request
from wke.cli.options import project
from wke.describe.cluster.cluster import ClusterSpec, MachineSpec, read_cluster
from wke.describe.cluster.selector import select
from wke.describe.configuration.copies import COPY_DATA, landing, told_landing
from wke.errors import InputError, did_you_mean
from wke.records import Note, Record
from wke.tell.terminal.console import Printer
from wke.tell.terminal.output import redraws
from wke.tell.words import seconds
from wke.values import dataclass

_ON_MACHINES = re.compile(r"(?P<selector>(?:[^\[\]:/]|\[[^\]]*\])+):(?P<path>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class CopyOrder:
    """What to copy: from `source` to `destination`, one of which is on the machines of `selector`."""

    selector: str
    source: str
    destination: str
    outwards: bool  # from here to the machines


@click.command()
@click.argument("source")
@click.argument("destination")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress and no summary.")
@project
def copy(source: str, destination: str, cluster_file: Path, *, quiet: bool) -> None:
    """Copy a file or a folder to machines, or from machines to this computer: one of SOURCE and DESTINATION is SELECTOR:PATH.

    A PATH on machines starts at the home folder unless it starts with "/"; without a PATH, it is the home folder. As with `cp -r`, a copy
    is put into DESTINATION if that is a folder or ends with "/", and becomes DESTINATION otherwise. Missing folders are created. If SOURCE
    ends with "/.", its content is copied. A copy from several machines makes a folder with the machine's name for each in DESTINATION.

    Files that are already there (same size, same SHA-256) are not copied again, and an interrupted copy continues where it stopped. Write
    a local name that contains a colon with a folder before it: ./a:b.

    \b
    Examples:
      wke copy data.tar all:
      wke copy build/ servers:/opt/system/
      wke copy "clients[0:2]:out/trace.log" traces
    """  # noqa: D301 - click needs \b as it is
    carry_out(read_order(source, destination), cluster_file, quiet=quiet)


def copy_data(request: Request, cluster_file: Path, *, quiet: bool, dry_run: bool) -> None:
    """Run the target `copy-data`, whose options are the local `source` and the `destination` on the machines.

    A relative destination starts at the folder in which scripts run, which is also the default.
    """
    options = {"source", "destination"}
    if "render" in request.options:
        hint = f'write the step in an experiment: target = "{COPY_DATA}", options = {{ render = true, ... }}'
        raise InputError('option "render" fills in the parameters of an experiment, and wke run has none', hint=hint)
    for name in request.options:
        if name not in options:
            raise InputError(f'target "{COPY_DATA}" has no option "{name}"', hint=did_you_mean(name, sorted(options)))
    if "source" not in request.options:
        raise InputError(f'target "{COPY_DATA}" needs option "source"', hint="write -D source=FILE")
    place = landing(str(request.options.get("destination", "")), request.workdir or read_cluster(cluster_file).workdir)
    order = CopyOrder(request.selector, str(request.options["source"]), place, outwards=True)
    carry_out(order, cluster_file, quiet=quiet, dry_run=dry_run)


def carry_out(order: CopyOrder, cluster_file: Path, *, quiet: bool = False, dry_run: bool = False) -> None:
    """Copy what an order says, or with `dry_run` only check and print it; raise InputError or MachineError if it is impossible."""
    described = read_cluster(cluster_file)
    machines = select(described, order.selector)
    total = len(machines) * size_of(order.source) if order.outwards else None
    if dry_run:
        Printer().data(f"copy {order.source}: to {told_landing(order.destination)} on {', '.join(m.name for m in machines)}")
        return
    _require_lasting_machines(described)
    began = time.monotonic()
    with provide(described, tell=Printer().talk) as place, _display(total, quiet=quiet) as on_progress:
        copied = run_to_end(_copy(place, machines, order, on_progress))
    if not quiet:
        _tell(copied, order, time.monotonic() - began)


def read_order(source: str, destination: str) -> CopyOrder:
    """Return which of the two is on machines: SELECTOR:PATH, or a SELECTOR alone as destination; raise InputError if both are."""
    from_machines, to_machines = _ON_MACHINES.fullmatch(source), _ON_MACHINES.fullmatch(destination)
    if from_machines and to_machines:
        raise InputError(
            f"{source} and {destination} are both on machines; one of them must be local",
            hint="copy to this computer first; write a local name that contains a colon as ./NAME",
        )
    if from_machines:
        return CopyOrder(from_machines["selector"], from_machines["path"], destination, outwards=False)
    selector, path = (to_machines["selector"], to_machines["path"]) if to_machines else (destination, "")
    return CopyOrder(selector, source, path, outwards=True)


async def _copy(place: Place, machines: Sequence[MachineSpec], order: CopyOrder, on_progress: OnProgress | None) -> tuple[Copied, ...]:
    names = [m.name for m in machines]
    async with Session(place, machines, _say) as session:
        if order.outwards:
            return await session.copies.send(names, order.source, order.destination, progress=on_progress)
        if len(names) > 1:
            return await session.copies.collect(names, order.source, Path(order.destination), progress=on_progress)
        return (await session.copies.receive(names[0], order.source, order.destination, progress=on_progress),)


def _require_lasting_machines(cluster: ClusterSpec) -> None:
    """Refuse machines that would exist for this command only: the copied files would be gone with them."""
    provider = provider_of(cluster)
    if not provider.is_up(cluster):
        raise InputError("no machine is up that could keep the files", hint=provider.staying)


@contextmanager
def _display(total: int | None, *, quiet: bool) -> Iterator[OnProgress | None]:
    """Yield a function that takes the copies' progress and shows it on a terminal; None where nothing is shown."""
    if quiet or not redraws("stderr"):
        yield None
        return
    from rich.console import Console  # noqa: PLC0415 - takes long to import, here and below
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn  # noqa: PLC0415

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    sizes: dict[str, int] = {}
    with Progress(*columns, console=console, transient=True) as bar:
        shown = bar.add_task("copying", total=total)

        def take(progress: transfer.Progress) -> None:
            sizes[progress.machine] = progress.size_bytes
            bar.update(shown, completed=sum(sizes.values()))

        yield take


def _tell(copied: Sequence[Copied], order: CopyOrder, elapsed_s: float) -> None:
    """Print what was copied."""
    out = Printer()
    for one in copied:
        for path in one.left_out:
            out.talk(f"{one.machine}: did not copy {path}, which is neither a file, a folder nor a link")
    files, size, unchanged = (sum(getattr(one, name) for one in copied) for name in ("files", "size_bytes", "unchanged"))
    way = "to" if order.outwards else "from"
    machines = copied[0].machine if len(copied) == 1 else f"{len(copied)} machines"
    there = f"; {unchanged:,} were already there" if unchanged else ""
    out.talk(f"{files:,} file{'s' * (files != 1)} {way} {machines} in {seconds(elapsed_s)}, {decimal(size)} carried{there}")


def _say(record: Record) -> None:
    if isinstance(record, Note):
        Printer().talk(f"{record.machine}: {record.text}" if record.machine else record.text)
