"""Sessions: the connections and background tasks of one trial."""
