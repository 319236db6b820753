"""`wke.config` of wke 0.1."""

from wke import Configuration, ConfigurationError
from wke.api.configuration import Option, Target

Argument = Option

__all__ = ["Argument", "Configuration", "ConfigurationError", "Option", "Target"]
