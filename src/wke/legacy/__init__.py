"""What only scripts for wke 0.1 use, with `api/slices.py`. Both can be deleted together with the base classes that they provide."""
