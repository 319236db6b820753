"""The table of frames is the truth: each kind has a name, a constant and a handler, and whatever differs from the table is refused."""

import asyncio
import os
from pathlib import Path

import pytest
from heads import heads, wrong_heads
from hypothesis import given
from hypothesis import strategies as st

from wke.act.connection import bootstrap
from wke.act.connection.connection import Connection
from wke.act.connection.resumable import AnchorResumer
from wke.act.rehearsal.scripted import PlayedMachine, ScriptedWire
from wke.agent import frames
from wke.agent.agent import Agent
from wke.agent.anchor import Anchor
from wke.agent.files import WorkFolder
from wke.agent.protocol import Decoder, Frame, ProtocolError, encode, prefix

BY_THE_LINK = {frames.HELLO, frames.SOURCE, frames.BROKEN}  # which are no affair of a connection's parts
BY_MAIN = {frames.OPEN, frames.JOIN}


def kinds_for(receiver: int) -> set[int]:
    return {kind for kind in frames.KINDS if frames.is_for(kind, receiver)}


def test_every_kind_has_the_constant_of_its_name() -> None:
    """The constants count the lines of the table."""
    constants = {frames.name_of(kind): getattr(frames, frames.name_of(kind).upper().replace("-", "_")) for kind in frames.KINDS}
    assert constants == {frames.name_of(kind): kind for kind in frames.KINDS}
    assert all(frames.is_for(kind, frames.ANYONE) for kind in frames.KINDS)


def test_every_kind_for_a_controller_has_a_handler() -> None:
    """All kinds with an ordinary connection, but for the journal, which a connection that resumes reads."""

    async def handled() -> tuple[set[int], set[int]]:
        resuming = Connection("m", 5.0, resumer=AnchorResumer(60.0, "", lambda _: None))
        return set(Connection("m", 5.0).handlers), set(resuming.handlers)

    ordinary, resuming = asyncio.run(handled())
    assert resuming | BY_THE_LINK == kinds_for(frames.CONTROLLER)
    assert resuming - ordinary == {frames.JOURNAL}
    assert not resuming & BY_THE_LINK


def test_every_kind_for_an_agent_has_a_handler(tmp_path: Path) -> None:
    """All of them, and no other."""
    opening: dict[str, object] = {"token": "t", "lease": 5, "environment": {}}
    handles = [*os.pipe(), *os.pipe()]
    agent = Agent(handles[0], handles[3], Decoder(frames.AGENT), opening, WorkFolder(b"t", {b"TMPDIR": bytes(tmp_path)}))
    assert set(agent.handlers) | BY_MAIN == kinds_for(frames.AGENT)
    for handle in handles:
        os.close(handle)


def test_every_kind_for_an_anchor_has_a_handler() -> None:
    """What else it handles, the agent gets too."""
    handles = [*os.pipe(), *os.pipe(), *os.pipe()]
    anchor = Anchor(handles[0], handles[3], handles[5], Decoder())
    assert set(anchor.handlers) - kinds_for(frames.AGENT) == kinds_for(frames.ANCHOR)
    for handle in handles:
        os.close(handle)


def test_every_question_has_an_answer_for_the_one_who_asked() -> None:
    """Questions go to an agent, answers to the controller, and a scripted machine answers every question but that for its clock."""
    assert set(frames.ANSWERS) - {frames.PROBE} <= kinds_for(frames.AGENT)
    assert set(frames.ANSWERS.values()) <= kinds_for(frames.CONTROLLER)
    assert set(bootstrap.NEEDED) <= kinds_for(frames.AGENT)

    async def scripted() -> set[int]:
        return set(ScriptedWire(PlayedMachine("m", {}, lambda: 0), lambda _: None, lambda _: None).handlers)

    assert set(frames.ANSWERS) - {frames.PING, frames.PROBE} <= asyncio.run(scripted()) <= kinds_for(frames.AGENT)


@given(st.sampled_from(frames.KINDS).flatmap(lambda kind: st.tuples(st.just(kind), heads(kind))))
def test_what_the_table_allows_arrives(frame: tuple[int, dict[str, object]]) -> None:
    """Each kind with each of its fields."""
    kind, head = frame
    assert list(Decoder().frames(encode(kind, 1, head))) == [Frame(kind, 1, head)]


@given(st.sampled_from(frames.KINDS).flatmap(lambda kind: st.tuples(st.just(kind), wrong_heads(kind))))
def test_what_the_table_does_not_allow_is_refused(frame: tuple[int, dict[str, object]]) -> None:
    """A missing field, one of another type or beyond its limit, one that does not belong there: ProtocolError, and nothing else."""
    with pytest.raises(ProtocolError):
        list(Decoder().frames(encode(frame[0], 1, frame[1])))


@pytest.mark.parametrize("kind", frames.KINDS, ids=frames.name_of)
def test_a_frame_that_is_for_another_end_is_refused(kind: int) -> None:
    """Its header is enough."""
    others = frames.ANYONE & ~frames.FRAMES[kind - 1][1]
    with pytest.raises(ProtocolError, match="not for this end"):
        list(Decoder(others).frames(prefix(kind, 1, b"", 0)))


@pytest.mark.parametrize("kind", frames.KINDS, ids=frames.name_of)
def test_a_payload_is_no_larger_than_its_kind_allows(kind: int) -> None:
    """One byte more is refused by the header, before it has come."""
    with pytest.raises(ProtocolError, match="too large"):
        list(Decoder().frames(prefix(kind, 1, b"{}", frames.most_payload(kind) + 1)))


@pytest.mark.parametrize(
    ("kind", "head", "complaint"),
    [
        (frames.STARTED, {}, "it has no at"),
        (frames.STARTED, {"at": -1}, "at is not time: -1"),
        (frames.STARTED, {"at": 2**62}, "at is not time: 4611686018427387904"),
        (frames.OUTPUT, {"stream": 4, "at": 1}, "stream is not stream: 4"),
        (frames.HELLO, {"pid": 2**32}, "pid is not count"),
        (frames.ENDED, {"code": 256}, "code is not code"),
        (frames.ENDED, {"started": 2**63 - 1, "ended": 0}, "started is not time"),
        (frames.ENDED, {"started": 2, "ended": 1}, "a task cannot last from 2 to 1"),
        (frames.ENDED, {"started": 0, "ended": 2**60}, "a task cannot last from 0 to 1152921504606846976"),
        (frames.STOP, {"x": 1}, "'x' does not belong there"),
        (frames.CLEARED, {"leftovers": ["a", 1]}, "leftovers is not [text:100]"),
        (frames.FAREWELL, {"leftovers": ["a"] * 101}, "leftovers is not [text:100]"),
        (frames.WATCHED, {"kernel": "", "network": "", "cpu": 1}, "'cpu' does not belong there"),
    ],
)
def test_the_complaint_names_the_field(kind: int, head: dict[str, object], complaint: str) -> None:
    """Whoever reads it knows what to look for."""
    texts: dict[str, object] = dict.fromkeys(("python", "hostname", "user", "home", "uname", "workfolder"), "")
    rest: dict[int, dict[str, object]] = {
        frames.ENDED: {"kind": "ok", "code": 0, "started": 1, "ended": 1, "rung": "", "detail": ""},
        frames.HELLO: {**texts, "cpus": 1, "at": 1},
    }
    assert frames.flaw(kind, rest.get(kind, {}) | head).startswith(complaint)
