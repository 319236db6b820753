"""What differs between two results: aspects of telemetry as data, facts, and their ranking. Pure functions of values."""
