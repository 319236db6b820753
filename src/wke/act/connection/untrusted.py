"""What a machine says in words and numbers, before it is shown or kept: a machine is not trusted with the terminal or the disk."""

from collections.abc import Mapping

from wke.agent.protocol import ProtocolError
from wke.records import Outcome, OutcomeKind, TaskEnded, TaskName

LONGEST = 2000
MOST_FACTS = 500
OUTCOMES = frozenset(kind.value for kind in OutcomeKind)
HIGHEST_CODE = 255
LARGEST = 1 << 63  # what the logs and the store can hold


def shown(text: str) -> str:
    """Return a text from anywhere with what is not printable made visible, so that it cannot steer the terminal; a very long one is cut."""
    cut = text if len(text) <= LONGEST else text[:LONGEST] + "…"
    if cut.isprintable():  # nearly always
        return cut
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)


def text_of(head: Mapping[str, object], name: str) -> str:
    """Return a text of a frame's head, as `shown`; raise ProtocolError when it is none."""
    value = head.get(name)
    if not isinstance(value, str):
        raise ProtocolError(f"{name} is not a text: {value!r:.200}")
    return shown(value)


def number_of(head: Mapping[str, object], name: str) -> int:
    """Return a number of a frame's head; raise ProtocolError when it is none, or one that no clock and no counter of ours can show."""
    value = head.get(name)
    if type(value) is not int or not 0 <= value < LARGEST:
        raise ProtocolError(f"{name} is not a number: {value!r:.200}")
    return value


def facts_of(head: Mapping[str, object]) -> dict[str, str]:
    """Return the facts of a frame's head, texts by their names, as `shown`; raise ProtocolError when they are none."""
    facts = head.get("facts")
    if not isinstance(facts, dict) or len(facts) > MOST_FACTS or not all(isinstance(value, str) for value in facts.values()):
        raise ProtocolError(f"these are no facts: {facts!r:.200}")
    return {shown(name): shown(value) for name, value in facts.items()}


def texts_of(head: Mapping[str, object], name: str) -> tuple[str, ...]:
    """Return a list of texts of a frame's head, as `shown`; raise ProtocolError when it is none."""
    values = head.get(name)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ProtocolError(f"{name} is not a list of texts: {values!r:.200}")
    return tuple(map(shown, values))


def end_of(head: Mapping[str, object], task: TaskName) -> TaskEnded:
    """Return how a task ended, which a frame's head tells; raise ProtocolError when it does not."""
    kind, code = text_of(head, "kind"), head.get("code")
    if kind not in OUTCOMES or not (code is None or (type(code) is int and 0 <= code <= HIGHEST_CODE)):
        raise ProtocolError(f"that is no outcome: {kind}, {code!r:.200}")
    times = number_of(head, "started"), number_of(head, "ended")
    return TaskEnded(task, Outcome(OutcomeKind(kind), code), *times, text_of(head, "rung"), text_of(head, "detail"))
