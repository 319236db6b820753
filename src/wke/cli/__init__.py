"""CLI: one file a group of commands; the only code that prints and exits."""
