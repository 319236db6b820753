"""`wke.run` of wke 0.1, a function and a module of one name: the function takes the module's place and has its names."""

import sys

from wke import background_run, check_run, run, run_background
from wke.describe.configuration.step import DEFAULT_PRELUDE

vars(run).update(
    run=run, check_run=check_run, background_run=background_run, run_background=run_background, DEFAULT_PRELUDE=DEFAULT_PRELUDE
)
sys.modules[__name__] = run  # type: ignore[assignment]
