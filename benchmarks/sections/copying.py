"""How long it takes to copy files to sixteen machines over ssh, all at once, and back."""

import filecmp
import os
import shlex
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import WKE, Bench
from fleet import Fleet
from project import configured_ssh_cluster
from rig import Absent, Contender, ContenderError, Phase
from table import Table, measured

COUNT = 16
FILES, FILE_SIZE = 1000, 4096
LARGE_MEBIBYTES = 1024
RUNS, LARGE_RUNS = 5, 1
DEADLINE_S = 600.0
BLOCK = 1 << 20
PLACE = "copies"  # on every machine, in its home folder

SMALL = f"""\
Sixteen separate sshd processes on loopback addresses as above, each with its own home folder on the same disk; one folder with {FILES:,}
files of {FILE_SIZE:,} bytes, random content. *out* copies the folder to all machines at once, *back* copies it from all of them into one
folder per machine; the destination is empty before. After every run the copies are compared with the source, byte by byte. All tools use
the same ssh client, configuration and cipher and check host keys. rsync, scp and tar are started by `xargs -P 16`, one per machine. The
machines' ends (sshd, our agent, the servers of rsync and scp) work on the same cores at the same time; the client's CPU excludes them."""
LARGE = f"""\
The same with one file of {LARGE_MEBIBYTES:,} MiB, random content: {LARGE_MEBIBYTES * COUNT / 1024:.0f} GiB each way, once and without a
warm-up round. The disk that receives all of it limits every tool."""
AGAIN = f"""\
The {FILES:,} files once more, when all of them have arrived and nothing has changed. rsync compares only sizes and times unless it is
given `--checksum`; wke always compares contents (SHA-256); scp and tar copy everything."""


def tables(bench: Bench) -> Iterator[Table]:
    """Yield the tables: many small files, the same once more, one large file."""
    home = bench.folder / "copying"
    home.mkdir()
    many, large = home / "many", home / "large"
    many.mkdir()
    for number in range(FILES):
        (many / f"file{number}").write_bytes(os.urandom(FILE_SIZE))
    with large.open("wb") as file:
        for _ in range(LARGE_MEBIBYTES):
            file.write(os.urandom(BLOCK))
    with Fleet(COUNT, home, own_homes=True) as fleet:
        (home / "cluster.toml").write_text(configured_ssh_cluster(fleet))
        copying = Copying(bench, fleet, home)
        title = f"to {COUNT} machines over ssh and back"
        yield measured(
            f"{FILES:,} files of {FILE_SIZE // 1024} KiB {title}", SMALL, tuple(copying.there_and_back(many)), runs=bench.times(RUNS)
        )
        copying.fill(many)
        yield measured(f"The same {FILES:,} files again", AGAIN, tuple(copying.again(many)), runs=bench.times(RUNS))
        copying.clean()
        yield measured(
            f"One file of {LARGE_MEBIBYTES:,} MiB {title}", LARGE, tuple(copying.there_and_back(large)), runs=LARGE_RUNS, warm=False
        )


@dataclass(frozen=True, slots=True)
class Copying:
    """Contenders that copy in `folder`, where cluster.toml is; what comes back lands in `back`."""

    bench: Bench
    fleet: Fleet
    folder: Path

    def there_and_back(self, source: Path) -> Iterator[Contender | Absent]:
        """Yield each tool's way to copy `source` to every machine and back."""
        ssh, name = f"ssh -F {self.fleet.config}", source.name
        there, back = f"{self.fleet.homes}/{{}}/{PLACE}", self._back / "{}"
        yield self._contender(
            "wke", source, (WKE, "copy", "-q", source, f"all:{PLACE}/"), (WKE, "copy", "-q", f"all:{PLACE}/{name}", self._back), ours=True
        )
        rsync = ("rsync", "-a", "-e", ssh)
        yield self._parallel("rsync -a", "rsync", source, (*rsync, source, f"{{}}:{there}/"), (*rsync, f"{{}}:{there}/{name}", f"{back}/"))
        scp = ("scp", "-q", "-r", "-p", "-F", self.fleet.config)
        yield self._parallel("scp -rp", "scp", source, (*scp, source, f"{{}}:{there}/"), (*scp, f"{{}}:{there}/{name}", f"{back}/"))
        pack, unpack = f"tar -C {self.folder} -cf - {name}", f"mkdir -p {there} && tar -C {there} -xf -"
        pack_there, unpack_here = f"tar -C {there} -cf - {name}", f"mkdir -p {back} && tar -C {back} -xf -"
        out = ("sh", "-c", f"{pack} | {ssh} {{}} {shlex.quote(unpack)}")
        yield self._parallel("tar through ssh", "tar", source, out, ("sh", "-c", f"{ssh} {{}} {shlex.quote(pack_there)} | ({unpack_here})"))

    def again(self, source: Path) -> Iterator[Contender | Absent]:
        """Yield the ways to find out that nothing has to be copied."""
        ssh, there = f"ssh -F {self.fleet.config}", f"{self.fleet.homes}/{{}}/{PLACE}"
        yield Contender("wke", (Phase((WKE, "copy", "-q", source, f"all:{PLACE}/")),), folder=self.folder, ours=True)
        for name, flags in (("rsync -a", ()), ("rsync -a --checksum", ("--checksum",))):
            command = self._everywhere(("rsync", "-a", *flags, "-e", ssh, source, f"{{}}:{there}/"))
            yield Contender(name, (Phase(command),)) if shutil.which("rsync") else Absent(name, "not installed")

    def fill(self, source: Path) -> None:
        """Put `source` on every machine, including file times."""
        self.clean()
        for home in self._homes():
            shutil.copytree(source, home / PLACE / source.name)

    def clean(self) -> None:
        """Remove what contenders have copied."""
        for place in (self._back, *(home / PLACE for home in self._homes())):
            shutil.rmtree(place, ignore_errors=True)
        for home in self._homes():
            (home / PLACE).mkdir()
        for host in self.fleet.hosts:
            (self._back / host).mkdir(parents=True)
        os.sync()  # otherwise the next contender would wait for the disk

    def _parallel(self, name: str, program: str, source: Path, out: Sequence[str | Path], back: Sequence[str | Path]) -> Contender | Absent:
        if shutil.which(program) is None:
            return Absent(name, "not installed")
        return self._contender(name, source, self._everywhere(out), self._everywhere(back))

    def _contender(
        self, name: str, source: Path, out: Sequence[str | Path], back: Sequence[str | Path], *, ours: bool = False
    ) -> Contender:
        return Contender(
            name,
            (Phase(out, "out", deadline_s=DEADLINE_S), Phase(back, "back", deadline_s=DEADLINE_S)),
            folder=self.folder,
            before=self.clean,
            check=lambda: self._check(source),
            after=self.clean,
            ours=ours,
        )

    def _everywhere(self, command: Sequence[str | Path]) -> tuple[str | Path, ...]:
        """Return the command that runs this one for every machine at once, `{}` being its address."""
        hosts = self.folder / "hosts"
        hosts.write_text("".join(f"{host}\n" for host in self.fleet.hosts))
        return ("xargs", "-a", hosts, "-P", str(COUNT), "-I", "{}", *command)

    def _check(self, source: Path) -> None:
        """Raise ContenderError unless every machine's copy came back unchanged."""
        backs = [back / source.name for back in self._back.iterdir() if (back / source.name).exists()]
        if len(backs) != COUNT:
            raise ContenderError(f"{len(backs)} copies came back instead of {COUNT}")
        files = sorted(source.iterdir()) if source.is_dir() else [source]
        for back in backs:
            for file in files:
                if not filecmp.cmp(file, back / file.name if source.is_dir() else back, shallow=False):
                    raise ContenderError(f"{back}: {file.name} came back changed")
        filecmp.clear_cache()

    @property
    def _back(self) -> Path:
        return self.folder / "back"

    def _homes(self) -> list[Path]:
        return [self.fleet.homes / host for host in self.fleet.hosts]
