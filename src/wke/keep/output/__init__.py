"""The output of tasks: raw logs with their time index, histograms, telemetry."""
