"""What only scripts for wke 0.1 use. Nothing else needs it: deleted, with the base classes that name it, nothing new is lost."""
