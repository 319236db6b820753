"""Modules of wke 0.1 that scripts import from. They are found as `wke.cluster` and so on: this folder is on the path of `wke`."""
