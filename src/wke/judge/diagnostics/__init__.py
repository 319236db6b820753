"""Diagnostics: why intervals and centres of a series may be worth less than they look. Each file has one, as a pure function of values."""
