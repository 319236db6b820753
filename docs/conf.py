"""Sphinx: `make docs` builds the pages as HTML."""

from importlib.metadata import version as version_of

project = "wke"
author = "The wke authors"
project_copyright = "the wke authors"
release = version = version_of("wke")

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
myst_heading_anchors = 3
suppress_warnings = ["misc.highlighting_failure"]  # a terminal session is no language

html_theme = "furo"
html_title = f"wke {release}"
html_show_sourcelink = False
