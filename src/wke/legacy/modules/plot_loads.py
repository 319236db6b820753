"""`wke.plot_loads` of wke 0.1, a function and a module of one name, as `wke.run`."""

import sys

from wke import plot_loads

vars(plot_loads).update(plot_loads=plot_loads)
sys.modules[__name__] = plot_loads  # type: ignore[assignment]
