"""What tasks wrote: raw logs with their time index, histograms, telemetry."""
