"""Values of documents that we did not write: what TOML files and JSON texts may contain is only known once it is checked."""

from typing import Any, TypeAlias

TomlValue: TypeAlias = Any
"""A value in a TOML file, before it is checked against the shape of its table."""

Json: TypeAlias = Any
"""A value in a JSON text: null, true or false, a number, text, a list or an object."""
