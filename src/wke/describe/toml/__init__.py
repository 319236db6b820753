"""TOML files read with the place of every value: shapes, the locator of lines and columns, wording of what is wrong."""
