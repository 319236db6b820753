"""KEEP: results on disk, crash-safe, readable by anyone, written by one."""
