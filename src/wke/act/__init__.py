"""ACT: whatever touches a machine."""
