"""The kept connections of one session: taken from the connection keeper when it opens, and given to it when it ends.

Nothing fails because of the keeper: what it has not, or what is not as it was, is opened as if there were none.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import cast

from wke.act.connection.hello import Hello, Waiting
from wke.act.connection.transport import ssh_shell
from wke.act.kept.client import KeeperClient, Offer
from wke.act.kept.identity import changed, identity, marks_of
from wke.act.kept.terms import KeepingTerms
from wke.act.pipes import Pipes
from wke.describe.cluster.cluster import MachineSpec
from wke.documents import Json
from wke.records import Note, Sink
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class KeptConnection:
    """A connection that is kept, for us to go on with."""

    machine: str
    pipes: Pipes
    waiting: Waiting


class KeptConnections:
    """Takes and gives connections to machines of a cluster, as long as it `is_on`.

    Notes, such as why a connection that was kept is not used, go to `emit`.
    """

    def __init__(self, terms: KeepingTerms, emit: Sink) -> None:
        self._terms = terms
        self._emit = emit
        self._client: KeeperClient | None = None
        self.is_on = True
        self._borrowed: set[str] = set()
        self._machines: dict[str, MachineSpec] = {}
        self._details: dict[str, dict[str, object]] = {}  # what the connection to a machine depends on
        self._before: dict[str, object] | None = None  # what all of those depend on that we open ourselves

    def take(self, machines: Iterable[MachineSpec]) -> Iterator[KeptConnection]:
        """Yield the kept connections to these machines that may be used. Connections to the others have to be opened now."""
        keys = {self._key(machine.name): machine for machine in machines}
        self._machines |= {machine.name: machine for machine in keys.values()}
        fresh = set(keys)
        for key, offer in self._offers(list(keys)):
            machine = keys[key]
            why = self._objection(machine, offer)
            if why:
                self._emit(Note(f"connected anew: {why}", machine.name))
            if offer.pipes is None:
                continue
            if why:
                self.drop(machine.name, offer.pipes)
                continue
            self._borrowed.add(machine.name)
            self._details[machine.name] = {name: offer.state[name] for name in ("identity", "marks", "sent")}
            fresh.discard(key)
            yield KeptConnection(machine.name, offer.pipes, _waiting(offer.state))
        for key in fresh:
            self._note_details(keys[key])

    def give(self, machine: str, pipes: Pipes, waiting: Waiting) -> None:
        """Let the keeper have a connection; if that does not work, the connection ends."""
        hello = {name: getattr(waiting.hello, name) for name in Hello.__slots__}
        state: dict[str, object] = {"hello": hello, "channels": waiting.channels, "compiled": waiting.takes_compiled, "pid": pipes.pid}
        state |= self._details[machine]
        try:
            if not self._gives_back(machine, state):
                self._give(machine, pipes, state)
        except OSError:
            pipes.close()
        else:
            pipes.release()

    def drop(self, machine: str, pipes: Pipes | None = None) -> None:
        """Have a connection ended that was taken, if it was; its descriptors are closed if they are given."""
        self._borrowed.discard(machine)
        self._note_details(self._machines[machine])
        if pipes is not None:
            pipes.close()
        if self._client is not None:
            with suppress(OSError):
                self._client.drop(self._key(machine))

    def close(self) -> None:
        """Leave the keeper, which ends what was taken and not given back."""
        if self._client is not None:
            self._client.close()
            self._client = None

    # -- the keeper

    def _offers(self, keys: list[str]) -> Iterator[tuple[str, Offer]]:
        try:
            if self._client is None:
                self._client = KeeperClient.find()
            if self._client is not None:
                yield from self._client.take(keys)
        except PermissionError as error:
            self.is_on = False
            self._emit(Note(f"connections are not kept: {error}", None))
        except OSError:
            if not self._borrowed:  # else what we have of it would end
                self._lose()

    def _gives_back(self, machine: str, state: dict[str, object]) -> bool:
        """Tell whether the keeper has taken back what was borrowed from it; it may have been killed."""
        if machine not in self._borrowed or self._client is None:
            return False
        try:
            self._client.back(self._key(machine), state, self._terms.keep_s)
        except OSError:
            self._lose()
            return False
        return True

    def _give(self, machine: str, pipes: Pipes, state: dict[str, object]) -> None:
        if self._client is None:
            self._client = KeeperClient.find() or KeeperClient.start()
        terms = self._terms
        message = {"machine": machine, "cluster": terms.file, "lease": terms.cluster.lease_s, "keep": terms.keep_s, "state": state}
        self._client.give(pipes, self._key(machine), message)

    def _lose(self) -> None:
        """Go on without the keeper that we had."""
        self.close()
        self._borrowed.clear()

    # -- what connections depend on

    def _note_details(self, machine: MachineSpec) -> None:
        """Take note of what a connection depends on that is about to be opened."""
        self._details[machine.name] = {"identity": self._identity(machine), **self._marks()}

    def _key(self, machine: str) -> str:
        return f"{self._terms.file}\0{machine}"

    def _identity(self, machine: MachineSpec) -> dict[str, str]:
        cluster = self._terms.cluster
        return identity(cluster, machine, [*ssh_shell(cluster, machine), str(cluster.key_exchange), str(cluster.ciphers)])

    def _marks(self) -> dict[str, object]:
        if self._before is None:
            cluster = self._terms.cluster
            first = cluster.machines[0]
            marks, sent, variables = marks_of(("ssh", *cluster.ssh_options), first.external_addr or first.name)
            self._before = {"marks": marks, "sent": [list(sent), variables]}
        return self._before

    def _objection(self, machine: MachineSpec, offer: Offer) -> str:
        """Return why an offer cannot be taken, "" if it can be, or if nothing was ever kept."""
        if offer.pipes is None:
            return offer.why
        now = self._identity(machine)
        was = cast("dict[str, str]", offer.state["identity"])
        different = next((what for what, text in now.items() if was.get(what) != text), "")
        if different:
            return different
        patterns, variables = cast("tuple[list[str], dict[str, str]]", offer.state["sent"])
        what = changed(cast("dict[str, str]", offer.state["marks"]), variables, patterns)
        return f"{what} has changed" if what else ""


def _waiting(state: dict[str, Json]) -> Waiting:
    return Waiting(Hello(**cast("dict[str, object]", state["hello"])), cast("int", state["channels"]), state["compiled"] is True)  # type: ignore[arg-type]
