"""DESCRIBE: files in, frozen values out."""
