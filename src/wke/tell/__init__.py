"""TELL: from the store to the eye."""
