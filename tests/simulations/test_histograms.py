"""Histograms of many values against those of the reference library."""

import base64
import random

import pytest

from wke.judge.statistics.latency import quantile, statistic
from wke.keep.output.histogram import decode, encode, merge


def test_as_the_reference_library_does() -> None:
    """Random histograms of other hands: counts, quantiles, mean, extremes, sums of two, and what we write read by it."""
    library = pytest.importorskip("hdrh.histogram").HdrHistogram
    generator = random.Random(5)
    for lowest, highest, digits in ((1, 3_600_000_000, 3), (1000, 10**11, 2), (1, 10**7, 5), (7, 10**9, 1)):
        theirs, more = library(lowest, highest, digits), library(lowest, highest, digits)
        for each in (theirs, more):
            for _ in range(4000):
                each.record_value(min(highest, int(generator.lognormvariate(10, 2)) + lowest))
        ours = merge([decode(base64.b64decode(each.encode())) for each in (theirs, more)])
        theirs.add(more)
        assert ours.total == theirs.get_total_count()
        assert [quantile(ours, share) for share in (0.5, 0.9, 0.99)] == [theirs.get_value_at_percentile(share) for share in (50, 90, 99)]
        assert statistic(ours, "mean") == pytest.approx(theirs.get_mean_value())
        assert (statistic(ours, "min"), statistic(ours, "max")) == (theirs.get_min_value(), theirs.get_max_value())
        back = library.decode(base64.b64encode(encode(ours)))
        assert (back.get_total_count(), back.get_value_at_percentile(99)) == (ours.total, quantile(ours, 0.99))
