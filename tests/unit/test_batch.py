"""Batches stand for the frames of many machines: nothing is lost, little is sent, and what makes no sense is refused."""

from collections.abc import Sequence

import pytest
from heads import heads, right_frames
from hypothesis import given
from hypothesis import strategies as st

from wke.agent import frames
from wke.agent.batch import MOST, SMALL, batched, unbatched
from wke.agent.handshake import Admission
from wke.agent.protocol import Decoder, Frame, ProtocolError

ENDS = frames.CONTROLLER + frames.AGENT
KINDS = [kind for kind in frames.KINDS if frames.is_for(kind, ENDS)]
PENDING = st.lists(st.tuples(st.integers(0, 5), right_frames(KINDS, st.integers(0, 2))), max_size=30)


def read(parts: Sequence[bytes]) -> list[Frame]:
    """Return the batches that were sent."""
    decoder = Decoder(frames.TREE)
    batches = list(decoder.frames(b"".join(parts)))
    decoder.end()
    return batches


def by_machine(pending: Sequence[tuple[int, Frame]]) -> dict[int, list[Frame]]:
    found: dict[int, list[Frame]] = {}
    for number, frame in pending:
        found.setdefault(number, []).append(frame)
    return found


@given(PENDING)
def test_every_machine_gets_its_frames_in_order(pending: list[tuple[int, Frame]]) -> None:
    """Whatever is sent to or by some machines at the same time arrives as it was, for each machine in its order."""
    arrived = [pair for batch in read(batched(pending)) for pair in unbatched(batch, ENDS)]
    assert by_machine(arrived) == by_machine(pending)
    assert [repr(frame) for frame in by_machine(arrived).get(0, ())] == [repr(frame) for frame in by_machine(pending).get(0, ())]


def test_an_equal_answer_of_many_machines_costs_one_frame_and_few_bytes() -> None:
    """A thousand machines that say the same take four frames of a hundred bytes, and one head is made of each."""
    end = {"kind": "ok", "code": 0, "started": 5, "ended": 7, "rung": "", "detail": "", "began": True}
    batches = read(parts := batched([(number, Frame(frames.ENDED, 3, dict(end))) for number in range(1000)]))
    assert len(batches) == -(-1000 // MOST)
    assert sum(map(len, parts)) < 800
    assert len({id(frame) for _, frame in unbatched(batches[0], ENDS)}) == 1


def test_what_differs_costs_its_own_bytes_only() -> None:
    """Of orders that differ in a variable and in an argument, the rest travels once; so does a script; outputs follow each other."""
    script = b"x" * (SMALL + 1)
    order = {
        "script": "s" * 32,
        "name": "target",
        "workdir": None,
        "prelude": None,
        "held": False,
        "timeout": None,
        "grace": 5,
        "kept": False,
    }
    rest = {f"WKE_OPTION_{n}": "value" * 20 for n in range(10)}
    pending = []
    for number in range(60):
        head = {**order, "environment": {**rest, "WKE_MACHINE": f"m{number}"}, "arguments": ["-n", str(number)]}
        pending += [
            (number, Frame(frames.PUT, 0, {"script": "s", "name": "t", "offset": 0}, script)),
            (number, Frame(frames.START, 1, head)),
        ]
    pending += [(number, Frame(frames.OUTPUT, 1, {"stream": 1, "at": 8}, b"%d\n" % number)) for number in range(60)]
    batches = read(parts := batched(pending))
    assert len(batches) == 3
    assert sum(map(len, parts)) < len(script) + 6000
    assert [frame.payload for _, frame in unbatched(batches[2], ENDS)] == [b"%d\n" % number for number in range(60)]


@given(heads(frames.BATCH), st.binary(max_size=20))
def test_a_batch_is_whole_or_refused(head: dict[str, object], payload: bytes) -> None:
    """Nonsense raises ProtocolError and nothing else; what is returned are frames as the table has them, for this end."""
    try:
        found = unbatched(Frame(frames.BATCH, 0, head, payload), frames.CONTROLLER)
    except ProtocolError:
        return
    for _, frame in found:
        assert frames.is_for(frame.kind, frames.CONTROLLER)
        assert not frames.flaw(frame.kind, frame.head)


GOOD: dict[str, object] = {"of": [0, 2], "kind": frames.STARTED, "channels": [1], "same": {}, "each": {"at": [1, 2]}}


@pytest.mark.parametrize(
    "wrong",
    [
        {"of": [0, 3]},
        {"of": [2, 0]},
        {"of": [0, 2, 1, 2]},
        {"of": [0, 1 << 30]},
        {"of": [0]},
        {"of": []},
        {"kind": frames.BATCH},
        {"kind": frames.START},
        {"kind": 0},
        {"channels": []},
        {"channels": [1, 2, 3]},
        {"each": {"at": 5}},
        {"each": {"at": {"x": [1, 2]}}},
        {"each": {"at": [1, "2"]}},
        {"sizes": [1, 1]},
        {"sizes": [0]},
    ],
)
def test_each_wrong_part_of_a_batch_is_refused(wrong: dict[str, object]) -> None:
    """Machines that cannot be, kinds that are not for this end, columns and payloads that do not fit, and heads that the table refuses."""
    assert len(unbatched(Frame(frames.BATCH, 0, GOOD), frames.CONTROLLER)) == 2
    with pytest.raises(ProtocolError):
        unbatched(Frame(frames.BATCH, 0, GOOD | wrong), frames.CONTROLLER)


def test_a_wrong_proof_is_refused_however_it_arrives() -> None:
    """Who does not know the secret gets no answer but an error, also when its bytes come one by one."""
    admission = Admission(b"secret")
    for _ in range(47):
        assert admission.take(b"x") == b""
    with pytest.raises(ProtocolError, match="does not know the secret"):
        admission.take(b"x")
    assert not admission.done
