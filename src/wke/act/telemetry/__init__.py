"""Telemetry: samples that agents take on the machines, collected and stored."""
