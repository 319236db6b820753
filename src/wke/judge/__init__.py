"""JUDGE: what the kept data say; pure functions of values."""
