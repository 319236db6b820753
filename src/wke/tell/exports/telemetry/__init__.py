"""The telemetry of a trial for other programs, one form per file."""
