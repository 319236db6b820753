"""Emulated machines: namespaces on this computer, held by a keeper process."""
