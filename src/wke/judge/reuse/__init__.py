"""Which stored results still count, and what changed where they do not."""
