"""Telemetry on disk: what machines and tasks did over time, one compressed file per attempt."""
