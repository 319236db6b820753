"""What a machine says in words and numbers, before it is shown or kept: a machine is not trusted with the terminal or the disk."""

from collections.abc import Mapping

from wke.agent.protocol import ProtocolError

LONGEST = 2000
MOST_FACTS = 500
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
