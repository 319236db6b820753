"""The values of a report page: what one or more series are and say, assembled from what the rest of series/ gives."""
