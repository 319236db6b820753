"""Kept profiles: one folder per profile below the results, by number. They are no attempts, so no result is ever read from one.

results/profiles/3/profile.json      what it is of, written last
stacks.folded     the samples by their stacks
flame.svg, speedscope.json, against-2.svg
recorded/MACHINE/ what the machine recorded
trial/            output and telemetry of the trial
lock              held while it is being recorded
"""

import contextlib
import gzip
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import Self, TypeVar

from wke.describe.experiment.sweep import Point
from wke.documents import Json
from wke.errors import StoreError
from wke.keep.files.disk import disk_errors, private_folder, write_atomically
from wke.keep.files.lock import WriterLock, writer_of
from wke.values import dataclass

PROFILES, ABOUT, STACKS, FLAMES, SPEEDSCOPE = "profiles", "profile.json", "stacks.folded", "flame.svg", "speedscope.json"
RECORDED, TRIAL = "recorded", "trial"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class KeptProfile:
    """A profile of `series` at `point`, recorded at `at_ns` with `tool`, `frequency_hz` samples per second of processor time.

    `unwinding` is how perf found callers, `event` what it counted, `window_s` the length of the measured step, `lost` the number of samples
    that a machine was too busy to take. The trial ended with `outcome`, because of `why`; `values` are what it observed. `notes` are what
    a reader should know.
    """

    number: int
    series: str
    point: Point
    tool: str
    frequency_hz: int
    unwinding: str
    event: str
    at_ns: int
    window_s: float
    samples: int
    lost: int
    outcome: str
    why: str = ""
    values: Mapping[str, float] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def document(self) -> dict[str, object]:
        """Return it as a JSON object, which `read` reads."""
        return {name.replace("_", "-"): getattr(self, name) for name in self.__slots__}

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the profile in a JSON text; raise ValueError when it is none."""
        try:
            found: Json = json.loads(text)
            return cls(
                number=int(found["number"]),
                series=str(found["series"]),
                point=dict(found["point"]),
                tool=str(found["tool"]),
                frequency_hz=int(found["frequency-hz"]),
                unwinding=str(found["unwinding"]),
                event=str(found["event"]),
                at_ns=int(found["at-ns"]),
                window_s=float(found["window-s"]),
                samples=int(found["samples"]),
                lost=int(found["lost"]),
                outcome=str(found["outcome"]),
                why=str(found["why"]),
                values={str(name): float(value) for name, value in found["values"].items()},
                units={str(name): str(unit) for name, unit in found["units"].items()},
                notes=tuple(map(str, found["notes"])),
            )
        except (TypeError, AttributeError, LookupError) as error:
            raise ValueError(f"it is no profile: {error!r}") from None


class ProfileFolder:
    """The profiles of the results in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / PROFILES

    def at(self, number: int) -> Path:
        """Return the folder of a profile."""
        return self.folder / str(number)

    @contextlib.contextmanager
    def begin(self, series: str, command: str) -> Iterator[tuple[int, Path]]:
        """Make a folder for a new profile and lock it while the block runs; an error that leaves the block removes it."""
        with disk_errors(self.folder):
            private_folder(self.folder)
            number = max([0, *self._numbers()]) + 1
            while True:
                path = self.at(number)
                try:
                    path.mkdir(mode=0o700)
                    break
                except FileExistsError:
                    number += 1
            (path / "series").write_text(series)
        lock = WriterLock(path / "lock", command, f"profile {number}")
        try:
            yield number, path
        except BaseException:
            shutil.rmtree(path, ignore_errors=True)
            raise
        finally:
            lock.release()

    def write(self, profile: KeptProfile, texts: Mapping[str, str]) -> None:
        """Write the files of a profile, and last what it is of."""
        for name, text in texts.items():
            write_atomically(self.at(profile.number) / name, text.encode())
        write_atomically(self.at(profile.number) / ABOUT, json.dumps(profile.document(), indent=2).encode())

    def all(self) -> tuple[KeptProfile, ...]:
        """Return the profiles, oldest first, without those that were never complete; raise StoreError for a damaged one."""
        return tuple(self.read(number) for number in sorted(self._numbers()) if (self.at(number) / ABOUT).exists())

    def read(self, number: int) -> KeptProfile:
        """Return a profile; raise StoreError when there is none, or it is damaged."""
        return self._damage(number, lambda: KeptProfile.read((self.at(number) / ABOUT).read_text()))

    def stacks(self, number: int) -> str:
        """Return the stacks of a profile as text; raise StoreError when there are none."""
        return self._damage(number, (self.at(number) / STACKS).read_text)

    def of_series(self, series: str) -> dict[int, int]:
        """Return {number: size in bytes} of the profiles of a series, those of killed commands included; running ones are left out."""
        found = {}
        for number in sorted(self._numbers()):
            path = self.at(number)
            with contextlib.suppress(OSError):
                if (path / "series").read_text() == series and writer_of(path / "lock") is None:
                    found[number] = sum(file.lstat().st_size for file in path.rglob("*") if file.is_file())
        return found

    def remove(self, numbers: Iterable[int]) -> None:
        """Remove profiles, for good."""
        for number in numbers:
            with disk_errors(self.folder):
                shutil.rmtree(self.at(number))

    def _numbers(self) -> list[int]:
        with contextlib.suppress(OSError):
            return [int(path.name) for path in self.folder.iterdir() if path.name.isdecimal()]
        return []

    def _damage(self, number: int, read: Callable[[], T]) -> T:
        try:
            return read()
        except FileNotFoundError:
            raise StoreError(f"there is no profile {number}", hint="`wke profile` lists them") from None
        except (OSError, ValueError) as error:
            raise StoreError(
                f"profile {number} in {self.at(number)} is damaged: {error}", hint="record it again, and remove this folder"
            ) from None


def sample_lines(folder: Path) -> Iterator[str]:
    """Yield the lines that perf printed on a machine; raise ValueError when they are damaged."""
    try:
        with gzip.open(folder / "samples.gz", "rt", errors="replace") as file:
            yield from file
    except (OSError, EOFError) as error:
        raise ValueError(str(error)) from None


def symbols(folder: Path) -> dict[tuple[str, str], str]:
    """Return {(file, address): function} that a machine found where perf did not; raise ValueError when that is damaged."""
    path = folder / "symbols.gz"
    if not path.exists():
        return {}
    try:
        with gzip.open(path, "rt", errors="replace") as file:
            found = [line.rstrip("\n").split("\t", 2) for line in file]
        return {(of, address): function for of, address, function in found}
    except (OSError, EOFError) as error:
        raise ValueError(str(error)) from None


def folded_files(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the process ids, and the text, of the stacks that py-spy wrote on a machine, one for each process."""
    for path in sorted(folder.glob("*.folded")):
        yield path.name.partition(".")[0], path.read_text(errors="replace")
