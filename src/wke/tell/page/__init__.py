"""Pictures and files of profiles."""
