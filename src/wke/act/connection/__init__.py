"""Connections: one agent per machine, its frames, its tasks and file transfers, over any pipe."""
