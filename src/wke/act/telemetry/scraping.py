"""Scraping: while a trial runs, machines ask the ports of programs there for their metrics, which are stored with the trial."""

import asyncio
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import field
from pathlib import Path

from wke.act.connection.connection import Connection
from wke.act.connection.untrusted import number_of, text_of
from wke.act.session.session import Session
from wke.act.session.waiting import cancel_all
from wke.act.telemetry.httpanswer import body
from wke.agent import frames
from wke.describe.experiment.experiment import Scrape
from wke.describe.plan.plan import Trial, scraped
from wke.describe.toml.wording import counted
from wke.errors import MachineError, StoreError
from wke.keep.telemetry.exposition import Exposed, Exposition
from wke.keep.telemetry.scrapes import ScrapeWriter
from wke.records import Note, Sink
from wke.values import dataclass

EAGER_S = 0.1  # between two scrapes of a program that has not answered yet
LONGEST_ANSWER_S = 5.0


@asynccontextmanager
async def scraping(session: Session, trial: Trial, scrapes: tuple[Scrape, ...], folder: Path, sink: Sink) -> AsyncIterator[None]:
    """Scrape while the block runs, into the attempt's `folder`; `sink` hears afterwards what was not possible. Nothing fails by it."""
    writer = ScrapeWriter(folder)
    scrapers = [
        _Scraper(session.connection(machine.name), machine.internal_addr or "127.0.0.1", scrape, writer)
        for scrape in scrapes
        for machine in scraped(scrape, trial)
        if machine.name in session.machines
    ]
    runs = [asyncio.create_task(scraper.run()) for scraper in scrapers]
    try:
        yield
    finally:
        await cancel_all(runs)
        _close(writer, sink)
        for scraper in scrapers:
            if scraper.complaint:
                sink(Note(scraper.complaint, scraper.connection.machine))


def _close(writer: ScrapeWriter, sink: Sink) -> None:
    try:
        writer.close()
    except StoreError as error:
        sink(Note(f"what was scraped is not stored: {error}"))


@dataclass(slots=True)
class _Scraper:
    """One program on one machine. Failures before its first answer and after its last one are those of a program that does not run."""

    connection: Connection
    address: str
    scrape: Scrape
    writer: ScrapeWriter
    exposition: Exposition = field(init=False)
    answers: int = 0
    failures: list[str] = field(default_factory=list)  # between answers: why each failed
    latest: list[str] = field(default_factory=list)  # since the last answer
    stopped: str = ""

    def __post_init__(self) -> None:
        self.exposition = Exposition(self.scrape.keep)

    @property
    def complaint(self) -> str:
        """What a user should know, "" for nothing."""
        what = f"port {self.scrape.port} was not scraped"
        if self.stopped:
            return f"{what} to the end: {self.stopped}"
        if not self.answers:
            return f"{what}: {self.latest[-1]}" if self.latest else ""
        failed = len(self.failures)
        return f"{what} {failed} of {counted(self.answers + failed, 'time')}: {self.failures[0]}" if failed else ""

    async def run(self) -> None:
        """Scrape again and again, until it is cancelled or can store no more."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while not self.stopped:
            try:
                await self._once()
            except MachineError:
                return  # contact is lost: the trial says so
            due += self.scrape.every_s if self.answers else min(EAGER_S, self.scrape.every_s)
            due = max(due, loop.time())
            await asyncio.sleep(due - loop.time())

    async def _once(self) -> None:
        within_s = min(LONGEST_ANSWER_S, max(1.0, self.scrape.every_s))
        head: dict[str, object] = {"address": self.address, "port": self.scrape.port, "path": self.scrape.path, "within": within_s}
        answer = await self.connection.questions.ask(frames.SCRAPE, head, within_s=within_s)
        why = text_of(answer.head, "why")
        try:
            exposed = [] if why else self._read(answer.payload)
        except ValueError as error:
            why = str(error)
        if why:
            self.latest.append(why)
            return
        self.failures += self.latest if self.answers else ()
        self.latest.clear()
        self.answers += 1
        try:
            self.writer.add(self.connection.machine, f"scrape.{self.scrape.port}", number_of(answer.head, "at"), exposed)
        except StoreError as error:
            self.stopped = str(error)

    def _read(self, payload: bytes) -> list[Exposed]:
        inflater = zlib.decompressobj()
        try:
            answer = inflater.decompress(payload, frames.LARGEST_SCRAPE)
        except zlib.error:
            raise ValueError("the agent's message is damaged") from None
        exposed = self.exposition.read(body(answer))
        if not exposed:
            raise ValueError(f"it exposes nothing with a name like {', '.join(self.scrape.keep)}")
        return exposed
