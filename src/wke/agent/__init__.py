"""AGENT: what runs on the machines; standard library only, Python 3.6 and later."""
