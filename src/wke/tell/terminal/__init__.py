"""The terminal: plain lines, live progress, status, one trial's page."""
