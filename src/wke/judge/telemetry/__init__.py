"""What telemetry means: rates, figures of a window, times on the controller's clock. Pure functions of values."""
