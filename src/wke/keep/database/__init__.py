"""The SQLite database of a project: how it is opened, and its schema."""
