"""The expression language: numbers with units, arithmetic, comparison."""
