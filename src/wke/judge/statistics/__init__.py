"""Statistics over trials: summaries, intervals, comparisons."""
