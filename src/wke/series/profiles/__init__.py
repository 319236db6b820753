"""Profiles: what is recorded, kept, looked up and compared."""
