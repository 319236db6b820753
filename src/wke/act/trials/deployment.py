"""What a series has deployed: the layers that stand on the machines, the attempt that made each, and their output between trials."""

from pathlib import Path
from types import TracebackType
from typing import Self

from wke.act.session.session import Session
from wke.describe.plan.deployment import Deployment, shared
from wke.keep.output.logs import LogWriter
from wke.keep.trials.trials import Attempt
from wke.records import MetricsWritten, Outcome, Output, Record, Sink, TaskEnded


class Deployed:
    """The layers that the steps with a scope have made, from the lowest on. None of it is trusted after a trial that did not go well.

    As a sink, between trials, it keeps what deployed tasks say in `folder`/ATTEMPT/, by the attempt that deployed them.
    """

    def __init__(self, folder: Path, sink: Sink) -> None:
        self.layers: Deployment = ()
        self.makers: tuple[Attempt, ...] = ()
        self._trusted = True
        self._folder = folder
        self._sink = sink
        self._logs: dict[str, LogWriter] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for logs in self._logs.values():
            logs.close()

    def __call__(self, record: Record) -> None:
        """Take a record from between trials."""
        if isinstance(record, Output | MetricsWritten | TaskEnded) and record.task.step < len(self.makers):
            maker = self.makers[record.task.step].name
            if maker not in self._logs:
                self._logs[maker] = LogWriter(self._folder / maker)
            self._logs[maker](record)
        self._sink(record)

    async def make_way(self, session: Session, wanted: Deployment) -> None:
        """Stop what does not serve a trial that needs these layers; all of it, if it may be broken."""
        while (kept := shared(self.layers, wanted) if self._trusted and session.intact else 0) < len(self.layers):
            await session.clear(kept)
            self.layers, self.makers = self.layers[:kept], self.makers[:kept]

    def serve(self, attempt: Attempt, wanted: Deployment) -> None:
        """Note that an attempt makes the layers that are missing."""
        self.layers, self.makers = wanted, (*self.makers, *[attempt] * (len(wanted) - len(self.makers)))
        self._trusted = False

    def ended(self, outcome: Outcome) -> None:
        """Note how that attempt has ended."""
        self._trusted = outcome.ok
