"""Quantities: what people write, and what it is in seconds, bytes, bits a second and shares."""

from collections.abc import Callable

import pytest

from wke.describe.expression.quantity import fraction, rate_bits, seconds, size_bytes


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (seconds, 5, 5.0),
        (seconds, 0.25, 0.25),
        (seconds, "5", 5.0),
        (seconds, "200ms", 0.2),
        (seconds, "1.5 s", 1.5),
        (seconds, ".5s", 0.5),
        (seconds, "30us", 3e-5),
        (seconds, "30µs", 3e-5),
        (seconds, "7ns", 7e-9),
        (seconds, "2m", 120.0),
        (seconds, "2min", 120.0),
        (seconds, "2h", 7200.0),
        (seconds, "1d", 86400.0),
        (seconds, "1m30s", 90.0),
        (seconds, "1h2m3.5s", 3723.5),
        (size_bytes, 10, 10),
        (size_bytes, "0", 0),
        (size_bytes, "7B", 7),
        (size_bytes, "64K", 64 * 1024),
        (size_bytes, "64k", 64 * 1024),
        (size_bytes, "256M", 256 * 1024**2),
        (size_bytes, "256MiB", 256 * 1024**2),
        (size_bytes, "1.5Gi", 3 * 1024**3 // 2),
        (size_bytes, "1GB", 10**9),
        (size_bytes, "2T", 2 * 1024**4),
        (rate_bits, 1000, 1000),
        (rate_bits, "800bit", 800),
        (rate_bits, "1Gbit", 10**9),
        (rate_bits, "1.5mbit/s", 1_500_000),
        (rate_bits, "10Kbit", 10_000),
        (fraction, "5%", 0.05),
        (fraction, "0.1 %", 0.001),
        (fraction, 0.05, 0.05),
        (fraction, "100%", 1.0),
        (fraction, 0, 0.0),
    ],
)
def test_a_quantity_is_read(read: Callable[[object], float], text: object, value: float) -> None:
    """Numbers are in the base unit; text has a unit or none."""
    assert read(text) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        (seconds, "2 weeks", 'must be a duration such as "200ms", "5s" or "2h", not the text "2 weeks"'),
        (seconds, "3s1m", 'must be a duration such as "200ms", "5s" or "2h", not the text "3s1m"'),
        (seconds, "", 'must be a duration such as "200ms", "5s" or "2h", not an empty text'),
        (seconds, "-1s", 'must be a duration such as "200ms", "5s" or "2h", not the text "-1s"'),
        (seconds, -1, 'must be a duration such as "200ms", "5s" or "2h", not the number -1'),
        (seconds, float("nan"), 'must be a duration such as "200ms", "5s" or "2h", not the number nan'),
        (seconds, float("inf"), 'must be a duration such as "200ms", "5s" or "2h", not the number inf'),
        (seconds, True, 'must be a duration such as "200ms", "5s" or "2h", not true'),
        (seconds, [1], 'must be a duration such as "200ms", "5s" or "2h", not a list'),
        (size_bytes, "5 miles", 'must be a size such as "64K", "256M" or "1GB", not the text "5 miles"'),
        (size_bytes, "1e3", 'must be a size such as "64K", "256M" or "1GB", not the text "1e3"'),
        (rate_bits, "1Gbps/s", 'must be a rate such as "10Mbit" or "1Gbit", not the text "1Gbps/s"'),
        (fraction, "105%", "must be a share between 0 and 1 (100%), not 105%"),
        (fraction, "half", 'must be a share such as "5%" or 0.05, not the text "half"'),
    ],
)
def test_what_is_no_quantity_is_told_with_examples(read: Callable[[object], float], text: object, message: str) -> None:
    """Negative, endless and unknown amounts are refused in words that show how to write one."""
    with pytest.raises(ValueError, match=r"^must be") as caught:
        read(text)
    assert str(caught.value) == message
