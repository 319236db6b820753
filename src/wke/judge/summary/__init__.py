"""What a series says, as types: its rows and comparisons, the status of its plan, one trial with all its details."""
