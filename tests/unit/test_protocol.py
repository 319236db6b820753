"""Frames survive any cutting, and nothing that arrives can do more than be refused."""

import tracemalloc

import pytest
from heads import right_frames
from hypothesis import given, settings
from hypothesis import strategies as st

from wke.agent import frames, protocol
from wke.agent.protocol import HEADER, MAGIC, Decoder, Frame, ProtocolError, encode, load

FRAMES = right_frames()


def encoded(frame: Frame) -> bytes:
    return encode(frame.kind, frame.channel, frame.head, frame.payload)


def chunks(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({cut % (len(data) + 1) for cut in cuts})
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


@given(st.lists(FRAMES, max_size=5), st.lists(st.integers(0, 10**6), max_size=20))
def test_decoding_undoes_encoding_under_any_chunking(sent: list[Frame], cuts: list[int]) -> None:
    """However the bytes are cut on their way, the same frames come out."""
    decoder = Decoder()
    got = [frame for chunk in chunks(b"".join(map(encoded, sent)), cuts) for frame in decoder.frames(chunk)]
    decoder.end()
    assert got == sent


@given(st.lists(st.binary(max_size=100) | FRAMES.map(encoded), max_size=6), st.integers(0, 200))
def test_any_bytes_are_frames_or_a_protocol_error(parts: list[bytes], noise: int) -> None:
    """Nothing but ProtocolError is ever raised, and then again by whatever comes after."""
    decoder = Decoder(noise=noise)
    try:
        for part in parts:
            list(decoder.frames(part))
        decoder.end()
    except ProtocolError:
        if decoder._error is not None:
            with pytest.raises(ProtocolError):
                list(decoder.frames(encode(frames.PING, 0, {})))


@given(FRAMES, st.data())
def test_a_changed_bit_is_noticed(frame: Frame, data: st.DataObject) -> None:
    """One flipped bit in header or head is an error, or makes the frame wait for bytes that never come."""
    whole = bytearray(encoded(frame))
    at = data.draw(st.integers(0, len(whole) - len(frame.payload) - 1))
    whole[at] ^= 1 << data.draw(st.integers(0, 7))
    decoder = Decoder()
    try:
        got = list(decoder.frames(bytes(whole)))
        assert got == []
        decoder.end()
    except ProtocolError:
        return
    raise AssertionError("nobody noticed")


@given(FRAMES, st.data())
def test_a_stream_that_ends_inside_a_frame_is_noticed(frame: Frame, data: st.DataObject) -> None:
    """Truncation anywhere but between frames is an error at the end."""
    whole = encoded(frame)
    decoder = Decoder()
    assert list(decoder.frames(whole[: data.draw(st.integers(1, len(whole) - 1))])) == []
    with pytest.raises(ProtocolError, match="middle of a frame"):
        decoder.end()


@settings(max_examples=20)
@given(st.lists(FRAMES, min_size=1, max_size=2))
def test_every_place_to_cut_gives_the_same_frames(sent: list[Frame]) -> None:
    """A stream cut in two, at each of its bytes, and byte by byte."""
    data = b"".join(map(encoded, sent))
    for at in range(0, len(data), max(1, len(data) // 30)):
        decoder = Decoder()
        assert [*decoder.frames(data[:at]), *decoder.frames(data[at:])] == sent
    decoder = Decoder()
    assert [frame for at in range(len(data)) for frame in decoder.frames(data[at : at + 1])] == sent


@given(
    st.lists(FRAMES, max_size=3), st.binary(min_size=4, max_size=50).filter(lambda b: not b.startswith(MAGIC)), st.lists(FRAMES, max_size=2)
)
def test_what_came_before_rubbish_counts_and_nothing_after_it(before: list[Frame], rubbish: bytes, after: list[Frame]) -> None:
    """Whole frames come out before the error; what looks like frames behind it does not."""
    decoder = Decoder()
    stream = decoder.frames(b"".join(map(encoded, before)) + rubbish + b"".join(map(encoded, after)))
    assert [next(stream) for _ in before] == before
    with pytest.raises(ProtocolError, match="not a frame"):
        next(stream)


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_any_announced_length_is_kept_within_bounds(head: int, payload: int) -> None:
    """A header alone decides: lengths beyond the limit are refused at once, others waited for."""
    decoder = Decoder()
    if head > protocol.MAX_HEAD or payload > frames.BULK:
        with pytest.raises(ProtocolError, match="too large"):
            list(decoder.frames(header(frames.OUTPUT, head=head, payload=payload)))
    elif head or payload:
        assert list(decoder.frames(header(frames.OUTPUT, head=head, payload=payload))) == []


def test_a_flood_of_frames_is_not_kept() -> None:
    """Ten thousand frames pass through; what the decoder holds is what it was given last."""
    flood = encode(frames.PING, 0, {}) * 1000
    decoder = Decoder()
    tracemalloc.start()
    try:
        assert sum(1 for _ in range(10) for _ in decoder.frames(flood)) == 10_000
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def header(kind: int = frames.PING, head: int = 2, payload: int = 0, version: int = protocol.VERSION, magic: bytes = MAGIC) -> bytes:
    return HEADER.pack(magic, version, kind, 0, 0, head, payload, 0)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (header(magic=b"\xf7wkf") + b"{}", "not a frame"),
        (b"Welcome to node1", "not a frame"),
        (header(version=9) + b"{}", "version 9"),
        (header(kind=0) + b"{}", "unknown kind 0"),
        (header(kind=len(frames.KINDS) + 1) + b"{}", "unknown kind"),
        (header(head=2**32 - 1), "too large"),
        (header(payload=2**32 - 1), "too large"),
        (header() + b"{}", "checksum"),
        (protocol.prefix(frames.PING, 0, b"[]", 0), "not an object"),
        (protocol.prefix(frames.PING, 0, b"{} ", 0), "not an object"),
        (protocol.prefix(frames.PING, 0, b"{", 0), "not JSON"),
        (protocol.prefix(frames.PING, 0, b"", 0), "not JSON"),
        (protocol.prefix(frames.PING, 0, b'{"a":NaN}', 0), "not JSON"),
        (protocol.prefix(frames.PING, 0, b'{"a":' + b"1" * 21 + b"}", 0), "not JSON"),
        (protocol.prefix(frames.PING, 0, '{"a":"é"}'.encode(), 0), "not JSON"),
        (protocol.prefix(frames.PING, 0, b"[" * 100_000, 0), "not JSON"),
    ],
)
def test_what_is_no_frame_is_refused(data: bytes, complaint: str) -> None:
    """Each way of not being a frame has its own complaint."""
    with pytest.raises(ProtocolError, match=complaint):
        list(Decoder().frames(data))


def test_a_length_is_checked_before_it_is_believed() -> None:
    """A header that announces 4 GB makes the decoder allocate nothing, and a flood of rubbish is not kept."""
    tracemalloc.start()
    try:
        for data in (header(head=2**32 - 1), header(payload=2**32 - 1)):
            decoder = Decoder()
            for _ in range(50):
                with pytest.raises(ProtocolError):
                    list(decoder.frames(data + bytes(100_000)))
            assert len(decoder._begun) <= 100_100
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


@given(
    st.binary(max_size=300).filter(lambda b: MAGIC not in b and not b.endswith((MAGIC[:1], MAGIC[:2], MAGIC[:3]))),
    FRAMES,
    st.integers(1, 50),
)
def test_noise_before_the_first_frame_is_heard_and_skipped(noise: bytes, frame: Frame, size: int) -> None:
    """What a login shell prints before the agent speaks does not matter, but it is kept for the diagnosis."""
    data = noise + encoded(frame) + encoded(frame)
    decoder = Decoder(noise=1000)
    got = [f for at in range(0, len(data), size) for f in decoder.frames(data[at : at + size])]
    assert (got, decoder.heard) == ([frame, frame], noise)


def test_endless_noise_is_refused() -> None:
    """Noise beyond the limit is an error that quotes it; noise is not tolerated between frames."""
    decoder = Decoder(noise=1000)
    with pytest.raises(ProtocolError, match="no frame but b'Last login"):
        all(list(decoder.frames(b"Last login: today\n")) == [] for _ in range(200))
    decoder = Decoder(noise=1000)
    with pytest.raises(ProtocolError, match="not a frame"):
        list(decoder.frames(encode(frames.PING, 0, {}) + b"more noise" * 3))


@settings(max_examples=20)
@given(st.integers(1, 3000))
def test_a_large_frame_is_decoded_in_linear_time(size: int) -> None:
    """Byte by byte or at once, a frame's bytes are looked at once (this test would take minutes otherwise)."""
    data = encode(frames.OUTPUT, 1, {"stream": 1, "at": 1}, bytes(1 << 20))
    decoder = Decoder()
    got = [f for at in range(0, len(data), size * 100) for f in decoder.frames(data[at : at + size * 100])]
    assert len(got) == 1


def test_bytes_that_are_not_utf8_travel_as_surrogate_escapes() -> None:
    """An option may hold any byte."""
    text = bytes(range(1, 256)).decode("utf-8", "surrogateescape")
    assert load(protocol.dump({"a": text})) == {"a": text}
