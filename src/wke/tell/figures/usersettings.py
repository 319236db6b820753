"""The settings of matplotlib that a user made: in a `matplotlibrc`, and in the style that a plot names.

Matplotlib looks for `matplotlibrc` in the current folder, which is the project's, then where MATPLOTLIBRC says, then in the user's
folder of settings; the file that comes with it is not the user's. Settings that decide about files and not about looks are left out.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import style as styles

from wke.describe.experiment.forms import STYLE_FILE, STYLES
from wke.errors import InputError, did_you_mean

NOT_LOOKS = (
    "backend",
    "interactive",
    "toolbar",
    "timezone",
    "keymap.",
    "animation.",
    "webagg.",
    "tk.",
    "pdf.",
    "ps.",
    "pgf.",
    "svg.",
    "savefig.",
    "docstring.",
    "text.usetex",
    "text.latex",
    "text.parse_math",
    "figure.figsize",
    "figure.dpi",
    "figure.autolayout",
    "figure.constrained_layout",
    "figure.subplot",
    "figure.max_open",
    "figure.raise_window",
    "figure.hooks",
    "path.",
    "agg.",
)


def user_settings(style: str) -> dict[str, Any]:
    """Return the settings of the user's matplotlibrc, if there is one, and of a style that is not in STYLES.

    Raises InputError for a style that there is not, and a file that matplotlib cannot read.
    """
    file = Path(mpl.matplotlib_fname())
    found = {} if file.parent == Path(mpl.get_data_path()) else _read(file)
    if style not in STYLES:
        found |= _style(style)
    return {name: value for name, value in sorted(found.items()) if not name.startswith(NOT_LOOKS)}


def _style(name: str) -> Mapping[str, Any]:
    """Return the settings of a file of the user's, else of the style of matplotlib that is called so."""
    if Path(name).is_file():
        return _read(Path(name))
    known = name.removesuffix(STYLE_FILE)
    if known in styles.library:
        return _plain(styles.library[known])
    theirs = (f"{style}{STYLE_FILE}" for style in styles.available if not style.startswith("_"))
    raise InputError(f"there is no file {name}, and no style of matplotlib of that name", hint=did_you_mean(name, theirs))


def _read(path: Path) -> dict[str, Any]:
    try:
        with mpl.rc_context():
            return _plain(mpl.rc_params_from_file(path, fail_on_error=True, use_default_template=False))
    except Exception as error:
        what = f"matplotlib cannot read the settings in {path}: {' '.join(str(error).split())}"
        raise InputError(what, hint='see "Customizing Matplotlib" in its manual') from error


def _plain(settings: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): settings[name] for name in settings}
