"""Series: what a series is and says, as values; the one place that assembles it. Nothing here prints or asks."""
