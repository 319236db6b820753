"""Axes of the page's figures: a range of values, how it maps to pixels, and where its ticks are."""

import math
from collections.abc import Sequence

from wke.values import dataclass

STEEP = 12  # a range is drawn on a logarithmic axis if its end is at least this many times its start
LEAST = 1e-300  # smaller values have no logarithmic axis


@dataclass(frozen=True, slots=True)
class Scale:
    """An axis from `low` to `high`, drawn from pixel `start` to pixel `end`."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        """Return the pixel of a value."""
        if self.logarithmic:
            share = (math.log(value) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self, most: int = 7) -> Sequence[float]:
        """Return at most about so many values where ticks are."""
        return logarithmic_ticks(self.low, self.high, most) if self.logarithmic else linear_ticks(self.low, self.high, most)


def value_scale(values: Sequence[float], start: float, end: float, *, log_from: float = 30) -> Scale:
    """Return an axis for values of a metric: from 0, or logarithmic where they are positive and span a factor of `log_from`."""
    low, high = min(values), max(values)
    if low > LEAST and high / low >= log_from:
        return Scale(_below(low), _above(high), start, end, logarithmic=True)
    low = min(0.0, low * 1.08)
    high = max(high * 1.06, 0.0)
    return Scale(low, high if high > low else low + 1, start, end)


def parameter_scale(values: Sequence[float], start: float, end: float) -> Scale:
    """Return an axis for the numbers of a parameter, with a margin on both sides."""
    low, high = min(values), max(values)
    if low > LEAST and len(set(values)) > 2 and high / low >= STEEP:
        margin = (high / low) ** 0.06
        return Scale(low / margin, high * margin, start, end, logarithmic=True)
    margin = 0.08 * (high - low) or 1
    return Scale(low - margin, high + margin, start, end)


def linear_ticks(low: float, high: float, most: int) -> Sequence[float]:
    """Return round values between two, at most about so many."""
    raw = (high - low) / max(1, most - 1)
    if raw <= 0 or not math.isfinite(raw):
        return [low]
    unit = 10.0 ** math.floor(math.log10(raw))
    step = next((unit * times for times in (1, 2, 5, 10) if unit * times >= raw * 0.999), unit * 10)
    first = math.ceil(low / step - 1e-9)
    return [round(step * index, 12) for index in range(first, math.floor(high / step + 1e-9) + 1)]


def logarithmic_ticks(low: float, high: float, most: int) -> Sequence[float]:
    """Return values 1, 2 and 5 times a power of ten between two, or powers alone where these are too many."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for times in ((1, 2, 5), (1, 3), (1,)):
        found = [one * 10.0**power for power in powers for one in times if low * 0.999 <= one * 10.0**power <= high * 1.001]
        if len(found) <= most + 1:
            return found
    return found[:: math.ceil(len(found) / most)]


def _below(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return max(times * power for times in (0.5, 1, 2, 5) if times * power <= value * 0.96 or times == 0.5)


def _above(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return min(times * power for times in (1, 2, 5, 10, 20) if times * power >= value * 1.04)
