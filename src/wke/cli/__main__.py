"""`python -m wke.cli`: the same as `wke`, for where the command is not on PATH."""

from wke.cli.main import main

main()
